"""``faceprobe score``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from faceprobe.cli import completion

EPILOG = "Example: faceprobe score embeddings.npy samples.csv --pairs pairs.txt --json"


class NormaliseChoice(StrEnum):
    """How scores are normalised with a cohort."""

    Z = "z"
    T = "t"
    S = "s"
    AS = "as"


class EvidenceChoice(StrEnum):
    """What the vectors were measured on."""

    SYNTHETIC = "synthetic"
    REAL_PHOTOS = "real-photos"
    REAL_MODEL = "real-model"


def command(
    embeddings: Annotated[
        Path,
        typer.Argument(
            metavar="EMB",
            help="Vectors: .npy, .npz, .safetensors, .pt or parquet, or the folder of an embedding store.",
        ),
    ],
    labels: Annotated[
        Path | None,
        typer.Argument(
            metavar="LABELS",
            help="CSV, TSV, parquet or JSONL: path, identity, maybe event, group, sha256. "
            "A store brings its own.",
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="LFW View 2 pair list (pairs.txt), for lfw/official.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Name of the array or column of vectors, where EMB holds several.")
    ] = None,
    path_column: Annotated[
        str | None, typer.Option(help="Column of LABELS that names the photo (default: path, image, ...).")
    ] = None,
    identity_column: Annotated[
        str | None, typer.Option(help="Column of LABELS that names the person (default: identity).")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="Protocol, repeatable (default, or all: the usual ones that the input allows).",
            autocompletion=completion.protocols,
        ),
    ] = None,
    normalise: Annotated[
        NormaliseChoice | None,
        typer.Option(help="Also verify with normalised scores: Z-, T-, S- or adaptive S-norm."),
    ] = None,
    cohort: Annotated[
        Path | None, typer.Option(metavar="EMB2", help="Vectors of other people, for --normalise.")
    ] = None,
    cohort_labels: Annotated[
        Path | None,
        typer.Option(metavar="LABELS2", help="Who they are: path, identity (checked to be others)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    replicates: Annotated[
        int, typer.Option(min=0, max=100_000, help="Bootstrap replicates; 0 = no intervals.")
    ] = 1000,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Score duplicate photos with each other too.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads that compare and search photos (default: all cores).")
    ] = None,
    max_memory: Annotated[
        str | None, typer.Option(help="Memory beyond the vectors, such as 800MB or 2GB.")
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="First pass in 8 bits: quicker in large sets, wider brackets (needs torch).",
        ),
    ] = False,
    evidence: Annotated[
        EvidenceChoice | None,
        typer.Option(help="What the vectors were measured on (default: the store's own, else real-photos)."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the results object to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results object and nothing else.")] = False,
) -> None:
    """Exact biometric metrics over vectors that are already there; no model is needed.

    Row k of EMB belongs to row k of LABELS, as in the img_emb/ and metadata/ of faceprobe embed. Rows
    with equal sha256, or where it is not known with equal vectors, are taken for duplicates. With the columns
    variant (clean, or a cloak's name) and source_image (the clean photo's path) cloaks are measured too.
    """
    from faceprobe.api.score import score
    from faceprobe.cli.show import print_json, print_results
    from faceprobe.core.files import check_new_file, write_json
    from faceprobe.core.progress import say
    from faceprobe.core.words import counted
    from faceprobe.results.result import to_document

    if out is not None:
        check_new_file(out)
    results = score(
        embeddings,
        labels,
        protocol,
        pairs,
        key=key,
        path_column=path_column,
        identity_column=identity_column,
        evidence=None if evidence is None else evidence.value,
        normalise=None if normalise is None else normalise.value,
        cohort=cohort,
        cohort_labels=cohort_labels,
        seed=seed,
        replicates=replicates,
        keep_duplicates=keep_duplicates,
        threads=threads,
        max_memory=max_memory,
        int8=int8,
        quiet=False,
    )
    for reason, count in results.excluded.items():
        say(f"left out: {counted(count, 'photo')}, {reason}")
    if out is not None:
        write_json(out, to_document(results))
    if json:
        print_json(to_document(results))
    else:
        print_results(results)
