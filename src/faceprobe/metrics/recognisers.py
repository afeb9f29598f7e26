"""What a collector may recognise people with: the nearest photo, the nearest mean, a linear probe.

Each is built once from the gallery of everybody and then asked about one person at a time, whose gallery
photos are replaced by others: that is what enrolling cloaked photos does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceprobe.scores import exact_rows, offsets
from faceprobe.scores.search import Side, search

TIE = 1e-9
"""Scores of the linear probe that lie closer than this are equal but for rounding."""


@dataclass(frozen=True)
class Trial:
    """``probes`` (Q, D) of ``person``, looked for where ``enrolled`` (E, D), E >= 1, are all that the gallery
    holds of that person; both exact rows (:func:`faceprobe.scores.exact_rows`).
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
        """(Q,) the probe is not given to its own person; a tie counts against the recogniser."""
        wrong: NDArray[np.bool_] = self.other >= self.own
        return wrong

    @property
    def tied(self) -> NDArray[np.bool_]:
        equal: NDArray[np.bool_] = self.other == self.own
        return equal


class Recogniser(Protocol):
    """Answers trials; the gallery of everybody else stays as it was built."""

    def decide(self, trials: Sequence[Trial]) -> list[Decision]: ...


class Nearest:
    """1-NN: a person is as near as the nearest gallery photo (cosine).

    ``rows`` (N, D) exact rows, sorted by ``labels`` (N,) that count people from 0.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
        self._gallery = Side(rows, labels.astype(np.int64), np.arange(len(rows)))

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        probes = [t.probes for t in trials]
        ends = np.cumsum([len(p) for p in probes])
        who = np.repeat([t.person for t in trials], [len(p) for p in probes]).astype(np.int64)
        side = Side(np.concatenate(probes), who, -1 - np.arange(len(who)))
        other = search(side, self._gallery, mate=np.full(len(who), np.nan)).best_other
        own = [_products(t.probes, t.enrolled).max(axis=1) for t in trials]
        return [Decision(a, b) for a, b in zip(own, np.split(other, ends[:-1]), strict=True)]


class Centroid:
    """A person is the mean of the gallery photos, scaled to length 1 (cosine). Arguments as of
    :class:`Nearest`. A mean of zero length is as far from everything as can be.
    """

    def __init__(self, rows: NDArray[np.float32], labels: NDArray[np.integer]) -> None:
        sums = np.add.reduceat(rows.astype(np.float64), offsets(labels.astype(np.int32))[:-1], axis=0)
        self._means, self._known = _unit(sums)

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        return [self._decide(trial) for trial in trials]

    def _decide(self, trial: Trial) -> Decision:
        mean, known = _unit(trial.enrolled.astype(np.float64).sum(axis=0, keepdims=True))
        own = _products(trial.probes, mean)[:, 0] if known[0] else np.full(len(trial.probes), -np.inf)
        scores = _products(trial.probes, self._means)
        scores[:, ~self._known] = -np.inf
        scores[:, trial.person] = -np.inf
        return Decision(own, scores.max(axis=1))


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

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        return [self._decide(trial) for trial in trials]

    def scores(self, trial: Trial) -> NDArray[np.float64]:
        """(Q, P) the probe's output for everybody, with the trial's person enrolled as the trial says."""
        person, n_people = trial.person, self._n
        before = self._rows[self._starts[person] : self._starts[person + 1]].astype(np.float64)
        after = trial.enrolled.astype(np.float64)
        mean = after.mean(axis=0)
        centre = self._centre + (mean - self._means[person]) / n_people
        change = np.concatenate([after, before, [centre], [self._centre]])
        gain = np.concatenate(
            [
                np.full(len(after), 1.0 / (n_people * len(after))),
                np.full(len(before), -1.0 / (n_people * len(before))),
                [-1.0, 1.0],
            ]
        )
        solved = self._inverse @ change.T  # (D, r)
        inner = np.diag(1.0 / gain) + change @ solved
        probes = trial.probes.astype(np.float64) - centre
        towards = probes @ self._inverse - (probes @ solved) @ np.linalg.solve(inner, solved.T)  # (Q, D)
        products = towards @ self._means.T
        products[:, person] = towards @ mean
        scores: NDArray[np.float64] = (1.0 + products - (towards @ centre)[:, None]) / n_people
        return scores

    def _decide(self, trial: Trial) -> Decision:
        scores = self.scores(trial)
        own = scores[:, trial.person].copy()
        scores[:, trial.person] = -np.inf
        other = scores.max(axis=1)
        return Decision(own, np.where(np.abs(other - own) * self._n < TIE, own, other))


def _products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of exact rows, exact themselves in float64 whatever the order of summation."""
    scores: NDArray[np.float64] = left.astype(np.float64) @ right.astype(np.float64).T
    return scores


def _unit(sums: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sums scaled to length 1, as exact rows, and which of them are not zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    known = lengths > 0
    return exact_rows((sums / np.where(known, lengths, 1.0)[:, None]).astype(np.float32)), known
