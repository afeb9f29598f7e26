"""What ``faceprobe eval --cloak`` says first: whether the cloak helps against this model, and how visible
it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faceprobe.cloaks.photos.colour_difference import VISIBLE_TINT
from faceprobe.data.remarks import without_brackets
from faceprobe.report.text.numbers import percent_with_interval, points, with_unit
from faceprobe.results.result import Result

CASES = (
    ("cloak/poisoning", "Cloaked photos enrolled, clean ones searched"),
    ("cloak/evasion", "Clean photos enrolled, cloaked ones searched"),
)
CLASSIFIER = "1nn"


def verdict_lines(rows: Sequence[Result]) -> Iterator[str]:
    """Lines on the rows of one cloak on one model; none where neither case was measured.

    Each figure is weighted by people and has its interval; its row's remarks follow it. "Shown" stands only
    where the interval of what the cloak adds lies above 0.
    """
    by = {(r.protocol, r.metric): r for r in rows if r.weighting == "identity" and r.value is not None}
    for protocol, case in CASES:
        names = ("protection", "clean_error", "added_protection")
        protection, clean, added = (by.get((protocol, f"{name}@{CLASSIFIER}")) for name in names)
        if protection is None or clean is None or added is None or added.value is None:
            continue
        shown = added.ci_low is not None and added.ci_low > 0
        verdict = "helps" if shown else "is not shown to help"
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
        word = "visibly tinted" if tint.value > VISIBLE_TINT else "not visibly tinted"
        figures = [f"colour difference {with_unit(tint.value, 'delta_e')}"]
        if dssim is not None:
            figures.append(f"DSSIM {with_unit(dssim.value, 'dssim')}")
        yield f"Faces are {word} ({'; '.join([', '.join(figures), *_remarks(tint)])})."


def _remarks(*rows: Result) -> list[str]:
    """The remarks of ``rows``, once each."""
    return list(dict.fromkeys(one.text for row in rows for one in without_brackets(row.remarks)))
