"""Puts the packaged figures of a real CLIP at the head of the README: in words, and as a figure.

    python docs/readme_figure.py

writes ``docs/images/real-clip-light.svg``, ``real-clip-dark.svg`` and the same with ``-narrow``.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from tables import fill

from faceprobe.report.opening import real_clip
from faceprobe.report.plots.theme import DARK, LIGHT

DOCS = Path(__file__).parent


def main() -> None:
    opening = real_clip()
    first, *others = opening.sentences  # of the same photos: where they come from is said once
    text = " ".join([f"**{first}**", *(one.rest.strip() for one in others)]).replace("\u00a0", " ")
    words = textwrap.fill(text, width=124, break_on_hyphens=False)
    fill(DOCS.parent / "README.md", {"real-clip": words})
    for plot in (opening.wide, opening.narrow):
        for name, colors in (("light", LIGHT), ("dark", DARK)):
            path = DOCS / "images" / f"{plot.name}-{name}.svg"
            path.write_text(plot.file(colors), encoding="utf-8")


if __name__ == "__main__":
    main()
