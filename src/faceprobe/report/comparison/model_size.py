"""Is the larger model better? Pairs of models of one family, with what else differs between the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from faceprobe.report.comparison.paired import Paired, holm, paired_difference
from faceprobe.report.text.numbers import listed, magnitude, points, probability, scaled
from faceprobe.report.text.sentences import Sentence, quoted, say
from faceprobe.results.result import Result
from faceprobe.results.run import LEAVE_ONE_OUT, Run

METRIC = "rank1"
LEVEL = 0.05
LEAST_RATIO = 1.1
"""Two models are compared where the larger has at least this many times the parameters of the smaller;
ViT-B/16 and ViT-B/32 count as one size.
"""
EVERY_PAIR_UP_TO = 5
"""A larger family is compared by neighbours in size, and its smallest model with its largest."""

COMPARED_FIELDS = (
    ("training_data", "training data"),
    ("samples_seen", "samples seen"),
    ("image_size", "input size"),
    ("patch", "patch"),
    ("pooling", "pooling"),
    ("activation", "activation"),
    ("recipe", "recipe"),
    ("tower", "kind of tower"),
)
"""Fields of a model card (or of its ``extra``) in which two models agree if they differ by size alone."""


@dataclass(frozen=True)
class SizeComparison:
    """One pair of a family: the test, its corrected p-value, and the verdict on the larger model ("better",
    "worse", "open" or "not comparable"). ``spread`` is the range between training seeds where it is known.
    """

    family: str
    smaller: str
    larger: str
    paired: Paired
    p_corrected: float
    spread: float | None
    verdict: str
    sentence: Sentence
    differs: str


def size_comparisons(run: Run, scene: tuple[str, str, str]) -> list[SizeComparison]:
    """Every size comparison in ``scene``, by family and by size."""
    found: list[SizeComparison] = []
    for family, models in families(run, scene).items():
        found += _compare_family(run, scene, family, models)
    return found


def families(run: Run, scene: tuple[str, str, str]) -> dict[str, list[str]]:
    """Families with models of known and different size in ``scene``, each sorted by parameters."""
    grouped: dict[str, list[str]] = {}
    present = {r.model for r in run.in_scene(scene)}
    for model in run.models:
        card = run.card(model)
        if model in present and card.get("family") and card.get("n_params"):
            grouped.setdefault(str(card["family"]), []).append(model)
    ordered = {f: sorted(m, key=lambda x: _params(run, x)) for f, m in grouped.items()}
    return {f: m for f, m in ordered.items() if _params(run, m[-1]) > _params(run, m[0])}


def overview(run: Run, scene: tuple[str, str, str], found: Sequence[SizeComparison]) -> Sentence | None:
    """One sentence that counts the verdicts; None where nothing was compared."""
    tested = [c for c in found if c.paired.known]
    if not tested:
        return None
    names = {c.smaller for c in tested} | {c.larger for c in tested}
    rows = [r for r in run.in_scene(scene) if r.model in names and r.metric == METRIC]
    verdicts = [c.verdict for c in tested]
    return say(
        "size_overview",
        run,
        *rows,
        pairs=str(len(tested)),
        better=str(verdicts.count("better")),
        worse=str(verdicts.count("worse")),
        open=str(verdicts.count("open")),
    )


def seed_spread(run: Run, models: Sequence[str], protocol: str) -> tuple[float, str, int] | None:
    """The widest range between training seeds that a card of ``models`` records for rank-1:
    (largest minus smallest value, the model it was measured on, number of seeds), or None.
    """
    known: list[tuple[float, str, int]] = []
    for model in models:
        extra = run.card(model).get("extra") or {}
        spread = extra.get("seed_spread") if isinstance(extra, dict) else None
        if not isinstance(spread, dict) or not _same_metric(str(spread.get("metric", "")), protocol):
            continue
        values = [float(v) for v in spread.get("values") or ()]
        if len(values) > 1:
            known.append((max(values) - min(values), model, len(values)))
    return max(known, default=None)


def differences(run: Run, smaller: str, larger: str) -> tuple[list[str], list[str]]:
    """What differs between two models apart from size, and what is not known of one or both."""
    differing, unknown = [], []
    for name, words in COMPARED_FIELDS:
        a, b = (_field(run.card(m), name) for m in (smaller, larger))
        if a is None and b is None:
            if name in ("training_data", "samples_seen"):
                unknown.append(words)
        elif a is None or b is None:
            unknown.append(words)
        elif a != b:
            differing.append(f"{words} ({_shown(a)} against {_shown(b)})")
    return differing, unknown


def _compare_family(
    run: Run, scene: tuple[str, str, str], family: str, models: list[str]
) -> list[SizeComparison]:
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    spread = seed_spread(run, models, protocol)
    tests = [(a, b, _test(run, scene, protocol, a, b)) for a, b in _pairs(run, models)]
    known = [k for k, (_, _, test) in enumerate(tests) if test.known]
    corrected = dict(zip(known, holm([tests[k][2].p for k in known]), strict=True))
    return [
        _judge(run, scene, protocol, family, a, b, test, corrected.get(k, float("nan")), spread)
        for k, (a, b, test) in enumerate(tests)
    ]


def _pairs(run: Run, models: list[str]) -> list[tuple[str, str]]:
    if len(models) <= EVERY_PAIR_UP_TO:
        pairs = list(combinations(models, 2))
    else:
        pairs = [*pairwise(models), (models[0], models[-1])]
    return [(a, b) for a, b in pairs if _params(run, b) >= LEAST_RATIO * _params(run, a)]


def _params(run: Run, model: str) -> float:
    return float(run.card(model)["n_params"])


def _test(run: Run, scene: tuple[str, str, str], protocol: str, smaller: str, larger: str) -> Paired:
    values = [r.value if r else None for r in _rows(run, scene, protocol, smaller, larger)]
    cells = run.cell(smaller, scene), run.cell(larger, scene)
    return paired_difference(cells[0], cells[1], (values[0], values[1]), protocol, METRIC)


def _rows(run: Run, scene: tuple[str, str, str], protocol: str, *models: str) -> list[Result | None]:
    return [run.get(m, scene, protocol, METRIC) for m in models]


def _judge(
    run: Run,
    scene: tuple[str, str, str],
    protocol: str,
    family: str,
    smaller: str,
    larger: str,
    test: Paired,
    p: float,
    spread: tuple[float, str, int] | None,
) -> SizeComparison:
    rows = [r for r in _rows(run, scene, protocol, smaller, larger) if r]
    rows = rows or [r for r in run.in_scene(scene) if r.model in (smaller, larger)]
    sizes = {
        "smaller": smaller,
        "larger": larger,
        "smaller_size": scaled(_params(run, smaller)),
        "larger_size": scaled(_params(run, larger)),
    }
    differing, unknown = differences(run, smaller, larger)
    width = None if spread is None else spread[0]
    if not test.known:
        verdict, template = "not comparable", "size_not_comparable"
        sentence = say(template, run, *rows, reason=test.reason, **sizes)
    else:
        verdict, template = _verdict(test, p, width)
        sentence = say(
            template,
            run,
            difference=quoted(
                (points if verdict == "open" else magnitude)(test.difference, test.low, test.high), *rows
            ),
            p=probability(p, test.at_floor),
            likeness=_likeness(differing, unknown),
            seeds=_seeds(spread),
            **sizes,
        )
    return SizeComparison(
        family, smaller, larger, test, p, width, verdict, sentence, _briefly(differing, unknown)
    )


def _verdict(test: Paired, p: float, spread: float | None) -> tuple[str, str]:
    apart = p < LEVEL and not test.low <= 0 <= test.high
    if not apart:
        return "open", "size_unclear"
    if spread is not None and abs(test.difference) <= spread:
        return "open", "size_below_seeds"
    return ("better", "larger_better") if test.difference > 0 else ("worse", "larger_worse")


def _likeness(differing: list[str], unknown: list[str]) -> str:
    if differing:
        text = f"they also differ in {listed(differing)}, so this is not the effect of size alone"
        return text + (f" ({listed(unknown)} not known)" if unknown else "")
    if unknown:
        return f"whether they differ in {listed(unknown)} is not known"
    return "they agree in all else that the model cards state"


def _briefly(differing: list[str], unknown: list[str]) -> str:
    parts = differing + [f"{words} not known" for words in unknown]
    return "; ".join(parts) or "nothing that the cards state"


def _seeds(spread: tuple[float, str, int] | None) -> str:
    if spread is None:
        return "training-seed variation is not included"
    width, model, seeds = spread
    return f"the spread between {seeds} training seeds of {model} is {100 * width:.1f} points"


def _same_metric(stored: str, protocol: str) -> bool:
    """Whether a card's metric is the tested one: ``rank1``, alone or with the same protocol before it."""
    words = stored.replace("//", "/").strip("/")
    return words in (METRIC, f"{protocol}/{METRIC}", f"{protocol}/{METRIC}/identity")


def _field(card: dict[str, Any], name: str) -> Any:
    extra = card.get("extra")
    value = card.get(name)
    if value in (None, "") and isinstance(extra, dict):
        value = extra.get(name)
    return None if value in (None, "") else value


def _shown(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return scaled(value) if is_number and value >= 10_000 else str(value)
