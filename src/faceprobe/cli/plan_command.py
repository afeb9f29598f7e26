"""``faceprobe plan``."""

from __future__ import annotations

from typing import Annotated

import typer

EPILOG = "Example: faceprobe plan --fmr 1e-4 --half-width 0.02 --expect 0.9   or   faceprobe plan --rank1"

PHOTOS = (2, 4, 8)


def command(
    fmr: Annotated[
        list[float] | None, typer.Option("--fmr", help="Plan TMR at this FMR, as in 1e-4; repeatable.")
    ] = None,
    rank1: Annotated[bool, typer.Option("--rank1", help="Plan rank-1 accuracy.")] = False,
    half_width: Annotated[
        float, typer.Option("--half-width", help="Half of the 95 % interval that is wanted, as in 0.02.")
    ] = 0.02,
    expect: Annotated[float, typer.Option("--expect", help="The figure's expected value.")] = 0.9,
    photos: Annotated[
        list[int] | None, typer.Option("--photos", help="Photos a person; repeatable (default: 2, 4, 8).")
    ] = None,
    people: Annotated[
        int | None, typer.Option("--people", help="Say instead what this many people give.")
    ] = None,
    correlation: Annotated[
        float, typer.Option("--correlation", help="Correlation of one person's comparisons, 0 to 1.")
    ] = 0.3,
    spread: Annotated[
        float, typer.Option("--spread", help="How much people differ in false matches: sd / mean.")
    ] = 1.6,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plans as JSON.")] = False,
) -> None:
    """How many people and photos a figure needs for a 95 % interval of a given width.

    Figures weigh people equally. The defaults of --correlation and --spread are those of a small face
    recogniser on LFW; a model that confuses some people far more than others needs more.
    """
    from faceprobe.api.plan import plan as plan_of
    from faceprobe.cli.show import print_json, print_table, print_text
    from faceprobe.core.errors import WrongUsage

    if not fmr and not rank1:
        raise WrongUsage("say which figure to plan: --fmr 1e-4 (repeatable), --rank1, or both")

    asked = [*(fmr or ()), *([None] if rank1 else ())]
    plans = [
        plan_of(
            rate,
            half_width=half_width,
            expect=expect,
            photos=each,
            people=people,
            correlation=correlation,
            spread=spread,
        )
        for rate in asked
        for each in photos or PHOTOS
    ]
    if as_json:
        print_json({"plans": [plan.to_dict() for plan in plans]})
        return
    rows = [
        (
            "rank-1" if plan.fmr is None else f"TMR at FMR {plan.fmr:g}",
            f"{plan.expect:g} +- {plan.half_width:.3f}",
            f"{plan.people:,}",
            f"{plan.photos_each}",
            f"{plan.photos:,}",
            "-" if plan.false_matches is None else f"{plan.false_matches:,.0f}",
            plan.limit,
        )
        for plan in plans
    ]
    columns = ("figure", "interval", "people", "each", "photos", "false matches", "limit")
    print_table("What the figures need" if people is None else f"What {people:,} people give", columns, rows)
    print_text(
        "An interval of the measured data may differ: it rests on how much their photos and people vary."
    )
