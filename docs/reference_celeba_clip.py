"""Makes the committed reference figures of a real CLIP: OpenAI's ViT-B/32 on 1,198 photos of CelebA.

    python docs/reference_celeba_clip.py DATA WEIGHTS OUT

DATA holds ``images/``, ``samples.csv`` (``path,identity``) and ``clip_vitb32_openai.npy`` (one row a photo),
WEIGHTS the ONNX files of :data:`OTHERS` and YuNet's. Two studies run into the folder OUT, the second on the
photos in which YuNet finds a face, so that every model can be compared on the same people. Written are
``docs/reference/celeba_clip.json`` (rows, curves, comparisons; no photo, vector, name, or score of a pair),
the tables of ``docs/reference/README.md``, the few rows that the packaged quickstart's report leads with,
``src/faceprobe/report/data/reference_celeba_clip.json``, and the README's figure.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import readme_figure
from reference_rows import FOLDER, SCHEMA, cell, markdown, model_facts, plain_rows, run_facts, write
from tables import fill

import faceprobe as fp
from faceprobe.core.files import read_json
from faceprobe.report.comparison.paired import Paired, family_corrected, paired_difference
from faceprobe.results.run import ALL_PAIRS, LEAVE_ONE_OUT, Run, read_run

CLIP = "CLIP ViT-B/32 (OpenAI)"
IMAGENET = "EfficientNet-Lite0 (ImageNet)"
RANDOM = "random:ViT-B-32"
FACE_112 = "size=112&mean=127.5&scale=127.5&color=rgb"

OTHERS: dict[str, tuple[str, str]] = {
    "EdgeFace-XS": (f"edgeface_xs_112.onnx?{FACE_112}&real=1", "specialist"),
    "EdgeFace-XXS": (f"edgeface_xxs_112.onnx?{FACE_112}&real=1", "specialist"),
    # What this MobileFaceNet was trained on is not stated where it is published, so its rows are real-photos.
    "MobileFaceNet": ("mobilefacenet_112.onnx?size=112&mean=127.5&scale=128&color=rgb", "specialist"),
    IMAGENET: (
        "efficientnet_lite0_imagenet_224.onnx?size=224&mean=123.675,116.28,103.53"
        "&scale=58.395,57.12,57.375&color=rgb&real=1",
        "encoder",
    ),
}
"""ONNX files by the name of the model in the rows: the file with its preprocessing, and the model's role."""

WHOLE, ALIGNED = "as-is", "aligned-112"
FLOORS = ("pixels:32", "hog:112", "lbp:112")
BUNDLED = ("bundled:clip-s", "bundled:clip-m", "bundled:clip-l", "bundled:clip-vit")

PROTOCOLS = [
    ALL_PAIRS,
    LEAVE_ONE_OUT,
    "identification/enrol-1",
    "identification/centroid",
    "identification/open-set",
    "identification/open-set-all-but-one",
    "identification/gallery-size",
]
"""Every protocol that 119 mated pairs support: nobody has five photos, no photo an event or a group."""

RANK1 = (LEAVE_ONE_OUT, "rank1")
TMR = (ALL_PAIRS, "tmr@fmr=1e-3")

COMPARED = (
    (IMAGENET, WHOLE),
    ("EdgeFace-XS", ALIGNED),
    ("EdgeFace-XXS", ALIGNED),
    ("MobileFaceNet", ALIGNED),
    ("lbp:112", WHOLE),
    (RANDOM, WHOLE),
)
"""What CLIP is compared with: a model that was trained on other things, floors, each specialist."""

SHOWN: dict[tuple[str, str], tuple[str, str]] = {
    (CLIP, WHOLE): ("model", "trained on web images and texts"),
    ("EdgeFace-XS", ALIGNED): ("faces", "made for faces"),
    ("MobileFaceNet", ALIGNED): ("", "made for faces"),
    (IMAGENET, WHOLE): ("objects", "trained to name objects"),
    ("lbp:112", WHOLE): ("", "texture descriptor, not trained"),
    ("pixels:32", WHOLE): ("", "raw pixels, not trained"),
    (RANDOM, WHOLE): ("random", "random weights, not trained"),
}
"""The rows that the quickstart's report opens with: their use in its sentences, and what the model is."""

INDEPENDENT = {
    (CLIP, WHOLE, *RANK1): 0.380,
    ("EdgeFace-XS", ALIGNED, *RANK1): 0.891,
    ("MobileFaceNet", ALIGNED, *RANK1): 0.810,
    (IMAGENET, WHOLE, *RANK1): 0.038,
    ("lbp:112", WHOLE, *RANK1): 0.045,
    ("hog:112", WHOLE, *RANK1): 0.031,
    ("pixels:32", WHOLE, *RANK1): 0.036,
    (RANDOM, WHOLE, *RANK1): 0.005,
    (CLIP, WHOLE, *TMR): 0.281,
    (CLIP, WHOLE, LEAVE_ONE_OUT, "rank50"): 0.858,
}
"""Figures of a computation that was made without faceprobe, by people, on the same photos."""

TITLE = "Measured by us: a real CLIP on real photos"
CAUTION = (
    "A match may rest on hair, clothes or background too: CLIP gets the whole photo, and which photos of one "
    "person come from one event is not known."
)
NOTE = (
    "1,198 photos of 1,088 people, the first files of CelebA (aligned, 178 x 218 pixels, in colour). "
    "101 people have two photos or three: 211 searches. CLIP's vectors were computed by others with "
    "OpenAI's ViT-B/32 weights on the whole photo (CLIP's own preprocessing keeps the central square); "
    "faceprobe measured the vectors. Models made for faces get the face, found and aligned by YuNet "
    "(photos without: {faceless}). Whether CLIP was trained on these photos is not known."
)

FIGURES = {
    "Rank-1": RANK1,
    "Rank-10": (LEAVE_ONE_OUT, "rank10"),
    "Rank-50": (LEAVE_ONE_OUT, "rank50"),
    "TMR at FMR 1e-2": (ALL_PAIRS, "tmr@fmr=1e-2"),
    "TMR at FMR 1e-3": TMR,
    "EER": (ALL_PAIRS, "eer"),
    "AUC": (ALL_PAIRS, "auc"),
}
OPEN_SET = {
    "MRR": (LEAVE_ONE_OUT, "mrr"),
    "Rank-1, first photo enrolled": ("identification/enrol-1", "rank1"),
    "Rank-1, mean vector enrolled": ("identification/centroid", "rank1"),
    "FNIR at FPIR 0.1, first photo": ("identification/open-set", "fnir@fpir=1e-1"),
    "FNIR at FPIR 0.1, all but the probe": ("identification/open-set-all-but-one", "fnir@fpir=1e-1"),
}
SIZES = {
    f"{name} people": ("identification/gallery-size", f"rank1@people={name}")
    for name in ("10", "100", "1000", "all")
}
CURVES = ("size_people", "size_rank1_identity", "size_rank1_pair")


def prepare(data: Path, out: Path, name: str, without: Collection[str] = ()) -> str:
    """The photos in CelebA's own layout, as a folder of links below ``out``; the dataset's name."""
    root = out / name
    root.mkdir(parents=True, exist_ok=True)
    with (data / "samples.csv").open(newline="", encoding="utf-8") as file:
        samples = [row for row in csv.DictReader(file) if row["path"] not in without]
    lines = [f"{row['path']} {row['identity']}\n" for row in samples]
    (root / "identity_CelebA.txt").write_text("".join(lines), encoding="utf-8")
    _link(root / "img_align_celeba", data / "images")
    return f"celeba:{root}"


def vectors(data: Path, out: Path) -> str:
    """CLIP's vectors as a folder that ``vectors:`` reads."""
    root = out / "vectors"
    root.mkdir(parents=True, exist_ok=True)
    _link(root / "embeddings.npy", data / "clip_vitb32_openai.npy")
    _link(root / "samples.csv", data / "samples.csv")
    return f"vectors:{root}?real=1"


def study(dataset: str, label: str, clip: str, weights: Path) -> dict[str, Any]:
    """Every model on ``dataset``, by :data:`PROTOCOLS`."""
    models: dict[str, dict[str, Any]] = {clip: {"label": CLIP, "role": "clip", "crops": [WHOLE]}}
    for name, (file, role) in OTHERS.items():
        crop = ALIGNED if role == "specialist" else WHOLE
        models[f"onnx:{weights / file}"] = {"label": name, "role": role, "crops": [crop]}
    models |= {name: {"crops": [WHOLE, ALIGNED]} for name in FLOORS}
    models |= {name: {"crops": [WHOLE]} for name in (*BUNDLED, RANDOM)}
    models["bundled:face"] = {"crops": [ALIGNED, WHOLE]}
    return {
        "title": f"A real CLIP and its neighbours on {label}",
        "models": models,
        "datasets": {dataset: {"label": label}},
        "protocols": PROTOCOLS,
        "options": {"detector": str(weights / "yunet_n_dynamic.onnx")},
    }


def compared(dataset: str, label: str, clip: str, weights: Path) -> dict[str, Any]:
    """The same with what :data:`COMPARED` names only, by the protocols of the comparisons."""
    whole = study(dataset, label, clip, weights)
    crops = dict([(CLIP, WHOLE), *COMPARED])
    models = {
        text: entry | {"crops": [crops[name]]}
        for text, entry in whole["models"].items()
        if (name := entry.get("label", text)) in crops
    }
    return whole | {"models": models, "protocols": [ALL_PAIRS, LEAVE_ONE_OUT]}


def left_out(run: Path) -> dict[str, str]:
    """The photos that any cell left out, with the reason."""
    return {
        image: reason
        for part in read_json(run / "manifest.json")["cells"]
        for image, reason in read_json(run / "cells" / part["key"] / "excluded.json")
    }


def comparisons(run: Run) -> dict[str, Any]:
    """Each model of :data:`COMPARED` minus CLIP, on the same people, by the product's paired comparison."""
    (dataset,) = {cell.dataset for cell in run.cells}
    clip = run.cell(CLIP, (dataset, "none", WHOLE))
    found: list[tuple[str, str, str, str, Paired]] = []
    for protocol, metric in (RANK1, TMR):
        for model, crop in COMPARED:
            rows = [
                run.get(name, (dataset, "none", where), protocol, metric)
                for name, where in ((CLIP, WHOLE), (model, crop))
            ]
            values = (rows[0].value, rows[1].value) if rows[0] and rows[1] else (None, None)
            paired = paired_difference(
                clip, run.cell(model, (dataset, "none", crop)), values, protocol, metric
            )
            found.append((model, crop, protocol, metric, paired))
    corrected = family_corrected([paired for *_, paired in found])
    n_photos = clip.n_photos if clip else 0
    return {
        "note": (
            f"The model minus CLIP, weighted by people, on the {n_photos:,} photos in which YuNet finds a "
            f"face; p after Holm's correction over these {len(found)} comparisons."
        ),
        "rows": [
            {
                "model": model,
                "crop": crop,
                "protocol": protocol,
                "metric": metric,
                "value": paired.difference,
                "ci_low": paired.low if paired.known else None,
                "ci_high": paired.high if paired.known else None,
                "p_holm": p,
                "reason": paired.reason,
            }
            for (model, crop, protocol, metric, paired), p in zip(found, corrected, strict=True)
        ],
    }


def reference(everything: Run, same_people: Run, manifest: dict[str, Any], faceless: int) -> dict[str, Any]:
    """The document that is committed; ``faceless`` counts the photos in which YuNet finds no face."""
    return {
        "schema": SCHEMA,
        "title": TITLE,
        "note": NOTE.format(faceless=faceless),
        **run_facts(manifest),
        "models": model_facts(manifest),
        "rows": [
            plain | {"caution": any(remark.level == "caution" for remark in row.remarks)}
            for plain, row in zip(plain_rows(everything.rows), everything.rows, strict=True)
        ],
        "curves": {
            f"{part.model} | {part.crop}": {
                name: [round(float(v), 6) for v in part.arrays[f"identification/gallery-size//{name}"]]
                for name in CURVES
            }
            for part in everything.cells
        },
        "comparisons": comparisons(same_people),
        "independent": [
            {"model": model, "crop": crop, "protocol": protocol, "metric": metric, "value": value}
            for (model, crop, protocol, metric), value in INDEPENDENT.items()
        ],
    }


def packaged(document: dict[str, Any], run: Run) -> dict[str, Any]:
    """The part that reports show, its rows with their remarks."""
    return {
        "schema": SCHEMA,
        "title": TITLE,
        "note": document["note"],
        "caution": CAUTION,
        "faceprobe": document["versions"]["faceprobe"],
        "n_photos": max(part.n_photos for part in run.cells),
        "n_identities": max(part.n_identities for part in run.cells),
        "models": {
            model: document["models"][model] | {"use": use, "about": about}
            for (model, _), (use, about) in SHOWN.items()
        },
        "rows": [_shown(run, model, crop) for model, crop in SHOWN],
    }


def _shown(run: Run, model: str, crop: str) -> dict[str, Any]:
    (row,) = (
        r for r in run.rows if (r.model, r.crop, r.protocol, r.metric, r.weighting) == _by_people(model, crop)
    )
    return {k: v for k, v in row.to_dict().items() if k not in ("model_hash", "dataset_hash", "conventions")}


def _by_people(model: str, crop: str) -> tuple[str, str, str, str, str]:
    return (model, crop, *RANK1, "identity")


def tables(document: dict[str, Any]) -> dict[str, str]:
    """The tables of ``docs/reference/README.md`` by the names of their places."""
    rows = {(r["model"], r["crop"], r["protocol"], r["metric"], r["weighting"]): r for r in document["rows"]}
    places = sorted({key[:2] for key in rows}, key=lambda at: -rows[(*at, *RANK1, "identity")]["value"])
    parts = []
    for title, figures, weighting in (
        ("By people, with 95 % intervals", FIGURES, "identity"),
        ("By pairs and searches, with 95 % intervals", FIGURES, "pair"),
        ("Other ways to search, by people, with 95 % intervals", OPEN_SET, "identity"),
        ("Rank-1 among so many people, by people, exact, with 95 % intervals", SIZES, "identity"),
    ):
        lines = [
            [
                f"`{model}`",
                crop,
                *(_marked(rows.get((model, crop, *key, weighting))) for key in figures.values()),
            ]
            for model, crop in places
        ]
        parts.append(f"**{title}**\n\n{markdown(['model', 'crop', *figures], lines)}")
    return {
        "celeba-clip": "\n\n".join(parts),
        "celeba-clip-paired": _paired_table(document["comparisons"]),
        "celeba-clip-independent": _independent_table(document["independent"], rows),
    }


def _marked(row: dict[str, Any] | None) -> str:
    """A cell; a star where the row has a caution."""
    return cell(row) + (r" \*" if row and row["value"] is not None and row["caution"] else "")


def _p_value(p: float | None) -> str:
    return "-" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _paired_table(compared: dict[str, Any]) -> str:
    lines = []
    for r in compared["rows"]:
        low, high, p = r["ci_low"], r["ci_high"], r["p_holm"]
        interval = r["reason"] if low is None else f"[{low:+.3f}, {high:+.3f}]"
        figures = [f"{r['value']:+.3f}", interval, _p_value(p)]
        lines.append([f"`{r['model']}`", r["crop"], f"{r['protocol']} {r['metric']}", *figures])
    heads = ["model minus CLIP", "crop", "figure", "difference", "95 % interval", "p (Holm)"]
    return f"{compared['note']}\n\n{markdown(heads, lines)}"


def _independent_table(found: Sequence[dict[str, Any]], rows: dict[tuple[str, ...], dict[str, Any]]) -> str:
    lines = []
    for r in found:
        ours = rows[(r["model"], r["crop"], r["protocol"], r["metric"], "identity")]["value"]
        lines.append([f"`{r['model']}`", r["crop"], r["metric"], f"{ours:.3f}", f"{r['value']:.3f}"])
    return markdown(["model", "crop", "figure, by people", "faceprobe", "independent"], lines)


def _link(place: Path, target: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(target.resolve())


def _measured(content: dict[str, Any], out: Path) -> Run:
    fp.run_study(content, out)
    return read_run(out)


def main(arguments: Iterable[str]) -> None:
    data, weights, out = (Path(argument).resolve() for argument in arguments)
    clip = vectors(data, out)
    everything = _measured(study(prepare(data, out, "photos"), "celeba-1198", clip, weights), out / "all")
    absent = left_out(out / "all")
    found = prepare(data, out, "faces", absent)
    same_people = _measured(compared(found, "celeba-faces", clip, weights), out / "same-people")
    manifest = read_json(out / "all" / "manifest.json")
    document = reference(everything, same_people, manifest, len(absent))
    write("celeba_clip", document, packaged(document, everything))
    fill(FOLDER / "README.md", tables(document))
    readme_figure.main()
    print(f"{len(document['rows'])} rows; without a face: {len(absent)} photos")


if __name__ == "__main__":
    main(sys.argv[1:])
