"""A scene of a run (one dataset, crop and cloak): its models in order of rank-1, and the chance level."""

from __future__ import annotations

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
"""Roles of :class:`faceprobe.models.base.ModelCard` in words, the ones that the headline prefers first."""


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
    """The best model of each role in ``scene`` among those that have a rank-1 figure."""
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)
    found: dict[str, str] = {}
    for model in ranking(run, scene):
        row = run.get(model, scene, protocol, "rank1")
        if row is not None and row.value is not None:
            found.setdefault(role_of(run, model), model)
    return found


def headline_model(run: Run, scene: Scene) -> str | None:
    """The model that the findings on ``scene`` are about: the best one of the first role in :data:`ROLES`."""
    best = leaders(run, scene)
    return next((best[role] for role in ROLES if role in best), None)


def role_of(run: Run, model: str) -> str:
    """The role on the model's card, a key of :data:`ROLES`; a floor counts as one more image encoder."""
    role = str(run.card(model).get("role") or "encoder")
    return role if role in ROLES else "encoder"


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


def is_synthetic(run: Run, dataset: str) -> bool:
    """Whether the manifest says that the people of ``dataset`` are synthetic."""
    facts = run.manifest.datasets.get(dataset)
    return facts is not None and facts.evidence == "synthetic"


def _order(run: Run, model: str, scene: Scene) -> tuple[bool, float]:
    """Sort key: highest rank-1 first, models without a figure last."""
    row = run.get(model, scene, run.headline_protocol(scene, LEAVE_ONE_OUT), "rank1")
    value = None if row is None else row.value
    return value is None, -(value or 0.0)
