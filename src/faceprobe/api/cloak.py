"""Cloak photos: ``fp.cloak`` for photos in memory or on disk, ``fp.cloak_folder`` for a whole folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from faceprobe.api.load import DatasetLike, ModelLike, cloak_name, dataset_name
from faceprobe.core.extras import require

if TYPE_CHECKING:
    import pandas as pd

    from faceprobe.cloaks.photos.in_memory import CloakedImage

MEASURES = (
    "changed",
    "psnr",
    "ssim",
    "dssim",
    "delta_e",
    "delta_e_p95",
    "lpips",
    "cosine",
    "barely",
    "seconds",
    "note",
)
"""What is measured on each cloaked photo: see :class:`faceprobe.cloaks.photos.in_memory.CloakedImage`."""


@dataclass(frozen=True)
class CloakedImages(Sequence["CloakedImage"]):
    """Cloaked photos in the order in which they were given, each with its pixels and measures."""

    cloak: str
    images: tuple[CloakedImage, ...]

    def __len__(self) -> int:
        return len(self.images)

    @overload
    def __getitem__(self, index: int) -> CloakedImage: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[CloakedImage, ...]: ...

    def __getitem__(self, index: int | slice) -> CloakedImage | tuple[CloakedImage, ...]:
        return self.images[index]

    def __iter__(self) -> Iterator[CloakedImage]:
        return iter(self.images)

    def to_pandas(self) -> pd.DataFrame:
        """One line a photo: what was measured on it."""
        frame = require("pandas", "notebook", "a DataFrame of measures")
        lines = [{name: getattr(image, name) for name in MEASURES} for image in self.images]
        made: pd.DataFrame = frame.DataFrame(lines, columns=list(MEASURES))
        return made


def cloak(
    photos: Any,
    cloak: str,
    *,
    surrogate: ModelLike | Sequence[ModelLike] | None = None,
    seed: int = 0,
    device: str = "auto",
    detector: str | Path | None = None,
    offline: bool = False,
    targets: DatasetLike | None = None,
) -> CloakedImages:
    """Cloak ``photos`` and measure what changed; nothing is written.

    ``photos`` is one photo or a list of them: paths, PIL images or (H, W, 3) uint8 RGB arrays. ``cloak`` is a
    name as ``faceprobe cloaks`` lists them, such as "fawkes-1.0.2-mid"; ``surrogate`` is the model, or
    several, that it computes gradients through (default: the cloak's own, the bundled face encoder).
    ``targets`` is a dataset of other people, for cloaks that steer towards somebody else. Faces are found by
    YuNet, whose weights ``detector`` names. A photo without a face comes back unchanged, and says so.

    Raises :class:`BadInput` for a photo that cannot be used, :class:`UnknownName` for a cloak that does not
    exist, :class:`Missing` where there is no detector, and what loading the surrogate raises.
    """
    from faceprobe.cloaks.photos.in_memory import cloak_images

    name = cloak_name(cloak, surrogate)
    others = {} if targets is None else {"targets": dataset_name(targets)}
    images = cloak_images(
        photos,
        name,
        seed=seed,
        device=device,
        detector=None if detector is None else str(detector),
        offline=offline,
        **others,
    )
    return CloakedImages(name, tuple(images))
