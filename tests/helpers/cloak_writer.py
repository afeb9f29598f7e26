"""Adds rows about cloaks to a run directory, in the layout that ``faceprobe run`` writes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.files import read_json, write_json
from faceprobe.data.evidence import Evidence
from faceprobe.data.remarks import remark
from faceprobe.report.cloaks.strips import Strip
from faceprobe.results.result import Metric, Result, attach, from_document, to_document

REPLICATES = 400


@dataclass(frozen=True)
class Kind:
    """A cloak of invented strength: added protection on its surrogate, the share of it that another model
    feels, how much an adaptive collector and the strongest purifier leave of it, and its change of the photo.
    """

    id: str
    white: float
    transfer: float = 0.3
    adaptive: float = 0.3
    purified: float = 0.6
    dssim: float = 0.006
    psnr: float = 34.0
    control: bool = False
    seconds: float = 1.3


FAWKES = Kind("fawkes-1.0.2-mid[bundled:face]", 0.75, 0.25, 0.1, 0.5)
LOWKEY = Kind("lowkey[bundled:face+bundled:clip-s;dssim]", 0.92, 0.55, 0.4, 0.8, 0.021, 28.5, seconds=2.6)
NOISE_OF_FAWKES = Kind("noise[fawkes-1.0.2-mid[bundled:face]]", 0.03, 1, 1, 0.9, 0.011, 34.0, True, 0.01)
NOISE_OF_LOWKEY = Kind(
    "noise[lowkey[bundled:face+bundled:clip-s;dssim]]", 0.08, 1, 1, 0.9, 0.032, 28.5, True, 0.01
)
JPEG = Kind("jpeg-75", 0.01, 1, 1, 1, 0.009, 33.1, True, 0.004)
KINDS = (FAWKES, LOWKEY, NOISE_OF_FAWKES, NOISE_OF_LOWKEY, JPEG)

PGD = tuple(
    Kind(f"pgd[bundled:{name}]", white, 0.35, 0.5, 0.7, 0.008, 33.0, seconds=0.7)
    for name, white in (("face", 0.95), ("clip-s", 0.93), ("clip-m", 0.9), ("clip-l", 0.88))
)
CLEAN = {"clip-s": 0.41, "clip-m": 0.33, "clip-l": 0.3, "clip-vit": 0.44, "face": 0.06}


def add_cloaks(
    folder: Path,
    kinds: Sequence[Kind] = KINDS,
    purifiers: Sequence[str] = ("jpeg-75", "blur-1"),
    people: int = 40,
    crop: str = "as-is",
    dataset: str = "synthetic",
    evidence: Evidence = "synthetic",
    only_cloaks: bool = False,
) -> Path:
    """Write cells for every model of the run under each of ``kinds`` without and with ``purifiers``."""
    manifest = read_json(folder / "manifest.json")
    rows = from_document(read_json(folder / "results.json"))
    if only_cloaks:
        rows, manifest["cells"] = [], []
    cells = manifest["cells"]
    for kind in kinds:
        rows += attach(
            _quality(kind, people),
            model="none",
            dataset=dataset,
            crop="as-is",
            cloak=kind.id,
            evidence=evidence,
            dataset_hash="d" * 64,
        )
        for model in manifest["models"]:
            for purifier in ("none", *purifiers):
                cell = _Cell(kind, model, purifier, people)
                key = f"c{zlib.crc32(f'{kind.id}{model}{purifier}{dataset}{crop}'.encode()):08x}"
                rows += cell.rows(dataset=dataset, crop=crop, evidence=evidence)
                cells.append(cell.summary(key, dataset, crop))
                target = folder / "cells" / key
                target.mkdir(parents=True, exist_ok=True)
                np.savez(target / "curves.npz", **cell.arrays)
    manifest["cloaks"] = [
        {
            "key": f"cloak-{zlib.crc32(k.id.encode()):08x}",
            "id": k.id,
            "dataset": dataset,
            "card": {
                "id": k.id,
                "about": "An invented cloak for tests of the page",
                "citation": "Nobody, 2026",
                "control": k.control,
                "notes": ["constants as published"],
            },
            "n_photos": 8 * people,
            "n_faces": 8 * people - 1,
            "unchanged": {"no face found": 1},
            "seconds_a_photo": k.seconds,
        }
        for k in kinds
    ]
    write_json(folder / "results.json", to_document(rows))
    write_json(folder / "manifest.json", manifest)
    return folder


def strips(count: int = 2, side: int = 96, dataset: str = "synthetic") -> list[Strip]:
    """Invented photos: a gradient, and the same with noise inside a square."""
    rng = np.random.default_rng(5)
    across, down = np.meshgrid(np.linspace(40, 220, side), np.linspace(60, 200, side))
    clean = np.stack([across, down, 255 - across], axis=2).astype(np.uint8)
    found = []
    for k in range(count):
        cloaked = clean.astype(np.int32)
        cloaked[20:70, 20:70] += rng.integers(-12, 13, (50, 50, 3))
        changed = np.clip(cloaked, 0, 255).astype(np.uint8)
        found.append(Strip(dataset, KINDS[k % 2].id, "cosine to clean 0.31 (bundled:face)", clean, changed))
    return found


class _Cell:
    def __init__(self, kind: Kind, model: str, purifier: str, people: int) -> None:
        self.kind, self.model, self.purifier, self.people = kind, model, purifier, people
        self.arrays: dict[str, NDArray[Any]] = {"identities": np.array([f"p{k:04d}" for k in range(people)])}
        self.metrics: list[Metric] = []
        short = model.partition(":")[2]
        inside = kind.id.partition("[")[2]
        white = model in inside and not kind.control
        room = 1 - CLEAN.get(short, 0.4)
        strength = kind.white * (1.0 if white or kind.control else kind.transfer) * room
        if purifier != "none":
            strength *= kind.purified if purifier.startswith("jpeg") else (1 + kind.purified) / 2
        clean = min(CLEAN.get(short, 0.4) + (0.03 if purifier != "none" else 0.0), 1.0)
        for protocol, share in (("cloak/poisoning", 1.0), ("cloak/evasion", 0.93)):
            for reader, eased in (("1nn", 1.0), ("centroid", 0.92), ("linear", 0.85)):
                self._compared(protocol, reader, clean * eased, strength * share * eased, clean_error=True)
        for reader in ("linear-seen", "1nn-seen"):
            self._compared(
                "cloak/adaptive", reader, clean * 0.85, strength * kind.adaptive, clean_error=False
            )
        self._plain("cloak/self-retrieval", "self_rank1", 1 - strength * 0.4)
        self._plain("cloak/self-retrieval", "person_rank1", 1 - strength * 0.6)
        self._plain("cloak/self-retrieval", "person_rank1_other", (1 - clean) * (1 - strength))
        self._plain("cloak/verification", "cosine_to_clean", 1 - strength)
        self._plain("cloak/verification", "tmr_cloaked@fmr=1e-2", (1 - clean) * (1 - strength))

    def rows(self, **where: Any) -> list[Result]:
        return attach(
            self.metrics,
            model=self.model,
            cloak=self.kind.id,
            purifier=self.purifier,
            model_hash="a" * 64,
            dataset_hash="d" * 64,
            **where,
        )

    def summary(self, key: str, dataset: str, crop: str) -> dict[str, Any]:
        return {
            "key": key,
            "model": self.model,
            "dataset": dataset,
            "crop": crop,
            "cloak": self.kind.id,
            "purifier": self.purifier,
            "protocols": sorted({m.protocol for m in self.metrics}),
            "n_photos": 1200,
            "n_identities": 150,
            "excluded": {},
            "seconds": 2.0,
        }

    def _people(self, label: str, mean: float) -> NDArray[np.float64]:
        """One share a person, in steps of a quarter, as few probes give."""
        base = np.random.default_rng(zlib.crc32(label.encode())).random((self.people, 4))
        values: NDArray[np.float64] = (base < mean).mean(axis=1)
        return values

    def _compared(self, protocol: str, reader: str, clean: float, added: float, clean_error: bool) -> None:
        before = self._people(f"{self.model}{reader}", clean)
        after = self._people(f"{self.model}{reader}", min(clean + added, 1.0))
        self._metric(protocol, f"protection@{reader}", after)
        self._metric(protocol, f"added_protection@{reader}", after - before)
        if clean_error:
            self._metric(protocol, f"clean_error@{reader}", before)
        self.arrays[f"{protocol}//people"] = self.arrays["identities"]
        self.arrays[f"{protocol}//protection_{reader}"] = after
        self.arrays[f"{protocol}//clean_error_{reader}"] = before

    def _plain(self, protocol: str, metric: str, mean: float) -> None:
        self._metric(protocol, metric, self._people(f"{self.model}{metric}", max(min(mean, 1.0), 0.0)))

    def _metric(self, protocol: str, metric: str, values: NDArray[np.float64]) -> None:
        few = self.people < 10
        draws = np.random.default_rng(3).integers(0, self.people, (REPLICATES, self.people))
        spread = values[draws].mean(axis=1)
        low, high = (float(v) for v in np.quantile(spread, (0.025, 0.975)))
        value = float(values.mean())
        told = remark("few-people", f"{self.people} people: no spread claimed" if few else "")
        self.metrics.append(
            Metric(
                protocol,
                metric,
                "identity",
                value,
                None if few else min(low, value),
                None if few else max(high, value),
                "" if few else "bootstrap over people, 400 replicates",
                4 * self.people,
                self.people,
                told,
                f"{protocol} v1: half of a person's photos enrolled",
            )
        )


def _quality(kind: Kind, people: int) -> list[Metric]:
    values = {
        "psnr": kind.psnr,
        "ssim": 1 - 2 * kind.dssim,
        "dssim": kind.dssim,
        "delta_e": 800 * kind.dssim,
        "face_found": 0.985,
        "share_changed": 0.996,
    }
    return [
        Metric("cloak/quality", name, "identity", value, n=8 * people, n_identities=people)
        for name, value in values.items()
    ]
