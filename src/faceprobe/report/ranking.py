"""The order of models in a scene of a run: best rank-1 first."""

from __future__ import annotations

from faceprobe.results.run import LEAVE_ONE_OUT, Run

Scene = tuple[str, str, str]
"""(dataset, cloak, crop)."""

HEADLINE_TMR = "tmr@fmr=1e-3"


def ranking(run: Run, scene: Scene) -> list[str]:
    """Models of ``scene`` by identity-weighted leave-one-out rank-1, best first.

    The cross-event variant is used where the scene has it. Models without the figure come last, in the order
    of the run.
    """
    protocol = run.headline_protocol(scene, LEAVE_ONE_OUT)

    def order(model: str) -> tuple[bool, float]:
        row = run.get(model, scene, protocol, "rank1")
        value = None if row is None else row.value
        return value is None, -(value or 0.0)

    present = {r.model for r in run.in_scene(scene)}
    return sorted((m for m in run.models if m in present), key=order)


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

    def order(entry: tuple[str, Scene]) -> tuple[bool, float]:
        row = run.get(entry[0], entry[1], run.headline_protocol(entry[1], LEAVE_ONE_OUT), "rank1")
        value = None if row is None else row.value
        return value is None, -(value or 0.0)

    return sorted(found, key=order)


def is_own_crop(run: Run, model: str, crop: str) -> bool:
    """Whether ``crop`` is the default crop on the model's card."""
    return bool(run.card(model).get("default_crop") == crop)


def family_of(run: Run, model: str) -> str:
    """The family on the model's card; "-" where it has none."""
    return str(run.card(model).get("family") or "-")
