"""``faceprobe embed``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from faceprobe.cli import completion
from faceprobe.core.words import counted

EPILOG = "Example: faceprobe embed photos/ --model ViT-B-32/openai --crop margin-0.3 --out photos.emb"


def command(
    source: str = typer.Argument(..., metavar="SRC", help="A dataset (lfw:PATH, ...) or a folder of photos."),
    model: str = typer.Option(
        ...,
        "--model",
        "-m",
        help="The encoder, as in ViT-B-32/openai.",
        autocompletion=completion.models,
    ),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the embedding store."),
    crop: str = typer.Option(
        "as-is",
        help="as-is, aligned-112, margin-<m>, face-only, context-only or random-mask.",
        autocompletion=completion.crops,
    ),
    detector: str = typer.Option("", help="YuNet weights on disk (or FACEPROBE_DETECTOR)."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1, mps."),
    workers: int = typer.Option(-1, min=-1, help="Processes that read photos (-1: one a core)."),
    batch_size: int = typer.Option(32, min=1, help="Photos in one batch; never changes within a run."),
    max_excluded: float = typer.Option(0.1, min=0.0, max=1.0, help="Share of photos that may be unusable."),
    dtype: str = typer.Option("float32", help="float32 or float16."),
    shard_rows: int = typer.Option(100_000, min=1, help="Rows in one img_emb file."),
    offline: bool = typer.Option(False, "--offline", help="Fetch nothing."),
    force: bool = typer.Option(False, "--force", help="Replace a store made with other settings."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as JSON."),
) -> None:
    """Embed photos into a store: img_emb/*.npy and metadata/*.parquet.

    A plain folder may hold loose photos or one subfolder a person. What was embedded before is
    reused, and a killed run resumes.
    """
    from faceprobe.api.embed import embed

    done = embed(
        source,
        model,
        out,
        crop=crop,
        detector=detector or None,
        device=device,
        offline=offline,
        workers=None if workers < 0 else workers,
        batch_size=batch_size,
        max_excluded=max_excluded,
        dtype=dtype,
        shard_rows=shard_rows,
        force=force,
        quiet=False,
    )
    summary: dict[str, Any] = {
        "dataset": done.dataset,
        "model": done.model,
        "crop": crop,
        "out": str(out),
        "photos": len(done) + sum(done.excluded.values()),
        "kept": len(done),
        "excluded": done.excluded,
        "encoded": done.encoded,
        "reused": done.reused,
        "seconds": round(done.seconds, 3),
        "notes": list(done.notes),
        "left_out": [{"path": path, "kind": kind} for path, kind in done.left_out],
    }
    _show(summary, as_json)


def _show(summary: dict[str, Any], as_json: bool) -> None:
    from faceprobe.cli.show import print_json
    from faceprobe.data.left_out import LeftOut, left_out_lines

    if as_json:
        print_json(summary)
        return
    rate = summary["encoded"] / summary["seconds"] if summary["seconds"] else 0.0
    print(
        f"{summary['out']}: {summary['kept']:,} of {counted(summary['photos'], 'photo')}; "
        f"{summary['encoded']:,} encoded ({rate:,.1f} photos/s), {summary['reused']:,} reused"
    )
    for reason, count in summary["excluded"].items():
        print(f"  excluded: {count:,} {reason} (listed in excluded.json)")
    for note in summary["notes"]:
        print(f"  note: {note}")
    for line in left_out_lines([LeftOut(entry["path"], entry["kind"]) for entry in summary["left_out"]]):
        print(f"  left out: {line}")
