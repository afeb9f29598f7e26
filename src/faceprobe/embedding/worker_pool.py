"""Worker processes that read and prepare photos, a bounded number ahead of the encoder."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.machine import usable_cores
from faceprobe.embedding.worker_process import answer

CHUNK = 8
"""Photos in one request: enough to hide the cost of a message, few enough to share work evenly."""

AHEAD = 3
"""Requests in flight a worker; bounds the memory that prepared photos take."""

MAX_WORKERS = 8

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from faceprobe.embedding.worker_process import main; main()"
)

Result = TypeVar("Result")


def default_workers(n_photos: int) -> int:
    """One worker a core, at most eight; none for so few photos that the start costs more than it saves."""
    return 0 if n_photos < 64 else min(usable_cores(), MAX_WORKERS)


class WorkerPool(Generic[Result]):
    """``with WorkerPool(function, workers) as pool``: ``function`` of many images in ``workers`` processes.

    With ``workers=0``, or where a child process cannot import ``function`` or what it holds (a class of a
    notebook or of a script's own file), all work is done in this process, with the same results.
    """

    def __init__(self, function: Callable[[str], Result], workers: int) -> None:
        self.function = function
        packed = _packed(function) if workers > 0 else None
        self.workers = workers if packed else 0
        self._children = [_start() for _ in range(self.workers)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for child in self._children:  # all start before the pool waits for the first
            _send(child, packed or b"")
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(max(1, self.workers))

    def __enter__(self) -> WorkerPool[Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe:
                    with suppress(OSError):  # the rest of a request that a killed worker never read
                        pipe.close()

    def map(self, images: Sequence[str]) -> Iterator[Result]:
        """``function(image)`` for each image, in order. Raises the first error (:class:`FaceprobeError`)."""
        chunks = (list(images[k : k + CHUNK]) for k in range(0, len(images), CHUNK))
        if not self.workers:
            for chunk in chunks:
                yield from _results(answer(self.function, chunk))
            return
        waiting: deque[Future[list[Result] | FaceprobeError]] = deque()
        for chunk in chunks:
            waiting.append(self._threads.submit(self._ask, chunk))
            if len(waiting) >= AHEAD * self.workers:
                yield from _results(waiting.popleft().result())
        while waiting:
            yield from _results(waiting.popleft().result())

    def _ask(self, images: list[str]) -> list[Result] | FaceprobeError:
        child = self._idle.get()
        assert child.stdin and child.stdout
        try:
            pickle.dump(images, child.stdin, protocol=5)
            child.stdin.flush()
            received: list[Result] | FaceprobeError = pickle.load(child.stdout)  # noqa: S301 - our own child
            return received
        except (OSError, EOFError, pickle.UnpicklingError):
            return FaceprobeError(
                f"a worker process ended (exit code {child.wait()}) at one of {images[0]} ... {images[-1]}; "
                "it may have run out of memory: try --workers 0"
            )
        finally:
            self._idle.put(child)


def _results(received: list[Result] | FaceprobeError) -> list[Result]:
    if isinstance(received, FaceprobeError):
        raise received
    return received


def _packed(function: Callable[[str], object]) -> bytes | None:
    """``function`` as bytes, or None where a child process could not open them."""
    if not sys.executable:
        return None
    try:
        packed = pickle.dumps(function, protocol=5)
    except Exception:  # a class inside a function, a lock, an open file: each raises an error of its own
        return None
    return None if b"__main__" in packed else packed


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def _send(child: subprocess.Popen[bytes], packed: bytes) -> None:
    assert child.stdin
    with suppress(OSError):  # it has ended already: the first request to it will report that
        child.stdin.write(packed)
        child.stdin.flush()
