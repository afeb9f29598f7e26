"""A fusion's scores are the weighted sum of its parts' scores, its vectors come from the parts' caches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.datasets import load_dataset
from faceprobe.embedding import EmbeddingStore, embed
from faceprobe.embedding.fusion_weights import fit_weights
from faceprobe.models import load_model
from faceprobe.models.base import model_hash
from faceprobe.models.fusion import FusionEncoder

Make = Callable[..., Path]
SMALL = "synthetic?people=12&photos=4&split=test&size=64"


def test_scores_are_the_weighted_sum_and_parts_are_reused(tmp_path: Path) -> None:
    data = load_dataset(SMALL)
    parts = [embed(data, load_model(m), workers=0, quiet=True) for m in ("pixels:8", "hog:64")]
    fused = embed(
        data, load_model("fusion:pixels:8+hog:64?weights=3,1"), workers=0, quiet=True, out=tmp_path / "s"
    )
    assert (fused.encoded, fused.reused) == (0, 48), "the parts were in the cache"
    a, b = (p.data.vectors.astype(np.float64) for p in parts)
    joined = fused.data.vectors.astype(np.float64)
    np.testing.assert_allclose(joined @ joined.T, 0.75 * a @ a.T + 0.25 * b @ b.T, atol=2e-7)
    np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-6)
    assert fused.data.paths.tolist() == parts[0].data.paths.tolist()
    assert fused.data.content is not None and fused.data.events is not None
    store = EmbeddingStore.open(tmp_path / "s")
    assert store.manifest["model"]["notes"].startswith("weights: 0.75 pixels:8")


def test_a_part_may_be_vectors_and_what_one_part_lacks_is_excluded(make_people: Make, tmp_path: Path) -> None:
    data = load_dataset(f"folder:{make_people(3, 2)}")
    rows = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    (tmp_path / "v").mkdir()
    np.save(tmp_path / "v" / "embeddings.npy", rows)
    images = data.images.tolist()
    (tmp_path / "v" / "samples.csv").write_text("path\n" + "\n".join(images[:5]) + "\n")
    encoder = load_model(f"fusion:vectors:{tmp_path / 'v'}+pixels:8?weights=0.4,0.6")
    fused = embed(data, encoder, workers=0, quiet=True, max_excluded=0.2)
    assert [(e.image, e.reason) for e in fused.excluded] == [(images[5], "no vector for this path")]
    alone = embed(data, load_model("pixels:8"), workers=0, quiet=True).data.vectors[:5].astype(np.float64)
    unit = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    got = fused.data.vectors @ fused.data.vectors.T
    np.testing.assert_allclose(got, 0.4 * unit @ unit.T + 0.6 * alone @ alone.T, atol=5e-7)
    with pytest.raises(BadInput, match="1 of 6 photos"):
        embed(data, encoder, workers=0, quiet=True, max_excluded=0.1)


def test_own_crops_are_the_parts_default_crops() -> None:
    encoder = load_model("fusion:pixels:8+bundled:face?crops=own")
    assert isinstance(encoder, FusionEncoder)
    assert [encoder.crop_of(p, "as-is") for p in encoder.parts] == ["as-is", "aligned-112"]
    assert [encoder.crop_of(p, "context-only") for p in encoder.parts] == ["context-only"] * 2


def test_weights_are_fitted_on_other_people_and_recorded() -> None:
    fit = "synthetic%3Fpeople=70%26photos=4%26split=train%26size=64"
    text = f"fusion:pixels:8+hog:64?fit={fit}"
    encoder, again = load_model(text), load_model(text)
    assert isinstance(encoder, FusionEncoder)
    embed(load_dataset(SMALL), encoder, workers=0, quiet=True)
    embed(load_dataset(SMALL), again, workers=0, quiet=True)
    others = load_dataset("synthetic?people=70&photos=4&split=train&size=64")
    rows = [embed(others, load_model(m), workers=0, quiet=True).data for m in ("pixels:8", "hog:64")]
    assert encoder.weights == slow_fit([r.vectors for r in rows], rows[0].identities)
    assert model_hash(encoder) == model_hash(again) and "fitted to TMR" in encoder.card.notes
    with pytest.raises(BadInput, match="share 12 people"):
        embed(load_dataset(SMALL.replace("test", "train")), encoder, workers=0, quiet=True)


def slow_fit(parts: list[NDArray[np.float32]], people: NDArray[np.str_]) -> tuple[float, ...]:
    found = []
    scores = [(p @ p.T) for p in parts]
    for k in range(21):
        w = (k / 20, (20 - k) / 20)
        mated: dict[str, list[float]] = {}
        other: list[float] = []
        for i in range(len(people)):
            for j in range(i):
                s = float(sum(np.float32(x) * s[i, j] for x, s in zip(w, scores, strict=True)))
                if people[i] == people[j]:
                    mated.setdefault(people[i], []).append(s)
                else:
                    other.append(s)
        threshold = sorted(other)[-1 - int(1e-3 * len(other))]
        tmr = np.mean([np.mean([s > threshold for s in one]) for one in mated.values()])
        found.append((round(float(tmr), 9), -max(w), w))
    return max(found, key=lambda f: f[:2])[2]


def test_a_useless_part_gets_no_weight() -> None:
    rng = np.random.default_rng(0)
    people = np.array([f"p{k // 4}" for k in range(320)])
    centres = rng.normal(size=(80, 32))[np.arange(320) // 4]
    good, noise = centres + 0.6 * rng.normal(size=(320, 32)), rng.normal(size=(320, 2))
    parts = [(v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for v in (good, noise)]
    weights = fit_weights(parts, people, "x")
    assert weights[0] >= 0.9 and sum(weights) == pytest.approx(1)


def test_too_few_people_to_fit_on() -> None:
    rows = np.eye(4, dtype=np.float32)
    with pytest.raises(BadInput, match="too few"):
        fit_weights([rows, rows], np.array(["a", "a", "b", "b"]), "x")
