"""Identification metrics as plain functions of a similarity matrix: the same formulas as ``faceprobe score``.

Conventions (:mod:`faceprobe.metrics`): a higher score means more alike; a probe's rank is 1 + the number of
gallery entries of other people that score at or above its best mate, so ties count against the system. A
comparison whose similarity is -inf is left out: set the diagonal to -inf where probes and gallery are the
same photos (leave one out).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceprobe.core.errors import BadInput
from faceprobe.core.words import counted
from faceprobe.metrics.identification import closed_set, open_set
from faceprobe.metrics.identification.closed_set import Identification
from faceprobe.metrics.identification.open_set import OpenSet
from faceprobe.metrics.inputs import as_array, as_people, as_rate, as_scores, as_weighting


def rank_k(
    similarity: ArrayLike,
    gallery_labels: ArrayLike,
    probe_labels: ArrayLike,
    k: int = 1,
    *,
    weighting: str = "pair",
) -> float:
    """Share of probes whose best mate is at rank ``k`` or better.

    Args:
        similarity: (Q, G) score of each probe with each gallery entry; a higher score means more alike, and
            -inf leaves the comparison out.
        gallery_labels: (G,) the person of each gallery entry: text or numbers.
        probe_labels: (Q,) the person of each probe. Every probe needs a mate in the gallery.
        k: the rank, 1 or more.
        weighting: ``"pair"``: every probe weighs the same. ``"identity"``: every person does.

    Returns:
        A fraction in [0, 1].

    Raises:
        BadInput: shapes that do not fit, NaN, no entry, a probe without a mate, a wrong ``k`` or
            ``weighting``.

    >>> from faceprobe.metrics import rank_k
    >>> similarity = [[0.9, 0.2, 0.1], [0.6, 0.5, 0.1]]  # two probes, three gallery entries
    >>> rank_k(similarity, ["ann", "bob", "eve"], ["ann", "bob"])
    0.5
    >>> rank_k(similarity, ["ann", "bob", "eve"], ["ann", "bob"], k=2)
    1.0
    """
    found = _closed_set(similarity, gallery_labels, probe_labels)
    return closed_set.mean_outcome(found, f"rank{_as_rank(k, 'k')}", as_weighting(weighting))


def mrr(
    similarity: ArrayLike, gallery_labels: ArrayLike, probe_labels: ArrayLike, *, weighting: str = "pair"
) -> float:
    """Mean reciprocal rank: the mean of 1 / rank of each probe's best mate, in (0, 1].

    Arguments and errors are those of :func:`rank_k`.

    >>> from faceprobe.metrics import mrr
    >>> mrr([[0.9, 0.2, 0.1], [0.6, 0.5, 0.1]], ["ann", "bob", "eve"], ["ann", "bob"])
    0.75
    """
    found = _closed_set(similarity, gallery_labels, probe_labels)
    return closed_set.mean_outcome(found, "mrr", as_weighting(weighting))


def cmc(
    similarity: ArrayLike,
    gallery_labels: ArrayLike,
    probe_labels: ArrayLike,
    *,
    max_rank: int | None = None,
    weighting: str = "pair",
) -> NDArray[np.float64]:
    """Cumulative match characteristic: (K,) float64 shares of probes found at ranks 1, 2, ..., K.

    K is ``max_rank``, or G, the number of gallery entries, where it is None. The other arguments and errors
    are those of :func:`rank_k`.

    >>> from faceprobe.metrics import cmc
    >>> cmc([[0.9, 0.2, 0.1], [0.6, 0.5, 0.1]], ["ann", "bob", "eve"], ["ann", "bob"]).tolist()
    [0.5, 1.0, 1.0]
    """
    found = _closed_set(similarity, gallery_labels, probe_labels)
    last = len(as_array(gallery_labels, "gallery_labels", 1))
    if max_rank is not None:
        last = _as_rank(max_rank, "max_rank")
    return closed_set.cmc(found, np.arange(1, last + 1), as_weighting(weighting))


def fnir_at_fpir(
    similarity: ArrayLike,
    gallery_labels: ArrayLike,
    probe_labels: ArrayLike,
    fpir: float = 1e-2,
    *,
    weighting: str = "pair",
) -> float:
    """False negative identification rate at the lowest threshold whose FPIR is at most ``fpir`` (open set).

    A probe of a person who is not in the gallery is a non-mated search: a false positive where any entry
    scores at or above the threshold T; FPIR is the share of such searches, and k = floor(fpir * number of
    non-mated searches) are allowed. A probe of an enrolled person is found where its best mate is at rank 1
    and scores at or above T; FNIR is the share of those that are not found. (ISO/IEC 19795-1:2021;
    P. Grother, M. Ngan, K. Hanaoka, FRVT Part 2: Identification, NISTIR 8271.)

    Args:
        similarity: (Q, G) score of each probe with each gallery entry; -inf leaves the comparison out.
        gallery_labels: (G,) the person of each gallery entry: text or numbers.
        probe_labels: (Q,) the person of each probe, some of them not in ``gallery_labels``.
        fpir: the target, a fraction in [0, 1]. Where it allows no false positive (k = 0), ``faceprobe score``
            reports no value; this function then accepts only what scores above every non-mated search.
        weighting: ``"pair"``: every mated search weighs the same. ``"identity"``: every enrolled person does.
            FPIR counts every search once in both.

    Returns:
        A fraction in [0, 1].

    Raises:
        BadInput: as :func:`rank_k`, and where there is no mated or no non-mated search.

    >>> from faceprobe.metrics import fnir_at_fpir
    >>> similarity = [[0.9, 0.2], [0.1, 0.6], [0.7, 0.3], [0.4, 0.5]]
    >>> fnir_at_fpir(similarity, ["ann", "bob"], ["ann", "bob", "eve", "dan"], fpir=0.25)  # T is above 0.7
    0.5
    """
    found = _open_set(similarity, gallery_labels, probe_labels)
    allowed = open_set.allowed_alarms(found, as_rate(fpir, "fpir"))
    return open_set.fnir(found, allowed, as_weighting(weighting))


def dir_at_fpir(
    similarity: ArrayLike,
    gallery_labels: ArrayLike,
    probe_labels: ArrayLike,
    fpir: float = 1e-2,
    *,
    weighting: str = "pair",
) -> float:
    """Detection and identification rate at the lowest threshold whose FPIR is at most ``fpir``: 1 - FNIR.

    Arguments and errors are those of :func:`fnir_at_fpir`.

    >>> from faceprobe.metrics import dir_at_fpir
    >>> similarity = [[0.9, 0.2], [0.1, 0.6], [0.7, 0.3], [0.4, 0.5]]
    >>> dir_at_fpir(similarity, ["ann", "bob"], ["ann", "bob", "eve", "dan"], fpir=0.5)  # T is above 0.5
    1.0
    """
    return 1.0 - fnir_at_fpir(similarity, gallery_labels, probe_labels, fpir, weighting=weighting)


def _closed_set(similarity: ArrayLike, gallery_labels: ArrayLike, probe_labels: ArrayLike) -> Identification:
    scores, mates, label, n_people = _searches(similarity, gallery_labels, probe_labels)
    best = _best_mates(scores, mates)
    alone = np.isneginf(best)
    if alone.any():
        raise BadInput(
            f"{int(alone.sum()):,} of {counted(len(best), 'probe')} have no mate in the gallery "
            f"(first: probe {int(np.argmax(alone))}); leave them out, or measure an open set with dir_at_fpir"
        )
    return Identification(1 + _others_at_or_above(scores, mates, best), label, n_people)


def _open_set(similarity: ArrayLike, gallery_labels: ArrayLike, probe_labels: ArrayLike) -> OpenSet:
    scores, mates, label, n_people = _searches(similarity, gallery_labels, probe_labels)
    enrolled, best = mates.any(axis=1), _best_mates(scores, mates)
    alone = enrolled & np.isneginf(best)
    if alone.any():
        raise BadInput(
            f"{counted(int(alone.sum()), 'probe')} of enrolled people have no mate left, as every comparison "
            f"with them is -inf (first: probe {int(np.argmax(alone))}); leave them out"
        )
    if enrolled.all() or not enrolled.any():
        lack, where = ("non-mated", "outside") if enrolled.all() else ("mated", "in")
        raise BadInput(f"there is no {lack} search: no probe is of a person {where} the gallery")
    return OpenSet.of(
        best[enrolled],
        _others_at_or_above(scores, mates, best)[enrolled],
        label[enrolled].astype(np.int64),
        scores[~enrolled].max(axis=1),
        label[~enrolled].astype(np.int64),
        n_people,
    )


def _searches(
    similarity: ArrayLike, gallery_labels: ArrayLike, probe_labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int32], int]:
    """Checked scores (Q, G), whether each entry is of the probe's person (Q, G), the probes' people (Q,),
    counted from 0, and how many people there are.
    """
    scores = as_scores(similarity, "similarity", 2, left_out=True)
    gallery, probes = as_array(gallery_labels, "gallery_labels", 1), as_array(probe_labels, "probe_labels", 1)
    if scores.shape != (len(probes), len(gallery)):
        raise BadInput(
            f"similarity must have a row for each of {counted(len(probes), 'probe')} and a column for each "
            f"of {counted(len(gallery), 'gallery entry', 'gallery entries')}, but its shape is {scores.shape}"
        )
    kinds = {array.dtype.kind in "US" for array in (gallery, probes) if array.dtype.kind != "O"}
    if len(kinds) > 1:
        raise BadInput(
            f"gallery_labels ({gallery.dtype}) and probe_labels ({probes.dtype}) must be of one type: "
            "all text or all numbers"
        )
    gallery, probes = as_people(gallery, "gallery_labels"), as_people(probes, "probe_labels")
    names, label = np.unique(np.concatenate([gallery, probes]), return_inverse=True)
    person = label[len(gallery) :].astype(np.int32)
    return scores, person[:, None] == label[: len(gallery)], person, len(names)


def _best_mates(scores: NDArray[np.float64], mates: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(Q,) each probe's highest score with its person; -inf where there is none."""
    best: NDArray[np.float64] = np.where(mates, scores, -np.inf).max(axis=1)
    return best


def _others_at_or_above(
    scores: NDArray[np.float64], mates: NDArray[np.bool_], best: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(Q,) gallery entries of other people that score at or above each probe's best mate."""
    counts: NDArray[np.int64] = np.count_nonzero(~mates & (scores >= best[:, None]), axis=1)
    return counts


def _as_rank(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise BadInput(f"{name} must be a whole number of 1 or more, not {value!r}")
    return int(value)
