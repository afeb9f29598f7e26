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
from faceprobe.core.words import counted
from faceprobe.data.evidence import Evidence
from faceprobe.data.labels import clean_label, label_text
from faceprobe.data.left_out import LeftOut
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

    def check(self, image: str) -> None:  # noqa: B027
        """Raise :class:`UnreadablePhoto` where the photo's file is absent or does not begin as an image does.

        Cheap: no pixel is decoded. Sources that cannot tell raise nothing.
        """

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
    """``table`` holds the columns of :data:`COLUMNS` that are known, as strings, "" where unknown; ``image``
    (unique, relative to the source) and ``identity`` always. Rows are sorted by ``image``.

    ``evidence`` is the label of a figure that a real model gives on these photos: ``synthetic`` for the
    built-in world, ``real-photos`` otherwise. Where ``identities_known`` is False the source names no
    people: the identities only separate mated from non-mated pairs within ``pairs``. ``templates`` are the
    source's own sets of photos that are compared as one. ``n_unknown`` counts the photos that
    :meth:`known_people` left out. ``left_out`` lists the other entries of the folder that was read;
    ``notes`` hold their counts.
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
    n_unknown: int = 0
    left_out: tuple[LeftOut, ...] = field(default=(), repr=False)

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

    def known_people(self) -> FaceTable:
        """The table without the photos of unknown people (identity ""), which are counted and noted: two of
        them need not show one person. Where ``identities_known`` is False, the table itself.

        Raises :class:`BadInput` where no photo's person is known.
        """
        known = np.flatnonzero(self.identities != "")
        lost = len(self) - len(known)
        if not lost or not self.identities_known:
            return self
        if not len(known):
            raise BadInput(f"{self.name} names nobody: none of its {len(self):,} photos has an identity")
        note = f"{counted(lost, 'photo')} without an identity left out"
        return replace(self.take(known), notes=(*self.notes, note), n_unknown=self.n_unknown + lost)

    def photo(self, row: int) -> Photo:
        """The decoded photo of ``row``; errors as of :meth:`PhotoSource.read`."""
        return self.source.read(str(self.images[row]))

    def _strings(self, column: str) -> NDArray[np.str_]:
        values = self.table.column(column).to_pylist()
        return np.asarray([v if isinstance(v, str) else label_text(v) for v in values], dtype=np.str_)


def face_table_columns(**columns: list[str]) -> pa.Table:
    """Build the Arrow table of a :class:`FaceTable` from lists of text, in the order of :data:`COLUMNS`.

    Labels get one spelling (:func:`faceprobe.data.labels.clean_label`); names of photos stay as they are.
    """
    unknown = set(columns) - set(COLUMNS)
    if unknown:
        raise BadInput(f"unknown columns {sorted(unknown)}; known: {', '.join(COLUMNS)}")
    kept = {
        name: columns[name] if name in ("image", "source_image") else list(map(clean_label, columns[name]))
        for name in COLUMNS
        if name in columns
    }
    return pa.table({k: pa.array(v, type=pa.string()) for k, v in kept.items()})
