"""The findings on a scene in words: the sentences that the numbers of a run support."""

from __future__ import annotations

from faceprobe.report.scenes import (
    HEADLINE_TMR,
    LARGE_SHARE,
    ROLES,
    SHARE_METRIC,
    Scene,
    chance,
    entrants,
    headline_model,
    is_own_crop,
    role_of,
)
from faceprobe.report.text.numbers import percent, percent_with_interval
from faceprobe.report.text.sentences import Sentence, basis_of, condition, say
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run


def findings(run: Run, scene: Scene) -> list[Sentence]:
    """The sentences about one scene, the most important first; never empty."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    first = headline_model(run, scene)
    if first is None:
        rows = run.in_scene(scene)
        return [say("no_rank", basis_of(run, rows), dataset=run.short(scene[0])), *_folds(run, scene)]
    found = [_best(run, scene, protocol, first, ROLES[role_of(run, first)])]
    if role_of(run, first) != "specialist":
        found += _specialist(run, scene)
    for more in (_same_event, _verification, _crops):
        found += more(run, scene, first)
    return found + _folds(run, scene) + _share(run, scene)


def _in_words(guess: float | None) -> str:
    return "not known" if guess is None else percent(guess)


def _best(run: Run, scene: Scene, protocol: str, model: str, kind: str) -> Sentence:
    row, cell = run.get(model, scene, protocol, "rank1"), run.cell(model, scene)
    assert row is not None
    return say(
        "best",
        basis_of(run, [row]),
        kind=kind,
        model=model,
        value=percent_with_interval(row),
        people=f"{cell.n_identities if cell else row.n_identities:,}",
        of=f" of {run.short(scene[0])}" if len({s[0] for s in run.scenes}) > 1 else "",
        condition=condition(protocol),
        chance=_in_words(chance(run, scene, protocol)),
    )


def _specialist(run: Run, scene: Scene) -> list[Sentence]:
    """The best model made for faces, on another crop where it was not measured on the one of ``scene``."""
    for model, measured in entrants(run, scene):
        row = run.get(model, measured, run.headline_protocol(measured, LEAVE_ONE_OUT), "rank1")
        if role_of(run, model) == "specialist" and row is not None and row.value is not None:
            named = "its own crop" if is_own_crop(run, model, measured[2]) else "another crop"
            crop = "" if measured == scene else f" on {named} ({measured[2]})"
            fields = {"kind": ROLES["specialist"], "model": model, "value": percent_with_interval(row)}
            return [say("specialist", basis_of(run, [row]), crop=crop, **fields)]
    return []


def _same_event(run: Run, scene: Scene, model: str) -> list[Sentence]:
    cross = run.get(model, scene, LEAVE_ONE_OUT + CROSS_EVENT, "rank1")
    plain = run.get(model, scene, LEAVE_ONE_OUT, "rank1")
    if cross is None or plain is None or cross.value is None or plain.value is None:
        return []
    values = {"cross": percent_with_interval(cross), "plain": percent_with_interval(plain)}
    return [say("same_event", basis_of(run, [cross, plain]), model=model, **values)]


def _verification(run: Run, scene: Scene, model: str) -> list[Sentence]:
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    row = run.get(model, scene, protocol, HEADLINE_TMR)
    if row is None or row.value is None:
        return []
    value = percent_with_interval(row)
    at = condition(protocol)
    caution = f" ({row.text})" if row.text else ""
    fields = {"model": model, "value": value, "one_in": "1,000", "condition": at, "caution": caution}
    return [say("verification", basis_of(run, [row]), **fields)]


def _crops(run: Run, scene: Scene, model: str) -> list[Sentence]:
    found = []
    for crop in ("context-only", "face-only"):
        other = (scene[0], scene[1], crop)
        protocol = run.headline_protocol(other, LEAVE_ONE_OUT)
        row = run.get(model, other, protocol, "rank1")
        if row is None or row.value is None or crop == scene[2]:
            continue
        fields = {"model": model, "value": percent_with_interval(row), "condition": condition(protocol)}
        if crop == "face-only":
            found.append(say("face_only", basis_of(run, [row]), **fields))
            continue
        guess = chance(run, other, protocol)
        above = guess is not None and row.ci_low is not None and row.ci_low > guess
        template = "context_above_chance" if above else "context_at_chance"
        found.append(say(template, basis_of(run, [row]), chance=_in_words(guess), **fields))
    return found


def _folds(run: Run, scene: Scene) -> list[Sentence]:
    """The best ten-fold accuracy, where such a protocol was measured."""
    rows = [r for r in run.in_scene(scene) if r.metric == "accuracy" and r.value is not None]
    if not rows:
        return []
    best = max(rows, key=lambda r: r.value or 0.0)
    value = percent_with_interval(best)
    return [say("folds", basis_of(run, [best]), model=best.model, value=value, protocol=best.protocol)]


def _share(run: Run, scene: Scene) -> list[Sentence]:
    found = [run.any_weighting(m, scene, ALL_PAIRS, SHARE_METRIC) for m in run.models]
    largest = max((r for r in found if r is not None), key=lambda r: r.value or 0.0, default=None)
    if largest is None or largest.value is None or largest.value <= LARGE_SHARE:
        return []
    share = percent(largest.value, 0.0)
    return [say("largest_share", basis_of(run, [largest]), share=share, dataset=run.short(scene[0]))]
