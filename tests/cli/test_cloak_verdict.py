"""The first lines of ``faceprobe eval --cloak``: "helps" by the rule that the report calls shown."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.api.comparison import Replicates
from faceprobe.api.results import Results
from faceprobe.cli.cloak_verdict import verdict_lines
from faceprobe.metrics.bootstrap import identity_weights, percentile_interval
from faceprobe.metrics.small_samples import people_estimate
from faceprobe.results.result import Result


def poisoning(differences: list[float]) -> Results:
    """The rows of a cloak that adds ``differences`` (one a person) to a clean error of 0."""
    values, every = np.array(differences), np.ones(len(differences), dtype=np.bool_)
    people = np.arange(len(values)).astype(np.str_)
    weights = identity_weights(len(values), 200, 0)
    added = people_estimate(values, every, weights, "difference")
    low, high = percentile_interval(added.replicates) or (None, None)
    rows = []
    for metric, value in (
        ("protection", values.mean()),
        ("clean_error", 0.0),
        ("added_protection", added.value),
    ):
        interval = (low, high) if metric == "added_protection" else (None, None)
        rows.append(
            Result(
                model="m",
                dataset="d",
                crop="as-is",
                cloak="pgd",
                protocol="cloak/poisoning",
                metric=f"{metric}@1nn",
                weighting="identity",
                value=float(value),
                ci_low=interval[0],
                ci_high=interval[1],
                ci_method="",
                n=len(values),
                n_identities=len(values),
                evidence="synthetic",
                remarks=(),
                conventions="",
                model_hash="",
                dataset_hash="",
            )
        )
    name = "cloak/poisoning//added_protection@1nn//identity"
    stored = Replicates(0, people, {}, {name: np.stack([added.influence, added.share])})
    return Results(rows, replicates=lambda key: stored)


@pytest.mark.parametrize(
    ("differ", "word"), [(12, "helps"), (5, "is not shown to help"), (0, "is not shown to help")]
)
def test_a_cloak_helps_where_enough_people_differ(differ: int, word: str) -> None:
    results = poisoning([0.9] * differ + [0.0] * (12 - differ))
    if differ == 5:
        assert results[-1].ci_low is not None and results[-1].ci_low > 0, "the interval alone would say helps"
    (line,) = verdict_lines(results)
    assert line.startswith(f"Cloaked photos enrolled, clean ones searched: pgd {word} against m.")
