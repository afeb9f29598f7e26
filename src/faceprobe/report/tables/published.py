"""Figures published by others, packaged as data with their source, protocol and cautions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from faceprobe.results.result import Result


@dataclass(frozen=True)
class PublishedSource:
    """The source of published figures: ``citation``, ``url``, the ``protocol`` in words, and ``cautions``."""

    id: str
    citation: str
    url: str
    protocol: str
    cautions: tuple[str, ...]


@dataclass(frozen=True)
class PublishedFigure:
    """One published figure; ``value`` is a fraction and ``printed`` the figure as published, in per cent.

    ``like`` lists patterns of the model ids that the figure may be compared with, and ``benchmark`` is the
    kind of the dataset in faceprobe's names ("" where this version reads no such dataset).
    """

    model: str
    like: tuple[str, ...]
    source: PublishedSource
    table: str
    column: str
    crop: str
    benchmark: str
    metric: str
    value: float
    printed: str


@dataclass(frozen=True)
class PublishedTable:
    """A table as published: ``columns`` (group, name), ``rows`` of (model, source, printed cells)."""

    id: str
    title: str
    unit: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, PublishedSource, tuple[str, ...]], ...]
    sources: tuple[PublishedSource, ...]


@cache
def published_tables() -> tuple[PublishedTable, ...]:
    """Every packaged table, in the order of the file."""
    data, sources = _data()
    return tuple(_table(t, sources) for t in data["tables"])


@cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """Every figure of every packaged table."""
    data, sources = _data()
    return tuple(f for t in data["tables"] for f in _figures(t, sources))


def comparable_figures(row: Result) -> list[PublishedFigure]:
    """Published figures of the same benchmark, metric and model as ``row``.

    Protocol and crop may differ, which the cautions of each source say. Publications weigh pairs equally, so
    an identity-weighted row has none. Rows of cloaked photos, of a part of the photo, or of pairs from
    different events only have none either.
    """
    whole = not row.crop.startswith(("face-only", "context-only", "random-mask")) and row.cloak in (
        "none",
        "",
    )
    if row.weighting == "identity" or not whole or row.protocol.endswith("-cross-event"):
        return []
    name = benchmark(row.dataset)
    return [
        f
        for f in published_figures()
        if f.benchmark == name and f.metric == row.metric and any(fnmatchcase(row.model, p) for p in f.like)
    ]


def benchmark(dataset: str) -> str:
    """The benchmark that a dataset's name stands for: ``lfw`` for ``lfw:PATH`` and
    ``insightface-bin:lfw.bin``, ``cfp-ff`` for ``cfp-fp?part=ff``.
    """
    stem, _, options = dataset.partition("?")
    kind, _, body = stem.partition(":")
    if kind == "cfp-fp" and "part=ff" in options.split("&"):
        return "cfp-ff"
    if kind != "insightface-bin":
        return kind
    return re.split(r"[\\/]", body)[-1].removesuffix(".bin").lower().replace("_", "-")


@cache
def _data() -> tuple[dict[str, Any], dict[str, PublishedSource]]:
    text = files("faceprobe.report").joinpath("data/published.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    sources = {
        key: PublishedSource(
            key, s["citation"], s.get("url", ""), s["protocol"], tuple(s.get("cautions", ()))
        )
        for key, s in data["sources"].items()
    }
    return data, sources


def _table(stored: dict[str, Any], sources: dict[str, PublishedSource]) -> PublishedTable:
    columns = tuple((c.get("group", ""), c["name"]) for c in stored["columns"])
    rows = tuple(
        (r["model"], sources[r["source"]], tuple("" if v is None else str(v) for v in r["values"]))
        for r in stored["rows"]
    )
    used = tuple(dict.fromkeys(source for _, source, _ in rows))
    return PublishedTable(stored["id"], stored["title"], stored["unit"], columns, rows, used)


def _figures(stored: dict[str, Any], sources: dict[str, PublishedSource]) -> list[PublishedFigure]:
    return [
        PublishedFigure(
            model=row["model"],
            like=tuple(row.get("like", ())),
            source=sources[row["source"]],
            table=stored["id"],
            column=column["name"],
            crop=column.get("crop", ""),
            benchmark=column.get("benchmark", ""),
            metric=column["metric"],
            value=round(float(value) / 100, 6),
            printed=str(value),
        )
        for row in stored["rows"]
        for column, value in zip(stored["columns"], row["values"], strict=True)
        if value is not None
    ]
