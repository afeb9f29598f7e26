"""ONNX face recognisers, their preprocessing declared in the name:
``onnx:PATH?size=112&mean=127.5&scale=128&color=rgb&flip=sum``.

A pixel value x in 0..255 becomes (x - mean) / scale; ``flip=sum`` adds the mirrored photo's feature
before the vector is scaled to length 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

from faceprobe.core.errors import Missing, WrongUsage
from faceprobe.core.names import Name
from faceprobe.models.base import (
    ImageEncoder,
    ModelCard,
    ModelFamily,
    flag,
    flip_of,
    model_id,
    numbers,
    refuse_pooling,
)
from faceprobe.models.onnx.graph import OnnxEncoder, count_weights
from faceprobe.models.preprocess import Preprocess

OPTIONS = {"size", "mean", "scale", "color", "flip", "mode", "interpolation", "output", "real"}


class Onnx(ModelFamily):
    """Options: ``size`` (112 or HxW), ``mean`` and ``scale`` (one value or three, on 0..255), ``color``
    rgb/bgr, ``flip`` none/sum, ``mode`` shortest/squash/longest, ``interpolation``, ``output``, ``real``.
    """

    usage = "onnx:PATH?size=112&mean=127.5&scale=128&color=rgb&flip=sum"
    about = "an ONNX face recogniser with declared preprocessing"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card, path = self.card(name), Path(name.body)
        return OnnxEncoder(card, path, preprocess_of(name), name.option("output", ""), device)

    def card(self, name: Name) -> ModelCard:
        name.check_options(OPTIONS)
        refuse_pooling(name, "an ONNX graph has one fixed output")
        preprocess, real = preprocess_of(name), bool(flag(name, "real", False))
        path = Path(name.body)
        if not path.is_file():
            raise Missing(f"no ONNX file at {path}")
        note = (
            "a local file: what it was trained on is not known to faceprobe (state ?real=1 for real photos)"
        )
        made_for_faces = preprocess.size == (112, 112)
        return ModelCard(
            id=model_id(name),
            family="ONNX face recogniser" if made_for_faces else "ONNX model",
            n_params=count_weights(path.read_bytes(), str(path)),
            image_size=preprocess.size[0],
            real=real,
            own=True,
            role="specialist" if made_for_faces else "encoder",
            default_crop="aligned-112" if made_for_faces else "as-is",
            notes="" if real else note,
            assumed=_assumed(name, preprocess),
        )

    def files(self, name: Name) -> list[Path]:
        return [Path(name.body).expanduser()]

    def cached(self, name: Name) -> bool | None:
        return Path(name.body).is_file()


def preprocess_of(name: Name) -> Preprocess:
    """The preprocessing that the options of ``name`` declare."""
    size = name.option("size", "112").lower().split("x")
    if len(size) > 2 or not all(s.isdecimal() and 0 < int(s) <= 4096 for s in size):
        raise WrongUsage(f"{name}: size is a number of pixels or HEIGHTxWIDTH, not {name.options['size']!r}")
    mean, scale = numbers(name, "mean", "127.5", "0..255"), numbers(name, "scale", "127.5", "0..255")
    if min(scale) <= 0:
        raise WrongUsage(f"{name}: scale must be above 0")
    return Preprocess(
        size=(int(size[0]), int(size[-1])),
        mean=cast("tuple[float, float, float]", tuple(m / 255 for m in mean)),
        std=cast("tuple[float, float, float]", tuple(s / 255 for s in scale)),
        mode=cast(
            "Literal['shortest', 'squash', 'longest']", _one_of(name, "mode", "squash shortest longest")
        ),
        interpolation=_one_of(name, "interpolation", "bilinear bicubic nearest lanczos"),
        color=cast("Literal['rgb', 'bgr']", _one_of(name, "color", "rgb bgr")),
        flip=cast("Literal['none', 'sum']", flip_of(name)),
    )


def _assumed(name: Name, preprocess: Preprocess) -> str:
    """What of the preprocessing the name leaves open, and what is taken for it."""
    taken = {
        "size": f"{preprocess.size[0]}",
        "mean": "127.5",
        "scale": "127.5",
        "color": preprocess.color,
    }
    open_ = [f"{key}={value}" for key, value in taken.items() if key not in name.options]
    if not open_:
        return ""
    return (
        f"an ONNX file does not say how photos are prepared, so assumed: {' '.join(open_)}; wrong values give"
        f" useless vectors without an error: state them, ?{'&'.join(open_)}"
    )


def _one_of(name: Name, key: str, words: str) -> str:
    """An option with the given values, the first of which is the default."""
    value = name.option(key, words.split()[0])
    if value not in words.split():
        raise WrongUsage(f"{name}: {key} is one of {', '.join(words.split())}, not {value!r}")
    return value


FAMILY = Onnx()
