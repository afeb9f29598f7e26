"""Photos before and after cloaking, for the report to show."""

from __future__ import annotations

from collections.abc import Mapping

from faceprobe.data.photo import UnreadablePhoto
from faceprobe.report.cloaks.strips import Strip
from faceprobe.study.cloak_quality import read_sample
from faceprobe.study.evaluate import FinishedCell
from faceprobe.study.plan import Plan


def make_strips(plan: Plan, cloaks: Mapping[tuple[str, str], FinishedCell], show_photos: bool) -> list[Strip]:
    """A photo of each cloak: of drawn people always, of real ones where they are asked for."""
    strips = []
    for key, job in plan.jobs.items():
        table = plan.tables[job.dataset]
        sample = cloaks[key].summary.get("sample") if key in cloaks else None
        if not sample or not (show_photos or table.evidence == "synthetic"):
            continue
        try:
            clean, cloaked = read_sample(table, job, (sample[0], sample[1]))
        except (OSError, UnreadablePhoto):  # gone from the cache since
            continue
        strips.append(Strip(job.dataset, job.cloak, job.card.about, clean, cloaked))
    return strips
