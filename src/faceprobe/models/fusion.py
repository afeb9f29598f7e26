"""Several encoders as one, ``fusion:A+B?weights=0.6,0.4``: the score is the weighted sum of their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.core.names import Name, join_parts, parse_name, split_parts
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, model_hash, refuse_pooling
from faceprobe.models.preprocess import Preprocess

FIT_DEFAULT = "synthetic?people=300&photos=8&split=train&seed=0"
"""What ``fit=synthetic`` means: people of the built-in world that are in no test split."""


class FusionEncoder:
    """Several encoders whose scores are added with ``weights``.

    Each of the ``parts`` has its own preprocessing, so ``embedding.embed`` embeds with every part (through
    the cache) and joins the rows by :meth:`join`; :meth:`encode_images` refuses. ``weights`` (K,) sum to 1;
    they are None until :meth:`set_weights` gets weights fitted to the people of the dataset ``fit``.
    With ``own_crops``, a part is given its card's default crop where the crop as-is is asked for.
    """

    differentiable = False
    preprocess = Preprocess((1, 1), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def __init__(
        self,
        card: ModelCard,
        parts: Sequence[ImageEncoder],
        weights: Sequence[float] | None,
        fit: str = "",
        own_crops: bool = False,
    ) -> None:
        self.id, self.card, self.fit, self.own_crops = card.id, card, fit, own_crops
        self.parts = tuple(parts)
        self.dim = sum(part.dim for part in parts)
        self.n_params = sum(part.n_params for part in parts)
        self.weights: tuple[float, ...] | None = None
        if weights is not None:
            self.set_weights(weights)

    def set_weights(self, weights: Sequence[float]) -> None:
        """Fix the weights and write them into the card's notes."""
        self.weights = tuple(weights)
        texts = (f"{w:.6g} {part.id}" for w, part in zip(self.weights, self.parts, strict=True))
        note = f"weights: {', '.join(texts)}"
        if self.fit:
            note += f" (fitted to TMR at FMR 1e-3 on people of {self.fit})"
        self.card = replace(self.card, dim=self.dim, n_params=self.n_params, notes=note)

    @property
    def weights_hash(self) -> str:
        """Hex SHA-256 over every part's weights and preprocessing, and the fusion's weights."""
        if self.weights is None:
            raise WrongUsage(f"{self.id} has no weights yet: they are fitted when it embeds a first dataset")
        models = [model_hash(part) for part in self.parts]
        return sha256_json({"fusion": models, "weights": self.weights, "own_crops": self.own_crops})

    def crop_of(self, part: ImageEncoder, crop: str) -> str:
        """The crop that ``part`` is given where ``crop`` is asked for."""
        return part.card.default_crop if self.own_crops and crop == "as-is" else crop

    def join(self, rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The parts' (N, D_k) unit rows to (N, sum of D_k) float32: each scaled by the root of its weight,
        so that the inner product of two rows is the weighted sum of the parts' cosines.
        """
        assert self.weights is not None
        scaled = [np.float32(math.sqrt(w)) * part for w, part in zip(self.weights, rows, strict=True)]
        return np.ascontiguousarray(np.concatenate(scaled, axis=1), dtype=np.float32)

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise WrongUsage(f"{self.id} joins encoders of different input: embed a dataset with it instead")


class Fusion(ModelFamily):
    usage = "fusion:A+B?weights=0.6,0.4"
    about = "the weighted sum of several models' scores"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        from faceprobe.models import load_model

        card, weights = self.card(name), _weights(name)
        parts = [load_model(text, device=device, offline=offline) for text in parts_of(name)]
        return FusionEncoder(card, parts, weights, fit_of(name), _own_crops(name))

    def card(self, name: Name) -> ModelCard:
        from faceprobe.models import model_card

        name.check_options({"weights", "fit", "crops"})
        refuse_pooling(name, "write the pooling at one of its parts, in parentheses")
        weights, fit, own = _weights(name), fit_of(name), _own_crops(name)
        texts = parts_of(name)
        if any(parse_name(text).kind == "fusion" for text in texts):
            raise WrongUsage(f"{name}: a fusion of fusions; list all of its parts once")
        cards = [model_card(text) for text in texts]
        options = {k: v for k, v in name.options.items() if k != "fit"}
        if fit:
            kind, colon, body = fit.partition("?")[0].partition(":")
            options["fit"] = f"{kind}{colon}{PurePath(body).name}"
        shown = [f"{1 / len(cards):.6g}"] * len(cards) if weights is None else [f"{w:.6g}" for w in weights]
        sizes = [c.gflops for c in cards]
        return ModelCard(
            id=str(Name("fusion", join_parts([c.id for c in cards]), options=options)),
            family="fusion: " + " + ".join(c.family for c in cards),
            dim=_total([c.dim for c in cards]),
            n_params=_total([c.n_params for c in cards]),
            gflops=None if None in sizes else sum(s for s in sizes if s is not None),
            licence=", ".join(dict.fromkeys(c.licence for c in cards if c.licence)),
            real=all(c.real for c in cards),
            role="fusion",
            synthetic=all(c.synthetic for c in cards),
            notes=f"weights fitted on people of {fit}" if fit else f"weights: {', '.join(shown)}",
            assumed="; ".join(f"{c.id}: {c.assumed}" for c in cards if c.assumed),
            extra={"parts": [c.id for c in cards], "own_crops": own},
        )

    def known(self) -> list[str]:
        return ["fusion:bundled:clip-m+bundled:face?crops=own"]

    def cached(self, name: Name) -> bool | None:
        found = {family.cached(part) for family, part in _parts(name)}
        return False if False in found else True if True in found else None

    def files(self, name: Name) -> list[Path]:
        return [path for family, part in _parts(name) for path in family.files(part)]

    def local_hash(self, name: Name) -> str:
        return sha256_json([family.local_hash(part) for family, part in _parts(name)])


def _parts(name: Name) -> list[tuple[ModelFamily, Name]]:
    """The parts of a fusion, each with its family."""
    from faceprobe.models import MODEL_KINDS, parse_model

    names = [parse_model(text) for text in parts_of(name)]
    return [(MODEL_KINDS.get(part.kind), part) for part in names]


def parts_of(name: Name) -> list[str]:
    """The names of a fusion's parts, at least two, without the parentheses around them."""
    texts = split_parts(name.body)
    if len(texts) < 2 or not all(texts):
        raise WrongUsage(
            f"{name}: a fusion joins at least two models with +, e.g. fusion:bundled:clip-m+bundled:face; a"
            " part with options of its own goes in parentheses"
        )
    return texts


def fit_of(name: Name) -> str:
    """The dataset that the weights are fitted on, "" where they are given."""
    fit = name.option("fit", "")
    if "fit" in name.options and ("weights" in name.options or not fit.strip()):
        raise WrongUsage(f"{name}: give either weights=... or fit=DATASET, as in fit=synthetic")
    return FIT_DEFAULT if fit == "synthetic" else fit


def _weights(name: Name) -> tuple[float, ...] | None:
    """The weights scaled to sum 1: as given, equal ones where nothing is said, None where fitted."""
    count = len(parts_of(name))
    if "fit" in name.options:
        return None
    try:
        found = [float(w) for w in name.option("weights", ",".join(["1"] * count)).split(",")]
    except ValueError:
        found = []
    total = sum(found)
    if len(found) != count or not all(0 <= w < math.inf for w in found) or not 0 < total < math.inf:
        raise WrongUsage(
            f"{name}: weights are {count} numbers of at least 0, one a part, as in weights=0.6,0.4"
        )
    return tuple(w / total for w in found)


def _own_crops(name: Name) -> bool:
    if name.option("crops", "same") not in ("same", "own"):
        raise WrongUsage(f"{name}: crops is same or own, not {name.options['crops']!r}")
    return name.option("crops", "same") == "own"


def _total(values: list[int | None]) -> int | None:
    return None if None in values else sum(v for v in values if v is not None)


FAMILY = Fusion()
