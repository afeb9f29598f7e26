"""Names of fusions: parts, brackets, weights, and what is wrong with a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceprobe.core.errors import FaceprobeError, WrongUsage
from faceprobe.core.names import parse_name
from faceprobe.models import load_model, model_card
from faceprobe.models.fusion import FIT_DEFAULT, FusionEncoder, parts_of


def test_a_part_in_brackets_keeps_its_own_options() -> None:
    text = "fusion:(onnx:a/face.onnx?size=112&flip=sum)+ViT-B-32/openai+(hf:x@pre-projection)?weights=2,1,1"
    name = parse_name(text)
    assert name.options == {"weights": "2,1,1"} and name.pooling == ""
    assert parts_of(name) == [
        "onnx:a/face.onnx?size=112&flip=sum",
        "ViT-B-32/openai",
        "hf:x@pre-projection",
    ]


def test_other_names_may_hold_brackets() -> None:
    name = parse_name("folder:my (old) photos?a=1")
    assert (name.body, name.options) == ("my (old) photos", {"a": "1"})


def test_weights_sum_to_one_and_are_in_card_and_hash() -> None:
    first = load_model("fusion:pixels:8+hog:64?weights=3,1")
    same = load_model("fusion:pixels:8+hog:64?weights=0.75,0.25")
    even = load_model("fusion:pixels:8+hog:64")
    assert isinstance(first, FusionEncoder) and isinstance(even, FusionEncoder)
    assert first.weights == (0.75, 0.25) and even.weights == (0.5, 0.5)
    assert first.weights_hash == same.weights_hash != even.weights_hash
    assert "0.75 pixels:8, 0.25 hog:64" in first.card.notes
    assert first.dim == 64 + 1764 == model_card("fusion:pixels:8+hog:64").dim
    assert first.id == "fusion:pixels:8+hog:64?weights=3,1" and not first.card.real


def test_an_id_names_no_folder_of_this_machine() -> None:
    card = model_card("fusion:(vectors:/some/where/v?real=1)+pixels:8?fit=folder:/else/where/people")
    assert card.id == "fusion:(vectors:v?real=1)+pixels:8?fit=folder:people"


def test_fit_synthetic_is_the_train_split() -> None:
    encoder = load_model("fusion:pixels:8+hog:64?fit=synthetic")
    assert isinstance(encoder, FusionEncoder) and encoder.fit == FIT_DEFAULT and "split=train" in FIT_DEFAULT
    with pytest.raises(WrongUsage, match="fitted when it embeds"):
        _ = encoder.weights_hash


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("fusion:pixels:8", "at least two"),
        ("fusion:pixels:8+", "at least two"),
        ("fusion:pixels:8+hog:64?weights=1", "2 numbers"),
        ("fusion:pixels:8+hog:64?weights=0,0", "2 numbers"),
        ("fusion:pixels:8+hog:64?weights=1,-1", "2 numbers"),
        ("fusion:pixels:8+hog:64?weights=1,nan", "2 numbers"),
        ("fusion:pixels:8+hog:64?weights=1,x", "2 numbers"),
        ("fusion:pixels:8+hog:64?weights=1,1&fit=synthetic", "either weights"),
        ("fusion:pixels:8+hog:64?fit=", "either weights"),
        ("fusion:pixels:8+hog:64?crops=mine", "same or own"),
        ("fusion:pixels:8+hog:64?size=3", "unknown option"),
        ("fusion:pixels:8+nothing:3", "unknown model kind"),
        ("fusion:pixels:8+(fusion:pixels:8+hog:64)", "fusion of fusions"),
        ("fusion:pixels:8+hog:64@pre-projection", "pre-projection"),
    ],
)
def test_a_wrong_name_is_one_clear_line(text: str, match: str) -> None:
    with pytest.raises(FaceprobeError, match=match) as caught:
        model_card(text)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_what_is_assumed_of_a_part_is_on_the_card(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    file.write_bytes(b"")
    assumed = model_card(f"fusion:pixels:8+(local:{file}?arch=ViT-B-32&quickgelu=1)").assumed
    assert (
        assumed.startswith("local:own.safetensors?arch=ViT-B-32&quickgelu=1: ") and "mean and std" in assumed
    )
    assert not model_card("fusion:pixels:8+hog:64").assumed


def test_it_does_not_encode_photos_itself() -> None:
    import numpy as np

    with pytest.raises(WrongUsage, match="embed a dataset"):
        load_model("fusion:pixels:8+hog:64").encode_images(np.zeros((1, 3, 1, 1), np.float32))
