"""ONNX recognisers: the real MobileFaceNet, and small graphs that show each trap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faceprobe.core.errors import BadInput, FaceprobeError, Missing, WrongUsage
from faceprobe.models import load_model, model_card
from faceprobe.models.onnx.graph import OnnxEncoder, count_weights

DECLARED = "size=112&mean=127.5&scale=128&color=rgb&flip=sum"
SIDE = 4


def write_graph(path: Path, batch: int | str = "n", mixing: bool = False, channels: int = 3) -> Path:
    """Flatten and multiply by a fixed (48, 6) matrix; ``mixing`` subtracts the batch's mean first, so
    that a photo's feature depends on its neighbours.
    """
    draw = np.random.default_rng(0)
    matrix = numpy_helper.from_array(
        draw.normal(size=(channels * SIDE**2, 6)).astype(np.float32), name="matrix"
    )
    axes = numpy_helper.from_array(np.array([0], dtype=np.int64), name="axes")
    nodes = [helper.make_node("Flatten", ["x"], ["flat"])]
    if mixing:
        nodes += [
            helper.make_node("ReduceMean", ["flat", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["flat", "half"], ["rest"]),
        ]
        nodes.insert(2, helper.make_node("Mul", ["mean", "factor"], ["half"]))
    nodes.append(helper.make_node("MatMul", ["rest" if mixing else "flat", "matrix"], ["y"]))
    factor = numpy_helper.from_array(np.array(0.5, dtype=np.float32), name="factor")
    graph = helper.make_graph(
        nodes,
        "recogniser",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, channels, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 6])],
        [matrix, axes, factor] if mixing else [matrix],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def photos(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 3, side, side)).astype(np.float32)


def test_mobilefacenet(shared: Path) -> None:
    text = f"onnx:{shared / 'weights' / 'mobilefacenet_112.onnx'}?{DECLARED}"
    encoder = load_model(text, device="cpu")
    assert encoder.id == f"onnx:mobilefacenet_112.onnx?{DECLARED}"
    assert encoder.dim == 128 and encoder.card.default_crop == "aligned-112"
    batch = photos(3, 112)
    rows = encoder.encode_images(batch)
    assert rows.shape == (3, 128) and rows.dtype == np.float32
    assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() < 1e-6
    assert np.array_equal(rows, np.concatenate([encoder.encode_images(p[None]) for p in batch]))
    assert np.allclose(rows, encoder.encode_images(batch[..., ::-1]), atol=1e-5)
    plain = load_model(text.replace("&flip=sum", ""), device="cpu")
    assert np.abs(plain.encode_images(batch) - rows).max() > 1e-3
    assert plain.weights_hash == encoder.weights_hash
    assert plain.preprocess.fingerprint() != encoder.preprocess.fingerprint()


def test_weights_are_counted_as_the_onnx_package_counts_them(shared: Path, tmp_path: Path) -> None:
    for path in (
        shared / "weights" / "mobilefacenet_112.onnx",
        write_graph(tmp_path / "g.onnx", mixing=True),
    ):
        tensors = onnx.load(path).graph.initializer
        floats = [t for t in tensors if t.data_type == TensorProto.FLOAT]
        wanted = sum(int(np.prod(t.dims)) for t in floats)
        assert count_weights(path.read_bytes(), "x") == wanted > 0


def test_declared_values_reach_the_graph(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "g.onnx")
    encoder = load_model(f"onnx:{path}?size=4&mean=10,20,30&scale=2,4,8&color=bgr", device="cpu")
    pixels = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    x = (pixels[..., ::-1].astype(np.float64) - [10, 20, 30]) / [2, 4, 8]
    matrix = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    wanted = x.transpose(2, 0, 1).reshape(1, -1) @ matrix
    rows = encoder.encode_images(encoder.preprocess(pixels)[None])
    assert np.allclose(rows, wanted / np.linalg.norm(wanted), atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "mixing", "batched"), [("n", False, True), (1, False, False), ("n", True, False)]
)
def test_a_photos_vector_does_not_depend_on_its_batch(
    tmp_path: Path, batch: int | str, mixing: bool, batched: bool
) -> None:
    path = write_graph(tmp_path / "g.onnx", batch, mixing)
    encoder = load_model(f"onnx:{path}?size=4", device="cpu")
    assert isinstance(encoder, OnnxEncoder) and encoder.batched is batched
    several = photos(4, SIDE)
    alone = np.concatenate([encoder.encode_images(p[None]) for p in several])
    assert np.allclose(encoder.encode_images(several), alone, atol=1e-5)
    assert encoder.encode_images(several[:0]).shape == (0, 6)


def test_preprocessing_that_is_not_stated_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = write_graph(tmp_path / "g.onnx")
    load_model(f"onnx:{graph}?size=4&color=bgr", device="cpu")
    said = capsys.readouterr().err
    assert "assumed: mean=127.5 scale=127.5;" in said and "?mean=127.5&scale=127.5" in said
    assert "color=" not in said.partition("assumed")[2] and said.count("\n") == 1
    stated = load_model(f"onnx:{graph}?size=4&color=rgb&mean=127.5&scale=127.5", device="cpu")
    assert capsys.readouterr().err == "" and stated.card.assumed == ""
    assert "size=112 mean=127.5 scale=127.5 color=rgb" in model_card(f"onnx:{graph}").assumed


def test_unfitting_graphs_and_options_are_named(tmp_path: Path) -> None:
    good = write_graph(tmp_path / "g.onnx")
    fixed = write_graph(tmp_path / "fixed.onnx", 8)
    grey = write_graph(tmp_path / "grey.onnx", channels=1)
    text = tmp_path / "text.onnx"
    text.write_text("not a graph")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(good.read_bytes()[:-30])
    for name, kind, says in (
        (f"onnx:{good}?size=112", WrongUsage, "size=4"),
        (f"onnx:{good}?size=4&output=z", WrongUsage, "no output 'z'"),
        (f"onnx:{good}?size=a", WrongUsage, "number of pixels"),
        (f"onnx:{good}?size=4&mean=1,2", WrongUsage, "one number or three"),
        (f"onnx:{good}?size=4&scale=0", WrongUsage, "above 0"),
        (f"onnx:{good}?size=4&color=grey", WrongUsage, "rgb, bgr"),
        (f"onnx:{good}?size=4&std=2", WrongUsage, "unknown option 'std'"),
        (f"onnx:{fixed}?size=4", BadInput, "exactly 8 photos"),
        (f"onnx:{grey}?size=4", BadInput, "channels first"),
        (f"onnx:{text}?size=4", BadInput, "text.onnx"),
        (f"onnx:{cut}?size=4", BadInput, "cut.onnx"),
        (f"onnx:{tmp_path / 'absent.onnx'}", Missing, "absent.onnx"),
    ):
        with pytest.raises(kind, match=says) as caught:
            load_model(name, device="cpu")
        assert isinstance(caught.value, FaceprobeError)


def test_weights_in_other_files_are_not_loaded(tmp_path: Path) -> None:
    model = onnx.load(write_graph(tmp_path / "g.onnx"))
    path = tmp_path / "external.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(BadInput, match="other files"):
        model_card(f"onnx:{path}?size=4")
