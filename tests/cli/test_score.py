"""``faceprobe score`` and ``faceprobe protocols`` as a user meets them."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from faceprobe.cli.main import run
from faceprobe.core.files import sha256_file
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.results.result import COLUMNS, SCHEMA
from tests.helpers.fake_encoder import FakeEncoder


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Twelve people with five photos each."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(12), 5)
    vectors = rng.standard_normal((12, 8))[who] + 0.4 * rng.standard_normal((60, 8))
    np.save(tmp_path / "vectors.npy", vectors.astype(np.float32))
    lines = [f"p{w}/p{w}_{k % 5 + 1:04d}.jpg,p{w},e{k % 2}" for k, w in enumerate(who)]
    (tmp_path / "labels.csv").write_text("\n".join(["path,identity,event", *lines]) + "\n")
    return tmp_path / "vectors.npy", tmp_path / "labels.csv"


def _score(*arguments: object) -> int:
    return run(["score", *map(str, arguments), "--replicates", "30"])


def test_json_is_the_document_and_nothing_else(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _score(*files, "--json") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["schema"] == SCHEMA
    rows = document["rows"]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert {r["protocol"] for r in rows} == {
        "verification/all-pairs",
        "verification/all-pairs-cross-event",
        "identification/leave-one-out",
        "identification/leave-one-out-cross-event",
        "identification/enrol-1",
    }
    first = rows[0]
    assert (first["model"], first["dataset"], first["crop"]) == ("vectors:vectors", "labels", "as-is")
    assert first["evidence"] == "real-photos"
    assert first["model_hash"] == sha256_file(files[0])
    assert first["dataset_hash"] == sha256_file(files[1])
    value = {(r["protocol"], r["metric"], r["weighting"]): r for r in rows}
    assert value["verification/all-pairs", "n_mated", "none"]["value"] == 12 * 10
    assert value["verification/all-pairs-cross-event", "n_mated", "none"]["value"] == 12 * 6
    headline = value["identification/leave-one-out", "rank1", "identity"]
    assert headline["ci_low"] <= headline["value"] <= headline["ci_high"]
    assert _score(*files, "--json", "--protocol", "all") == 0
    assert capsys.readouterr().out == printed.out


def test_threads_and_memory_change_no_byte(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _score(*files, "--json") == 0
    printed = capsys.readouterr().out
    assert _score(*files, "--json", "--threads", 1, "--max-memory", "600MB") == 0
    assert capsys.readouterr().out == printed
    assert _score(*files, "--max-memory", "1MB") == 2
    error = capsys.readouterr().err
    assert "not enough to compare 60 photos; at least" in error
    assert _score(*files, "--max-memory", "plenty") == 2
    assert "is no amount of memory" in capsys.readouterr().err


def test_pairs_bring_lfw_official(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["2 3"]
    for fold in (0, 1):
        lines += [f"p{fold * 6 + k} 1 2" for k in range(3)]
        lines += [f"p{fold * 6 + k} 1 p{fold * 6 + k + 1} 1" for k in range(3)]
    pairs = files[0].parent / "pairs.txt"
    pairs.write_text("\n".join(lines) + "\n")
    assert (
        _score(*files, "--pairs", pairs, "--protocol", "lfw/official", "--json", "--evidence", "synthetic")
        == 0
    )
    accuracy, error = json.loads(capsys.readouterr().out)["rows"]
    assert (accuracy["metric"], error["metric"]) == ("accuracy", "accuracy_se")
    assert (accuracy["n"], accuracy["n_identities"], accuracy["evidence"]) == (12, 8, "synthetic")
    assert (accuracy["remarks"][0]["code"], accuracy["remarks"][0]["level"]) == ("other-list", "info")
    assert "12 pairs in 2 folds" in accuracy["remarks"][0]["text"]
    assert accuracy["protocol_version"] >= 1


def test_table_and_out_file(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    out = files[0].parent / "results" / "score.json"
    _fails(capsys, 1, f"there is no folder {out.parent}; create it", *files, "--out", out)
    assert not out.parent.exists()
    out.parent.mkdir()
    assert _score(*files, "--out", out, "--protocol", "verification/all-pairs") == 0
    printed = capsys.readouterr().out
    assert "by people" in printed
    assert "tmr@fmr=1e-2" in printed
    rows = json.loads(out.read_text())["rows"]
    auc = next(r for r in rows if r["metric"] == "auc" and r["weighting"] == "identity")
    assert f"{auc['value']:.4f} [{auc['ci_low']:.4f}, {auc['ci_high']:.4f}]" in printed
    assert "bracket" not in printed


def test_parquet_labels_and_half_precision(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, labels = files
    columns = [line.split(",") for line in labels.read_text().splitlines()]
    table = pa.table({name: [c[k] for c in columns[1:]] for k, name in enumerate(columns[0])})
    parquet = labels.with_suffix(".parquet")
    pq.write_table(table, parquet)
    assert _score(vectors, parquet, "--json") == 0
    from_parquet = json.loads(capsys.readouterr().out)["rows"]
    assert _score(vectors, labels, "--json") == 0
    from_csv = json.loads(capsys.readouterr().out)["rows"]
    assert [r["value"] for r in from_parquet] == [r["value"] for r in from_csv]
    half = vectors.with_name("half.npy")
    np.save(half, np.load(vectors).astype(np.float16))
    assert _score(half, labels, "--json") == 0
    from_half = json.loads(capsys.readouterr().out)["rows"]
    for a, b in zip(from_csv, from_half, strict=True):
        assert a["value"] is b["value"] is None or b["value"] == pytest.approx(a["value"], abs=0.05)


def test_keep_duplicates(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    vectors = np.load(files[0])
    vectors[1] = vectors[0]
    np.save(files[0], vectors)
    for option, expected in (([], 119), (["--keep-duplicates"], 120)):
        assert _score(*files, "--json", "--protocol", "verification/all-pairs", *option) == 0
        rows = {r["metric"]: r["value"] for r in json.loads(capsys.readouterr().out)["rows"]}
        assert (rows["n_mated"], rows["n_duplicate_pairs"]) == (expected, 120 - expected)


def test_other_names_of_the_path_and_hashes(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Equal ``sha256`` are duplicates, whatever the vectors; an empty column of them says nothing."""
    vectors, labels = files
    lines = [line.split(",") for line in labels.read_text().splitlines()[1:]]
    for name in ("path", "image", "image_path"):
        for hashes, expected in (([0, 0, *range(2, 60)], 119), ([""] * 60, 120)):
            columns = {name: [line[0] for line in lines], "identity": [line[1] for line in lines]}
            columns |= {"event": [line[2] for line in lines], "sha256": [str(h) for h in hashes]}
            table = labels.with_suffix(".parquet")
            pq.write_table(pa.table(columns), table)
            text = "\n".join(",".join(row) for row in [tuple(columns), *zip(*columns.values(), strict=True)])
            labels.write_text(text + "\n")
            for file in (labels, table):
                assert _score(vectors, file, "--json") == 0
                rows = json.loads(capsys.readouterr().out)["rows"]
                found = {r["protocol"]: r["value"] for r in rows if r["metric"] == "n_mated"}
                assert found["verification/all-pairs"] == expected
                assert "verification/all-pairs-cross-event" in found
    labels.write_text("file,identity\na,b\n")
    _fails(capsys, 1, "no column 'path' (or image, image_path); it has the columns file, identity", *files)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ``faceprobe embed`` writes for six people with three photos each, one of them twice."""
    monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path / "cache"))
    for k in range(18):
        path = tmp_path / "photos" / f"p{k // 3}" / f"{k % 3}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(max(k, 1)).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    dataset = replace(load_dataset(f"folder:{tmp_path / 'photos'}"), evidence="synthetic")
    embed(dataset, FakeEncoder(), out=tmp_path / "out.emb", workers=0, quiet=True)
    return tmp_path / "out.emb"


def test_a_store_is_read_with_its_evidence(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = store / "img_emb" / "img_emb_0000.npy", store / "metadata" / "metadata_0000.parquet"

    def rows(*options: str) -> dict[str, dict[str, object]]:
        assert _score(*parts, "--json", *options) == 0
        return {
            r["metric"]: r
            for r in json.loads(capsys.readouterr().out)["rows"]
            if r["protocol"] == "verification/all-pairs"
        }

    assert rows()["n_duplicate_pairs"]["value"] == 1
    assert rows()["n_mated"]["value"] == 17
    assert {r["evidence"] for r in rows().values()} == {"synthetic"}
    assert {r["evidence"] for r in rows("--evidence", "real-model").values()} == {"real-model"}
    manifest = json.loads((store / "manifest.json").read_text())
    for change, said in (({"complete": False}, "is not finished"), ({"evidence": "rumour"}, "'rumour'")):
        (store / "manifest.json").write_text(json.dumps(manifest | change))
        _fails(capsys, 1, said, *parts)
        assert {r["evidence"] for r in rows("--evidence", "synthetic").values()} == {"synthetic"}
    del manifest["evidence"]
    for text in (json.dumps(manifest), '{"by": "another tool"}', "[]"):
        (store / "manifest.json").write_text(text)
        assert {r["evidence"] for r in rows().values()} == {"real-photos"}
    (store / "manifest.json").unlink()
    assert {r["evidence"] for r in rows().values()} == {"real-photos"}


def _npy(array: np.ndarray, **options: bool) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a .npy file"),
        (b"hello", "not a .npy file"),
        (pickle.dumps([1]), "not a .npy file"),
        (_npy(np.array([{}], dtype=object)), "pickled objects"),
        (_npy(np.ones((60, 8), dtype=np.float32))[:-40], "damaged"),
        (_npy(np.ones(60, dtype=np.float32)), "its shape is (60,)"),
        (_npy(np.ones((60, 8), dtype=np.int32)), "not int32"),
        (_npy(np.zeros((60, 8), dtype=np.float32)), "all zeros"),
        (_npy(np.full((60, 8), np.nan, dtype=np.float32)), "NaN"),
        (_npy(np.ones((59, 8), dtype=np.float32)), "59 rows but"),
    ],
)
def test_bad_embeddings_get_one_clear_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    files[0].write_bytes(content)
    _fails(capsys, 1, said, *files)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"path,name\na.jpg,x\n", "no column 'identity'"),
        (b"path,identity\n", "holds no rows"),
        (b"path,identity\na.jpg\n", "row 1: 1 values under 2 columns"),
        (b"path,identity\na.jpg,\n", "no row has an identity"),
        (b"path,identity,identity\na.jpg,x,y\n", "has 2 columns called 'identity'"),
        (b"path,identity\n\xff\xfe,x\n", "not a CSV file in UTF-8"),
        (b"path,identity\n" + b"".join(b"%d.jpg,x\n" % k for k in range(60)), "one identity"),
        (b"path,identity\n" + b"".join(b"%d.jpg,%d\n" % (k, k) for k in range(60)), "no identity has two"),
    ],
)
def test_bad_labels_get_one_clear_line(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    files[1].write_bytes(content)
    _fails(capsys, 1, said, *files)


def test_wrong_use(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = files[0].parent
    _fails(capsys, 1, "no file", folder / "none.npy", files[1])
    _fails(capsys, 1, "no file", files[0], folder / "none.csv")
    _fails(capsys, 1, "not an embedding store", folder, files[1])
    _fails(capsys, 1, "no pair file", *files, "--pairs", folder / "none.txt")
    broken = folder / "labels.parquet"
    broken.write_bytes(b"PAR1")
    _fails(capsys, 1, "not a readable parquet file", files[0], broken)
    _fails(capsys, 2, "did you mean 'verification/all-pairs'", *files, "--protocol", "verification/allpairs")
    _fails(capsys, 1, "--pairs", *files, "--protocol", "lfw/official")
    _fails(capsys, 1, "no file", folder / "none.npz")
    _fails(capsys, 2, "rumour", *files, "--evidence", "rumour")


def _fails(capsys: pytest.CaptureFixture[str], code: int, said: str, *arguments: object) -> None:
    assert _score(*arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


def test_protocols_are_listed_with_their_conventions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["protocols", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["protocols"]
    by_name = {p["name"]: p for p in listed}
    assert len(by_name) == len(listed)
    assert len([p for p in listed if not p["on_request"]]) == 11  # six usual ones, five for cloaks
    assert {"lfw/insightface", "lfw/facexzoo"} < by_name.keys()
    assert by_name["lfw/official"]["needs"] == ["pairs"]
    for protocol in listed:
        assert protocol["version"] == (
            2
            if protocol["name"].startswith("verification/all-pairs") and "norm" not in protocol["name"]
            else 1
        )
        assert {"duplicates", "weighting", "interval"} <= protocol["conventions"].keys()
        assert protocol["citation"]
    assert run(["protocols"]) == 0
    assert "identification/enrol-1" in capsys.readouterr().out


def test_invented_identities_are_not_scored_as_people(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``embed`` wrote of an insightface file knows only which listed pairs show one person."""
    parts = (store / "img_emb" / "img_emb_0000.npy", store / "metadata" / "metadata_0000.parquet")
    manifest = json.loads((store / "manifest.json").read_text())
    assert manifest["identities_known"] is True
    (store / "manifest.json").write_text(json.dumps(manifest | {"identities_known": False}))
    assert _score(*parts, "--protocol", "identification/leave-one-out") == 1
    assert "identities are not known" in capsys.readouterr().err


def test_groups_are_compared_on_request(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = files[1].read_text().splitlines()
    groups = ["group", *("even" if k // 5 % 2 == 0 else "odd" for k in range(60))]
    labels = tmp_path / "grouped.csv"
    labels.write_text("\n".join(f"{line},{group}" for line, group in zip(lines, groups, strict=True)) + "\n")
    assert _score(files[0], labels, "--protocol", "fairness/groups", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    value = {(r["metric"], r["weighting"]): r for r in rows}
    assert value["n_groups", "none"]["value"] == 2
    assert value["fmr@groups=even|odd", "pair"]["n"] == 6 * 6 * 25
    assert value["fnmr@group=even", "identity"]["n"] == 6 * 10
    assert "T held fixed" in value["fnmr@group=odd", "pair"]["ci_method"]
    assert _score(*files, "--protocol", "fairness/groups") == 1
    assert "column group" in capsys.readouterr().err


def test_a_caution_of_one_column_names_it() -> None:
    from faceprobe.cli.show import _cautions
    from faceprobe.data.remarks import Remarks, remark
    from faceprobe.results.result import Metric, attach

    def rows(*told: Remarks) -> dict[str, object]:
        metrics = [
            Metric("p", "m", weighting, 0.5, remarks=remarks)  # type: ignore[arg-type]
            for weighting, remarks in zip(("identity", "pair"), told, strict=False)
        ]
        return {
            r.weighting: r for r in attach(metrics, model="m", dataset="d", crop="c", evidence="synthetic")
        }

    weak, low = remark("weak-threshold", "weak"), remark("trivial", "low")
    bracket, unsure = remark("bracket", "bracket: FMR 1"), remark("coverage-not-assured", "not assured")
    assert _cautions(rows((*weak, *bracket), (*weak, *unsure))) == "weak; by pairs: not assured"
    assert _cautions(rows((), unsure)) == "by pairs: not assured"
    assert _cautions(rows(low, ())) == "by people: low"
    assert _cautions(rows(low)) == "low"
