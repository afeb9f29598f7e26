"""A worker process: answers requests on standard input until it is closed.

Workers are started by ``pool.py`` as plain child processes. When the parent dies, however it dies,
their input ends and so do they: no orphans stay behind a ``kill -9``.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from typing import BinaryIO

from faceprobe.core.errors import FaceprobeError
from faceprobe.embedding.preparation import Digest, Prepared, Recipe

Answer = list[Digest] | list[Prepared] | FaceprobeError


def main() -> None:
    """Read a pickled :class:`Recipe`, then (operation, images) requests; answer each in order.

    Both ends are this package's own processes: nothing that a stranger wrote is unpickled.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up between the answers
    _one_thread()
    requests = sys.stdin.buffer
    recipe: Recipe = pickle.load(requests)  # noqa: S301
    try:
        while (request := _next(requests)) is not None:
            pickle.dump(answer(recipe, *request), answers, protocol=5)
            answers.flush()
    except BrokenPipeError:  # nobody waits for the answer any more
        os._exit(1)  # without the attempt to flush the rest


def answer(recipe: Recipe, operation: str, images: list[str]) -> Answer:
    """``operation`` is "digest" or "prepare"; one item an image, or the error that ends the run."""
    image = ""
    try:
        if operation == "digest":
            return [recipe.digest(image := name) for name in images]
        return [recipe.prepare(image := name) for name in images]
    except FaceprobeError as error:
        return error
    except Exception as error:
        return FaceprobeError(f"unexpected {type(error).__name__} at photo {image}: {error}")


def _next(requests: BinaryIO) -> tuple[str, list[str]] | None:
    try:
        request: tuple[str, list[str]] = pickle.load(requests)  # noqa: S301
        return request
    except EOFError:
        return None


def _one_thread() -> None:
    """One worker, one core: OpenCV would start a thread for each."""
    try:
        import cv2
    except ImportError:
        return
    cv2.setNumThreads(1)
