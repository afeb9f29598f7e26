"""PGD on the tested recogniser itself (white box): the most that a change this small can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faceprobe.cloaks.attacks.face_window_cloak import WindowCloak, check_name
from faceprobe.cloaks.attacks.face_windows import NOTE
from faceprobe.cloaks.attacks.surrogate import load_surrogates
from faceprobe.cloaks.attacks.surrogate_view import SurrogateView, WindowBatch, relative
from faceprobe.cloaks.base import CloakCard, CloakFamily, Subject
from faceprobe.cloaks.names import CloakName

if TYPE_CHECKING:
    from torch import Tensor

EPS, STEP, STEPS = 8 / 255, 2 / 255, 40
"""Largest change, step and number of steps: the settings of Madry et al. 2018 for larger photos."""


class Pgd(WindowCloak):
    """Projected gradient ascent (Madry, Makelov, Schmidt, Tsipras, Vladu, ICLR 2018) on the squared distance
    to the clean feature, from a random start, in the L-infinity ball of 8/255 and the range [0, 1].

    Each surrogate is attacked in its default crop: the aligned face for a recogniser; for a CLIP model the
    whole photo, resized as in the model's own preprocessing.
    """

    def optimise(self, batch: WindowBatch, view: SurrogateView) -> tuple[Tensor, int]:
        clean = batch.clean
        photos = (clean + batch.noise(EPS)).clamp(0, 1)
        for _ in range(STEPS):
            climbed = photos + STEP * view.gradient(photos, relative).sign()
            photos = (clean + (climbed - clean).clamp(-EPS, EPS)).clamp(0, 1)
        return photos, STEPS


class PgdFamily(CloakFamily):
    """``pgd[SURROGATE+...]``: a white-box attack where the surrogate is also the victim."""

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
