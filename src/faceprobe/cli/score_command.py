"""``faceprobe score``."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

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
    embeddings: Annotated[Path, typer.Argument(metavar="EMB", help="Matrix of vectors, a .npy file.")],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            help="CSV or parquet: path, identity, maybe event, group, sha256.",
        ),
    ],
    pairs: Annotated[
        Path | None, typer.Option(help="LFW View 2 pair list (pairs.txt), for lfw/official.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Protocol, repeatable (default, or all: the usual ones that the input allows)."),
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
    from faceprobe.cli.show import print_json, print_results
    from faceprobe.core.errors import BadInput
    from faceprobe.core.files import parse_bytes, sha256_file, write_json
    from faceprobe.data.vector_files import read_cohort, read_labelled
    from faceprobe.protocols import PROTOCOLS, evaluate
    from faceprobe.results.result import attach, to_document

    if protocol == ["all"]:  # the default, spelled as in ``faceprobe eval``
        protocol = None
    for name in protocol or []:
        PROTOCOLS.get(name)
    check_cohort_options(normalise, cohort, cohort_labels)
    if out is not None and out.is_dir():
        raise BadInput(f"cannot write {out}: it is a folder; give the name of a file")
    data = read_labelled(embeddings, labels, pairs)
    if cohort is not None:
        data = replace(data, cohort=read_cohort(cohort, cohort_labels))
    manifest = _manifest_of(embeddings, finished=evidence is None)
    evidence = evidence or _evidence_of(manifest)
    data = replace(data, identities_known=bool(manifest.get("identities_known", True)))
    outcome = evaluate(
        data,
        protocol,
        seed=seed,
        replicates=replicates,
        keep_duplicates=keep_duplicates,
        quiet=False,
        threads=threads,
        max_memory=None if max_memory is None else parse_bytes(max_memory),
        int8=int8,
        normalise=None if normalise is None else normalise.value,
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
        print_results(rows)


def check_cohort_options(
    normalise: NormaliseChoice | None, cohort: Path | None, cohort_labels: Path | None
) -> None:
    """:class:`WrongUsage` where one of the options that belong together is missing."""
    from faceprobe.core.errors import WrongUsage

    if normalise is not None and cohort is None:
        raise WrongUsage("--normalise needs --cohort, vectors of people who are not among EMB")
    if cohort is not None and normalise is None:
        raise WrongUsage("--cohort is for --normalise; give that too: z, t, s or as")
    if cohort is None and cohort_labels is not None:
        raise WrongUsage("--cohort-labels says who is in --cohort; give that too")


def _manifest_of(embeddings: Path, finished: bool) -> dict[str, Any]:
    """The manifest of the store that ``embeddings`` is a part of; {} where there is no store of ours.

    With ``finished``, a store that is still being written is an error.
    """
    if embeddings.absolute().parent.name != "img_emb":
        return {}
    from faceprobe.core.files import read_json
    from faceprobe.embedding.store import FORMAT, MANIFEST, EmbeddingStore

    folder = embeddings.absolute().parent.parent
    if not (folder / MANIFEST).is_file():
        return {}
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return {}  # some other tool's
    return dict(EmbeddingStore.open(folder).manifest) if finished else manifest


def _evidence_of(manifest: dict[str, Any]) -> EvidenceChoice:
    """What a store says of its photos; real photos where it says nothing."""
    from faceprobe.core.errors import BadInput

    found = manifest.get("evidence", EvidenceChoice.REAL_PHOTOS)
    if found not in list(EvidenceChoice):
        raise BadInput(f"the store's manifest names the evidence {found!r}, which is none; give --evidence")
    return EvidenceChoice(found)
