"""The data behind the cards: against the installed open_clip, published figures and golden shapes."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from faceprobe.models import model_card
from faceprobe.models.cost import meta_cost, side, tower_cost
from faceprobe.models.openclip.cards import catalogue, scaling_study

ROOT = Path(__file__).resolve().parents[2]

PUBLISHED = {
    # arch_info.csv of github.com/LAION-AI/scaling-laws-openclip: image tower, M parameters and GMACs.
    # Its multiply-adds also count norms, which are within 1 %.
    "ViT-B-32": (87.85, 4.41),
    "ViT-B-16": (86.19, 17.58),
    "ViT-B-16-plus-240": (117.21, 27.41),
    "ViT-L-14": (303.97, 81.08),
    "ViT-L-14-336": (304.29, 191.1),
    "ViT-H-14": (632.08, 167.4),
    "ViT-g-14": (1012.65, 267.18),
    "ViT-bigG-14": (1844.91, 483.96),
    "RN50": (38.32, 6.14),
    "RN101": (56.26, 9.81),
    "RN50x4": (87.14, 21.35),
    "RN50x16": (167.33, 74.9),
}

SMALL = ("ViT-B-32", "RN50", "ViT-B-32-quickgelu")
LARGE = ("RN50x4", "RN50x64", "ViT-L-14", "ViT-L-14-336", "ViT-H-14", "ViT-g-14", "ViT-bigG-14")
OTHERS = ("convnext_base_w", "coca_ViT-B-32", "ViT-B-16-SigLIP", "EVA02-B-16", "ViT-L-14-CLIPA")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "training" / "openclip_cards.py"
    spec = importlib.util.spec_from_file_location("openclip_cards_generator", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_data_lists_what_the_installed_open_clip_lists(generator: ModuleType) -> None:
    import open_clip

    assert set(catalogue()["models"]) == {"/".join(pair) for pair in open_clip.list_pretrained()}
    assert set(catalogue()["towers"]) <= set(open_clip.list_models())
    for name, written in catalogue()["models"].items():
        assert written == generator.model(name)


@pytest.mark.parametrize("arch", SMALL + OTHERS)
def test_data_holds_what_the_installed_open_clip_builds(arch: str, generator: ModuleType) -> None:
    logging.disable(logging.WARNING)
    try:
        assert catalogue()["towers"][arch] == generator.tower(arch)
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("arch", SMALL + LARGE)
def test_formulas_count_what_torch_counts(arch: str) -> None:
    import torch
    from open_clip import get_model_config
    from open_clip.model import _build_vision_tower

    config = get_model_config(arch)
    with torch.device("meta"):
        tower = _build_vision_tower(config["embed_dim"], config["vision_cfg"]).eval()
    cost = tower_cost(config["vision_cfg"], config["embed_dim"])
    assert cost == meta_cost(tower, side(config["vision_cfg"]["image_size"]))
    written = catalogue()["towers"][arch]
    assert cost is not None and (written["n_params"], written["gflops"]) == (cost.n_params, cost.gflops)


@pytest.mark.parametrize(("arch", "published"), PUBLISHED.items())
def test_sizes_are_the_published_ones(arch: str, published: tuple[float, float]) -> None:
    tower = catalogue()["towers"][arch]
    assert round(tower["n_params"] / 1e6, 2) == published[0]
    assert tower["gflops"] / 2 == pytest.approx(published[1], rel=0.01)


def test_every_model_belongs_to_a_tower_and_a_repository() -> None:
    for name, model in catalogue()["models"].items():
        assert name.split("/")[0] in catalogue()["towers"]
        assert model["repo"].count("/") == 1


@pytest.mark.parametrize(
    ("tag", "samples"),
    [
        ("openai", 12.8e9),
        ("laion2b_s34b_b88k", 34e9),
        ("laion2b_s12b_b42k", 12e9),
        ("laion400m_e32", 12.8e9),
        ("laion400m_e31", 12.4e9),
        ("datacomp_s_s13m_b4k", 13e6),
        ("commonpool_xl_clip_s13b_b90k", 13e9),
        ("dfn2b_s39b", 39e9),
        ("laion2b_s29b_b131k_ft_soup", 29e9),
        ("dfn2b", None),
    ],
)
def test_samples_seen_come_from_the_tag(tag: str, samples: float | None, generator: ModuleType) -> None:
    assert generator.samples_seen(tag) == samples


def test_the_scaling_study_has_its_29_models() -> None:
    study = scaling_study()
    assert len(study) == 29
    cells = {(m["arch"], m["data"], m["samples"]) for m in study.values()}
    grid = {
        (arch, data, samples)
        for arch in ("ViT-B-32", "ViT-B-16", "ViT-L-14")
        for data in ("80M", "400M", "2B")
        for samples in ("3B", "13B", "34B")
    }
    assert cells == grid | {("ViT-H-14", "2B", "34B"), ("ViT-g-14", "2B", "13B")}
    bounds = {"3B": (2e9, 3e9), "13B": (12e9, 14e9), "34B": (31e9, 35e9)}
    for text, model in study.items():
        card = model_card(text)
        low, high = bounds[model["samples"]]
        assert low <= model["samples_seen"] <= high
        assert card.samples_seen is not None and low <= card.samples_seen <= high
        assert card.extra["scaling_study"] == {"data": model["data"], "samples": model["samples"]}
        assert card.training_data.startswith("LAION") and card.real


def test_openais_tensors_are_those_of_the_golden_list(shared: Path) -> None:
    import torch
    from open_clip import create_model

    golden: dict[str, Any] = json.loads(
        (shared / "data" / "clip_golden" / "numpyclip" / "ViT-B-32.json").read_text()
    )
    stored = {k: tuple(v["shape"]) for k, v in golden.items() if "shape" in v}
    heads = {k.removesuffix(".num_heads"): v["value"] for k, v in golden.items() if "value" in v}
    for extra in ("input_resolution", "context_length", "vocab_size"):
        assert stored.pop(extra) == ()
    with torch.device("meta"):
        model = create_model("ViT-B-32", load_weights=False, device="meta")
    assert {k: tuple(v.shape) for k, v in model.state_dict().items()} == stored
    assert len(heads) == 24
    for path, number in heads.items():
        assert model.get_submodule(path).num_heads == number
    visual = sum(_product(s) for k, s in stored.items() if k.startswith("visual."))
    assert visual == catalogue()["towers"]["ViT-B-32"]["n_params"]


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total
