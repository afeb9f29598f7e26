"""Is a person still recognised when the enrolled photos, or the searched photos, are cloaked?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings
from faceprobe.data.remarks import join, remark
from faceprobe.metrics.identification.recognisers import (
    Centroid,
    Decision,
    LinearProbe,
    Nearest,
    Recogniser,
    Trial,
)
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.metric_rows import add_metric
from faceprobe.protocols.ordering import lacking_people
from faceprobe.protocols.person_rows import PerPerson, add_people
from faceprobe.protocols.photo_variants import CloakedPhotos, cloaked_photos, lacking_variants
from faceprobe.protocols.probe_split import probe_splits
from faceprobe.protocols.types import Evaluation, NothingLeft, Protocol
from faceprobe.results.result import Weighting

RECOGNISERS: dict[str, Callable[[CloakedPhotos, float], Recogniser]] = {
    "1nn": lambda photos, _: Nearest(photos.rows, photos.labels),
    "centroid": lambda photos, _: Centroid(photos.rows, photos.labels),
    "linear": lambda photos, ridge: LinearProbe(photos.rows, photos.labels, ridge / photos.rows.shape[1]),
}


@dataclass(frozen=True)
class PairedTrials:
    """The same trials with cloaked and with clean photos. ``n_cloaked`` counts the cloaked photos used,
    ``duplicates`` the probes left out because another person has the same photo, ``left_out`` the people
    without a probe.
    """

    cloaked: list[Trial]
    clean: list[Trial]
    n_cloaked: int
    duplicates: int
    left_out: int

    @property
    def persons(self) -> NDArray[np.int64]:
        """(T,) the person of each probe."""
        return np.repeat([t.person for t in self.clean], [len(t.probes) for t in self.clean]).astype(np.int64)


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` cannot be measured: variants first, then people."""
    return lacking_variants(data) or lacking_people(protocol, data)


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of poisoning or evasion."""
    photos = cloaked_photos(context.data, context.ordered)
    paired = paired_trials(protocol, photos)
    ridge = float(protocol.options["ridge"])
    makers = {name: RECOGNISERS[name] for name in protocol.options["recognisers"]}
    return recognition_outcome(
        protocol, context, photos, paired, {n: m(photos, ridge) for n, m in makers.items()}
    )


def paired_trials(protocol: Protocol, photos: CloakedPhotos) -> PairedTrials:
    """The trials of ``protocol``, whose option ``cloaked`` is "enrolled" or "probes".

    Raises :class:`NothingLeft` where no person with cloaked photos has a probe.
    """
    version = np.full(len(photos.rows), -1, dtype=np.int64)
    version[photos.source] = np.arange(len(photos.source))
    foreign = _of_two_people(photos)
    poisoned = protocol.options["cloaked"] == "enrolled"
    cloaked, clean, duplicates = [], [], 0
    for half in probe_splits(photos, int(protocol.options["split_seed"])):
        enrolled, probes = half.enrolled, half.probes
        if poisoned:
            enrolled = enrolled[version[enrolled] >= 0]
        else:
            probes = probes[version[probes] >= 0]
        duplicates += int(np.count_nonzero(foreign[probes])) if len(enrolled) else 0
        probes = probes[~foreign[probes]]
        if not len(enrolled) or not len(probes):
            continue
        trial = Trial(half.person, photos.rows[enrolled], photos.rows[probes])
        clean.append(trial)
        changed = photos.cloaked[version[enrolled if poisoned else probes]]
        cloaked.append(
            Trial(half.person, changed, trial.probes)
            if poisoned
            else Trial(half.person, trial.enrolled, changed)
        )
    if not clean:
        raise NothingLeft(
            protocol, "no person with cloaked photos has a second photo or event to search with"
        )
    used = sum(len(t.enrolled if poisoned else t.probes) for t in cloaked)
    return PairedTrials(cloaked, clean, used, duplicates, len(photos.people) - len({t.person for t in clean}))


def recognition_outcome(
    protocol: Protocol,
    context: Context,
    photos: CloakedPhotos,
    paired: PairedTrials,
    recognisers: dict[str, Recogniser],
) -> Evaluation:
    """Rows and curves of the ``recognisers`` by name, each asked the same trials twice."""
    evaluation = Evaluation()
    trials = PerPerson(paired.persons, context.weights[:, photos.numbers])
    curves = {"people": photos.names[trials.people], "trials": trials.trials[trials.people]}
    alone = (
        f"{agreeing(paired.left_out, 'person', 'has')} no second photo or event: not measured"
        if paired.left_out
        else ""
    )
    double = (
        f"{agreeing(paired.duplicates, 'photo', 'stands')} under another name too: no probes"
        if paired.duplicates
        else ""
    )
    orphans = f"{agreeing(photos.orphans, 'cloaked photo', 'is')} left out: no clean version is there"
    left_out = join(*(remark("left-out", t) for t in (alone, double, orphans if photos.orphans else "")))
    rows: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    ties = 0
    for name, recogniser in recognisers.items():
        answers = recogniser.decide(paired.cloaked + paired.clean)
        cloaked, clean = answers[: len(paired.cloaked)], answers[len(paired.cloaked) :]
        rows[name] = trials.means(_missed(cloaked)), trials.means(_missed(clean))
        ties += sum(int(a.tied.sum()) for a in answers)
        curves |= {f"protection_{name}": rows[name][0], f"clean_error_{name}": rows[name][1]}
    for name, (protection, _) in rows.items():
        add_people(
            evaluation, protocol, f"protection@{name}", trials, protection, spread=True, remarks=left_out
        )
    for name, (_, error) in rows.items():
        add_people(evaluation, protocol, f"clean_error@{name}", trials, error)
    for name, (protection, error) in rows.items():
        added = protection - error
        add_people(evaluation, protocol, f"added_protection@{name}", trials, added, scale="difference")
    decided = f"of {2 * len(recognisers) * len(paired.persons):,} decisions; each counts as not recognised"
    for metric, count, about in (
        ("n_cloaked", paired.n_cloaked, left_out),
        ("n_ties", ties, remark("scope", decided)),
    ):
        n, n_people = len(paired.persons), len(trials.people)
        add_metric(
            evaluation, protocol, metric, "none", float(count), n=n, n_identities=n_people, remarks=about
        )
    evaluation.curves |= {f"{protocol.name}//{key}": curve for key, curve in curves.items()}
    return evaluation


def _missed(answers: Sequence[Decision]) -> NDArray[np.bool_]:
    return np.concatenate([a.missed for a in answers])


def _of_two_people(photos: CloakedPhotos) -> NDArray[np.bool_]:
    """(C,) whether another person has the same clean photo."""
    if photos.content is None:
        return np.zeros(len(photos.rows), dtype=np.bool_)
    pairs = np.unique(np.column_stack([photos.content, photos.labels]), axis=0)
    contents, names = np.unique(pairs[:, 0], return_counts=True)
    return np.isin(photos.content, contents[names > 1])


def figures(names: Sequence[str]) -> list[tuple[str, Weighting]]:
    """The rows that :func:`recognition_outcome` gives besides its counts."""
    metrics = [f"protection@{n}{end}" for n in names for end in ("", "_sd")]
    metrics += [f"{kind}@{n}" for kind in ("clean_error", "added_protection") for n in names]
    return [(metric, "identity") for metric in metrics]


KIND = Kind(figures=figures(list(RECOGNISERS)), lacking=lacking, measure=measure, cloaks=True)
