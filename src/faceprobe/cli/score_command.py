"""``faceprobe score``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from faceprobe.core.result import Result

EPILOG = "Example: faceprobe score embeddings.npy samples.csv --pairs pairs.txt --json"


class EvidenceChoice(StrEnum):
    """What the vectors were measured on."""

    SYNTHETIC = "synthetic"
    REAL_PHOTOS = "real-photos"
    REAL_MODEL = "real-model"


def command(
    embeddings: Annotated[Path, typer.Argument(metavar="EMB", help="Matrix of vectors, a .npy file.")],
    labels: Annotated[
        Path, typer.Argument(metavar="LABELS", help="CSV or parquet with path, identity and maybe event.")
    ],
    pairs: Annotated[
        Path | None, typer.Option(help="LFW View 2 pair list (pairs.txt), for lfw/official.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Protocol, repeatable [default: all that the input allows]."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    replicates: Annotated[int, typer.Option(min=0, help="Bootstrap replicates; 0 = no intervals.")] = 1000,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Score duplicate photos with each other too.")
    ] = False,
    evidence: Annotated[
        EvidenceChoice, typer.Option(help="What the vectors were measured on.")
    ] = EvidenceChoice.REAL_PHOTOS,
    out: Annotated[Path | None, typer.Option(help="Also write the results object to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results object and nothing else.")] = False,
) -> None:
    """Exact biometric metrics over vectors that are already there; no model is needed.

    Row k of EMB belongs to row k of LABELS. Rows with equal vectors are taken for duplicates.
    """
    from faceprobe.cli.show import print_json
    from faceprobe.core.files import sha256_file, write_json
    from faceprobe.core.result import attach, to_document
    from faceprobe.protocols import PROTOCOLS, evaluate
    from faceprobe.protocols.vector_files import read_labelled

    for name in protocol or []:
        PROTOCOLS.get(name)
    data = read_labelled(embeddings, labels, pairs)
    outcome = evaluate(
        data, protocol, seed=seed, replicates=replicates, keep_duplicates=keep_duplicates, quiet=False
    )
    rows = attach(
        outcome.metrics,
        model=f"vectors:{embeddings.stem}",
        dataset=labels.stem,
        crop="as-is",
        evidence=evidence.value,
        model_hash=sha256_file(embeddings),
        dataset_hash=sha256_file(labels),
    )
    if out is not None:
        write_json(out, to_document(rows))
    if json:
        print_json(to_document(rows))
    else:
        _print(rows)


def _print(rows: Sequence[Result]) -> None:
    """A table a protocol, people (the headline) before pairs, and the cautions below it."""
    from faceprobe.cli.show import format_value, print_table
    from faceprobe.protocols import PROTOCOLS

    def cell(row: Result | None) -> str:
        if row is None:
            return ""
        value = format_value(row.value, row.metric)
        if row.ci_low is None or row.ci_high is None:
            return value
        return f"{value} [{format_value(row.ci_low, row.metric)}, {format_value(row.ci_high, row.metric)}]"

    for protocol in dict.fromkeys(r.protocol for r in rows):
        own = [r for r in rows if r.protocol == protocol]
        lines = []
        for metric in dict.fromkeys(r.metric for r in own):
            by = {r.weighting: r for r in own if r.metric == metric}
            first = next(iter(by.values()))
            pair = by.get("pair", by.get("none"))
            notes = dict.fromkeys(part for r in by.values() for part in r.note.split("; "))
            note = "; ".join(part for part in notes if not part.startswith("bracket"))
            lines.append((metric, cell(by.get("identity")), cell(pair), f"{first.n:,}", note))
        columns = ("metric", "by people [95 %]", "by pairs [95 %]", "n", "caution")
        print_table(f"{protocol}: {PROTOCOLS.get(protocol).title}", columns, lines)
    first = rows[0]
    typer.echo(
        f"{first.model} on {first.dataset}. Evidence: {first.evidence}. By people: everybody weighs equally."
    )
