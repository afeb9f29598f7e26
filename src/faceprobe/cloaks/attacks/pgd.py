"""PGD on the recogniser itself: the white-box upper bound of what a change this small can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceprobe.cloaks.attacks.surrogate import load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import Group, Sight, relative
from faceprobe.cloaks.attacks.window_cloak import WindowCloak, check_name
from faceprobe.cloaks.attacks.windows import NOTE
from faceprobe.cloaks.base import CloakCard, Subject
from faceprobe.cloaks.names import CloakName

if TYPE_CHECKING:
    from torch import Tensor

EPS, STEP, STEPS = 8 / 255, 2 / 255, 40
"""Largest change, step and number of steps: the settings of Madry et al. 2018 for larger photos."""


class Pgd(WindowCloak):
    """Projected gradient ascent (Madry, Makelov, Schmidt, Tsipras, Vladu, ICLR 2018) on the squared distance
    to the clean feature, from a random start, in the L-infinity ball of 8/255 and the range [0, 1].

    Each surrogate is attacked in the crop that it is measured with: the aligned face for a recogniser, the
    whole photo as the model's own preprocessing resizes it for a CLIP model.
    """

    def optimise(self, group: Group, sight: Sight) -> tuple[Tensor, int]:
        clean = group.clean
        photos = (clean + group.noise(EPS)).clamp(0, 1)
        for _ in range(STEPS):
            climbed = photos + STEP * sight.gradient(photos, relative).sign()
            photos = (clean + (climbed - clean).clamp(-EPS, EPS)).clamp(0, 1)
        return photos, STEPS


class PgdFamily:
    """``pgd[SURROGATE+...]``: white box where the surrogate is also the victim."""

    stems = ("pgd",)

    def card(self, name: CloakName) -> CloakCard:
        surrogates = check_name(name, "pgd", set())
        return CloakCard(
            id=name.shown(surrogates),
            about="projected gradient ascent on the surrogate itself, in the crop that it is measured with",
            citation="Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
            constants={"eps": EPS, "step": STEP, "steps": STEPS},
            notes=("an upper bound where the surrogate is the victim; no tool for users does this", NOTE),
        )

    def load(self, name: CloakName, *, device: str, offline: bool, targets: Sequence[Subject]) -> Pgd:
        card = self.card(name)
        surrogates = check_name(name, "pgd", set())
        return Pgd(card, load_surrogates(surrogates, device=device, offline=offline), EPS)


FAMILY = PgdFamily()
