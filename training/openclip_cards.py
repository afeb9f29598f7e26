"""Write ``models/openclip/data/openclip.json`` of the package: what is known of models without weights.

    python training/openclip_cards.py

Towers come from the installed open_clip (built on the meta device where no formula exists), training
data, samples seen and licences from the tags and from the tables below. A test compares the file with
the installed open_clip, so a new release that changes a model is noticed.
"""

from __future__ import annotations

import logging
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import get_model_config
from open_clip.model import _build_vision_tower
from open_clip.pretrained import get_pretrained_cfg

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import write_json
from faceprobe.core.names import Name
from faceprobe.models.cost import meta_cost, side, tower_cost
from faceprobe.models.openclip.build import pre_projection

TARGET = Path(str(files("faceprobe.models.openclip") / "data" / "openclip.json"))

DATA = (  # the first pattern found in the tag
    ("mscoco_finetuned_laion2b", "LAION-2B-en, then MS COCO"),
    ("laion_aesthetic", "LAION-Aesthetic"),
    ("laion400m", "LAION-400M"),
    ("laion2b", "LAION-2B-en"),
    ("laion5b", "LAION-5B"),
    ("merged2b", "Merged-2B (LAION-2B and COYO-700M)"),
    ("datacomp_xl", "DataComp-1B"),
    ("datacomp_l", "DataComp-L"),
    ("datacomp_m", "DataComp-M"),
    ("datacomp_s34b", "DataComp-1B"),
    ("datacomp_s", "DataComp-S"),
    ("datacompdr", "DataCompDR-1B"),
    ("datacomp1b", "DataComp-1B"),
    ("dfndr2b", "DFNDR-2B"),
    ("dfn2b", "DFN-2B"),
    ("dfn5b", "DFN-5B"),
    ("metaclip_400m", "MetaCLIP-400M"),
    ("metaclip_fullcc", "MetaCLIP-2.5B"),
    ("metaclip_altogether", "MetaCLIP, Altogether captions"),
    ("metaclip2_worldwide", "MetaCLIP 2, worldwide"),
    ("openai", "OpenAI WIT-400M (not public)"),
    ("webli", "WebLI (not public)"),
    ("yfcc15m", "YFCC-15M"),
    ("cc12m", "CC-12M"),
    ("meta", "Meta PE data (not public)"),
)

SAMPLES: dict[str, float] = {  # what the tag does not say; epochs x size of the data
    "openai": 32 * 400e6,  # arXiv 2103.00020, section 2.5: 32 epochs of 400 million pairs
    "laion400m_e31": 31 * 400e6,
    "laion400m_e32": 32 * 400e6,
    "laion2b_e16": 16 * 2e9,
    "yfcc15m": 32 * 15e6,
    "metaclip_400m": 12.8e9,  # arXiv 2309.16671: the budget of OpenAI's CLIP at both sizes of data
    "metaclip_fullcc": 12.8e9,
}

FAMILIES = (  # the first pattern found in "arch/tag"
    ("nllb-clip", "NLLB-CLIP", ""),
    ("SigLIP2", "SigLIP 2", "Apache-2.0"),
    ("SigLIP", "SigLIP", "Apache-2.0"),
    ("CLIPA", "CLIPA", ""),
    ("EVA0", "EVA-CLIP", "MIT"),
    ("MobileCLIP2", "MobileCLIP2", "apple-amlr"),
    ("MobileCLIP", "MobileCLIP", "apple-amlr"),
    ("ViTamin", "ViTamin", ""),
    ("PE-Core", "Perception Encoder", "Apache-2.0"),
    ("metaclip", "MetaCLIP", "CC-BY-NC-4.0"),
    ("dfn", "DFN", "apple-amlr"),
    ("openai", "OpenAI", "MIT"),
    ("coca_", "CoCa LAION", "MIT"),
    ("datacomp", "DataComp", "MIT"),
    ("commonpool", "CommonPool", "MIT"),
    ("laion", "LAION", "MIT"),
    ("yfcc15m", "YFCC", ""),
    ("cc12m", "CC12M", ""),
)

STUDY = {  # the four models of arXiv 2212.07143 that are tags; the rest is scaling_study.json
    "ViT-B-16/laion400m_e32": ("400M", "13B"),
    "ViT-L-14/laion2b_s32b_b82k": ("2B", "34B"),
    "ViT-H-14/laion2b_s32b_b79k": ("2B", "34B"),
    "ViT-g-14/laion2b_s12b_b42k": ("2B", "13B"),
}


def document() -> dict[str, Any]:
    """The whole file as an object."""
    names = sorted(f"{arch}/{tag}" for arch, tag in open_clip.list_pretrained())
    arches = sorted({n.split("/")[0] for n in names} | set(open_clip.list_models()))
    towers = {arch: tower(arch) for arch in arches}
    return {
        "open_clip": open_clip.__version__,
        "towers": {k: v for k, v in towers.items() if v},
        "models": {n: model(n) for n in names},
    }


def tower(arch: str) -> dict[str, Any] | None:
    """An architecture's image tower; None where this open_clip cannot build it."""
    import torch

    config = get_model_config(arch)
    vision, dim = (
        {**config["vision_cfg"], "timm_model_pretrained": False, "output_tokens": False},
        config["embed_dim"],
    )
    size = side(vision.get("image_size", 224))
    try:
        with torch.device("meta"):
            visual: Any = _build_vision_tower(dim, vision).eval()
            cost = tower_cost(vision, dim) or meta_cost(visual, size)
    except Exception as error:
        print(f"  no tower: {arch}: {error}")
        return None
    resnet = isinstance(vision.get("layers"), list)
    patch, width = (None if resnet else vision.get("patch_size", 16)), vision.get("width", 768)
    if vision.get("timm_model_name"):
        grid = getattr(getattr(visual.trunk, "patch_embed", None), "patch_size", None)
        patch, width = (int(grid[0]) if grid and grid[0] >= 8 else None), int(visual.trunk.num_features)
    return {
        "kind": "timm" if vision.get("timm_model_name") else "resnet" if resnet else "vit",
        "dim": dim,
        "pre_projection": _pre_projection(visual),
        "n_params": cost.n_params,
        "gflops": cost.gflops,
        "patch": patch,
        "image_size": size[0],
        "width": width,
        "quick_gelu": bool(config.get("quick_gelu", False)),
        "total_params": _total_params(arch, cost.n_params),
    }


def model(name: str) -> dict[str, Any]:
    """A pretrained tag of an architecture."""
    arch, tag = name.split("/")
    listed = get_pretrained_cfg(arch, tag)
    family, licence = next((f, li) for pattern, f, li in FAMILIES if pattern in name)
    repo, _, file = listed["hf_hub"].rpartition("/")
    found: dict[str, Any] = {
        "family": family,
        "training_data": _data(tag),
        "samples_seen": samples_seen(tag),
        "quick_gelu": bool(listed.get("quick_gelu", False)),
        "licence": licence,
        "repo": repo,
    }
    if file:
        found["file"] = file
    if name in STUDY:
        data, samples = STUDY[name]
        found["scaling_study"] = {"data": data, "samples": samples}
    return found


def samples_seen(tag: str) -> float | None:
    """Training samples by the tag: ``s34b`` is 34e9; some tags are listed above; else not known."""
    if tag in SAMPLES:
        return SAMPLES[tag]
    written = re.search(r"_s(\d+)([bm])(_|$)", tag)
    return int(written[1]) * (1e9 if written[2] == "b" else 1e6) if written else None


def _data(tag: str) -> str:
    pool = re.match(r"commonpool_(xl|[lms])(?:_(clip|laion|image|text|basic))?_s\d", tag)
    if pool:
        return f"CommonPool-{pool[1].upper()}" + (f", {pool[2]} filter" if pool[2] else ", no filter")
    return next((data for pattern, data in DATA if pattern in tag), "")


def _pre_projection(visual: Any) -> int | None:
    """Width of the embedding before the projection; None for a tower that has none."""
    try:
        return pre_projection(visual, Name("", "tower"))[1]
    except WrongUsage:
        return None


def _total_params(arch: str, image: int) -> int | None:
    """Parameters of the whole model; None for a text tower whose shape lies on the hub."""
    import torch

    if get_model_config(arch)["text_cfg"].get("hf_model_name"):
        return None
    with torch.device("meta"):  # the argument alone would build it in memory first
        both = open_clip.create_model(arch, load_weights=False, pretrained_text=False, device="meta")
    total = sum(p.numel() for p in both.parameters())
    assert total > image
    return total


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    write_json(TARGET, document())
    print(f"wrote {TARGET}")
