"""Names, unknown names, and cards: all without loading weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faceprobe.core.errors import FaceprobeError, Missing, UnknownName, WrongUsage
from faceprobe.models import MODEL_KINDS, load_model, model_card, parse_model

PAPER = (
    "RN50/openai",
    "RN101/openai",
    "RN50x4/openai",
    "RN50x16/openai",
    "RN50x64/openai",
    "ViT-B-32/openai",
    "ViT-B-16/openai",
    "ViT-L-14/openai",
    "ViT-L-14-336/openai",
    "ViT-B-32/laion2b_s34b_b79k",
    "ViT-B-16/laion2b_s34b_b88k",
    "ViT-L-14/laion2b_s32b_b82k",
    "ViT-H-14/laion2b_s32b_b79k",
    "ViT-g-14/laion2b_s12b_b42k",
    "ViT-g-14/laion2b_s34b_b88k",
    "ViT-bigG-14/laion2b_s39b_b160k",
)


def test_bare_names_are_openclips() -> None:
    name = parse_model("ViT-B-32/openai@pre-projection?flip=sum")
    assert (name.kind, name.body, name.pooling) == ("openclip", "ViT-B-32/openai", "pre-projection")
    assert model_card("openclip:ViT-B-32/openai").id == "ViT-B-32/openai"
    assert model_card("ViT-B-32/openai@projected").id == "ViT-B-32/openai"
    assert model_card(str(name)).id == "ViT-B-32/openai@pre-projection?flip=sum"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("ViT-B-32/opnai", "openai"),
        ("ViT-g-14/laion2b_s12b_b43k", "laion2b_s12b_b42k"),
        ("ViT-B-31/openai", "ViT-B-32/openai"),
        ("onx:face.onnx", "onnx"),
        ("bundeld:clip-s", "bundled"),
        ("random:ViT-B-33", "ViT-B-32"),
        ("local:x?arch=ViT-B-33", None),
        ("hf-hub:laion/scaling-laws-openclip?arch=ViT-B33&file=a.pt", "ViT-B-32"),
        ("ViT-B-32:openai", "ViT-B-32/openai"),
    ],
)
def test_unknown_names_offer_the_nearest(text: str, near: str | None, tmp_path: Path) -> None:
    if near is None:
        (tmp_path / "x").write_bytes(b"")
        text, near = text.replace("local:x", f"local:{tmp_path / 'x'}"), "ViT-B-32"
    for ask in (model_card, lambda t: load_model(t, offline=True)):
        with pytest.raises(UnknownName) as caught:
            ask(text)
        assert caught.value.exit_code == 2
        assert repr(near) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ViT-B-32", "ViT-B-32/TAG"),
        ("pixels", "pixels:32"),
        ("bundled:", "names no model"),
        ("ViT-B-32/openai@cls", "unknown pooling 'cls'"),
        ("ViT-B-32/openai?size=3", "unknown option 'size'"),
        ("ViT-B-32/openai?flip=both", "flip is none or sum"),
        ("RN50/openai@pre-projection", "has no pre-projection"),
        ("RN50x64/openai@pre-projection", "has no pre-projection"),
        ("coca_ViT-B-32/laion2b_s13b_b90k@pre-projection", "has no pre-projection"),
        ("ViT-B-16-SigLIP/webli@pre-projection", "has no pre-projection"),
        ("pixels:32@pre-projection", "has no pre-projection"),
        ("pixels:0", "a side from 2"),
        ("random:ViT-B-32?seed=-1", "seed is a whole number"),
        ("hf-hub:clip", "OWNER/REPO"),
        ("hf-hub:laion/x?file=a.pt", "go together"),
        ("hf-hub:laion/x?arch=ViT-B-32&file=../a.pt", "inside the repository"),
        ("hf:dinov2", "OWNER/REPO"),
        ("ViT-B-32/my.pt", r"is a path.* write local:ViT-B-32/my\.pt\?arch=ViT-B-32$"),
        ("runs/e1/model.safetensors", r"write local:runs/e1/model\.safetensors\?arch=ARCH"),
        ("C:/runs/e1.pt", r"write local:C:/runs/e1\.pt\?arch=ARCH"),
        ("nets/face.onnx", r"write onnx:nets/face\.onnx\?size=112&mean="),
        (str(Path(__file__).parent), "write local:.*hf:.*vectors:"),
        ("open_clip:ViT-B-32/openai", "ARCH/TAG, e.g. 'ViT-B-32/openai'"),
        ("open_clip:ViT-H-14/laion2b", "e.g. 'ViT-H-14/laion2b_s32b_b79k'"),
        ("ViT-B/32", "ARCH/TAG, e.g. 'ViT-B-32/openai'"),
        ("ViT-L/14@336px", "e.g. 'ViT-L-14-336/openai'"),
        ("dinov2", "faceprobe models --search WORD"),
        ("hf-hub:laion/x?quickgelu=1", "are for .arch=ARCH&file=FILE"),
        ("hf-hub:laion/x?arch=ViT-B-32&file=a.pt&mean=127.5", "mean is on 0..1"),
        ("hf-hub:laion/x?arch=ViT-B-32&file=a.pt&std=0", "std is on 0..1"),
    ],
)
def test_wrong_usage_is_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(WrongUsage, match=says) as caught:
        model_card(text)
    assert caught.value.exit_code == 2


def test_a_path_that_is_not_there_is_missing() -> None:
    for text in ("local:nowhere.pt?arch=ViT-B-32", "onnx:nowhere.onnx?size=112", "vectors:nowhere"):
        with pytest.raises(Missing):
            load_model(text)


def test_ids_hold_no_folder_of_this_machine(tiny_folder: Path) -> None:
    card = model_card(f"local:{tiny_folder}")
    assert card.id == "local:clip-tiny"
    assert "/" not in card.id


@pytest.mark.parametrize("text", PAPER)
def test_the_papers_models_have_full_cards(text: str) -> None:
    card = model_card(text)
    assert card.real and card.id == text
    for value in (card.dim, card.n_params, card.gflops, card.image_size, card.width, card.samples_seen):
        assert value is not None and value > 0
    assert card.training_data and card.activation and card.licence and card.download_mb
    assert (card.patch is None) == text.startswith("RN")


def test_activation_is_the_tags() -> None:
    for text, activation in {
        "ViT-B-32/openai": "quickgelu",
        "ViT-B-32-quickgelu/openai": "quickgelu",
        "ViT-B-32/laion400m_e32": "quickgelu",
        "ViT-B-16/laion400m_e32": "gelu",
        "ViT-B-32/laion2b_s34b_b79k": "gelu",
        "ViT-H-14/dfn5b": "quickgelu",
        "RN50/openai": "relu",
    }.items():
        assert model_card(text).activation == activation


def test_pooling_changes_the_width() -> None:
    assert model_card("ViT-L-14/openai").dim == 768
    assert model_card("ViT-L-14/openai@pre-projection").dim == 1024
    assert model_card("convnext_base_w/laion2b_s13b_b82k").dim == 640
    assert model_card("convnext_base_w/laion2b_s13b_b82k@pre-projection").dim == 1024


def test_every_kind_says_how_it_is_written() -> None:
    for kind in MODEL_KINDS:
        family = MODEL_KINDS.get(kind)
        assert family.usage and family.about


def test_cards_need_no_heavy_import() -> None:
    code = (
        "import sys; from faceprobe.models import model_card; model_card('ViT-H-14/laion2b_s32b_b79k');"
        "heavy = {'torch', 'open_clip', 'timm', 'transformers', 'onnxruntime', 'pyarrow', 'scipy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_known_name_has_a_card() -> None:
    for kind in ("openclip", "hf-hub", "hf", "random", "pixels"):
        known = MODEL_KINDS.get(kind).known()
        assert known
        for text in known:
            try:
                assert model_card(text).id == text
            except FaceprobeError as error:
                pytest.fail(f"{text}: {error}")
