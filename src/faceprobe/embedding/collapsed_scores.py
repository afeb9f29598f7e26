"""A caution where the scores of a face recogniser look collapsed: the sign of photos prepared wrongly."""

from __future__ import annotations

import numpy as np

from faceprobe.core.progress import say
from faceprobe.data.embeddings import Embeddings
from faceprobe.models.base import ImageEncoder

COLLAPSED = 0.3
"""Mean cosine between different people from which the caution is given. Measured on 150 people of LFW: three
recognisers have .03 to .09 with their own preprocessing, and .38 to .99 with photos on a wrong scale."""

LEAST_PEOPLE = 8

_said: set[tuple[str, str]] = set()


def caution_if_collapsed(encoder: ImageEncoder, data: Embeddings, dataset: str) -> None:
    """Say once, on standard error, that a model made for faces gives different people of ``dataset`` high
    scores.

    Bundled models are left out: drawn people differ less than real ones.
    """
    if encoder.card.role != "specialist" or encoder.card.synthetic or (encoder.id, dataset) in _said:
        return
    mean = cosine_between_people(data)
    if mean is None or mean < COLLAPSED:
        return
    _said.add((encoder.id, dataset))
    say(
        f"{encoder.id} on {dataset}: the mean cosine between different people is {mean:.2f}; face recognisers"
        " have about 0.0 to 0.1. Check size, mean, scale and color in the model's name, and the crop (most"
        " need aligned-112)"
    )


def cosine_between_people(data: Embeddings) -> float | None:
    """The mean cosine between the first photos of different people; None for fewer than eight people."""
    _, first = np.unique(data.identities, return_index=True)
    first = first[data.identities[first] != ""]
    if len(first) < LEAST_PEOPLE:
        return None
    total = data.vectors[first].sum(axis=0, dtype=np.float64)
    return float((total @ total - len(first)) / (len(first) * (len(first) - 1)))
