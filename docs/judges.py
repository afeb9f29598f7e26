"""Writes ``src/faceprobe/cloaks/photos/judges.yaml``: what similarity of two faces an outside judge takes
for one person.

    python docs/judges.py PHOTOS SAMPLES MODEL [MODEL ...]

SAMPLES is a CSV file of path and identity, PHOTOS the folder of its photos; real people in colour. Every
model gets the aligned face (YuNet's weights come from ``FACEPROBE_DETECTOR``). The threshold is the lowest
score at which at most one in a thousand of all pairs of different people match. Models of earlier runs stay
in the file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import yaml

from faceprobe.cloaks.photos.judge import ALIGNED, FMR
from faceprobe.data.photo import Photo, decode_image
from faceprobe.faces.crops import NoFace
from faceprobe.faces.weights import find_detector
from faceprobe.models import load_model
from faceprobe.models.base import ImageEncoder, model_hash

FILE = Path(__file__).parents[1] / "src/faceprobe/cloaks/photos/judges.yaml"
HEAD = """\
# Written by docs/judges.py. By hash of a model's weights and preprocessing: the lowest cosine of two aligned
# faces at which at most 1 in 1,000 pairs of different people match, and the share of pairs of one person that
# do; people of CelebA, in colour.
"""


def main() -> None:
    folder, samples, *models = sys.argv[1:]
    detector = find_detector(None, offline=True)
    photos: list[Photo] = []
    people: list[str] = []
    for line in Path(samples).read_text(encoding="utf-8").splitlines()[1:]:
        path, person = line.split(",")
        pixels = decode_image((Path(folder) / path).read_bytes(), path)
        photos.append(Photo(pixels, path, detector.detect(pixels)))
        people.append(person)
    known = yaml.safe_load(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    for name in models:
        encoder = load_model(name, device="cpu")
        known[model_hash(encoder)] = {"model": encoder.id, **measured(encoder, photos, people)}
        FILE.write_text(HEAD + yaml.safe_dump(known, sort_keys=False), encoding="utf-8")
        print(encoder.id, known[model_hash(encoder)], flush=True)


def measured(encoder: ImageEncoder, photos: list[Photo], people: list[str]) -> dict[str, float | int]:
    rows, kept = [], []
    for photo, person in zip(photos, people, strict=True):
        try:
            crop = ALIGNED.apply(photo, encoder.preprocess.mean_color())
        except NoFace:
            continue
        rows.append(encoder.encode_images(encoder.preprocess(crop)[None])[0])
        kept.append(person)
    features = np.stack(rows).astype(np.float64)
    scores = features @ features.T
    same = np.equal.outer(kept, kept)
    pairs = np.triu(np.ones_like(same), 1)
    strangers = np.sort(scores[pairs & ~same])
    at_most = int(FMR * len(strangers))
    threshold = float(np.nextafter(strangers[-at_most - 1], 2))
    return {
        "threshold": round(threshold, 4),
        "tmr": round(float((scores[pairs & same] >= threshold).mean()), 3),
        "people": len(set(kept)),
    }


if __name__ == "__main__":
    main()
