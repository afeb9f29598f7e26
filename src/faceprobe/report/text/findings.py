"""The findings on a scene in words: the sentences that the numbers of a run support."""

from __future__ import annotations

from faceprobe.report.comparison.floors import FloorVerdict, floor_verdicts, floors_of
from faceprobe.report.scenes import (
    BUNDLED,
    FLOOR,
    HEADLINE_TMR,
    LARGE_SHARE,
    ROLES,
    SHARE_METRIC,
    Scene,
    candidates,
    chance,
    headline,
    is_own_crop,
    is_random,
    origin_of,
    rank1_of,
    role_of,
)
from faceprobe.report.text.numbers import count_of, listed, percent
from faceprobe.report.text.sentences import (
    Quoted,
    Sentence,
    condition,
    enrolled,
    quote,
    quoted,
    quoted_list,
    say,
)
from faceprobe.results.run import ALL_PAIRS, CROSS_EVENT, LEAVE_ONE_OUT, Run


def findings(run: Run, scene: Scene) -> list[Sentence]:
    """The sentences about one scene, the most important first; never empty."""
    first = headline(run, scene)
    if first is None:
        return [_without_a_model(run, scene), *_folds(run, scene)]
    model, measured = first
    verdicts = floor_verdicts(run, scene)
    found = [_best(run, scene, model, measured, verdicts), *_floors(run, verdicts)]
    found += _compared(run, scene, model)
    if role_of(run, model) != "specialist":
        found += _specialist(run, scene)
    for more in (_same_event, _verification, _crops):
        found += more(run, measured, model)
    return found + _folds(run, scene) + _share(run, scene)


def _in_words(guess: float | None) -> str:
    return "not known" if guess is None else percent(guess)


def _without_a_model(run: Run, scene: Scene) -> Sentence:
    """The first sentence where no model but floors has a rank-1 figure."""
    floors, dataset = floors_of(run, scene), run.short(scene[0])
    if not floors:
        return say("no_rank", run, *run.in_scene(scene), dataset=dataset)
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    figures = quoted_list([quoted(f"{run.short_model(r.model)} in {quote(r).text}", r) for r in floors])
    guess = _in_words(chance(run, scene, protocol))
    return say(
        "floors_only", run, dataset=dataset, figures=figures, condition=condition(protocol), chance=guess
    )


def _best(run: Run, scene: Scene, model: str, measured: Scene, verdicts: list[FloorVerdict]) -> Sentence:
    protocol = run.headline_protocol(measured, LEAVE_ONE_OUT)
    cell = run.cell(model, measured)
    verdict = next(v for v in verdicts if v.model == model)
    row = verdict.row
    return say(
        "best",
        run,
        best=_best_of(run, scene, model),
        kind=ROLES[role_of(run, model)],
        model=run.short_model(model),
        crop=_crop(run, model, scene, measured),
        value=quote(row),
        people=f"{cell.n_identities if cell else row.n_identities:,}",
        of=f" of {run.short(scene[0])}" if len({s[0] for s in run.scenes}) > 1 else "",
        enrolled=enrolled(row),
        condition=condition(protocol),
        floors=_against_floors(run, verdict),
        chance=_in_words(chance(run, measured, protocol)),
    )


def _best_of(run: Run, scene: Scene, model: str) -> str:
    """``best `` where ``model`` is the best of several of its role and origin."""
    kind = role_of(run, model), origin_of(run, model)
    alike = [m for m, _ in candidates(run, scene) if (role_of(run, m), origin_of(run, m)) == kind]
    return "best " if len(alike) > 1 else ""


def _crop(run: Run, model: str, scene: Scene, measured: Scene) -> str:
    """Which crop the model was measured on where it is not that of ``scene``."""
    if measured == scene:
        return ""
    return f" on {'its own crop' if is_own_crop(run, model, measured[2]) else 'another crop'} ({measured[2]})"


def _against_floors(run: Run, verdict: FloorVerdict) -> Quoted:
    """The random-weights floor and the best other floor, set against the model of the headline."""
    kinds = {is_random(run, row.model): row for row in reversed(verdict.floors)}
    rows = [kinds[k] for k in (True, False) if k in kinds]
    if not rows:
        return quoted("")
    figures = quoted_list([quoted(f"{run.short_model(r.model)} in {quote(r).text}", r) for r in rows])
    label = "an untrained baseline" if len(rows) == 1 else "untrained baselines"
    begin = {"not shown": "not shown to be more than ", "no": "less than "}.get(verdict.word, "")
    return quoted(f"{begin}{label}, {figures.text}; ", *figures.rows)


def _floors(run: Run, verdicts: list[FloorVerdict]) -> list[Sentence]:
    """Which models are shown to be better than every floor measured with them, and which are not."""
    judged = [v for v in verdicts if v.floors]
    alone = [v for v in verdicts if not v.floors]
    found = []
    if judged:
        above = [v for v in judged if v.word == "yes"]
        others = [v for v in judged if v.word != "yes"]
        names = {run.short_model(row.model) for v in judged for row in v.floors}
        floors = f"the untrained baseline{'s' if len(names) > 1 else ''} ({listed(sorted(names))})"
        rows = [row for v in judged for row in (v.row, *v.floors)]
        if not others:
            found.append(say("all_above_floors", run, *rows, models=_models(run, above), floors=floors))
        elif not above:
            worse = [run.short_model(v.model) for v in others if v.word == "no"]
            why = f"; {listed(worse)} less often" if worse else ""
            found.append(
                say("not_above_floors", run, *rows, models=_models(run, others), floors=floors, why=why)
            )
        else:
            count = count_of(len(judged), "model")
            names_of_others = listed([run.short_model(v.model) for v in others])
            shown = f"{len(above)}"
            text = f"{count} {'is' if len(above) == 1 else 'are'}"
            fields = {"shown": shown, "models": text, "floors": floors, "others": names_of_others}
            found.append(say("some_above_floors", run, *rows, **fields))
    if alone:
        their = "its" if len(alone) == 1 else "their"
        models = listed([run.short_model(v.model) for v in alone])
        found.append(say("no_floor", run, *[v.row for v in alone], models=models, their=their))
    return found


def _models(run: Run, verdicts: list[FloorVerdict]) -> str:
    """``a is``, ``a and b are``, ``all 5 models are``."""
    names = [run.short_model(v.model) for v in verdicts]
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{listed(names)} are"


def _compared(run: Run, scene: Scene, first: str) -> list[Sentence]:
    """The best model of each later origin, where the headline is about a model of an earlier one."""
    found, covered = [], {origin_of(run, first)}
    for model, measured in sorted(candidates(run, scene), key=lambda entry: origin_of(run, entry[0])):
        origin, role = origin_of(run, model), role_of(run, model)
        if origin in covered or role == "specialist":
            continue
        covered.add(origin)
        row = rank1_of(run, model, measured)
        assert row is not None
        fields = {
            "best": _best_of(run, scene, model),
            "origin": "bundled" if origin == BUNDLED else "published",
            "kind": ROLES[role],
            "model": run.short_model(model),
            "crop": _crop(run, model, scene, measured),
        }
        found.append(say("compared", run, value=quote(row), **fields))
    return found


def _specialist(run: Run, scene: Scene) -> list[Sentence]:
    """The best model made for faces, on another crop where it was not measured on the one of ``scene``."""
    made = [entry for entry in candidates(run, scene) if role_of(run, entry[0]) == "specialist"]
    best = min(made, key=lambda entry: origin_of(run, entry[0]), default=None)
    if best is None:
        return []
    model, measured = best
    row = rank1_of(run, model, measured)
    assert row is not None
    fields = {
        "best": _best_of(run, scene, model),
        "kind": ROLES["specialist"],
        "model": run.short_model(model),
        "crop": _crop(run, model, scene, measured),
    }
    return [say("specialist", run, value=quote(row), **fields)]


def _same_event(run: Run, scene: Scene, model: str) -> list[Sentence]:
    cross = run.get(model, scene, LEAVE_ONE_OUT + CROSS_EVENT, "rank1")
    plain = run.get(model, scene, LEAVE_ONE_OUT, "rank1")
    if cross is None or plain is None or cross.value is None or plain.value is None:
        return []
    return [say("same_event", run, model=run.short_model(model), cross=quote(cross), plain=quote(plain))]


def _verification(run: Run, scene: Scene, model: str) -> list[Sentence]:
    protocol = run.headline_protocol(scene, ALL_PAIRS)
    row = run.get(model, scene, protocol, HEADLINE_TMR)
    if row is None or row.value is None:
        return []
    at = condition(protocol)
    return [
        say("verification", run, model=run.short_model(model), value=quote(row), one_in="1,000", condition=at)
    ]


def _crops(run: Run, scene: Scene, model: str) -> list[Sentence]:
    found = []
    for crop in ("context-only", "face-only"):
        other = (scene[0], scene[1], crop)
        protocol = run.headline_protocol(other, LEAVE_ONE_OUT)
        row = rank1_of(run, model, other)
        if row is None or crop == scene[2]:
            continue
        fields = {"model": run.short_model(model), "condition": condition(protocol)}
        if crop == "face-only":
            found.append(say("face_only", run, value=quote(row), **fields))
            continue
        guess = chance(run, other, protocol)
        above = guess is not None and row.ci_low is not None and row.ci_low > guess
        template = "context_above_chance" if above else "context_at_chance"
        found.append(say(template, run, value=quote(row), chance=_in_words(guess), **fields))
    return found


def _folds(run: Run, scene: Scene) -> list[Sentence]:
    """The best ten-fold accuracy of the user's own models, else of all but floors."""
    rows = [
        r
        for r in run.in_scene(scene)
        if r.metric == "accuracy" and r.value is not None and role_of(run, r.model) != FLOOR
    ]
    if not rows:
        return []
    best = min(rows, key=lambda r: (origin_of(run, r.model), -(r.value or 0.0)))
    return [say("folds", run, model=run.short_model(best.model), value=quote(best), protocol=best.protocol)]


def _share(run: Run, scene: Scene) -> list[Sentence]:
    found = [run.any_weighting(m, scene, ALL_PAIRS, SHARE_METRIC) for m in run.models]
    largest = max((r for r in found if r is not None), key=lambda r: r.value or 0.0, default=None)
    if largest is None or largest.value is None or largest.value <= LARGE_SHARE:
        return []
    share = quoted(percent(largest.value, 0.0), largest)
    return [say("largest_share", run, share=share, dataset=run.short(scene[0]))]
