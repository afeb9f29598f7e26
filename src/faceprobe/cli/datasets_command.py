"""``faceprobe datasets``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from faceprobe.cli import completion
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.words import counted

EPILOG = (
    "Example: faceprobe datasets lfw, or "
    "faceprobe datasets 'synthetic?people=20&photos=4' --export world, or "
    "faceprobe datasets cfp-fp:cfp-dataset --export cfp_fp.bin --format insightface-bin"
)
FORMATS = ("folder", "insightface-bin")


def command(
    dataset: str = typer.Argument(
        "",
        help="One dataset: its whole card; or what is to be exported: synthetic?people=20, lfw:PATH, ...",
        autocompletion=completion.datasets,
    ),
    export: Path | None = typer.Option(
        None, "--export", help="Write it to this new folder, or file with --format insightface-bin."
    ),
    form: str = typer.Option(
        "",
        "--format",
        help="folder (the default): the built-in world with all that is known of it; insightface-bin: "
        "a dataset's pairs in one file.",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the datasets: how to name each, consent basis, terms and origin; or show one.

    With --export, write one instead. As a folder, the built-in world: photos, face masks, and truth.parquet
    with identity, name, event, group, caption, attributes, landmarks and box of each. As insightface-bin, the
    pair list of any dataset that has one, with its photos as they are.
    """
    if export is not None or form:
        _export(dataset, export, form or FORMATS[0], as_json)
        return
    from faceprobe.cli.show import print_card, print_json, print_table
    from faceprobe.datasets import list_datasets

    rows = list_datasets()
    if dataset:
        card = dataset_card(dataset, rows)
        print_json(card) if as_json else print_card(str(card.pop("name")), card)
        return
    if as_json:
        print_json({"datasets": rows})
        return

    def line(row: dict[str, object]) -> tuple[str, ...]:
        size = f"{row['download_mb']:,.0f} MB" if row["download_mb"] else str(row["source"]) or "-"
        size = "cached" if row["download_mb"] and row["cached"] else size
        terms = f"{row['licence']}" + ("; non-commercial" if row["non_commercial"] else "")
        return (str(row["name"]), str(row["use"]), str(row["status"]), size, terms, str(row["consent"]))

    print_table(
        "Datasets",
        ("name", "use", "status", "download", "terms", "consent"),
        map(line, rows),
        caption="An address is where to get a set by hand. Standing and terms change: check with the source "
        "before use. See RESPONSIBLE_USE.md.",
    )


def dataset_card(text: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of the dataset that ``text`` names, with or without path and options.

    Raises :class:`UnknownName` for no such dataset.
    """
    from faceprobe.core.names import parse_name

    kind = parse_name(text, bare_kind=None).kind
    found = {str(row["name"]): row for row in rows}
    if kind not in found:
        raise UnknownName("dataset", kind, found)
    return dict(found[kind])


def _export(dataset: str, out: Path | None, form: str, as_json: bool) -> None:
    if form not in FORMATS:
        raise WrongUsage(f"--format is {' or '.join(FORMATS)}, not {form!r}")
    if form == "insightface-bin":
        _export_bin(dataset, out, as_json)
    else:
        _export_world(dataset or "synthetic", out, as_json)


def _export_world(world: str, out: Path | None, as_json: bool) -> None:
    from faceprobe.cli.show import print_json
    from faceprobe.datasets.synthetic.export import export_world

    if world.partition("?")[0] != "synthetic":
        raise WrongUsage(
            f"{world!r} cannot be exported as a folder: only the built-in world can (synthetic?people=20); "
            "pair lists can with --format insightface-bin"
        )
    if out is None:
        raise WrongUsage("say where to draw the built-in world: --export FOLDER")
    photos = export_world(world, out)
    if as_json:
        print_json({"photos": photos, "truth": "truth.parquet"})
    else:
        typer.echo(f"{counted(photos, 'photo')}, their masks and truth.parquet are in {out}")


def _export_bin(dataset: str, out: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from faceprobe.cli.show import print_json
    from faceprobe.core.progress import say
    from faceprobe.datasets import load_dataset
    from faceprobe.datasets.insightface_export import export_bin

    if not dataset:
        raise WrongUsage("say which dataset's pairs to export, as in lfw:PATH")
    if out is None or out.suffix != ".bin":
        raise WrongUsage("say which file to write, with the ending .bin: --export FILE.bin")
    written = export_bin(load_dataset(dataset), out)
    if not written.folds_kept:
        say("the list's folds are not ten of equal size: readers of the file will cut other ones")
    if as_json:
        print_json(asdict(written))
    else:
        typer.echo(f"{counted(written.pairs, 'pair')} of {counted(written.photos, 'photo')} are in {out}")
