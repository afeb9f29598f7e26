"""An ONNX graph as an encoder: run by onnxruntime, its weights counted and hashed from the file."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_bytes, sha256_json
from faceprobe.models.base import ModelCard
from faceprobe.models.preprocess import Preprocess

WEIGHTS = ("FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8")
"""Data types of weights, the last two in quantised graphs; other integer tensors are shapes and indices."""

AGREE = 1e-3
"""Largest difference between a photo's unit row in a batch and alone for which batches are used."""


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


def count_weights(data: bytes, where: str) -> int:
    """How many numbers the initializers of an ONNX file hold.

    :class:`BadInput` where ``data`` is not an ONNX file, or keeps its weights in other files, which a hash
    of this file would not cover; ``where`` names the file.
    """
    onnx: Any = require("onnx", "encode", "an ONNX model")
    from google.protobuf.message import DecodeError

    try:
        tensors = onnx.load_model_from_string(data).graph.initializer
    except DecodeError as error:
        raise BadInput(f"{where} is not a whole ONNX file; fetch or export it again") from error
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in tensors):
        raise BadInput(f"{where} keeps its weights in other files; save it as one file")
    kinds = [onnx.TensorProto.DataType.Value(name) for name in WEIGHTS]
    return sum(prod(tensor.dims) for tensor in tensors if tensor.data_type in kinds)


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
