"""``faceprobe run``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from faceprobe.cli import completion

EPILOG = "Example: faceprobe run quickstart --out runs/quickstart"


def command(
    study: Annotated[
        str, typer.Argument(help="A packaged study or a YAML file.", autocompletion=completion.studies)
    ] = "quickstart",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run, gone on with if it is there (default: runs/STUDY)."),
    ] = None,
    list_studies: Annotated[bool, typer.Option("--list", help="List the packaged studies.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model in place of the study's own, repeatable.", autocompletion=completion.models),
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Dataset in place of the study's own, repeatable.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Start again in a folder that is in use, replacing its run.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps, ...")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Use what is on this machine only.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed in place of the study's own.")] = None,
    detector: Annotated[str | None, typer.Option(help="YuNet weights on this machine.")] = None,
    show_photos: Annotated[
        bool, typer.Option("--show-photos", help="Put the photos of failure pairs into the report.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results object and nothing else.")] = False,
) -> None:
    """Run a study: results with intervals, a report and figures in one folder.

    An interrupted run goes on where it stopped and ends with the same results. Paths in a study
    file are relative to the working folder.
    """
    if list_studies:
        _list(json)
        return

    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub when it is imported

    from faceprobe.api.study import run_study
    from faceprobe.cli.show import print_cloaks, print_json, print_opening, print_table
    from faceprobe.report import summary_table
    from faceprobe.results.result import to_document
    from faceprobe.results.run import read_run

    results = run_study(
        study,
        out,
        force=force,
        device=device,
        offline=offline,
        show_photos=show_photos,
        seed=seed,
        detector=detector,
        models=model,
        datasets=dataset,
    )
    if json:
        print_json(to_document(results))
        return
    folder = None if results.report is None else results.report.parent
    measured = None if folder is None else read_run(folder)
    if measured is not None:
        print_opening(measured)
    table = summary_table(results, measured)
    if table.rows:
        title = "Weighted by people, with 95 % intervals"
        print_table(title, table.columns, table.rows, caption=table.caption)
    print_cloaks(results)
    print(f"report: {results.report}")
    if sys.stdout.isatty() and results.report is not None:
        print(results.report.resolve().as_uri())


def _list(json: bool) -> None:
    from faceprobe.cli.show import print_json, print_table
    from faceprobe.study.packaged import packaged_studies, resolve_study

    studies = {name: resolve_study(name)[1] for name in packaged_studies()}
    if json:
        print_json({name: study.model_dump() for name, study in studies.items()})
        return
    rows = [
        (name, study.title, f"{len(study.models)}", ", ".join(study.datasets), study.description)
        for name, study in studies.items()
    ]
    print_table("Packaged studies", ("name", "title", "models", "datasets", "description"), rows)
