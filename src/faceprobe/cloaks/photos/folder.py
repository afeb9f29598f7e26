"""Cloak a folder of photos: lossless copies elsewhere, every photo accounted for, resumable."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.cloaks.attacks.targets import target_subjects
from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, Subject
from faceprobe.cloaks.noise import AUTHORS_OWN, like_of
from faceprobe.cloaks.photos.files import Original, colourfulness, read_bytes, read_original, render
from faceprobe.cloaks.photos.folder_layout import Album, check_writable, chunks, identity_of, open_album
from faceprobe.cloaks.photos.folder_records import FolderState, PhotoRecord
from faceprobe.cloaks.photos.quality import photo_quality
from faceprobe.cloaks.photos.surrogate_cosine import cosine_to_clean
from faceprobe.cloaks.registry import cloak_card, load_cloak
from faceprobe.core.errors import BadInput, WrongUsage
from faceprobe.core.files import sha256_bytes, sha256_json, write_bytes
from faceprobe.core.progress import progress
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.datasets import load_dataset
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector

TARGETS = "synthetic?split=train&people=20&photos=2"
"""Clean photos of other people for cloaks that steer towards somebody else, unless others are given."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class FolderRun:
    """``document`` is what ``cloak.json`` holds, ``manifest`` the timings, ``records`` the photos in order,
    ``unreadable`` {source: reason}, ``made`` how many photos this run cloaked; the others were done before.
    """

    document: dict[str, Any]
    manifest: dict[str, Any]
    records: list[PhotoRecord]
    unreadable: dict[str, str]
    made: int


@dataclass(frozen=True)
class _Work:
    """What is loaded: the cloak, the one whose PSNR it copies, and what looks for faces."""

    cloak: Cloak
    like: Cloak | None
    detector: Detector | None
    seed: int
    keep_exif: bool

    @property
    def leader(self) -> Cloak:
        """The cloak that decides the batches: noise follows the one whose PSNR it copies, made as it was."""
        return self.like or self.cloak

    def settings(self) -> dict[str, Any]:
        return {
            "cloak": self.cloak.card.id,
            "fingerprint": self.cloak.fingerprint,
            "like": None if self.like is None else self.like.fingerprint,
            "detector": None if self.detector is None else self.detector.fingerprint(),
            "seed": self.seed,
            "exif": "kept" if self.keep_exif else "dropped",
        }

    def surrogates(self) -> Sequence[Any]:
        """The encoders that the cloak, or for equal noise the other cloak, looked through."""
        found: Sequence[Any] = getattr(self.leader, "surrogates", ())
        return found


def cloak_folder(
    source: Path,
    out: Path,
    cloak: str,
    *,
    seed: int = 0,
    device: str = "auto",
    detector: str | None = None,
    offline: bool = False,
    keep_exif: bool = False,
    force: bool = False,
    targets: str = TARGETS,
    quiet: bool = False,
    announce: Callable[[CloakCard, Album], None] = lambda card, album: None,
) -> FolderRun:
    """Write a cloaked PNG of every photo below ``source`` (a folder or one photo) into ``out``.

    Photos without a face, and those that the cloak leaves alone, are written unchanged and counted by reason;
    unreadable ones are listed. Started again after a kill it ends with the same bytes and redoes no finished
    photo. ``targets`` is a dataset of other people, for cloaks that need some. ``announce`` is called before
    anything is loaded or written. Raises :class:`WrongUsage` where ``out`` could meet an original,
    :class:`BadInput` where no photo could be read or ``out`` holds other work (but for ``force``), and what
    the detector and the cloak raise.
    """
    started = time.monotonic()
    other = like_of(cloak)
    if (cloak in AUTHORS_OWN and cloak != "lowkey") or other in AUTHORS_OWN:
        raise WrongUsage(
            f"{cloak}: the bare names {', '.join(AUTHORS_OWN)} mean the authors' own files; write "
            "fawkes-1.0.2-mid or lowkey[bundled:face]"
        )
    cards = [cloak_card(name) for name in (cloak, other) if name]
    album = open_album(source, out)
    announce(cards[0], album)
    eyes = None if all(card.control for card in cards) else find_detector(detector, offline)
    check_writable(out)
    people = other_people(targets, eyes) if any(card.needs_targets for card in cards) else []
    cloaks = [
        load_cloak(name, device=device, offline=offline, targets=people) for name in (cloak, other) if name
    ]
    work = _Work(cloaks[0], cloaks[1] if other else None, eyes, seed, keep_exif)
    state = FolderState(out, work.settings(), force)
    unreadable: dict[str, str] = {}
    made = 0
    with progress(f"cloaking, {work.cloak.card.id}", len(album.images), quiet) as tick:
        for chunk in chunks(album, work.leader, unreadable):
            made += _cloak_chunk(album, chunk, work, state, unreadable, tick)
        for _ in unreadable:
            tick()
    if len(unreadable) == len(album.images):
        raise BadInput(
            f"no photo of {source} could be read ({_counted(unreadable.values())}); nothing was cloaked"
        )
    records = [state.records[image] for image in album.images if image not in unreadable]
    manifest = {
        "seconds_total": round(time.monotonic() - started, 3),
        "seconds_a_photo": float(np.mean([r.seconds for r in records])),
        "made": made,
        "seconds": {r.source: r.seconds for r in records},
    }
    document = state.finish(work.cloak.card, results_of(records, unreadable), manifest)
    return FolderRun(document, manifest, records, unreadable, made)


def results_of(records: Sequence[PhotoRecord], unreadable: dict[str, str]) -> dict[str, Any]:
    """``summary``, ``photos`` and ``unreadable`` as ``cloak.json`` holds them."""
    changed = [r for r in records if r.changed]
    means = {}
    for measure in ("psnr", "ssim", "dssim", "lpips", "dssim_crop_max", "cosine"):
        values = [v for r in changed if (v := getattr(r, measure)) is not None]
        if values:
            worst = min(values) if measure in ("psnr", "ssim") else max(values)
            means[measure] = {"mean": float(np.mean(values)), "worst": float(worst), "n": len(values)}
    coloured = [r.colour for r in changed if r.colour]
    summary = {
        "photos": len(records) + len(unreadable),
        "changed": len(changed),
        "faces": None if all(r.faces is None for r in records) else sum(r.faces or 0 for r in records),
        "unchanged": dict(
            sorted(Counter(r.note or "the cloak changed nothing" for r in records if not r.changed).items())
        ),
        "unreadable": dict(sorted(Counter(unreadable.values()).items())),
        "already_cloaked": sum(bool(r.mark) for r in records),
        "grey_now_coloured": len(coloured),
        "colour_max": max(coloured, default=0),
        "measures": means,
    }
    return {
        "summary": summary,
        "photos": [r.to_dict() for r in records],
        "unreadable": [{"source": image, "reason": reason} for image, reason in sorted(unreadable.items())],
    }


def _cloak_chunk(
    album: Album,
    chunk: list[str],
    work: _Work,
    state: FolderState,
    unreadable: dict[str, str],
    tick: Callable[[], None],
) -> int:
    """Cloak and write a chunk, unless all of it is there. Returns how many photos were written."""
    keys = _keys(album, chunk, work, unreadable)
    missing = {i for i, key in keys.items() if not state.done(i, album.outputs[i], key)}
    originals: dict[str, Original] = {}
    for image in keys if missing else ():
        try:
            originals[image] = read_original(album.root / image, image, keep_exif=work.keep_exif)
        except UnreadablePhoto as error:
            unreadable[image] = error.reason
    missing &= originals.keys()
    if not missing:
        for image in keys:
            if image not in unreadable:
                tick()
        return 0
    subjects = [_subject(image, original, work.detector) for image, original in originals.items()]
    if work.like is not None:
        others = work.like.apply(subjects, seed=work.seed)
        subjects = [replace(s, like=o.pixels) for s, o in zip(subjects, others, strict=True)]
    cloaked = work.cloak.apply(subjects, seed=work.seed, tick=tick)
    for image, subject, done in zip(originals, subjects, cloaked, strict=True):
        if image in missing:
            original = replace(originals[image], photo=subject.photo)
            record, data = _finish(image, album.outputs[image], keys[image], original, done, work)
            write_bytes(state.out / record.output, data)
            state.add(record)
    return len(missing)


def _keys(album: Album, chunk: list[str], work: _Work, unreadable: dict[str, str]) -> dict[str, str]:
    """Per photo, a hash of all that decides its output."""
    contents = {}
    for image in chunk:
        try:
            contents[image] = sha256_bytes(read_bytes(album.root / image, image))
        except UnreadablePhoto as error:
            unreadable[image] = error.reason
    group = sorted(contents.values()) if work.leader.card.scope == "person" else []
    settings = sha256_json([work.settings(), group])
    return {image: sha256_json([settings, content]) for image, content in contents.items()}


def _subject(image: str, original: Original, detector: Detector | None) -> Subject:
    photo = original.photo
    if detector is not None:
        photo = replace(photo, faces=detector.detect(photo.pixels))
    return Subject(photo.content_hash, photo, identity_of(image))


def _finish(
    image: str, output: str, key: str, original: Original, done: Cloaked, work: _Work
) -> tuple[PhotoRecord, bytes]:
    """The photo's PNG and its record; measures are read from the pixels that the PNG shows."""
    photo = original.photo
    changed = not np.array_equal(done.pixels, photo.pixels)
    data = render(original, done.pixels, work.cloak.card.id if changed else "")
    record = PhotoRecord(
        source=image,
        output=output,
        key=key,
        sha256=sha256_bytes(data),
        changed=changed,
        faces=None if photo.faces is None else len(photo.faces),
        note="" if changed else _why(done, photo.faces is not None and not photo.faces),
        bits=original.bits,
        alpha=original.alpha,
        mark=original.mark,
        notes=original.notes,
        reports=tuple(face.to_dict() for face in done.faces),
        seconds=done.seconds,
    )
    if not changed:
        return record, data
    written = decode_image(data, output) if original.alpha else done.pixels
    quality = photo_quality(photo.pixels, written)
    crops = [face.dssim for face in done.faces if face.dssim is not None]
    record = replace(
        record,
        psnr=quality.psnr if math.isfinite(quality.psnr) else None,
        ssim=quality.ssim,
        dssim=quality.dssim,
        lpips=quality.lpips,
        dssim_crop_max=max(crops, default=None),
        cosine=cosine_to_clean(work.surrogates(), photo, written),
        colour=colourfulness(written) if original.grey else None,
    )
    return record, data


def _why(done: Cloaked, faceless: bool) -> str:
    reasons = [face.note for face in done.faces if face.note]
    return done.note or ("no face found" if faceless else "; ".join(dict.fromkeys(reasons)))


def other_people(dataset: str, detector: Detector | None) -> list[Subject]:
    table = load_dataset(dataset)
    return target_subjects(table, range(len(table)), detector)


def _counted(reasons: Any) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(Counter(reasons).items()))
