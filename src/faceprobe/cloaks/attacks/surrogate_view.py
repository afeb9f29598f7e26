"""What surrogates see of a batch of windows, and the gradient of a gain that is computed from it.

A surrogate whose crop is ``aligned-112`` sees every face by the differentiable warp; one whose crop is
``as-is`` sees the whole photo by a differentiable form of its own resizing. Each thing seen is a *row*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.face_warp import face_grid, read_grid
from faceprobe.cloaks.attacks.perceptual import dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate
from faceprobe.cloaks.attacks.windows import Window
from faceprobe.cloaks.base import photo_seed
from faceprobe.models.preprocess import Preprocess

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ROWS = 16
"""Rows that go through a surrogate at once: bounds the memory of a photo of a crowd."""


@dataclass(frozen=True)
class Group:
    """Windows of one size. ``clean`` (B, 3, h, w) in [0, 1]; of its F faces with landmarks, ``grids``
    (F, 112, 112, 2) read the aligned face and ``owner`` (F,) is the window it lies in. ``seeds`` are the
    windows' own; ``people`` the identities of their photos.
    """

    clean: Tensor
    grids: Tensor
    owner: Tensor
    seeds: tuple[int, ...]
    people: tuple[str, ...]

    def noise(self, bound: float) -> Tensor:
        """(B, 3, h, w) uniform in +-``bound``; each window's part depends on its own seed only."""
        import torch

        made = []
        for seed in self.seeds:
            draw = torch.rand(self.clean.shape[1:], generator=torch.Generator().manual_seed(seed))
            made.append((2 * draw - 1) * bound)
        return torch.stack(made).to(self.clean.device)

    def aligned(self, photos: Tensor, rows: slice = slice(None)) -> Tensor:
        """The faces ``rows`` of ``photos`` (B, 3, h, w): (F, 3, 112, 112)."""
        return read_grid(photos[self.owner[rows]], self.grids[rows])


def group_of(windows: Sequence[tuple[Window, NDArray[np.float32], int, str]], device: torch.device) -> Group:
    """A batch of (window, its pixels (3, h, w), its seed, identity), all of one size."""
    import torch

    grids, owner = [], []
    for k, (window, _, _, _) in enumerate(windows):
        for matrix in window.maps:
            if matrix is not None:
                grids.append(face_grid(matrix, window.size, device))
                owner.append(k)
    return Group(
        clean=torch.from_numpy(np.stack([w[1] for w in windows])).to(device),
        grids=torch.stack(grids) if grids else torch.zeros(0, 112, 112, 2, device=device),
        owner=torch.tensor(owner, dtype=torch.long, device=device),
        seeds=tuple(w[2] for w in windows),
        people=tuple(w[3] for w in windows),
    )


def window_seed(seed: int, name: str, number: int) -> int:
    """The seed of window ``number`` of the photo ``name``."""
    return photo_seed(seed, name if number == 0 else f"{name}|window {number}")


def sees_whole(surrogate: Surrogate) -> bool:
    """Whether ``surrogate`` is measured on whole photos, not on aligned faces."""
    return surrogate.encoder.card.default_crop != "aligned-112"


@dataclass(frozen=True)
class Piece:
    """Some rows of one surrogate: ``owner`` (R,) is each row's window, ``clean`` (R, D) its clean feature,
    ``weight`` (R,) its share in a mean over surrogates, then over the rows of its window.
    """

    surrogate: int
    rows: slice
    whole: bool
    owner: Tensor
    clean: Tensor
    weight: Tensor


Gain = Callable[["Piece", "Tensor"], "Tensor"]
"""A piece and its features (R, D) -> (R,) values to be maximised."""


class Sight:
    """``surrogates`` looking at ``group``. Clean features are computed once. ``warp_all`` shows the aligned
    face to every surrogate, whatever its own crop is.
    """

    def __init__(self, surrogates: Sequence[Surrogate], group: Group, *, warp_all: bool = False) -> None:
        self.surrogates, self.group = tuple(surrogates), group
        self._whole = tuple(not warp_all and sees_whole(s) for s in surrogates)

    @cached_property
    def pieces(self) -> list[Piece]:
        import torch

        with torch.no_grad():
            return [self._piece(*place) for place in self._places()]

    def features(self, piece: Piece, photos: Tensor) -> Tensor:
        """(B, 3, h, w) -> (R, D) unit features of the piece's rows, differentiable."""
        return self._see(piece.surrogate, piece.rows, photos)

    def gradient(
        self, photos: Tensor, gain: Gain, views: Sequence[Callable[[Tensor], Tensor]] = ()
    ) -> Tensor:
        """The gradient (B, 3, h, w) of the mean gain over surrogates, rows of a window and ``views``.

        A view changes the photo first (the default is the photo itself). Windows do not mix: the gradient
        of each is that of its own mean.
        """
        leaf = photos.detach().requires_grad_()
        for view in views or (_plain,):
            for piece in self.pieces:
                value = (piece.weight * gain(piece, self.features(piece, view(leaf)))).sum()
                (value / max(1, len(views))).backward()  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        return leaf.grad

    def shifts(self, photos: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over surrogates of the relative squared distance to the clean features, of each face with
        landmarks (F,) and of each window (B,): what :class:`FaceReport` calls shift.
        """
        import torch

        faces = torch.zeros(len(self.group.owner))
        windows = torch.zeros(len(self.group.clean))
        with torch.no_grad():
            for piece in self.pieces:
                moved = relative(piece, self.features(piece, photos)).cpu()
                windows.index_add_(0, piece.owner.cpu(), moved * piece.weight.cpu())
                share = moved / len(self.surrogates)
                if piece.whole:
                    mine = piece.owner[:, None].cpu() == self.group.owner[None].cpu()
                    faces += (share[:, None] * mine).sum(0)
                else:
                    faces[piece.rows] += share
        return faces.double().numpy(), windows.double().numpy()

    def face_dssim(self, photos: Tensor) -> NDArray[np.float64]:
        """DSSIM of each aligned face (F,) against the clean one."""
        import torch

        values = [np.zeros(0)]
        with torch.no_grad():
            for rows in _slices(len(self.group.owner)):
                changed, clean = self.group.aligned(photos, rows), self.group.aligned(self.group.clean, rows)
                values.append(dssim(changed, clean).double().cpu().numpy())
        return np.concatenate(values)

    def _places(self) -> Iterator[tuple[int, slice]]:
        for number, whole in enumerate(self._whole):
            count = len(self.group.clean) if whole else len(self.group.owner)
            for rows in _slices(count):
                yield number, rows

    def _piece(self, number: int, rows: slice) -> Piece:
        import torch

        whole, device = self._whole[number], self.group.clean.device
        owner = torch.arange(len(self.group.clean), device=device) if whole else self.group.owner
        rows_of = torch.bincount(owner, minlength=len(self.group.clean))
        mine = owner[rows]
        weight = 1.0 / (rows_of[mine] * len(self.surrogates))
        return Piece(number, rows, whole, mine, self._see(number, rows, self.group.clean), weight)

    def _see(self, number: int, rows: slice, photos: Tensor) -> Tensor:
        surrogate = self.surrogates[number]
        if self._whole[number]:
            seen = whole_view(photos[rows], surrogate.encoder.preprocess)
            return surrogate.encoder.embed_tensor(seen)
        return surrogate.features(self.group.aligned(photos, rows))


def relative(piece: Piece, features: Tensor) -> Tensor:
    """||f(x') - f(x)||^2 / ||f(x)|| of each row: (R,). Features are unit rows, so it lies in 0..4."""
    moved: Tensor = (features - piece.clean).square().sum(1) / piece.clean.norm(dim=1)
    return moved


def whole_view(photos: Tensor, preprocess: Preprocess) -> Tensor:
    """(B, 3, H, W) -> (B, 3, *preprocess.size): a differentiable form of ``preprocess.prepare``.

    Same geometry; torch's antialiased filters stand for Pillow's of the same name (bicubic for lanczos), and
    nothing is rounded to 8 bits in between.
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


def _plain(photos: Tensor) -> Tensor:
    return photos
