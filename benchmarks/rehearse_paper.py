"""The packaged study ``paper`` from end to end, on a hub on 127.0.0.1: no speed, a rehearsal.

    python benchmarks/rehearse_paper.py [--models NAME ...] [--people N] [--photos N] [--out FOLDER]

Real CLIP weights and the data set ``perturbed_faces`` are not reachable from this project's machines, so
``paper`` was never run with them there. Everything else of that run is real here: names, files and the layout
of the data set, the hub's protocol, downloads, checkpoints of the true shapes (float16, random weights),
OpenCLIP's loading, protocols, cloaks, the report. The figures mean nothing. Models without weights on this
hub are skipped, as they would be on any hub that lacks them.

The photos are those of the built-in world in place of CelebA's; "cloaked" ones have seeded noise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from common import RESULTS
from PIL import Image

from faceprobe.core.machine import describe_machine, versions
from faceprobe.datasets import load_dataset
from faceprobe.models import parse_model
from faceprobe.models.openclip import published
from faceprobe.study.packaged import resolve_study

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.helpers.hub import LoopbackHub, loopback_hub

MODELS = ("RN50/openai", "ViT-B-32/openai", "ViT-B-32/laion2b_s34b_b79k")
"""The study's smallest, with QuickGELU and without."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--photos", type=int, default=4)
    parser.add_argument("--out", type=Path, help="keep the run in this folder")
    parser.add_argument("--json", type=Path, default=RESULTS / "rehearse_paper.json")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faceprobe-rehearsal-") as temporary:
        place = Path(temporary)
        (place / "hub").mkdir()
        with loopback_hub(place / "hub") as hub:
            for seed, model in enumerate(given.models):
                publish(hub, model, seed, place)
            archive, identities = perturbed_faces(place, given.people, given.photos)
            dataset = f"perturbed-faces:{archive}?identities={identities}&control=png"
            out = given.out or place / "run"
            first = run(hub, place, dataset, out)
            fetched = hub.fetched()
            again = run(hub, place, dataset, out)
        document = json.loads((out / "results.json").read_text())
        manifest = json.loads((out / "manifest.json").read_text())
    rows = document["rows"]
    asked = list(resolve_study("paper")[1].models)
    found = {row["model"] for row in rows}  # the floors that run along too
    measured = [model for model in asked if model in found]
    skipped = [model for model in asked if model not in measured]
    print(f"measured: {', '.join(measured)}")
    print(f"skipped, {len(skipped)}: {', '.join(skipped)}")
    print(f"{len(rows):,} rows; {first:.0f} s, and {again:.0f} s for the same command again")
    assert sorted(measured) == sorted(given.models), "not the models that the hub has"
    assert hub.fetched() == fetched, "the second run fetched again"
    record = {
        "models": measured,
        "floors": sorted(found - {*asked, "none"}),  # "none": figures of cloaks alone
        "skipped": skipped,
        "said_of_the_skipped": manifest.get("missing", []),
        "files_fetched": fetched,
        "photos": given.people * given.photos,
        "rows": len(rows),
        "rows_with_a_value": sum(row["value"] is not None for row in rows),
        "cloaks": sorted({row["cloak"] for row in rows}),
        "seconds": round(first, 1),
        "seconds_again": round(again, 1),
        "machine": describe_machine(),
        "versions": versions(),
    }
    given.json.write_text(json.dumps(record, indent=1) + "\n")


def publish(hub: LoopbackHub, model: str, seed: int, place: Path) -> None:
    """Random weights of the true shape, float16, under the file name that the study will ask for."""
    import torch
    from safetensors.torch import save_file

    from faceprobe.models.openclip.build import build

    repo, files = published.source(parse_model(model))
    arch, _, tag = model.partition("/")
    torch.manual_seed(seed)
    state = build(arch, published.activation(arch, tag)).state_dict()
    target = place / f"{seed}.safetensors"
    save_file({k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}, target)
    hub.digest(hub.put(repo, files[0], target))
    print(f"on the hub: {repo}/{files[0]}, {target.stat().st_size / 1e6:,.0f} MB", flush=True)


def perturbed_faces(place: Path, people: int, photos: int) -> tuple[Path, Path]:
    """A replica in the data set's layout, one archive, and CelebA's file of identities for it."""
    table = load_dataset(f"synthetic?people={people}&photos={photos}")
    draw = np.random.default_rng(0)
    lines = []
    archive = place / "perturbed_faces.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for row in range(len(table)):
            pixels = table.photo(row).pixels.astype(np.int16)
            versions_ = {".jpg": pixels}
            for ending, strength in (("_cloaked.png", 8), ("_attacked.png", 20)):
                versions_[ending] = pixels + draw.integers(-strength, strength + 1, pixels.shape)
            for ending, changed in versions_.items():
                buffer = BytesIO()
                image = Image.fromarray(np.clip(changed, 0, 255).astype(np.uint8))
                image.save(
                    buffer,
                    "JPEG" if ending == ".jpg" else "PNG",
                    **({"quality": 95} if ending == ".jpg" else {}),
                )
                opened.writestr(f"perturbed_faces/{row + 1:06d}{ending}", buffer.getvalue())
            person = sorted(set(table.identities.tolist())).index(table.identities[row]) + 1
            lines.append(f"{row + 1:06d}.jpg {person}")
    identities = place / "identity_CelebA.txt"
    identities.write_text("\n".join(lines) + "\n")
    return archive, identities


def run(hub: LoopbackHub, place: Path, dataset: str, out: Path) -> float:
    """The command as a user gives it, in a process of its own; its seconds."""
    surroundings = {**os.environ, "HF_ENDPOINT": hub.address, "FACEPROBE_CACHE": str(place / "cache")}
    surroundings.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-m", "faceprobe", "run", "paper", "--dataset", dataset, "--out", str(out)]
    started = time.perf_counter()
    subprocess.run(command, env=surroundings, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
