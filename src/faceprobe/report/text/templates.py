"""Templates of the sentences that the report computes, each beginning with ``{lead}``."""

from __future__ import annotations

from faceprobe.report.text.cloak_templates import CLOAK_TEMPLATES

TEMPLATES: dict[str, str] = {
    "best": (
        "{lead}: the {best}{kind}, {model}{crop}, finds the same person first in {value} of searches among "
        "{people} people{of}{enrolled}{condition}; {floors}chance is {chance}."
    ),
    "floors_only": (
        "{lead}: on {dataset} only untrained baselines were measured; they find the same person "
        "first{condition} as often as this: {figures} of searches; chance is {chance}."
    ),
    "all_above_floors": "{lead}, {models} shown to do so more often than {floors}.",
    "some_above_floors": (
        "{lead}, {shown} of {models} shown to do so more often than {floors}; not shown: {others}."
    ),
    "not_above_floors": "{lead}, {models} not shown to do so more often than {floors}{why}.",
    "no_floor": (
        "{lead}, no untrained baseline was measured on the same crop as {models}, so nothing shows how much "
        "of {their} figures an untrained model would reach."
    ),
    "compared": "{lead}, the {best}{origin} {kind}, {model}{crop}, does so in {value}.",
    "specialist": "{lead}, the {best}{kind}, {model}{crop}, does so in {value}.",
    "verification": (
        "{lead}, {model} accepts {value} of comparisons of two photos of one person{condition} when it "
        "accepts one in {one_in} comparisons of different people."
    ),
    "folds": "{lead}, {model} decides {value} of the listed pairs correctly ({protocol}).",
    "same_event": (
        "{lead}, {model} goes from {cross} to {plain} when photos of the probe's own event may match too; "
        "shared background and clothing and the larger number of photos to find can both raise that figure."
    ),
    "context_above_chance": (
        "{lead}, {model} still finds the person first in {value} of searches with the face "
        "removed{condition}; chance is {chance}, so part of the match is not the face."
    ),
    "context_at_chance": (
        "{lead}, with the face removed{condition}, {model} finds the person first in {value} of searches, "
        "which is not shown to exceed chance ({chance})."
    ),
    "face_only": (
        "{lead}, with nothing but the face{condition}, {model} finds the person first in {value} of searches."
    ),
    "context_share_open": (
        "{lead}, how much of its rank-1 above chance {model} keeps when the face is removed{condition} is "
        "left open ({reason})."
    ),
    "context_share": (
        "{lead}, {model} keeps {value} of its rank-1 above chance when the face is removed{condition}."
    ),
    "context_share_masked": (
        "{lead}, {model} keeps {value} of its rank-1 above chance when the face is removed{condition}, and "
        "{masked} when the same area is removed at a random place instead."
    ),
    "larger_better": (
        "{lead}, {larger} ({larger_size}) is better than {smaller} ({smaller_size}) by {difference}, "
        "{p} after correction; {likeness}; {seeds}."
    ),
    "larger_worse": (
        "{lead}, {larger} ({larger_size}) is worse than {smaller} ({smaller_size}) by {difference}, "
        "{p} after correction; {likeness}; {seeds}."
    ),
    "size_unclear": (
        "{lead}, no difference is shown between {larger} ({larger_size}) and {smaller} ({smaller_size}): "
        "{difference}, {p} after correction; {likeness}; {seeds}."
    ),
    "size_below_seeds": (
        "{lead}, whether {larger} ({larger_size}) is better or worse than {smaller} ({smaller_size}) is left "
        "open: the difference, {difference}, is below the spread between training seeds; {likeness}; {seeds}."
    ),
    "size_not_comparable": (
        "{lead}, {larger} ({larger_size}) and {smaller} ({smaller_size}) cannot be compared: {reason}."
    ),
    "size_overview": (
        "{lead}, of {pairs} size comparisons within a family the larger model is better in {better}, worse "
        "in {worse}, and {open} are left open."
    ),
    "real_clip": (
        "{lead}, {model}, which was not built to recognise faces, finds the same person first in {value} of "
        "searches among {people} people."
    ),
    "real_clip_faces": "{lead}, {model}, which was made for faces, does so in {value} of the same searches.",
    "real_clip_others": (
        "{lead}, {objects}, which was trained to name objects, does so in {objects_value}, and {random}, "
        "with random weights, in {floor}."
    ),
    "reference_floor": (
        "{lead}, grey LFW as measured by faceprobe's developers, the best bundled CLIP-style model, "
        "{model} on {crop}, finds the same person first in {value} of searches and {floor_model} in {floor}: "
        "there it is no better than an untrained baseline, so no figure of this run carries over to "
        "photos of people."
    ),
    "reference_above_floor": (
        "{lead}, grey LFW as measured by faceprobe's developers, the best bundled CLIP-style model, "
        "{model} on {crop}, finds the same person first in {value} of searches, and the best "
        "untrained baseline, {floor_model}, in {floor}."
    ),
    "no_rank": "{lead}, no model has a supported rank-1 figure on {dataset}; the tables below say why.",
    "largest_share": (
        "{lead}, one person makes up {share} of the mated comparisons on {dataset}: figures weighted by "
        "pairs give that person as large a weight."
    ),
    **CLOAK_TEMPLATES,
}
