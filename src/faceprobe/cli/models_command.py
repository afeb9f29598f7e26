"""``faceprobe models``."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from faceprobe.cli import completion
from faceprobe.cli.show import print_json, print_table, terminal_width
from faceprobe.core.errors import WrongUsage
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.models.listing import Listed

EPILOG = (
    "Example: faceprobe models ViT-B-32/openai   or   faceprobe models --search 'laion h-14'"
    "   or   faceprobe models --here"
)

COLUMNS = (
    "model",
    "params M",
    "input",
    "here",
    "MB",
    "training data",
    "dim",
    "GFLOPs",
    "licence",
    "samples seen",
    "family",
)
"""The columns of the list, the most important first: a narrow terminal shows the first of them."""

WORDS = ("model", "training data", "licence", "samples seen", "family")
"""Columns that are not aligned to the right."""

LONGEST_WORDS = 34
"""Longer training data are cut in the list: a model's card and --json show them whole."""

LEAST_ROOM = 28
"""Characters kept free for the columns after the name."""

TIMM_HINT = "timm's 1,800 towers are listed and searched with --kind timm."


def command(
    name: str = typer.Argument(
        "", metavar="[NAME]", help="One model: its whole card.", autocompletion=completion.models
    ),
    kind: str = typer.Option("", "--kind", help="Only this kind: bundled, openclip, timm, ..."),
    search: str = typer.Option(
        "",
        "--search",
        metavar="WORD",
        help="Only models whose name, training data or licence hold the word(s).",
    ),
    here: bool = typer.Option(False, "--here", help="Only models that need no download on this machine."),
    as_json: bool = typer.Option(False, "--json", help="Print the cards as JSON."),
) -> None:
    """What models there are: size, training, licence, and whether their weights are on this machine.

    One line a model, with as many columns as the terminal is wide; --json and a model's card show all.
    """
    from faceprobe.models import listing

    if name:
        if kind or search or here:
            raise WrongUsage(f"give {name!r} for one model's card, or --kind, --search and --here for a list")
        one = listing.describe_model(name)
        print_json(one.to_dict()) if as_json else _print_card(one)
        return
    models, kinds = listing.list_models(kind, search=search, here=here), listing.list_kinds()
    if as_json:
        print_json({"models": [m.to_dict() for m in models], "kinds": kinds})
        return
    width = terminal_width()
    print("\n".join(_list(models, width)) if models else "no such model")
    if not kind:
        print(TIMM_HINT)
    if not (search or here):
        shown = [k for k in kinds if not kind or k["kind"] == kind]
        print("\nHow models are named:", *(_usage(k["usage"], k["about"], width) for k in shown), sep="\n")


def _list(models: Sequence[Listed], width: int) -> list[str]:
    """The models as lines of at most ``width`` characters: the first of :data:`COLUMNS` that fit and are not
    empty. A name that leaves no room for other columns has a line of its own; no name is cut.
    """
    rows = [COLUMNS, *(_row(model) for model in models)]
    longest = [max(len(row[k]) for row in rows) for k in range(len(COLUMNS))]
    longest[0] = min(longest[0], max(width - LEAST_ROOM, len(COLUMNS[0])))
    kept, used = [0], longest[0]
    for k in range(1, len(COLUMNS)):
        empty = all(row[k] == "-" for row in rows[1:])
        if not empty and used + 2 + longest[k] <= width:
            kept.append(k)
            used += 2 + longest[k]
    lines = []
    for row in rows:
        cells = [row[k].ljust(longest[k]) if COLUMNS[k] in WORDS else row[k].rjust(longest[k]) for k in kept]
        if len(row[0]) > longest[0]:
            lines.append(row[0])
            cells[0] = " " * longest[0]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * used)
    return [*lines, f'\n{counted(len(models), "model")}. "here": the weights need not be fetched.']


def _usage(usage: str, about: str, width: int) -> str:
    line = f"  {usage:<34}  {about}"
    if len(line) <= width:
        return line
    return f"  {usage}\n" + textwrap.fill(about, width, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _row(model: Listed) -> tuple[str, ...]:
    card = model.card
    params = None if card.n_params is None else card.n_params / 1e6
    return (
        card.id,
        _number(params, 1),
        _number(card.image_size, 0),
        _here(model.cached),
        _number(card.download_mb or None, 0),
        textwrap.shorten(card.training_data, LONGEST_WORDS, placeholder=" …") or "-",
        _number(card.dim, 0),
        _number(card.gflops, 1),
        card.licence or "-",
        _samples(card.samples_seen),
        card.family,
    )


def _print_card(model: Listed) -> None:
    shown: dict[str, Any] = {"kind": model.kind, **model.card.to_dict(), "here": _here(model.cached)}
    shown.update(shown.pop("extra"))
    shown["samples_seen"] = _samples(model.card.samples_seen)
    title = shown.pop("id")
    print_table(title, ("", ""), [(k.replace("_", " "), _text(v)) for k, v in shown.items()])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value >= 10_000:
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return "-" if value in (None, "") else str(value)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _samples(value: float | None) -> str:
    """12.8e9 as "12.8 B": the field counts training samples in billions."""
    if value is None:
        return "-"
    return f"{value / 1e9:.3g} B" if value >= 1e9 else f"{value / 1e6:.3g} M" if value else "0"


def _here(cached: bool | None) -> str:
    return "-" if cached is None else "yes" if cached else "no"
