"""The leaderboard: one table a dataset and crop, models by how often they find the same person first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup

from faceprobe.data.evidence import Evidence, weakest
from faceprobe.report.text.numbers import fraction, interval, scaled
from faceprobe.report.text.sentences import LABEL
from faceprobe.results.result import Result
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run

HEADLINE_TMR = "tmr@fmr=1e-3"
WARNING_WORDS = ("unstable", "warning", "no interval", "no width", "too narrow", "not assured")
"""What a row's note says where its figure deserves less trust."""

Scene = tuple[str, str, str]


@dataclass
class Footnotes:
    """Notes below a table, each once, numbered from 1; ``key`` makes their anchors unique on the page."""

    key: str
    texts: list[str] = field(default_factory=list)

    def number(self, text: str) -> int:
        """The number of ``text``; 0 where there is nothing to note."""
        if not text:
            return 0
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


@dataclass(frozen=True)
class TableCell:
    """``value`` and ``interval`` as text, ``bar`` the interval drawn, ``pair`` the pair-weighted value,
    ``note`` a footnote number (0 = none), ``reason`` the row's own remark, ``caution`` whether it warns.
    """

    value: str
    interval: str = ""
    bar: Markup = field(default_factory=Markup)
    pair: str = ""
    note: int = 0
    reason: str = ""
    caution: bool = False


@dataclass(frozen=True)
class Column:
    """``title`` and ``subtitle`` above, ``protocol`` and ``metric`` shown, ``top`` the bar's right end."""

    title: str
    subtitle: str
    protocol: str
    metric: str
    top: float = 1.0


@dataclass(frozen=True)
class BoardRow:
    """A model's line; ``crop`` is "" unless the model was measured on other crops than the board's only,
    ``own`` whether that is the model's own crop.
    """

    model: str
    crop: str
    own: bool
    family: str
    params: str
    series: int
    cells: tuple[TableCell, ...]


@dataclass(frozen=True)
class Board:
    """A finished leaderboard of one ``scene``; ``evidence`` is the weakest in it."""

    key: str
    dataset: str
    crop: str
    cloak: str
    evidence: Evidence
    label: str
    columns: tuple[Column, ...]
    rows: tuple[BoardRow, ...]
    notes: tuple[str, ...]


def leaderboards(run: Run) -> list[Board]:
    """A board for each scene of the run that has rows."""
    return [_board(run, scene, k) for k, scene in enumerate(run.scenes) if run.in_scene(scene)]


def ranking(run: Run, scene: Scene) -> list[str]:
    """Models of ``scene``, best first: identity-weighted leave-one-out rank-1, cross-event where known.

    Models without that figure come last, in the order of the run.
    """
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)

    def order(model: str) -> tuple[bool, float]:
        row = run.get(model, scene, protocol, "rank1")
        value = None if row is None else row.value
        return value is None, -(value or 0.0)

    present = {r.model for r in run.in_scene(scene)}
    return sorted((m for m in run.models if m in present), key=order)


def entrants(run: Run, scene: Scene) -> list[tuple[str, Scene]]:
    """Models of ``scene`` and, where it is its dataset's first, those measured on other crops only, each
    with the scene to read it in: the model's own crop before others, never the photo without its face.
    Best first.
    """
    dataset, cloak, _ = scene
    found = [(model, scene) for model in ranking(run, scene)]
    siblings = [s for s in run.scenes if s[:2] == (dataset, cloak)]
    if siblings and siblings[0] == scene:
        others = [s for s in siblings[1:] if not s[2].startswith(("context-only", "random-mask"))]
        measured = [(m, other) for other in others for m in ranking(run, other)]
        for model, other in sorted(measured, key=lambda entry: not is_own_crop(run, entry[0], entry[1][2])):
            if model not in {f[0] for f in found}:
                found.append((model, other))

    def order(entry: tuple[str, Scene]) -> tuple[bool, float]:
        row = run.get(entry[0], entry[1], run.headline_protocol(entry[1], LEAVE_ONE_OUT), "rank1")
        value = None if row is None else row.value
        return value is None, -(value or 0.0)

    return sorted(found, key=order)


def is_own_crop(run: Run, model: str, crop: str) -> bool:
    """Whether ``crop`` is the one that the model's card calls its default: what it was trained on."""
    return bool(run.card(model).get("default_crop") == crop)


def remarks(note: str) -> str:
    """What of a row's note belongs below a table: all but the bracket of an equal error rate."""
    return "; ".join(p for p in note.split("; ") if p and not p.startswith("bracket:"))


def columns_of(run: Run, scene: Scene) -> tuple[Column, ...]:
    """The board's columns: rank-1 across events and plain, TMR at two operating points, EER, AUC,
    and LFW View 2 accuracy where it was measured.
    """
    rank, pairs = (run.headline_protocol(scene, base) for base in (LEAVE_ONE_OUT, ALL_PAIRS))
    columns = [Column("Rank-1", _condition(rank), rank, "rank1")]
    if rank != LEAVE_ONE_OUT:
        columns.append(Column("Rank-1", "all photos", LEAVE_ONE_OUT, "rank1"))
    strict = strictest_supported(run, scene, pairs)
    for metric in dict.fromkeys((HEADLINE_TMR, strict)):
        columns.append(Column("TMR", f"at FMR {_power(metric)}", pairs, metric))
    columns.append(Column("EER", _condition(pairs), pairs, "eer", 0.5))
    columns.append(Column("AUC", _condition(pairs), pairs, "auc"))
    folds = sorted({r.protocol for r in run.in_scene(scene) if r.metric == "accuracy"})
    columns += [Column("Accuracy", protocol, protocol, "accuracy") for protocol in folds]
    return tuple(columns)


def strictest_supported(run: Run, scene: Scene, protocol: str) -> str:
    """The TMR metric at the lowest FMR that every model of ``scene`` supports without a caution.

    Where none is free of cautions, cautions are accepted; where none is supported, the headline one.
    """
    rows = [
        r
        for r in run.in_scene(scene)
        if r.protocol == protocol and r.weighting == "identity" and r.metric.startswith("tmr@fmr=")
    ]
    models = {r.model for r in rows}
    for usable in (_calm, _supported):
        shared = [
            m
            for m in {r.metric for r in rows}
            if {r.model for r in rows if r.metric == m and usable(r)} == models
        ]
        if shared:
            return min(shared, key=target_fmr)
    return HEADLINE_TMR


def target_fmr(metric: str) -> float:
    """0.001 for ``tmr@fmr=1e-3``."""
    return float(metric.rpartition("=")[2])


def table_cell(row: Result | None, pair: Result | None, notes: Footnotes, top: float = 1.0) -> TableCell:
    """How one row is shown; a missing row says so in its footnote."""
    if row is None:
        return TableCell(
            "-", note=notes.number("not measured in this run"), reason="not measured in this run"
        )
    if row.value is None:
        reason = row.note or "not supported by the data"
        return TableCell("-", note=notes.number(reason), reason=reason)
    beside = "" if pair is None or pair.value is None else fraction(pair.value, row.metric)
    return TableCell(
        value=fraction(row.value, row.metric),
        interval=interval(row.ci_low, row.ci_high, row.metric),
        bar=interval_bar(row, top),
        pair=beside,
        note=notes.number(remarks(row.note)),
        reason=row.note,
        caution=any(word in row.note for word in WARNING_WORDS),
    )


def interval_bar(row: Result, top: float = 1.0) -> Markup:
    """A small drawing of value and interval between 0 and ``top``; the numbers stand beside it."""
    if row.value is None:
        return Markup()

    def at(value: float) -> float:
        return 64 * min(max(value / top, 0.0), 1.0)

    low = at(row.value if row.ci_low is None else row.ci_low)
    high = at(row.value if row.ci_high is None else row.ci_high)
    return Markup(
        '<svg class="ci" viewBox="0 0 64 8" aria-hidden="true"><path class="track" d="M0 4H64"/>'
        f'<path class="range" d="M{low:.1f} 4H{max(high, low + 0.5):.1f}"/>'
        f'<path class="value" d="M{at(row.value):.1f} 0V8"/></svg>'
    )


def family_of(run: Run, model: str) -> str:
    return str(run.card(model).get("family") or "-")


def _board(run: Run, scene: Scene, number: int) -> Board:
    dataset, cloak, crop = scene
    notes = Footnotes(f"board{number}")
    columns = columns_of(run, scene)
    rows = []
    for model, seen in entrants(run, scene):
        cells = []
        for column in columns:
            row = run.any_weighting(model, seen, column.protocol, column.metric)
            pair = run.get(model, seen, column.protocol, column.metric, "pair")
            cells.append(table_cell(row, pair if pair is not row else None, notes, column.top))
        params = scaled(run.card(model).get("n_params"))
        crop_read = "" if seen == scene else seen[2]
        own = is_own_crop(run, model, seen[2])
        series = run.models.index(model)
        rows.append(BoardRow(model, crop_read, own, family_of(run, model), params, series, tuple(cells)))
    evidence = weakest(r.evidence for r in run.in_scene(scene))
    return Board(
        notes.key, dataset, crop, cloak, evidence, LABEL[evidence], columns, tuple(rows), tuple(notes.texts)
    )


def _condition(protocol: str) -> str:
    return "across events" if protocol.endswith(CROSS_EVENT) else "all photos"


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _power(metric: str) -> str:
    """``10⁻³`` for ``tmr@fmr=1e-3``; other targets as they are written."""
    target = metric.rpartition("=")[2]
    power = re.fullmatch(r"1e(-\d+)", target)
    return f"10{power.group(1).translate(_SUPERSCRIPT)}" if power else target


def _supported(row: Result) -> bool:
    return row.value is not None


def _calm(row: Result) -> bool:
    return row.value is not None and not remarks(row.note)
