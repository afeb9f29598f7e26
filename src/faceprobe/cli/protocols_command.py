"""``faceprobe protocols``."""

from __future__ import annotations

from typing import Annotated

import typer

from faceprobe.cli import completion

EPILOG = "Example: faceprobe protocols   or   faceprobe protocols lfw/official"


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="One protocol: its whole card.", autocompletion=completion.protocols
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one object and nothing else.")] = False,
) -> None:
    """List the protocols with their version, what they need and the conventions they fix; or show one."""
    from faceprobe.cli.show import print_card, print_json, print_table
    from faceprobe.protocols import PROTOCOLS

    if name:
        card = PROTOCOLS.get(name).to_dict()
        print_json(card) if json else print_card(card.pop("name"), card)
        return
    protocols = [PROTOCOLS.get(name) for name in PROTOCOLS]
    if json:
        print_json({"protocols": [p.to_dict() for p in protocols]})
        return
    rows = [(p.name, str(p.version), ", ".join(p.needs), p.short) for p in protocols]
    print_table("Protocols", ("protocol", "version", "needs", "conventions"), rows)
