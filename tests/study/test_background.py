"""Tasks in the background: order, errors, interrupts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from faceprobe.study.background import BackgroundTasks


def test_tasks_run_in_order_and_one_at_a_time() -> None:
    running, most, order = 0, 0, []

    def task(k: int) -> Callable[[Callable[[], bool]], None]:
        def work(stopped: Callable[[], bool]) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            order.append((k, stopped()))
            running -= 1

        return work

    with BackgroundTasks() as background:
        for k in range(20):
            background.start(task(k))
    assert order == [(k, False) for k in range(20)] and most == 1


def test_a_task_runs_while_the_caller_goes_on() -> None:
    ready, received = threading.Event(), []
    with BackgroundTasks() as background:
        background.start(lambda stopped: received.append(ready.wait(30)))
        ready.set()
    assert received == [True]


@pytest.mark.parametrize("last", [True, False])
def test_an_error_reaches_the_caller(last: bool) -> None:
    def fail(stopped: Callable[[], bool]) -> None:
        raise ValueError("this cell")

    after = []
    with pytest.raises(ValueError, match="this cell"), BackgroundTasks() as background:
        background.start(fail)
        if not last:
            background.start(lambda stopped: after.append(1))
    assert after == []


def test_the_callers_error_comes_first_and_the_running_task_is_finished() -> None:
    ready, done = threading.Event(), []

    def work(stopped: Callable[[], bool]) -> None:
        ready.wait(30)
        done.append(stopped())
        raise ValueError("second")

    with pytest.raises(KeyError, match="first"), BackgroundTasks() as background:
        background.start(work)
        ready.set()
        raise KeyError("first")
    assert done == [False]


def test_an_interrupt_does_not_wait_and_tells_the_task_to_stop() -> None:
    ready, done = threading.Event(), threading.Event()
    received = []

    def work(stopped: Callable[[], bool]) -> None:
        ready.wait(30)
        received.append(stopped())
        done.set()

    with pytest.raises(KeyboardInterrupt), BackgroundTasks() as background:
        background.start(work)
        raise KeyboardInterrupt
    assert received == []
    ready.set()
    assert done.wait(30) and received == [True]
