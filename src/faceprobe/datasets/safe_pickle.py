"""A pickle reader for plain data only, which runs no code of the file.

Lists, tuples, bytes, strings, numbers and booleans need no import: the unpickler builds them itself. The few
names in pickles of bytes and of simple numpy arrays are answered with stand-ins defined here, so that nothing
outside this file is called. Any other name is refused.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Refused

MAX_ITEMS = 1_000_000
"""Longest list that is read; published sets have about ten thousand photos."""

KINDS_OF_ARRAY = {"f": "floats", "O": "objects", "U": "text", "S": "byte strings", "c": "complex numbers"}
"""Types of arrays that are named where they are not read, by the first letter of numpy's code."""

DTYPES = {"b1": np.bool_, "u1": np.uint8, "i1": np.int8, "i4": np.int32, "i8": np.int64}


def load_plain(path: Path) -> Any:
    """The object in a pickle of plain data, such as a pair of lists; byte strings of Python 2 stay bytes.

    Raises :class:`Refused` where the pickle names something else than plain data, and where one of two lists
    holds further lists or more than :data:`MAX_ITEMS` items; :class:`BadInput` where it is damaged or not a
    pickle.
    """
    try:
        with open(path, "rb") as handle:
            return _arrays(_PlainUnpickler(handle, encoding="bytes").load())
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except _Forbidden as error:
        raise Refused(
            f"{path} is refused: this pickle asks to run {error}, which a file of photos does not need; "
            "get the file from a source that you trust"
        ) from error
    except _OtherArray as error:
        raise BadInput(
            f"{path} holds {error}; an insightface .bin holds photos as bytes and labels as booleans, or 0"
            " and 1 as whole numbers"
        ) from error
    except _TooMuch as error:
        raise Refused(f"{path} is refused: {error}, which no file of photos and booleans has") from error
    except (MemoryError, RecursionError) as error:
        raise Refused(f"{path} is refused: reading this pickle would exhaust the memory") from error
    except Exception as error:  # a damaged pickle raises nearly any type
        raise BadInput(f"{path} is not a complete pickle file ({type(error).__name__})") from error


class _Forbidden(Exception):
    pass


class _OtherArray(Exception):
    """An array of a type that is plain data but that no file of photos and booleans needs."""


class _TooMuch(Exception):
    pass


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _STAND_INS[module.replace("numpy.core.", "numpy._core."), name]()
        except KeyError:
            raise _Forbidden(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Forbidden("a persistent reference")


class _Encode:
    """``_codecs.encode(text, "latin1")``: how Python 3 writes bytes in protocols 0 to 2."""

    __slots__ = ()

    def __call__(self, text: str, codec: str | bytes) -> bytes:
        if codec not in ("latin1", b"latin1"):
            raise _Forbidden(f"the codec {codec!r}")
        return text.encode("latin1")


class _Bytes:
    """``bytes()`` (empty, protocol 2), ``bytearray(b"...")``, ``bytes([1, 2])``."""

    __slots__ = ()

    def __call__(self, value: Any = b"", codec: Any = None) -> bytes:
        if isinstance(value, str):
            return _Encode()(value, codec)
        if not isinstance(value, (bytes, bytearray, list)):
            raise _Forbidden("bytes() of something that is not bytes")
        return bytes(value)


def _raw(data: Any) -> bytes:
    """The bytes of an array. A number is refused: ``bytes(n)`` would make n of them."""
    if isinstance(data, str):
        return data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise _Forbidden("bytes() of something that is not bytes")
    return bytes(data)


class _Dtype:
    """``numpy.dtype("b1", ...)``; its state is the byte order, which the few types here do not need."""

    __slots__ = ("code",)

    def __init__(self, code: str = "") -> None:
        self.code = code

    def __call__(self, code: str | bytes, *_: Any) -> _Dtype:
        return _Dtype(code.decode() if isinstance(code, bytes) else code)

    def __setstate__(self, state: Any) -> None:
        if state[1] in (">", b">") and self.code not in ("b1", "u1", "i1"):
            raise _Forbidden("a big-endian array")

    def read(self, data: Any) -> NDArray[Any]:
        if self.code not in DTYPES:
            kind = KINDS_OF_ARRAY.get(self.code[:1], f"type {self.code!r}")
            raise _OtherArray(f"an array of {kind}")
        return np.frombuffer(_raw(data), dtype=DTYPES[self.code])


class _Array:
    """Collects what a numpy array pickles; the array is built from it at the end."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.value = dtype.read(data).reshape(shape, order="F" if fortran else "C")


class _Reconstruct:
    """``numpy._core.multiarray._reconstruct(ndarray, (0,), b"b")``."""

    __slots__ = ()

    def __call__(self, *_: Any) -> _Array:
        return _Array()


class _FromBuffer:
    """``numpy._core.numeric._frombuffer(data, dtype, shape, order)``, protocol 5."""

    __slots__ = ()

    def __call__(self, data: Any, dtype: _Dtype, shape: Any, order: Any) -> NDArray[Any]:
        return dtype.read(data).reshape(shape, order="F" if order in ("F", b"F") else "C")


class _Scalar:
    """``numpy._core.multiarray.scalar(dtype, data)``."""

    __slots__ = ()

    def __call__(self, dtype: _Dtype, data: Any) -> Any:
        return dtype.read(_raw(data))[0].item()


class _Name:
    """A class that is only mentioned, never called (``numpy.ndarray``)."""

    __slots__ = ()


_STAND_INS: dict[tuple[str, str], type] = {
    ("_codecs", "encode"): _Encode,
    ("builtins", "bytes"): _Bytes,
    ("builtins", "bytearray"): _Bytes,
    ("__builtin__", "bytes"): _Bytes,
    ("__builtin__", "bytearray"): _Bytes,
    ("numpy", "ndarray"): _Name,
    ("numpy", "dtype"): _Dtype,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "scalar"): _Scalar,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
}


def _arrays(value: Any) -> Any:
    """Replace collected arrays by real ones, in the two lists that a ``.bin`` holds and no deeper.

    A pickle may refer to one list many times, so that a walk through all levels has no bound. Anything but a
    pair of lists stays as it is, and the reader of the file refuses it.
    """
    if type(value) not in (list, tuple) or len(value) != 2:
        return value
    return [_items(item) for item in value]


def _items(value: Any) -> Any:
    value = _array(value)
    if isinstance(value, np.ndarray):
        if value.ndim != 1:
            raise _TooMuch("it holds a table of numbers")
        return _bounded(value)
    if type(value) not in (list, tuple):
        return value
    if any(type(item) in (list, tuple, dict, set, frozenset) for item in _bounded(value)):
        raise _TooMuch("its lists hold further lists")
    return [_array(item) for item in value]


def _array(value: Any) -> Any:
    return value.value if isinstance(value, _Array) else value


def _bounded(value: Any) -> Any:
    if len(value) > MAX_ITEMS:
        raise _TooMuch(f"it has a list of more than {MAX_ITEMS:,} items")
    return value
