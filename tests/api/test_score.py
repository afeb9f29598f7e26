"""``fp.score``: every form of vectors and labels gives the same rows, bad ones one clear line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import faceprobe as fp
from faceprobe.core.errors import BadInput, FaceprobeError, Missing, Refused, UnknownName, WrongUsage

PEOPLE = [f"p{k // 3}" for k in range(18)]
PATHS = [f"{who}/{k}.jpg" for k, who in enumerate(PEOPLE)]


@pytest.fixture
def vectors() -> np.ndarray:
    generator = np.random.default_rng(4)
    centres = generator.normal(size=(6, 16))
    return (np.repeat(centres, 3, axis=0) + 0.6 * generator.normal(size=(18, 16))).astype(np.float32)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"path": PATHS, "identity": PEOPLE})


def figures(results: fp.Results) -> list[tuple[Any, ...]]:
    return [(r.protocol, r.metric, r.weighting, r.value, r.ci_low, r.ci_high, r.n) for r in results]


@pytest.mark.parametrize(
    "labels",
    [
        lambda f: f,
        lambda f: pa.Table.from_pandas(f),
        lambda f: f["identity"].tolist(),
        lambda f: f["identity"].to_numpy(),
        lambda f: f["identity"],
    ],
)
def test_labels_in_memory(vectors: np.ndarray, frame: pd.DataFrame, labels: Callable[[Any], Any]) -> None:
    got = figures(fp.score(vectors, labels(frame), replicates=30))
    expected = figures(fp.score(vectors, frame, replicates=30))
    assert [row[:3] for row in got] == [row[:3] for row in expected]
    for one, other in zip(got, expected, strict=True):
        # without paths the photos have another order, and sums of d' another last bit
        np.testing.assert_allclose(np.array(one[3:], float), np.array(other[3:], float), rtol=1e-12)


@pytest.mark.parametrize(
    "given", [lambda v: torch.from_numpy(v), lambda v: v.tolist(), lambda v: v.astype(np.float64)]
)
def test_vectors_in_memory(vectors: np.ndarray, frame: pd.DataFrame, given: Callable[[Any], Any]) -> None:
    expected = fp.score(vectors, frame, replicates=30)
    assert figures(fp.score(given(vectors), frame, replicates=30)) == figures(expected)


def _npy(path: Path, vectors: np.ndarray) -> None:
    np.save(path, vectors)


def _npz(path: Path, vectors: np.ndarray) -> None:
    np.savez(path, vectors=vectors)


def _pt(path: Path, vectors: np.ndarray) -> None:
    torch.save(torch.from_numpy(vectors), path)


def _safetensors(path: Path, vectors: np.ndarray) -> None:
    from safetensors.numpy import save_file

    save_file({"image_features": vectors}, path)


def _parquet(path: Path, vectors: np.ndarray) -> None:
    pq.write_table(pa.table({"embedding": vectors.tolist(), "path": PATHS, "identity": PEOPLE}), path)


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        (".npy", _npy),
        (".npz", _npz),
        (".pt", _pt),
        (".safetensors", _safetensors),
        (".parquet", _parquet),
    ],
)
def test_files_of_vectors(
    tmp_path: Path, vectors: np.ndarray, frame: pd.DataFrame, ending: str, write: Callable[[Path, Any], None]
) -> None:
    write(tmp_path / f"v{ending}", vectors)
    expected = fp.score(vectors, frame, replicates=30)
    assert figures(fp.score(tmp_path / f"v{ending}", frame, replicates=30)) == figures(expected)


def test_files_of_labels(tmp_path: Path, vectors: np.ndarray, frame: pd.DataFrame) -> None:
    expected = figures(fp.score(vectors, frame, replicates=30))
    frame.to_csv(tmp_path / "l.csv", index=False)
    frame.to_csv(tmp_path / "l.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "l.parquet")
    frame.to_json(tmp_path / "l.jsonl", orient="records", lines=True)
    for name in ("l.csv", "l.tsv", "l.parquet", "l.jsonl"):
        assert figures(fp.score(vectors, tmp_path / name, replicates=30)) == expected, name
    other = frame.rename(columns={"path": "file", "identity": "who"})
    other.to_csv(tmp_path / "other.csv", index=False)
    named = fp.score(
        vectors, tmp_path / "other.csv", path_column="file", identity_column="who", replicates=30
    )
    assert figures(named) == expected
    with pytest.raises(BadInput, match="file, who"):
        fp.score(vectors, tmp_path / "other.csv")


def test_a_whole_store_is_read_all_shards_of_it(tmp_path: Path) -> None:
    people = "synthetic?people=5&photos=3"
    embedded = fp.embed(people, "pixels:8", tmp_path / "store", shard_rows=4)
    assert embedded.store is not None and len(embedded.store.shards) == 4
    expected = figures(fp.score(embedded, replicates=30))
    assert figures(fp.score(tmp_path / "store", replicates=30)) == expected
    assert figures(fp.score(embedded.store, replicates=30)) == expected
    assert figures(fp.score(embedded.vectors, embedded.labels, replicates=30)) == expected
    assert {row.evidence for row in fp.score(tmp_path / "store", replicates=0)} == {"synthetic"}


def test_two_results_are_compared_on_the_same_people(vectors: np.ndarray, frame: pd.DataFrame) -> None:
    blurred = vectors + np.random.default_rng(1).normal(size=vectors.shape).astype(np.float32)
    first = fp.score(vectors, frame, name="sharp", replicates=200)
    second = fp.score(blurred, frame, name="noisy", replicates=200)
    compared = first.compare(second)
    line = next(f for f in compared if f.first.metric == "auc" and f.first.weighting == "pair")
    assert line.difference.difference == pytest.approx(line.second.value - line.first.value)
    assert line.difference.low <= line.difference.difference <= line.difference.high
    assert {"first", "second", "difference", "p", "p_holm"} <= set(compared.to_pandas().columns)
    other_seed = fp.score(blurred, frame, name="noisy", replicates=200, seed=5)
    assert all(not figure.difference.known for figure in first.compare(other_seed))


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (lambda v, f: (v[:5], f), BadInput, "5.*18|18.*5"),
        (lambda v, f: (v.reshape(18, 4, 4), f), BadInput, r"\(18, 4, 4\)"),
        (lambda v, f: (np.where(np.arange(16) == 3, np.nan, v), f), BadInput, "NaN"),
        (lambda v, f: (v.astype(int), f), BadInput, "int64"),
        (lambda v, f: (v * 0, f), BadInput, "zeros"),
        (lambda v, f: (v, f.rename(columns={"identity": "who"})), BadInput, "path, who"),
        (lambda v, f: (v, ["a"] * 18), BadInput, "one identity"),
        (lambda v, f: (v, [*PEOPLE[:-1], ["p5"]]), BadInput, "nested list"),
        (lambda v, f: (v, [""] * 18), BadInput, "no row has an identity"),
        (lambda v, f: (v, None), WrongUsage, "labels"),
        (lambda v, f: ("absent.npy", f), Missing, "absent.npy"),
        (lambda v, f: (v, "absent.csv"), Missing, "absent.csv"),
    ],
)
def test_bad_input_is_one_clear_line(
    vectors: np.ndarray, frame: pd.DataFrame, change: Any, kind: type[FaceprobeError], text: str
) -> None:
    with pytest.raises(kind, match=text) as error:
        fp.score(*change(vectors, frame), replicates=0)
    assert "\n" not in str(error.value)


def test_an_unknown_protocol_is_answered_with_the_nearest(vectors: np.ndarray, frame: pd.DataFrame) -> None:
    with pytest.raises(UnknownName, match="verification/all-pairs"):
        fp.score(vectors, frame, "verification/all-pair")


def test_a_pickle_is_never_loaded(tmp_path: Path, frame: pd.DataFrame) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"vectors": Bomb()}, tmp_path / "bomb.pt")
    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    for name in ("bomb.pt", "bomb.npy"):
        with pytest.raises((Refused, BadInput), match=name):
            fp.score(tmp_path / name, frame)
    assert not (tmp_path / "exploded").exists()


def test_a_store_that_names_no_people_needs_labels(tmp_path: Path, vectors: np.ndarray) -> None:
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    np.save(tmp_path / "img_emb" / "img_emb_0.npy", vectors)
    pq.write_table(pa.table({"image_path": PATHS}), tmp_path / "metadata" / "metadata_0.parquet")
    with pytest.raises(BadInput, match="no column identity"):
        fp.score(tmp_path)
    assert figures(fp.score(tmp_path, PEOPLE, replicates=30)) == figures(
        fp.score(vectors, PEOPLE, replicates=30)
    )
