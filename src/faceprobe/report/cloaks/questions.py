"""The questions asked of one cloak, each tested over people and corrected together (Holm)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.scene import POISONING, PROTECTION, CloakScene
from faceprobe.report.comparison.paired import Paired, holm
from faceprobe.report.comparison.shown import is_shown, people_who_differ, sign_flip_p
from faceprobe.results.result import Result


@dataclass(frozen=True)
class Question:
    """Whether a difference exceeds 0: the lower end of its interval (None without one), the two-sided p-value
    before correction, and the number of people who differ.
    """

    low: float | None
    p: float
    people: int


def added_question(scene: CloakScene, row: Result) -> Question:
    """Does the cloak of ``row``, a row of added protection, add anything? Tested by the signs of each
    person's difference; by the row's interval and people where a run stores no values by person.
    """
    reader = row.metric.partition("@")[2]
    protection, clean = (
        scene.by_person(row.model, row.cloak, row.protocol, f"{name}_{reader}", row.purifier)
        for name in ("protection", "clean_error")
    )
    return _question(row.ci_low, _changes(clean, protection), _interval_p(row), row.n_identities)


def noise_question(scene: CloakScene, model: str, cloak: CloakInfo, found: Paired) -> Question | None:
    """Does the cloak mislead more than noise at equal PSNR? None where ``found`` is not known."""
    noise, row = scene.noise_of(cloak), scene.row(model, cloak, POISONING, PROTECTION)
    if noise is None or row is None or not found.known:
        return None
    name = PROTECTION.replace("@", "_")
    ours, theirs = (scene.by_person(model, c.id, POISONING, name) for c in (cloak, noise))
    return _question(found.low, _changes(theirs, ours), found.p, row.n_identities)


def shown(questions: Mapping[str, Question]) -> dict[str, bool]:
    """The answers to all questions asked of one cloak, by the names of the questions."""
    corrected = holm([question.p for question in questions.values()])
    return {
        name: is_shown(question.low, p, question.people)
        for (name, question), p in zip(questions.items(), corrected, strict=True)
    }


def _question(low: float | None, changes: list[float], p: float, people: int) -> Question:
    if not changes:
        return Question(low, p, people)
    return Question(low, sign_flip_p(changes), people_who_differ(changes))


def _changes(first: Mapping[str, float], second: Mapping[str, float]) -> list[float]:
    """Second minus first of each person; empty where the two have not the same people."""
    return [second[person] - first[person] for person in first] if set(first) == set(second) else []


def _interval_p(row: Result) -> float:
    """The two-sided p-value of a value whose 95 % interval is taken for that of a normal distribution; 1
    without an interval.
    """
    if row.ci_low is None or row.ci_high is None or row.value is None or row.ci_high <= row.ci_low:
        return 1.0
    error = (row.ci_high - row.ci_low) / (2 * NormalDist().inv_cdf(0.975))
    return 2 * NormalDist().cdf(-abs(row.value) / error)
