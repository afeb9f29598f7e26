"""The headline in words: which sentences the numbers of a run support."""

from __future__ import annotations

from collections.abc import Iterable

from faceprobe.report.ranking import HEADLINE_TMR, Scene, entrants, is_own_crop, ranking
from faceprobe.report.text.numbers import percent, percent_with_interval
from faceprobe.report.text.sentences import Ground, Sentence, say
from faceprobe.results.result import Result
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run

LARGE_SHARE = 0.1
"""Above this share of the mated comparisons in one person's photos the report warns (DESIGN.md, rule 9)."""

SHARE_METRIC = "largest_identity_share"


def ground(run: Run, rows: Iterable[Result]) -> Ground:
    """What ``rows`` rest on; the manifest knows which datasets and models are the built-in ones even where a
    study gave them labels of its own.
    """
    rows = list(rows)
    datasets = run.manifest.get("datasets") or {}
    synthetic = [
        (datasets.get(r.dataset) or {}).get("evidence") == "synthetic"
        or r.dataset.partition(":")[0].partition("?")[0] == "synthetic"
        for r in rows
    ]
    bundled = [bool(run.card(r.model).get("synthetic")) for r in rows]
    return Ground(tuple(dict.fromkeys(r.evidence for r in rows)), all(synthetic), all(bundled))


def role_of(run: Run, model: str) -> str:
    """The role on the model's card, a key of :data:`ROLES`; a floor counts as one more image encoder."""
    role = str(run.card(model).get("role") or "encoder")
    return role if role in ROLES else "encoder"


ROLES = {
    "clip": "zero-shot CLIP-style model",
    "encoder": "image encoder",
    "specialist": "model made for faces",
    "fusion": "fusion of encoders",
}
"""Roles of :class:`ModelCard` in words."""


def headline_scenes(run: Run) -> list[Scene]:
    """One scene a dataset: uncloaked, as-is where that crop was measured."""
    found: dict[str, Scene] = {}
    for scene in run.scenes:
        if scene[1] == "none":
            found.setdefault(scene[0], scene)
    return list(found.values()) or list(run.scenes[:1])


def findings(run: Run, scene: Scene) -> list[Sentence]:
    """The sentences for one scene, the most important first; never empty."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    best = leaders(run, scene)
    first = best.get("clip") or best.get("encoder") or best.get("specialist") or best.get("fusion")
    if first is None:
        rows = run.in_scene(scene)
        return [say("no_rank", ground(run, rows), dataset=run.short(scene[0])), *_folds(run, scene)]
    found = [_best(run, scene, protocol, first, ROLES[role_of(run, first)])]
    if role_of(run, first) != "specialist":
        found += _specialist(run, scene)
    for more in (_same_event, _verification, _crops):
        found += more(run, scene, first)
    return found + _folds(run, scene) + _share(run, scene)


def leaders(run: Run, scene: Scene) -> dict[str, str]:
    """The best-ranked model of each kind in ``scene`` that has a rank-1 figure."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    found: dict[str, str] = {}
    for model in ranking(run, scene):
        row = run.get(model, scene, protocol, "rank1")
        if row is not None and row.value is not None:
            found.setdefault(role_of(run, model), model)
    return found


def chance(run: Run, scene: Scene, protocol: str) -> float | None:
    """The rank-1 of a blind guess: of all other photos, those of the probe's own person; None where the
    run does not tell.

    Exact for identity-weighted leave-one-out: mean over its people of (their photos - 1) / (all photos - 1).
    The cross-event variant leaves out as many mates as it leaves out photos: its chance lies a little
    below this, so that what is above this is above it.
    """
    for model in run.models:
        row, cell = run.get(model, scene, protocol, "rank1"), run.cell(model, scene)
        if row and cell and row.n_identities and cell.n_photos > 1:
            return (row.n / row.n_identities - 1) / (cell.n_photos - 1)
    return None


def _in_words(guess: float | None) -> str:
    return "not known" if guess is None else percent(guess)


def condition(protocol: str) -> str:
    """What a sentence adds for the cross-event variant."""
    return " (photos of the same event left out)" if protocol.endswith(CROSS_EVENT) else ""


def _row(run: Run, scene: Scene, protocol: str, model: str) -> Result:
    row = run.get(model, scene, protocol, "rank1")
    assert row is not None
    return row


def _best(run: Run, scene: Scene, protocol: str, model: str, kind: str) -> Sentence:
    row, cell = _row(run, scene, protocol, model), run.cell(model, scene)
    return say(
        "best",
        ground(run, [row]),
        kind=kind,
        model=model,
        value=percent_with_interval(row),
        people=f"{cell.n_identities if cell else row.n_identities:,}",
        of=f" of {run.short(scene[0])}" if len({s[0] for s in run.scenes}) > 1 else "",
        condition=condition(protocol),
        chance=_in_words(chance(run, scene, protocol)),
    )


def _specialist(run: Run, scene: Scene) -> list[Sentence]:
    """The best model made for faces, on its own crop or another where it was not measured on this one."""
    for model, seen in entrants(run, scene):
        row = run.get(model, seen, run.headline_protocol(seen, LEAVE_ONE_OUT), "rank1")
        if role_of(run, model) == "specialist" and row is not None and row.value is not None:
            named = "its own crop" if is_own_crop(run, model, seen[2]) else "another crop"
            crop = "" if seen == scene else f" on {named} ({seen[2]})"
            fields = {"kind": ROLES["specialist"], "model": model, "value": percent_with_interval(row)}
            return [say("specialist", ground(run, [row]), crop=crop, **fields)]
    return []


def _same_event(run: Run, scene: Scene, model: str) -> list[Sentence]:
    cross = run.get(model, scene, LEAVE_ONE_OUT + CROSS_EVENT, "rank1")
    plain = run.get(model, scene, LEAVE_ONE_OUT, "rank1")
    if cross is None or plain is None or cross.value is None or plain.value is None:
        return []
    values = {"cross": percent_with_interval(cross), "plain": percent_with_interval(plain)}
    return [say("same_event", ground(run, [cross, plain]), model=model, **values)]


def _verification(run: Run, scene: Scene, model: str) -> list[Sentence]:
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    row = run.get(model, scene, protocol, HEADLINE_TMR)
    if row is None or row.value is None:
        return []
    value = percent_with_interval(row)
    at = condition(protocol)
    caution = f" ({row.note})" if row.note else ""
    fields = {"model": model, "value": value, "one_in": "1,000", "condition": at, "caution": caution}
    return [say("verification", ground(run, [row]), **fields)]


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
            found.append(say("face_only", ground(run, [row]), **fields))
            continue
        guess = chance(run, other, protocol)
        above = guess is not None and row.ci_low is not None and row.ci_low > guess
        template = "context_above_chance" if above else "context_at_chance"
        found.append(say(template, ground(run, [row]), chance=_in_words(guess), **fields))
    return found


def _folds(run: Run, scene: Scene) -> list[Sentence]:
    """The best ten-fold accuracy, where such a protocol was measured."""
    rows = [r for r in run.in_scene(scene) if r.metric == "accuracy" and r.value is not None]
    if not rows:
        return []
    best = max(rows, key=lambda r: r.value or 0.0)
    value = percent_with_interval(best)
    return [say("folds", ground(run, [best]), model=best.model, value=value, protocol=best.protocol)]


def _share(run: Run, scene: Scene) -> list[Sentence]:
    found = [run.any_weighting(m, scene, ALL_PAIRS, SHARE_METRIC) for m in run.models]
    largest = max((r for r in found if r is not None), key=lambda r: r.value or 0.0, default=None)
    if largest is None or largest.value is None or largest.value <= LARGE_SHARE:
        return []
    share = percent(largest.value, 0.0)
    return [say("largest_share", ground(run, [largest]), share=share, dataset=run.short(scene[0]))]
