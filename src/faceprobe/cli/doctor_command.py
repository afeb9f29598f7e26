"""``faceprobe doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

EPILOG = "Example: faceprobe doctor --json"


def command(
    json: Annotated[bool, typer.Option("--json", help="Print the checks as one JSON object.")] = False,
) -> None:
    """Check the installation, devices, caches and weights, and say how to fix what is broken.

    Exits with 1 where something essential is broken. Nothing is downloaded.
    """
    from faceprobe import __version__
    from faceprobe.api.doctor import examine
    from faceprobe.cli.show import print_json, print_table

    checks = examine()
    broken = sum(check.status == "broken" for check in checks)
    if json:
        print_json({"faceprobe": __version__, "broken": broken, "checks": [c.to_dict() for c in checks]})
    else:
        rows = [(c.area, c.name, c.status, c.detail + (f"; {c.fix}" if c.fix else "")) for c in checks]
        print_table(f"faceprobe {__version__}", ("area", "what", "status", "found"), rows)
    if broken:
        raise typer.Exit(1)
