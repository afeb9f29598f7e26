"""The section on cloaks: its parts in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceprobe.report.cloaks.protection import adaptive_figure, is_short, protection_figures, purifier_figure
from faceprobe.report.cloaks.rows import CloakInfo, CloakScene, cloak_scenes
from faceprobe.report.cloaks.strips import Strip, StripView, strip_views
from faceprobe.report.cloaks.table import Table, protection_table, purifier_table, quality_texts
from faceprobe.report.cloaks.transfer import transfer_figures
from faceprobe.report.cloaks.verdict import Verdict, verdicts
from faceprobe.report.cloaks.verdict_sentences import cautions, overall, sentences
from faceprobe.report.cloaks.visibility import Visibility, visibility
from faceprobe.report.plots.svg import Plot
from faceprobe.report.text.sentences import LABEL, Sentence
from faceprobe.results.run import Run

QUESTIONS = (
    "Adds anything",
    "Beats noise at equal PSNR",
    "Other models",
    "After the hardest purifier",
    "Adaptive collector",
)
"""The columns of the verdict table, in the order of :attr:`Verdict.answers`."""

FOCUS = " Drawn for each cloak's surrogates and the best other recogniser; the tables hold every model."
INTERVALS, FEW = ", with 95 % intervals over people", ", without intervals: too few people"
PURIFIED = "What each cloak adds when the collector purifies every photo, clean or cloaked."
ADAPTED = (
    "What each cloak adds when the collector has trained on clean and cloaked photos of other people, beside "
    "the same classifier without that training."
)


@dataclass(frozen=True)
class CloakSection:
    """What the page shows of one dataset and crop. ``first`` is whether it is its dataset's main crop.

    ``said`` are the verdicts in words by cloak, ``changes`` a cloak's (PSNR, DSSIM, share of photos whose
    face is found, time), ``beside`` the figures of what undoes it, ``cards`` what is known of each cloak,
    ``unknown`` those that name no surrogate.
    """

    key: str
    title: str
    label: str
    first: bool
    scene: CloakScene
    spread: str
    overall: Sentence | None
    verdicts: list[Verdict]
    said: list[tuple[str, list[Sentence]]]
    changes: dict[str, tuple[str, ...]]
    cautions: list[Sentence]
    forests: list[tuple[Plot, str]]
    beside: list[tuple[Plot, str]]
    purified: list[tuple[str, str, tuple[str, ...]]]
    maps: list[Plot]
    seen: Visibility | None
    table: Table
    strips: list[StripView]
    cards: list[tuple[CloakInfo, str]]
    unknown: list[str]

    @property
    def plots(self) -> list[Plot]:
        """Every figure of the part."""
        found = [plot for plot, _ in (*self.forests, *self.beside)] + self.maps
        return found + ([plot for _, plot in self.seen.plots] if self.seen else [])


def cloak_sections(run: Run, strips: Sequence[Strip] = ()) -> list[CloakSection]:
    """A part for each dataset and crop with rows about cloaks; [] where a run has none."""
    found: list[CloakSection] = []
    for number, scene in enumerate(cloak_scenes(run)):
        first = scene.dataset not in {p.scene.dataset for p in found}
        found.append(_part(run, scene, f"cloaks{number}", first, strips if first else ()))
    return found


def _part(run: Run, scene: CloakScene, key: str, first: bool, strips: Sequence[Strip]) -> CloakSection:
    judged = verdicts(scene)
    undoing = ((purifier_figure(scene), PURIFIED), (adaptive_figure(scene), ADAPTED))
    rows = [r for r in run.rows if r.dataset == scene.dataset and r.cloak in {c.id for c in scene.cloaks}]
    return CloakSection(
        key=key,
        title=f"{run.short(scene.dataset)}, {scene.crop}",
        label=LABEL[min((r.evidence for r in rows), key=list(LABEL).index)],
        first=first,
        scene=scene,
        spread=FEW if scene.few_people else INTERVALS,
        overall=overall(scene, judged),
        verdicts=judged,
        said=[(v.cloak.id, sentences(v)) for v in judged],
        changes={c.id: _changes(scene, c) for c in scene.cloaks},
        cautions=cautions(scene, judged),
        forests=protection_figures(scene),
        beside=[(p, words + ("" if is_short(scene) else FOCUS)) for p, words in undoing if p is not None],
        purified=purifier_table(scene),
        maps=transfer_figures(scene),
        seen=visibility(scene),
        table=protection_table(scene, key),
        strips=strip_views(run, scene.dataset, strips),
        cards=[(c, _about(c)) for c in scene.cloaks if c.card],
        unknown=[v.cloak.id for v in judged if not v.cloak.surrogates],
    )


def _changes(scene: CloakScene, cloak: CloakInfo) -> tuple[str, ...]:
    known = dict(quality_texts(scene, cloak))
    return tuple(known.get(name, "-") for name in ("PSNR", "DSSIM", "face found", "time"))


def _about(cloak: CloakInfo) -> str:
    """The card in sentences: what it is, its notes, its source."""
    texts = [str(cloak.card.get("about") or ""), *map(str, cloak.card.get("notes") or ())]
    if cloak.card.get("citation"):
        texts.append(f"Source: {cloak.card['citation']}")
    return " ".join(t if t.endswith(".") else f"{t}." for t in texts if t)
