"""Every kind of protocol, in the order in which results list them."""

from __future__ import annotations

from faceprobe.protocols import (
    centroid,
    cloak_adaptive,
    cloak_recognition,
    cloak_retrieval,
    cloak_verification,
    distractors,
    fairness,
    gallery_size,
    identification,
    normalised,
    open_set,
    pair_list,
    template_identification,
    template_verification,
    verification,
)
from faceprobe.protocols.types import Kind

KINDS: dict[str, Kind] = {
    "pair-list": pair_list.KIND,
    "verification": verification.KIND,
    "normalised": normalised.KIND,
    "identification": identification.KIND,
    "centroid": centroid.KIND,
    "open-set": open_set.KIND,
    "gallery-size": gallery_size.KIND,
    "template-verification": template_verification.KIND,
    "template-identification": template_identification.KIND,
    "distractors": distractors.KIND,
    "fairness": fairness.KIND,
    "cloak-recognition": cloak_recognition.KIND,
    "cloak-retrieval": cloak_retrieval.KIND,
    "cloak-verification": cloak_verification.KIND,
    "cloak-adaptive": cloak_adaptive.KIND,
}
