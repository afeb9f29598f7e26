"""Recognisers against scikit-learn, the person of each trial enrolled with other photos."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

from faceprobe.metrics.identification.recognisers import Centroid, LinearProbe, Nearest, Trial
from faceprobe.scores import exact_rows


def _world(seed: int, people: int = 9, dim: int = 20) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(people), rng.integers(1, 9, size=people))
    return _rows(rng.standard_normal((people, dim))[labels] + rng.standard_normal((len(labels), dim))), labels


def _rows(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return exact_rows((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


def _replaced(
    rows: NDArray[np.float32], labels: NDArray[np.int64], trial: Trial
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The gallery with the trial's person enrolled as the trial says."""
    others = labels != trial.person
    who = np.full(len(trial.enrolled), trial.person)
    return np.concatenate([rows[others], trial.enrolled]), np.concatenate([labels[others], who])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ridge", [1e-3, 0.05, 1.0])
def test_the_linear_probe_is_scikit_learns_ridge_classifier(seed: int, ridge: float) -> None:
    rows, labels = _world(seed)
    rng = np.random.default_rng([seed, 1])
    probe = LinearProbe(rows, labels, ridge)
    for person in range(9):
        trial = Trial(
            person, _rows(rng.standard_normal((1 + person % 4, 20))), _rows(rng.standard_normal((7, 20)))
        )
        x, y = _replaced(rows, labels, trial)
        # scikit-learn's balanced weights sum to N, ours to 1; its targets are -1 and 1, ours 0 and 1.
        peer = RidgeClassifier(alpha=ridge * len(x), class_weight="balanced").fit(x.astype(np.float64), y)
        expected = (peer.decision_function(trial.probes.astype(np.float64)) + 1) / 2
        assert probe.scores(trial) == pytest.approx(expected, abs=1e-9)
        (decision,) = probe.decide([trial])
        assert decision.missed.tolist() == (peer.predict(trial.probes) != person).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_nearest_photo_and_nearest_mean_agree_with_scikit_learn(seed: int) -> None:
    rows, labels = _world(seed)
    rng = np.random.default_rng([seed, 2])
    trials = [Trial(p, _rows(rng.standard_normal((3, 20))), rows[labels == p]) for p in range(9)]
    near, mean = Nearest(rows, labels).decide(trials), Centroid(rows, labels).decide(trials)
    for trial, a, b in zip(trials, near, mean, strict=True):
        x, y = _replaced(rows, labels, trial)
        one = KNeighborsClassifier(1, metric="cosine", algorithm="brute").fit(x, y)
        assert a.missed.tolist() == (one.predict(trial.probes) != trial.person).tolist()
        means = np.stack([x[y == k].mean(axis=0) for k in range(9)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        centre = KNeighborsClassifier(1, metric="cosine", algorithm="brute").fit(means, np.arange(9))
        assert b.missed.tolist() == (centre.predict(trial.probes) != trial.person).tolist()


def test_ties_count_against_the_recogniser() -> None:
    rows = _rows(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    labels = np.array([0, 1, 2])
    trial = Trial(0, rows[:1], rows[:1])
    for recogniser in (Nearest(rows, labels), Centroid(rows, labels), LinearProbe(rows, labels, 0.1)):
        (decision,) = recogniser.decide([trial])
        assert decision.tied.tolist() == decision.missed.tolist() == [True]


def test_a_mean_of_length_zero_matches_no_probe() -> None:
    rows = _rows(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))
    labels = np.array([0, 0, 1, 2])
    opposite = Trial(1, rows[:2], -rows[2:3])
    (decision,) = Centroid(rows, labels).decide([opposite])
    assert decision.own.tolist() == [-np.inf]
    assert decision.missed.tolist() == [True]
    assert decision.other == pytest.approx([-0.8], abs=1e-6)  # not the zero mean of person 0
