"""Image towers of the bundled models: timm's ResNet-10-T at three widths, registered by name.

OpenCLIP builds a timm tower by its registered name, so importing this module is what makes the
bundled configurations loadable by OpenCLIP's own ``create_model``.
"""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet


def _resnet10t(width: int, pretrained: bool, **kwargs: Any) -> ResNet:
    if pretrained:
        raise ValueError("bundled towers have no pretrained weights of their own")
    channels = tuple(width * k for k in (1, 2, 4, 8))
    for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(unused, None)
    tower = ResNet(
        block=BasicBlock,
        layers=(1, 1, 1, 1),
        stem_width=width // 2,
        stem_type="deep_tiered",
        avg_down=True,
        channels=channels,
        **kwargs,
    )
    tower.pretrained_cfg = tower.default_cfg = {"pool_size": (2, 2), "input_size": (3, 64, 64)}
    return tower


@register_model  # type: ignore[untyped-decorator]
def faceprobe_resnet10t_32(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """ResNet-10-T at half its width: 32, 64, 128, 256 channels."""
    return _resnet10t(32, pretrained, **kwargs)


@register_model  # type: ignore[untyped-decorator]
def faceprobe_resnet10t_48(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """ResNet-10-T at three quarters of its width: 48, 96, 192, 384 channels."""
    return _resnet10t(48, pretrained, **kwargs)


@register_model  # type: ignore[untyped-decorator]
def faceprobe_resnet10t_64(pretrained: bool = False, **kwargs: Any) -> ResNet:
    """ResNet-10-T as published: 64, 128, 256, 512 channels."""
    return _resnet10t(64, pretrained, **kwargs)
