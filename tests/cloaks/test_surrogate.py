"""Surrogates: any differentiable encoder, ONNX recognisers converted; the rest refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from faceprobe.cloaks import with_surrogate
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates, surrogate_hash
from faceprobe.cloaks.photos.in_memory import cloak_images
from faceprobe.core.errors import BadInput, Missing, WrongUsage
from faceprobe.models import load_model
from faceprobe.models.own import encoder
from faceprobe.models.torch_encoder import TorchEncoder
from tests.helpers.cloak_faces import synthetic

DECLARED = "size=112&mean=127.5&scale=128&color=rgb&flip=sum"
SIDE = 8


def write_graph(path: Path, *, op: str = "Relu", shape: tuple[int, ...] = (1, -1), batch: int = 1) -> Path:
    """A convolution, ``op``, a Reshape to ``shape`` and a product: the export's batch in the Reshape."""
    draw = np.random.default_rng(0)
    tensors = {
        "kernel": draw.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "shape": np.array(shape, dtype=np.int64),
        "matrix": draw.normal(size=(4 * (SIDE - 2) ** 2, 6)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["maps"], kernel_shape=[3, 3]),
        helper.make_node(op, ["maps"], ["bent"]),
        helper.make_node("Reshape", ["bent", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 6])],
        [numpy_helper.from_array(t, n) for n, t in tensors.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    return path


def one(text: str) -> Surrogate:
    return load_surrogates([text], device="cpu")[0]


def faces(n: int, side: int = 112) -> torch.Tensor:
    return torch.rand((n, 3, side, side), generator=torch.Generator().manual_seed(n))


def check_gradient(surrogate: Surrogate, side: int = 112) -> None:
    """The gradient is that of the features: a small step along it moves them as far as it says."""
    x = faces(2, side).requires_grad_(True)
    goal = surrogate.features(faces(3, side)[:2]).detach()
    (gradient,) = torch.autograd.grad((surrogate.features(x) * goal).sum(), x)
    assert bool((gradient.flatten(1).norm(dim=1) > 0).all())
    step = 1e-2 * gradient / gradient.norm()
    with torch.no_grad():
        up, down = ((surrogate.features(x + s) * goal).sum() for s in (step, -step))
    assert float(up - down) == pytest.approx(2 * float((gradient * step).sum()), rel=0.05)


def test_mobilefacenet_converted_equals_onnxruntime(shared: Path) -> None:
    """To 1e-4 a unit feature's value; three photos together as each alone; gradients flow."""
    text = f"onnx:{shared / 'weights' / 'mobilefacenet_112.onnx'}?{DECLARED}"
    surrogate, measured = one(text), load_model(text, device="cpu")
    photos = faces(3)
    normalised = ((photos * 255 - 127.5) / 128).numpy()
    wanted = measured.encode_images(normalised)
    with torch.no_grad():
        together = surrogate.features(photos).numpy()
        alone = np.concatenate([surrogate.features(photos[k : k + 1]).numpy() for k in range(3)])
    assert together.shape == (3, 128)
    assert np.abs(together - wanted).max() < 1e-4 and np.abs(alone - wanted).max() < 1e-4
    assert surrogate.size == (112, 112) and surrogate.id == measured.id
    check_gradient(surrogate)


@pytest.mark.parametrize("shape", [(1, -1), (1, 4 * (SIDE - 2) ** 2), (-1, 4 * (SIDE - 2) ** 2)])
def test_a_batch_of_one_built_into_a_reshape_is_freed(tmp_path: Path, shape: tuple[int, ...]) -> None:
    text = f"onnx:{write_graph(tmp_path / 'g.onnx', shape=shape)}?size={SIDE}"
    surrogate, measured = one(text), load_model(text, device="cpu")
    batch = np.random.default_rng(1).normal(size=(5, 3, SIDE, SIDE)).astype(np.float32)
    wanted = np.concatenate([measured.encode_images(b[None]) for b in batch])
    assert np.abs(surrogate.encoder.encode_images(batch) - wanted).max() < 1e-4
    check_gradient(surrogate, SIDE)


def test_a_graph_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "odd.onnx", op="Mish")
    with pytest.raises(BadInput, match=r"odd\.onnx"):
        one(f"onnx:{path}?size={SIDE}")


def test_a_missing_onnx_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"gone\.onnx"):
        one(f"onnx:{tmp_path / 'gone.onnx'}")


@pytest.mark.parametrize("text", ["pixels:32", "hog:112"])
def test_models_without_gradients_are_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match=f"{text} has no gradients"):
        one(text)


@pytest.mark.parametrize("name", ["face", "clip-s"])
def test_bundled_models_are_surrogates(name: str) -> None:
    """Of a face at the encoder's own size the features are those that the encoder is measured with."""
    surrogate = one(f"bundled:{name}")
    side = surrogate.size[0]
    pixels = np.random.default_rng(2).integers(0, 256, (2, side, side, 3)).astype(np.uint8)
    wanted = surrogate.encoder.encode_images(surrogate.encoder.preprocess.normalise(pixels))
    with torch.no_grad():
        found = surrogate.features(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255).numpy()
    assert np.abs(found - wanted).max() < 1e-5
    check_gradient(surrogate)


def test_a_random_openclip_architecture_is_a_surrogate() -> None:
    surrogate = one("random:ViT-S-32-alt?seed=3")
    with torch.no_grad():
        rows = surrogate.features(faces(2))
    assert rows.shape == (2, surrogate.encoder.dim) and torch.allclose(rows.norm(dim=1), torch.ones(2))
    assert surrogate.encoder.card.default_crop == "as-is"
    x = faces(1).requires_grad_(True)
    (gradient,) = torch.autograd.grad(surrogate.features(x)[0, 0], x)
    assert float(gradient.norm()) > 0


def test_faces_of_any_size_are_scaled_with_antialiasing() -> None:
    surrogate = one("bundled:clip-s")
    stripes = torch.zeros(1, 3, 256, 256)
    stripes[..., ::2] = 1  # finer than the encoder sees: an even grey once scaled properly
    assert float((surrogate.resized(stripes) - 0.5).abs().max()) < 0.05
    small = faces(1, 20)
    assert surrogate.resized(small).shape[2:] == surrogate.size
    own = faces(1, surrogate.size[0])
    assert surrogate.resized(own) is own


def test_weights_are_frozen_and_hashed() -> None:
    face, clip = load_surrogates(["bundled:face", "bundled:clip-s"], device="cpu")
    assert isinstance(face.encoder, TorchEncoder)
    assert not any(p.requires_grad for p in face.encoder.module.parameters())
    assert surrogate_hash([face]) != surrogate_hash([clip]) != surrogate_hash([clip, face])
    assert surrogate_hash([face, clip]) != surrogate_hash([clip, face])
    before = surrogate_hash([face])
    face.encoder.module.to(memory_format=torch.channels_last)
    del face.encoder.__dict__["weights_hash"], face.__dict__["fingerprint"]
    assert surrogate_hash([face]) == before


@pytest.mark.parametrize("stem", ["fawkes-1.0.2-low", "pgd", "noise[pgd]"])
def test_a_users_own_encoder_is_a_surrogate_and_stays_as_it_was(stem: str) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, stride=4), torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(5832, 16)
    )
    steps = {"size": (112, 112), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
    own = encoder(module, steps, id="own-surrogate", default_crop="aligned-112", device="cpu")
    inputs = np.random.default_rng(0).random((3, 3, 112, 112), dtype=np.float32)
    before, strides = own.encode_images(inputs), module[0].weight.stride()
    name = with_surrogate(stem, "own:own-surrogate")
    (done,) = cloak_images(synthetic(1, 1)[0].photo, name, device="cpu")
    assert done.changed and "[own-surrogate]" in done.cloak
    assert done.cosine is not None and done.cosine < 1
    assert np.array_equal(own.encode_images(inputs), before)
    (surrogate,) = load_surrogates(["own:own-surrogate"], device="cpu")
    assert surrogate.shared and surrogate.encoder is own
    assert surrogate.encoder.module[0].weight.stride() == strides
