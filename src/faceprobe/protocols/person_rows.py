"""Rows about people whose photos are cloaked: one value a person, a mean, a spread, an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import counted
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.small_samples import Estimate, Scale, people_estimate
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.types import Evaluation, Protocol

FEW = 10
"""With fewer people no interval and no standard deviation are given; the curves hold each person's value."""


@dataclass(frozen=True)
class PerPerson:
    """Trials of some people: ``person`` (T,) the number of each trial's person, from 0; ``weights`` (R, P)
    how often each of the P people is drawn in each replicate.
    """

    person: NDArray[np.int64]
    weights: NDArray[np.int64]

    @property
    def trials(self) -> NDArray[np.int64]:
        """(P,) trials of each person."""
        return np.bincount(self.person, minlength=self.weights.shape[1])

    @property
    def people(self) -> NDArray[np.int64]:
        """People with trials, ascending."""
        return np.flatnonzero(self.trials)

    def means(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """One mean of ``values`` (T,) for each of :attr:`people`."""
        wide = np.asarray(values, dtype=np.float64)
        sums = np.bincount(self.person, wide, self.weights.shape[1])
        means: NDArray[np.float64] = (sums / np.maximum(self.trials, 1))[self.people]
        return means

    def estimate(self, values: NDArray[np.float64], scale: Scale) -> Estimate | None:
        """The mean of ``values``, one for each of :attr:`people`, with replicates; None for few people."""
        people = self.people
        if len(people) < FEW or not len(self.weights):
            return None
        every, has = np.zeros(self.weights.shape[1]), np.zeros(self.weights.shape[1], dtype=np.bool_)
        every[people], has[people] = values, True
        return people_estimate(every, has, self.weights, scale)


def add_people(
    evaluation: Evaluation,
    protocol: Protocol,
    metric: str,
    trials: PerPerson,
    values: NDArray[np.float64],
    *,
    scale: Scale = "rate",
    remarks: Remarks = (),
    spread: bool = False,
) -> None:
    """The mean over people of ``values``, one for each of ``trials.people`` on ``scale``; with ``spread``
    also ``<metric>_sd``, their standard deviation (n - 1).
    """
    n_people = len(trials.people)
    few = f"{counted(n_people, 'person')}: no spread claimed" if n_people < FEW else ""
    n = len(trials.person)
    add_metric(
        evaluation,
        protocol,
        metric,
        "identity",
        float(np.mean(values)),
        estimate=trials.estimate(values, scale),
        how="bootstrap of jackknife values of the people whose photos are cloaked, t-widened",
        remarks=join(remarks, remark("few-people", few)),
        n=n,
        n_identities=n_people,
    )
    if spread:
        sd = None if few else float(np.std(values, ddof=1))
        name = f"{metric}_sd"
        without = remark("no-spread", few)
        add_metric(evaluation, protocol, name, "identity", sd, n=n, n_identities=n_people, remarks=without)
