"""Every kind of protocol, in the order in which results list them."""

from __future__ import annotations

from faceprobe.protocols import (
    centroid,
    gallery_size,
    identification,
    normalised,
    open_set,
    pair_list,
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
}
