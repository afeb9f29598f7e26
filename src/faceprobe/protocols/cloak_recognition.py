"""Is somebody still recognised whose photos are cloaked: those enrolled (poisoning) or those searched
(evasion)?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
from faceprobe.protocols.cloak_rows import PerPerson, add_people
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.ordering import lacking_people
from faceprobe.protocols.probe_split import halves
from faceprobe.protocols.rows import add_metric
from faceprobe.protocols.types import NothingLeft, Outcome, Protocol
from faceprobe.protocols.variants import CloakedPhotos, cloaked_photos, lacking_variants
from faceprobe.results.result import Weighting

RECOGNISERS: dict[str, Callable[[CloakedPhotos, float], Recogniser]] = {
    "1nn": lambda photos, _: Nearest(photos.rows, photos.labels),
    "centroid": lambda photos, _: Centroid(photos.rows, photos.labels),
    "linear": lambda photos, ridge: LinearProbe(photos.rows, photos.labels, ridge / photos.rows.shape[1]),
}


@dataclass(frozen=True)
class Arms:
    """The same trials with cloaked and with clean photos. ``n_cloaked`` counts the cloaked photos used,
    ``twins`` the probes left out because they stand under another name too, ``alone`` the people who had
    nothing to be searched with.
    """

    cloaked: list[Trial]
    clean: list[Trial]
    n_cloaked: int
    twins: int
    alone: int

    @property
    def persons(self) -> NDArray[np.int64]:
        """(T,) the person of each probe."""
        return np.repeat([t.person for t in self.clean], [len(t.probes) for t in self.clean]).astype(np.int64)


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """Why ``data`` cannot be measured: variants first, then people."""
    return lacking_variants(data) or lacking_people(protocol, data)


def measure(protocol: Protocol, context: Context) -> Outcome:
    """All rows of a protocol of recognition under cloaks."""
    photos = cloaked_photos(context.data, context.arranged)
    arms = arms_of(protocol, photos)
    ridge = float(protocol.options["ridge"])
    makers = {name: RECOGNISERS[name] for name in protocol.options["recognisers"]}
    return recognition_outcome(
        protocol, context, photos, arms, {n: m(photos, ridge) for n, m in makers.items()}
    )


def arms_of(protocol: Protocol, photos: CloakedPhotos) -> Arms:
    """The trials of ``protocol``, whose option ``cloaked`` is "enrolled" or "probes".

    Raises :class:`NothingLeft` where nobody with cloaked photos has one left to be searched with.
    """
    version = np.full(len(photos.rows), -1, dtype=np.int64)
    version[photos.source] = np.arange(len(photos.source))
    foreign = _under_two_names(photos)
    poisoned = protocol.options["cloaked"] == "enrolled"
    cloaked, clean, twins = [], [], 0
    for half in halves(photos, int(protocol.options["split_seed"])):
        enrolled, probes = half.enrolled, half.probes
        if poisoned:
            enrolled = enrolled[version[enrolled] >= 0]
        else:
            probes = probes[version[probes] >= 0]
        twins += int(np.count_nonzero(foreign[probes])) if len(enrolled) else 0
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
            protocol, "nobody whose photos are cloaked has a second photo or event to search with"
        )
    used = sum(len(t.enrolled if poisoned else t.probes) for t in cloaked)
    return Arms(cloaked, clean, used, twins, len(photos.people) - len({t.person for t in clean}))


def recognition_outcome(
    protocol: Protocol,
    context: Context,
    photos: CloakedPhotos,
    arms: Arms,
    recognisers: dict[str, Recogniser],
) -> Outcome:
    """Rows and curves of the ``recognisers`` by name, each asked the same trials twice."""
    outcome = Outcome()
    trials = PerPerson(arms.persons, context.weights[:, photos.numbers])
    curves = {"people": photos.names[trials.who], "trials": trials.trials[trials.who]}
    alone = f"{arms.alone:,} people have no second photo or event and are not measured" if arms.alone else ""
    double = f"{arms.twins:,} photos stand under another name too and are no probes" if arms.twins else ""
    orphans = f"{photos.orphans:,} cloaked photos are left out, their clean ones are not there"
    left_out = join(*(remark("left-out", t) for t in (alone, double, orphans if photos.orphans else "")))
    rows: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    ties = 0
    for name, recogniser in recognisers.items():
        answers = recogniser.decide(arms.cloaked + arms.clean)
        cloaked, clean = answers[: len(arms.cloaked)], answers[len(arms.cloaked) :]
        rows[name] = trials.means(_missed(cloaked)), trials.means(_missed(clean))
        ties += sum(int(a.tied.sum()) for a in answers)
        curves |= {f"protection_{name}": rows[name][0], f"clean_error_{name}": rows[name][1]}
    for name, (protection, _) in rows.items():
        add_people(outcome, protocol, f"protection@{name}", trials, protection, spread=True, remarks=left_out)
    for name, (_, error) in rows.items():
        add_people(outcome, protocol, f"clean_error@{name}", trials, error)
    for name, (protection, error) in rows.items():
        add_people(outcome, protocol, f"added_protection@{name}", trials, protection - error)
    decided = f"of {2 * len(recognisers) * len(arms.persons):,} decisions; each counts as not recognised"
    for metric, count, about in (
        ("n_cloaked", arms.n_cloaked, left_out),
        ("n_ties", ties, remark("scope", decided)),
    ):
        n, n_people = len(arms.persons), len(trials.who)
        add_metric(outcome, protocol, metric, "none", float(count), n=n, n_identities=n_people, remarks=about)
    outcome.curves |= {f"{protocol.name}//{key}": curve for key, curve in curves.items()}
    return outcome


def _missed(answers: Sequence[Decision]) -> NDArray[np.bool_]:
    return np.concatenate([a.missed for a in answers])


def _under_two_names(photos: CloakedPhotos) -> NDArray[np.bool_]:
    """(C,) whether a clean photo's content also stands under another name."""
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
