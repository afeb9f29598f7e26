"""What a label is: the one rule for identities, events, groups, hashes and every other column of labels.

Every reader (files of labels, tables in memory, stores, lists of datasets) turns values into text here, so
that a missing value is the same everywhere. :data:`UNKNOWN` is the text of all missing values. Unknown is not
a value: two unknown people are not one person. Photos of unknown people are left out of every figure over
people and counted (:func:`faceprobe.protocols.evaluate`).
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from faceprobe.core.errors import BadInput
from faceprobe.core.words import counted

UNKNOWN = ""
"""The text of a missing label."""

MISSING_TEXTS = frozenset({"nan", "NaN", "<NA>", "NaT"})
"""How numpy and pandas write a missing value where they turn a column into text."""

_EXACT = 2**53
"""Whole numbers below it are exact as float64."""


def label_text(value: Any) -> str:
    """A label as text: "" for a missing value, else :func:`clean_label` of it.

    None, NaN, pandas' NA and NaT, "", blanks and :data:`MISSING_TEXTS` are missing. 0, 0.0 and False are
    values. A whole number has one text, whether it is stored as an integer or as a float: pandas turns a
    column of integers into floats as soon as one value is missing. Raises :class:`TypeError`, whose text is
    the kind of the value, for lists and other values that are not one label.

    >>> [label_text(value) for value in (None, float("nan"), " ", 0, 7.0, False, " Ada ")]
    ['', '', '', '0', '7', 'False', 'Ada']
    """
    if not isinstance(value, str):
        value = _plain_text(value)
    text = clean_label(value)
    return UNKNOWN if text in MISSING_TEXTS else text


def clean_label(text: str) -> str:
    """``text`` in Unicode's composed form (NFC) without blanks around it: a name has one spelling, whether a
    macOS or a Linux program wrote it (Unicode Standard Annex 15).
    """
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def label_texts(values: Iterable[Any], where: str) -> list[str]:
    """A column of labels by :func:`label_text`. ``where`` names the column in the :class:`BadInput` for a
    list or another value that is not one label.
    """
    texts = []
    for row, value in enumerate(values):
        try:
            texts.append(label_text(value))
        except TypeError as error:
            raise BadInput(
                f"{where}: row {row} holds {error}; a label is one text or number a row"
            ) from error
    return texts


def path_texts(values: Iterable[Any], where: str) -> list[str]:
    """A column of paths as text, "" for a missing one; unlike labels they stay exactly as they are, since
    they must match the names of files. Errors as of :func:`label_texts`.
    """
    texts = []
    for row, value in enumerate(values):
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        try:
            texts.append(value if isinstance(value, str) and label_text(value) else label_text(value))
        except TypeError as error:
            raise BadInput(f"{where}: row {row} holds {error}; a path is one text a row") from error
    return texts


def values_of(column: Any) -> list[Any]:
    """The values of a list, a numpy, torch or Arrow array, a pandas or polars Series, as Python's own."""
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(column, method):
            values = getattr(column, method)()
            return values if isinstance(values, list) else [values]
    return list(column)


def refuse_repeated(names: Sequence[str], wanted: Iterable[str | None], where: str) -> None:
    """Raise :class:`BadInput` where one of the ``wanted`` columns is there twice among ``names``."""
    counts = Counter(names)
    for name in wanted:
        if name is not None and counts[name] > 1:
            raise BadInput(
                f"{where} has {counts[name]} columns called {name!r}; which of them counts is not known:"
                " rename the others"
            )


def refuse_pathless(paths: Sequence[str], where: str) -> None:
    """Raise :class:`BadInput` where a row has no path, since nothing can be looked up for it."""
    if "" in paths:
        n = counted(paths.count(""), "row")
        raise BadInput(f"{where}: {n} without a path (first: row {paths.index('')}); give each photo's path")


def _plain_text(value: Any) -> str:
    """The text of one value that is not a text, "" where it is missing."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        nan = value.is_nan() if isinstance(value, Decimal) else value != value
        return UNKNOWN if nan else _number(value)
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return label_text(value.item())  # a scalar of numpy, or a tensor of one value
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return bytes(value).hex()  # a hash in its binary form
    if isinstance(value, Mapping):
        raise TypeError("a mapping")
    if isinstance(value, list | tuple | set | frozenset) or hasattr(value, "__len__"):
        raise TypeError("a list")
    return UNKNOWN if _is_missing(value) else str(value)


def _number(value: float | Decimal) -> str:
    return str(int(value) if -_EXACT < value < _EXACT and value == int(value) else value)


def _is_missing(value: Any) -> bool:
    """Whether a value is NaT or NA, which do not equal themselves."""
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA has no truth value
        return True
