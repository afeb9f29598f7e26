"""A folder of golden vectors, in the forms that other tools' repositories have them in.

| part | where it is looked for |
| --- | --- |
| photos | ``images/``, else the folder itself |
| their vectors | ``image_features.npy``, else ``embeddings.npy``, else the only other ``.npy`` |
| their order | ``rows.json``, a list of file names; without it sorted by name |
| vectors of texts | ``text_features.npy`` |
| the texts | ``texts.json``, a list; without it three vectors are those of "a diagram", "a dog", "a cat" |

Vectors are (N, D) of any float type and need not have length 1. The three texts are those of the example in
the README of OpenAI's CLIP, whose vectors many ports keep as their test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, Missing
from faceprobe.core.files import read_json
from faceprobe.core.words import counted
from faceprobe.data.embeddings import unit_rows
from faceprobe.data.photo import MAX_PIXELS, UnreadablePhoto, open_image
from faceprobe.data.vector_files import read_matrix
from faceprobe.datasets.files import existing_folder, open_photo_file
from faceprobe.datasets.listing import list_folder
from faceprobe.models.golden_faults import GoldenSet

IMAGE_VECTORS, TEXT_VECTORS = ("image_features.npy", "embeddings.npy"), "text_features.npy"
ROWS, TEXTS = "rows.json", "texts.json"
README_TEXTS = ("a diagram", "a dog", "a cat")


def read_golden(path: str | Path) -> GoldenSet:
    """Read a folder of golden vectors; see the module for its form.

    Raises :class:`Missing` or :class:`BadInput` where photos, vectors or texts are absent or do not fit
    together.
    """
    folder = existing_folder(Path(path).expanduser(), "the folder of golden vectors")
    notes: list[str] = []
    file = _image_vectors(folder)
    vectors, names = np.zeros((0, 0), dtype=np.float32), []
    photos: list[NDArray[np.uint8]] = []
    if file is not None:
        vectors = unit_rows(read_matrix(file), str(file))
        place = folder / "images" if (folder / "images").is_dir() else folder
        names = _names(folder, place, len(vectors), file)
        photos = [_read(place / name) for name in names]
        if any(photo.shape[2] == 4 for photo in photos):
            notes.append("transparency is dropped after resizing, as OpenAI's and OpenCLIP's transforms do")
    texts: list[str] = []
    text_vectors = np.zeros((0, 0), dtype=np.float32)
    if (folder / TEXT_VECTORS).is_file():
        text_vectors = unit_rows(read_matrix(folder / TEXT_VECTORS), str(folder / TEXT_VECTORS))
        texts = _texts(folder, len(text_vectors), notes)
    if not names and not texts:
        raise Missing(
            f"{folder} holds no golden vectors; it needs {IMAGE_VECTORS[0]} with photos, or {TEXT_VECTORS}"
            f" with {TEXTS}"
        )
    return GoldenSet(tuple(names), tuple(photos), vectors, tuple(texts), text_vectors, tuple(notes))


def _image_vectors(folder: Path) -> Path | None:
    for name in IMAGE_VECTORS:
        if (folder / name).is_file():
            return folder / name
    others = sorted(p for p in folder.glob("*.npy") if p.name != TEXT_VECTORS and not p.name.startswith("."))
    if len(others) > 1:
        names = ", ".join(p.name for p in others[:4])
        raise BadInput(f"{folder} holds several arrays ({names}); name the photos' one {IMAGE_VECTORS[0]}")
    return others[0] if others else None


def _names(folder: Path, place: Path, count: int, file: Path) -> list[str]:
    """The photo of each vector."""
    listed = (folder / ROWS).is_file()
    names = _list_of_texts(folder / ROWS) if listed else list_folder(place).photos
    if len(names) != count:
        where = ROWS if listed else place
        found = counted(len(names), "photo")
        raise BadInput(f"{file} has {counted(count, 'vector')}, {where} has {found}; one a vector is needed")
    outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise BadInput(f"{folder / ROWS} names {outside[0]!r}; photos must lie in {place}")
    absent = [name for name in names if not (place / name).is_file()]
    if absent:
        raise Missing(f"{place} has no photo {absent[0]}, which {ROWS} names")
    return names


def _texts(folder: Path, count: int, notes: list[str]) -> list[str]:
    if (folder / TEXTS).is_file():
        texts = _list_of_texts(folder / TEXTS)
        if len(texts) != count:
            vectors, found = counted(count, "vector"), counted(len(texts), "text")
            raise BadInput(f"{folder / TEXT_VECTORS} has {vectors}, {TEXTS} {found}")
        return texts
    if count != len(README_TEXTS):
        raise Missing(f"{folder} has {TEXT_VECTORS} but no {TEXTS}, the list of its {counted(count, 'text')}")
    notes.append(f"no {TEXTS}: its texts are taken to be {', '.join(map(repr, README_TEXTS))}")
    return list(README_TEXTS)


def _list_of_texts(path: Path) -> list[str]:
    found: Any = read_json(path)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise BadInput(f'{path} is no list of texts, such as ["a.jpg", "b.jpg"]')
    return found


def _read(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, or (H, W, 4) with transparency; EXIF rotation is not applied, as OpenCLIP does not."""
    try:
        with open_photo_file(path, path.name) as file, open_image(file, path.name) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadablePhoto(path.name, f"larger than {MAX_PIXELS:,} pixels")
            clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            return np.asarray(image.convert("RGBA" if clear else "RGB"), dtype=np.uint8)
    except UnreadablePhoto as error:
        raise BadInput(f"{path} cannot be read as a photo: {error.reason}") from error
    except Exception as error:  # damaged files raise nearly any error from inside the decoders
        raise BadInput(f"{path} cannot be read as a photo: {error}") from error
