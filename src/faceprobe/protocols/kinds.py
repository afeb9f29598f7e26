"""Every kind of protocol, in the order in which results list them."""

from __future__ import annotations

from faceprobe.protocols import fairness, identification, pair_list, verification
from faceprobe.protocols.types import Kind

KINDS: dict[str, Kind] = {
    "pair-list": pair_list.KIND,
    "verification": verification.KIND,
    "identification": identification.KIND,
    "fairness": fairness.KIND,
}
