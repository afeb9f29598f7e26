"""Write photos of the built-in world to a folder, with the truth about each photo."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceprobe.core.errors import BadInput
from faceprobe.core.files import atomic_path, write_bytes, write_json
from faceprobe.core.names import parse_name
from faceprobe.core.progress import progress
from faceprobe.datasets.files import SYNTHETIC_MARK
from faceprobe.datasets.synthetic.captions import NAME_CLASSES, name_class
from faceprobe.datasets.synthetic.render import Rendering
from faceprobe.datasets.synthetic.table import NOTE, Selection
from faceprobe.datasets.synthetic.world import World


def export_world(text: str, out: Path, quiet: bool = False) -> int:
    """Export the dataset that ``text`` names (``"synthetic?people=20&photos=4"``) into ``out``.

    Photos become ``photos/<person>/<photo>.png`` (``folder:OUT/photos`` reads them), face masks
    ``masks/<person>/<photo>.png``, and ``truth.parquet`` has a row a photo: image, identity, name,
    name_class, event, group, split, caption, named, attributes, landmarks (5 x 2, pixels) and box
    (x0, y0, x1, y1). Returns the number of photos.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    chosen = Selection.parse(parse_name(text, bare_kind=None))
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is a file; give a new folder")
    if out.exists() and any(out.iterdir()):
        raise BadInput(f"{out} is not empty; give a new folder")
    world, rows = World(chosen.seed), []
    with progress("drawing people", chosen.people, quiet) as tick:
        for person in chosen.numbers():
            for k in range(chosen.photos):
                rows.append(_export_photo(world, person, k, chosen, out))
            tick()
    write_json(out / "photos" / SYNTHETIC_MARK, {"dataset": text, "note": NOTE})
    with atomic_path(out / "truth.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary)
    return len(rows)


def _export_photo(world: World, person: int, k: int, chosen: Selection, out: Path) -> dict[str, Any]:
    drawn = world.photo(person, k, chosen.size)
    caption, named = world.caption(person, k)
    place = f"p{person:06d}/{k:03d}.png"
    write_bytes(out / "photos" / place, _png(drawn.pixels))
    write_bytes(out / "masks" / place, _png(_mask(drawn)))
    face, shot = drawn.faces[0], world.shot(person, k)
    assert face.landmarks is not None
    kind = name_class(chosen.seed, person)
    return {
        "image": place,
        "identity": f"p{person:06d}",
        "name": world.name(person),
        "name_class": kind,
        "name_share": NAME_CLASSES[kind],
        "event": f"p{person:06d}/e{shot.event_number}",
        "group": shot.people[0][0].group,
        "split": chosen.split,
        "caption": caption,
        "named": named,
        "attributes": world.attributes(person, k),
        "landmarks": face.landmarks.round(2).tolist(),
        "box": list(face.box),
    }


def _mask(drawn: Rendering) -> NDArray[np.uint8]:
    mask = drawn.faces[0].mask
    assert mask is not None
    return mask.astype(np.uint8) * np.uint8(255)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
