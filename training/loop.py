"""The training loop that every bundled model shares: schedule, checkpoints, resume, export."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceprobe.core.files import atomic_path, sha256_json
from faceprobe.core.progress import say

CHECKPOINT_SECONDS = 600.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, given the data. ``samples`` counts photos seen."""

    model: str
    samples: int = 256_000
    batch: int = 128
    rate: float = 2e-3
    decay: float = 0.05
    warmup: int = 100
    seed: int = 0
    precision: str = "bf16"

    @property
    def steps(self) -> int:
        return self.samples // self.batch

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then cosine to zero."""
        if step < self.warmup:
            return self.rate * (step + 1) / self.warmup
        return (
            self.rate
            * 0.5
            * (1 + math.cos(math.pi * (step - self.warmup) / max(1, self.steps - self.warmup)))
        )


def batch_rows(recipe: Recipe, step: int, total: int) -> NDArray[np.int64]:
    """Rows of one step: epochs are seeded permutations, so that a resumed run sees the same batches."""
    per_epoch = total // recipe.batch
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng([recipe.seed, 17, epoch]).permutation(total)
    return order[place * recipe.batch : (place + 1) * recipe.batch]


def augment(images: NDArray[np.uint8], mean: Tensor, std: Tensor, seed: list[int]) -> Tensor:
    """(B, H, W, 3) uint8 -> normalised (B, 3, H, W): mirrored at random, shifted by up to 3 pixels."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    x = (x - mean[:, None, None]) / std[:, None, None]
    mirrored = torch.from_numpy(rng.random(len(images)) < 0.5)
    x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
    side = x.shape[-1]
    x = nn.functional.pad(x, (3, 3, 3, 3), mode="replicate")
    corners = rng.integers(0, 7, (len(images), 2))
    x = torch.stack(
        [p[:, top : top + side, left : left + side] for p, (top, left) in zip(x, corners, strict=True)]
    )
    return x.contiguous(memory_format=torch.channels_last)


def train(
    recipe: Recipe,
    module: nn.Module,
    loss_at: Callable[[int], Tensor],
    folder: Path,
    check: Callable[[], dict[str, float]],
) -> dict[str, Any]:
    """Run ``recipe``: ``loss_at(step)`` gives the loss, ``check()`` held-out figures for the log.

    A checkpoint is written every ten minutes and at the end; a run started again goes on from it.
    Returns the training record (steps, seconds, log).
    """
    torch.manual_seed(recipe.seed)
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": recipe.decay}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))
    checkpoint = folder / "checkpoint.pt"
    step, seconds, log = 0, 0.0, []
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["recipe"] != sha256_json(asdict(recipe)):
            raise SystemExit(f"{checkpoint} belongs to another recipe; remove it to start over")
        module.load_state_dict(saved["module"])
        optimiser.load_state_dict(saved["optimiser"])
        step, seconds, log = saved["step"], saved["seconds"], saved["log"]
        say(f"{recipe.model}: resumed at step {step}")
    started = saved_at = time.monotonic()
    smooth = 0.0
    while step < recipe.steps:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate_at(step)
        module.train()
        loss = loss_at(step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        step += 1
        smooth = loss.item() if not smooth else 0.95 * smooth + 0.05 * loss.item()
        now = time.monotonic()
        if step % 200 == 0 or step == recipe.steps:
            figures = {"step": step, "samples": step * recipe.batch, "loss": round(smooth, 4)}
            figures |= {"seconds": round(seconds + now - started, 1)}
            figures |= {k: round(v, 4) for k, v in check().items()}
            log.append(figures)
            say(f"{recipe.model}: {figures}")
        if now - saved_at > CHECKPOINT_SECONDS or step == recipe.steps:
            saved_at = now
            state = {
                "recipe": sha256_json(asdict(recipe)),
                "module": module.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
                "seconds": seconds + now - started,
                "log": log,
            }
            with atomic_path(checkpoint) as temporary:
                torch.save(state, temporary)
    total = seconds + time.monotonic() - started
    return {"recipe": asdict(recipe), "steps": step, "seconds": round(total, 1), "log": log}


def normalised(features: Tensor) -> Tensor:
    return nn.functional.normalize(features.float(), dim=-1)


def rank1(features: NDArray[np.float32], people: NDArray[np.int64], events: NDArray[np.int64]) -> float:
    """Leave-one-out rank-1 with the probe's same-event photos left out, averaged over photos."""
    scores = features @ features.T
    same_event = (people[:, None] == people[None]) & (events[:, None] == events[None])
    scores[same_event] = -2
    best = scores.argmax(axis=1)
    has_mate = ((people[:, None] == people[None]) & ~same_event).any(axis=1)
    return float((people[best] == people)[has_mate].mean())
