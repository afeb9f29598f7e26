"""Provenance of a run: data and exclusions, conventions, versions, hashes, machine, model cards."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from faceprobe.report.scenes import LARGE_SHARE, SHARE_METRIC, Scene
from faceprobe.report.text.numbers import count, percent, scaled
from faceprobe.results.cells import Cell
from faceprobe.results.run import ALL_PAIRS, LEAVE_ONE_OUT, Run

DUPLICATES_METRIC = "n_duplicate_pairs"


@dataclass(frozen=True)
class DataRow:
    """One dataset and crop as it was measured with ``models`` ("all models" where it was the same
    with all).
    """

    dataset: str
    crop: str
    cloak: str
    models: str
    photos: str
    people: str
    probes: str
    duplicates: str
    excluded: tuple[str, ...]
    share: str
    warn: bool


@dataclass(frozen=True)
class ProtocolRow:
    """A protocol with its ``version`` and the conventions and interval methods that its rows name.

    ``details`` are its conventions in full by subject, where this version of faceprobe has the same protocol.
    """

    protocol: str
    version: str
    conventions: tuple[str, ...]
    intervals: tuple[str, ...]
    details: tuple[tuple[str, str], ...]


def data_rows(run: Run) -> list[DataRow]:
    """A row for each scene; a scene whose models were measured on different photos has a row for
    each group.
    """
    found = []
    for scene in run.scenes:
        groups: dict[tuple[Any, ...], list[str]] = {}
        cells = [c for c in run.cells if c.is_plain and (c.dataset, c.cloak, c.crop) == scene]
        for cell in cells:
            groups.setdefault(_counts(run, scene, cell), []).append(cell.model)
        for counts, models in groups.items():
            photos, people, probes, duplicates, excluded, share = counts
            found.append(
                DataRow(
                    dataset=scene[0],
                    crop=scene[2],
                    cloak=scene[1],
                    models="all models" if len(groups) == 1 else ", ".join(models),
                    photos=count(photos),
                    people=count(people),
                    probes=count(probes),
                    duplicates=count(duplicates),
                    excluded=tuple(f"{n:,} × {reason}" for reason, n in excluded),
                    share="-" if share is None else percent(share, 0.0),
                    warn=share is not None and share > LARGE_SHARE,
                )
            )
    return found


def protocol_rows(run: Run) -> list[ProtocolRow]:
    """Every protocol of the run, in order of its name."""
    found = []
    for protocol in sorted({r.protocol for r in run.rows}):
        rows = [r for r in run.rows if r.protocol == protocol]
        labels = _distinct(r.conventions for r in rows)
        versions = _distinct(f"v{r.protocol_version}" for r in rows)
        short = _distinct(r.conventions.removeprefix(f"{protocol} v{r.protocol_version}: ") for r in rows)
        intervals = _distinct(r.ci_method for r in rows)
        found.append(ProtocolRow(protocol, ", ".join(versions), short, intervals, _details(protocol, labels)))
    return found


def dataset_notes(run: Run) -> list[tuple[str, str]]:
    """(dataset, its notes and licence as the manifest holds them), for each dataset that has any."""
    found = []
    for name, facts in run.manifest.datasets.items():
        texts = [*facts.notes, *([f"licence: {facts.licence}"] if facts.licence else ())]
        if texts:
            found.append((run.short(name), " ".join(t if t.endswith(".") else f"{t}." for t in texts)))
    return found


def fact_groups(run: Run) -> list[tuple[str, list[tuple[str, str]]]]:
    """(heading, (name, text) lines) of what the manifest says of versions, hashes, seeds and the machine."""
    manifest = run.manifest
    groups = {
        "versions": manifest.versions,
        "hashes": {name: hashes for name, hashes in asdict(manifest.hashes).items() if hashes},
        "seeds": {name: seed for name, seed in asdict(manifest.seeds).items() if seed is not None},
        "machine": manifest.machine,
    }
    return [(name, _fact_lines(facts)) for name, facts in groups.items() if facts]


def timings(run: Run) -> list[tuple[str, str, str, str, str]]:
    """(model, dataset, crop, cloak and purifier, seconds) of each cell whose time is known."""
    return [
        (
            c.model,
            c.dataset,
            c.crop,
            ", ".join(t for t in (c.cloak, c.purifier) if t != "none"),
            f"{c.seconds:.1f}",
        )
        for c in run.cells
        if c.seconds is not None
    ]


def model_cards(run: Run) -> list[dict[str, str]]:
    """One line of text fields a model, "-" for what its card does not state."""
    lines = []
    for model in run.models:
        card = run.card(model)
        lines.append(
            {
                "model": model,
                "family": _text(card.get("family")),
                "pooling": _text(card.get("pooling")),
                "params": scaled(card.get("n_params")),
                "gflops": "-" if card.get("gflops") is None else f"{card['gflops']:.3g}",
                "input": _text(card.get("image_size")),
                "patch": _text(card.get("patch")),
                "dim": _text(card.get("dim")),
                "activation": _text(card.get("activation")),
                "data": _text(card.get("training_data")),
                "samples": scaled(card.get("samples_seen")),
                "weights": "published, real photos" if card.get("real") else "not published weights",
                "licence": _text(card.get("licence")),
                "notes": str(card.get("notes") or ""),
            }
        )
    return lines


def short_hash(text: str) -> str:
    """The first twelve digits of a long hex hash; other text as it is."""
    return text[:12] if re.fullmatch(r"[0-9a-f]{32,}", text) else text


def _fact_lines(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A nested object as (name, text) lines, names joined by " / "."""
    if not isinstance(value, dict):
        return [(prefix, _text(value))]
    lines: list[tuple[str, str]] = []
    for key, inner in value.items():
        lines += _fact_lines(inner, f"{prefix} / {key}" if prefix else str(key))
    return lines


def _details(protocol: str, labels: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    from faceprobe.protocols.registry import PROTOCOLS

    if protocol not in PROTOCOLS:
        return ()
    known = PROTOCOLS.get(protocol)
    if labels != (known.label,):
        return ()
    return (*known.conventions.items(), ("source", known.citation))


def _counts(run: Run, scene: Scene, cell: Cell) -> tuple[Any, ...]:
    probes = run.get(cell.model, scene, LEAVE_ONE_OUT, "rank1")
    duplicates = run.any_weighting(cell.model, scene, ALL_PAIRS, DUPLICATES_METRIC)
    share = run.any_weighting(cell.model, scene, ALL_PAIRS, SHARE_METRIC)
    return (
        cell.n_photos,
        cell.n_identities,
        probes.n if probes else None,
        duplicates.value if duplicates else None,
        tuple(sorted(cell.excluded.items())),
        share.value if share else None,
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(t for t in texts if t))


def _text(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "-"
    return short_hash(str(value))
