"""The measures of one cloaked photo: how visible the change is, and how far the surrogates are moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from faceprobe.cloaks.base import Cloaked, Pixels
from faceprobe.cloaks.photos.files import Original, colourfulness
from faceprobe.cloaks.photos.visibility import Lpips, photo_quality
from faceprobe.data.photo import Photo
from faceprobe.faces.crops import CropPolicy, NoFace

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate


@dataclass(frozen=True)
class ChangeMeasures:
    """A changed photo against its clean one.

    ``psnr`` (dB, None where infinite), ``ssim`` in [-1, 1], ``dssim`` in [0, 1] and ``lpips`` (None where
    it was not measured) compare the whole photo. ``delta_e`` and ``delta_e_p95`` are the mean and the 95th
    percentile of CIEDE2000 over the face that changed most, None where no face is known. ``dssim_crop_max``
    is the largest DSSIM of its face crops, None where the cloak measures none. ``cosine`` is that of
    :func:`cosine_to_clean`. ``colour`` is the largest difference between channels (0..255) in a photo that
    was grey before, None for other photos.
    """

    psnr: float | None = None
    ssim: float | None = None
    dssim: float | None = None
    delta_e: float | None = None
    delta_e_p95: float | None = None
    lpips: float | None = None
    dssim_crop_max: float | None = None
    cosine: float | None = None
    colour: int | None = None


def measure_change(
    original: Original,
    done: Cloaked,
    written: Pixels,
    surrogates: Sequence[Surrogate],
    lpips: Lpips | None = None,
) -> ChangeMeasures:
    """Compare ``original`` with ``written`` (H, W, 3) uint8, the pixels of its cloaked file.

    The faces of ``original.photo`` must be known where ``surrogates`` need them. ``lpips`` measures LPIPS,
    None leaves it out.
    """
    photo = original.photo
    quality = photo_quality(photo.pixels, written, lpips, photo.faces)
    crops = [face.dssim for face in done.faces if face.dssim is not None]
    return ChangeMeasures(
        psnr=quality.psnr if math.isfinite(quality.psnr) else None,
        ssim=quality.ssim,
        dssim=quality.dssim,
        delta_e=quality.delta_e,
        delta_e_p95=quality.delta_e_p95,
        lpips=quality.lpips,
        dssim_crop_max=max(crops, default=None),
        cosine=cosine_to_clean(surrogates, photo, written),
        colour=colourfulness(written) if original.grey else None,
    )


def cosine_to_clean(surrogates: Sequence[Surrogate], photo: Photo, cloaked: Pixels) -> float | None:
    """The cosine in [-1, 1] between the features of the clean and the cloaked photo: the mean over surrogates
    and faces.

    Each surrogate gets its default crop around the faces of the clean ``photo``, as in an evaluation; a crop
    of the whole photo counts once. None where there is no surrogate, or no face that it could use.
    """
    found = []
    for surrogate in surrogates:
        policy = CropPolicy.parse(surrogate.encoder.card.default_crop)
        for face in (photo.faces or ())[: None if policy.needs_faces else 1]:
            cosine = _cosine(surrogate, policy, replace(photo, faces=(face,)), cloaked)
            if cosine is not None:
                found.append(cosine)
    return float(np.mean(found)) if found else None


def _cosine(surrogate: Surrogate, policy: CropPolicy, photo: Photo, cloaked: Pixels) -> float | None:
    encoder = surrogate.encoder
    preprocess = encoder.preprocess
    fill = preprocess.mean_color()
    try:
        crops = [policy.apply(p, fill) for p in (photo, replace(photo, pixels=cloaked))]
    except NoFace:
        return None
    inputs = preprocess.normalise(np.stack([preprocess.prepare(crop) for crop in crops]))
    clean, changed = encoder.encode_images(inputs).astype(np.float64)
    return float(clean @ changed)
