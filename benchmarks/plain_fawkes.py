"""Fawkes 1.0.x as a careful user would write it: one face at a time, plain loops, nothing kept between steps.

The peer of ``benchmarks/cloaks.py`` and the oracle of ``tests/cloaks/test_fawkes.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from faceprobe.cloaks.attacks.perceptual import dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate


@dataclass
class Plain:
    """The kept iterate: ``change`` (3, 112, 112) or None, ``dssim`` and ``gain`` (summed over surrogates)."""

    change: Tensor | None = None
    dssim: float = 0.0
    gain: float = 0.0


def plain_fawkes(
    clean: Tensor,
    noise: Tensor,
    surrogates: list[Surrogate],
    bound: float,
    steps: int,
    rate: float,
    weight: float = 1e6,
) -> Plain:
    """One face: ``clean`` (3, 112, 112) in [0, 1] and ``noise`` of that shape in [-1, 1]."""
    logits = torch.atanh((clean.double() - 0.5) * (2 - 1e-6)).to(clean.dtype)[None]
    variable = (noise * 1e-4)[None]
    mean_square_gradient = torch.zeros_like(variable)
    mean_square_step = torch.zeros_like(variable)
    d, side, best = 1.0, 1, Plain()
    for step in range(steps):
        variable.requires_grad_(True)
        before = torch.tanh(logits) / (2 - 1e-6) + 0.5
        after = torch.tanh(logits + variable) / (2 - 1e-6) + 0.5
        after = before + torch.clamp(after - before, -15 / 255, 15 / 255)
        distance = dssim(after, before)[0]
        gain = torch.zeros((), dtype=clean.dtype)
        for surrogate in surrogates:
            with torch.no_grad():
                there = surrogate.features(before)[0]
            here = surrogate.features(after)[0]
            gain = gain + ((here - there) ** 2).sum() / there.norm()
        loss = weight * torch.clamp(distance - bound, min=0) ** 2 - d * gain
        (gradient,) = torch.autograd.grad(loss, variable)
        variable = variable.detach()
        mean_square_gradient = 0.95 * mean_square_gradient + 0.05 * gradient**2
        move = (mean_square_step + 1e-7).sqrt() / (mean_square_gradient + 1e-7).sqrt() * gradient
        mean_square_step = 0.95 * mean_square_step + 0.05 * move**2
        variable = variable - rate * move
        if step == 0:
            variable = variable - 0.01 * gradient.sign()
        near, far = distance.item(), gain.item()
        if near <= 1.1 * bound and far > best.gain:
            best = Plain((after - before)[0].detach(), near, far)
        if near <= 0.9 * bound and d <= 129:
            d, side = (1.0 if side == -1 else 2 * d), 1
        elif near >= 1.1 * bound and d >= 1 / 129:
            d, side = (1.0 if side == 1 else d / 2), -1
        else:
            d, side = 1.0, 0
    return best
