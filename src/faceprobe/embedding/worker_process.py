"""A worker process: answers requests on standard input until it is closed.

``worker_pool.py`` starts workers as plain child processes. When the parent dies, however it dies,
their input ends and so do they: no orphans stay after a ``kill -9``.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from faceprobe.core.errors import FaceprobeError


def main() -> None:
    """Read a pickled function of an image's name, then lists of names; answer each list in order.

    Both ends are this package's own processes: nothing from a file or a network is unpickled.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up between the answers
    _use_one_thread()
    requests = sys.stdin.buffer
    function: Callable[[str], Any] = pickle.load(requests)  # noqa: S301
    try:
        while (images := _next(requests)) is not None:
            pickle.dump(answer(function, images), answers, protocol=5)
            answers.flush()
    except BrokenPipeError:  # the parent waits for no answer any more
        os._exit(1)  # without the attempt to flush the rest


def answer(function: Callable[[str], Any], images: list[str]) -> list[Any] | FaceprobeError:
    """``function`` of each image, or the error that ends the run."""
    image = ""
    try:
        return [function(image := name) for name in images]
    except FaceprobeError as error:
        return error
    except Exception as error:
        return FaceprobeError(f"unexpected {type(error).__name__} at photo {image}: {error}")


def _next(requests: BinaryIO) -> list[str] | None:
    try:
        request: list[str] = pickle.load(requests)  # noqa: S301
        return request
    except EOFError:
        return None


def _use_one_thread() -> None:
    """One worker uses one core: OpenCV would start a thread for each core."""
    try:
        import cv2
    except ImportError:
        return
    cv2.setNumThreads(1)
