"""``faceprobe models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from faceprobe.cli.show import print_json, print_table

if TYPE_CHECKING:
    from faceprobe.models.listing import Listed

EPILOG = "Example: faceprobe models ViT-B-32/openai   or   faceprobe models --kind openclip --json"

COLUMNS = (
    "model",
    "family",
    "params M",
    "GFLOPs",
    "input",
    "dim",
    "training data",
    "samples seen",
    "here",
    "MB",
    "licence",
)


def command(
    name: str = typer.Argument("", metavar="[NAME]", help="One model: its whole card."),
    kind: str = typer.Option("", "--kind", help="Only this kind: bundled, openclip, timm, ..."),
    as_json: bool = typer.Option(False, "--json", help="Print the cards as JSON."),
) -> None:
    """What models there are: size, training, licence, and whether their weights are on this machine."""
    from faceprobe.models import listing

    if name:
        one = listing.describe_model(name)
        print_json(one.to_dict()) if as_json else _print_card(one)
        return
    models, kinds = listing.list_models(kind), listing.list_kinds()
    if as_json:
        print_json({"models": [m.to_dict() for m in models], "kinds": kinds})
        return
    if models:
        print_table("Models", COLUMNS, map(_row, models), caption='"here": the weights need not be fetched.')
    shown = [k for k in kinds if not kind or k["kind"] == kind]
    print_table("How models are named", ("write", "for"), [(k["usage"], k["about"]) for k in shown])


def _row(model: Listed) -> tuple[str, ...]:
    card = model.card
    params = None if card.n_params is None else card.n_params / 1e6
    return (
        card.id,
        card.family,
        _number(params, 1),
        _number(card.gflops, 1),
        _number(card.image_size, 0),
        _number(card.dim, 0),
        card.training_data or "-",
        _samples(card.samples_seen),
        _here(model.cached),
        _number(card.download_mb, 0),
        card.licence or "-",
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
