"""The features that surrogates compute of a batch of windows, and the gradient of a gain on them.

A surrogate whose crop is ``aligned-112`` gets every face through the differentiable warp; one whose crop is
``as-is`` gets the whole photo through a differentiable form of its own resizing. Each input of a surrogate is
one *row*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.differentiable_crop import face_grid, read_grid
from faceprobe.cloaks.attacks.face_windows import Window
from faceprobe.cloaks.attacks.perceptual import dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate
from faceprobe.cloaks.base import photo_seed
from faceprobe.models.preprocess import Preprocess

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ROWS = 16
"""Rows that go through a surrogate at once: bounds the memory for a photo of a crowd."""


@dataclass(frozen=True)
class WindowBatch:
    """B windows of one size.

    ``clean`` (B, 3, h, w) in [0, 1]. For the F faces with landmarks in them, ``grids`` (F, 112, 112, 2) read
    the aligned face and ``owner`` (F,) is the number of its window. ``seeds`` and ``people``, the identities,
    are those of the windows.
    """

    clean: Tensor
    grids: Tensor
    owner: Tensor
    seeds: tuple[int, ...]
    people: tuple[str, ...]

    def noise(self, bound: float) -> Tensor:
        """(B, 3, h, w) uniform in +-``bound``; the noise of a window depends on its own seed only."""
        import torch

        made = []
        for seed in self.seeds:
            draw = torch.rand(self.clean.shape[1:], generator=torch.Generator().manual_seed(seed))
            made.append((2 * draw - 1) * bound)
        return torch.stack(made).to(self.clean.device)

    def aligned(self, photos: Tensor, rows: slice = slice(None)) -> Tensor:
        """The faces ``rows`` of ``photos`` (B, 3, h, w): (F, 3, 112, 112)."""
        return read_grid(photos[self.owner[rows]], self.grids[rows])


def window_batch(
    windows: Sequence[tuple[Window, NDArray[np.float32], int, str]], device: torch.device
) -> WindowBatch:
    """A batch of (window, its pixels (3, h, w), its seed, identity), all of one size."""
    import torch

    grids, owner = [], []
    for k, (window, _, _, _) in enumerate(windows):
        for matrix in window.maps:
            if matrix is not None:
                grids.append(face_grid(matrix, window.size, device))
                owner.append(k)
    return WindowBatch(
        clean=torch.from_numpy(np.stack([w[1] for w in windows])).to(device),
        grids=torch.stack(grids) if grids else torch.zeros(0, 112, 112, 2, device=device),
        owner=torch.tensor(owner, dtype=torch.long, device=device),
        seeds=tuple(w[2] for w in windows),
        people=tuple(w[3] for w in windows),
    )


def window_seed(seed: int, name: str, number: int) -> int:
    """The seed of window ``number`` of the photo ``name``."""
    return photo_seed(seed, name if number == 0 else f"{name}|window {number}")


def uses_whole_photos(surrogate: Surrogate) -> bool:
    """Whether the default crop of ``surrogate`` is the whole photo, not the aligned face."""
    return surrogate.encoder.card.default_crop != "aligned-112"


@dataclass(frozen=True)
class FeatureRows:
    """R rows of one surrogate.

    For each row, ``owner`` (R,) is its window, ``clean`` (R, D) its clean feature, and ``weight`` (R,) its
    share in the mean over surrogates and over the rows of its window. ``whole`` says that a row is a whole
    window, not a face.
    """

    surrogate: int
    rows: slice
    whole: bool
    owner: Tensor
    clean: Tensor
    weight: Tensor


Gain = Callable[["FeatureRows", "Tensor"], "Tensor"]
"""Rows and their features (R, D) -> (R,) values to be maximised."""


class SurrogateView:
    """The features of ``batch`` under ``surrogates``. Clean features are computed once.

    ``warp_all`` gives every surrogate the aligned face, whatever its own crop is.
    """

    def __init__(
        self, surrogates: Sequence[Surrogate], batch: WindowBatch, *, warp_all: bool = False
    ) -> None:
        self.surrogates, self.batch = tuple(surrogates), batch
        self._whole = tuple(not warp_all and uses_whole_photos(s) for s in surrogates)

    @cached_property
    def parts(self) -> list[FeatureRows]:
        import torch

        with torch.no_grad():
            return [self._part(*place) for place in self._places()]

    def features(self, part: FeatureRows, photos: Tensor) -> Tensor:
        """(B, 3, h, w) -> (R, D) unit features of the rows of ``part``, differentiable."""
        return self._row_features(part.surrogate, part.rows, photos)

    def gradient(
        self, photos: Tensor, gain: Gain, transforms: Sequence[Callable[[Tensor], Tensor]] = ()
    ) -> Tensor:
        """The gradient (B, 3, h, w) of the mean gain over surrogates, rows of a window and ``transforms``.

        A transform changes the photo first; the default is the photo itself. Windows do not mix: the gradient
        of each is that of its own mean.
        """
        leaf = photos.detach().requires_grad_()
        for transform in transforms or (lambda photo: photo,):
            for part in self.parts:
                value = (part.weight * gain(part, self.features(part, transform(leaf)))).sum()
                (value / max(1, len(transforms))).backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad

    def shifts(self, photos: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The ``shift`` of :class:`FaceReport` for each face with landmarks (F,) and for each window (B,)."""
        import torch

        faces = torch.zeros(len(self.batch.owner))
        windows = torch.zeros(len(self.batch.clean))
        with torch.no_grad():
            for part in self.parts:
                moved = relative(part, self.features(part, photos)).cpu()
                windows.index_add_(0, part.owner.cpu(), moved * part.weight.cpu())
                share = moved / len(self.surrogates)
                if part.whole:
                    inside = part.owner[:, None].cpu() == self.batch.owner[None].cpu()
                    faces += (share[:, None] * inside).sum(0)
                else:
                    faces[part.rows] += share
        return faces.double().numpy(), windows.double().numpy()

    def face_dssim(self, photos: Tensor) -> NDArray[np.float64]:
        """DSSIM of each aligned face (F,) against the clean one."""
        import torch

        values = [np.zeros(0)]
        with torch.no_grad():
            for rows in _slices(len(self.batch.owner)):
                changed, clean = self.batch.aligned(photos, rows), self.batch.aligned(self.batch.clean, rows)
                values.append(dssim(changed, clean).double().cpu().numpy())
        return np.concatenate(values)

    def _places(self) -> Iterator[tuple[int, slice]]:
        for number, whole in enumerate(self._whole):
            count = len(self.batch.clean) if whole else len(self.batch.owner)
            for rows in _slices(count):
                yield number, rows

    def _part(self, number: int, rows: slice) -> FeatureRows:
        import torch

        whole, device = self._whole[number], self.batch.clean.device
        owner = torch.arange(len(self.batch.clean), device=device) if whole else self.batch.owner
        rows_of = torch.bincount(owner, minlength=len(self.batch.clean))
        chosen = owner[rows]
        weight = 1.0 / (rows_of[chosen] * len(self.surrogates))
        return FeatureRows(
            number, rows, whole, chosen, self._row_features(number, rows, self.batch.clean), weight
        )

    def _row_features(self, number: int, rows: slice, photos: Tensor) -> Tensor:
        surrogate = self.surrogates[number]
        if self._whole[number]:
            return surrogate.encoder.embed_tensor(whole_view(photos[rows], surrogate.encoder.preprocess))
        return surrogate.features(self.batch.aligned(photos, rows))


def relative(part: FeatureRows, features: Tensor) -> Tensor:
    """||f(x') - f(x)||^2 / ||f(x)|| of each row: (R,). Features are unit rows, so it lies in 0..4."""
    moved: Tensor = (features - part.clean).square().sum(1) / part.clean.norm(dim=1)
    return moved


def whole_view(photos: Tensor, preprocess: Preprocess) -> Tensor:
    """(B, 3, H, W) -> (B, 3, *preprocess.size): a differentiable form of ``preprocess.prepare``.

    The geometry is the same. Torch's antialiased filters replace Pillow's of the same name (bicubic for
    lanczos), and nothing is rounded to 8 bits in between.
    """
    from torch.nn.functional import pad

    height, width = preprocess.size
    if tuple(photos.shape[2:]) == (height, width) and preprocess.resize in (None, min(height, width)):
        return photos
    if preprocess.mode == "longest":
        ratio = max(photos.shape[2] / height, photos.shape[3] / width)
        rows, columns = (max(1, round(side / ratio)) for side in photos.shape[2:])
        fill = preprocess.fill / 255
    else:
        columns, rows = preprocess.scaled_size(photos.shape[3], photos.shape[2])
        fill = 0.0
    scaled = _resized(photos, (rows, columns), preprocess.interpolation)
    down, right = max(height - rows, 0), max(width - columns, 0)
    if down or right:
        sides = (right // 2, right - right // 2, down // 2, down - down // 2)
        scaled = pad(scaled, sides, value=fill)
    top, left = round((scaled.shape[2] - height) / 2.0), round((scaled.shape[3] - width) / 2.0)
    return scaled[:, :, top : top + height, left : left + width]


def _resized(photos: Tensor, size: tuple[int, int], how: str) -> Tensor:
    from torch.nn.functional import interpolate

    if tuple(photos.shape[2:]) == size:
        return photos
    if how == "nearest":
        return interpolate(photos, size, mode="nearest-exact")
    mode = "bilinear" if how == "bilinear" else "bicubic"
    return interpolate(photos, size, mode=mode, align_corners=False, antialias=True)


def _slices(count: int) -> list[slice]:
    return [slice(first, min(first + ROWS, count)) for first in range(0, count, ROWS)]
