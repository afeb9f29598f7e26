"""Templates of the sentences about cloaks, and explanations of the terms."""

from __future__ import annotations

CLOAK_TEMPLATES: dict[str, str] = {
    "cloaks_overall": (
        "{lead}: of {cloaks} on photos of {people}, {each}judged on the best recogniser that it was not "
        "computed on, {clauses}."
    ),
    "cloaks_few_people": (
        "{lead}: photos of only {people} people were cloaked{enrolled}, so no interval is claimed and no "
        "difference is called shown; {figures}."
    ),
    "cloak_beats_noise": (
        "{lead}, {cloak}, enrolled{enrolled}, makes {value} of probes miss the person on {victim}{role} "
        "({clean} with clean photos): {difference} more than noise at equal PSNR."
    ),
    "cloak_noise_open": (
        "{lead}, {cloak}, enrolled{enrolled}, makes {value} of probes miss the person on {victim}{role} "
        "({clean} with clean photos): not shown to be more than with noise at equal PSNR ({difference})."
    ),
    "cloak_without_noise": (
        "{lead}, {cloak}, enrolled{enrolled}, makes {value} of probes miss the person on {victim}{role} "
        "({clean} with clean photos); noise at equal PSNR was not measured, so nothing shows that the cloak "
        "does more than any change of that size."
    ),
    "cloak_transfers": (
        "{lead}, of {others} that {cloak} was not computed on, {shown} shown to miss the person more often "
        "when it is enrolled{own}."
    ),
    "cloak_purifier_left": (
        "{lead}, after {purifier}, the hardest of the purifiers measured, {cloak} still adds "
        "{value} on {victim} ({plain} without a purifier)."
    ),
    "cloak_purifier_undone": (
        "{lead}, after {purifier} what {cloak} adds on {victim} is no longer shown to exceed 0: {value} "
        "({plain} without a purifier)."
    ),
    "cloak_adaptive_left": (
        "{lead}, against a collector who has trained on cloaked photos of other people, {cloak} still adds "
        "{value} on {victim} ({plain} against one who has not)."
    ),
    "cloak_adaptive_undone": (
        "{lead}, against a collector who has trained on cloaked photos of other people, what {cloak} adds on "
        "{victim} is not shown to exceed 0: {value} ({plain} against one who has not)."
    ),
    "cloak_visible": (
        "{lead}, {cloak} changes the photos by {change}{compared}; no person was asked whether the change is "
        "visible."
    ),
    "cloak_bundled": (
        "{lead}, {models} are small and were trained on synthetic people: whether a cloak misleads them says "
        "nothing about larger models."
    ),
    "cloak_little_to_lose": (
        "{lead}, {victim} misses the person in {clean} of probes even with clean photos, so little is left "
        "for a cloak to add."
    ),
}

OVERALL_CLAUSES: dict[str, str] = {
    "noise": "{count} shown to mislead it more than noise at equal PSNR",
    "purifiers": "{count} shown to mislead it more than clean photos after every purifier",
    "adaptive": (
        "{count} shown to mislead it more than clean photos where the collector has trained on cloaked "
        "photos of other people"
    ),
}
"""What ``cloaks_overall`` counts, in this order; what was not measured is left out."""

TERMS: tuple[tuple[str, str], ...] = (
    (
        "Protection",
        "the share of a person's probes that are not assigned to that person, averaged over people. Clean "
        "photos have such a share too (the clean error); added protection is the first minus the second, "
        "person by person.",
    ),
    (
        "Poisoning",
        "the person's enrolled photos are cloaked; the photos of all others and the probes are clean.",
    ),
    ("Evasion", "the probe is cloaked; all enrolled photos are clean."),
    (
        "Adaptive collector",
        "a collector who enrols the photos after training on clean and cloaked photos of other people.",
    ),
    ("Purifier", "what a collector does to every photo, clean or cloaked, before embedding it."),
    (
        "Noise at equal PSNR",
        "Gaussian noise that changes each photo as much as the cloak does. A cloak that does no better than "
        "this noise works only by degrading the photo.",
    ),
)
"""Terms of the section on cloaks, with their meaning."""
