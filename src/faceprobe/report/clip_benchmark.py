"""Results in the JSON layout of CLIP_benchmark, written from a run and read back as rows.

The layout is that of github.com/LAION-AI/CLIP_benchmark: one file for each model and dataset with the keys
``dataset``, ``model``, ``pretrained``, ``task``, ``metrics`` (name to number) and ``language``. Files that
faceprobe writes also have ``crop``, ``cloak``, ``purifier``, ``evidence``, ``protocol_versions`` and
``faceprobe``, which the tools of CLIP_benchmark ignore.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, sha256_json, write_json
from faceprobe.core.words import slug
from faceprobe.data.evidence import EVIDENCE_ORDER
from faceprobe.results.cells import NO_MODEL
from faceprobe.results.result import Metric, Result, attach
from faceprobe.results.run import Run

TASK = "face_recognition"
MARK = "faceprobe.clip-benchmark/1"
KEYS = ("dataset", "model", "task", "metrics")
WEIGHTINGS = ("identity", "pair", "none")


def export_run(run: Run, folder: Path) -> list[Path]:
    """Write one file for each model, dataset, crop, cloak and purifier of ``run``; returns their paths.

    Rows without a value are left out, and so are rows about photos alone (a cloak's PSNR), which have no
    model.

    A metric is called ``protocol:metric:weighting``. An OpenCLIP model ``ARCH/TAG`` becomes ``model`` and
    ``pretrained``; any other model has the ``pretrained`` "".
    """
    groups: dict[tuple[str, str, str, str, str], list[Result]] = {}
    for row in run.rows:
        if row.value is not None and row.model != NO_MODEL:
            groups.setdefault((row.model, row.dataset, row.crop, row.cloak, row.purifier), []).append(row)
    written = []
    for key, rows in groups.items():
        model, dataset, crop, cloak, purifier = key
        arch, slash, tag = model.partition("/") if ":" not in model else (model, "", "")
        document = {
            "dataset": dataset,
            "model": arch,
            "pretrained": tag if slash else "",
            "task": TASK,
            "metrics": {f"{r.protocol}:{r.metric}:{r.weighting}": r.value for r in rows},
            "language": "en",
            "crop": crop,
            "cloak": cloak,
            "purifier": purifier,
            "evidence": rows[0].evidence,
            "protocol_versions": {r.protocol: r.protocol_version for r in rows},
            "faceprobe": MARK,
        }
        name = f"{slug(f'{model} {dataset} {crop}')[:72]}-{sha256_json(list(key))[:8]}.json"
        write_json(folder / name, document)
        written.append(folder / name)
    return written


def is_clip_benchmark(document: Any) -> bool:
    """Whether ``document`` has the keys of the layout."""
    return isinstance(document, dict) and all(key in document for key in KEYS)


def read_rows(document: dict[str, Any], where: str) -> list[Result]:
    """The rows of one file. A file that faceprobe did not write has evidence ``published``.

    The protocol of such a file is ``clip-benchmark/<task>``, and its rows have no weighting and no interval.
    Raises :class:`BadInput` for a metric that is not a finite number and for a field of the wrong type.
    """
    metrics, ours = document["metrics"], document.get("faceprobe") == MARK
    texts = {key: document.get(key) or "" for key in ("dataset", "model", "pretrained", "task")}
    if not isinstance(metrics, dict) or not all(isinstance(t, str) for t in texts.values()):
        raise BadInput(
            f"{where}: metrics must be an object; dataset, model, pretrained and task must be text"
        )
    evidence = document.get("evidence") if ours else "published"
    if evidence not in EVIDENCE_ORDER:
        raise BadInput(f"{where}: unknown evidence {evidence!r}; write one of {', '.join(EVIDENCE_ORDER)}")
    versions = document.get("protocol_versions", {}) if ours else {}
    if not isinstance(versions, dict) or not all(type(v) is int for v in versions.values()):
        raise BadInput(f"{where}: protocol_versions must name an integer for each protocol, not {versions!r}")
    found = []
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not -1e300 < value < 1e300:
            raise BadInput(
                f"{where}: the metric {name!r} is {value!r}, not a finite number; write one or leave it out"
            )
        protocol, _, rest = name.partition(":")
        metric, _, weighting = rest.rpartition(":")
        if not ours:
            protocol, metric, weighting = f"clip-benchmark/{texts['task']}", name, "none"
        if weighting not in WEIGHTINGS or not metric:
            raise BadInput(f"{where}: the metric {name!r} is not named protocol:metric:weighting; rename it")
        version = versions.get(protocol, 1)
        found.append(Metric(protocol, metric, weighting, float(value), protocol_version=version))
    model = f"{texts['model']}/{texts['pretrained']}" if texts["pretrained"] else texts["model"]
    return attach(
        found,
        model=model,
        dataset=texts["dataset"],
        crop=str(document.get("crop") or "as-is") if ours else "as-is",
        cloak=str(document.get("cloak") or "none") if ours else "none",
        purifier=str(document.get("purifier") or "none") if ours else "none",
        evidence=evidence,
    )


def read_folder(folder: Path) -> list[Result] | None:
    """The rows of every file of this layout in ``folder``; None where it holds none."""
    files = (path for path in sorted(folder.glob("*.json")) if not path.name.startswith("."))
    read = [(path, read_json(path)) for path in files]
    found = [(path, document) for path, document in read if is_clip_benchmark(document)]
    return [row for path, d in found for row in read_rows(d, str(path))] if found else None
