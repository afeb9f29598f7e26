"""What the benchmarks share: timing in turns, peak memory, the record of a run."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from faceprobe.core.machine import describe_machine, versions

RESULTS = Path(__file__).parent / "results"


def in_turns(programs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, Any]]:
    """Run the programs in turns, ``rounds`` times each, and give the seconds of wall clock of each."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            started = time.perf_counter()
            program()
            seconds[name].append(time.perf_counter() - started)
    return {name: spread(values) for name, values in seconds.items()}


def spread(seconds: list[float]) -> dict[str, Any]:
    """Median, least and greatest of some timings, and the timings."""
    return {
        "median_s": round(statistics.median(seconds), 4),
        "min_s": round(min(seconds), 4),
        "max_s": round(max(seconds), 4),
        "runs": len(seconds),
    }


def peak_mb() -> float:
    """Highest resident memory of this process since :func:`reset_peak`, in MB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("/proc/self/status has no VmHWM")


def reset_peak() -> None:
    """Forget the peak so far (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_mb() -> float:
    """Resident memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def upper_blocks(n: int, height: int = 512, width: int = 1024) -> list[tuple[slice, slice]]:
    """The blocks of a matrix that hold a pair above the diagonal."""
    return [
        (slice(i, i + height), slice(j, j + width))
        for i in range(0, n, height)
        for j in range(i - i % width, n, width)
        if j + width > i
    ]


def bare_product(vectors: np.ndarray, blocks: list[tuple[slice, slice]], threads: int) -> float:
    """Seconds that the float32 matrix product of ``blocks`` takes when nothing is done with it, each of
    ``threads`` threads multiplying its own blocks: the physical limit of any program that forms all scores.
    """
    from concurrent.futures import ThreadPoolExecutor

    def work(part: list[tuple[slice, slice]]) -> None:
        out = np.empty((512, 1024), dtype=np.float32)
        for i, j in part:
            left, right = vectors[i], vectors[j]
            np.matmul(left, right.T, out=out[: len(left), : len(right)])

    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):
        started = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, [blocks[k::threads] for k in range(threads)]))
        return time.perf_counter() - started


def record(name: str, result: dict[str, Any]) -> Path:
    """Write ``results/<name>.json`` with the machine and the versions behind it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {"benchmark": name, **result, "machine": describe_machine(), "versions": versions()}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path}")
    return path
