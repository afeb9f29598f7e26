"""Seconds a photo of the cloaks, batched, beside a plain loop that works on one photo at a time.

    python benchmarks/cloaks.py [--photos 8] [--surrogate bundled:face] [--lowkey] [--no-record]

``FACEPROBE_TEST_DATA`` names the folder that holds ``data/lfw10_color`` and ``weights``. The plain loop is
``plain_fawkes.py``: the same algorithm, one face at a time, clean features and the clean side of DSSIM found
anew each step. The physical limit is the surrogate's forward and backward pass alone, as many times, for the
same faces in the same batches. The two programs add up in another order, and the algorithm takes signs of a
gradient that is rounding noise at its first step, so their cloaks differ pixel by pixel in float32; what is
compared is what they reach. (``tests/cloaks/test_fawkes.py`` holds them together in float64.)
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import record
from plain_fawkes import plain_fawkes

from faceprobe.cloaks import Subject, load_cloak
from faceprobe.cloaks.attacks.fawkes.cloak import FACES, Fawkes
from faceprobe.cloaks.attacks.fawkes.square import SIDE, square_of, take
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.cloaks.base import photo_seed
from faceprobe.data.photo import Photo, decode_image
from faceprobe.faces.detect import Detector

USERS_REPORT = "3 to 4 minutes a photo on a CPU (users of the original)"
MODE = "fawkes-1.0.2-mid"


def photos(shared: Path, n: int) -> list[Subject]:
    """One photo each of ``n`` people, with what the detector finds in it."""
    detector = Detector(shared / "weights" / "yunet_n_dynamic.onnx")
    files = sorted((shared / "data" / "lfw10_color").glob("*/*_0001.jpg"))
    files += sorted((shared / "data" / "lfw10_color").glob("*/*_0002.jpg"))
    found = []
    for path in files[:n]:
        pixels = decode_image(path.read_bytes(), path.name)
        found.append(Subject(path.name, Photo(pixels, path.name, detector.detect(pixels))))
    return found


def faces_of(subjects: list[Subject]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Crop and starting noise of every face, as the package draws them for seed 0."""
    found = []
    for subject in subjects:
        height, width = subject.photo.pixels.shape[:2]
        squares = [square_of(face, height, width) for face in subject.photo.faces or ()]
        for k, square in enumerate(s for s in squares if s is not None):
            draw = np.random.default_rng([photo_seed(0, subject.name), k])
            noise = draw.uniform(-1, 1, (3, SIDE, SIDE)).astype(np.float32)
            crop = take(subject.photo.pixels, square)
            found.append((torch.from_numpy(crop), torch.from_numpy(noise)))
    return found


def timed(program: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds of wall clock and of processor time (all threads), and what ``program`` returns."""
    wall, processor = time.perf_counter(), time.process_time()
    result = program()
    return (time.perf_counter() - wall, time.process_time() - processor), result


def a_photo(n: int, clock: int, *times: tuple[float, float]) -> dict[str, float]:
    names = ("batched", "plain_loop", "passes_alone")
    return {name: round(t[clock] / n, 3) for name, t in zip(names, times, strict=True)}


def passes_alone(surrogate: Surrogate, faces: list[tuple[torch.Tensor, torch.Tensor]], steps: int) -> None:
    """The surrogate's forward and backward pass for every face and step, and nothing else."""
    crops = torch.stack([crop for crop, _ in faces])
    for _ in range(steps):
        for start in range(0, len(crops), FACES):
            batch = crops[start : start + FACES].clone().requires_grad_(True)
            surrogate.features(batch)[:, 0].sum().backward()


def fawkes(subjects: list[Subject], text: str) -> dict[str, Any]:
    """Both programs and the limit on the same photos, in turns, once each after a short warm-up."""
    cloak = load_cloak(f"{MODE}[{text}]", device="cpu")
    assert isinstance(cloak, Fawkes)
    settings, faces = cloak.mode.settings, faces_of(subjects)
    plain = load_surrogates([text], device="cpu")[0]  # its weights lie as they were loaded
    load_cloak(f"{MODE}[{text}]?steps=2", device="cpu").apply(subjects[:4], seed=0)
    plain_fawkes(*faces[0], [plain], settings.bound, 2, settings.rate)
    ours, made = timed(lambda: cloak.apply(subjects, seed=0))
    loop, theirs = timed(
        lambda: [plain_fawkes(c, n, [plain], settings.bound, settings.steps, settings.rate) for c, n in faces]
    )
    limit, _ = timed(lambda: passes_alone(cloak.surrogates[0], faces, settings.steps))
    reports = [f for m in made for f in m.faces if f.steps]
    return {
        "cloak": cloak.card.id,
        "photos": len(subjects),
        "faces": len(faces),
        "steps": settings.steps,
        "wall_s_a_photo": a_photo(len(subjects), 0, ours, loop, limit),
        "processor_s_a_photo": a_photo(len(subjects), 1, ours, loop, limit),
        "plain_over_batched": round(loop[0] / ours[0], 2),
        "batched_over_passes": round(ours[0] / limit[0], 2),
        "shift_batched": round(float(np.mean([r.shift or 0.0 for r in reports])), 3),
        "shift_plain": round(float(np.mean([p.gain for p in theirs])), 3),
        "dssim_batched": round(float(np.mean([r.dssim or 0.0 for r in reports])), 5),
        "dssim_plain": round(float(np.mean([p.dssim for p in theirs])), 5),
        "dssim_at_most": 1.1 * settings.bound,
    }


def lowkey(subjects: list[Subject], text: str) -> dict[str, Any]:
    """LowKey on all photos at once, and one call a photo."""
    cloak = load_cloak(f"lowkey[{text};dssim]", device="cpu")
    cloak.apply(subjects[:1], seed=0)
    ours, together = timed(lambda: cloak.apply(subjects, seed=0))
    loop, alone = timed(lambda: [cloak.apply([s], seed=0)[0] for s in subjects])
    apart = [
        float(np.abs(a.pixels.astype(int) - b.pixels).mean()) for a, b in zip(together, alone, strict=True)
    ]
    return {
        "cloak": cloak.card.id,
        "photos": len(subjects),
        "wall_s_a_photo": {
            "together": round(ours[0] / len(subjects), 3),
            "one_call_a_photo": round(loop[0] / len(subjects), 3),
        },
        "mean_difference_of_pixels": round(max(apart), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=8)
    parser.add_argument("--surrogate", action="append", help="default: bundled:face and the ONNX recogniser")
    parser.add_argument("--no-record", action="store_true", help="print only (a busy machine)")
    parser.add_argument("--lowkey", action="store_true", help="also LowKey")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("FACEPROBE_TEST_DATA", "../shared"))
    recogniser = f"onnx:{shared / 'weights' / 'mobilefacenet_112.onnx'}"
    subjects = photos(shared, arguments.photos)
    rows = []
    for text in arguments.surrogate or ["bundled:face", recogniser]:
        rows.append(fawkes(subjects, text))
        print(rows[-1], flush=True)
    if arguments.lowkey:
        rows.append(lowkey(subjects, "bundled:face"))
        print(rows[-1], flush=True)
    if arguments.no_record:
        return
    record("cloaks", {"threads": torch.get_num_threads(), "users_report": USERS_REPORT, "rows": rows})


if __name__ == "__main__":
    main()
