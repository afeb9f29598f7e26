"""The one table of metrics: what each name means, its unit, its digits in print, and which way is better.

A metric's name is a base, such as ``tmr``, and its parameters: ``tmr@fmr=1e-3``, ``rank10@people=all``,
``added_protection@1nn``, ``n_mated/G1``, ``fpir[1e-2]@people=100``, ``fmr@group=GROUP,T@fmr=1e-4``. The table
has one row for each base; :func:`metric_info` looks a name up and writes its parameters into the title.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

Unit = Literal["fraction", "count", "dB", ""]
"""``fraction``: a rate in [0, 1]; ``count``: a whole number; ``""``: another number without a unit."""

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class MetricInfo:
    """What a metric's name means.

    ``name`` is the name that was asked for (in :data:`METRICS` the base, with ``<k>`` for a number),
    ``title`` a heading, ``digits`` how many follow the point in print (0 for counts) and ``about`` one
    sentence.
    ``direction`` says which way is better for what is measured: recognition, or a cloak; None where neither
    way is.
    """

    name: str
    title: str
    unit: Unit = "fraction"
    digits: int = 3
    direction: Direction | None = None
    about: str = ""


METRICS: tuple[MetricInfo, ...] = (
    # Verification
    MetricInfo("tmr", "TMR", direction="higher", about="Share of mated comparisons that match."),
    MetricInfo("fnmr", "FNMR", direction="lower", about="Share of mated comparisons that do not match."),
    MetricInfo("fmr", "FMR", direction="lower", about="Share of non-mated comparisons that match."),
    MetricInfo("eer", "EER", direction="lower", about="The rate at which FMR and FNMR are equal."),
    MetricInfo(
        "auc",
        "AUC",
        digits=4,
        direction="higher",
        about="Chance that a mated score exceeds a non-mated one, ties counted half.",
    ),
    MetricInfo(
        "d_prime",
        "d'",
        unit="",
        digits=2,
        direction="higher",
        about="Distance of the means of mated and non-mated scores in units of their spread.",
    ),
    MetricInfo(
        "accuracy",
        "Accuracy",
        direction="higher",
        about="Share of listed pairs decided correctly, the threshold chosen on the other folds.",
    ),
    MetricInfo(
        "accuracy_se", "Standard error of the accuracy", about="Over folds, ddof 1, divided by sqrt(F)."
    ),
    MetricInfo("accuracy_sd", "Standard deviation of the accuracy", about="Over folds, ddof 0."),
    MetricInfo(
        "largest_identity_share",
        "Largest person's share",
        about="Share of the mated comparisons that are of one person.",
    ),
    # Identification
    MetricInfo(
        "rank<k>",
        "Rank-<k>",
        direction="higher",
        about="Share of probes whose best mate is at this rank or better, ties against the system.",
    ),
    MetricInfo(
        "mrr",
        "Mean reciprocal rank",
        direction="higher",
        about="Mean over probes of 1 / rank of the best mate.",
    ),
    MetricInfo(
        "fnir",
        "FNIR",
        direction="lower",
        about="Share of mated searches whose mate is not at rank 1 with a score at or above T.",
    ),
    MetricInfo(
        "fpir",
        "FPIR",
        direction="lower",
        about="Share of non-mated searches with a candidate at or above T.",
    ),
    # Groups of people
    MetricInfo(
        "fmr_max_min",
        "FMR, largest / smallest",
        unit="",
        direction="lower",
        about="Ratio of the groups' largest to their smallest FMR (NISTIR 8429).",
    ),
    MetricInfo(
        "fmr_max_geomean",
        "FMR, largest / geometric mean",
        unit="",
        direction="lower",
        about="Ratio of the groups' largest FMR to their geometric mean (NISTIR 8429).",
    ),
    MetricInfo(
        "fnmr_max_min",
        "FNMR, largest / smallest",
        unit="",
        direction="lower",
        about="Ratio of the groups' largest to their smallest FNMR (NISTIR 8429).",
    ),
    MetricInfo(
        "fnmr_max_geomean",
        "FNMR, largest / geometric mean",
        unit="",
        direction="lower",
        about="Ratio of the groups' largest FNMR to their geometric mean (NISTIR 8429).",
    ),
    # Cloaks: recognition
    MetricInfo(
        "protection",
        "Protection",
        direction="higher",
        about="Share of probes not recognised where the cloak is used.",
    ),
    MetricInfo(
        "clean_error",
        "Error without cloak",
        direction="lower",
        about="Share of the same probes not recognised without any cloak.",
    ),
    MetricInfo(
        "added_protection",
        "Added protection",
        direction="higher",
        about="Protection less the error without cloak.",
    ),
    MetricInfo(
        "self_rank1",
        "Cloaked photo finds its clean one",
        direction="lower",
        about="Share of cloaked photos whose nearest clean photo is their own.",
    ),
    MetricInfo(
        "person_rank1",
        "Cloaked photo finds its person",
        direction="lower",
        about="Share of cloaked photos whose nearest clean photo is of their person.",
    ),
    MetricInfo(
        "person_rank1_other",
        "Cloaked photo finds another photo of its person",
        direction="lower",
        about="As the person's, the photo's own clean version left out.",
    ),
    MetricInfo(
        "clean_person_rank1_other",
        "Clean photo finds another photo of its person",
        direction="higher",
        about="The same search with the clean photo.",
    ),
    MetricInfo(
        "self_match",
        "Cloaked photo matches its clean one",
        direction="lower",
        about="Share of cloaked photos that match their own clean photo.",
    ),
    MetricInfo(
        "tmr_clean",
        "TMR, clean photos",
        direction="higher",
        about="TMR of the photos to be cloaked with their person's others, before the cloak.",
    ),
    MetricInfo(
        "tmr_cloaked",
        "TMR, cloaked photos",
        direction="lower",
        about="TMR of cloaked photos with their person's other clean photos.",
    ),
    MetricInfo(
        "cosine_to_clean",
        "Cosine of cloaked and clean photo",
        unit="",
        direction="lower",
        about="Cosine of the embeddings of a cloaked photo and its clean one.",
    ),
    # Cloaks: how visible they are
    MetricInfo(
        "psnr",
        "PSNR",
        unit="dB",
        digits=1,
        direction="higher",
        about="10 log10(255^2 / MSE), over all pixels and channels.",
    ),
    MetricInfo(
        "ssim",
        "SSIM",
        unit="",
        digits=4,
        direction="higher",
        about="Structural similarity (Z. Wang et al., IEEE TIP 13, 2004).",
    ),
    MetricInfo("dssim", "DSSIM", unit="", digits=4, direction="lower", about="(1 - SSIM) / 2."),
    MetricInfo(
        "delta_e",
        "Colour difference of the face",
        unit="",
        digits=1,
        direction="lower",
        about="CIEDE2000, mean over the face that changed most; above 2.3 a face is visibly tinted.",
    ),
    MetricInfo(
        "delta_e_p95",
        "Colour difference of the face, 95th percentile",
        unit="",
        digits=1,
        direction="lower",
        about="The same, 95th percentile over the pixels of the face.",
    ),
    MetricInfo(
        "dssim_crop_max",
        "Largest DSSIM of a face crop",
        unit="",
        digits=4,
        direction="lower",
        about="Measured by the cloak itself, before pasting back.",
    ),
    MetricInfo(
        "lpips",
        "LPIPS",
        unit="",
        digits=4,
        direction="lower",
        about="Learned perceptual distance (R. Zhang et al., CVPR 2018).",
    ),
    MetricInfo(
        "share_changed",
        "Photos changed",
        about="Share of the photos to be cloaked of which at least one pixel changed.",
    ),
    MetricInfo(
        "face_found", "Face found", about="Share of cloaked photos in which the detector finds a face."
    ),
    MetricInfo(
        "face_found_clean",
        "Face found, clean photos",
        about="Share of the same photos, without cloak, in which the detector finds a face.",
    ),
    # Counts
    *(
        MetricInfo(name, title, unit="count", digits=0)
        for name, title in {
            "n_mated": "Mated comparisons",
            "n_nonmated": "Non-mated comparisons",
            "n_duplicate_pairs": "Comparisons of duplicates",
            "n_probes": "Probes",
            "n_enrolled": "Enrolled in the gallery",
            "n_mated_searches": "Mated searches",
            "n_nonmated_searches": "Non-mated searches",
            "n_trials": "Trials",
            "n_distractors": "Distractors",
            "n_groups": "Groups",
            "n_cohort": "Photos in the cohort",
            "n_cloaked": "Cloaked photos",
            "n_ties": "Ties",
        }.items()
    ),
)
"""One row for each base name, in the order in which reports explain them."""

_BY_NAME = {info.name: info for info in METRICS}

_CONDITIONS = {
    "fmr": "at FMR {}",
    "fpir": "at FPIR {}",
    "people": "among {} people",
    "distractors": "among {} distractors",
}
"""How the parameter of each name reads in a title."""

_RECOGNISERS = {
    "1nn": "nearest photo",
    "centroid": "nearest mean",
    "linear": "linear probe",
    "1nn-seen": "nearest photo, cloaks known",
    "linear-seen": "linear probe, cloaks known",
}

_NAME = re.compile(r"(?P<base>\w+)(?P<set>\[[^\]]*\])?(?P<rest>.*)", re.DOTALL)
_GROUPS = re.compile(r"@groups?=(?P<groups>.*?)(?P<rest>,T@fmr=[^,]*)?", re.DOTALL)


@cache
def metric_info(name: str) -> MetricInfo:
    """What ``name`` means, parameters included. An unknown name gives three digits and no direction; one that
    begins with ``n_`` is a count.

    >>> metric_info("tmr@fmr=1e-3").title
    'TMR at FMR 1e-3'
    >>> info = metric_info("rank10@people=all")
    >>> info.title, info.unit, info.digits, info.direction
    ('Rank-10 among all people', 'fraction', 3, 'higher')
    >>> metric_info("n_photos_of_cats").unit
    'count'
    """
    parsed = _NAME.fullmatch(name)
    if parsed is None:
        return MetricInfo(name, name, unit="")
    base, rest = parsed["base"], parsed["rest"]
    number = re.fullmatch(r"rank(\d+)", base)
    found = _BY_NAME.get("rank<k>" if number else base)
    if found is None:
        return (
            MetricInfo(name, name, "count", 0) if name.startswith("n_") else MetricInfo(name, name, unit="")
        )
    title = found.title.replace("<k>", number[1]) if number else found.title
    if parsed["set"]:
        title += f" at the T of FPIR {parsed['set'][1:-1]}"
    if base == "protection" and rest.endswith("_sd"):
        return replace(
            found,
            name=name,
            title=f"{title}{_conditions(rest.removesuffix('_sd'))}, standard deviation",
            direction=None,
            about="Standard deviation of the protection over people.",
        )
    return replace(found, name=name, title=title + _conditions(rest))


def _conditions(rest: str) -> str:
    """The parameters of a name in words, with what joins them to the title."""
    words = ""
    groups = _GROUPS.fullmatch(rest)
    if groups:  # a group's name may hold any character
        words += f", {'group' if rest.startswith('@group=') else 'groups'} {groups['groups']}"
        rest = groups["rest"] or ""
    for mark, key, value in re.findall(r"([@,/])([^@,/=]*)(?:=([^@,/]*))?", rest):
        if mark == "/":
            words += f", gallery {key}"
        elif key in _RECOGNISERS:
            words += f", {_RECOGNISERS[key]}"
        elif key == "T":
            words += ", T"
        elif key in _CONDITIONS:
            words += " " + _CONDITIONS[key].format(value)
        else:
            words += f", {key}" + (f" {value}" if value else "")
    return words
