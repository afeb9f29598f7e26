"""``faceprobe cloak``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceprobe.cli import completion
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.cloaks.base import CloakCard
    from faceprobe.cloaks.photos.folder import FolderRun
    from faceprobe.cloaks.photos.folder_layout import FolderLayout

EPILOG = "Example: faceprobe cloak photos/ --cloak 'fawkes-1.0.2-low[bundled:face]' --out photos-fawkes"

SHEET = "sheet.html"
MOST_NAMED = 20
"""Names in one line; a longer list is cut."""

MEASURES = {
    "psnr": ("PSNR, whole photo", "dB", "lowest"),
    "ssim": ("SSIM, whole photo", "", "lowest"),
    "dssim": ("DSSIM, whole photo", "", "highest"),
    "delta_e": ("colour difference of the face (CIEDE2000, mean)", "", "highest"),
    "delta_e_p95": ("colour difference of the face (CIEDE2000, 95th percentile)", "", "highest"),
    "lpips": ("LPIPS, whole photo", "", "highest"),
    "dssim_crop_max": ("DSSIM, face crop (highest of a photo)", "", "highest"),
    "cosine": ("cosine clean to cloaked, under the surrogate", "", "highest"),
}


def command(
    source: Path = typer.Argument(..., metavar="SRC", help="A folder of photos, or one photo."),
    out: Path = typer.Option(..., "--out", "-o", help="Folder for the cloaked copies, apart from SRC."),
    cloak: str = typer.Option(
        ...,
        "--cloak",
        "-c",
        help="The cloak, as faceprobe cloaks lists them.",
        autocompletion=completion.cloaks,
    ),
    seed: int = typer.Option(0, min=0, help="Seed of the cloak's noise."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, cuda:1, mps."),
    detector: str = typer.Option("", help="YuNet weights on disk (or FACEPROBE_DETECTOR)."),
    targets: str = typer.Option(
        "", help="Dataset of other people, for cloaks that steer towards one (default: synthetic ones)."
    ),
    judge: str = typer.Option(
        "auto",
        help="Model that judges the result and is no surrogate, such as onnx:FILE?...; auto: a bundled one; "
        "none.",
    ),
    keep_exif: bool = typer.Option(
        False, "--keep-exif/--drop-exif", help="Keep camera data, place included; they are dropped otherwise."
    ),
    file_format: str = typer.Option(
        "png", "--format", help="png (without loss) or jpeg (the loss of the cloak's effect is measured)."
    ),
    quality: int | None = typer.Option(None, help="Quality of a JPEG, 1 to 100 (default: 95)."),
    offline: bool = typer.Option(False, "--offline", help="Fetch nothing."),
    force: bool = typer.Option(
        False, "--force", help="Replace what is in the output folder; never an original."
    ),
    sheet: bool = typer.Option(
        False, "--sheet", help="Write sheet.html into the output folder: photos before, after, difference."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the contents of cloak.json."),
) -> None:
    """Write cloaked copies of photos, and measure what changed.

    Copies are lossless PNGs, or JPEGs on request; photos without a face are copied unchanged and counted. A
    killed run goes on where it stopped.
    """
    from faceprobe.cli.show import print_json
    from faceprobe.cloaks.photos.folder import cloak_folder
    from faceprobe.cloaks.photos.formats import file_format as parse_format
    from faceprobe.cloaks.photos.loaded_cloak import TARGETS

    done = cloak_folder(
        source.expanduser(),
        out.expanduser(),
        cloak,
        seed=seed,
        device=device,
        detector=detector or None,
        offline=offline,
        keep_exif=keep_exif,
        force=force,
        targets=targets or TARGETS,
        file_format=parse_format(file_format, quality),
        judge=judge,
        announce=_announce,
    )
    if sheet:
        _write_sheet(done, source.expanduser(), out.expanduser())
    _warn(done)
    print_json(done.document) if as_json else _show(done, out)


def _announce(card: CloakCard, layout: FolderLayout) -> None:
    """What the user should know before anything is written."""
    from faceprobe.cloaks.base import LIMITS
    from faceprobe.core.progress import say
    from faceprobe.data.left_out import left_out_lines

    say(f"{card.id}: {card.about}")
    for line in surrogate_lines(card):
        say(f"  {line}")
    for note in card.notes:
        say(f"  note: {note}")
    for line in left_out_lines(layout.left_out):
        say(f"  left out: {line}")
    say(f"  limits: {LIMITS}")


def surrogate_lines(card: CloakCard) -> list[str]:
    """The surrogates and the perceptual term of a cloak, or of the cloak whose PSNR it copies, in words."""
    from faceprobe.cloaks.listing import perceptual_of
    from faceprobe.cloaks.names import parse_cloak
    from faceprobe.cloaks.registry import reference_card

    reference = reference_card(card)
    of = f" (of {reference.id}, whose PSNR is copied)" if reference else ""
    card = reference or card
    name = parse_cloak(card.id)
    if not name.surrogates:
        return ["surrogate: none, it looks at no encoder" + of]
    lines = [f"surrogate: {' + '.join(name.surrogates)}{of}"]
    if any(map(_is_synthetic, name.surrogates)):
        lines.append("bundled models are small and were trained on synthetic people: a weak surrogate")
    lines.append(f"perceptual term: {perceptual_of(card) or 'none; the change is bounded a pixel'}")
    return lines


def _is_synthetic(model: str) -> bool:
    """Whether ``model``, as a cloak's id shows it, was trained on synthetic people only, as far as known."""
    from faceprobe.core.errors import FaceprobeError
    from faceprobe.models import model_card

    try:
        return model_card(model).synthetic
    except FaceprobeError:  # the id of a file does not name its folder
        return False


def _write_sheet(done: FolderRun, source: Path, out: Path) -> None:
    """``sheet.html`` in the output folder."""
    from faceprobe.core.files import write_bytes
    from faceprobe.core.progress import say
    from faceprobe.data.photo import decode_image
    from faceprobe.datasets.files import read_photo_file
    from faceprobe.report.cloaks.sheet import SheetPhoto, order_of, sheet_page

    root = source if source.is_dir() else source.parent
    records = order_of(done.document["photos"])

    def photos() -> Iterator[SheetPhoto]:
        for record in records:
            files = (root / record["source"], out / record["output"])
            clean, cloaked = (decode_image(read_photo_file(f, f.name), f.name) for f in files)
            yield SheetPhoto(clean, cloaked, record)

    judge = done.document.get("judge")
    verdict = list(judge_lines(judge))[-1:] if judge else []
    page = sheet_page(done.document["cloak"]["id"], photos(), done.document["summary"]["changed"], verdict)
    write_bytes(out / SHEET, page.encode("utf-8"))
    say(f"{out / SHEET}: {counted(len(records), 'photo')} before and after; it holds the photos themselves")


def _warn(done: FolderRun) -> None:
    from faceprobe.core.progress import say

    marked = [r for r in done.records if r.mark]
    if marked:
        first = marked[0]
        say(
            f"warning: {counted(len(marked), 'photo')} cloaked again that bore a cloak already, as"
            f" {first.source} ({first.mark})"
        )
    summary = done.document["summary"]
    if summary["grey_now_coloured"]:
        say(
            f"warning: colour on {counted(summary['grey_now_coloured'], 'black-and-white photo')}, at most "
            f"{summary['colour_max']} of 255 levels between channels"
        )


def saving_line(saving: dict[str, Any], name: str) -> str:
    """What saving as JPEG lost, in words."""
    kept, worst = saving["kept"], saving["kept_worst"]
    line = f"saved as {name}: {saving['psnr']:.1f} dB PSNR to the cloaked photo before saving"
    if kept is None:
        return line
    lowest = "" if worst is None or saving["n"] < 2 else f" (lowest of a photo: {worst:.0%})"
    return f"{line}; under the surrogate {kept:.0%} of the cloak's effect survives{lowest}"


def _show(done: FolderRun, out: Path) -> None:
    from faceprobe.cli.show import print_table
    from faceprobe.cloaks.photos.colour_difference import VISIBLE_TINT

    summary: dict[str, Any] = done.document["summary"]
    rows = []
    for key, (label, unit, end) in MEASURES.items():
        if key in summary["measures"]:
            found = summary["measures"][key]
            digits = 2 if unit else 1 if key.startswith("delta_e") else 4
            shown = [f"{found[k]:.{digits}f}{' ' + unit if unit else ''}" for k in ("mean", "worst")]
            rows.append((label, shown[0], f"{shown[1]} ({end})", f"{found['n']:,}"))
    seconds = [r.seconds for r in done.records]
    rows.append(("seconds a photo", f"{sum(seconds) / len(seconds):.2f}", "", f"{len(seconds):,}"))
    print_table(done.document["cloak"]["id"], ("measure", "mean", "worst", "photos"), rows)
    faces = "" if summary["faces"] is None else f" {counted(summary['faces'], 'face')};"
    before = len(done.records) - done.made
    print(
        f"{out}: {counted(summary['photos'], 'photo')};{faces} {summary['changed']:,} changed"
        + (f"; {before:,} were done before" if before else "")
    )
    if summary["visibly_tinted"]:
        print(
            f"  visibly tinted: {summary['visibly_tinted']:,} (mean colour difference over the face above "
            f"{VISIBLE_TINT}); look at them before you use them"
        )
    if summary["saving"]:
        print(f"  {saving_line(summary['saving'], done.document['settings']['format'])}")
    for note in dict.fromkeys(note for r in done.records for note in r.notes):
        print(f"  note: {note}")
    for line in _not_cloaked(done.document["not_cloaked"], summary["photos"]):
        print(line)
    if "judge" in done.document:
        for line in judge_lines(done.document["judge"]):
            print(line)


def judge_lines(judge: Mapping[str, Any]) -> Iterator[str]:
    """What an outside judge makes of the cloaked photos (:class:`Judgement` as JSON), the verdict last."""
    model, photos = str(judge["model"]).partition("?")[0], judge["photos"]
    if not photos:
        yield f"outside judge {model}: no face that it can use; nothing was judged"
        return
    if photos == 1 and judge["rule"] != "threshold":
        yield (
            f"outside judge {model} cannot judge one photo: it asks for the nearest of several clean photos; "
            "cloak photos of more people, or give a real recogniser with --judge"
        )
        return
    if judge["rule"] == "threshold":
        yield (
            "recognised: more similar to its clean version than 999 of 1,000 pairs of different people are "
            f"(cosine {judge['threshold']:.3f}, from {judge['people']:,} people of CelebA)"
        )
        if judge["linked"] or judge["linked_before"]:
            yield (
                f"with another photo of this folder it matches {judge['linked']:,}; before cloaking "
                f"{judge['linked_before']:,}"
            )
    elif judge["weak"]:
        yield (
            f"{model} is a weak judge: it finds {100 * judge['tmr']:.0f} % of pairs of one real person where "
            "1 in 1,000 pairs of different people match. What it misses, others may recognise: give a real "
            "recogniser with --judge"
        )
    else:
        yield f"no threshold is known for {model}, so it is asked for the nearest clean photo"
    how = "" if judge["rule"] == "threshold" else f": finds the clean version first of {photos:,}"
    part = f" ({photos:,} of {judge['with_face']:,} were judged)" if photos < judge["with_face"] else ""
    yield (
        f"outside judge {model} (not a surrogate of this cloak) still recognises {judge['recognised']:,} of "
        f"{photos:,}{how}{part}"
    )


def _not_cloaked(photos: Sequence[Mapping[str, str]], n_photos: int) -> Iterator[str]:
    """The photos that are as recognisable as before, by name and reason."""
    if not photos:
        return
    yield f"not cloaked, or hardly: {len(photos):,} of {counted(n_photos, 'photo')}"
    for reason, group in groupby(photos, lambda photo: photo["reason"]):
        names = [photo["source"] for photo in group]
        more = f" and {len(names) - MOST_NAMED:,} more, all in cloak.json" if len(names) > MOST_NAMED else ""
        yield f"  {', '.join(names[:MOST_NAMED])}{more}: {reason}"
