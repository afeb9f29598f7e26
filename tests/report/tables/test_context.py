"""The context control: shares above chance and their paired intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceprobe.report import write_report
from faceprobe.report.scenes import chance
from faceprobe.report.tables.context import control_sentences, control_table, kept_share
from faceprobe.results.run import read_run
from tests.helpers.run_writer import MODELS, Writer

CROPS = ("as-is", "face-only", "context-only", "random-mask")
SCENE = ("synthetic", "none", "as-is")


def test_a_share_is_the_figure_above_chance_and_its_interval_is_paired(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(crops=CROPS).write())
    model, protocol = MODELS[4].card.id, "verification/all-pairs-cross-event"
    name = f"replicates//{protocol}//tmr@fmr=1e-3//identity"
    whole = run.get(model, SCENE, protocol, "tmr@fmr=1e-3")
    part = run.get(model, ("synthetic", "none", "face-only"), protocol, "tmr@fmr=1e-3")
    assert whole and part and whole.value and part.value
    found = kept_share(run, whole, "face-only")
    assert found.value == pytest.approx((part.value - 1e-3) / (whole.value - 1e-3))
    cells = [run.cell(model, ("synthetic", "none", c)) for c in ("as-is", "face-only")]
    a, b = (c.arrays[name] for c in cells if c)
    low, high = np.quantile((b - 1e-3) / (a - 1e-3), (0.025, 0.975))
    assert found.low == pytest.approx(min(low, found.value)) and found.high == pytest.approx(high)


def test_rank_one_is_counted_above_the_blind_guess(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(crops=CROPS).write())
    protocol = "identification/leave-one-out"
    for model in MODELS:
        whole = run.get(model.card.id, SCENE, protocol, "rank1")
        part = run.get(model.card.id, ("synthetic", "none", "context-only"), protocol, "rank1")
        guess = chance(run, SCENE, protocol)
        assert whole and part and whole.value and part.value and guess
        found = kept_share(run, whole, "context-only")
        assert found.value == pytest.approx((part.value - guess) / (whole.value - guess))


def test_the_table_splits_by_event_and_the_page_shows_it(writer: Callable[..., Writer]) -> None:
    folder = writer(crops=CROPS).write()
    table = control_table(read_run(folder), "synthetic")
    assert table is not None and table.crops == CROPS[1:]
    assert {(r.measure, r.events) for r in table.rows if r.model == MODELS[1].card.id} == {
        (measure, events)
        for measure in ("Rank-1", "TMR at FMR 1e-3")
        for events in ("different events", "all photos")
    }
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Context control on synthetic" in page and "removed at a random place instead" in page


def test_without_events_or_other_crops(writer: Callable[..., Writer]) -> None:
    table = control_table(read_run(writer(crops=CROPS, protocols=("",)).write()), "synthetic")
    assert table is not None and {r.events for r in table.rows} == {"not known"}
    alone = read_run(writer(crops=("as-is",)).write())
    assert control_table(alone, "synthetic") is None and control_sentences(alone, SCENE) == []


def test_other_people_or_no_replicates_leave_no_interval(writer: Callable[..., Writer]) -> None:
    bare = read_run(writer(crops=CROPS, curves=False).write())
    table = control_table(bare, "synthetic")
    assert table is not None and all(k.low is None for r in table.rows for k in r.kept)
    assert "no interval: no bootstrap replicates are stored" in table.notes
    folder = writer(crops=CROPS).write()
    run = read_run(folder)
    other = run.cell(MODELS[0].card.id, ("synthetic", "none", "context-only"))
    assert other is not None
    arrays = dict(other.arrays) | {"identities": other.arrays["identities"][::-1]}
    _rewrite(other.folder / "curves.npz", arrays)
    whole = run.get(MODELS[0].card.id, SCENE, "identification/leave-one-out", "rank1")
    assert whole is not None
    found = kept_share(read_run(folder), whole, "context-only")
    assert found.value is not None and found.low is None and "same people" in found.reason


def _rewrite(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(path, allow_pickle=False, **arrays)


def test_a_model_at_chance_has_no_share(writer: Callable[..., Writer]) -> None:
    run = read_run(writer(crops=CROPS).write())
    whole = run.get(MODELS[0].card.id, SCENE, "verification/all-pairs", "tmr@fmr=1e-3")
    assert whole is not None
    found = kept_share(run, replace(whole, ci_low=0.0005), "context-only")
    assert found.value is None and "exceed chance" in found.reason and found.text == "-"


def test_a_share_whose_interval_is_wider_than_the_scale_is_no_figure(writer: Callable[..., Writer]) -> None:
    """Such as .099 [-.175, 4.462], or a sentence that keeps 26 % [-103, 105]."""
    run = read_run(writer(crops=("as-is", "context-only")).write())
    model, protocol = MODELS[2].card.id, "identification/leave-one-out-cross-event"
    name = f"replicates//{protocol}//rank1//identity"
    whole = run.get(model, SCENE, protocol, "rank1")
    assert whole is not None
    cell = run.cell(model, ("synthetic", "none", "context-only"))
    assert cell is not None
    wide = np.linspace(0.0, 1.0, len(cell.arrays[name]))
    np.savez(cell.folder / "curves.npz", **{**cell.arrays, name: wide})
    run = read_run(run.folder)
    found = kept_share(run, whole, "context-only")
    assert found.value is None and found.text == "-"
    assert found.reason == "context-only: not estimated, the interval is wider than the scale"
    (said,) = control_sentences(run, SCENE)
    assert "is left open (context-only: not estimated, the interval is wider than the scale)" in str(said)


def test_a_share_without_an_interval_is_not_said(writer: Callable[..., Writer]) -> None:
    """As where the whole photo falls to chance in some replicates: 165 % would stand there as a fact."""
    run = read_run(writer(crops=("as-is", "context-only")).write())
    model, protocol = MODELS[2].card.id, "identification/leave-one-out-cross-event"
    name = f"replicates//{protocol}//rank1//identity"
    cell = run.cell(model, SCENE)
    assert cell is not None
    values = cell.arrays[name].copy()
    values[:3] = 0.0
    np.savez(cell.folder / "curves.npz", **{**cell.arrays, name: values})
    (said,) = control_sentences(read_run(run.folder), SCENE)
    assert "is left open (context-only: not estimated, the whole photo falls to chance" in str(said)
    assert "keeps" not in str(said).replace(f"{model} keeps when", "")
