"""Do nominal 95 % intervals hold the truth about 95 times in 100? Simulated worlds tell.

The truth (``TRUTH``) is the mean of fourteen such worlds of 2,000 people each. A long run (800 worlds of
100 people x 4 photos, 300 replicates, identity weighting) covered it in these shares: TMR at FMR 1e-2
94.6 %, TMR at FMR 1e-3 (79 false matches) 98.1 %, EER 92.8 %, AUC 90.4 %, d' 91.5 %. So TMR holds what
its interval promises, or more; EER, AUC and d' hold a little less, as percentile intervals of skewed
figures do in small samples. What follows is a short run that would notice a broken interval.
"""

from __future__ import annotations

import numpy as np
import pytest
from simulated import simulated_summary

from faceprobe.metrics.bootstrap import identity_weights, percentile_interval
from faceprobe.metrics.verification import Verification
from faceprobe.metrics.verification_bootstrap import verification_replicates

TRUTH = {"0.01": 0.7675, "eer": 0.0757, "auc": 0.9774, "d_prime": 2.991}
WORLDS, PEOPLE, REPLICATES = 120, 100, 200


@pytest.fixture(scope="module")
def covered() -> dict[str, float]:
    rng = np.random.default_rng(2)
    hits = dict.fromkeys(TRUTH, 0)
    for world in range(WORLDS):
        summary = simulated_summary(rng, PEOPLE)
        weights = identity_weights(PEOPLE, REPLICATES, seed=world)
        found = verification_replicates(summary, Verification.of(summary), weights, [0.01])
        for metric, truth in TRUTH.items():
            interval = percentile_interval(found[metric, "identity"])
            assert interval is not None
            hits[metric] += interval[0] <= truth <= interval[1]
    return {metric: n / WORLDS for metric, n in hits.items()}


def test_tmr_is_covered(covered: dict[str, float]) -> None:
    assert 0.91 <= covered["0.01"] <= 0.995  # 120 worlds: 95 % +- 2 standard errors of 2 points


@pytest.mark.parametrize("metric", ["eer", "auc", "d_prime"])
def test_first_order_intervals_are_a_little_narrow(covered: dict[str, float], metric: str) -> None:
    assert 0.85 <= covered[metric] <= 0.99
