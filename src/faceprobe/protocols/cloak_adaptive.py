"""Recognition by a collector who has learnt from cloaked photos of other people what a cloak changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceprobe.data.embeddings import CLEAN, Embeddings, unit_rows
from faceprobe.metrics.identification.recognisers import Decision, LinearProbe, Nearest, Trial
from faceprobe.protocols import cloak_recognition
from faceprobe.protocols.cloak_recognition import figures, paired_trials, recognition_outcome
from faceprobe.protocols.kinds import Context, Kind
from faceprobe.protocols.photo_variants import CloakedPhotos, cloaked_photos
from faceprobe.protocols.types import Evaluation, Protocol
from faceprobe.scores import exact_rows

RECOGNISERS = ("linear-seen", "1nn-seen")


def lacking(protocol: Protocol, data: Embeddings) -> str:
    """As :func:`cloak_recognition.lacking`; two people must have cloaked photos, to learn from and to try."""
    reason = cloak_recognition.lacking(protocol, data)
    if not reason and data.variants is not None:
        n_people = len(np.unique(data.identities[data.variants != CLEAN]))
        if n_people < 2:
            reason = "the photos of one person are cloaked; a collector learns from those of other people"
    return reason


def measure(protocol: Protocol, context: Context) -> Evaluation:
    """All rows of the protocol."""
    photos = cloaked_photos(context.data, context.ordered)
    options = protocol.options
    folds = people_folds(len(photos.people), int(options["folds"]), int(options["split_seed"]))
    return recognition_outcome(
        protocol,
        context,
        photos,
        paired_trials(protocol, photos),
        {
            "linear-seen": seen_probe(photos, float(options["ridge"])),
            "1nn-seen": LearntNearest(photos, folds, float(options["shrink"])),
        },
    )


def seen_probe(photos: CloakedPhotos, ridge: float) -> LinearProbe:
    """A linear probe over the clean and cloaked photos of all people; a trial replaces its person's."""
    labels = np.concatenate([photos.labels, photos.labels[photos.source]])
    order = np.argsort(labels, kind="stable")
    rows = np.concatenate([photos.rows, photos.cloaked])[order]
    return LinearProbe(rows, labels[order], ridge / rows.shape[1])


def people_folds(n_people: int, folds: int, seed: int) -> NDArray[np.int64]:
    """(P,) fold of each of ``n_people``, as even as can be, drawn by ``seed``; as many folds as people at
    most.
    """
    number = np.arange(n_people) % min(folds, n_people)
    return np.random.default_rng(seed).permutation(number).astype(np.int64)


class LearntNearest:
    """1-NN by the cosine after the map that makes the shifts of other people's photos white.

    With the shifts d = cloaked - clean of the people in the other folds, each person weighing the same,
    C = mean d d' + (shrink / D) I; two vectors x and y are compared by the cosine under C^-1. Where a cloak
    changes nothing that is the plain cosine. (Relevant component analysis, A. Bar-Hillel et al., JMLR 2005,
    with pairs of one photo as chunklets.) ``folds`` (P,) are those of ``photos.people``.
    """

    def __init__(self, photos: CloakedPhotos, folds: NDArray[np.int64], shrink: float) -> None:
        self._photos, self._shrink = photos, shrink
        self._fold = dict(zip(photos.people.tolist(), folds.tolist(), strict=True))

    def decide(self, trials: Sequence[Trial]) -> list[Decision]:
        answers: dict[int, Decision] = {}
        for fold in sorted(set(self._fold.values())):
            asked = [k for k, t in enumerate(trials) if self._fold[t.person] == fold]
            if not asked:
                continue
            root = self._root(fold)
            nearest = Nearest(_mapped(root, self._photos.rows), self._photos.labels)
            photos = [part for k in asked for part in (trials[k].enrolled, trials[k].probes)]
            mapped = _mapped(root, np.concatenate(photos))
            parts = iter(np.split(mapped, np.cumsum([len(p) for p in photos])[:-1]))
            again = [Trial(trials[k].person, next(parts), next(parts)) for k in asked]
            answers |= dict(zip(asked, nearest.decide(again), strict=True))
        return [answers[k] for k in range(len(trials))]

    def _root(self, fold: int) -> NDArray[np.float64]:
        """(D, D) lower triangle L with L L' = C, from the people who are not in ``fold``."""
        photos = self._photos
        person = photos.labels[photos.source].astype(np.int64)
        learnt = np.array([self._fold[p] != fold for p in person.tolist()])
        shifts = (photos.cloaked.astype(np.float64) - photos.rows[photos.source])[learnt]
        counts = np.bincount(person[learnt])
        weights = 1.0 / (counts[person[learnt]] * np.count_nonzero(counts))
        matrix = (shifts * weights[:, None]).T @ shifts
        matrix[np.diag_indices_from(matrix)] += self._shrink / len(matrix)
        return np.linalg.cholesky(matrix)


def _mapped(root: NDArray[np.float64], rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """L^-1 x for each row x, scaled to length 1, as exact rows."""
    mapped = np.linalg.solve(root, rows.astype(np.float64).T).T
    return exact_rows(unit_rows(np.ascontiguousarray(mapped)))


KIND = Kind(figures=figures(RECOGNISERS), lacking=lacking, measure=measure, cloaks=True)
