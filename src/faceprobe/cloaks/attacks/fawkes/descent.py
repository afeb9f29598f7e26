"""The optimisation of Fawkes: many face crops at once, each with its own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faceprobe.cloaks.attacks.perceptual import DssimTo
from faceprobe.cloaks.attacks.surrogate import Surrogate

if TYPE_CHECKING:
    from torch import Tensor

TANH = 2 - 1e-6
"""Keeps atanh finite for pixels of 0 and 255."""

LARGEST = 15 / 255
"""No pixel of the crop changes by more."""

SLACK = 0.1
"""Width of the band around the DSSIM bound, as a share of it: an iterate may lie 10 % above."""

START = 1e-4
FIRST_STEP = 0.01
FACTOR = 129.0
"""The balance d is doubled while it is at most this, and halved while it is at least its inverse."""

RHO, EPSILON = 0.95, 1e-7
"""Adadelta's constants: the defaults of Keras, which Fawkes uses (Zeiler 2012 leaves both open)."""


@dataclass(frozen=True)
class DescentSettings:
    """``bound`` of DSSIM, number of ``steps``, learning ``rate`` of Adadelta, and ``weight`` c of the squared
    excess over the bound. A face stops when its best iterate has not improved for ``patience`` steps; 0, as
    published, never stops early.
    """

    bound: float
    steps: int
    rate: float
    weight: float
    patience: int = 0


@dataclass(frozen=True)
class DescentResult:
    """The best iterate of each of B faces.

    ``change`` (B, 3, 112, 112) in units of [0, 1]; ``dssim`` (B,); ``shift`` (B,), the mean over surrogates
    of the squared distance to the clean unit feature; ``kept`` (B,) bool says where an iterate qualified
    (else the change is 0); ``steps`` (B,) counts the iterates.
    """

    change: Tensor
    dssim: Tensor
    shift: Tensor
    kept: Tensor
    steps: Tensor


def descend(
    clean: Tensor,
    noise: Tensor,
    surrogates: Sequence[Surrogate],
    settings: DescentSettings,
    goals: Sequence[Tensor] | None = None,
) -> DescentResult:
    """Run Fawkes on ``clean`` (B, 3, 112, 112) in [0, 1] from ``noise`` of that shape in [-1, 1].

    Without ``goals`` each face moves away from its own clean features (release 1.0.x): minimise c max(DSSIM -
    bound, 0)^2 - d sum_k ||f_k(x') - f_k(x)||^2 / ||f_k(x)||. With ``goals``, one (B, D) tensor a surrogate,
    it moves towards them (0.3 and the paper): c max(DSSIM - bound, 0)^2 plus sum_k ||f_k(x') - goal_k|| /
    ||goal_k||. The iterate with the best feature term whose DSSIM is at most 1.1 of the bound is kept. The
    gradient of the last iterate, which the original code still computes, is left out.

    At the start the features differ by rounding only, and the sign of that gradient is used: in float32, two
    orders of summation soon lead to different cloaks, which work equally well. In float64 they agree.
    """
    import torch

    pixels = clean.double().sub(0.5).mul(TANH).atanh().to(clean.dtype)
    source = pixels.tanh() / TANH + 0.5
    near = DssimTo(source)
    with torch.no_grad():
        own = [s.features(source) for s in surrogates]
    state = _DescentState(source, settings, 0.0 if goals is None else -torch.inf)
    moved = (noise * START).requires_grad_(True)
    optimiser = torch.optim.Adadelta([moved], lr=settings.rate, rho=RHO, eps=EPSILON)
    for step in range(settings.steps):
        reached = (pixels + moved).tanh() / TANH + 0.5
        changed = source + (reached - source).clamp(-LARGEST, LARGEST)
        distance = near(changed)
        features = [s.features(changed) for s in surrogates]
        if goals is None:
            gain = _away(features, own)
            loss = settings.weight * (distance - settings.bound).clamp(min=0) ** 2 - state.balance * gain
        else:
            gain = -_towards(features, goals)
            loss = settings.weight * (distance - settings.bound).clamp(min=0) ** 2 - gain
        state.keep(changed, distance, gain, features, own)
        if step + 1 == settings.steps:
            break
        optimiser.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        with torch.no_grad():
            assert moved.grad is not None
            if step == 0:
                moved -= FIRST_STEP * moved.grad.sign()
            state.stop_still(moved.grad)
        if state.finished():
            break
        state.rebalance(distance.detach())
    return state.result()


def _away(features: Sequence[Tensor], own: Sequence[Tensor]) -> Tensor:
    import torch

    parts = [(f - o).square().sum(1) / o.norm(dim=1) for f, o in zip(features, own, strict=True)]
    return torch.stack(parts).sum(0)


def _towards(features: Sequence[Tensor], goals: Sequence[Tensor]) -> Tensor:
    import torch

    parts = [(f - g).norm(dim=1) / g.norm(dim=1) for f, g in zip(features, goals, strict=True)]
    return torch.stack(parts).sum(0)


class _DescentState:
    """The best iterate of each face so far, and its balance d between the two terms of the loss."""

    def __init__(self, source: Tensor, settings: DescentSettings, least: float) -> None:
        import torch

        self.source, self.settings = source, settings
        n, device = len(source), source.device
        self.change = torch.zeros_like(source)
        self.dssim = torch.zeros(n, dtype=source.dtype, device=device)
        self.shift = torch.zeros(n, dtype=source.dtype, device=device)
        self.gain = torch.full((n,), least, dtype=source.dtype, device=device)  # only a larger gain is kept
        self.kept = torch.zeros(n, dtype=torch.bool, device=device)
        self.steps = torch.zeros(n, dtype=torch.int64, device=device)
        self.waited = torch.zeros(n, dtype=torch.int64, device=device)
        self.done = torch.zeros(n, dtype=torch.bool, device=device)
        self.balance = torch.ones(n, dtype=source.dtype, device=device)
        self.side = torch.ones(
            n, dtype=source.dtype, device=device
        )  # as in the original: starts as if below the bound

    def keep(
        self,
        changed: Tensor,
        distance: Tensor,
        gain: Tensor,
        features: Sequence[Tensor],
        own: Sequence[Tensor],
    ) -> None:
        """Keep this iterate for the faces where it qualifies and is the best so far; finished faces stay."""
        import torch

        with torch.no_grad():
            allowed = distance <= (1 + SLACK) * self.settings.bound
            better = allowed & (gain > self.gain) & ~self.done
            self.steps += (~self.done).long()
            self.change = torch.where(better[:, None, None, None], changed - self.source, self.change)
            self.dssim = torch.where(better, distance, self.dssim)
            self.gain = torch.where(better, gain, self.gain)
            shift = _away(features, own) / len(own)
            self.shift = torch.where(better, shift, self.shift)
            self.kept |= better
            self.waited = torch.where(better, 0, self.waited + 1)
            if self.settings.patience:
                self.done |= self.kept & (self.waited >= self.settings.patience)

    def stop_still(self, gradient: Tensor) -> None:
        """Stop the faces whose whole gradient is exactly 0: Adadelta's step is a multiple of it."""
        self.done |= gradient.abs().amax((1, 2, 3)) == 0

    def finished(self) -> bool:
        return bool(self.done.all())

    def rebalance(self, distance: Tensor) -> None:
        """Double d below the band around the bound, halve it above; back to 1 on changing sides or inside."""
        import torch

        bound = self.settings.bound
        below = (distance <= (1 - SLACK) * bound) & (self.balance <= FACTOR)
        above = (distance >= (1 + SLACK) * bound) & (self.balance >= 1 / FACTOR) & ~below
        up = torch.where(self.side == -1, 1.0, self.balance * 2)
        down = torch.where(self.side == 1, 1.0, self.balance / 2)
        self.balance = torch.where(below, up, torch.where(above, down, 1.0))
        self.side = below.float() - above.float()

    def result(self) -> DescentResult:
        return DescentResult(self.change, self.dssim, self.shift, self.kept, self.steps)
