"""ONNX face recognisers, their preprocessing declared in the name:
``onnx:PATH?size=112&mean=127.5&scale=128&color=rgb&flip=sum``.

A pixel value x in 0..255 becomes (x - mean) / scale; ``flip=sum`` adds the mirrored photo's feature
before the vector is scaled to length 1.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_bytes, sha256_json
from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, flag, flip_of, model_id, refuse_pooling
from faceprobe.models.onnx.weights import count_weights
from faceprobe.models.preprocess import Preprocess

OPTIONS = {"size", "mean", "scale", "color", "flip", "mode", "interpolation", "output", "real"}
AGREE = 1e-3
"""How far a batched row may lie from the same photo's alone before batches are given up (max, unit rows)."""


class OnnxEncoder:
    """A graph with one (B, 3, H, W) float input and a feature of B rows.

    ``batched`` is found out at the start: where the graph fixes its batch to 1, or two photos given
    together do not come out as they do alone, photos run one by one.
    """

    differentiable = False

    def __init__(self, card: ModelCard, path: Path, preprocess: Preprocess, output: str, device: str) -> None:
        self.id, self.preprocess = card.id, preprocess
        data = path.read_bytes()
        self.n_params = count_weights(data, str(path))
        self.weights_hash = sha256_json({"onnx": sha256_bytes(data), "output": output})
        self._session = _session(data, path, device)
        self._input = self._session.get_inputs()[0]
        self._output = _pick_output(self._session, output, path)
        _check_input(self._input, preprocess, path)
        self._dtype = np.float16 if self._input.type == "tensor(float16)" else np.float32
        self._where = str(path)
        first = self._probe()
        self.dim = first.shape[1]
        self.batched = self._batches(first)
        self.card = replace(card, dim=self.dim, n_params=self.n_params)

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32, preprocessed -> (B, D) float32 unit rows."""
        if not len(batch):
            return np.zeros((0, self.dim), dtype=np.float32)
        features = self._features(batch)
        if self.preprocess.flip == "sum":
            features = features + self._features(batch[..., ::-1])
        return _unit(features)

    def _features(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.batched:
            return self._run(batch)
        return np.concatenate([self._run(batch[k : k + 1]) for k in range(len(batch))])

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        feed = {self._input.name: np.ascontiguousarray(batch, dtype=self._dtype)}
        rows: NDArray[Any] = self._session.run([self._output], feed)[0]
        return rows.reshape(len(rows), -1).astype(np.float32)

    def _two(self) -> NDArray[np.float32]:
        draw = np.random.default_rng(0)
        return draw.uniform(-1, 1, (2, 3, *self.preprocess.size)).astype(np.float32)

    def _probe(self) -> NDArray[np.float32]:
        """Two photos' features, one by one; an error that names the graph where it cannot run at all."""
        try:
            rows = [self._run(one[None]) for one in self._two()]
        except Exception as error:  # onnxruntime has its own, undocumented, family of errors
            raise BadInput(
                f"{self._where} does not run on a {self.preprocess.size} photo: {error}"
            ) from error
        if any(len(r) != 1 for r in rows):
            raise BadInput(
                f"{self._where}: its output has {len(rows[0])} rows for one photo; choose ?output=NAME"
            )
        return np.concatenate(rows)

    def _batches(self, alone: NDArray[np.float32]) -> bool:
        if isinstance(self._input.shape[0], int):
            return False
        try:
            together = self._run(self._two())
        except Exception:  # a batch that the graph cannot take is an answer, not a failure
            return False
        return together.shape == alone.shape and bool(np.abs(_unit(together) - _unit(alone)).max() < AGREE)


class Onnx:
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
        refuse_pooling(name, "an ONNX graph gives what it gives")
        preprocess, real = preprocess_of(name), bool(flag(name, "real", False))
        path = Path(name.body)
        if not path.is_file():
            raise Missing(f"no ONNX file at {path}")
        note = (
            "a local file: what it was trained on is not known to faceprobe (state ?real=1 for real photos)"
        )
        return ModelCard(
            id=model_id(name),
            family="ONNX face recogniser",
            n_params=count_weights(path.read_bytes(), str(path)),
            image_size=preprocess.size[0],
            real=real,
            role="specialist",
            default_crop="aligned-112" if preprocess.size == (112, 112) else "as-is",
            notes="" if real else note,
        )

    def known(self) -> list[str]:
        return []

    def cached(self, name: Name) -> bool | None:
        return Path(name.body).is_file()


def preprocess_of(name: Name) -> Preprocess:
    """The preprocessing that the options of ``name`` declare."""
    size = name.option("size", "112").lower().split("x")
    if len(size) > 2 or not all(s.isdecimal() and 0 < int(s) <= 4096 for s in size):
        raise WrongUsage(f"{name}: size is a number of pixels or HEIGHTxWIDTH, not {name.options['size']!r}")
    mean, scale = _three(name, "mean", "127.5"), _three(name, "scale", "127.5")
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


def _one_of(name: Name, key: str, words: str) -> str:
    """An option with the given values, the first of which is the default."""
    value = name.option(key, words.split()[0])
    if value not in words.split():
        raise WrongUsage(f"{name}: {key} is one of {', '.join(words.split())}, not {value!r}")
    return value


def _three(name: Name, key: str, default: str) -> list[float]:
    parts = name.option(key, default).split(",")
    try:
        values = [float(p) for p in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 3) or not np.all(np.isfinite(values)):
        raise WrongUsage(f"{name}: {key} is one number or three with commas, on 0..255")
    return values * 3 if len(values) == 1 else values


def _session(data: bytes, path: Path, device: str) -> Any:
    ort = require("onnxruntime", "encode", "an ONNX model")
    here = ort.get_available_providers()
    cuda = device.partition(":")[0] in ("auto", "cuda") and "CUDAExecutionProvider" in here
    if device.startswith("cuda") and not cuda:
        raise WrongUsage("this onnxruntime has no CUDA; install onnxruntime-gpu or use --device cpu")
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    providers = ["CUDAExecutionProvider"] * cuda + ["CPUExecutionProvider"]
    try:
        return ort.InferenceSession(data, settings, providers=providers)
    except Exception as error:
        raise BadInput(f"{path} is not an ONNX model that onnxruntime can run: {error}") from error


def _pick_output(session: Any, wanted: str, path: Path) -> str:
    names = [o.name for o in session.get_outputs()]
    if wanted and wanted not in names:
        raise WrongUsage(f"{path} has no output {wanted!r}; it has {', '.join(names)}")
    if not wanted and len(names) > 1:
        raise WrongUsage(f"{path} has several outputs; choose one with ?output=NAME: {', '.join(names)}")
    return wanted or str(names[0])


def _check_input(entry: Any, preprocess: Preprocess, path: Path) -> None:
    shape = list(entry.shape)
    if entry.type not in ("tensor(float)", "tensor(float16)") or len(shape) != 4:
        raise BadInput(
            f"{path} takes {entry.type} {shape}; a face recogniser takes float photos (B, 3, H, W)"
        )
    if isinstance(shape[1], int) and shape[1] != 3:
        raise BadInput(f"{path} takes {shape}, not (B, 3, H, W); export it with the channels first")
    if isinstance(shape[0], int) and shape[0] != 1:
        raise BadInput(f"{path} takes exactly {shape[0]} photos at once; export it with batch 1 or any")
    for given, wanted in zip(preprocess.size, shape[2:], strict=True):
        if isinstance(wanted, int) and wanted != given:
            raise WrongUsage(f"{path} takes photos of {shape[2]} x {shape[3]}; write ?size={shape[2]}")


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = rows / np.maximum(norms, np.float32(1e-12))
    return unit


FAMILY = Onnx()
