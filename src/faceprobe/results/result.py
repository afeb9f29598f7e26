"""One tidy row for every number: the schema of ``results.json`` and ``results.parquet``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from faceprobe.core.errors import BadInput
from faceprobe.data.evidence import Evidence

Weighting = Literal["identity", "pair", "none"]

SCHEMA = "faceprobe.results/1"


@dataclass(frozen=True)
class Metric:
    """One figure of a protocol, before it is known which model and dataset it belongs to.

    ``value`` is None where the data cannot support the metric; ``note`` then says why, and
    otherwise holds a caution ("unstable: 12 false matches"). ``n`` counts the trials in the
    denominator (comparisons or probes), ``n_identities`` the people behind them. Rates are
    fractions in [0, 1]. ``ci_low`` and ``ci_high`` bound the 95 % interval named in ``ci_method``.
    """

    protocol: str
    metric: str
    weighting: Weighting
    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_method: str = ""
    n: int = 0
    n_identities: int = 0
    note: str = ""
    conventions: str = ""


@dataclass(frozen=True)
class Result:
    """A :class:`Metric` with all that says where it comes from. ``model_hash`` covers weights and
    preprocessing, ``dataset_hash`` the photos, their labels and the crop. ``purifier`` is what
    a collector did to every photo before embedding it, "none" for nothing.
    """

    model: str
    dataset: str
    crop: str
    cloak: str
    protocol: str
    metric: str
    weighting: Weighting
    value: float | None
    ci_low: float | None
    ci_high: float | None
    ci_method: str
    n: int
    n_identities: int
    evidence: Evidence
    note: str
    conventions: str
    model_hash: str
    dataset_hash: str
    purifier: str = "none"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


COLUMNS = tuple(f.name for f in fields(Result))


def attach(
    metrics: Iterable[Metric],
    *,
    model: str,
    dataset: str,
    crop: str,
    evidence: Evidence,
    cloak: str = "none",
    purifier: str = "none",
    model_hash: str = "",
    dataset_hash: str = "",
) -> list[Result]:
    """Turn a protocol's metrics into result rows of one model on one dataset."""
    return [
        Result(
            model=model,
            dataset=dataset,
            crop=crop,
            cloak=cloak,
            purifier=purifier,
            evidence=evidence,
            model_hash=model_hash,
            dataset_hash=dataset_hash,
            **asdict(m),
        )
        for m in metrics
    ]


def to_document(rows: Iterable[Result]) -> dict[str, Any]:
    """The object that ``results.json`` and ``--json`` hold."""
    return {"schema": SCHEMA, "rows": [r.to_dict() for r in rows]}


def from_document(document: Any, where: str = "results.json") -> list[Result]:
    """The rows of an object that :func:`to_document` made; :class:`BadInput` for any other."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadInput(f"{where} is not a faceprobe results file of schema {SCHEMA}; run the study again")
    try:
        return [Result(**row) for row in document["rows"]]
    except (KeyError, TypeError) as error:
        raise BadInput(f"{where} holds a row that is not of schema {SCHEMA}: {error}") from error
