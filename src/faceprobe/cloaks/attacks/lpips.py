"""LPIPS with AlexNet as a perceptual term, from the library ``lpips``, and DSSIM where its weights are
missing.

The library contains its own calibrated layers; AlexNet's ImageNet weights (244 MB) come from torchvision's
cache or download. Without them DSSIM is used instead, and the cloak's id says ``;dssim``.
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
"""First digits of the SHA-256 of that file."""
URL = f"https://download.pytorch.org/models/{FILE}"
REACH_SECONDS = 5.0
"""Time limit for asking whether the server answers."""
SMALLEST = 32
"""Shortest side of a photo, in pixels: AlexNet's strides reduce a smaller one to nothing."""

DSSIM_INSTEAD = (
    "perceptual term: DSSIM instead of LPIPS, because AlexNet's weights are not on this machine; write"
    " ;lpips to fetch them"
)


def weights_file() -> Path:
    """The path at which torchvision keeps AlexNet's weights (``TORCH_HOME`` moves it); it need not exist.

    ``torch.hub`` is asked only if it is loaded already, since listing cloaks must not import torch.
    """
    hub: Any = sys.modules.get("torch.hub")
    if hub is not None:
        return Path(hub.get_dir()) / "checkpoints" / FILE
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(caches, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints" / FILE


def choose(perceptual: str) -> str:
    """``"lpips"`` or ``"dssim"``, as asked for; for "" LPIPS where its weights are on this machine, else
    DSSIM.

    Looks at the cache only, never at the network.
    """
    if perceptual not in ("", "lpips", "dssim"):
        raise WrongUsage(f"unknown perceptual term {perceptual!r}; known: dssim, lpips")
    return perceptual or ("lpips" if weights_file().is_file() else "dssim")


def load_perceptual(which: str, *, device: torch.device, offline: bool) -> tuple[Perceptual, str]:
    """The distance, and a text that identifies its weights.

    Raises :class:`Unreachable` where LPIPS is asked for and AlexNet's weights cannot be fetched, and
    :class:`BadInput` where their file is damaged.
    """
    if which == "dssim":
        return dssim, "dssim"
    file = weights_file()
    if not file.is_file():
        _fetch(file, offline)
    digest = _sha256(file, file.stat().st_mtime_ns)
    if not digest.startswith(PREFIX):
        raise BadInput(f"{file} is damaged (its SHA-256 does not match its name); delete it and try again")
    library: Any = require("lpips", "cloak", "LPIPS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision warns of an argument that the library still uses
        net = library.LPIPS(net="alex", verbose=False)
    net = net.eval().requires_grad_(False).to(device)

    def distance(changed: Tensor, clean: Tensor) -> Tensor:
        value: Tensor = net(2 * changed - 1, 2 * clean - 1)
        return value.flatten()

    return distance, f"lpips {digest}"


def _fetch(file: Path, offline: bool) -> None:
    fix = f"Fetch {URL} elsewhere and put it at {file}, or write ;dssim"
    if offline:
        raise Unreachable(
            f"LPIPS needs AlexNet's weights, they are not on this machine and --offline is set. {fix}"
        )
    import urllib.request

    try:
        request = urllib.request.Request(URL, method="HEAD")
        urllib.request.urlopen(request, timeout=REACH_SECONDS).close()
    except OSError as error:
        raise Unreachable(f"LPIPS needs AlexNet's weights, and {URL} does not answer. {fix}") from error
    hub: Any = require("torch.hub", "encode", "LPIPS")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        hub.download_url_to_file(URL, str(file), hash_prefix=PREFIX, progress=False)
    except (OSError, RuntimeError) as error:
        raise Unreachable(f"AlexNet's weights could not be fetched ({error}). {fix}") from error


@cache
def _sha256(file: Path, modified_ns: int) -> str:
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
