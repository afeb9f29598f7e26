"""Architectures with random weights, ``random:ViT-B-32?seed=0``: an untrained baseline."""

from __future__ import annotations

from dataclasses import replace

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flip_of, pooling_of
from faceprobe.models.openclip import build as openclip_build
from faceprobe.models.openclip import cards as openclip_cards


class RandomWeights(ModelFamily):
    """An OpenCLIP architecture as its own code initialises it, from ``seed`` (0 by default)."""

    usage = "random:ARCH?seed=0"
    about = "an OpenCLIP architecture with random weights, as a floor"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card = self.card(name)
        torch = require("torch", "encode", "a random model")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(name))
            model = openclip_build.build(name.body)
        return openclip_build.wrap(
            model,
            name=name,
            card=card,
            embed_dim=openclip_cards.catalogue()["towers"][name.body]["dim"],
            preprocess=openclip_build.preprocess_of(model, {}, name),
            tokenizer=openclip_build.tokenizer_of(name.body),
            device=device,
        )

    def card(self, name: Name) -> ModelCard:
        name.check_options({"seed", "flip"})
        pooling_of(name), flip_of(name), _seed(name)
        towers = openclip_cards.catalogue()["towers"]
        if name.body not in towers:
            raise UnknownName("architecture", name.body, towers)
        note = "random weights: a floor, not a trained model"
        card = openclip_cards.tower_card(
            name, name.body, family="random weights", role="floor", notes=note, samples_seen=0.0
        )
        return replace(card, download_mb=0.0)

    def known(self) -> list[str]:
        return [f"random:{arch}" for arch in openclip_cards.architectures()]


def _seed(name: Name) -> int:
    text = name.option("seed", "0")
    if not text.isdecimal():
        raise WrongUsage(f"{name}: seed is a whole number from 0, not {text!r}")
    return int(text)


FAMILY = RandomWeights()
