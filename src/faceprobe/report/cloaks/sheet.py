"""A sheet of the photos of ``faceprobe cloak``: each before, after and their difference, as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from faceprobe.cloaks.photos.colour_difference import VISIBLE_TINT, is_tinted
from faceprobe.cloaks.photos.visibility import changed_box
from faceprobe.report.cloaks.strips import AMPLIFIED, Pixels, difference, picture_uris

MOST = 60
"""Photos on a sheet: those with the largest colour difference, and those that are barely changed."""
MARGIN = 0.4
"""The part shown is the box of all changes, widened by this share of its longer side."""

_STYLE = """
:root { color-scheme: light dark; --quiet: #555; --line: #ccc }
@media (prefers-color-scheme: dark) { :root { --quiet: #aaa; --line: #444 } }
body { font: 16px/1.45 system-ui, sans-serif; max-width: 1240px; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
section { border-top: 1px solid var(--line); padding: .8rem 0 }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere }
p { margin: .2rem 0 .6rem; color: var(--quiet) }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .6rem }
figure { margin: 0 }
img { width: 100%; height: auto; display: block }
figcaption { font-size: .85rem; color: var(--quiet) }
@media (max-width: 600px) { .three { grid-template-columns: 1fr 1fr } }
"""


@dataclass(frozen=True)
class SheetPhoto:
    """(H, W, 3) uint8 RGB, clean and as written, and the photo's entry in ``photos`` of ``cloak.json``."""

    clean: Pixels
    cloaked: Pixels
    record: Mapping[str, Any]


def order_of(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The changed photos of ``cloak.json`` for a sheet, at most :data:`MOST`: by falling colour difference,
    barely changed ones last.
    """
    changed = [record for record in records if record["changed"]]
    changed.sort(key=lambda record: (-(record.get("delta_e") or 0.0), record["source"]))
    barely = [record for record in changed if record.get("barely")][: MOST // 2]
    return [r for r in changed if not r.get("barely")][: MOST - len(barely)] + barely


def sheet_page(cloak: str, photos: Iterable[SheetPhoto], changed: int, verdict: Sequence[str]) -> str:
    """The HTML of a sheet, pictures inside; ``changed`` counts the changed photos of the run, ``verdict``
    are lines to stand at the top. ``photos`` are taken one by one, so that only one pair is in memory. The
    sheet shows the photos themselves: keep it as private as these.
    """
    sections = [_section(photo) for photo in photos]
    left_out = f"; {changed - len(sections):,} more are not shown" if changed > len(sections) else ""
    head = [
        f"<h1>Before and after {escape(cloak)}</h1>",
        f"<p>{len(sections):,} of {changed:,} changed photos, the most tinted first{left_out}. The "
        f"difference is amplified {AMPLIFIED} times about mid-grey. A mean colour difference above "
        f"{VISIBLE_TINT} (CIEDE2000) over the face is visible. This file holds the photos: keep it as "
        "private as them.</p>",
        *(f"<p>{escape(line)}</p>" for line in verdict),
    ]
    body = "\n".join([*head, *sections])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Before and after {escape(cloak)}</title><style>{_STYLE}</style></head>"
        f"<body>\n{body}\n</body></html>\n"
    )


def _section(photo: SheetPhoto) -> str:
    clean, cloaked = _part(photo)
    uris = picture_uris((clean, True), (cloaked, True), (difference(clean, cloaked), False))
    captions = ("before", "after", f"difference × {AMPLIFIED}")
    figures = "".join(
        f'<figure><img src="{uri}" alt="{text}"><figcaption>{text}</figcaption></figure>'
        for uri, text in zip(uris, captions, strict=True)
    )
    source = str(photo.record["source"])
    return (
        f"<section><h2>{escape(source)}</h2><p>{escape(_words(photo.record))}</p>"
        f'<div class="three">{figures}</div></section>'
    )


def _words(record: Mapping[str, Any]) -> str:
    delta, dssim = record.get("delta_e"), record.get("dssim")
    parts = []
    if delta is not None:
        tinted = ", visibly tinted" if is_tinted(delta) else ""
        parts.append(f"colour difference of the face {delta:.1f}{tinted}")
    if dssim is not None:
        parts.append(f"DSSIM {dssim:.4f}")
    if record.get("barely"):
        parts.append(f"barely changed: {record['barely']}")
    return "; ".join(parts)


def _part(photo: SheetPhoto) -> tuple[Pixels, Pixels]:
    """The part of both photos in which something changed."""
    box = changed_box(photo.clean, photo.cloaked)
    if box is None:
        return photo.clean, photo.cloaked
    y0, y1, x0, x1 = box
    more = int(np.ceil(MARGIN * max(y1 - y0, x1 - x0)))
    part = (slice(max(0, y0 - more), y1 + more), slice(max(0, x0 - more), x1 + more))
    return photo.clean[part], photo.cloaked[part]
