"""Key figures of a real CLIP, computed again from its vectors: by plain arithmetic and by faceprobe."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import faceprobe as fp
from faceprobe.core.files import read_json

COMMITTED = Path(__file__).parents[2] / "docs" / "reference" / "celeba_clip.json"
WANTED = {
    ("identification/leave-one-out", "rank1"),
    ("identification/leave-one-out", "rank50"),
    ("verification/all-pairs", "tmr@fmr=1e-3"),
    ("verification/all-pairs", "auc"),
}


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    found = shared / "data" / "celeba_clip"
    if not (found / "clip_vitb32_openai.npy").is_file():
        pytest.skip(f"no test data at {found}; set FACEPROBE_TEST_DATA")
    return found


def committed() -> dict[tuple[str, str, str], float]:
    return {
        (r["protocol"], r["metric"], r["weighting"]): r["value"]
        for r in read_json(COMMITTED)["rows"]
        if r["model"] == "CLIP ViT-B/32 (OpenAI)" and (r["protocol"], r["metric"]) in WANTED
    }


def test_the_committed_figures_of_clip_follow_from_its_vectors(folder: Path) -> None:
    vectors = np.load(folder / "clip_vitb32_openai.npy").astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with (folder / "samples.csv").open(newline="", encoding="utf-8") as file:
        people = np.array([row["identity"] for row in csv.DictReader(file)])
    scores, same = vectors @ vectors.T, people[:, None] == people
    np.fill_diagonal(scores, -2.0)  # never compared with itself

    best_mate = np.where(same, scores, -2.0).max(axis=1)
    probes = np.flatnonzero(best_mate > -2.0)
    rank = 1 + (~same & (scores >= best_mate[:, None])).sum(axis=1)[probes]
    left, right = np.triu_indices(len(people), 1)
    mated = same[left, right]
    values, others = scores[left, right][mated], np.sort(scores[left, right][~mated])
    allowed = int(len(others) * 1e-3)  # the lowest threshold that lets no more of them pass
    accepted = values > others[len(others) - allowed - 1]
    won = np.searchsorted(others, values) / len(others)

    expected = {}
    for protocol, metric, hits, owner in (
        ("identification/leave-one-out", "rank1", rank <= 1, people[probes]),
        ("identification/leave-one-out", "rank50", rank <= 50, people[probes]),
        ("verification/all-pairs", "tmr@fmr=1e-3", accepted, people[left][mated]),
        ("verification/all-pairs", "auc", won, people[left][mated]),
    ):
        by_person = [hits[owner == person].mean() for person in np.unique(owner)]
        expected[protocol, metric, "identity"] = float(np.mean(by_person))
        expected[protocol, metric, "pair"] = float(np.mean(hits))
    assert len(probes) == 211 and len(values) == 119 and len(np.unique(people)) == 1088
    assert committed() == pytest.approx(expected, abs=1e-6)


def test_faceprobe_gives_the_committed_figures(folder: Path) -> None:
    protocols = sorted({protocol for protocol, _ in WANTED})
    results = fp.score(
        folder / "clip_vitb32_openai.npy", folder / "samples.csv", protocols=protocols, replicates=0
    )
    found = {(r.protocol, r.metric, r.weighting): r.value for r in results}
    assert {key: found[key] for key in committed()} == pytest.approx(committed(), abs=1e-9)
    assert committed()["identification/leave-one-out", "rank1", "identity"] == pytest.approx(0.380, abs=5e-4)
