"""Photos before and after cloaking, for the report."""

from __future__ import annotations

from collections.abc import Mapping

from faceprobe.core.files import cache_dir
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.report.cloaks.strips import Strip
from faceprobe.results.cells import CloakRecord
from faceprobe.study.types import Plan


def make_strips(plan: Plan, records: Mapping[tuple[str, str], CloakRecord], show_photos: bool) -> list[Strip]:
    """One photo of each cloak, clean and cloaked: of drawn people always, of real ones with ``show_photos``.

    A photo that cannot be read any more is left out.
    """
    strips = []
    for key, job in plan.jobs.items():
        table, sample = plan.tables[job.dataset], records[key].sample if key in records else None
        if sample is None or not (show_photos or table.evidence == "synthetic"):
            continue
        image, cloaked_image = sample
        try:
            clean = table.source.read(image).pixels
            if job.table is not None:
                cloaked = job.table.source.read(cloaked_image).pixels
            else:
                path = cache_dir("cloaks", *cloaked_image.split("/"))
                cloaked = decode_image(path.read_bytes(), cloaked_image)
        except (OSError, UnreadablePhoto):
            continue
        strips.append(Strip(job.dataset, job.cloak, job.card.about, clean, cloaked))
    return strips
