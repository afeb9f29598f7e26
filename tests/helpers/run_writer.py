"""A run directory made from seeded numbers, in the layout that ``faceprobe run`` writes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from faceprobe.core.files import write_json
from faceprobe.data.evidence import Evidence
from faceprobe.data.remarks import remark
from faceprobe.models.base import ModelCard
from faceprobe.results.result import Metric, Result, attach, to_document

PEOPLE, PHOTOS, REPLICATES = 300, 2400, 400
FMRS = ("1e-2", "1e-3", "1e-4", "1e-5", "1e-6")


@dataclass(frozen=True)
class Invented:
    """A model of invented quality: ``strength`` is d' as-is, ``face`` the share of it that is face."""

    card: ModelCard
    strength: float
    face: float = 0.8


def _bundled(name: str, family: str, params: int, **more: Any) -> ModelCard:
    fields: dict[str, Any] = {
        "training_data": "synthetic world, 3,000 people",
        "samples_seen": 4e5,
        "image_size": 64,
        "dim": 128,
        "activation": "gelu",
        "gflops": params / 2e7,
        "licence": "Apache-2.0",
        "role": "clip",
        "synthetic": True,
    }
    return ModelCard(id=f"bundled:{name}", family=family, n_params=params, **(fields | more))


MODELS = (
    Invented(_bundled("clip-s", "bundled-clip", 1_300_000), 2.35),
    Invented(
        _bundled(
            "clip-m",
            "bundled-clip",
            3_100_000,
            extra={"seed_spread": {"metric": "rank1", "values": [0.601, 0.583]}},
        ),
        2.75,
    ),
    Invented(_bundled("clip-l", "bundled-clip", 5_900_000), 2.85),
    Invented(_bundled("clip-vit", "bundled-vit", 2_700_000, patch=8), 2.2),
    Invented(
        _bundled(
            "face",
            "face-specialist",
            2_000_000,
            notes="Margin softmax on identities.",
            role="specialist",
            default_crop="aligned-112",
        ),
        3.9,
        face=0.98,
    ),
)

PIXELS = Invented(ModelCard(id="pixels:32", family="pixels", n_params=0, role="floor"), 1.2, face=0.3)
"""A floor of invented quality."""


@dataclass
class Writer:
    """Writes run directories; every part of one may be replaced before it is written."""

    folder: Path
    models: tuple[Invented, ...] = MODELS
    crops: tuple[str, ...] = ("as-is", "context-only")
    datasets: tuple[str, ...] = ("synthetic",)
    evidence: Evidence = "synthetic"
    protocols: tuple[str, ...] = ("", "-cross-event")
    folds: bool = False
    curves: bool = True
    missing: tuple[str, ...] = ()
    title: str = "Quickstart"
    seed: int = 0
    searches: bool = False
    notes: dict[str, str] = field(default_factory=dict)

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        rows: list[Result] = []
        cells = []
        for dataset in self.datasets:
            for crop in self.crops:
                for number, model in enumerate(self.models):
                    key = f"{number}-{zlib.crc32((dataset + crop).encode()):08x}"
                    metrics, arrays = self._cell(model, crop)
                    rows += attach(
                        metrics,
                        model=model.card.id,
                        dataset=dataset,
                        crop=crop,
                        evidence=self.evidence,
                        model_hash=f"{number:x}" * 64,
                        dataset_hash="d" * 64,
                    )
                    cells.append(self._summary(key, model, dataset, crop))
                    if self.curves:
                        target = self.folder / "cells" / key
                        target.mkdir(parents=True, exist_ok=True)
                        np.savez(target / "curves.npz", **arrays)
        write_json(self.folder / "results.json", to_document(rows))
        write_json(self.folder / "manifest.json", self._manifest(cells))
        return self.folder

    def _cell(self, model: Invented, crop: str) -> tuple[list[Metric], dict[str, NDArray[Any]]]:
        metrics: list[Metric] = []
        arrays: dict[str, NDArray[Any]] = {
            "identities": np.array([f"p{k:04d}" for k in range(PEOPLE)]),
            "images": np.array([f"p{k // 8:04d}/{k % 8}.jpg" for k in range(PHOTOS)]),
        }
        for variant in self.protocols:
            bonus = 0.0 if variant else 0.8
            share = {"face-only": model.face, "context-only": 1 - model.face}.get(crop, 1.0)
            strength = model.strength * share + bonus * (1.0 if crop != "face-only" else 0.1)
            rng = np.random.default_rng(zlib.crc32(f"{model.card.id}{crop}{variant}{self.seed}".encode()))
            shared = np.random.default_rng(7 + len(variant)).normal(0, 0.018, REPLICATES)
            noise = shared + rng.normal(0, 0.012, REPLICATES)
            metrics += _verification(variant, strength, noise, arrays)
            metrics += _identification("leave-one-out" + variant, strength, noise, arrays)
        metrics += _identification("enrol-1", model.strength * 0.8, noise, arrays)
        if self.searches:
            metrics += _searches(model.strength, arrays)
        if self.folds:
            accuracy = float(norm.cdf(model.strength / 2))
            metrics.append(
                Metric("lfw/official", "accuracy", "pair", accuracy, accuracy - 0.01, accuracy + 0.01, n=6000)
            )
        return metrics, arrays

    def _summary(self, key: str, model: Invented, dataset: str, crop: str) -> dict[str, Any]:
        return {
            "key": key,
            "model": model.card.id,
            "dataset": dataset,
            "crop": crop,
            "cloak": "none",
            "protocols": ["verification/all-pairs"],
            "n_photos": PHOTOS,
            "n_identities": PEOPLE,
            "excluded": {"no face found": 3} if crop != "as-is" else {},
            "seconds": 4.25,
        }

    def _manifest(self, cells: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "schema": "faceprobe.manifest/1",
            "study": {
                "name": "quickstart",
                "title": self.title,
                "description": self.notes.get("description", ""),
            },
            "versions": {"faceprobe": "0.1.0", "numpy": "2.4.6"},
            "machine": {"cpu": "An invented processor", "cores": 2, "accelerators": []},
            "seeds": {"seed": 0, "replicates": REPLICATES},
            "hashes": {"datasets": {"synthetic": {"as-is": "d" * 64}}},
            "models": {m.card.id: m.card.to_dict() for m in self.models},
            "datasets": {
                d: {"evidence": self.evidence, "notes": ["Render groups support no demographic claim."]}
                for d in self.datasets
            },
            "cells": cells,
            "missing": list(self.missing),
        }


def _searches(strength: float, arrays: dict[str, NDArray[Any]]) -> list[Metric]:
    """Open-set and gallery-size curves, and the two rows of a band."""
    fpir, people = np.logspace(-3, 0, 61), np.unique(np.geomspace(1, PEOPLE - 1, 60).astype(np.int64))
    beyond = np.unique(np.geomspace(PEOPLE - 1, 200 * (PEOPLE - 1), 60).astype(np.int64))
    name = "identification/gallery-size"

    def share(n: NDArray[Any] | int) -> NDArray[Any]:
        return np.asarray(norm.cdf(strength - 0.4 * np.log(n)))

    band = np.stack([share(beyond) * 0.8, np.minimum(1, share(beyond) * 1.1)])
    arrays |= {
        "identification/open-set//dir_fpir": fpir,
        "identification/open-set//dir_identity": norm.cdf(strength - 2 + 0.3 * np.log(fpir)),
        f"{name}//size_people": people + 1,
        f"{name}//size_rank1_identity": share(people),
        f"{name}//size_people_beyond": beyond + 1,
        f"{name}//size_band_identity": band,
    }
    return [
        Metric(
            name,
            f"rank1@people={size}",
            "identity",
            float(share(size)),
            float(share(size)) * 0.8,
            min(1.0, float(share(size)) * 1.1),
            "band of 6 models, widened",
            PHOTOS,
            PEOPLE,
            remark(
                "extrapolated",
                f"extrapolated {size / PEOPLE:.3g} times past the people there are (back-test)",
            ),
        )
        for size in (1_000, 10_000)
    ]


def _interval(value: float, replicates: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(replicates, (0.025, 0.975))
    return float(min(low, value)), float(max(high, value))


def _verification(
    variant: str, strength: float, noise: NDArray[np.float64], arrays: dict[str, NDArray[Any]]
) -> list[Metric]:
    protocol = "verification/all-pairs" + variant
    found = []
    for target in FMRS:
        tmr = float(norm.sf(norm.isf(float(target)) - strength))
        for weighting, shift in (("identity", 0.0), ("pair", 0.02)):
            value = min(tmr + shift, 1.0)
            replicates = np.clip(value + noise, 0, 1)
            low, high = _interval(value, replicates)
            supported = target != "1e-6"
            unsupported = "2 non-mated comparisons would have to be accepted: not supported"
            told = remark("unstable-threshold", "unstable: 28 false matches" if target == "1e-5" else "")
            told = told if supported else remark("not-supported", unsupported)
            found.append(
                Metric(
                    protocol,
                    f"tmr@fmr={target}",
                    weighting,  # type: ignore[arg-type]
                    value if supported else None,
                    low if supported else None,
                    high if supported else None,
                    "identity bootstrap, 400 replicates",
                    8400,
                    PEOPLE,
                    told,
                    f"{protocol} v1: match when s >= T; FMR at most the target",
                )
            )
            arrays[f"replicates//{protocol}//tmr@fmr={target}//{weighting}"] = replicates
    for name, value in (("eer", float(norm.cdf(-strength / 2))), ("auc", float(norm.cdf(strength / 2**0.5)))):
        for weighting in ("identity", "pair"):
            low, high = _interval(value, np.clip(value + noise / 5, 0, 1))
            found.append(
                Metric(protocol, name, weighting, value, low, high, "identity bootstrap", 8400, PEOPLE)
            )  # type: ignore[arg-type]
    found.append(Metric(protocol, "n_duplicate_pairs", "none", 2.0, n=2))
    found.append(Metric(protocol, "largest_identity_share", "none", 1 / PEOPLE, n=8400))
    _curves(protocol, strength, arrays)
    return found


def _curves(protocol: str, strength: float, arrays: dict[str, NDArray[Any]]) -> None:
    fmr = np.logspace(-5, 0, 201)
    tmr = norm.sf(norm.isf(np.minimum(fmr, 1 - 1e-12)) - strength)
    edges = np.linspace(-1, 1, 202)
    scale = 0.16
    centre = 0.1
    mated = np.diff(norm.cdf(edges, centre + strength * scale, scale)) * 8400
    other = np.diff(norm.cdf(edges, centre, scale)) * 2_870_000
    arrays |= {
        f"{protocol}//roc_fmr": fmr,
        f"{protocol}//roc_tmr_identity": tmr,
        f"{protocol}//roc_tmr_pair": np.minimum(tmr + 0.02, 1),
        f"{protocol}//hist_edges": edges,
        f"{protocol}//hist_mated": np.round(mated).astype(np.int64),
        f"{protocol}//hist_nonmated": np.round(other).astype(np.int64),
        f"{protocol}//failures_nonmated": np.array([[8 * k, 8 * k + 12] for k in range(8)]),
        f"{protocol}//failures_nonmated_scores": np.linspace(0.93, 0.9, 8),
        f"{protocol}//failures_mated": np.array([[8 * k, 8 * k + 1] for k in range(8)]),
        f"{protocol}//failures_mated_scores": np.linspace(-0.2, 0.05, 8),
    }


def _identification(
    name: str, strength: float, noise: NDArray[np.float64], arrays: dict[str, NDArray[Any]]
) -> list[Metric]:
    protocol = f"identification/{name}"
    found = []
    ranks = np.arange(1, 101)
    share = norm.cdf((strength * 1.55 - 3.9 + 1.05 * np.log(ranks)) * 0.9).clip(0.0029 * 1, 0.9995)
    for metric, rank in (("rank1", 1), ("rank5", 5), ("rank10", 10), ("rank50", 50)):
        for weighting in ("identity", "pair"):
            value = float(share[rank - 1])
            replicates = np.clip(value + noise * 4 * value * (1 - value), 0, 1)
            low, high = _interval(value, replicates)
            found.append(
                Metric(
                    protocol,
                    metric,
                    weighting,  # type: ignore[arg-type]
                    value,
                    low,
                    high,
                    "identity bootstrap, 400 replicates",
                    PHOTOS,
                    PEOPLE,
                    "",
                    f"{protocol} v1: rank = 1 + non-mated photos at or above the best mate",
                )
            )
            arrays[f"replicates//{protocol}//{metric}//{weighting}"] = replicates
    arrays |= {
        f"{protocol}//cmc_rank": ranks,
        f"{protocol}//cmc_identity": share,
        f"{protocol}//cmc_pair": share,
    }
    return found
