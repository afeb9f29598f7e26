"""What a label is: the same missing values, the same people, through every reader."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

import faceprobe as fp
from faceprobe.core.errors import BadInput
from faceprobe.data.label_files import read_labels
from faceprobe.data.labels import clean_label, label_text, label_texts, path_texts

MISSING: list[Any] = [
    None,
    "",
    "  ",
    "\t\u00a0",
    float("nan"),
    np.float32("nan"),
    pd.NA,
    pd.NaT,
    "nan",
    "NaN",
    "<NA>",
    b"",
    Decimal("NaN"),
    Decimal("sNaN"),
]

PEOPLE = [0, 0, 0, 1, 1, 1, 7, 7, 7]
"""Numbers, of which 0 is a person as well."""

UNKNOWN = 6
KNOWN = np.array([True] * len(PEOPLE) + [False] * UNKNOWN)
PATHS = [f"{k:02d}.jpg" for k in range(len(KNOWN))]
NAN = float("nan")


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_missing_is_not_a_value(value: Any) -> None:
    assert label_text(value) == ""
    assert path_texts([value, "a "], "here") == ["", "a "]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (7.0, "7"),
        (np.float32(7), "7"),
        (np.int64(7), "7"),
        (0.5, "0.5"),
        (False, "False"),
        (np.False_, "False"),
        (Decimal("7.00"), "7"),
        (float("inf"), "inf"),
        (b"ada", "ada"),
        (b"\xff\x00", "ff00"),
        (" Ada ", "Ada"),
        ("Jose\u0301", "Jos\u00e9"),
        ("Nan", "Nan"),
        ("None", "None"),
    ],
    ids=repr,
)
def test_values(value: Any, text: str) -> None:
    assert label_text(value) == text


@pytest.mark.parametrize("value", [["a"], ("a",), {"a"}, np.array(["a", "b"])], ids=repr)
def test_a_list_is_no_label(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^here: row 1 holds a list; a label is one text or number a row$"):
        label_texts(["x", value], "here")


@given(st.text())
def test_a_label_has_one_spelling(text: str) -> None:
    label = label_text(text)
    assert label == label_text(label) == label_text(f" {text}\n")
    assert label == label_text(unicodedata.normalize("NFD", text)) == label_text(label.encode())
    assert label in ("", clean_label(text))


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_is_one_label_however_it_is_stored(number: int) -> None:
    assert label_text(number) == label_text(float(number)) == label_text(str(number))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Mated photos are alike, and so are those of the unknown people: as one person they would be easy."""
    random = np.random.default_rng(4)
    of = np.array([*PEOPLE, *[9] * UNKNOWN])
    return (random.normal(size=(10, 8))[of] + 0.7 * random.normal(size=(len(of), 8))).astype(np.float32)


def figures(results: fp.Results) -> list[tuple[Any, ...]]:
    return [(r.protocol, r.metric, r.weighting, r.value, r.ci_low, r.ci_high, r.n) for r in results]


@pytest.fixture(scope="module")
def expected(vectors: np.ndarray) -> list[tuple[Any, ...]]:
    """Figures over the photos of known people alone."""
    labels = {"path": PATHS[: len(PEOPLE)], "identity": [str(person) for person in PEOPLE]}
    return figures(fp.score(vectors[KNOWN], labels, replicates=20))


Texts = list[str]
NUMBERS: list[Any] = [*PEOPLE, *[None] * UNKNOWN]
FLOATS: list[Any] = [*map(float, PEOPLE), *[NAN] * UNKNOWN]
WORDS: Texts = [*map(str, PEOPLE), "", " ", "nan", "NaN", "\t", "<NA>"]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def delimited(path: Path, separator: str, start: str = "") -> Path:
    cells = [f"{p}{separator}{word.strip(chr(9))}" for p, word in zip(PATHS, WORDS, strict=True)]
    return written(path, start + "\n".join([f"path{separator}identity", *cells]) + "\n")


def jsonl(path: Path, values: list[Any]) -> Path:
    rows = [{"path": p, "identity": v} for p, v in zip(PATHS, values, strict=True)]
    return written(path, "".join(json.dumps(row) + "\n" for row in rows))


def parquet(path: Path, values: Any) -> Path:
    pq.write_table(pa.table({"path": PATHS, "identity": values}), path)
    return path


def saved(path: Path, save: Callable[[Path], Any]) -> Path:
    save(path)
    return path


def as_frame(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"path": PATHS, "identity": values})


LABELS: dict[str, Callable[[Path], Any]] = {
    "csv": lambda d: delimited(d / "l.csv", ","),
    "csv with semicolons": lambda d: delimited(d / "l.csv", ";"),
    "csv with a byte order mark": lambda d: delimited(d / "l.csv", ",", "\ufeff"),
    "csv as Excel says": lambda d: delimited(d / "l.csv", ";", "sep=;\n"),
    "tsv": lambda d: delimited(d / "l.TSV", "\t"),
    "jsonl of numbers and null": lambda d: jsonl(d / "l.jsonl", NUMBERS),
    "jsonl of NaN": lambda d: jsonl(d / "l.jsonl", FLOATS),
    "jsonl of text": lambda d: jsonl(d / "l.jsonl", WORDS),
    "parquet of null": lambda d: parquet(d / "l.parquet", NUMBERS),
    "parquet of NaN": lambda d: parquet(d / "l.PARQUET", FLOATS),
    "parquet of text": lambda d: parquet(d / "l.parq", WORDS),
    "parquet dictionary": lambda d: parquet(d / "l.labels", pa.array(WORDS).dictionary_encode()),
    "npy of floats": lambda d: saved(d / "l.npy", lambda p: np.save(p, np.array(FLOATS))),
    "npy of text": lambda d: saved(d / "l.npy", lambda p: np.save(p, np.array(WORDS))),
    "npz": lambda d: saved(d / "l.npz", lambda p: np.savez(p, path=PATHS, identity=np.array(FLOATS))),
    "safetensors": lambda d: saved(
        d / "l.safetensors", lambda p: save_file({"identity": np.array(FLOATS)}, p)
    ),
    "list": lambda d: NUMBERS,
    "array of floats": lambda d: np.array(FLOATS),
    "array of text": lambda d: np.array(WORDS),
    "array of objects": lambda d: np.array(NUMBERS, dtype=object),
    "masked array": lambda d: np.ma.masked_array(np.array([*PEOPLE, *[3] * UNKNOWN]), ~KNOWN),
    "Series": lambda d: pd.Series(NUMBERS),
    "Series of integers": lambda d: pd.Series(NUMBERS, dtype="Int64"),
    "categories": lambda d: pd.Series(NUMBERS).astype("category"),
    "Arrow array": lambda d: pa.array(NUMBERS),
    "mapping": lambda d: {"path": PATHS, "identity": pa.array(NUMBERS)},
    "DataFrame": lambda d: as_frame(NUMBERS),
    "DataFrame of text": lambda d: as_frame(pd.array(WORDS, dtype="string")),
    "Arrow table": lambda d: pa.table({"path": PATHS, "identity": FLOATS}),
}


@pytest.mark.parametrize("reader", LABELS)
def test_unknown_people_are_left_out_and_counted_by_every_reader(
    reader: str, tmp_path: Path, vectors: np.ndarray, expected: list[tuple[Any, ...]]
) -> None:
    results = fp.score(vectors, LABELS[reader](tmp_path), replicates=20)
    assert figures(results) == expected
    assert results.excluded == {"no identity": UNKNOWN}
    assert all("6 photos without an identity left out" in row.text for row in results)


SHARDS: dict[str, tuple[Any, Any]] = {
    "null": (pa.array(NUMBERS[:8]), pa.array(NUMBERS[8:])),
    "NaN": (pa.array(PEOPLE[:8]), pa.array(FLOATS[8:])),
    "text and large text": (pa.array(WORDS[:8]), pa.array(WORDS[8:], type=pa.large_string())),
    "text and a dictionary": (pa.array(WORDS[:8]), pa.array(WORDS[8:]).dictionary_encode()),
    "integers and text": (pa.array(PEOPLE[:8]), pa.array(WORDS[8:])),
    "floats and integers": (pa.array(FLOATS[:8]), pa.array(NUMBERS[8:], type=pa.int8())),
}


def store(folder: Path, vectors: np.ndarray, identities: tuple[Any, Any], **more: tuple[Any, Any]) -> Path:
    """A folder in LAION's layout with two shards, and what macOS leaves on a drive."""
    (folder / "img_emb").mkdir(parents=True)
    (folder / "metadata").mkdir()
    for k, rows in enumerate((slice(0, 8), slice(8, None))):
        np.save(folder / "img_emb" / f"img_emb_{k}.npy", vectors[rows])
        columns = {"image_path": PATHS[rows], "identity": identities[k]}
        columns |= {name: values[k] for name, values in more.items()}
        pq.write_table(pa.table(columns), folder / "metadata" / f"metadata_{k}.parquet")
        for hidden in (f"img_emb/._img_emb_{k}.npy", f"metadata/._metadata_{k}.parquet"):
            (folder / hidden).write_bytes(b"\0\5\x16\7")
    return folder


@pytest.mark.parametrize("kinds", SHARDS)
def test_a_store_of_mixed_types_gives_the_same_figures(
    kinds: str, tmp_path: Path, vectors: np.ndarray, expected: list[tuple[Any, ...]]
) -> None:
    results = fp.score(store(tmp_path / "s", vectors, SHARDS[kinds]), replicates=20)
    assert figures(results) == expected
    assert results.excluded == {"no identity": UNKNOWN}


def test_zero_and_false_in_a_store_are_people(tmp_path: Path, vectors: np.ndarray) -> None:
    from faceprobe.embedding.store import EmbeddingStore

    identities = (pa.array([0.0, 0.0, 0.0, 1.0, 1.0, NAN, 2.0, None]), pa.array([False] * 4 + [True] * 3))
    data = EmbeddingStore.open(store(tmp_path / "s", vectors, identities)).to_embeddings()
    assert data.identities.tolist() == ["0"] * 3 + ["1"] * 2 + ["", "2", ""] + ["False"] * 4 + ["True"] * 3


def test_a_store_says_what_is_wrong_with_a_column(tmp_path: Path, vectors: np.ndarray) -> None:
    from faceprobe.embedding.store import EmbeddingStore

    lists = (pa.array([["a"]] * 8), pa.array([["a"]] * 7))
    with pytest.raises(BadInput, match="the column identity holds list"):
        fp.score(store(tmp_path / "a", vectors, lists))
    sizes = (pa.array([1] * 8), pa.array(["x"] * 7))
    opened = EmbeddingStore.open(store(tmp_path / "b", vectors, SHARDS["null"], size=sizes))
    assert opened.to_embeddings().paths.tolist() == PATHS, "a column that is no label is not joined"
    with pytest.raises(BadInput, match="the column size of its metadata is of the types int64, string"):
        opened.metadata()


COLUMNS = ("event", "group", "sha256", "variant", "source_image")


@pytest.mark.parametrize("value", [v for v in MISSING if not isinstance(v, bytes)], ids=repr)
@pytest.mark.parametrize("column", COLUMNS)
def test_other_columns_keep_to_the_same_rule(column: str, value: Any) -> None:
    labels = {"path": ["a", "b"], "identity": ["x", "y"], column: [value, "given"]}
    unknown = {"variant": "clean", "source_image": "a"}.get(column, "")
    assert read_labels(labels)[column].tolist() == [unknown, "given"]
    assert column not in read_labels({**labels, column: [value, value]}), "nothing is known"


def test_unknown_hashes_are_no_duplicates(vectors: np.ndarray) -> None:
    labels = {"path": PATHS, "identity": [f"p{k // 3}" for k in range(15)], "sha256": [NAN] * 9 + ["h"] * 6}
    results = fp.score(vectors, labels, "verification/all-pairs", replicates=0)
    assert results.value("n_duplicate_pairs") == 15, "of the six photos whose hash is known"


def test_a_name_has_one_spelling_everywhere(tmp_path: Path, vectors: np.ndarray) -> None:
    spelled = ["Jos\u00e9", "Jose\u0301", " Jose\u0301", "x", "x ", "x\u00a0"]
    plain = ["a", "a", "a", "b", "b", "b"]
    expected = figures(fp.score(vectors[:6], plain, replicates=0))
    frame = pd.DataFrame({"path": PATHS[:6], "identity": spelled})
    frame.to_csv(tmp_path / "l.csv", index=False)
    for labels in (spelled, frame, tmp_path / "l.csv"):
        assert figures(fp.score(vectors[:6], labels, replicates=0)) == expected


def test_a_cohort_of_unknown_people_shares_nobody(vectors: np.ndarray) -> None:
    labels = [*map(str, PEOPLE), *[None] * UNKNOWN]
    cohort = np.random.default_rng(1).normal(size=(5, 8)).astype(np.float32)
    asked = {"normalise": "z", "cohort": cohort, "replicates": 0, "protocols": "verification/all-pairs"}
    results = fp.score(vectors, labels, cohort_labels=["", "q", "r", None, "s"], **asked)
    counted = results.metric("n_cohort")[0]
    assert counted.n_identities == 3 and "the people of 2 photos are not known" in counted.text
    with pytest.raises(BadInput, match=r"in both the cohort and the embeddings .first: 0."):
        fp.score(vectors, labels, cohort_labels=["0", None, None, None, None], **asked)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"same": [1, -1]}, "pair 1 has the label -1"),
        ({"same": [1.0, 0.0]}, "pair 0 has the label 1.0"),
        ({"same": [True, None]}, "pair 1 has the label None"),
        ({"left": [0, -1]}, "left of pair 1 is -1"),
        ({"right": [1, 99]}, "right of pair 1 is 99; it must be a whole number from 0 and below 15"),
        ({"fold": [0, None]}, "fold of pair 1 is None"),
        ({"fold": [0]}, "different lengths"),
    ],
)
def test_pairs_with_wrong_values_are_refused(
    change: dict[str, list[Any]], says: str, tmp_path: Path, vectors: np.ndarray
) -> None:
    from faceprobe.data.pairs import PairList

    good = {"left": [0, 3], "right": [1, 6], "same": [True, False], "fold": [0, 1]}
    arrays = {name: np.array(values) for name, values in (good | change).items()}
    with pytest.raises(BadInput, match=says):
        fp.score(vectors, WORDS, "lfw/official", PairList(**arrays), replicates=0)
    if len({len(a) for a in arrays.values()}) == 1:
        folder = store(tmp_path / "s", vectors, SHARDS["null"])
        pq.write_table(pa.table(good | change), folder / "pairs.parquet")
        with pytest.raises(BadInput, match=says):
            fp.score(folder, None, "lfw/official", replicates=0)


def test_listed_pairs_of_unknown_people_are_left_out_and_counted(vectors: np.ndarray) -> None:
    from faceprobe.data.pairs import PairList

    left = np.array([0, 3, 0, 3, 9, 12])
    right = np.array([1, 6, 2, 7, 10, 0])
    same, fold = np.array([True, False, True, False, True, False]), np.array([0, 0, 1, 1, 1, 1])
    pairs = PairList(left, right, same, fold)
    results = fp.score(vectors, WORDS, "lfw/official", pairs, replicates=0)
    known = PairList(left[:4], right[:4], same[:4], fold[:4])
    alone = fp.score(vectors[KNOWN], WORDS[:9], "lfw/official", known, replicates=0)
    assert figures(results) == figures(alone)
    assert "6 photos without an identity left out, and 2 listed pairs with them" in results[0].text


def test_embedded_photos_of_unknown_people_are_left_out(
    vectors: np.ndarray, expected: list[tuple[Any, ...]]
) -> None:
    from faceprobe.data.embeddings import Embeddings
    from faceprobe.protocols import evaluate

    data = Embeddings(vectors, np.array([*map(str, PEOPLE), *[""] * UNKNOWN]), np.array(PATHS))
    measured = evaluate(data, replicates=20)
    assert [m.value for m in measured.metrics] == [row[3] for row in expected]
    assert measured.n_unknown == UNKNOWN
    with pytest.raises(BadInput, match="none of the 15 photos has an identity"):
        evaluate(replace(data, identities=np.full(15, "")))


def test_cloaked_photos_of_unknown_people_are_left_out(vectors: np.ndarray) -> None:
    both = np.concatenate([vectors, vectors + np.float32(0.5)])
    labels = {
        "path": [*PATHS, *(f"cloaked/{path}" for path in PATHS)],
        "identity": [*WORDS, *WORDS],
        "variant": [""] * 15 + ["fawkes"] * 15,
        "source_image": [NAN] * 15 + PATHS,
    }
    kept = np.flatnonzero(np.tile(KNOWN, 2))
    known = {name: [column[k] for k in kept] for name, column in labels.items()}
    results = fp.score(both, labels, replicates=20)
    assert figures(results) == figures(fp.score(both[kept], known, replicates=20))
    assert any(row.protocol.startswith("cloak/") for row in results)
    assert results.excluded == {"no identity": 2 * UNKNOWN}
