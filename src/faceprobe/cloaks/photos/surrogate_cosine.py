"""How a cloak's own surrogates see the photo that was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.photo import Photo
from faceprobe.faces.crops import CropPolicy, NoFace

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate

Pixels = NDArray[np.uint8]


def cosine_to_clean(surrogates: Sequence[Surrogate], photo: Photo, cloaked: Pixels) -> float | None:
    """The cosine in [-1, 1] between a photo's features before and after, the mean over surrogates and faces.

    Each surrogate sees what it would see in an evaluation: its default crop around the faces of the clean
    ``photo``; the whole photo counts once. None where there is no surrogate or no face that it could use.
    """
    found = [
        value
        for surrogate in surrogates
        for face in (photo.faces or ())[: None if _crop(surrogate).needs_faces else 1]
        if (value := _cosine(surrogate, replace(photo, faces=(face,)), cloaked)) is not None
    ]
    return float(np.mean(found)) if found else None


def _crop(surrogate: Surrogate) -> CropPolicy:
    return CropPolicy.parse(surrogate.encoder.card.default_crop)


def _cosine(surrogate: Surrogate, photo: Photo, cloaked: Pixels) -> float | None:
    encoder, policy = surrogate.encoder, _crop(surrogate)
    preprocess = encoder.preprocess
    fill = preprocess.mean_color()
    try:
        both = [policy.apply(p, fill) for p in (photo, replace(photo, pixels=cloaked))]
    except NoFace:
        return None
    inputs = preprocess.normalise(np.stack([preprocess.prepare(view) for view in both]))
    clean, changed = encoder.encode_images(inputs).astype(np.float64)
    return float(clean @ changed)
