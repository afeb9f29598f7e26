"""A small model family and small datasets, registered for a test; everything else of a study is real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceprobe.core.errors import Missing, Unreachable
from faceprobe.core.files import sha256_bytes
from faceprobe.core.names import Name
from faceprobe.data.embeddings import unit_rows
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import Face, Photo, UnreadablePhoto
from faceprobe.datasets import DATASETS, Dataset, DatasetCard
from faceprobe.models import MODEL_KINDS
from faceprobe.models.base import ModelCard, ModelFamily, model_id
from faceprobe.models.preprocess import Preprocess

PREPROCESS = Preprocess(size=(4, 4), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
FACE = Face((1.0, 1.0, 3.0, 3.0))
CARD = DatasetCard("drawn", "photos of these tests", "drawn", "built-in", "not needed", "none", False)


@dataclass(frozen=True)
class DrawnSource(PhotoSource):
    """Photos of 4 x 4 pixels made from their own name. ``lost`` cannot be read."""

    known_faces: tuple[Face, ...] | None = (FACE,)
    lost: frozenset[str] = frozenset()

    @property
    def drawn(self) -> bool:
        return True

    def read(self, image: str) -> Photo:
        if image in self.lost:
            raise UnreadablePhoto(image, "not an image")
        digest = sha256_bytes(image.encode())
        pixels = np.frombuffer(bytes.fromhex(digest) + bytes(16), dtype=np.uint8).reshape(4, 4, 3)
        return Photo(pixels, digest, self.known_faces)


def drawn_table(name: str = "drawn", people: int = 3, photos: int = 2, paired: bool = False) -> FaceTable:
    images = [f"p{p}/{k}.png" for p in range(people) for k in range(photos)]
    identities = [image.split("/")[0] for image in images]
    pairs = None
    if paired:  # rows 0-1 (same), 1-4 (different), 4-5 (same): rows 2 and 3 are in no pair
        rows = np.array([[0, 1], [1, 4], [4, 5], [5, 0]])
        same = np.array([True, False, True, False])
        pairs = PairList(rows[:, 0], rows[:, 1], same, np.array([0, 0, 1, 1]))
    return FaceTable(
        name=name,
        table=face_table_columns(image=images, identity=identities),
        source=DrawnSource(),
        pairs=pairs,
        evidence="synthetic" if name.startswith("drawn") else "real-photos",
        default_protocol="lfw/official" if paired else "verification/all-pairs",
    )


class PixelEncoder:
    """The first 8 pixel values, centred and scaled to length 1."""

    dim, n_params, preprocess, differentiable = 8, 0, PREPROCESS, False

    def __init__(self, card: ModelCard, weights: str, before: Callable[[str], None]) -> None:
        self.id, self.card, self.weights_hash, self._before = card.id, card, weights, before

    def encode_images(self, batch: np.ndarray) -> np.ndarray:
        self._before(self.id)
        return unit_rows(batch.reshape(len(batch), -1)[:, : self.dim].astype(np.float64))


@dataclass
class Bench(ModelFamily):
    """What the registered model family and datasets do, and what was asked of them (``loaded``).

    ``before_encode`` is called with a model's id whenever it encodes a batch.
    """

    tables: dict[str, FaceTable] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    loaded: list[tuple[str, str, bool]] = field(default_factory=list)
    before_encode: Callable[[str], None] = lambda model: None

    drawn = staticmethod(drawn_table)

    usage, about = "fake:NAME", "a model of these tests"

    def dataset(self, text: str) -> FaceTable:
        return self.open(Name(text, ""))

    def open(self, name: Name) -> FaceTable:
        text = str(name)
        if name.kind in self.absent:
            raise Missing(f"dataset {text} is absent; fetch it")
        return self.tables.get(name.kind) or drawn_table(text, paired=name.kind == "paired")

    def card(self, name: Name) -> ModelCard:
        if str(name) in self.absent:
            raise Missing(f"model {name} is absent; fetch it")
        return ModelCard(id=model_id(name), family="fakes", real=name.kind == "published")

    def load(self, name: Name, *, device: str, offline: bool) -> PixelEncoder:
        self.loaded.append((str(name), device, offline))
        if str(name) in self.unreachable:
            raise Unreachable(f"{name} cannot be fetched; put it there")
        return PixelEncoder(self.card(name), sha256_bytes(str(name).encode()), self.before_encode)

    def known(self) -> list[str]:
        return ["fake:a", "fake:b"]

    def cached(self, name: Name) -> bool | None:
        return None

    def files(self, name: Name) -> list[Path]:
        if name.kind == "onnx" or Path(name.body).is_dir():
            return [Path(name.body)]
        return []


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Models ``fake:NAME``, ``published:NAME``, ``onnx:PATH`` and ``hf:PATH``, datasets ``drawn``, ``real``
    and ``paired``, registered while the test runs.
    """
    made = Bench()
    for registry, names, target in (
        (MODEL_KINDS, ("fake", "published", "onnx", "hf"), made),
        (DATASETS, ("drawn", "real", "paired"), Dataset(CARD, made.open)),
    ):
        registry.names()  # entry points are read before the registry is changed
        monkeypatch.setattr(registry, "_targets", {**registry._targets, **dict.fromkeys(names, "")})
        monkeypatch.setattr(registry, "_objects", {**registry._objects, **dict.fromkeys(names, target)})
    yield made


def recorded(real: Callable[..., Any], calls: list[dict[str, Any]]) -> Callable[..., Any]:
    """``real``, its keyword arguments noted in ``calls``."""

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append(options)
        return real(*arguments, **options)

    return call
