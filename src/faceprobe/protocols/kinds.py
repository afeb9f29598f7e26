"""Every kind of protocol, in the order in which results list them."""

from __future__ import annotations

from faceprobe.protocols import (
    distractors,
    identification,
    pair_list,
    template_identification,
    template_verification,
    verification,
)
from faceprobe.protocols.types import Kind

KINDS: dict[str, Kind] = {
    "pair-list": pair_list.KIND,
    "verification": verification.KIND,
    "identification": identification.KIND,
    "template-verification": template_verification.KIND,
    "template-identification": template_identification.KIND,
    "distractors": distractors.KIND,
}
