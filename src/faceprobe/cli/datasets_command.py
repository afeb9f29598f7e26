"""``faceprobe datasets``."""

from __future__ import annotations

import typer

EPILOG = "Example: faceprobe datasets --json"


def command(
    as_json: bool = typer.Option(False, "--json", help="Print the list as JSON."),
) -> None:
    """List the datasets: how to name each, its standing, consent basis, terms and download size."""
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
