"""One tidy row for every number: the schema of ``results.json`` and ``results.parquet``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from faceprobe.core.errors import BadInput
from faceprobe.data.evidence import Evidence
from faceprobe.data.remarks import Remark, Remarks, text_of

Weighting = Literal["identity", "pair", "none"]

SCHEMA = "faceprobe.results/2"

OLDER = ("faceprobe.results/1",)
"""Schemas of earlier versions, which are not read."""


@dataclass(frozen=True)
class Metric:
    """One figure of a protocol, before it is known which model and dataset it belongs to.

    ``value`` is None where the data cannot support the metric; ``remarks`` then say why, and otherwise
    hold facts and cautions ("unstable: 12 false matches"). ``n`` counts the trials in the
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
    remarks: Remarks = ()
    conventions: str = ""
    protocol_version: int = 1


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
    remarks: Remarks
    conventions: str
    model_hash: str
    dataset_hash: str
    purifier: str = "none"
    protocol_version: int = 1

    @property
    def text(self) -> str:
        """The remarks in one line."""
        return text_of(self.remarks)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"remarks": [one.to_dict() for one in self.remarks]}


COLUMNS = tuple(f.name for f in fields(Result))

_METRIC_COLUMNS = tuple(f.name for f in fields(Metric))


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
            **{name: getattr(metric, name) for name in _METRIC_COLUMNS},
        )
        for metric in metrics
    ]


def to_document(rows: Iterable[Result]) -> dict[str, Any]:
    """The object that ``results.json`` and ``--json`` hold."""
    return {"schema": SCHEMA, "rows": [r.to_dict() for r in rows]}


def from_document(document: Any, where: str = "results.json") -> list[Result]:
    """The rows of an object that :func:`to_document` made; :class:`BadInput` for any other."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema in OLDER:
        raise BadInput(f"{where} was written by an older faceprobe ({schema}); run the study again")
    if schema != SCHEMA:
        raise BadInput(f"{where} is not a faceprobe results file of schema {SCHEMA}; run the study again")
    try:
        return [_row(stored) for stored in document["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{where} holds a row that is not of schema {SCHEMA}: {error}") from error


def _row(stored: dict[str, Any]) -> Result:
    """One row, every value checked to be of its column's type."""
    row = Result(**{**stored, "remarks": tuple(map(Remark.from_dict, stored["remarks"]))})
    for field in fields(Result):
        value, kinds = getattr(row, field.name), _KINDS.get(str(field.type), (str,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"{field.name} is {value!r}")
    return row


_KINDS: dict[str, tuple[type, ...]] = {
    "float | None": (int, float, type(None)),
    "int": (int,),
    "Remarks": (tuple,),
}
"""What may stand in a column, by its annotation; text elsewhere."""
