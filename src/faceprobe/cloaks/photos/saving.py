"""What saving a cloaked photo as JPEG costs: the loss of pixels, and of the cloak's effect."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from faceprobe.cloaks.base import Pixels
from faceprobe.cloaks.photos.barely_changed import change_of
from faceprobe.cloaks.photos.files import Original, render
from faceprobe.cloaks.photos.formats import FileFormat
from faceprobe.cloaks.photos.visibility import psnr
from faceprobe.data.photo import decode_image

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate


@dataclass(frozen=True)
class SavingLoss:
    """``psnr_saved`` (dB) compares the cloaked photo with its saved file; None where both are equal.

    ``cosine_lossless`` in [-1, 1] is the similarity of the clean and the cloaked face under the surrogate
    before saving, ``cosine_saved`` that of the clean photo saved in the same way and the saved cloaked one.
    Both are None without a surrogate or a face that it can use.
    """

    psnr_saved: float | None = None
    cosine_lossless: float | None = None
    cosine_saved: float | None = None


class HasLoss(Protocol):
    """What :func:`saving_summary` reads of a photo: the fields of :class:`SavingLoss`."""

    @property
    def psnr_saved(self) -> float | None: ...

    @property
    def cosine_lossless(self) -> float | None: ...

    @property
    def cosine_saved(self) -> float | None: ...


def saving_loss(
    original: Original,
    cloaked: Pixels,
    written: Pixels,
    file_format: FileFormat,
    surrogates: Sequence[Surrogate],
) -> SavingLoss:
    """Compare ``cloaked`` with ``written``, the pixels (H, W, 3) of its file in ``file_format``.

    The faces of ``original.photo`` must be known where ``surrogates`` need them.
    """
    photo = original.photo
    ratio = psnr(cloaked, written)
    lossless = change_of(surrogates, photo, cloaked).mean
    saved = None
    if lossless is not None:
        clean = decode_image(render(original, photo.pixels, "", file_format), "the clean photo")
        saved = change_of(surrogates, replace(photo, pixels=clean), written).mean
    return SavingLoss(ratio if math.isfinite(ratio) else None, lossless, saved)


def saving_summary(photos: Iterable[HasLoss]) -> dict[str, Any] | None:
    """Means over the changed ``photos``; None where none was saved with a loss.

    ``effect_lossless`` and ``effect_saved`` are the means of 1 - cosine; ``kept`` is the second divided by
    the first, None where the first is 0; ``kept_worst`` is the lowest such share of a photo.
    """
    listed = list(photos)
    ratios = [p.psnr_saved for p in listed if p.psnr_saved is not None]
    if not ratios:
        return None
    pairs = [
        (1 - p.cosine_lossless, 1 - p.cosine_saved)
        for p in listed
        if p.cosine_lossless is not None and p.cosine_saved is not None
    ]
    before = math.fsum(lossless for lossless, _ in pairs)
    shares = [saved / lossless for lossless, saved in pairs if lossless > 0]
    return {
        "psnr": math.fsum(ratios) / len(ratios),
        "effect_lossless": before / len(pairs) if pairs else None,
        "effect_saved": math.fsum(saved for _, saved in pairs) / len(pairs) if pairs else None,
        "kept": math.fsum(saved for _, saved in pairs) / before if before > 0 else None,
        "kept_worst": min(shares, default=None),
        "n": len(pairs),
    }
