"""The verdict on a cloak: whether it adds protection, beats noise, transfers, and survives
countermeasures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from faceprobe.metrics.table import metric_info
from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.questions import added_question, noise_question, shown
from faceprobe.report.cloaks.scene import (
    ADAPTIVE,
    ADDED,
    POISONING,
    PROTECTION,
    CloakScene,
)
from faceprobe.report.comparison.paired import NOBODY, Paired
from faceprobe.report.text.numbers import points, with_unit
from faceprobe.results.result import Result

READERS = (("linear-seen", "linear"), ("1nn-seen", "1nn"))
"""Classifiers of the adaptive collector, each with the same classifier trained without cloaked photos."""


@dataclass(frozen=True)
class Answer:
    """``word`` is "yes", "not shown", "no interval" or "not measured"; ``figure`` is the number behind it,
    and ``about`` names the purifier or the reason.
    """

    word: str
    figure: str = ""
    about: str = ""


UNKNOWN = Answer("not measured")


@dataclass(frozen=True)
class Verdict:
    """One cloak judged on ``victim``: the best recogniser of clean photos that it was not computed on, or its
    ``own`` surrogate where no other model was measured.
    """

    scene: CloakScene
    cloak: CloakInfo
    victim: str

    @property
    def own(self) -> bool:
        """Whether ``victim`` is a surrogate of the cloak."""
        return self.scene.is_surrogate(self.victim, self.cloak)

    @cached_property
    def added(self) -> Result | None:
        """Added protection on the victim."""
        return self.row(POISONING, ADDED)

    @cached_property
    def over_noise(self) -> Paired | None:
        """Protection minus that of noise at equal PSNR."""
        return self.scene.over_noise(self.victim, self.cloak)

    @cached_property
    def purified(self) -> tuple[str, Result] | None:
        """The purifier that leaves the lowest lower bound of added protection, and that row."""
        found = [(p, r) for p in self.scene.purifiers if (r := self.row(POISONING, ADDED, p)) is not None]
        return min(found, key=lambda entry: _least(entry[1]), default=None)

    @cached_property
    def adaptive(self) -> tuple[Result, Result | None] | None:
        """Added protection against the stronger adaptive collector, and against the same classifier without
        that training.
        """
        found = [
            (row, self.row(POISONING, f"added_protection@{plain}"))
            for trained, plain in READERS
            if (row := self.row(ADAPTIVE, f"added_protection@{trained}")) is not None
        ]
        return min(found, key=lambda entry: _least(entry[0]), default=None)

    @cached_property
    def others(self) -> list[Result]:
        """Added protection on the models that the cloak was not computed on."""
        rows = [
            self.scene.row(m, self.cloak, POISONING, ADDED)
            for m in self.scene.models
            if not self.scene.is_surrogate(m, self.cloak)
        ]
        return [r for r in rows if r is not None]

    @cached_property
    def shown(self) -> dict[str, bool]:
        """The questions asked of the cloak with whether the answer is shown to be yes: "added", "noise",
        "purifiers", "adaptive", and the names of the other models that it was not computed on. They are
        corrected together.
        """
        noise = None if self.over_noise is None else noise_question(*self._place, self.over_noise)
        rows = {
            "added": self.added,
            "purifiers": self.purified[1] if self.purified else None,
            "adaptive": self.adaptive[0] if self.adaptive else None,
            **{row.model: row for row in self.others if row.model != self.victim},
        }
        asked = {name: added_question(self.scene, row) for name, row in rows.items() if row is not None}
        return shown(asked if noise is None else {**asked, "noise": noise})

    @property
    def reached(self) -> int:
        """How many of :attr:`others` the cloak is shown to mislead."""
        return sum(self.shown["added" if r.model == self.victim else r.model] for r in self.others)

    @property
    def beats_noise(self) -> bool | None:
        """Whether the cloak is shown to mislead more than noise at equal PSNR; None where that was not
        measured.
        """
        return None if self.over_noise is None else self.shown.get("noise", False)

    @property
    def survives_purifiers(self) -> bool | None:
        """Whether added protection is shown after every purifier; None where none was measured."""
        return None if self.purified is None else self.shown["purifiers"]

    @property
    def survives_adaptive(self) -> bool | None:
        """Whether added protection is shown against every adaptive collector; None where none was
        measured.
        """
        return None if self.adaptive is None else self.shown["adaptive"]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Adds anything, beats noise, transfers, survives purifiers, survives an adaptive collector."""
        purifier, left = self.purified or ("", None)
        return (
            self._answer("added", self.added),
            self._noise_answer(),
            self._transfer_answer(),
            self._answer("purifiers", left, purifier),
            self._answer("adaptive", self.adaptive[0] if self.adaptive else None),
        )

    @property
    def change(self) -> str:
        """How much photos change: ``DSSIM 0.0040, PSNR 33.1 dB``, with the colour difference of the face
        where it is known; "" where nothing is.
        """
        rows = {metric: self.scene.quality(self.cloak, metric) for metric in ("dssim", "psnr", "delta_e")}
        known = {metric: row.value for metric, row in rows.items() if row is not None}
        titles = {
            m: metric_info(m).title if m != "delta_e" else "a colour difference of the face of" for m in known
        }
        parts = [f"{titles[m]} {with_unit(value, m)}" for m, value in known.items()]
        return ", ".join(parts) + (": visibly tinted" if self.scene.tinted(self.cloak) else "")

    @property
    def enrolled(self) -> str:
        """How many photos of the person are enrolled at a time, as the addition to a sentence; "" where that
        is not known. Where a person has two or more cloaked photos, the protocol enrols half of them at a
        time.
        """
        row = self.scene.cloaked_photos(self.victim, self.cloak)
        if row is None or not row.value or not row.n_identities:
            return ""
        each = row.value / row.n_identities
        if each == 1:
            return " (1 photo of the person)"
        number = f"{each:.0f}" if each == round(each) else f"on average {each:.1f}"
        return f" (half of the person's {number} cloaked photos at a time)"

    def row(self, protocol: str, metric: str, purifier: str = "none") -> Result | None:
        """A row of the victim under the cloak; None where there is none with a value."""
        return self.scene.row(self.victim, self.cloak, protocol, metric, purifier)

    def _noise_answer(self) -> Answer:
        found = self.over_noise
        if found is None:
            return UNKNOWN
        if not found.known:
            return Answer("not shown" if found.reason == NOBODY else "no interval", "", found.reason)
        word = "yes" if self.beats_noise else "not shown"
        return Answer(word, points(found.difference, found.low, found.high))

    def _transfer_answer(self) -> Answer:
        if not self.others or not self.cloak.surrogates:
            return UNKNOWN
        if all(r.ci_low is None for r in self.others):
            return Answer("no interval")
        return Answer("yes" if self.reached else "not shown", f"{self.reached} of {len(self.others)}")

    def _answer(self, name: str, row: Result | None, about: str = "") -> Answer:
        """Whether the question ``name`` about a row of added protection has a shown answer."""
        if row is None:
            return UNKNOWN
        word = "no interval" if row.ci_low is None else "yes" if self.shown[name] else "not shown"
        return Answer(word, points_of(row), about)

    @property
    def _place(self) -> tuple[CloakScene, str, CloakInfo]:
        return self.scene, self.victim, self.cloak


def verdicts(scene: CloakScene) -> list[Verdict]:
    """A verdict for each cloak that was enrolled on some model."""
    found = []
    for cloak in scene.attacks:
        measured = [m for m in scene.models if scene.row(m, cloak, POISONING, PROTECTION)]
        fresh = [m for m in measured if not scene.is_surrogate(m, cloak)]
        if measured:
            found.append(Verdict(scene, cloak, (fresh or measured)[0]))
    return found


def _least(row: Result) -> float:
    """The lower bound; the value where there is no interval."""
    return (row.value or 0.0) if row.ci_low is None else row.ci_low


def points_of(row: Result) -> str:
    """The value of ``row`` in percentage points, with its interval."""
    return points(row.value or 0.0, row.ci_low, row.ci_high)
