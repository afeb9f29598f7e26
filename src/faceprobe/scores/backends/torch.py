"""Multiply 8-bit codes with torch, which uses the processor's own integer instructions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.extras import require


def int8_product(left: NDArray[np.int8], right: NDArray[np.int8]) -> NDArray[np.int32]:
    """(A, D) x (B, D) -> (A, B) int32, exact: sums of up to 2**17 terms of at most 127**2 fit."""
    torch = require("torch", "encode", "the 8-bit first pass")
    product: NDArray[np.int32] = torch._int_mm(torch.from_numpy(left), torch.from_numpy(right).T).numpy()
    return product


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Within it, a torch operation runs in the thread that calls it."""
    torch = require("torch", "encode", "the 8-bit first pass")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
