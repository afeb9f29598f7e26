"""The verdicts on cloaks in words."""

from __future__ import annotations

from faceprobe.report.cloaks.scene import ADDED, CLEAN, POISONING, PROTECTION, CloakScene
from faceprobe.report.cloaks.verdict import Verdict, points_of
from faceprobe.report.text.cloak_templates import OVERALL_CLAUSES
from faceprobe.report.text.numbers import (
    count_of,
    fraction,
    listed,
    magnitude,
    percent,
    points,
)
from faceprobe.report.text.sentences import Quoted, Sentence, basis_of, quote, quoted, quoted_list, say
from faceprobe.results.result import Result

LITTLE_LEFT = 0.5
"""Clean error of a model above which the report says that little is left for a cloak to add."""

MOST_NAMED = 3
"""Cloaks that the sentence about few people names."""


def sentences(v: Verdict) -> list[Sentence]:
    """The sentences of one verdict, the comparison with noise first."""
    parts = (_noise, _transfer, _purifiers, _adaptive, _visible)
    return [s for s in (part(v) for part in parts) if s is not None]


def overall(scene: CloakScene, found: list[Verdict]) -> Sentence | None:
    """One sentence that counts the verdicts over cloaks, or gives the figures where only few people were
    cloaked; None where nothing was measured.
    """
    if scene.few_people:
        return _few_people(scene, found)
    judged = [v for v in found if not v.own]
    parts = {
        "noise": [v.beats_noise for v in judged],
        "purifiers": [v.survives_purifiers for v in judged],
        "adaptive": [v.survives_adaptive for v in judged],
    }
    clauses = [
        OVERALL_CLAUSES[name].format(count=_count(sum(map(bool, known)), len(known), len(judged)))
        for name, answers in parts.items()
        if (known := [answer for answer in answers if answer is not None])
    ]
    rows = [r for v in judged if (r := v.added) is not None]
    if not clauses or not rows:
        return None
    return say(
        "cloaks_overall",
        scene.run,
        *rows,
        cloaks=count_of(len(judged), "cloak"),
        each="each " if len(judged) > 1 else "",
        people=count_of(min(r.n_identities for r in rows), "person"),
        clauses=listed(clauses),
    )


def cautions(scene: CloakScene, found: list[Verdict]) -> list[Sentence]:
    """Limits of the verdicts: small models, and victims that miss many people without a cloak."""
    rows = [r for v in found for r in (v.added, *v.others) if r is not None]
    limits = []
    for victim in dict.fromkeys(v.victim for v in found):
        clean = [r for v in found if v.victim == victim and (r := v.row(POISONING, CLEAN)) is not None]
        if clean and (clean[0].value or 0.0) > LITTLE_LEFT:
            text = quoted(percent(clean[0].value or 0.0), clean[0])
            limits.append(say("cloak_little_to_lose", scene.run, victim=victim, clean=text))
    small = [m for m in scene.models if scene.run.card(m).get("synthetic")]
    base_rows = [r for r in rows if r.model in small]
    if base_rows:
        which = "all models here" if len(small) == len(scene.models) else listed(small)
        limits.append(say("cloak_bundled", basis_of(scene.run, base_rows).bare, models=which))
    return limits


def _noise(v: Verdict) -> Sentence | None:
    row, clean = v.row(POISONING, PROTECTION), v.row(POISONING, CLEAN)
    if row is None or clean is None:
        return None
    fields: dict[str, str | Quoted] = {
        "cloak": v.cloak.id,
        "value": quote(row),
        "victim": v.victim,
        "role": ", its own surrogate" if v.own else "",
        "clean": quote(clean),
        "enrolled": v.enrolled,
    }
    run, found = v.scene.run, v.over_noise
    if found is None:
        return say("cloak_without_noise", run, **fields)
    if v.beats_noise:
        more = quoted(magnitude(found.difference, found.low, found.high), row)
        return say("cloak_beats_noise", run, difference=more, **fields)
    how = points(found.difference, found.low, found.high) if found.known else found.reason
    return say("cloak_noise_open", run, difference=quoted(how, row), **fields)


def _transfer(v: Verdict) -> Sentence | None:
    if not v.others or not v.cloak.surrogates:
        return None
    white = [
        quoted(f"{_unsigned(row)} on {model}", row)
        for model in v.scene.models
        if v.scene.is_surrogate(model, v.cloak)
        and (row := v.scene.row(model, v.cloak, POISONING, ADDED)) is not None
    ]
    return say(
        "cloak_transfers",
        v.scene.run,
        *v.others,
        others=count_of(len(v.others), "model"),
        cloak=v.cloak.id,
        shown=_count(v.reached),
        own=quoted(f"; where it was computed it adds {quoted_list(white).text}", *quoted_list(white).rows)
        if white
        else "",
    )


def _purifiers(v: Verdict) -> Sentence | None:
    if v.purified is None or v.added is None or not v.shown["added"]:
        return None
    purifier, row = v.purified
    return say(
        "cloak_purifier_left" if v.survives_purifiers else "cloak_purifier_undone",
        v.scene.run,
        purifier=purifier,
        cloak=v.cloak.id,
        value=quoted(_unsigned(row), row),
        victim=v.victim,
        plain=quoted(_unsigned(v.added), v.added),
    )


def _adaptive(v: Verdict) -> Sentence | None:
    row, plain = v.adaptive or (None, None)
    if row is None or plain is None or not (plain.ci_low or 0.0) > 0:
        return None
    return say(
        "cloak_adaptive_left" if v.survives_adaptive else "cloak_adaptive_undone",
        v.scene.run,
        cloak=v.cloak.id,
        value=quoted(_unsigned(row), row),
        victim=v.victim,
        plain=quoted(_unsigned(plain), plain),
    )


def _visible(v: Verdict) -> Sentence | None:
    dssim = v.scene.quality(v.cloak, "dssim")
    if dssim is None or dssim.value is None:
        return None
    controls, used = [], [dssim]
    for control in v.scene.cloaks:
        row = v.scene.quality(control, "dssim")
        if control.control and not control.noise_for and row is not None and row.value is not None:
            than = "more than" if dssim.value > row.value else "no more than"
            controls.append(
                (abs(dssim.value - row.value), f"{than} {control.id} ({fraction(row.value, 'dssim')})")
            )
            used.append(row)
    nearest = min(controls, default=(0.0, ""))[1]
    return say(
        "cloak_visible",
        v.scene.run,
        *used,
        cloak=v.cloak.id,
        change=v.change,
        compared=f", {nearest}" if nearest else "",
    )


def _unsigned(row: Result) -> str:
    return points_of(row).removeprefix("+")


def _few_people(scene: CloakScene, found: list[Verdict]) -> Sentence | None:
    """The figures of the cloaks that mislead most; nothing is called shown."""
    rows = [
        (v, r, c) for v in found if (r := v.row(POISONING, PROTECTION)) and (c := v.row(POISONING, CLEAN))
    ]
    rows.sort(key=lambda entry: -(entry[1].value or 0.0))
    if not rows:
        return None
    shown = rows[:MOST_NAMED]
    figures = quoted_list(
        [
            quoted(
                f"{v.cloak.id}, enrolled, makes {quote(r).text} of probes miss the person on {v.victim} "
                f"({quote(c).text} with clean photos)",
                r,
                c,
            )
            for v, r, c in shown
        ]
    )
    people, how = str(scene.few_people), shown[0][0].enrolled
    return say("cloaks_few_people", scene.run, people=people, figures=figures, enrolled=how)


def _count(number: int, measured: int = 0, every: int = 0) -> str:
    """``none is``, ``1 is``, ``2 are``; "of N measured" is added where fewer than ``every`` were
    ``measured``.
    """
    of = f" of {measured} measured" if measured < every else ""
    return {0: f"none{of} is", 1: f"1{of} is"}.get(number, f"{number}{of} are")
