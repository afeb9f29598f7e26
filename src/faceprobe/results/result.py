"""One tidy row for every number: the schema of ``results.json`` and ``results.parquet``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Literal, get_args

from faceprobe.core.errors import BadInput
from faceprobe.data.evidence import EVIDENCE_ORDER, Evidence
from faceprobe.data.remarks import Remark, Remarks, text_of

Weighting = Literal["identity", "pair", "none"]

SCHEMA = "faceprobe.results/2"

OLDER = ("faceprobe.results/1",)
"""Schemas of earlier versions, which are not read."""


@dataclass(frozen=True)
class Metric:
    """One figure of a protocol, before it is known which model and dataset it belongs to.

    ``value`` is None where the data cannot support the metric; a remark of level "unsupported" then says why.
    Other ``remarks`` hold facts and cautions ("unstable: 12 false matches"). ``n`` counts the trials in the
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

    @property
    def text(self) -> str:
        """The remarks in one line."""
        return text_of(self.remarks)


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
        """The row as ``results.json`` holds it; remarks are objects with code, level and text."""
        row = {name: getattr(self, name) for name in COLUMNS}
        return row | {"remarks": [one.to_dict() for one in self.remarks]}


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
    rows = document.get("rows")
    if not isinstance(rows, list):
        raise BadInput(f"{where} has no list of rows; run the study again")
    found = []
    for number, stored in enumerate(rows):
        try:
            found.append(_row(stored))
        except (ValueError, OverflowError) as error:
            raise BadInput(f"{where}: row {number} is not of schema {SCHEMA}: {error}") from error
    return found


def _row(stored: Any) -> Result:
    """One row; :class:`ValueError` names the column that is missing, unknown or of a wrong type."""
    if not isinstance(stored, dict):
        raise ValueError(f"it is no object but {stored!r}")
    wrong = set(COLUMNS).symmetric_difference(stored)
    if wrong:
        name = min(wrong)
        raise ValueError(f"the column {name} is {'unknown' if name in stored else 'missing'}")
    return Result(**{name: _value(name, kind, stored[name]) for name, kind in _ANNOTATIONS.items()})


def _value(name: str, annotation: str, value: Any) -> Any:
    """``value`` as a column with this annotation holds it; :class:`ValueError` where it does not fit."""
    if annotation == "Remarks" and isinstance(value, list):
        return tuple(map(Remark.from_dict, value))
    if annotation == "float | None" and value is None:
        return None
    if annotation == "float | None" and type(value) in (int, float) and isfinite(value):
        return float(value)
    if annotation == "int" and type(value) is int:
        return value
    if annotation in _CHOICES and value in _CHOICES[annotation]:
        return value
    if annotation == "str" and isinstance(value, str):
        return value
    raise ValueError(f"the column {name} is {value!r}")


_ANNOTATIONS = {f.name: str(f.type) for f in fields(Result)}
_CHOICES = {"Weighting": get_args(Weighting), "Evidence": EVIDENCE_ORDER}
