"""Tables of the section on cloaks: every figure by cloak and model, and protection by purifier."""

from __future__ import annotations

from dataclasses import dataclass

from faceprobe.metrics.table import metric_info
from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.protection import points_text
from faceprobe.report.cloaks.scene import (
    ADAPTIVE,
    ADDED,
    CLEAN,
    EVASION,
    POISONING,
    PROTECTION,
    RETRIEVAL,
    VERIFICATION,
    CloakScene,
)
from faceprobe.report.tables.cells import FootnoteList, TableCell, table_cell
from faceprobe.report.text.numbers import percent, with_unit


@dataclass(frozen=True)
class CloakColumn:
    """A column with the heading ``title`` below ``group``; it shows ``metric`` of ``protocol``. ``about``
    explains the figure.
    """

    group: str
    title: str
    protocol: str
    metric: str
    about: str


COLUMNS = (
    CloakColumn("Poisoning", "Clean, 1-NN", POISONING, CLEAN, "the person missed with clean photos enrolled"),
    CloakColumn("Poisoning", "Protection, 1-NN", POISONING, PROTECTION, "the person missed, nearest photo"),
    CloakColumn("Poisoning", "Added, 1-NN", POISONING, ADDED, "protection less the clean error, paired"),
    CloakColumn(
        "Poisoning", "Protection, centroid", POISONING, "protection@centroid", "nearest mean embedding"
    ),
    CloakColumn("Poisoning", "Protection, linear", POISONING, "protection@linear", "linear classifier"),
    CloakColumn(
        "Adaptive", "Protection, linear", ADAPTIVE, "protection@linear-seen", "trained on others' photos"
    ),
    CloakColumn(
        "Adaptive", "Protection, 1-NN", ADAPTIVE, "protection@1nn-seen", "metric learnt from others'"
    ),
    CloakColumn(
        "Evasion", "Protection, 1-NN", EVASION, PROTECTION, "the probe is cloaked, galleries are clean"
    ),
    CloakColumn("Evasion", "Added, 1-NN", EVASION, ADDED, "protection less the clean error, paired"),
    CloakColumn(
        "Retrieval", "Own photo first", RETRIEVAL, "self_rank1", "the cloaked photo finds its clean self"
    ),
    CloakColumn("Retrieval", "Person first", RETRIEVAL, "person_rank1_other", "own photo left out"),
    CloakColumn(
        "Embedding", "Cosine to clean", VERIFICATION, "cosine_to_clean", "cloaked to its clean photo"
    ),
)


@dataclass(frozen=True)
class CloakGroup:
    """The rows of one cloak.

    ``lines`` are (model, its crop where that is not the table's, series number, cells), ``quality`` are
    (name, text) on how much the photos change, and ``photos`` says how many photos were cloaked or left
    unchanged.
    """

    cloak: CloakInfo
    quality: tuple[tuple[str, str], ...]
    photos: str
    lines: tuple[tuple[str, str, int, tuple[TableCell, ...]], ...]


@dataclass(frozen=True)
class CloakTable:
    """The whole table; ``spans`` are the headings of its groups of columns with the number of columns."""

    key: str
    spans: tuple[tuple[str, int], ...]
    columns: tuple[CloakColumn, ...]
    groups: tuple[CloakGroup, ...]
    notes: tuple[str, ...]


def protection_table(scene: CloakScene, key: str) -> CloakTable:
    """Every cloak on every model; columns without any figure are left out."""
    columns = tuple(
        c
        for c in COLUMNS
        if any(scene.row(m, k, c.protocol, c.metric) for m in scene.models for k in scene.cloaks)
    )
    notes = FootnoteList(key)
    groups = []
    for cloak in (*scene.attacks, *(c for c in scene.cloaks if c.control)):
        lines = []
        for model, crop in scene.victims:
            rows = [scene.stored(model, cloak, c.protocol, c.metric) for c in columns]
            if any(rows):
                series = scene.run.models.index(model)
                cells = tuple(TableCell("-") if r is None else table_cell(r, None, notes) for r in rows)
                lines.append((model, "" if crop == scene.crop else crop, series, cells))
        groups.append(CloakGroup(cloak, quality_texts(scene, cloak), _photos(cloak), tuple(lines)))
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.group] = spans.get(column.group, 0) + 1
    return CloakTable(key, tuple(spans.items()), columns, tuple(groups), tuple(notes.texts))


def quality_texts(scene: CloakScene, cloak: CloakInfo) -> tuple[tuple[str, str], ...]:
    """(name, text) of how much the cloak changes a photo, of how many faces are still found, and of the time
    that a photo takes.
    """
    found = []
    for metric in ("psnr", "ssim", "dssim", "delta_e", "delta_e_p95", "lpips"):
        row = scene.quality(cloak, metric)
        if row is not None and row.value is not None:
            found.append((metric_info(metric).title, with_unit(row.value, metric)))
    face = scene.quality(cloak, "face_found")
    if face is not None and face.value is not None:
        found.append(("face found", percent(face.value)))
    seconds = None if cloak.record is None else cloak.record.seconds_a_photo
    if seconds is not None:
        found.append(("time", f"{seconds:.2g} s a photo" if seconds < 10 else f"{seconds:.0f} s a photo"))
    return tuple(found)


def purifier_table(scene: CloakScene) -> list[tuple[str, str, tuple[str, ...]]]:
    """(cloak, model, texts of added protection without a purifier and with each)."""
    names = ("none", *scene.purifiers)
    lines = []
    for cloak in scene.shown:
        for model in scene.models:
            rows = [scene.row(model, cloak, POISONING, ADDED, name) for name in names]
            if any(rows[1:]):
                lines.append((cloak.id, model, tuple("-" if r is None else points_text(r) for r in rows)))
    return lines


def _photos(cloak: CloakInfo) -> str:
    """``120 photos, 121 faces; left unchanged: 2 x no face found``."""
    record = cloak.record
    if record is None:
        return ""
    counted = ((record.n_photos, "photos"), (record.n_faces, "faces"))
    parts = [f"{number:,} {name}" for number, name in counted if number is not None]
    left = [f"{n:,} × {reason}" for reason, n in sorted(record.unchanged.items()) if n]
    return ", ".join(parts) + (f"; left unchanged: {', '.join(left)}" if left else "")
