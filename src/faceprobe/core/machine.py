"""What machine a number was measured on: for manifests, benchmarks and ``faceprobe doctor``."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIGHT = (
    "numpy",
    "numba",
    "pyarrow",
    "filelock",
    "pillow",
    "typer",
    "rich",
    "pydantic",
    "pyyaml",
    "jinja2",
)
"""Distributions that every installation has."""

ENCODE = (
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "transformers",
    "huggingface_hub",
    "pooch",
    "safetensors",
    "opencv-python-headless",
    "onnxruntime",
    "scipy",
)
"""Distributions that the extra ``encode`` adds."""

STAND_INS = {
    "opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "onnxruntime": ("onnxruntime-gpu", "onnxruntime-openvino"),
}
"""Other distributions that bring the same module."""


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> dict[str, Any]:
    """CPU model, cores (those this process may use), memory in GiB, system, Python, accelerators."""
    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "memory_gib": _memory_gib(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "accelerators": accelerators(),
    }


def versions() -> dict[str, str]:
    """Installed version of faceprobe and of each known dependency that is there."""
    from faceprobe import __version__

    found = {"faceprobe": __version__}
    for name in (*LIGHT, *ENCODE):
        installed = installed_version(name)
        if installed:
            found[name] = installed
    return found


def installed_version(distribution: str) -> str:
    """Version of an installed distribution, "" where it is absent; nothing is imported."""
    for name in (distribution, *STAND_INS.get(distribution, ())):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""


def accelerators() -> list[str]:
    """Names of the CUDA and Apple devices that torch sees; empty where torch is not loaded."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return []
    names = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return names + (["Apple GPU (mps)"] if torch.backends.mps.is_available() else [])


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(total / 2**30, 1)
