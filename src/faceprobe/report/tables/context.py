"""Context control: the share of a figure above chance that each crop of the photo keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from faceprobe.metrics.table import metric_info
from faceprobe.report.scenes import HEADLINE_TMR, Scene, chance, headline_model, ranking
from faceprobe.report.text.numbers import fraction, interval, is_too_wide, percent_range
from faceprobe.report.text.sentences import Sentence, condition, quoted, say
from faceprobe.results.result import Result
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run

Array = NDArray[np.float64]

WHOLE = "as-is"

CONTROLS = ("face-only", "context-only", "random-mask")
MEASURES = ((LEAVE_ONE_OUT, "rank1"), (ALL_PAIRS, HEADLINE_TMR))
"""Protocol and metric of each row of the table."""


@dataclass(frozen=True)
class KeptShare:
    """The share of the whole photo's figure above chance that a crop keeps, with its 95 % interval.

    ``value`` may exceed 1 or be negative. ``reason`` says why there is no value or no interval; a sentence
    quotes a share only where there is no such reason.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def text(self) -> str:
        """``0.312 [0.275, 0.350]``, or "-"."""
        return " ".join(t for t in (fraction(self.value), interval(self.low, self.high)) if t)


@dataclass(frozen=True)
class ControlRow:
    """One model and measure. ``events`` says whether photos of one event were compared, ``whole`` is the
    as-is figure, ``chance`` its chance level, and ``kept`` has one entry for each crop of the table.
    """

    model: str
    measure: str
    events: str
    whole: str
    chance: str
    kept: tuple[KeptShare, ...]


@dataclass(frozen=True)
class ControlTable:
    """The table of one dataset; ``notes`` are the reasons for missing values and intervals."""

    dataset: str
    crops: tuple[str, ...]
    rows: tuple[ControlRow, ...]
    notes: tuple[str, ...]


def control_table(run: Run, dataset: str) -> ControlTable | None:
    """None where ``dataset`` was not measured as-is and in at least one of :data:`CONTROLS`."""
    scene = (dataset, "none", WHOLE)
    measured = [s[2] for s in run.scenes if s[:2] == (dataset, "none")]
    seeded = sorted(c for c in measured if c.startswith(f"{CONTROLS[-1]}-"))
    crops = (*(c for c in CONTROLS if c in measured), *seeded)
    if scene not in run.scenes or not crops:
        return None
    rows = []
    for model in ranking(run, scene):
        for base, metric in MEASURES:
            for protocol, events in (
                (base + CROSS_EVENT, "different events"),
                (base, "all photos"),
            ):
                whole = run.get(model, scene, protocol, metric)
                if whole is None or whole.value is None:
                    continue
                kept = tuple(kept_share(run, whole, crop) for crop in crops)
                if any(k.value is not None or k.reason for k in kept):
                    guess = _chance_of(run, whole)
                    rows.append(
                        ControlRow(
                            model,
                            metric_info(metric).title,
                            events if run.headline_protocol(scene, base) != base else "not known",
                            f"{fraction(whole.value)} {interval(whole.ci_low, whole.ci_high)}".strip(),
                            fraction(guess),
                            kept,
                        )
                    )
    used = [k for k in range(len(crops)) if any(row.kept[k].value is not None for row in rows)]
    if not used:
        return None
    notes = tuple(dict.fromkeys(k.reason for row in rows for k in row.kept if k.reason))
    shown = tuple(replace(row, kept=tuple(row.kept[k] for k in used)) for row in rows)
    return ControlTable(run.short(dataset), tuple(crops[k] for k in used), shown, notes)


def kept_share(run: Run, whole: Result, crop: str) -> KeptShare:
    """(figure in ``crop`` - chance) / (``whole`` - chance), the interval from paired replicates.

    Replicate r draws the same people for both crops; where they were not measured on the same people, or
    no replicates are stored, there is no interval and the reason says so.
    """
    other_scene = (whole.dataset, whole.cloak, crop)
    row = run.get(whole.model, other_scene, whole.protocol, whole.metric)
    if row is None or row.value is None or whole.value is None:
        return KeptShare(reason="" if row is None else f"{crop}: no supported figure")
    guess = _chance_of(run, whole)
    if guess is None:
        return KeptShare(reason="chance is not known")
    if (whole.value if whole.ci_low is None else whole.ci_low) <= guess:
        return KeptShare(reason="the whole photo is not shown to exceed chance")
    value = (row.value - guess) / (whole.value - guess)
    pair = _replicates(run, whole, row)
    if isinstance(pair, str):
        return KeptShare(value, reason=pair)
    above = pair[0] - guess
    if not (np.all(np.isfinite(pair[0])) and np.all(np.isfinite(pair[1])) and np.all(above > 0)):
        return KeptShare(reason=f"{crop}: not estimated, the whole photo falls to chance in some replicates")
    low, high = np.quantile((pair[1] - guess) / above, (0.025, 0.975))
    if is_too_wide(low, high):
        return KeptShare(reason=f"{crop}: not estimated, the interval is wider than the scale")
    return KeptShare(value, float(min(low, value)), float(max(high, value)))


def control_sentences(run: Run, scene: Scene) -> list[Sentence]:
    """How much the model of the headline keeps without the face; [] where that was not measured."""
    whole_scene = (scene[0], "none", WHOLE)
    model = headline_model(run, whole_scene)
    if model is None:
        return []
    protocol = run.headline_protocol(whole_scene, LEAVE_ONE_OUT)
    whole = run.get(model, whole_scene, protocol, "rank1")
    if whole is None or whole.value is None:
        return []
    context = kept_share(run, whole, "context-only")
    used = [whole, *_used(run, whole, ("context-only",))]
    if context.value is None or context.reason:
        unknown = {
            "model": run.short_model(model),
            "reason": context.reason,
            "condition": condition(protocol),
        }
        return [say("context_share_open", run, *used, **unknown)] if context.reason else []
    masked = kept_share(run, whole, "random-mask")
    kept = quoted(_words(context), *used)
    fields = {"model": run.short_model(model), "condition": condition(protocol)}
    if masked.value is None or masked.reason:
        return [say("context_share", run, value=kept, **fields)]
    other = quoted(_words(masked), whole, *_used(run, whole, ("random-mask",)))
    return [say("context_share_masked", run, value=kept, masked=other, **fields)]


def _used(run: Run, whole: Result, crops: Iterable[str]) -> list[Result]:
    found = (
        run.get(whole.model, (whole.dataset, whole.cloak, c), whole.protocol, whole.metric) for c in crops
    )
    return [row for row in found if row is not None]


def _chance_of(run: Run, whole: Result) -> float | None:
    """The chance level of a figure: for a TMR its FMR, for rank-1 see :func:`chance`."""
    if whole.metric.startswith("tmr@fmr="):
        return float(whole.metric.partition("=")[2])
    return chance(run, (whole.dataset, whole.cloak, whole.crop), whole.protocol)


def _replicates(run: Run, whole: Result, row: Result) -> tuple[Array, Array] | str:
    """The paired replicates of both figures, or the reason why there are none."""
    first, second = (run.cell(r.model, (r.dataset, r.cloak, r.crop)) for r in (whole, row))
    if first is None or second is None:
        return "no interval: the run has no such cell"
    a, b = (c.replicates(whole.protocol, whole.metric, whole.weighting) for c in (first, second))
    people = [c.arrays.get("identities") for c in (first, second)]
    if a is None or b is None or people[0] is None or people[1] is None:
        return "no interval: no bootstrap replicates are stored"
    if not np.array_equal(people[0], people[1]) or a.shape != b.shape:
        return "no interval: the crops were not measured on the same people"
    return a, b


def _words(kept: KeptShare) -> str:
    assert kept.value is not None
    return percent_range(kept.value, kept.low, kept.high)
