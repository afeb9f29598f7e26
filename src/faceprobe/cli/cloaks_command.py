"""``faceprobe cloaks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from faceprobe.cli import completion
from faceprobe.cli.show import print_json, print_table, print_text

if TYPE_CHECKING:
    from faceprobe.cloaks.listing import ListedCloak

EPILOG = "Example: faceprobe cloaks   or   faceprobe cloaks lowkey --json"

COLUMNS = ("cloak", "what it does", "surrogate", "perceptual", "scope", "here")


def command(
    name: str = typer.Argument(
        "",
        metavar="[NAME]",
        help="One cloak or purifier: all that is known of it.",
        autocompletion=completion.cloaks,
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the cards as JSON."),
) -> None:
    """What cloaks, controls and purifiers there are, with their constants and what they need."""
    from faceprobe.cloaks import listing
    from faceprobe.cloaks.base import LIMITS

    if name:
        one = listing.describe(name)
        card = one if isinstance(one, dict) else one.to_dict()
        print_json(card) if as_json else _print_card(card)
        return
    cloaks, purifiers = listing.list_cloaks(), listing.list_purifiers()
    if as_json:
        print_json({"cloaks": [c.to_dict() for c in cloaks], "purifiers": purifiers, "limits": LIMITS})
        return
    for title, control in (("Cloaks", False), ("Controls: what any pipeline does by accident", True)):
        print_table(title, COLUMNS, [_row(c) for c in cloaks if c.card.control == control])
    rows = [(p["name"], p["about"]) for p in purifiers]
    print_table(
        "Purifiers: what a collector does to every photo (run --purifier)", ("purifier", "what it does"), rows
    )
    print_text("Write NAME[SURROGATE+SURROGATE;PERCEPTUAL], as in lowkey[bundled:face+bundled:clip-m;dssim].")
    print_text(f"Limits: {LIMITS}.")


def _row(cloak: ListedCloak) -> tuple[str, ...]:
    return (
        cloak.stem,
        cloak.card.about,
        " + ".join(cloak.surrogates) or "-",
        cloak.perceptual or "-",
        cloak.card.scope,
        "no: " + ", ".join(cloak.missing) if cloak.missing else "yes",
    )


def _print_card(card: dict[str, Any]) -> None:
    rows = [
        (key.replace("_", " "), _text(value)) for key, value in card.items() if key not in ("name", "missing")
    ]
    print_table(card["name"], ("", ""), rows)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "-"
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or "-"
    return str(value) or "-"
