"""ONNX face recognisers converted to torch modules, so that a cloak can differentiate through them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceprobe.core.errors import BadInput
from faceprobe.core.extras import require
from faceprobe.models import parse_model
from faceprobe.models.onnx.family import FAMILY, preprocess_of
from faceprobe.models.onnx.graph import OnnxEncoder
from faceprobe.models.torch_encoder import TorchEncoder, count_params

if TYPE_CHECKING:
    from torch import Tensor

AGREE = 1e-4
"""Largest difference of a value of a unit feature between onnxruntime and the converted module."""


def load_onnx(text: str, device: str = "auto") -> TorchEncoder:
    """The recogniser that ``text`` (``onnx:PATH?...``) names, converted by onnx2torch.

    Exporters often write the batch size of the export, 1, into a Reshape; it is rewritten to any size. The
    converted module is then compared with onnxruntime on single photos and on a batch. Raises
    :class:`BadInput` where the file cannot be converted or gives other features.
    """
    name = parse_model(text)
    path = Path(name.body)
    measured = FAMILY.load(name, device="cpu", offline=True)  # checks path and options first
    assert isinstance(measured, OnnxEncoder)
    preprocess = preprocess_of(name)
    module = _converted(path, name.option("output", ""))
    encoder = TorchEncoder(
        module,
        lambda x: _rows(module(x)),
        card=measured.card,
        preprocess=preprocess,
        dim=measured.dim,
        n_params=count_params(module),
        options={"converted": "onnx2torch"},
        device=device,
    )
    _check_same(encoder, measured, path)
    return encoder


def _converted(path: Path, output: str) -> Any:
    onnx: Any = require("onnx", "cloak", "an ONNX recogniser as surrogate")
    onnx2torch: Any = require("onnx2torch", "cloak", "an ONNX recogniser as surrogate")
    try:
        model = onnx.load(str(path), load_external_data=False)
        if output:
            keep = [o for o in model.graph.output if o.name == output]
            del model.graph.output[:]
            model.graph.output.extend(keep)
        _free_batch(model, onnx)
        return onnx2torch.convert(model)
    except Exception as error:  # converter and checker raise nearly anything
        raise BadInput(
            f"{path} cannot be converted to torch ({type(error).__name__}: {error}); it can be measured, but"
            " not be a surrogate"
        ) from error


def _free_batch(model: Any, onnx: Any) -> None:
    """Allow any batch size: in the inputs and outputs of the graph, and in each Reshape whose shape begins
    with a fixed 1.
    """
    graph = model.graph
    for entry in (*graph.input, *graph.output):
        dims = entry.type.tensor_type.shape.dim
        if len(dims):
            dims[0].dim_param = "batch"
    shapes = {n.input[1] for n in graph.node if n.op_type == "Reshape" and len(n.input) > 1}
    for tensor in graph.initializer:
        if tensor.name in shapes:
            tensor.CopyFrom(_freed(tensor, onnx))
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in shapes:
            for attribute in node.attribute:
                if attribute.name == "value":
                    attribute.t.CopyFrom(_freed(attribute.t, onnx))


def _freed(tensor: Any, onnx: Any) -> Any:
    shape = onnx.numpy_helper.to_array(tensor).astype(np.int64)
    if shape.ndim == 1 and len(shape) > 1 and shape[0] == 1:
        shape = np.concatenate([[0], shape[1:]])  # 0 copies the dimension of the input
    return onnx.numpy_helper.from_array(shape, tensor.name)


def _rows(features: Tensor) -> Tensor:
    return features.flatten(1)


def _check_same(encoder: TorchEncoder, measured: OnnxEncoder, path: Path) -> None:
    photos = np.random.default_rng(0).random((3, 3, *encoder.preprocess.size)).astype(np.float32) * 2 - 1
    wanted = np.concatenate([measured.encode_images(photos[k : k + 1]) for k in range(3)])
    try:
        together = encoder.encode_images(photos)
        alone = np.concatenate([encoder.encode_images(photos[k : k + 1]) for k in range(3)])
    except RuntimeError as error:
        raise BadInput(f"{path}, converted to torch, does not take several photos: {error}") from error
    for found in (together, alone):
        if found.shape != wanted.shape or np.abs(found - wanted).max() > AGREE:
            raise BadInput(f"{path} gives other features after conversion to torch; it cannot be a surrogate")
