"""LPIPS with AlexNet as a perceptual term, from the kept library, and what stands in where it cannot run.

The library ``lpips`` brings its own calibrated layers; AlexNet's ImageNet weights (244 MB) come from
torchvision's cache or download. Without them DSSIM stands in: the cloak's id then says ``;dssim``.
"""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceprobe.cloaks.attacks.perceptual import Perceptual, dssim
from faceprobe.core.errors import BadInput, Unreachable, WrongUsage
from faceprobe.core.extras import require

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FILE = "alexnet-owt-7be5be79.pth"
"""torchvision's ``AlexNet_Weights.IMAGENET1K_V1``."""
PREFIX = "7be5be79"
"""How the SHA-256 of that file begins."""
URL = f"https://download.pytorch.org/models/{FILE}"
REACH_SECONDS = 5.0
SMALLEST = 32
"""Shorter side, in pixels, below which AlexNet's strides leave nothing of a photo."""

STAND_IN = (
    "perceptual term: DSSIM stands in for LPIPS, because AlexNet's weights are not on this machine; write"
    " ;lpips to fetch them"
)


def weights_file() -> Path:
    """Where torchvision keeps AlexNet's weights (``TORCH_HOME`` moves it); it need not exist.

    ``torch.hub`` is asked only where it is loaded already: listing cloaks must not import torch.
    """
    hub: Any = sys.modules.get("torch.hub")
    if hub is not None:
        return Path(hub.get_dir()) / "checkpoints" / FILE
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints" / FILE


def choose(perceptual: str) -> str:
    """``"lpips"`` or ``"dssim"`` as asked for; for "" LPIPS where its weights are on this machine, or DSSIM.

    Looks at the cache only, asks no network.
    """
    if perceptual not in ("", "lpips", "dssim"):
        raise WrongUsage(f"unknown perceptual term {perceptual!r}; known: dssim, lpips")
    return perceptual or ("lpips" if weights_file().is_file() else "dssim")


def load_perceptual(which: str, *, device: torch.device, offline: bool) -> tuple[Perceptual, str]:
    """The distance and a text that identifies its weights.

    Raises :class:`Unreachable` where LPIPS is asked for and AlexNet's weights cannot be had.
    """
    if which == "dssim":
        return dssim, "dssim"
    file = weights_file()
    if not file.is_file():
        _fetch(file, offline)
    digest = _digest(file, file.stat().st_mtime_ns)
    if not digest.startswith(PREFIX):
        raise BadInput(f"{file} is damaged (its SHA-256 does not match its name); delete it and try again")
    library: Any = require("lpips", "cloak", "LPIPS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision, about an argument that the library still uses
        net = library.LPIPS(net="alex", verbose=False)
    net = net.eval().requires_grad_(False).to(device)

    def distance(changed: Tensor, clean: Tensor) -> Tensor:
        value: Tensor = net(2 * changed - 1, 2 * clean - 1)
        return value.flatten()

    return distance, f"lpips {digest}"


def _fetch(file: Path, offline: bool) -> None:
    mend = f"Fetch {URL} elsewhere and put it at {file}, or write ;dssim"
    if offline:
        raise Unreachable(
            f"LPIPS needs AlexNet's weights, they are not on this machine and --offline is set. {mend}"
        )
    import urllib.request

    try:
        question = urllib.request.Request(URL, method="HEAD")
        urllib.request.urlopen(question, timeout=REACH_SECONDS).close()
    except OSError as error:
        raise Unreachable(f"LPIPS needs AlexNet's weights, and {URL} does not answer. {mend}") from error
    hub: Any = require("torch.hub", "encode", "LPIPS")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        hub.download_url_to_file(URL, str(file), hash_prefix=PREFIX, progress=False)
    except (OSError, RuntimeError) as error:
        raise Unreachable(f"AlexNet's weights could not be fetched ({error}). {mend}") from error


@cache
def _digest(file: Path, changed: int) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
