"""Small stand-ins for the parts of a study: every call is recorded, every result computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import Missing, UnknownName, Unreachable
from faceprobe.core.files import read_json, sha256_bytes, write_bytes
from faceprobe.core.names import parse_name
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import Photo
from faceprobe.models.base import ModelCard
from faceprobe.models.preprocess import Preprocess
from faceprobe.results.result import Metric
from faceprobe.study.parts import Parts

PREPROCESS = Preprocess(size=(4, 4), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class DrawnSource(PhotoSource):
    """Photos of 4 x 4 pixels made from their own name."""

    drawn = True

    def read(self, image: str) -> Photo:
        digest = sha256_bytes(image.encode())
        pixels = np.frombuffer(bytes.fromhex(digest) + bytes(16), dtype=np.uint8).reshape(4, 4, 3)
        return Photo(pixels, digest)


def drawn_table(name: str = "drawn", people: int = 3, photos: int = 2, paired: bool = False) -> FaceTable:
    images = [f"p{p}/{k}.png" for p in range(people) for k in range(photos)]
    identities = [image.split("/")[0] for image in images]
    pairs = None
    if paired:  # rows 0-1 (same), 1-4 (different), 4-5 (same): rows 2 and 3 are in no pair
        rows = np.array([[0, 1], [1, 4], [4, 5]])
        same = np.array([True, False, True])
        pairs = PairList(rows[:, 0], rows[:, 1], same, np.zeros(3, dtype=np.int64))
    return FaceTable(
        name=name,
        table=face_table_columns(image=images, identity=identities),
        source=DrawnSource(),
        pairs=pairs,
        evidence="synthetic" if name.startswith("drawn") else "real-photos",
        default_protocol="lfw/official" if paired else "verification/all-pairs",
    )


class FakeEncoder:
    """The first ``dim`` pixel values, centred and scaled to length 1."""

    def __init__(self, card: ModelCard, weights: str) -> None:
        self.id, self.dim, self.n_params, self.preprocess = card.id, 8, 0, PREPROCESS
        self.weights_hash, self.differentiable, self.card = weights, False, card

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        return unit_rows(batch.reshape(len(batch), -1)[:, : self.dim].astype(np.float64))


@dataclass
class Bench:
    """Parts whose calls are listed in ``calls``; change its fields to make a part fail."""

    tables: dict[str, FaceTable] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    no_detector: bool = False
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    before_embed: Callable[[str], None] = lambda model: None
    live: set[str] = field(default_factory=set)
    excluded: list[SimpleNamespace] = field(default_factory=list)

    def parts(self) -> Parts:
        return Parts(
            load_dataset=self.load_dataset,
            model_card=self.model_card,
            load_model=self.load_model,
            check_local=self.check_local,
            embed=self.embed,
            evaluate=self.evaluate,
            write_report=self.write_report,
        )

    drawn = staticmethod(drawn_table)

    def named(self, what: str) -> list[Any]:
        """The arguments of every recorded call of ``what``."""
        return [call[1:] for call in self.calls if call[0] == what]

    def load_dataset(self, text: str) -> FaceTable:
        kind = text.partition("?")[0].partition(":")[0]
        if kind not in ("drawn", "real", "paired"):
            raise UnknownName("dataset", kind, ["drawn", "real", "paired"])
        if text in self.absent:
            raise Missing(f"dataset {text} is absent; fetch it")
        self.calls.append(("load_dataset", text))
        return self.tables.get(text) or drawn_table(text, paired=kind == "paired")

    def model_card(self, text: str) -> ModelCard:
        name = parse_name(text)
        if name.kind not in ("fake", "onnx", "hf", "published"):
            raise UnknownName("model", text, ["fake:a", "fake:b"])
        if text in self.absent:
            raise Missing(f"model {text} is absent; fetch it")
        body = Path(name.body).name if name.kind == "onnx" else name.body
        return ModelCard(id=f"{name.kind}:{body}", family="fakes", real=name.kind == "published")

    def load_model(self, text: str, *, device: str, offline: bool) -> FakeEncoder:
        self.calls.append(("load_model", text, device, offline))
        if text in self.unreachable:
            raise Unreachable(f"{text} cannot be fetched; put it there")
        return FakeEncoder(self.model_card(text), sha256_bytes(text.encode()))

    def check_local(
        self, table: FaceTable, crop: str, detector: str | None, out: Path | None, offline: bool = False
    ) -> None:
        self.calls.append(("check_local", crop, offline))
        if detector and not Path(detector).is_file():
            raise Missing(f"--detector {detector}: no such file")
        if crop != "as-is" and self.no_detector:
            raise Missing("no detector weights; fetch them")

    def embed(self, table: FaceTable, encoder: Any, crop: str, **options: Any) -> SimpleNamespace:
        self.calls.append(("embed", encoder.id, table.name, crop, len(table), options))
        self.before_embed(f"{encoder.id} {table.name} {crop}")
        lost = {e.image for e in self.excluded}
        rows = [k for k, image in enumerate(table.images.tolist()) if image not in lost]
        photos = np.stack([table.photo(k).pixels for k in rows])
        vectors = np.concatenate(
            [encoder.encode_images(PREPROCESS.normalise(photos[k : k + 2])) for k in range(0, len(rows), 2)]
        )
        data = Embeddings(
            vectors, table.identities[rows], table.images[rows], pairs=None if lost else table.pairs
        )
        return SimpleNamespace(
            data=data,
            excluded=self.excluded,
            store=None,
            encoded=len(rows),
            reused=0,
            seconds=0.0,
            dataset_hash=sha256_bytes(f"{table.fingerprint} {crop}".encode()),
            pairs_lost=len(lost),
        )

    def evaluate(
        self, data: Embeddings, protocols: Any, *, seed: int, replicates: int, quiet: bool
    ) -> SimpleNamespace:
        self.calls.append(("evaluate", protocols, seed, replicates))
        used = protocols or ("verification/all-pairs",)
        mean = float(np.mean(data.vectors @ data.vectors.T)) + seed
        metrics = [Metric(p, "mean", w, mean, n=len(data)) for p in used for w in ("pair", "identity")]
        curves = {f"{used[0]}//scores": data.vectors[0]}
        draws = {f"{used[0]}//mean//pair": np.full(replicates, mean)}
        return SimpleNamespace(
            metrics=metrics, curves=curves, replicates=draws, identities=np.unique(data.identities)
        )

    def write_report(self, folder: Path, photos: Any = None, strips: Any = ()) -> Path:
        self.calls.append(("write_report", folder, photos))
        cells = read_json(folder / "manifest.json")["cells"]
        write_bytes(folder / "report.html", f"{len(cells)} cells".encode())
        return folder / "report.html"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def parts(bench: Bench) -> Parts:
    return bench.parts()
