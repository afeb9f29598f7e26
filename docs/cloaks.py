"""Fills the tables of ``docs/cloaks.md`` by running what they show.

    python docs/cloaks.py RUN [PHOTOS RECOGNISER]

RUN is the folder of ``faceprobe run cloaks``. PHOTOS is a folder of photos, all of which are cloaked; the
surrogates are a bundled model and RECOGNISER, an ONNX face recogniser of 112 px; without them the table of
real photos stays as it is. YuNet's weights come from ``FACEPROBE_DETECTOR``.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

from tables import fill

from faceprobe.cloaks.listing import list_cloaks, list_purifiers
from faceprobe.cloaks.photos.folder import FolderRun, cloak_folder
from faceprobe.report.cloaks.scene import ADDED, POISONING, cloak_scenes
from faceprobe.report.cloaks.verdict import points_of, verdicts
from faceprobe.results.result import Result
from faceprobe.results.run import read_run

PAGE = Path(__file__).parent / "cloaks.md"
STEMS = ("fawkes-1.0.2-mid", "lowkey")
OPTIONS = "?size=112&mean=127.5&scale=128&color=rgb&flip=sum"
SHOWN = ("psnr", "ssim", "dssim", "delta_e", "dssim_crop_max", "cosine")


def main() -> None:
    run, *real = (Path(a) for a in sys.argv[1:])
    filled = {
        "cloaks": cloak_table(),
        "purifiers": table(["purifier", "what it does"], [[p["name"], p["about"]] for p in list_purifiers()]),
        "study": study_table(run),
    }
    if real:
        filled["measured"] = measured_table(*real)
    fill(PAGE, filled)


def cloak_table() -> str:
    rows = []
    for cloak in list_cloaks():
        constants = ", ".join(f"{k} {_number(v)}" for k, v in cloak.card.constants.items())
        rows.append([f"`{cloak.stem}`", cloak.card.about, constants or "-"])
    return table(["name", "what it does", "constants"], rows)


def study_table(run: Path) -> str:
    """Each cloak on the best recogniser that it was not computed on, as the report judges it."""
    (scene,) = cloak_scenes(read_run(run))
    rows = []
    for v in verdicts(scene):
        noise = next((c for c in scene.cloaks if c.noise_for == v.cloak.id), None)
        beside = noise and scene.row(v.victim, noise, POISONING, ADDED)
        left = v.purified
        seen = v.adaptive[0] if v.adaptive else None
        dssim = scene.quality(v.cloak, "dssim")
        rows.append(
            [
                f"`{v.cloak.id}`",
                f"`{v.victim}`",
                _points(v.added),
                _points(beside or None),
                f"{_points(left[1])} ({left[0]})" if left else "-",
                _points(seen),
                f"{dssim.value:.4f}" if dssim and dssim.value is not None else "-",
            ]
        )
    head = ["cloak", "judged on", "adds, points", "noise at equal PSNR adds", "after the hardest purifier"]
    return table([*head, "adaptive collector", "DSSIM"], rows)


def measured_table(photos: Path, recogniser: Path) -> str:
    """Both surrogates, Fawkes and LowKey on each, and noise at the PSNR of each."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for surrogate, stem in product((f"(onnx:{recogniser}{OPTIONS})", "bundled:face"), STEMS):
            for name in (f"{stem}[{surrogate}]", f"noise[{stem}[{surrogate}]]"):
                rows.append(measured_row(cloak_folder(photos, Path(place) / str(len(rows)), name)))
    head = ["cloak", "changed", "PSNR, dB", "SSIM", "DSSIM", "colour difference of the face"]
    tail = ["DSSIM of the face crop (highest)", "cosine to clean", "seconds a photo"]
    return table([*head, *tail], rows)


def measured_row(done: FolderRun) -> list[str]:
    summary = done.document["summary"]
    measures = summary["measures"]
    digits = {"psnr": 1, "delta_e": 1}
    means = [f"{measures[m]['mean']:.{digits.get(m, 4)}f}" if m in measures else "-" for m in SHOWN]
    if "dssim_crop_max" in measures:
        means[SHOWN.index("dssim_crop_max")] += f" ({measures['dssim_crop_max']['worst']:.4f})"
    changed = f"{summary['changed']} of {summary['photos']}"
    return [
        f"`{done.document['cloak']['id']}`",
        changed,
        *means,
        f"{done.manifest['seconds_a_photo']:.2f}",
    ]


def table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def _points(row: Result | None) -> str:
    return "-" if row is None else points_of(row).replace(" points", "")


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
