"""The section on cloaks: everything that the page shows of the cloaks on one dataset and crop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceprobe.metrics.table import metric_info
from faceprobe.report.cloaks.cloak_id import CloakInfo
from faceprobe.report.cloaks.countermeasures import adaptive_figure, purifier_figure, shows_every_model
from faceprobe.report.cloaks.protection import protection_figures
from faceprobe.report.cloaks.scene import CloakScene, cloak_scenes
from faceprobe.report.cloaks.strips import Strip, StripView, strip_views
from faceprobe.report.cloaks.table import CloakTable, protection_table, purifier_table, quality_texts
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
    "What each cloak adds when the collector has trained on clean and cloaked photos of other people, and "
    "what it adds against the same classifier without that training."
)


@dataclass(frozen=True)
class CloakSection:
    """What the page shows of one dataset and crop; ``first`` says whether it is the dataset's main crop.

    ``enrolled`` says how many photos of a person are enrolled, ``sentences`` are the verdicts in words by
    cloak, ``changes`` are a cloak's (PSNR, DSSIM, colour difference of the face, share of photos whose face
    is found, time), ``by_model`` and ``countermeasures`` are figures with their captions, ``purified`` are
    the rows of the purifier table, ``cards`` describe each cloak, and ``unknown`` are the cloaks that name no
    surrogate.
    """

    key: str
    title: str
    label: str
    first: bool
    scene: CloakScene
    spread: str
    enrolled: str
    overall: Sentence | None
    verdicts: list[Verdict]
    sentences: list[tuple[str, list[Sentence]]]
    changes: dict[str, tuple[str, ...]]
    cautions: list[Sentence]
    by_model: list[tuple[Plot, str]]
    countermeasures: list[tuple[Plot, str]]
    purified: list[tuple[str, str, tuple[str, ...]]]
    transfer_maps: list[Plot]
    visibility: Visibility | None
    table: CloakTable
    strips: list[StripView]
    cards: list[tuple[CloakInfo, str]]
    unknown: list[str]

    def has_change(self, number: int) -> bool:
        """Whether some cloak has a text in this place of ``changes``; else the table has no such column."""
        return any(self.changes[v.cloak.id][number] != "-" for v in self.verdicts)

    @property
    def plots(self) -> list[Plot]:
        """Every figure of the section."""
        found = [plot for plot, _ in (*self.by_model, *self.countermeasures)] + self.transfer_maps
        return found + ([plot for _, plot in self.visibility.plots] if self.visibility else [])


def cloak_sections(run: Run, strips: Sequence[Strip] = ()) -> list[CloakSection]:
    """A section for each dataset and crop with rows about cloaks; [] where a run has none."""
    found: list[CloakSection] = []
    for number, scene in enumerate(cloak_scenes(run)):
        first = scene.dataset not in {p.scene.dataset for p in found}
        found.append(_section(run, scene, f"cloaks{number}", first, strips if first else ()))
    return found


def _section(run: Run, scene: CloakScene, key: str, first: bool, strips: Sequence[Strip]) -> CloakSection:
    judged = verdicts(scene)
    drawn = ((purifier_figure(scene), PURIFIED), (adaptive_figure(scene), ADAPTED))
    focus = "" if shows_every_model(scene) else FOCUS
    rows = [r for r in run.rows if r.dataset == scene.dataset and r.cloak in {c.id for c in scene.cloaks}]
    return CloakSection(
        key=key,
        title=f"{run.short(scene.dataset)}, {scene.crop}",
        label=LABEL[min((r.evidence for r in rows), key=list(LABEL).index)],
        first=first,
        scene=scene,
        spread=FEW if scene.few_people else INTERVALS,
        enrolled=_enrolled(judged),
        overall=overall(scene, judged),
        verdicts=judged,
        sentences=[(v.cloak.id, sentences(v)) for v in judged],
        changes={c.id: _changes(scene, c) for c in scene.cloaks},
        cautions=cautions(scene, judged),
        by_model=protection_figures(scene),
        countermeasures=[(plot, words + focus) for plot, words in drawn if plot is not None],
        purified=purifier_table(scene),
        transfer_maps=transfer_figures(scene),
        visibility=visibility(scene),
        table=protection_table(scene, key),
        strips=strip_views(run, scene.dataset, strips),
        cards=[(c, _about(c)) for c in scene.cloaks if c.card],
        unknown=[v.cloak.id for v in judged if not v.cloak.surrogates],
    )


def _enrolled(judged: list[Verdict]) -> str:
    """The addition to a table's head about the photos of a person that are enrolled."""
    found = dict.fromkeys(v.enrolled for v in judged if v.enrolled)
    return f"; enrolled{' or '.join(found)}" if found else ""


def _changes(scene: CloakScene, cloak: CloakInfo) -> tuple[str, ...]:
    known = dict(quality_texts(scene, cloak))
    colour = known.get(metric_info("delta_e").title, "-") + (
        ", visibly tinted" if scene.tinted(cloak) else ""
    )
    psnr, dssim, face, time = (known.get(name, "-") for name in ("PSNR", "DSSIM", "face found", "time"))
    return psnr, dssim, colour, face, time


def _about(cloak: CloakInfo) -> str:
    """The description, notes and source on the cloak's card, as sentences."""
    texts = [str(cloak.card.get("about") or ""), *map(str, cloak.card.get("notes") or ())]
    if cloak.card.get("citation"):
        texts.append(f"Source: {cloak.card['citation']}")
    return " ".join(t if t.endswith(".") else f"{t}." for t in texts if t)
