"""Measure how much the training seed alone changes a bundled model, and record it in its card.

    python training/train.py clip-m --seed 1
    python training/seed_spread.py clip-m 1

Scores the shipped model (seed 0) and the others on the quickstart's people and writes
``extra.seed_spread`` into ``card.json``: the report refuses to call a larger model better, or worse,
by less than that.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from train import SHIPPED, WORK, build

from faceprobe.core.files import read_json, write_json
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models import ImageEncoder, load_model
from faceprobe.models.torch_encoder import TorchEncoder
from faceprobe.protocols import evaluate

PEOPLE = "synthetic?people=300&photos=8&split=test&seed=0"
PROTOCOL, METRIC = "identification/leave-one-out-cross-event", "rank1"


def with_weights_of(name: str, seed: int, like: TorchEncoder) -> ImageEncoder:
    """The model of another seed, rounded to float16 as the shipped one is."""
    saved = torch.load(WORK / f"{name}-seed{seed}" / "checkpoint.pt", weights_only=True)["module"]
    model = build(read_json(SHIPPED / name / "open_clip_config.json")["model_cfg"])
    model.load_state_dict({k: v.half() if v.is_floating_point() else v for k, v in saved.items()})
    return TorchEncoder(
        model,
        model.encode_image,
        card=like.card,
        preprocess=like.preprocess,
        dim=like.dim,
        n_params=like.n_params,
        options={"seed": seed},
        device="cpu",
    )


def rank1(encoder: ImageEncoder) -> float:
    embedded = embed(load_dataset(PEOPLE), encoder)
    outcome = evaluate(embedded.data, [PROTOCOL], replicates=1)
    return next(m.value for m in outcome.metrics if m.metric == METRIC and m.weighting == "identity") or 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("seeds", type=int, nargs="+")
    a = parser.parse_args()
    shipped = load_model(f"bundled:{a.model}", device="cpu")
    assert isinstance(shipped, TorchEncoder)
    values = [rank1(shipped)] + [rank1(with_weights_of(a.model, s, shipped)) for s in a.seeds]
    card: Path = SHIPPED / a.model / "card.json"
    known = read_json(card)
    spread = {"metric": f"{PROTOCOL}/{METRIC}", "values": [round(v, 4) for v in values]}
    known.setdefault("extra", {})["seed_spread"] = spread
    write_json(card, known)
    print(json.dumps(spread))


if __name__ == "__main__":
    main()
