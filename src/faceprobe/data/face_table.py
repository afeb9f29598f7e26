"""A dataset: an Arrow table with one row a photo, and the source that reads each photo."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.files import sha256_json
from faceprobe.data.evidence import Evidence
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import Photo, PhotoDigest, digest_faces
from faceprobe.data.templates import TemplateList

COLUMNS = ("image", "identity", "media", "event", "group", "split", "variant", "source_image")


class PhotoSource(ABC):
    """Reads one photo by its ``image`` value. Picklable: worker processes hold their own copy."""

    @abstractmethod
    def read(self, image: str) -> Photo:
        """The decoded photo. Raises :class:`faceprobe.data.photo.UnreadablePhoto` with a short reason."""

    def digest(self, image: str) -> PhotoDigest:
        """The hashes that identify the photo. Sources of files override this, so that nothing is decoded.
        Raises as :meth:`read`.
        """
        photo = self.read(image)
        return PhotoDigest(photo.content_hash, digest_faces(photo.faces))

    @property
    def drawn(self) -> bool:
        """Whether photos are computed, so that a digest costs as much as a photo."""
        return False

    @property
    def faces_hash(self) -> str:
        """Hex SHA-256 of the faces that the source knows of all photos, "" where the photos bring them."""
        return ""


@dataclass(frozen=True)
class FaceTable:
    """``table`` holds the columns of :data:`COLUMNS` that are known, as strings; ``image`` (unique,
    relative to the source) and ``identity`` always. Rows are sorted by ``image``.

    ``evidence`` is the label of a figure that a real model gives on these photos: ``synthetic`` for the
    built-in world, ``real-photos`` otherwise. Where ``identities_known`` is False the source names no
    people: the identities only separate mated from non-mated pairs within ``pairs``. ``templates`` are the
    source's own sets of photos that are compared as one.
    """

    name: str
    table: pa.Table
    source: PhotoSource
    default_protocol: str = "verification/all-pairs"
    pairs: PairList | None = None
    evidence: Evidence = "real-photos"
    identities_known: bool = True
    licence: str = ""
    notes: tuple[str, ...] = field(default=())
    templates: TemplateList | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def images(self) -> NDArray[np.str_]:
        return self._strings("image")

    @cached_property
    def identities(self) -> NDArray[np.str_]:
        return self._strings("identity")

    @cached_property
    def events(self) -> NDArray[np.str_] | None:
        return self._strings("event") if "event" in self.table.column_names else None

    @cached_property
    def groups(self) -> NDArray[np.str_] | None:
        return self._strings("group") if "group" in self.table.column_names else None

    @cached_property
    def variants(self) -> NDArray[np.str_] | None:
        return self._strings("variant") if "variant" in self.table.column_names else None

    @cached_property
    def sources(self) -> NDArray[np.str_] | None:
        return self._strings("source_image") if "source_image" in self.table.column_names else None

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the rows (not of the photos' bytes, which the embedding cache checks one by one)."""
        return sha256_json(self.table.to_pydict())

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> FaceTable:
        """The rows ``rows`` (K,), ascending, of the same source. Pairs that lose a photo are left out;
        templates keep their other photos.
        """
        kept = np.asarray(rows, dtype=np.int64)
        if len(kept) == len(self):
            return self
        return replace(
            self,
            table=self.table.take(kept),
            pairs=None if self.pairs is None else self.pairs.take(kept, len(self))[0],
            templates=None if self.templates is None else self.templates.take(kept, len(self)),
        )

    def photo(self, row: int) -> Photo:
        """The decoded photo of ``row``; errors as of :meth:`PhotoSource.read`."""
        return self.source.read(str(self.images[row]))

    def _strings(self, column: str) -> NDArray[np.str_]:
        return np.asarray([v or "" for v in self.table.column(column).to_pylist()], dtype=np.str_)


def face_table_columns(**columns: list[str]) -> pa.Table:
    """Build the Arrow table of a :class:`FaceTable` from lists, in the order of :data:`COLUMNS`."""
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise BadInput(f"unknown columns {sorted(unknown)}; known: {', '.join(COLUMNS)}")
    kept = {name: columns[name] for name in COLUMNS if name in columns}
    return pa.table({k: pa.array(v, type=pa.string()) for k, v in kept.items()})
