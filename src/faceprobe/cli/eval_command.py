"""``faceprobe eval``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from faceprobe.cli import completion

EPILOG = "Example: faceprobe eval --model bundled:clip-s --dataset synthetic --crop face-only"


def command(
    model: Annotated[
        str,
        typer.Option(
            help="ARCH/TAG, bundled:NAME, ...; see 'faceprobe models'.", autocompletion=completion.models
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            help="NAME, folder:PATH, table:FILE (a file of labels), ...; see 'faceprobe datasets'.",
            autocompletion=completion.datasets,
        ),
    ],
    crop: Annotated[
        str | None,
        typer.Option(
            help="as-is, aligned-112, margin-<m>, face-only, context-only, random-mask "
            "(default: the model's).",
            autocompletion=completion.crops,
        ),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="Protocol, repeatable (default, or all: the usual ones that the data allow).",
            autocompletion=completion.protocols,
        ),
    ] = None,
    cloak: Annotated[
        str | None,
        typer.Option(
            help="A cloak (see 'faceprobe cloaks') or a variant of the dataset's own: measure what it does.",
            autocompletion=completion.cloaks,
        ),
    ] = None,
    cloak_people: Annotated[
        int, typer.Option(min=1, help="People whose photos are cloaked; everybody else's stay clean.")
    ] = 24,
    purifier: Annotated[
        str, typer.Option(help="What is done to every photo before: jpeg-75, resize-0.5, blur-1, tv-0.1, ...")
    ] = "none",
    detector: Annotated[str | None, typer.Option(help="YuNet weights on this machine.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, ...")] = "auto",
    max_excluded: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of photos that may be unusable.")
    ] = 0.1,
    offline: Annotated[bool, typer.Option("--offline", help="Use what is on this machine only.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    replicates: Annotated[
        int, typer.Option(min=0, max=100_000, help="Bootstrap replicates; 0 = no intervals.")
    ] = 1000,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results.json and report.html, as faceprobe run writes them."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace another run in --out.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every figure of a cloak, not the verdict only.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results object and nothing else.")] = False,
) -> None:
    """Measure one model on one dataset and print every metric with its interval.

    Under a cloak, the protocols compare clean photos with cloaked ones, and a verdict comes first.
    Embeddings and cloaked photos are cached by content, so the same command again encodes and cloaks
    nothing.
    """
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported

    from faceprobe.api.evaluate import evaluate
    from faceprobe.cli.cloak_verdict import verdict_lines
    from faceprobe.cli.show import print_json, print_results, print_text
    from faceprobe.core.progress import say
    from faceprobe.core.words import counted
    from faceprobe.data.left_out import left_out_lines
    from faceprobe.results.result import to_document

    results = evaluate(
        model,
        dataset,
        protocol,
        crop,
        cloak,
        cloak_people=cloak_people,
        purifier=purifier,
        detector=detector,
        device=device,
        offline=offline,
        max_excluded=max_excluded,
        seed=seed,
        replicates=replicates,
        out=out,
        force=force,
        quiet=False,
    )
    for reason, count in results.excluded.items():
        say(f"left out: {counted(count, 'photo')}, {reason}")
    for line in left_out_lines(results.left_out):
        say(f"left out: {line}")
    if json:
        print_json(to_document(results))
    else:
        verdict = list(verdict_lines(results)) if cloak and not protocol else []
        for line in verdict:
            print_text(line)
        if everything or not verdict:
            print_results(results)
        else:
            last = results[-1]
            print_text(f"{last.dataset}, evidence: {last.evidence}. All {len(results):,} figures: --all")
        if results.report is not None:
            print(f"report: {results.report}")
