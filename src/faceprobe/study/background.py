"""Tasks in a background thread: one cell is evaluated (numpy) while the next is embedded (torch)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType


class BackgroundTasks:
    """``with BackgroundTasks() as background``: tasks run one at a time, in order, in another thread.

    An error of a task is raised by the next :meth:`start` or at the end of the block. Where an interrupt ends
    the block, the running task is asked to stop and is not waited for.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._stopped = threading.Event()

    def start(self, task: Callable[[Callable[[], bool]], None]) -> None:
        """Wait for the task before, then start ``task(stopped)``.

        ``stopped()`` says whether the task was asked to stop; it must call that before it writes a file.
        """
        self._wait()

        def work() -> None:
            try:
                task(self._stopped.is_set)
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()

    def __enter__(self) -> BackgroundTasks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._wait()
        elif issubclass(kind, Exception) and self._thread is not None:
            self._thread.join()  # its cell is kept; its error would hide the first one
        else:
            self._stopped.set()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error
