"""Recognisers that a collector of photos may use: the nearest photo, the nearest mean, a linear probe.

Each is built once from the whole gallery. A trial then replaces the gallery photos of one person by others,
which is what enrolling cloaked photos does, and searches for that person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores import exact_rows, offsets
from faceprobe.scores.search.probes_against_gallery import SearchRows, search_gallery

BATCH = 256
"""Trials of the linear probe that are multiplied by the inverse matrix at once."""

MEAN_TIE = 1e-7
"""Scores with means that differ by less than this are ties, against the system: a mean of rows is scaled and
rounded again, so that means that are equal by definition differ by up to some 1e-8.
"""

TIE = 1e-9
"""Scores of the linear probe that differ by less than this are taken as equal: rounding."""


@dataclass(frozen=True)
class Trial:
    """``probes`` (Q, D) of ``person``, searched where ``enrolled`` (E, D), E >= 1, are all photos of that
    person in the gallery; both are exact rows (:func:`faceprobe.scores.exact_rows`).
    """

    person: int
    enrolled: NDArray[np.float32]
    probes: NDArray[np.float32]


@dataclass(frozen=True)
class Decision:
    """For the Q probes of a trial, (Q,) float64: the score of the ``own`` person and the best of the
    ``other`` people.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]

    @property
    def missed(self) -> NDArray[np.bool_]:
        """(Q,) bool: the probe is not recognised as its own person; a tie counts against the recogniser."""
        wrong: NDArray[np.bool_] = self.other >= self.own
        return wrong

    @property
    def tied(self) -> NDArray[np.bool_]:
        equal: NDArray[np.bool_] = self.other == self.own
        return equal


class Recogniser(Protocol):
    """Decides trials; the gallery of all other people stays as it was built."""

    def decide(self, trials: Sequence[Trial]) -> list[Decision]: ...


class Nearest:
    """1-NN: the score of a person is that of the nearest gallery photo (cosine).

    ``rows`` (N, D) exact rows, sorted by ``labels`` (N,) that count people from 0.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
        self._gallery = SearchRows(rows, labels.astype(np.int64), np.arange(len(rows)))

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        probes = [t.probes for t in trials]
        ends = np.cumsum([len(p) for p in probes])
        person = np.repeat([t.person for t in trials], [len(p) for p in probes]).astype(np.int64)
        searched = SearchRows(np.concatenate(probes), person, -1 - np.arange(len(person)))
        other = search_gallery(searched, self._gallery, mate=np.full(len(person), np.nan)).best_other
        own = [_products(t.probes, t.enrolled).max(axis=1) for t in trials]
        return [Decision(a, b) for a, b in zip(own, np.split(other, ends[:-1]), strict=True)]


class Centroid:
    """A person is the mean of the gallery photos, scaled to length 1 (cosine). Arguments as of
    :class:`Nearest`. A mean of zero length has a score of -inf.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
        sums = np.add.reduceat(rows.astype(np.float64), offsets(labels.astype(np.int32))[:-1], axis=0)
        means, self._known = _unit(sums)
        self._means = means.astype(np.float64)

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        return [self._decide(trial) for trial in trials]

    def _decide(self, trial: Trial) -> Decision:
        mean, known = _unit(trial.enrolled.astype(np.float64).sum(axis=0, keepdims=True))
        own = _products(trial.probes, mean)[:, 0] if known[0] else np.full(len(trial.probes), -np.inf)
        scores = _products(trial.probes, self._means)
        scores[:, ~self._known] = -np.inf
        scores[:, trial.person] = -np.inf
        other = scores.max(axis=1)
        with np.errstate(invalid="ignore"):  # both may be -inf
            return Decision(own, np.where(np.abs(other - own) < MEAN_TIE, own, other))


class LinearProbe:
    """Ridge regression from vectors onto one-hot people, with a bias, every person weighing the same.

    With P people, M_c the mean of x x' and m_c the mean of x over the photos of person c, and m the mean of
    the m_c, the score of person c for a vector q is

        1/P + (q - m)' A^-1 (m_c - m) / P,     A = sum_c M_c / P - m m' + ridge I.

    That is scikit-learn's ``RidgeClassifier(alpha=ridge * N, class_weight="balanced")`` in closed form, up to
    the scale of its targets. The inverse is formed once; a trial changes one person's M_c and m_c, which is a
    change of A by as many ranks as there are photos (Woodbury's identity).

    ``rows`` (N, D) and ``labels`` (N,) as of :class:`Nearest`; ``ridge`` > 0 is in units of squared cosine.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.integer], ridge: float) -> None:
        self._starts = offsets(labels.astype(np.int32))
        photos = np.diff(self._starts)
        self._rows = rows
        self._n = n_people = len(photos)
        weights = 1.0 / (n_people * photos)[labels]
        wide = rows.astype(np.float64)
        self._means = np.add.reduceat(wide, self._starts[:-1], axis=0) / photos[:, None]
        self._centre = self._means.mean(axis=0)
        matrix = (wide * weights[:, None]).T @ wide - np.outer(self._centre, self._centre)
        matrix[np.diag_indices_from(matrix)] += ridge
        self._inverse = np.linalg.inv(matrix)
        # A^-1 times every mean and the centre, as rows: the same in every trial.
        self._towards_means = self._means @ self._inverse
        self._towards_centre = self._inverse @ self._centre

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        return [
            _linear_decision(trial.person, self._n * scores)
            for start in range(0, len(trials), BATCH)
            for trial, scores in self._batch(trials[start : start + BATCH])
        ]

    def scores(self, trial: Trial) -> NDArray[np.float64]:
        """(Q, P) the linear probe's output for all people, the trial's person enrolled as in the trial."""
        ((_, scores),) = self._batch([trial])
        return scores

    def _batch(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, NDArray[np.float64]]]:
        """Each trial with its scores; A^-1 is multiplied with the photos of all of them at once."""
        photos = [part for t in trials for part in (self._gallery(t.person), t.enrolled)]
        solved = np.concatenate(photos).astype(np.float64) @ self._inverse
        parts = iter(np.split(solved, np.cumsum([len(p) for p in photos])[:-1]))
        for trial in trials:
            yield trial, self._scores(trial, next(parts), next(parts))

    def _gallery(self, person: int) -> NDArray[np.float32]:
        return self._rows[self._starts[person] : self._starts[person + 1]]

    def _scores(
        self, trial: Trial, before: NDArray[np.float64], after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores from A^-1 times the photos that the gallery held and now holds of the person (rows)."""
        person, n_people = trial.person, self._n
        mean = trial.enrolled.astype(np.float64).mean(axis=0)
        centre = self._centre + (mean - self._means[person]) / n_people
        towards_centre = self._towards_centre + (after.mean(axis=0) - before.mean(axis=0)) / n_people
        change = np.concatenate([trial.enrolled, self._gallery(person), [centre, self._centre]])
        solved = np.concatenate([after, before, [towards_centre, self._towards_centre]])  # (r, D)
        gain = np.repeat(
            [1.0 / (n_people * len(after)), -1.0 / (n_people * len(before)), -1.0, 1.0],
            [len(after), len(before), 1, 1],
        )
        inner = np.diag(1.0 / gain) + change @ solved.T
        probes = trial.probes.astype(np.float64) - centre
        part = np.linalg.solve(inner, solved @ probes.T)  # (r, Q)
        products = probes @ self._towards_means.T - part.T @ (solved @ self._means.T)
        products[:, person] = probes @ after.mean(axis=0) - part.T @ (solved @ mean)
        products -= (probes @ towards_centre - part.T @ (solved @ centre))[:, None]
        scores: NDArray[np.float64] = (1.0 + products) / n_people
        return scores


def _linear_decision(person: int, scores: NDArray[np.float64]) -> Decision:
    own = scores[:, person].copy()
    scores[:, person] = -np.inf
    other = scores.max(axis=1)
    return Decision(own, np.where(np.abs(other - own) < TIE, own, other))


def _products(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores of exact rows, exact themselves in float64 whatever the order of summation."""
    scores: NDArray[np.float64] = left.astype(np.float64) @ right.astype(np.float64, copy=False).T
    return scores


def _unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sums scaled to length 1, as exact rows, and which of them are not zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    known = lengths > 0
    return exact_rows((sums / np.where(known, lengths, 1.0)[:, None]).astype(np.float32)), known
