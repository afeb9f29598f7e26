"""Progress on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Tick(Protocol):
    """Advance the progress by ``n`` steps; ``note`` replaces the text behind the bar."""

    def __call__(self, n: int = 1, note: str = "") -> None: ...


@contextmanager
def progress(title: str, total: int, quiet: bool = False) -> Iterator[Tick]:
    """Show ``title`` with ``total`` steps and yield the function that advances it."""
    if quiet:
        yield _silent
    elif sys.stderr.isatty():
        with _bar(title, total) as tick:
            yield tick
    else:
        yield _Lines(title, total)


def say(message: str) -> None:
    """One plain line for the user on standard error."""
    print(message, file=sys.stderr, flush=True)


def _silent(n: int = 1, note: str = "") -> None:
    return None


@contextmanager
def _bar(title: str, total: int) -> Iterator[Tick]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(title, total=total, note="")

        def tick(n: int = 1, note: str = "") -> None:
            if note:
                shown.update(task, note=note)
            shown.advance(task, n)

        yield tick


class _Lines:
    """A line at the start, every ten seconds and at the end."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total, self.done = title, total, 0
        self.last = time.monotonic()

    def __call__(self, n: int = 1, note: str = "") -> None:
        self.done += n
        now = time.monotonic()
        if self.done >= self.total or now - self.last > 10:
            self.last = now
            say(f"{self.title}: {self.done}/{self.total}" + (f" {note}" if note else ""))
