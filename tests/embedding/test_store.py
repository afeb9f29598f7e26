"""The embedding store: layout, checks, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceprobe.core.errors import BadInput, Missing, Refused, WrongUsage
from faceprobe.data.pairs import PairList
from faceprobe.data.templates import TemplateList
from faceprobe.embedding.store import EmbeddingStore
from faceprobe.embedding.store_writer import StoreWriter
from faceprobe.embedding.template_files import read_templates


def unit(n: int, dim: int = 6, seed: int = 0) -> np.ndarray:
    raw = np.random.default_rng(seed).standard_normal((n, dim))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def table(n: int) -> pa.Table:
    columns = {
        "image_path": [f"p{k // 3}/{k}.jpg" for k in range(n)],
        "identity": [f"p{k // 3}" for k in range(n)],
        "event": ["" if k % 2 else "party" for k in range(n)],
        "sha256": [f"{k:064x}" for k in range(n)],
    }
    return pa.table(columns)


PAIRS = PairList(np.array([0, 1]), np.array([2, 5]), np.array([True, False]), np.array([0, 3]))


def write(
    folder: Path, n: int = 10, *, rows: int = 4, seed: int = 0, force: bool = False, **settings: Any
) -> EmbeddingStore:
    chosen = {
        "dataset": "d",
        "encoder": "e",
        "crop": "as-is",
        "dtype": "float32",
        "sizes": (8, 8),
        **settings,
    }
    writer = StoreWriter(folder, chosen, shard_rows=rows, force=force)
    return writer.write(unit(n, seed=seed), table(n), PAIRS, [{"image": "x", "reason": "y"}], {"dim": 6})


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_layout_and_round_trip(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    assert sorted(stamps(tmp_path / "s")) == [
        "excluded.json",
        *(f"img_emb/img_emb_{k:04d}.npy" for k in range(3)),
        "manifest.json",
        *(f"metadata/metadata_{k:04d}.parquet" for k in range(3)),
        "pairs.parquet",
    ]
    assert (len(store), store.dim) == (10, 6)
    store.verify()
    data = store.to_embeddings()
    np.testing.assert_array_equal(data.vectors, unit(10))
    assert data.paths.tolist() == table(10)["image_path"].to_pylist()
    assert data.events is not None and data.events[:2].tolist() == ["party", ""]
    assert (
        data.pairs is not None and data.pairs.right.tolist() == [2, 5] and data.pairs.same.dtype == np.bool_
    )
    assert [len(v) for v, _ in store] == [4, 4, 2]
    assert store.metadata().num_rows == 10


def test_float16_halves_the_files_and_comes_back_as_unit_rows(tmp_path: Path) -> None:
    store = write(tmp_path / "s", dtype="float16")
    assert next(iter(store))[0].dtype == np.float16
    data = store.to_embeddings()
    assert data.vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(data.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(data.vectors, unit(10), atol=1e-3)


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    write(tmp_path / "s")
    before = stamps(tmp_path / "s")
    write(tmp_path / "s")
    assert stamps(tmp_path / "s") == before


def test_two_writes_are_byte_equal(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    first, second = stamps(tmp_path / "a"), stamps(tmp_path / "b")
    assert {k: v[1] for k, v in first.items()} == {k: v[1] for k, v in second.items()}


def test_fewer_rows_leave_no_old_shard(tmp_path: Path) -> None:
    write(tmp_path / "s", 10)
    store = write(tmp_path / "s", 6)
    store.verify()
    assert len(store) == 6 and len(list((tmp_path / "s" / "img_emb").iterdir())) == 2


def test_other_settings_are_refused_without_force(tmp_path: Path) -> None:
    write(tmp_path / "s")
    before = stamps(tmp_path / "s")
    with pytest.raises(BadInput, match=r"was written with another crop;.*--force"):
        write(tmp_path / "s", crop="margin-1")
    assert stamps(tmp_path / "s") == before
    store = write(tmp_path / "s", crop="margin-1", force=True, seed=3)
    assert store.manifest["settings"]["crop"] == "margin-1"
    store.verify()


def test_a_folder_of_other_things_is_never_written_into(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.tex").write_text("x")
    for force in (False, True):
        with pytest.raises(BadInput, match="not empty and not an embedding store"):
            write(tmp_path / "s", force=force)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="is a file"):
        write(tmp_path / "file")


def test_what_a_killed_run_leaves_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / ".manifest.json.77.tmp").write_text("{")
    assert len(write(tmp_path / "s")) == 10


def test_an_unfinished_store_does_not_open_and_resumes(tmp_path: Path) -> None:
    write(tmp_path / "s")
    manifest = json.loads((tmp_path / "s" / "manifest.json").read_text())
    (tmp_path / "s" / "manifest.json").write_text(json.dumps({**manifest, "complete": False}))
    with pytest.raises(BadInput, match="not finished"):
        EmbeddingStore.open(tmp_path / "s")
    write(tmp_path / "s").verify()


def test_wrong_dtype(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="float32 or float16"):
        write(tmp_path / "s", dtype="int8")


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    path = tmp_path / "s" / "img_emb" / "img_emb_0001.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadInput, match=r"img_emb_0001\.npy has changed"):
        store.verify()


def test_misaligned_halves_are_named(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    pq.write_table(table(3), tmp_path / "s" / "metadata" / "metadata_0001.parquet")
    with pytest.raises(BadInput, match=r"img_emb_0001\.npy has 4 rows and metadata_0001\.parquet 3"):
        store.verify()
    with pytest.raises(BadInput, match="misaligned"):
        store.to_embeddings()


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    write(tmp_path / "s")
    lost = tmp_path / "s" / "metadata" / "metadata_0001.parquet"
    lost.unlink()
    with pytest.raises(BadInput, match=r"no partner metadata/metadata_0001\.parquet"):
        EmbeddingStore.open(tmp_path / "s")
    (tmp_path / "s" / "img_emb" / "img_emb_0001.npy").unlink()
    with pytest.raises(BadInput, match=r"img_emb_0001\.npy is in the manifest but not on disk|metadata"):
        EmbeddingStore.open(tmp_path / "s").verify()


def test_a_changed_pair_list_is_found(tmp_path: Path) -> None:
    store = write(tmp_path / "s")
    (tmp_path / "s" / "pairs.parquet").write_bytes(b"")
    with pytest.raises(BadInput, match=r"pairs\.parquet is missing or has changed"):
        store.verify()


def test_a_published_laion_folder_opens_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    for k, rows in enumerate([3, 2]):
        np.save(tmp_path / "img_emb" / f"img_emb_{k:04d}.npy", unit(rows, seed=k).astype(np.float16))
        pq.write_table(
            table(rows).select(["image_path"]), tmp_path / "metadata" / f"metadata_{k:04d}.parquet"
        )
    store = EmbeddingStore.open(tmp_path)
    store.verify()
    data = store.to_embeddings()
    assert len(data) == 5 and data.identities.tolist() == [""] * 5 and data.content is None


def test_ids_follow_sorted_file_names(tmp_path: Path) -> None:
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    for k in (2, 10):
        np.save(tmp_path / "img_emb" / f"img_emb_{k}.npy", unit(1, seed=k))
        pq.write_table(
            pa.table({"image_path": [f"{k}.jpg"]}), tmp_path / "metadata" / f"metadata_{k}.parquet"
        )
    data = EmbeddingStore.open(tmp_path).to_embeddings()
    assert data.paths.tolist() == ["10.jpg", "2.jpg"]
    np.testing.assert_array_equal(data.vectors[0], unit(1, seed=10)[0])


def test_what_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no embedding store"):
        EmbeddingStore.open(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="holds no img_emb"):
        EmbeddingStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(BadInput, match="is not the manifest"):
        EmbeddingStore.open(tmp_path)


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s")
    np.save(
        tmp_path / "s" / "img_emb" / "img_emb_0000.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True
    )
    with pytest.raises(Refused, match="holds pickled objects"):
        len(EmbeddingStore.open(tmp_path / "s"))


def test_a_person_called_nan_stays_a_person_in_a_store_of_ours(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "s", {"dtype": "float32"}, shard_rows=4, force=False)
    named = pa.table({"image_path": list("abcd"), "identity": ["nan", "nan", "", "0"]})
    store = writer.write(unit(4), named, None, [], {})
    assert store.to_embeddings().identities.tolist() == ["nan", "nan", "", "0"]
    (tmp_path / "s" / "manifest.json").unlink()
    foreign = EmbeddingStore.open(tmp_path / "s").to_embeddings()
    assert foreign.identities.tolist() == ["", "", "", "0"], "in others' folders it is a missing value"


def test_hidden_files_stay_when_a_store_is_written_again(tmp_path: Path) -> None:
    write(tmp_path / "s", 10)
    hidden = tmp_path / "s" / "metadata" / "._metadata_0002.parquet"
    hidden.write_bytes(b"\0")
    store = write(tmp_path / "s", 6)
    assert hidden.exists() and len(store) == 6


@pytest.mark.parametrize("missing", [None, "", " ", "nan"], ids=repr)
def test_a_template_of_an_unknown_person_is_nobodys(tmp_path: Path, missing: str | None) -> None:
    heads = {"name": ["1", "2", "3"], "identity": ["Jose\u0301", missing, missing], "probe": [1, 2, 0]}
    members = {"row": [0, 1, 2], "template": [0, 1, 2], "media": [0, 0, 0]}
    pairs = {"left": [0, 1], "right": [1, 2], "same": [1, 0]}

    def read(**changed: Any) -> TemplateList | None:
        parts = {"templates": heads, "template_members": members, "template_pairs": pairs} | changed
        for name, columns in parts.items():
            pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        return read_templates(tmp_path, 3)

    found = read()
    assert found is not None and found.same.tolist() == [True, False]
    assert found.identities.tolist() == ["Jos\u00e9", "", ""]
    for same in ([1, -1], [True, None], [1.0, 0.0]):
        with pytest.raises(BadInput, match=r"template_pairs\.parquet: pair \d has the label"):
            read(template_pairs=pairs | {"same": same})
    with pytest.raises(BadInput, match="1 rows have no media"):
        read(template_members=members | {"media": [0, None, 0]})
    with pytest.raises(BadInput, match="column identity: row 0 holds a list"):
        read(templates=heads | {"identity": [["a"], ["b"], ["c"]]})
