"""Variants on their way: label tables, embedding stores, fusions and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from faceprobe.cli.main import build
from faceprobe.core.errors import BadInput
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.vector_files import read_embeddings
from faceprobe.datasets import load_dataset
from faceprobe.embedding import EmbeddingStore, embed
from faceprobe.models import load_model
from faceprobe.protocols import evaluate
from faceprobe.protocols.photo_variants import clean_rows
from tests.helpers.cloaks_oracle import CloakOracle, cloaked_world


def _write(folder: Path, data: Embeddings, blank: bool = False) -> tuple[Path, Path]:
    assert data.variants is not None and data.sources is not None
    np.save(folder / "vectors.npy", data.vectors)
    lines = ["path,identity,variant,source_image"]
    for path, who, variant, source in zip(
        data.paths, data.identities, data.variants, data.sources, strict=True
    ):
        clean = blank and variant == "clean"
        lines.append(f"{path},{who},{'' if clean else variant},{'' if clean else source}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder / "vectors.npy", folder / "labels.csv"


@pytest.mark.parametrize("blank", [False, True])
def test_a_table_of_labels_brings_variants(tmp_path: Path, blank: bool) -> None:
    data = cloaked_world(2)
    read = read_embeddings(*_write(tmp_path, data, blank))
    assert read.variants is not None and read.sources is not None
    assert read.variants.tolist() == list(data.variants)
    assert read.sources.tolist() == list(data.sources)


def test_score_measures_cloaks_and_the_clean_photos(tmp_path: Path) -> None:
    data = cloaked_world(2)
    vectors, labels = _write(tmp_path, data)
    ran = CliRunner().invoke(build(), ["score", str(vectors), str(labels), "--replicates", "0", "--json"])
    assert ran.exit_code == 0, ran.output
    rows = {(r["protocol"], r["metric"]): r for r in json.loads(ran.stdout)["rows"]}
    protocols = {p for p, _ in rows}
    assert {
        f"cloak/{p}" for p in ("poisoning", "evasion", "self-retrieval", "verification", "adaptive")
    } <= protocols
    missed = CloakOracle(data).missed("1nn", poisoned=True, cloak=True)
    expected = float(np.mean(list(missed.values())))
    assert rows["cloak/poisoning", "protection@1nn"]["value"] == pytest.approx(expected)
    clean = data.take(clean_rows(data))
    alone = {m.metric: m.value for m in evaluate(clean, ["verification/all-pairs"], replicates=0).metrics}
    assert rows["verification/all-pairs", "n_nonmated"]["value"] == alone["n_nonmated"]


def _photos(root: Path) -> Path:
    from PIL import Image

    rng = np.random.default_rng(0)
    for person in ("ann", "bob"):
        (root / person).mkdir(parents=True)
        for k in range(3):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / person / f"{k}.png")
            Image.fromarray(255 - pixels).save(root / person / f"{k}_attacked.png")
    return root


@pytest.mark.parametrize("model", ["pixels:16", "fusion:pixels:16+hog:64"])
def test_stores_and_fusions_keep_variants(tmp_path: Path, model: str) -> None:
    table = load_dataset(f"cloaked:{_photos(tmp_path / 'photos')}")
    made = embed(table, load_model(model), out=tmp_path / "store", quiet=True, workers=0)
    read = EmbeddingStore.open(tmp_path / "store").to_embeddings()
    for data in (made.data, read):
        assert data.variants is not None and data.sources is not None
        assert data.variants.tolist() == ["clean", "lowkey"] * 6
        assert data.sources.tolist() == [p.replace("_attacked", "") for p in data.paths.tolist()]
    first, second = (evaluate(d, ["cloak/self-retrieval"], replicates=0) for d in (made.data, read))
    assert first.metrics == second.metrics


def test_a_part_of_the_rows_keeps_what_is_known_of_them() -> None:
    data = cloaked_world(6, events=True)
    rows = clean_rows(data)
    part = data.take(rows)
    assert part.variants is not None and part.sources is not None and part.events is not None
    assert set(part.variants) == {"clean"} and part.sources.tolist() == part.paths.tolist()
    assert data.events is not None and part.events.tolist() == data.events[rows].tolist()
    assert len(rows) < len(data) and part.take(clean_rows(part)) is part


def test_one_variant_alone_is_measured_as_it_is(tmp_path: Path) -> None:
    data = cloaked_world(6)
    assert data.variants is not None
    cloaked = data.take(np.flatnonzero(data.variants != "clean"))
    assert len(clean_rows(cloaked)) == len(cloaked)
    rows = evaluate(cloaked, ["verification/all-pairs"], replicates=0).metrics
    assert rows[0].value is not None
    with pytest.raises(BadInput, match="the clean ones are missing"):
        evaluate(cloaked, ["cloak/poisoning"])
