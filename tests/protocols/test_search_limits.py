"""Protocols that search a gallery: threads and memory change no figure, and the bound on memory holds."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from faceprobe.core.errors import WrongUsage
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.templates import TemplateList
from faceprobe.protocols import Evaluation, evaluate
from tests.helpers.pairs_oracle import small_world

SEARCHES = (
    "identification/open-set",
    "identification/open-set-all-but-one",
    "identification/centroid",
    "identification/gallery-size",
    "identification/megaface",
)


def crowd(n: int = 900, people: int = 150, dim: int = 6, twins: int = 12) -> Embeddings:
    """A small world of which a part are distractors."""
    data = small_world(4, n=n, people=people, dim=dim, levels=2, twins=twins)
    names = np.char.add("t", np.arange(n).astype(str))
    each, searched = np.arange(n), np.char.str_len(data.identities) < 4  # p0 ... p99
    templates = TemplateList(
        row=each,
        template=each.astype(np.int32),
        media=each,
        names=names,
        identities=np.where(searched, data.identities, ""),
        galleries={"distractors": np.flatnonzero(~searched)},
        probes=np.flatnonzero(searched),
    )
    return replace(data, templates=templates)


def figures(outcome: Evaluation) -> tuple[object, ...]:
    """All that an outcome holds, as what can be compared bit by bit."""
    arrays = {**outcome.curves, **{f"replicates//{k}": v for k, v in outcome.replicates.items()}}
    return outcome.metrics, {name: (a.shape, a.tobytes()) for name, a in sorted(arrays.items())}


@pytest.mark.parametrize("protocol", SEARCHES)
def test_threads_and_memory_change_no_bit(protocol: str) -> None:
    data = crowd(300, 120) if protocol.endswith("size") else crowd()  # its fits are slow
    first = evaluate(data, [protocol], replicates=40, threads=2)
    assert any(m.value is not None and m.ci_low is not None for m in first.metrics)
    limits = ((1, 8.9), (64, 12), (1, None), (2, 200))
    for threads, megabytes in limits[:2] if protocol.endswith("size") else limits:
        bound = None if megabytes is None else int(megabytes * 10**6)
        again = evaluate(data, [protocol], replicates=40, threads=threads, max_memory=bound)
        assert figures(again) == figures(first)


@pytest.mark.parametrize("protocol", SEARCHES)
def test_the_bound_on_memory_holds(protocol: str) -> None:
    """Traced beyond what was there before; without the bound the same search takes more than it allows."""
    data = crowd(n=4_000 if protocol.endswith("size") else 12_000, people=1500, dim=60, twins=6)
    bound = least_memory(data, protocol) + 2 * 10**6
    evaluate(crowd(), [protocol], replicates=0)  # compiles what is compiled
    used = {}
    for limit in (bound, None):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        evaluate(data, [protocol], replicates=0, max_memory=limit)
        used[limit] = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    assert used[bound] <= bound < used[None]


def least_memory(data: Embeddings, protocol: str) -> int:
    """What the refusal of 1 MB says is the least, in bytes."""
    with pytest.raises(WrongUsage, match=f"1 MB are not enough for {protocol}; at least") as refused:
        evaluate(data, [protocol], max_memory=10**6)
    return int(str(refused.value).split("at least ")[1].split(" MB")[0].replace(",", "")) * 10**6


def test_too_little_memory_is_said_before_anything_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    data = crowd(n=6000, people=1500, dim=400, twins=0)
    names = ["verification/all-pairs", "identification/gallery-size"]
    with pytest.raises(WrongUsage, match="not enough for identification/gallery-size"):
        evaluate(data, names, replicates=0, quiet=False, max_memory=60 * 10**6)
    assert "comparing photos" not in capsys.readouterr().err
