"""Compare a model with golden vectors, and say which fault in loading it explains a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.models.base import ImageEncoder, TextImageEncoder
from faceprobe.models.fusion import FusionEncoder
from faceprobe.models.golden_faults import (
    GoldenSet,
    distances,
    golden_images,
    nearest_fault,
    nearest_text_fault,
)

MOST = 1e-3
"""Largest 1 - cosine of a row that passes. Float16, another processor or JPEG decoder change less."""

SHARE = 0.01
"""1 - cosine of a row may also be at most this share of the mean between golden vectors of different photos:
where all vectors are alike, as those of random weights are, :data:`MOST` alone would say nothing."""

EQUAL = 1e-5
"""1 - cosine that is rounding alone: no fault is looked for, and no limit is below it."""

NEARER = 4
"""A change that brings the vectors this many times nearer to the golden ones is what is wrong, even where
every row is within the limit: the true settings are the nearest."""


@dataclass(frozen=True)
class GoldenCheck:
    """How near a model's vectors are to golden ones: ``images`` and ``texts`` hold (name, cosine) a row.

    A row may have a 1 - cosine of at most ``limit``. ``cause`` is the likely reason of a difference, ""
    where the model passes.
    """

    model: str
    limit: float
    images: tuple[tuple[str, float], ...]
    texts: tuple[tuple[str, float], ...]
    cause: str = ""
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every row is within the limit and no change would bring the rows much nearer."""
        return not self.cause

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON values."""
        return {
            "model": self.model,
            "passed": self.passed,
            "largest_1_minus_cosine_allowed": self.limit,
            "images": {name: round(cosine, 6) for name, cosine in self.images},
            "texts": {name: round(cosine, 6) for name, cosine in self.texts},
            "cause": self.cause,
            "notes": list(self.notes),
        }


def compare(encoder: ImageEncoder, golden: GoldenSet) -> GoldenCheck:
    """Encode the golden photos and texts with ``encoder`` and compare; see :func:`golden_images`.

    Raises :class:`BadInput` where the vectors have another width than the model's.
    """
    if isinstance(encoder, FusionEncoder):
        raise WrongUsage(f"{encoder.id} joins several models; compare one of its parts")
    for vectors in (golden.image_vectors, golden.text_vectors):
        if len(vectors) and vectors.shape[1] != encoder.dim:
            raise BadInput(
                f"{encoder.id} gives {encoder.dim} values, the golden vectors have {vectors.shape[1]}: they"
                " are another model's, or taken at another place (@pre-projection)"
            )
    notes, limit, cause = list(golden.notes), _limit(golden), ""
    ours = golden_images(encoder, golden, range(len(golden.names)))
    images, texts = distances(ours, golden.image_vectors), np.zeros(0)
    if golden.texts and isinstance(encoder, TextImageEncoder):
        texts = distances(encoder.encode_texts(list(golden.texts)), golden.text_vectors)
    elif golden.texts:
        notes.append(f"{encoder.id} has no text tower here: the {len(golden.texts)} texts are not compared")
    if not len(images) and not len(texts):
        raise BadInput(f"nothing to compare {encoder.id} with: it encodes no texts, and there are no photos")
    if len(images):
        cause = _other_order(golden, ours, limit)
        if not cause and images.max() > EQUAL:
            cause = _explained(float(images.max()), *nearest_fault(encoder, golden), limit, WEIGHTS)
    if not cause and len(texts) and texts.max() > EQUAL:
        assert isinstance(encoder, TextImageEncoder)
        cause = _explained(float(texts.max()), *nearest_text_fault(encoder, golden), limit, TEXT_TOWER)
    return GoldenCheck(
        encoder.id,
        limit,
        tuple((name, 1 - float(off)) for name, off in zip(golden.names, images, strict=True)),
        tuple((text, 1 - float(off)) for text, off in zip(golden.texts, texts, strict=False)),
        cause,
        tuple(notes),
    )


WEIGHTS = (
    "no single change of activation, mean and std, resizing or colour order explains it: other weights,"
    " another architecture or another pooling"
)
TEXT_TOWER = "the photos pass and the texts do not: another tokenizer, or another text tower"


def _limit(golden: GoldenSet) -> float:
    """The largest 1 - cosine that passes."""
    limits = [MOST]
    for rows in (golden.image_vectors, golden.text_vectors):
        if len(rows) > 1:
            cosines = rows.astype(np.float64) @ rows.T.astype(np.float64)
            mean = (cosines.sum() - np.trace(cosines)) / (len(rows) * (len(rows) - 1))
            limits.append(SHARE * (1 - float(mean)))
    return max(min(limits), EQUAL)


def _explained(worst: float, after: float, change: str, limit: float, otherwise: str) -> str:
    """What is wrong: the ``change`` where it brings the rows much nearer, ``otherwise`` where none does."""
    if after * NEARER < worst:
        if after <= limit:
            return f"{change}: with that the smallest cosine is {1 - after:.6f}"
        return f"probably {change}, and something else: with that the smallest cosine is {1 - after:.6f}"
    return otherwise if worst > limit else ""


def _other_order(golden: GoldenSet, ours: NDArray[np.float32], limit: float) -> str:
    cosines = ours.astype(np.float64) @ golden.image_vectors.T.astype(np.float64)
    best = cosines.argmax(axis=1)
    if (best == np.arange(len(best))).all() or len(set(best)) < len(best):
        return ""
    if (1 - cosines.max(axis=1) > limit).any():
        return ""
    moved = int(np.flatnonzero(best != np.arange(len(best)))[0])
    return (
        f"the vectors are those of the photos in another order ({golden.names[moved]} has row {best[moved]},"
        f" counted from 0): correct rows.json"
    )
