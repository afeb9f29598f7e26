"""What the packaged quickstart's report leads with: a real CLIP on real photos, measured beforehand.

The figures are packaged data (``data/reference_celeba_clip.json``, made by the script
``docs/reference_celeba_clip.py``); all of them are in the repository under ``docs/reference/``. A report on
anything but the built-in world and the models of this package leads with its own figures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from faceprobe.data.remarks import Remark
from faceprobe.report.plots.rank_figure import rank_figure
from faceprobe.report.plots.svg import Plot
from faceprobe.report.text.sentences import Sentence, quote, say
from faceprobe.results.result import Result
from faceprobe.results.run import Run

REAL_CLIP = "real-clip"
"""Value of a study's key ``opening``."""

HEADING = "Finds the same person first, among {people} people"
SOURCE = "CelebA, {photos} photos; 95 % intervals; faceprobe {version}"

LABORATORY = "The laboratory: a world of drawn people"
LABORATORY_ABOUT = (
    "What follows was measured in this run, on drawn people and with small bundled models: a laboratory "
    "that can be rerun on any machine, without a download. Its figures do not carry over to the model above."
)


@dataclass(frozen=True)
class Opening:
    """``sentences`` on the packaged figures, the first of them the headline; ``label`` and ``note`` say where
    the figures come from, ``caution`` what they do not show; ``wide`` and
    ``narrow`` draw the figures ``rows``.
    """

    title: str
    label: str
    sentences: tuple[Sentence, ...]
    caution: str
    note: str
    wide: Plot
    narrow: Plot
    rows: tuple[Result, ...]
    laboratory: str = LABORATORY
    laboratory_about: str = LABORATORY_ABOUT


def opening_of(run: Run) -> Opening | None:
    """The opening of a report on ``run``; None unless its study asks for one and all its people are synthetic
    and all its models bundled or untrained.
    """
    if run.manifest.study.get("opening") != REAL_CLIP or not run.rows:
        return None
    own_people = any(row.evidence != "synthetic" for row in run.rows)
    own_models = any(
        not run.card(m).get("synthetic") and run.card(m).get("role") != "floor" for m in run.models
    )
    return None if own_people or own_models else real_clip()


@cache
def real_clip() -> Opening:
    """The packaged figures of a real CLIP, in words and drawn."""
    place = files("faceprobe.report").joinpath("data/reference_celeba_clip.json")
    stored = json.loads(place.read_text(encoding="utf-8"))
    run = Run(Path(), tuple(map(_row, stored["rows"])))
    models: dict[str, dict[str, Any]] = stored["models"]
    by_use = {facts["use"]: row for row in run.rows if (facts := models[row.model])["use"]}
    people, version = f"{stored['n_identities']:,}", stored["faceprobe"]
    draw = partial(
        rank_figure,
        rows=run.rows,
        roles={model: facts["role"] for model, facts in models.items()},
        about={model: facts["about"] for model, facts in models.items()},
        heading=HEADING.format(people=people),
        source=SOURCE.format(photos=f"{stored['n_photos']:,}", version=version),
    )
    return Opening(
        title=stored["title"],
        label=f"Measured with faceprobe {version}: one model, {people} people",
        sentences=_sentences(run, by_use, people),
        caution=stored["caution"],
        note=stored["note"],
        wide=draw("real-clip"),
        narrow=draw("real-clip-narrow", narrow=True),
        rows=run.rows,
    )


def _row(stored: dict[str, Any]) -> Result:
    """A row; the packaged figures leave out its conventions and hashes."""
    remarks = tuple(map(Remark.from_dict, stored["remarks"]))
    return Result(**stored | {"remarks": remarks, "conventions": "", "model_hash": "", "dataset_hash": ""})


def _sentences(run: Run, by_use: dict[str, Result], people: str) -> tuple[Sentence, ...]:
    """The figures in words; ``by_use`` holds the row of the model and those of what it is compared with."""
    model, floor, face, objects = (by_use[use] for use in ("model", "random", "faces", "objects"))
    return (
        say("real_clip", run, model=model.model, value=quote(model), people=people),
        say("real_clip_faces", run, model=face.model, value=quote(face)),
        say(
            "real_clip_others",
            run,
            objects=objects.model,
            objects_value=quote(objects),
            random=floor.model,
            floor=quote(floor),
        ),
    )
