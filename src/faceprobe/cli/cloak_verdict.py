"""What ``faceprobe eval --cloak`` says first: whether the cloak helps against this model, and how visible
it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from faceprobe.api.comparison import cell_key
from faceprobe.api.results import Results
from faceprobe.cloaks.photos.colour_difference import is_tinted
from faceprobe.data.remarks import without_brackets
from faceprobe.report.comparison.paired import Paired, against_zero, family_corrected
from faceprobe.report.comparison.shown import is_shown
from faceprobe.report.text.numbers import percent_with_interval, points, with_unit
from faceprobe.results.result import Result

CASES = (
    ("cloak/poisoning", "Cloaked photos enrolled, clean ones searched"),
    ("cloak/evasion", "Clean photos enrolled, cloaked ones searched"),
)
CLASSIFIER = "1nn"


def verdict_lines(rows: Results) -> Iterator[str]:
    """Lines on the rows of one cloak on one model; none where neither case was measured.

    Each figure is weighted by people and has its interval; its row's remarks follow it. A cloak "helps" where
    what it adds is shown by the report's own rule (:func:`faceprobe.report.comparison.shown.is_shown`), both
    cases corrected together.
    """
    by = {(r.protocol, r.metric): r for r in rows if r.weighting == "identity" and r.value is not None}
    added_rows = {p: row for p, _ in CASES if (row := by.get((p, f"added_protection@{CLASSIFIER}")))}
    tests = [_test(rows, row) for row in added_rows.values()]
    corrected = dict(zip(added_rows, zip(tests, family_corrected(tests), strict=True), strict=True))
    for protocol, case in CASES:
        names = ("protection", "clean_error", "added_protection")
        protection, clean, added = (by.get((protocol, f"{name}@{CLASSIFIER}")) for name in names)
        if protection is None or clean is None or added is None or added.value is None:
            continue
        test, p = corrected[protocol]
        people = 0 if test is None else test.n_differ or 0
        verdict = "helps" if is_shown(added.ci_low, p, people) else "is not shown to help"
        adds = points(added.value, added.ci_low, added.ci_high)
        yield (
            f"{case}: {added.cloak} {verdict} against {added.model}. It misses the person in "
            f"{percent_with_interval(protection)} of searches, without the cloak in "
            f"{percent_with_interval(clean)} ({'; '.join([adds, *_remarks(protection, clean, added)])})."
        )
    own = by.get(("cloak/self-retrieval", "self_rank1"))
    if own is not None:
        notes = "; ".join(_remarks(own))
        yield (
            "A cloaked photo finds its own clean version first in "
            f"{percent_with_interval(own)} of searches{f' ({notes})' if notes else ''}."
        )
    tint, dssim = by.get(("cloak/quality", "delta_e")), by.get(("cloak/quality", "dssim"))
    if tint is not None and tint.value is not None:
        word = "visibly tinted" if is_tinted(tint.value) else "not visibly tinted"
        figures = [f"colour difference {with_unit(tint.value, 'delta_e')}"]
        if dssim is not None:
            figures.append(f"DSSIM {with_unit(dssim.value, 'dssim')}")
        yield f"Faces are {word} ({'; '.join([', '.join(figures), *_remarks(tint)])})."


def _test(rows: Results, row: Result) -> Paired | None:
    """Whether what a cloak adds differs from 0; None where the values by person are not kept."""
    kept = rows.replicates(cell_key(row))
    name = f"{row.protocol}//{row.metric}//{row.weighting}"
    if kept is None or name not in kept.influences or row.value is None:
        return None
    return against_zero(row.value, kept.influences[name])


def _remarks(*rows: Result) -> list[str]:
    """The remarks of ``rows``, once each."""
    return list(dict.fromkeys(one.text for row in rows for one in without_brackets(row.remarks)))
