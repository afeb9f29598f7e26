"""``faceprobe doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceprobe.core.errors import WrongUsage
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.models.golden import GoldenCheck

EPILOG = "Example: faceprobe doctor   or   faceprobe doctor --model ViT-B-32/openai --golden clip_golden"


def command(
    model: Annotated[
        str, typer.Option("--model", help="Check this model against golden vectors, and nothing else.")
    ] = "",
    golden: Annotated[
        Path | None,
        typer.Option(
            "--golden",
            metavar="FOLDER",
            help="Photos (images/, rows.json) and their vectors (image_features.npy), texts.json and "
            "text_features.npy.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the checks as one JSON object.")] = False,
) -> None:
    """Check the installation, devices, caches and weights, and say how to fix what is broken.

    With --model and --golden: whether a model gives the vectors that it should, photo by photo and text by
    text, and which fault (activation, mean and std, resizing, colour order) explains a difference.

    Exits with 1 where something essential is broken or a vector differs. Without --model, nothing is
    downloaded.
    """
    if bool(model) != (golden is not None):
        raise WrongUsage("--model and --golden go together: --model ViT-B-32/openai --golden FOLDER")
    if golden is not None:
        _check_model(model, golden, device, offline, json)
        return
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


def _check_model(model: str, golden: Path, device: str, offline: bool, json: bool) -> None:
    from faceprobe.api.doctor import check_model
    from faceprobe.cli.show import print_json

    found = check_model(model, golden, device=device, offline=offline)
    if json:
        print_json(found.to_dict())
    else:
        print(_as_text(found))
    if not found.passed:
        raise typer.Exit(1)


def _as_text(found: GoldenCheck) -> str:
    """The cosines row by row, their least and mean, the verdict, and the likely cause."""
    lines = [f"{found.model} against golden vectors (cosine, 1 is equal)"]
    rows = [*found.images, *((f'"{text}"', cosine) for text, cosine in found.texts)]
    width = max(len(name) for name, _ in rows)
    for name, cosine in rows:
        lines.append(f"  {name:<{width}}  {cosine:.6f}{'' if 1 - cosine <= found.limit else '  differs'}")
    for what, part in (("photo", found.images), ("text", found.texts)):
        if part:
            values = [cosine for _, cosine in part]
            mean = sum(values) / len(values)
            lines.append(f"{counted(len(part), what)}: least {min(values):.6f}, mean {mean:.6f}")
    lines += [f"note: {note}" for note in found.notes]
    verdict = "passed" if found.passed else "NOT passed"
    lines.append(f"{verdict}: every cosine must be at least {1 - found.limit:.6f}")
    if found.cause:
        lines.append(f"likely cause: {found.cause}")
    return "\n".join(lines)
