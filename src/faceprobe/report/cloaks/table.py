"""The table of every figure about cloaks, cloak by cloak and model by model."""

from __future__ import annotations

from dataclasses import dataclass

from faceprobe.report.cloaks.protection import points_text
from faceprobe.report.cloaks.rows import (
    ADAPTIVE,
    ADDED,
    CLEAN,
    EVASION,
    POISONING,
    PROTECTION,
    RETRIEVAL,
    VERIFICATION,
    CloakInfo,
    CloakScene,
)
from faceprobe.report.tables.cells import FootnoteList, TableCell, table_cell
from faceprobe.report.text.numbers import percent


@dataclass(frozen=True)
class Column:
    """A column of the table: ``group`` above ``title``, the row it reads, and what it means."""

    group: str
    title: str
    protocol: str
    metric: str
    about: str


COLUMNS = (
    Column("Poisoning", "Clean, 1-NN", POISONING, CLEAN, "the person missed with clean photos enrolled"),
    Column("Poisoning", "Protection, 1-NN", POISONING, PROTECTION, "the person missed, nearest photo"),
    Column("Poisoning", "Added, 1-NN", POISONING, ADDED, "protection less the clean error, paired"),
    Column("Poisoning", "Protection, centroid", POISONING, "protection@centroid", "nearest mean embedding"),
    Column("Poisoning", "Protection, linear", POISONING, "protection@linear", "linear classifier"),
    Column("Adaptive", "Protection, linear", ADAPTIVE, "protection@linear-seen", "trained on others' photos"),
    Column("Adaptive", "Protection, 1-NN", ADAPTIVE, "protection@1nn-seen", "metric learnt from others'"),
    Column("Evasion", "Protection, 1-NN", EVASION, PROTECTION, "the probe is cloaked, galleries are clean"),
    Column("Evasion", "Added, 1-NN", EVASION, ADDED, "protection less the clean error, paired"),
    Column("Retrieval", "Own photo first", RETRIEVAL, "self_rank1", "the cloaked photo finds its clean self"),
    Column("Retrieval", "Person first", RETRIEVAL, "person_rank1_other", "own photo left out"),
    Column("Embedding", "Cosine to clean", VERIFICATION, "cosine_to_clean", "cloaked to its clean photo"),
)


@dataclass(frozen=True)
class Group:
    """A cloak's lines of the table: (model, crop where it is not the table's, series, cells), the photos'
    ``quality`` as (name, text), and ``photos`` on what was cloaked and what was left alone.
    """

    cloak: CloakInfo
    quality: tuple[tuple[str, str], ...]
    photos: str
    lines: tuple[tuple[str, str, int, tuple[TableCell, ...]], ...]


@dataclass(frozen=True)
class Table:
    """The finished table; ``spans`` are its group headings with the number of columns below."""

    key: str
    spans: tuple[tuple[str, int], ...]
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def protection_table(scene: CloakScene, key: str) -> Table:
    """Every cloak on every model, columns without any figure left out."""
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
        groups.append(Group(cloak, quality_texts(scene, cloak), _photos(cloak), tuple(lines)))
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.group] = spans.get(column.group, 0) + 1
    return Table(key, tuple(spans.items()), columns, tuple(groups), tuple(notes.texts))


def quality_texts(scene: CloakScene, cloak: CloakInfo) -> tuple[tuple[str, str], ...]:
    """(name, figure) of how much the cloak changes a photo, whether its face is still found, and what a photo
    takes.
    """
    found = []
    for metric, name in (("psnr", "PSNR"), ("ssim", "SSIM"), ("dssim", "DSSIM"), ("lpips", "LPIPS")):
        row = scene.quality(cloak, metric)
        if row is not None and row.value is not None:
            found.append((name, f"{row.value:.1f} dB" if metric == "psnr" else f"{row.value:.4f}"))
    face = scene.quality(cloak, "face_found")
    if face is not None and face.value is not None:
        found.append(("face found", percent(face.value)))
    seconds = cloak.entry.get("seconds_a_photo")
    if isinstance(seconds, int | float):
        found.append(("time", f"{seconds:.2g} s a photo" if seconds < 10 else f"{seconds:.0f} s a photo"))
    return tuple(found)


def purifier_table(scene: CloakScene) -> list[tuple[str, str, tuple[str, ...]]]:
    """(cloak, model, added protection without and with each purifier as text)."""
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
    entry = cloak.entry
    counted = (("n_photos", "photos"), ("n_faces", "faces"))
    parts = [f"{entry[key]:,} {name}" for key, name in counted if key in entry]
    unchanged = entry.get("unchanged") or {}
    left = [f"{n:,} × {reason}" for reason, n in sorted(unchanged.items()) if n]
    return ", ".join(parts) + (f"; left unchanged: {', '.join(left)}" if left else "")
