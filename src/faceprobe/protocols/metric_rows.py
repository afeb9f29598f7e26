"""Rows of metrics with their intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.metrics.bootstrap import percentile_interval, wilson_interval
from faceprobe.metrics.small_samples import Estimate
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.results.result import Metric, Weighting

SEARCH_HOW = "identity bootstrap of jackknife values, gallery held fixed, t-widened"
"""How the replicates of figures of searches are drawn."""


def add_metric(
    evaluation: Evaluation,
    protocol: Protocol,
    metric: str,
    weighting: Weighting,
    value: float | None,
    *,
    replicates: NDArray[np.float64] | None = None,
    estimate: Estimate | None = None,
    how: str = "",
    n: int = 0,
    n_identities: int = 0,
    remarks: Remarks = (),
    trials: int = 0,
) -> None:
    """Append a row to ``evaluation``; with ``replicates`` (R,) also its 95 % percentile interval, with
    ``estimate`` that of its replicates, with its cautions.

    ``how`` says how the replicates were drawn. Where all of them are equal the row says so: such
    an interval does not see errors that are rarer than the data can show. ``trials`` > 0: the value is
    a share of so many trials of as many people; then the interval is Wilson's, the replicates are kept.
    """
    low = high = None
    method = ""
    if estimate is not None and value is not None:
        replicates = estimate.replicates
        if len(replicates):
            evaluation.influences[f"{protocol.name}//{metric}//{weighting}"] = np.stack(
                [estimate.influence, estimate.share]
            )
            remarks = join(remarks, estimate.caution)
    if value is not None and replicates is not None and len(replicates):
        evaluation.replicates[f"{protocol.name}//{metric}//{weighting}"] = replicates
        interval = percentile_interval(replicates)
        method = f"{how}, {len(replicates)} replicates, percentile"
        if trials:
            low, high = wilson_interval(value, trials)
            method = f"Wilson, one trial a person, {trials} trials"
        elif interval is None:
            remarks = join(
                remarks, remark("no-interval", "no interval: most replicates drew no person with a trial")
            )
        else:
            low, high = interval
            if low == high:
                text = "the interval has no width: too few errors here to see their spread"
                remarks = join(remarks, remark("zero-width-interval", text))
    evaluation.metrics.append(
        Metric(
            protocol=protocol.name,
            metric=metric,
            weighting=weighting,
            value=value,
            ci_low=low,
            ci_high=high,
            ci_method=method,
            n=n,
            n_identities=n_identities,
            remarks=remarks,
            conventions=protocol.label,
            protocol_version=protocol.version,
        )
    )


def add_unmeasured(
    evaluation: Evaluation, protocol: Protocol, figures: Iterable[tuple[str, Weighting]], reason: str
) -> None:
    """Append a row without a value for each (metric, weighting) of ``figures``, with the ``reason``."""
    remarks = remark("not-measured", f"not measured: {reason}")
    for metric, weighting in figures:
        add_metric(evaluation, protocol, metric, weighting, None, remarks=remarks)
