"""``faceprobe protocols``."""

from __future__ import annotations

from typing import Annotated

import typer

EPILOG = "Example: faceprobe protocols --json"


def command(
    json: Annotated[bool, typer.Option("--json", help="Print one object and nothing else.")] = False,
) -> None:
    """List the protocols with their version, what they need and the conventions they fix."""
    from faceprobe.cli.show import print_json, print_table
    from faceprobe.protocols import PROTOCOLS

    protocols = [PROTOCOLS.get(name) for name in PROTOCOLS]
    if json:
        print_json({"protocols": [p.to_dict() for p in protocols]})
        return
    rows = [(p.name, str(p.version), ", ".join(p.needs), p.short) for p in protocols]
    print_table("Protocols", ("protocol", "version", "needs", "conventions"), rows)
