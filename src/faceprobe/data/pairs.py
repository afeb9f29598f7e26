"""Listed pairs of photos, and the reader of LFW's ``pairs.txt``.

The first line of ``pairs.txt`` holds the number of folds and of pairs of each kind in a fold; then, per fold,
lines ``name i j`` (one person) and as many lines ``name1 i name2 j`` (two people), separated by
tabs or spaces (http://vis-www.cs.umass.edu/lfw/README.txt); between tabs a name may hold spaces.
``name i`` is the photo ``name/name_%04d.jpg``. The files of View 1 (``pairsDevTrain.txt``,
``pairsDevTest.txt``) have one number in the first line and no folds.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.text_files import read_text, words_of
from faceprobe.data.labels import values_of


@dataclass(frozen=True)
class PairList:
    """Explicit comparisons: row numbers ``left`` and ``right`` (P,) int64, ``same`` (P,) bool and
    ``fold`` (P,) int64 counted from 0 (all 0 where the protocol has no folds).
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.left)

    def take(self, kept: Sequence[int] | NDArray[np.int64], n_rows: int) -> tuple[PairList, int]:
        """The pairs with both photos among the ``kept`` of ``n_rows`` rows, renumbered, and the number of
        pairs that are left out.
        """
        new = np.full(n_rows, -1, dtype=np.int64)
        new[np.asarray(kept, dtype=np.int64)] = np.arange(len(kept))
        left, right = new[self.left], new[self.right]
        whole = (left >= 0) & (right >= 0)
        pairs = PairList(left[whole], right[whole], self.same[whole], self.fold[whole])
        return pairs, int((~whole).sum())


@dataclass(frozen=True)
class LfwPair:
    """One comparison: the paths of both photos, whether they show one person, the fold from 0."""

    left: str
    right: str
    same: bool
    fold: int


def read_lfw_pairs(path: str | os.PathLike[str]) -> list[LfwPair]:
    """The pairs of a View 2 pair file, in order.

    Raises :class:`Missing`, and :class:`BadInput` naming the line that is wrong. A View 1 file is refused: it
    has no folds, and a figure from it must not pass for LFW accuracy.
    """
    try:
        lines = read_text(path).split("\n")
    except FileNotFoundError as error:
        raise Missing(f"no pair file at {path}; LFW's is called pairs.txt") from error
    except (UnicodeDecodeError, IsADirectoryError, PermissionError) as error:
        raise BadInput(f"{path} cannot be read as a pair file: {error}") from error
    while lines and not lines[-1].strip():
        lines.pop()
    n_folds, n_each = _header(path, lines[0].split() if lines else [])
    expected = n_folds * 2 * n_each
    if len(lines) - 1 != expected:
        raise BadInput(
            f"{path}: its first line announces {n_folds} folds of 2 x {n_each} pairs, "
            f"{expected} lines, but {len(lines) - 1} follow; the file is incomplete or not a pair file"
        )
    pairs = []
    for k, line in enumerate(lines[1:]):
        fold, position = divmod(k, 2 * n_each)
        pairs.append(_pair(path, k + 2, words_of(line.strip(), (3, 4)), same=position < n_each, fold=fold))
    return pairs


def check_pairs(left: Any, right: Any, same: Any, fold: Any, n_rows: int, where: str) -> PairList:
    """Four columns (lists or arrays) of a list of pairs over ``n_rows`` photos as a :class:`PairList`.

    Raises :class:`BadInput`, naming ``where`` and the first pair, for columns of different lengths, a number
    that is missing, no whole number or beyond the photos, and a label that :func:`same_labels` refuses.
    """
    mated = same_labels(same, where)
    if not len(left) == len(right) == len(mated) == len(fold):
        raise BadInput(f"{where}: left, right, same and fold are of different lengths; one value a pair")
    return PairList(
        _whole_numbers(left, f"{where}: left", n_rows),
        _whole_numbers(right, f"{where}: right", n_rows),
        mated,
        _whole_numbers(fold, f"{where}: fold", None),
    )


def same_labels(values: Any, where: str) -> NDArray[np.bool_]:
    """Which pairs show one person: True and 1 say so, False and 0 say that they do not.

    Raises :class:`BadInput` naming the first other value: -1, which other tools write for two people, a
    float, a text or a missing label.
    """
    array = np.asarray(values)
    if array.dtype != np.bool_ and (array.dtype.kind not in "iu" or np.any((array != 0) & (array != 1))):
        for k, value in enumerate(values_of(values)):
            if not (isinstance(value, bool) or (isinstance(value, int) and value in (0, 1))):
                raise BadInput(
                    f"{where}: pair {k} has the label {value!r}; it must be True or 1 (one person), False or"
                    " 0 (two people)"
                )
    return array.astype(np.bool_)


def _whole_numbers(values: Any, where: str, limit: int | None) -> NDArray[np.int64]:
    """``values`` as numbers from 0, below ``limit``."""
    array = np.asarray(values)
    beyond = array.dtype.kind in "iu" and len(array) and (array.min() < 0 or (limit or np.inf) <= array.max())
    if array.dtype.kind not in "iu" or beyond:
        for k, value in enumerate(values_of(values)):
            if type(value) is not int or value < 0 or (limit is not None and value >= limit):
                below = "" if limit is None else f" and below {limit:,}, the number of photos"
                raise BadInput(f"{where} of pair {k} is {value!r}; it must be a whole number from 0{below}")
    return array.astype(np.int64)


def resolve_pairs(pairs: list[LfwPair], paths: NDArray[np.str_]) -> PairList:
    """The pairs as row numbers of ``paths`` (N,), which must match exactly.

    Raises :class:`BadInput` naming the first photo that is missing and how many are, or a path
    that occurs twice.
    """
    rows: dict[str, int] = {}
    for row, name in enumerate(paths.tolist()):
        if name in rows:
            raise BadInput(f"the path {name!r} is in two rows ({rows[name]} and {row}); paths must be unique")
        rows[name] = row
    wanted = dict.fromkeys(name for pair in pairs for name in (pair.left, pair.right))
    missing = [name for name in wanted if name not in rows]
    if missing:
        raise BadInput(
            f"{len(missing)} of the {len(wanted)} photos in the pair list are not among the "
            f"{len(paths)} paths (first: {missing[0]!r}); the paths must read exactly like that"
        )
    return PairList(
        left=np.array([rows[p.left] for p in pairs], dtype=np.int64),
        right=np.array([rows[p.right] for p in pairs], dtype=np.int64),
        same=np.array([p.same for p in pairs], dtype=np.bool_),
        fold=np.array([p.fold for p in pairs], dtype=np.int64),
    )


def _header(path: str | os.PathLike[str], words: list[str]) -> tuple[int, int]:
    numbers = [int(w) for w in words if w.isdecimal()]
    if len(words) == len(numbers) == 1:
        raise BadInput(
            f"{path} is a View 1 file (one number in its first line, no folds), meant for choosing a "
            "model; lfw/official needs the View 2 file, pairs.txt"
        )
    if len(words) != 2 or len(numbers) != 2 or min(numbers) < 1:
        raise BadInput(f"{path}, line 1: expected the number of folds and of pairs, such as '10 300'")
    return numbers[0], numbers[1]


def _pair(path: str | os.PathLike[str], number: int, words: list[str], same: bool, fold: int) -> LfwPair:
    form = "name i j" if same else "name1 i name2 j"
    names, places = (words[:1] * 2, words[1:]) if same else (words[::2], words[1::2])
    if len(words) != (3 if same else 4) or not all(p.isdecimal() for p in places):
        raise BadInput(f"{path}, line {number}: expected {form!r}, found {' '.join(words)!r}")
    if not same and names[0] == names[1]:
        raise BadInput(f"{path}, line {number}: {names[0]!r} is on both sides of a pair of two people")
    left, right = (f"{n}/{n}_{int(p):04d}.jpg" for n, p in zip(names, places, strict=True))
    if left == right:
        raise BadInput(f"{path}, line {number}: {left!r} is compared with itself")
    return LfwPair(left, right, same, fold)
