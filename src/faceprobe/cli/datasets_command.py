"""``faceprobe datasets``."""

from __future__ import annotations

from pathlib import Path

import typer

from faceprobe.core.errors import WrongUsage

EPILOG = "Example: faceprobe datasets 'synthetic?people=20&photos=4' --export world"


def command(
    world: str = typer.Argument("", help="The built-in world, as it is to be exported: synthetic?people=20"),
    export: Path | None = typer.Option(
        None, "--export", help="Draw the photos into this new folder, with all that is known about them."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the datasets: how to name each, its standing, consent basis, terms and download size.

    With --export, write the built-in world to disk instead: photos, face masks, and truth.parquet with
    identity, name, event, group, caption, attributes, landmarks and box of each.
    """
    if world or export is not None:
        _export(world or "synthetic", export, as_json)
        return
    from faceprobe.cli.show import print_json, print_table
    from faceprobe.datasets.info import list_datasets

    rows = list_datasets()
    if as_json:
        print_json({"datasets": rows})
        return

    def line(row: dict[str, object]) -> tuple[str, ...]:
        size = f"{row['download_mb']:,.0f} MB" if row["download_mb"] else "-"
        size = "cached" if row["download_mb"] and row["cached"] else size
        terms = f"{row['licence']}" + ("; non-commercial" if row["non_commercial"] else "")
        return (str(row["name"]), str(row["use"]), str(row["status"]), size, terms, str(row["consent"]))

    print_table(
        "Datasets",
        ("name", "use", "status", "download", "terms", "consent"),
        map(line, rows),
        caption="Standing and terms change: check with the source before use. See RESPONSIBLE_USE.md.",
    )


def _export(world: str, out: Path | None, as_json: bool) -> None:
    from faceprobe.cli.show import print_json
    from faceprobe.datasets.synthetic.export import export_world

    if world.partition("?")[0] != "synthetic":
        raise WrongUsage(f"{world!r} cannot be exported: only the built-in world can (synthetic?people=20)")
    if out is None:
        raise WrongUsage("say where to draw the built-in world: --export FOLDER")
    photos = export_world(world, out)
    if as_json:
        print_json({"photos": photos, "truth": "truth.parquet"})
    else:
        typer.echo(f"{photos:,} photos, their masks and truth.parquet are in {out}")
