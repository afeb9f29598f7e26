"""Draw ``docs/images/world.jpg`` and ``docs/images/scenes.jpg``: python docs/contact_sheet.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.datasets.synthetic.world import World

HERE = Path(__file__).parent / "images"
GAP = 6


def grid(rows: list[list[NDArray[np.uint8]]]) -> Image.Image:
    """Photos of one size, a row a person, on white."""
    side = rows[0][0].shape[0]
    height, width = len(rows) * (side + GAP) + GAP, len(rows[0]) * (side + GAP) + GAP
    sheet = np.full((height, width, 3), 255, dtype=np.uint8)
    for r, row in enumerate(rows):
        for c, pixels in enumerate(row):
            top, left = GAP + r * (side + GAP), GAP + c * (side + GAP)
            sheet[top : top + side, left : left + side] = pixels
    return Image.fromarray(sheet)


def main() -> None:
    world = World(0)
    people = [[world.photo(i, k, 112).pixels for k in range(8)] for i in (1, 4, 7, 21, 22, 23, 30, 38)]
    grid(people).save(HERE / "world.jpg", quality=88)
    scenes = [
        [world.photo(i, 0, 224).pixels for i in (26, 47, 52, 61)],
        [
            *(world.pair_photo(a, b, 0, 224).pixels for a, b in ((3, 5), (11, 24))),
            *(world.scene(n, 224)[0].pixels for n in (0, 5)),
        ],
    ]
    grid(scenes).save(HERE / "scenes.jpg", quality=88)


if __name__ == "__main__":
    main()
