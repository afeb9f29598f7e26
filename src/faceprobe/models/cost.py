"""What an image tower costs, computed from its configuration: parameters and multiply-adds.

The formulas count what ``torch.utils.flop_counter`` counts (convolutions and matrix products; no
norms, activations or softmax), so that towers without a formula here can be counted by it on the
meta device. Tests check that both agree, with each other and with the figures published with arXiv 2212.07143
(``arch_info.csv`` of github.com/LAION-AI/scaling-laws-openclip).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NO_FORMULA = (
    "timm_model_name",
    "attentional_pool",
    "block_type",
    "qk_norm",
    "scaled_cosine_attn",
    "scale_heads",
    "scale_attn_inner",
    "scale_attn",
    "scale_fc",
)


@dataclass(frozen=True)
class TowerCost:
    """``n_params`` and ``macs`` (multiply-adds for one photo) of an image tower."""

    n_params: int
    macs: int

    @property
    def gflops(self) -> float:
        """Multiply-adds x 2 in units of 1e9."""
        return round(2 * self.macs / 1e9, 3)


def tower_cost(vision: Mapping[str, Any], dim: int) -> TowerCost | None:
    """The cost of OpenCLIP's ``vision_cfg`` with embedding width ``dim``; None for a tower that has
    no formula here (timm towers, attentional pooling, custom blocks).
    """
    if any(vision.get(k) for k in NO_FORMULA):
        return None
    layers = vision.get("layers", 12)
    return _resnet(vision, dim) if isinstance(layers, list | tuple) else _vit(vision, dim)


def meta_cost(tower: torch.nn.Module, size: tuple[int, int]) -> TowerCost:
    """The cost of ``tower``, counted by running it on the meta device with one empty photo."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        tower(torch.zeros(1, 3, *size, device="meta"))
    return TowerCost(sum(p.numel() for p in tower.parameters()), counter.get_total_flops() // 2)


def side(size: Any) -> tuple[int, int]:
    """An image or patch size, given as a number or as (height, width)."""
    return (int(size[0]), int(size[1])) if isinstance(size, list | tuple) else (int(size), int(size))


def _vit(vision: Mapping[str, Any], dim: int) -> TowerCost:
    """A ViT with n = patches + 1 tokens of width w: a block has 4 w^2 + 2 w m weights (m the MLP's
    width) besides biases and norms, and 4 n w^2 + 2 n w m + 2 n^2 w multiply-adds.
    """
    w, depth = vision.get("width", 768), vision.get("layers", 12)
    m = int(w * vision.get("mlp_ratio", 4.0))
    patch, image = side(vision.get("patch_size", 16)), side(vision.get("image_size", 224))
    cells = (image[0] // patch[0]) * (image[1] // patch[1])
    n, pixels = cells + 1, 3 * patch[0] * patch[1]
    scales = 2 * w if vision.get("ls_init_value") is not None else 0
    block = (4 * w * w + 4 * w) + (2 * w * m + m + w) + 4 * w + scales
    ends = w + n * w + (0 if vision.get("no_ln_pre") else 2 * w) + 2 * w
    params = pixels * w + ends + depth * block + w * dim
    macs = cells * pixels * w + depth * (4 * n * w * w + 2 * n * w * m + 2 * n * n * w) + w * dim
    return TowerCost(params, macs)


def _resnet(vision: Mapping[str, Any], dim: int) -> TowerCost:
    """CLIP's ModifiedResNet (arXiv 2103.00020, section 2.4): three-convolution stem, bottlenecks with
    average pooling in place of strides, and an attention pool over all cells and their mean.
    """
    w, size = vision.get("width", 64), side(vision.get("image_size", 224))[0]
    params = macs = 0

    def conv(inside: int, outside: int, kernel: int, at: int) -> None:
        nonlocal params, macs
        weights = inside * outside * kernel * kernel
        params += weights + 2 * outside  # the batch norm's scale and shift
        macs += weights * at * at

    at = size // 2
    for inside, outside in ((3, w // 2), (w // 2, w // 2), (w // 2, w)):
        conv(inside, outside, 3, at)
    at //= 2
    channels = w
    for stage, blocks in enumerate(vision["layers"]):
        planes = w * 2**stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            conv(channels, planes, 1, at)
            conv(planes, planes, 3, at)
            conv(planes, 4 * planes, 1, at // stride)
            if not block:
                conv(channels, 4 * planes, 1, at // stride)
            at, channels = at // stride, 4 * planes
    n = at * at + 1
    params += (size // 32) ** 2 * channels + channels + 3 * (channels**2 + channels) + (channels + 1) * dim
    macs += 3 * n * channels**2 + 2 * n * n * channels + n * channels * dim
    return TowerCost(params, macs)
