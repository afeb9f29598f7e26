"""Worker processes that prepare photos, a bounded number ahead of the encoder."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from faceprobe.core.cores import usable_cores
from faceprobe.core.errors import FaceprobeError
from faceprobe.embedding.preparation import Digest, Prepared, Recipe
from faceprobe.embedding.worker_process import Answer, answer

CHUNK = 8
"""Photos in one request: enough to hide the cost of a message, few enough to stay level."""

AHEAD = 3
"""Requests in flight a worker; bounds the memory that prepared photos take."""

MAX_WORKERS = 8

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from faceprobe.embedding.worker_process import main; main()"
)


def default_workers(n_photos: int) -> int:
    """A worker a core, at most eight; none where so few photos are waiting that starting costs more."""
    cores = usable_cores()
    return 0 if n_photos < 64 else min(cores, MAX_WORKERS)


class Pool:
    """``with Pool(recipe, workers) as pool``: results come in the order of the request.

    With ``workers=0``, or where the recipe's source is defined where a child cannot import it (a
    notebook, a script's own file), all work is done in this process; results are the same.
    """

    def __init__(self, recipe: Recipe, workers: int) -> None:
        self.recipe = recipe
        packed = _pack(recipe) if workers > 0 else None
        self.workers = workers if packed else 0
        self._children = [_start() for _ in range(self.workers)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for child in self._children:  # all are on their way before the first is waited for
            _send(child, packed or b"")
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(max(1, self.workers))

    def __enter__(self) -> Pool:
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
                    _close(pipe)

    def digest(self, images: Sequence[str]) -> Iterator[Digest]:
        """:meth:`Recipe.digest` of each image, in order."""
        return self._map("digest", images)

    def prepare(self, images: Sequence[str]) -> Iterator[Prepared]:
        """:meth:`Recipe.prepare` of each image, in order."""
        return self._map("prepare", images)

    def _map(self, operation: str, images: Sequence[str]) -> Iterator[Any]:
        chunks = (list(images[k : k + CHUNK]) for k in range(0, len(images), CHUNK))
        if not self.workers:
            for chunk in chunks:
                yield from _opened(answer(self.recipe, operation, chunk))
            return
        waiting: deque[Future[Answer]] = deque()
        for chunk in chunks:
            waiting.append(self._threads.submit(self._ask, operation, chunk))
            if len(waiting) >= AHEAD * self.workers:
                yield from _opened(waiting.popleft().result())
        while waiting:
            yield from _opened(waiting.popleft().result())

    def _ask(self, operation: str, images: list[str]) -> Answer:
        child = self._idle.get()
        assert child.stdin and child.stdout
        try:
            pickle.dump((operation, images), child.stdin, protocol=5)
            child.stdin.flush()
            received: Answer = pickle.load(child.stdout)  # noqa: S301 - our own child's answer
            return received
        except (OSError, EOFError, pickle.UnpicklingError):
            return FaceprobeError(
                f"a worker process ended (exit code {child.wait()}) at one of {images[0]} ... {images[-1]}; "
                "it may have run out of memory: try --workers 0"
            )
        finally:
            self._idle.put(child)


def _opened(received: Answer) -> Sequence[Any]:
    if isinstance(received, FaceprobeError):
        raise received
    return received


def _pack(recipe: Recipe) -> bytes | None:
    """The recipe as bytes, or None where a child process could not open them."""
    if not sys.executable or type(recipe.source).__module__ == "__main__":
        return None
    try:
        return pickle.dumps(recipe, protocol=5)
    except Exception:  # a class inside a function, a lock, an open file: all say so in their own way
        return None


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _BOOT, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def _send(child: subprocess.Popen[bytes], packed: bytes) -> None:
    assert child.stdin
    try:
        child.stdin.write(packed)
        child.stdin.flush()
    except OSError:  # it has ended already: the first request to it will say so
        return


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # the rest of a request that a killed worker never read
        return
