"""Draws the figure at the head of the README from the packaged figures, wide and narrow, light and dark.

    python docs/readme_figure.py

writes ``docs/images/real-clip-light.svg``, ``real-clip-dark.svg`` and the same with ``-narrow``.
"""

from __future__ import annotations

from pathlib import Path

from faceprobe.report.opening import real_clip
from faceprobe.report.plots.theme import DARK, LIGHT


def main() -> None:
    opening = real_clip()
    for plot in (opening.wide, opening.narrow):
        for name, colors in (("light", LIGHT), ("dark", DARK)):
            path = Path(__file__).parent / "images" / f"{plot.name}-{name}.svg"
            path.write_text(plot.file(colors), encoding="utf-8")


if __name__ == "__main__":
    main()
