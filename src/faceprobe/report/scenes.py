"""A scene of a run (one dataset, crop and cloak): its models in order of rank-1, and the chance level."""

from __future__ import annotations

from faceprobe.results.result import Result
from faceprobe.results.run import LEAVE_ONE_OUT, Run

Scene = tuple[str, str, str]
"""(dataset, cloak, crop)."""

HEADLINE_TMR = "tmr@fmr=1e-3"

LARGE_SHARE = 0.1
"""The report warns where one person's photos make up more than this share of the mated comparisons."""

SHARE_METRIC = "largest_identity_share"

ROLES = {
    "clip": "zero-shot CLIP-style model",
    "encoder": "image encoder",
    "specialist": "model made for faces",
    "fusion": "fusion of encoders",
}
"""Roles of :class:`faceprobe.models.base.ModelCard` in words, the ones that the headline prefers first. A
floor (an untrained baseline) is none of them: it is what the others are compared with.
"""

FLOOR = "floor"
FLOOR_KINDS = ("pixels:", "hog:", "lbp:", "random:")
"""How names of floors begin, for runs without cards of models."""

OWN, PUBLISHED, BUNDLED = range(3)
"""Origins of a model in the order in which they lead: the user's own, other weights, the bundled ones."""


def headline_scenes(run: Run) -> list[Scene]:
    """One scene for each dataset: uncloaked, and as-is where that crop was measured."""
    found: dict[str, Scene] = {}
    for scene in run.scenes:
        if scene[1] == "none":
            found.setdefault(scene[0], scene)
    return list(found.values()) or list(run.scenes[:1])


def ranking(run: Run, scene: Scene) -> list[str]:
    """Models of ``scene`` by identity-weighted leave-one-out rank-1, best first.

    The cross-event variant is used where the scene has it. Models without the figure come last, in the order
    of the run.
    """
    present = {r.model for r in run.in_scene(scene)}
    return sorted((m for m in run.models if m in present), key=lambda m: _order(run, m, scene))


def entrants(run: Run, scene: Scene) -> list[tuple[str, Scene]]:
    """Models of ``scene``, each with the scene to read its rows from; best first.

    Where ``scene`` is the first of its dataset, models that were measured on other crops only join it: each
    on its default crop if that was measured, and never on the photo without its face.
    """
    dataset, cloak, _ = scene
    found = [(model, scene) for model in ranking(run, scene)]
    siblings = [s for s in run.scenes if s[:2] == (dataset, cloak)]
    if siblings and siblings[0] == scene:
        others = [s for s in siblings[1:] if not s[2].startswith(("context-only", "random-mask"))]
        measured = [(m, other) for other in others for m in ranking(run, other)]
        for model, other in sorted(measured, key=lambda entry: not is_own_crop(run, entry[0], entry[1][2])):
            if model not in {f[0] for f in found}:
                found.append((model, other))
    return sorted(found, key=lambda entry: _order(run, *entry))


def is_own_crop(run: Run, model: str, crop: str) -> bool:
    """Whether ``crop`` is the default crop on the model's card."""
    return bool(run.card(model).get("default_crop") == crop)


def family_of(run: Run, model: str) -> str:
    """The family on the model's card; "-" where it has none."""
    return str(run.card(model).get("family") or "-")


def leaders(run: Run, scene: Scene) -> dict[str, str]:
    """The best model of each role in ``scene`` among those that have a rank-1 figure; the best floor only
    where there is no other.
    """
    found: dict[str, str] = {}
    for model in ranking(run, scene):
        if rank1_of(run, model, scene) is not None:
            found.setdefault(role_of(run, model), model)
    return {role: model for role, model in found.items() if role != FLOOR} or found


def candidates(run: Run, scene: Scene) -> list[tuple[str, Scene]]:
    """The :func:`entrants` that have a rank-1 figure and are no floors, best first."""
    return [
        (model, measured)
        for model, measured in entrants(run, scene)
        if role_of(run, model) != FLOOR and rank1_of(run, model, measured) is not None
    ]


def headline(run: Run, scene: Scene) -> tuple[str, Scene] | None:
    """The model that the findings on ``scene`` are about, with the scene it was measured in: of the user's
    own models, else of the published ones, else of the bundled ones, the best of the first role in
    :data:`ROLES`.
    """
    return min(candidates(run, scene), key=lambda entry: _precedence(run, entry[0]), default=None)


def headline_model(run: Run, scene: Scene) -> str | None:
    """The model of :func:`headline` among those measured in ``scene`` itself."""
    here = [model for model, measured in candidates(run, scene) if measured == scene]
    return min(here, key=lambda model: _precedence(run, model), default=None)


def rank1_of(run: Run, model: str, scene: Scene) -> Result | None:
    """The identity-weighted rank-1 row that models of ``scene`` are ordered by; None without a value."""
    row = run.get(model, scene, run.headline_protocol(scene, LEAVE_ONE_OUT), "rank1")
    return row if row is not None and row.value is not None else None


def role_of(run: Run, model: str) -> str:
    """The role on the model's card: :data:`FLOOR`, or a key of :data:`ROLES`."""
    role = str(run.card(model).get("role") or "")
    if not role and model.startswith(FLOOR_KINDS):
        return FLOOR
    return role if role in ROLES or role == FLOOR else "encoder"


def is_random(run: Run, model: str) -> bool:
    """Whether ``model`` is an architecture with random weights."""
    return str(run.card(model).get("id") or model).startswith("random:")


def origin_of(run: Run, model: str) -> int:
    """:data:`OWN`, :data:`PUBLISHED` or :data:`BUNDLED` by the model's card."""
    card = run.card(model)
    if card.get("own"):
        return OWN
    return BUNDLED if card.get("synthetic") else PUBLISHED


def chance(run: Run, scene: Scene, protocol: str) -> float | None:
    """Rank-1 of a random guess: the share of the probe's own person among all other photos, or None where the
    run does not hold the counts.

    Exact for identity-weighted leave-one-out: mean over its people of (their photos - 1) / (all photos - 1).
    The cross-event variant leaves out as many mates as photos, so its chance lies slightly below this value:
    a figure above this value is above its chance too.
    """
    for model in run.models:
        row, cell = run.get(model, scene, protocol, "rank1"), run.cell(model, scene)
        if row and cell and row.n_identities and cell.n_photos > 1:
            return (row.n / row.n_identities - 1) / (cell.n_photos - 1)
    return None


def mates_of(row: Result) -> float | None:
    """How many other photos of the probe's person a search of a leave-one-out row can find, on average over
    people; with photos of the same event left out, at most. None where it is not known.
    """
    if not row.n_identities or not row.protocol.startswith(LEAVE_ONE_OUT) or row.n <= row.n_identities:
        return None
    return row.n / row.n_identities - 1


def is_synthetic(run: Run, dataset: str) -> bool:
    """Whether the manifest says that the people of ``dataset`` are synthetic."""
    facts = run.manifest.datasets.get(dataset)
    return facts is not None and facts.evidence == "synthetic"


def _precedence(run: Run, model: str) -> tuple[int, int]:
    """Sort key of models that could lead: first by origin, then by role."""
    return origin_of(run, model), list(ROLES).index(role_of(run, model))


def _order(run: Run, model: str, scene: Scene) -> tuple[bool, float]:
    """Sort key: highest rank-1 first, models without a figure last."""
    row = rank1_of(run, model, scene)
    return row is None, -((row.value if row is not None else None) or 0.0)
