"""Fills the tables of ``docs/cloaks.md`` by running what they show.

    python docs/cloaks.py PHOTOS RECOGNISER

PHOTOS is a folder of photos, of each of whose first three subfolders the first is taken; RECOGNISER an ONNX
face recogniser of 112 px, the surrogate. YuNet's weights come from ``FACEPROBE_DETECTOR``.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from faceprobe.cloaks.folder import FolderRun, cloak_folder
from faceprobe.cloaks.listing import list_cloaks, list_purifiers

PAGE = Path(__file__).parent / "cloaks.md"
OPTIONS = "?size=112&mean=127.5&scale=128&color=rgb&flip=sum"
PEOPLE = 3
SHOWN = ("psnr", "ssim", "dssim", "dssim_crop_max", "cosine")


def main() -> None:
    photos, recogniser = (Path(a) for a in sys.argv[1:3])
    text = PAGE.read_text(encoding="utf-8")
    for name, lines in {
        "cloaks": cloak_table(),
        "purifiers": table(["purifier", "what it does"], [[p["name"], p["about"]] for p in list_purifiers()]),
        "measured": measured_table(photos, recogniser),
    }.items():
        pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
        text, found = re.subn(pattern, lambda m, t=lines: m[1] + t + m[2], text, flags=re.S)
        if found != 1:
            raise SystemExit(f"{PAGE} has {found} places for {name}")
    PAGE.write_text(text, encoding="utf-8")


def cloak_table() -> str:
    rows = []
    for cloak in list_cloaks():
        constants = ", ".join(f"{k} {_number(v)}" for k, v in cloak.card.constants.items())
        rows.append([f"`{cloak.stem}`", cloak.card.about, constants or "-"])
    return table(["name", "what it does", "constants"], rows)


def measured_table(photos: Path, recogniser: Path) -> str:
    surrogate = f"(onnx:{recogniser}{OPTIONS})"
    rows = []
    with tempfile.TemporaryDirectory() as place:
        chosen = Path(place) / "photos"
        for folder in sorted(p for p in photos.iterdir() if p.is_dir())[:PEOPLE]:
            first = min(folder.iterdir())
            (chosen / folder.name).mkdir(parents=True)
            shutil.copy(first, chosen / folder.name / first.name)
        for number, stem in enumerate(("fawkes-1.0.2-mid", "lowkey")):
            for name in (f"{stem}[{surrogate}]", f"noise[{stem}[{surrogate}]]"):
                out = Path(place) / f"{number}{name.startswith('noise')}"
                rows.append(measured_row(cloak_folder(chosen, out, name)))
    head = ["cloak", "photos", "PSNR, dB", "SSIM", "DSSIM", "DSSIM of the face crop", "cosine to clean"]
    return table(head, rows)


def measured_row(done: FolderRun) -> list[str]:
    summary = done.document["summary"]
    measures = summary["measures"]
    means = [f"{measures[m]['mean']:.{1 if m == 'psnr' else 4}f}" if m in measures else "-" for m in SHOWN]
    return [f"`{done.document['cloak']['id']}`", f"{summary['changed']} of {summary['photos']}", *means]


def table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
