"""Cloak a folder of photos: lossless copies in another folder, a record of every photo, resumable."""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from faceprobe.cloaks.base import CloakCard, Cloaked, Subject
from faceprobe.cloaks.names import parse_cloak
from faceprobe.cloaks.photos.colour_difference import is_tinted
from faceprobe.cloaks.photos.files import Original, read_original, render
from faceprobe.cloaks.photos.folder_layout import (
    FolderLayout,
    check_writable,
    cloak_batches,
    identity_of,
    nothing_readable,
    photo_sizes,
    read_layout,
)
from faceprobe.cloaks.photos.folder_records import FolderRecords, PhotoRecord, check_unused
from faceprobe.cloaks.photos.formats import PNG_FILE, FileFormat
from faceprobe.cloaks.photos.judge import MOST, NONE, Judge, Judgement, load_judge
from faceprobe.cloaks.photos.loaded_cloak import (
    TARGETS,
    LoadedCloak,
    cloak_cards,
    detector_for,
    load_with_reference,
)
from faceprobe.cloaks.photos.measures import measure_change
from faceprobe.cloaks.photos.saving import saving_loss, saving_summary
from faceprobe.core.files import sha256_bytes, sha256_json, write_bytes
from faceprobe.core.progress import progress
from faceprobe.data.left_out import LeftOut
from faceprobe.data.photo import UnreadablePhoto, decode_image
from faceprobe.datasets.files import read_photo_file
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector
from faceprobe.models import check_model_files
from faceprobe.models.base import ImageEncoder

MEASURES = ("psnr", "ssim", "dssim", "delta_e", "delta_e_p95", "lpips", "dssim_crop_max", "cosine")


@dataclass(frozen=True)
class FolderRun:
    """``document`` is the content of ``cloak.json``, ``manifest`` the timings, ``records`` the photos in
    order, ``unreadable`` {source: reason}, ``made`` the number of photos cloaked in this run; the others were
    done before. ``left_out`` lists the entries of the folder that are no photos, with their kinds.
    """

    document: dict[str, Any]
    manifest: dict[str, Any]
    records: list[PhotoRecord]
    unreadable: dict[str, str]
    made: int
    left_out: tuple[LeftOut, ...] = ()


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
    file_format: FileFormat = PNG_FILE,
    judge: str = NONE,
    quiet: bool = False,
    announce: Callable[[CloakCard, FolderLayout], None] = lambda card, layout: None,
) -> FolderRun:
    """Write a cloaked copy of every photo below ``source`` (a folder or one photo) into ``out``.

    ``file_format`` is that of the copies: PNG, which loses nothing, or JPEG, whose loss is measured.
    Photos without a face, and those that the cloak leaves alone, are written unchanged and counted by reason;
    unreadable ones are listed. A run that was killed and started again ends with the same bytes and repeats
    no finished photo. ``targets`` is a dataset of other people, for cloaks that need some. ``judge`` is an
    outside model that judges the written photos, "auto" for a bundled one. ``announce`` is
    called before anything is loaded or written. Raises :class:`WrongUsage` where ``out`` could meet an
    original, :class:`BadInput` where no photo could be read or where ``out`` holds other files (unless
    ``force``), and what the detector and the cloak raise.
    """
    started = time.monotonic()
    cards = cloak_cards(cloak)
    layout = read_layout(source, out, file_format.ending)
    announce(cards[0], layout)
    check_writable(out)
    check_unused(out, force)
    pixels, unreadable = photo_sizes(layout)
    for model in parse_cloak(cloak).surrogates:
        check_model_files(model)
    found_detector = detector_for(cards, detector, offline)
    loaded = load_with_reference(
        cloak, seed=seed, detector=found_detector, device=device, offline=offline, targets=targets
    )
    outside = load_judge(judge, loaded.surrogates, device=device, offline=offline)
    judge_detector = None if outside is None else found_detector or find_detector(detector, offline)
    records = FolderRecords(out, _settings(loaded, keep_exif, file_format), force)
    run = _FolderCloaking(layout, loaded, keep_exif, file_format, records, unreadable)
    made = 0
    with progress(f"cloaking, {loaded.cloak.card.id}", len(layout.images), quiet) as tick:
        for batch in cloak_batches(pixels, loaded.leader):
            made += run.cloak_batch(batch, tick)
        for _ in run.unreadable:
            tick()
    if len(unreadable) == len(layout.images):
        raise nothing_readable(layout, unreadable)
    done = [run.records.records[image] for image in layout.images if image not in unreadable]
    manifest = {
        "seconds_total": round(time.monotonic() - started, 3),
        "seconds_a_photo": float(np.mean([r.seconds for r in done])),
        "made": made,
        "seconds": {r.source: r.seconds for r in done},
    }
    results = results_of(done, unreadable, layout.left_out)
    if outside is not None and judge_detector is not None:
        results["judge"] = run.judged(done, outside, judge_detector).to_dict()
    document = run.records.finish(loaded.cloak.card, results, manifest)
    return FolderRun(document, manifest, done, unreadable, made, layout.left_out)


def results_of(
    records: Sequence[PhotoRecord], unreadable: dict[str, str], left_out: Sequence[LeftOut] = ()
) -> dict[str, Any]:
    """The parts ``summary``, ``photos``, ``not_cloaked``, ``unreadable`` and ``left_out`` of
    ``cloak.json``.
    """
    changed = [r for r in records if r.changed]
    means = {}
    for measure in MEASURES:
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
        "barely_changed": sum(bool(r.barely) for r in records),
        "visibly_tinted": sum(is_tinted(r.delta_e) for r in changed),
        "grey_now_coloured": len(coloured),
        "colour_max": max(coloured, default=0),
        "measures": means,
        "saving": saving_summary(changed),
    }
    return {
        "summary": summary,
        "photos": [r.to_dict() for r in records],
        "not_cloaked": not_cloaked(records, unreadable),
        "unreadable": [{"source": image, "reason": reason} for image, reason in sorted(unreadable.items())],
        "left_out": [{"path": path, "kind": kind} for path, kind in left_out],
    }


def not_cloaked(records: Sequence[PhotoRecord], unreadable: Mapping[str, str]) -> list[dict[str, str]]:
    """Every photo that is not cloaked, or hardly: ``source`` and ``reason``, sorted by reason and name."""
    found = [(reason, image) for image, reason in unreadable.items()]
    for record in records:
        if not record.changed:
            found.append((record.note or "the cloak changed nothing", record.source))
        elif record.barely:
            found.append((f"barely changed: {record.barely}", record.source))
    return [{"source": image, "reason": reason} for reason, image in sorted(found)]


def _settings(loaded: LoadedCloak, keep_exif: bool, file_format: FileFormat) -> dict[str, Any]:
    """All that decides the output besides the photos; a part of ``cloak.json`` and of each photo's key."""
    return {
        "cloak": loaded.cloak.card.id,
        "fingerprint": loaded.cloak.fingerprint,
        "like": None if loaded.reference is None else loaded.reference.fingerprint,  # format 1 names it so
        "detector": None if loaded.detector is None else loaded.detector.fingerprint(),
        "seed": loaded.seed,
        "exif": "kept" if keep_exif else "dropped",
        "format": file_format.name,
    }


@dataclass(frozen=True)
class _FolderCloaking:
    """One run over a folder; ``unreadable`` {image: reason} grows on the way."""

    layout: FolderLayout
    loaded: LoadedCloak
    keep_exif: bool
    file_format: FileFormat
    records: FolderRecords
    unreadable: dict[str, str]

    def cloak_batch(self, batch: Sequence[str], tick: Callable[[], None]) -> int:
        """Cloak and write a batch, unless all of it is done. Returns the number of photos written."""
        keys = self._keys(batch)
        outputs = self.layout.outputs
        missing = {image for image, key in keys.items() if not self.records.done(image, outputs[image], key)}
        originals = self._read(keys) if missing else {}
        missing &= originals.keys()
        if not missing:
            for image in keys:
                if image not in self.unreadable:
                    tick()
            return 0
        subjects = [Subject(o.photo.content_hash, o.photo, identity_of(i)) for i, o in originals.items()]
        cloaked = self.loaded.apply(subjects, tick)
        for (image, original), done in zip(originals.items(), cloaked, strict=True):
            if image in missing:
                record, data = self._finish(image, keys[image], original, done)
                if reason := self._write(self.records.out / record.output, data):
                    self.unreadable[image] = reason
                else:
                    self.records.add(record)
        return len(missing - self.unreadable.keys())

    def _write(self, path: Path, data: bytes) -> str:
        """Write one file; "" or why this name cannot be written, which stops no other photo."""
        try:
            if path.is_dir():
                return "not written: the output folder has a folder of that name"
            write_bytes(path, data)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                return "not written: the output folder does not take such a name"
            raise
        return ""

    def judged(self, records: Sequence[PhotoRecord], encoder: ImageEncoder, detector: Detector) -> Judgement:
        """What an outside ``encoder`` makes of the written photos with a face, at most :data:`MOST` of
        them.
        """
        with_face = [record for record in records if record.faces != 0]
        count = min(MOST, len(with_face))
        judge = Judge(encoder)
        for record in (with_face[k * len(with_face) // count] for k in range(count)):
            photo = read_original(self.layout.root / record.source, record.source).photo
            written = decode_image((self.records.out / record.output).read_bytes(), record.output)
            judge.add(replace(photo, faces=detector.detect(photo.pixels)), written)
        return judge.judgement(len(with_face))

    def _keys(self, batch: Sequence[str]) -> dict[str, str]:
        """For each photo, a hash of all that decides its output."""
        contents = {}
        for image in batch:
            try:
                contents[image] = sha256_bytes(read_photo_file(self.layout.root / image, image))
            except UnreadablePhoto as error:
                self.unreadable[image] = error.reason
        group = sorted(contents.values()) if self.loaded.leader.card.scope == "person" else []
        settings = sha256_json([self.records.settings, group])
        return {image: sha256_json([settings, content]) for image, content in contents.items()}

    def _read(self, images: Iterable[str]) -> dict[str, Original]:
        """The originals that can be read, with their faces."""
        originals = {}
        for image in images:
            try:
                original = read_original(self.layout.root / image, image, keep_exif=self.keep_exif)
            except UnreadablePhoto as error:
                self.unreadable[image] = error.reason
                continue
            originals[image] = replace(original, photo=self.loaded.with_faces(original.photo))
        return originals

    def _finish(self, image: str, key: str, original: Original, done: Cloaked) -> tuple[PhotoRecord, bytes]:
        """The photo's record and its file; the measures are those of the pixels that the file shows."""
        photo, output = original.photo, self.layout.outputs[image]
        changed = not np.array_equal(done.pixels, photo.pixels)
        data = render(original, done.pixels, self.loaded.cloak.card.id if changed else "", self.file_format)
        faces = None if photo.faces is None else len(photo.faces)
        record = PhotoRecord(
            source=image,
            output=output,
            key=key,
            sha256=sha256_bytes(data),
            changed=changed,
            faces=faces,
            note="" if changed else done.why_unchanged(faces),
            bits=original.bits,
            alpha=original.alpha,
            mark=original.mark,
            notes=(*original.notes, *self.file_format.notes(original)),
            reports=tuple(face.to_dict() for face in done.faces),
            seconds=done.seconds,
            starts=done.starts,
        )
        if changed:
            lossy = self.file_format.quality > 0
            written = decode_image(data, output) if original.alpha or lossy else done.pixels
            measures = measure_change(
                original, done, written, self.loaded.surrogates, control=self.loaded.cloak.card.control
            )
            record = replace(record, **asdict(measures))
            if lossy:
                loss = saving_loss(original, done.pixels, written, self.file_format, self.loaded.surrogates)
                record = replace(record, **asdict(loss))
        return record, data
