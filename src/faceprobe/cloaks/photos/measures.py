"""The measures of one cloaked photo: how visible the change is, and how far the surrogates are moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceprobe.cloaks.base import Cloaked, Pixels
from faceprobe.cloaks.photos.barely_changed import change_of
from faceprobe.cloaks.photos.files import Original, colourfulness
from faceprobe.cloaks.photos.visibility import Lpips, photo_quality

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate


@dataclass(frozen=True)
class ChangeMeasures:
    """A changed photo against its clean one.

    ``psnr`` (dB, None where infinite), ``ssim`` in [-1, 1], ``dssim`` in [0, 1] and ``lpips`` (None where
    it was not measured) compare the whole photo. ``delta_e`` and ``delta_e_p95`` are the mean and the 95th
    percentile of CIEDE2000 over the face that changed most, None where no face is known. ``dssim_crop_max``
    is the largest DSSIM of its face crops, None where the cloak measures none. ``cosine`` in [-1, 1] is the
    mean over the faces of the cosine between the features of the clean and the cloaked face under the
    surrogates, each in its default crop around the clean face (a surrogate that gets whole photos counts
    once), ``cosine_max`` that of the face that is most like its clean one; None without a surrogate, or
    without a face that it could use. ``largest_change`` is the largest change of a pixel (0..255).
    ``barely`` says why a changed photo counts as barely changed, "" for others and for controls. ``colour``
    is the largest difference between channels (0..255) in a photo that was grey before, None for other
    photos.
    """

    psnr: float | None = None
    ssim: float | None = None
    dssim: float | None = None
    delta_e: float | None = None
    delta_e_p95: float | None = None
    lpips: float | None = None
    dssim_crop_max: float | None = None
    cosine: float | None = None
    cosine_max: float | None = None
    largest_change: int | None = None
    barely: str = ""
    colour: int | None = None


def measure_change(
    original: Original,
    done: Cloaked,
    written: Pixels,
    surrogates: Sequence[Surrogate],
    lpips: Lpips | None = None,
    *,
    control: bool = False,
) -> ChangeMeasures:
    """Compare ``original`` with ``written`` (H, W, 3) uint8, the pixels of its cloaked file.

    The faces of ``original.photo`` must be known where ``surrogates`` need them. ``lpips`` measures LPIPS,
    None leaves it out. ``control`` says that ``done`` comes from a control.
    """
    photo = original.photo
    quality = photo_quality(photo.pixels, written, lpips, photo.faces)
    change = change_of(surrogates, photo, written)
    crops = [face.dssim for face in done.faces if face.dssim is not None]
    return ChangeMeasures(
        psnr=quality.psnr if math.isfinite(quality.psnr) else None,
        ssim=quality.ssim,
        dssim=quality.dssim,
        delta_e=quality.delta_e,
        delta_e_p95=quality.delta_e_p95,
        lpips=quality.lpips,
        dssim_crop_max=max(crops, default=None),
        cosine=change.mean,
        cosine_max=max(change.cosines, default=None),
        largest_change=change.largest,
        barely=change.reason if surrogates and not control else "",
        colour=colourfulness(written) if original.grey else None,
    )
