"""The leaderboard: a table for each dataset and crop, its models in the order of rank-1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from faceprobe.data.evidence import Evidence, weakest
from faceprobe.data.remarks import without_brackets
from faceprobe.metrics.table import metric_info
from faceprobe.report.comparison.floors import floor_verdicts
from faceprobe.report.scenes import (
    FLOOR,
    HEADLINE_TMR,
    Scene,
    entrants,
    family_of,
    is_own_crop,
    mates_of,
    role_of,
)
from faceprobe.report.tables.cells import FootnoteList, TableCell, table_cell
from faceprobe.report.text.numbers import power_of_ten, scaled
from faceprobe.report.text.sentences import LABEL
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run


@dataclass(frozen=True)
class BoardColumn:
    """A column with the head ``title`` and ``subtitle`` that shows ``metric`` of ``protocol``; its bars end
    at the value ``top``.
    """

    title: str
    subtitle: str
    protocol: str
    metric: str
    top: float = 1.0


@dataclass(frozen=True)
class BoardRow:
    """A model's row of the table. ``crop`` is "" unless the model was measured on another crop than that of
    the board; ``own`` says whether that crop is the model's default. ``floor`` says whether its rank-1 is
    above that of every floor: "yes", "no", "not shown", "no floor", "floor" for a floor itself, "" for a
    model without a rank-1.
    """

    model: str
    crop: str
    own: bool
    family: str
    params: str
    series: int
    cells: tuple[TableCell, ...]
    floor: str = ""


@dataclass(frozen=True)
class Board:
    """The leaderboard of one dataset, crop and cloak; ``evidence`` is the weakest of its rows, and ``absent``
    are the columns that no model has a figure for, each with the reason.
    """

    key: str
    dataset: str
    crop: str
    cloak: str
    evidence: Evidence
    label: str
    columns: tuple[BoardColumn, ...]
    rows: tuple[BoardRow, ...]
    notes: tuple[str, ...]
    absent: tuple[str, ...] = ()

    @property
    def scene(self) -> Scene:
        """(dataset, cloak, crop)."""
        return (self.dataset, self.cloak, self.crop)


def leaderboards(run: Run) -> list[Board]:
    """A board for each scene of the run that has rows."""
    return [_board(run, scene, k) for k, scene in enumerate(run.scenes) if run.in_scene(scene)]


def columns_of(run: Run, scene: Scene) -> tuple[BoardColumn, ...]:
    """Rank-1 across events and over all photos, TMR at two operating points, EER, AUC, and the accuracy of
    each ten-fold protocol that was measured.
    """
    rank, pairs = (run.headline_protocol(scene, base) for base in (LEAVE_ONE_OUT, ALL_PAIRS))
    rank1, tmr, eer, auc, accuracy = (
        metric_info(m).title for m in ("rank1", "tmr", "eer", "auc", "accuracy")
    )
    columns = [
        BoardColumn(rank1, f"{_condition(protocol)}{_enrolled(run, scene, protocol)}", protocol, "rank1")
        for protocol in dict.fromkeys((rank, LEAVE_ONE_OUT))
    ]
    strict = strictest_supported(run, scene, pairs)
    for metric in dict.fromkeys((HEADLINE_TMR, strict)):
        columns.append(BoardColumn(tmr, f"at FMR {_power(metric)}", pairs, metric))
    columns.append(BoardColumn(eer, _condition(pairs), pairs, "eer", 0.5))
    columns.append(BoardColumn(auc, _condition(pairs), pairs, "auc"))
    folds = sorted({r.protocol for r in run.in_scene(scene) if r.metric == "accuracy"})
    columns += [BoardColumn(accuracy, protocol, protocol, "accuracy") for protocol in folds]
    return tuple(columns)


def strictest_supported(run: Run, scene: Scene, protocol: str) -> str:
    """The TMR metric at the lowest FMR that every model of ``scene`` supports without a caution.

    If every FMR has a caution for some model, rows with cautions count too; if no FMR is supported by every
    model, the answer is :data:`HEADLINE_TMR`.
    """
    rows = [
        r
        for r in run.in_scene(scene)
        if r.protocol == protocol and r.weighting == "identity" and r.metric.startswith("tmr@fmr=")
    ]
    models = {r.model for r in rows}
    supported = [r for r in rows if r.value is not None]
    for usable in ([r for r in supported if not without_brackets(r.remarks)], supported):
        shared = [
            m for m in {r.metric for r in usable} if {r.model for r in usable if r.metric == m} == models
        ]
        if shared:
            return min(shared, key=target_fmr)
    return HEADLINE_TMR


def target_fmr(metric: str) -> float:
    """0.001 for ``tmr@fmr=1e-3``."""
    return float(metric.rpartition("=")[2])


def _board(run: Run, scene: Scene, number: int) -> Board:
    dataset, cloak, crop = scene
    notes = FootnoteList(f"board{number}")
    entered = entrants(run, scene)
    columns, absent = [], []
    for column in columns_of(run, scene):
        rows = [run.any_weighting(m, s, column.protocol, column.metric) for m, s in entered]
        if any(row is not None and row.value is not None for row in rows):
            columns.append(column)
        else:
            reasons = dict.fromkeys(row.text for row in rows if row is not None and row.text)
            absent.append(f"{column.title} {column.subtitle}: {next(iter(reasons), 'not measured')}")
    lines = []
    verdicts = {v.model: v.word for v in floor_verdicts(run, scene)}
    for model, measured in entered:
        cells = []
        for column in columns:
            row = run.any_weighting(model, measured, column.protocol, column.metric)
            pair = run.get(model, measured, column.protocol, column.metric, "pair")
            cells.append(table_cell(row, pair if pair is not row else None, notes, column.top))
        params = scaled(run.card(model).get("n_params"))
        crop_read = "" if measured == scene else measured[2]
        own = is_own_crop(run, model, measured[2])
        series = run.models.index(model)
        floor = FLOOR if role_of(run, model) == FLOOR else verdicts.get(model, "")
        facts = (family_of(run, model), params, series)
        lines.append(BoardRow(model, crop_read, own, *facts, tuple(cells), floor))
    evidence = weakest(r.evidence for r in run.in_scene(scene))
    return Board(
        notes.key,
        dataset,
        crop,
        cloak,
        evidence,
        LABEL[evidence],
        tuple(columns),
        tuple(lines),
        tuple(notes.texts),
        tuple(absent),
    )


def _condition(protocol: str) -> str:
    return "across events" if protocol.endswith(CROSS_EVENT) else "all photos"


def _enrolled(run: Run, scene: Scene, protocol: str) -> str:
    """``, 7 enrolled``: the other photos of a person that a search can find; "" where not known."""
    found = (run.get(model, scene, protocol, "rank1") for model in run.models)
    mates = next((n for row in found if row is not None and (n := mates_of(row)) is not None), None)
    return "" if mates is None else f", {round(mates, 1):g} enrolled"


def _power(metric: str) -> str:
    """``10⁻³`` for ``tmr@fmr=1e-3``; other targets as they are written."""
    target = metric.rpartition("=")[2]
    power = re.fullmatch(r"1e(-\d+)", target)
    return power_of_ten(int(power.group(1))) if power else target
