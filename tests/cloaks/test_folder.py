"""Cloaking a folder: names, places, resuming after a kill, and photos of every kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceprobe.cloaks.photos.folder import cloak_folder
from faceprobe.cloaks.photos.folder_layout import name_outputs, read_layout
from faceprobe.cloaks.photos.folder_records import MANIFEST, PROGRESS, RESULTS
from faceprobe.cloaks.photos.formats import FileFormat
from faceprobe.cloaks.photos.visibility import psnr
from faceprobe.core.errors import BadInput, Missing, UnknownName, WrongUsage
from faceprobe.datasets import load_dataset

CLOAK = "pgd[bundled:face]"


def picture(seed: int, size: tuple[int, int] = (40, 32)) -> NDArray[np.uint8]:
    """Something smooth that shows nobody."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    planes = [128 + 100 * np.sin(x / (5 + seed) + k) * np.cos(y / 7) for k in range(3)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def save(path: Path, seed: int, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed)).save(path, **options)
    return path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for k in range(7):
        save(tmp_path / "album" / f"p{k // 3}" / f"{k}.jpg", k)
    return tmp_path / "album"


@pytest.fixture
def portraits(tmp_path: Path, shared: Path) -> Path:
    """Two synthetic people, two photos each, large enough for the detector."""
    world = load_dataset("synthetic?people=2&photos=2&size=160")
    for row in range(len(world)):
        path = tmp_path / "portraits" / str(world.identities[row]) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(world.photo(row).pixels).save(path)
    return tmp_path / "portraits"


def cut(data: bytes) -> bytes:
    """A photo whose end is missing."""
    return data[: len(data) * 9 // 10]


def tree(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def test_a_folder_becomes_pngs_beside_relative_paths(album: Path, tmp_path: Path) -> None:
    before = tree(album)
    done = cloak_folder(album, tmp_path / "out", "noise-30", quiet=True)
    assert tree(album) == before
    made = tree(tmp_path / "out")
    assert sorted(made) == sorted([RESULTS, *(f"p{k // 3}/{k}.png" for k in range(7))])
    for record in done.records:
        clean = np.asarray(Image.open(album / record.source))
        cloaked = np.asarray(Image.open(tmp_path / "out" / record.output))
        assert abs(psnr(clean, cloaked) - 30) <= 0.1
        assert record.psnr == pytest.approx(psnr(clean, cloaked))
        assert record.faces is None and record.changed and record.cosine is None
    document = json.loads((tmp_path / "out" / RESULTS).read_text())
    assert document == done.document
    assert document["summary"]["changed"] == 7 and document["cloak"]["id"] == "noise-30"
    text = (tmp_path / "out" / RESULTS).read_text()
    assert str(tmp_path) not in text and "seconds" not in text
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert set(manifest["seconds"]) == {r.source for r in done.records} and manifest["made"] == 7


def test_the_same_again_does_nothing_and_another_seed_is_refused(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    cloak_folder(album, out, "noise-30", quiet=True)
    before = tree(out)
    seconds = json.loads((out / MANIFEST).read_text())["seconds"]
    again = cloak_folder(album, out, "noise-30", quiet=True)
    assert again.made == 0 and tree(out) == before
    assert json.loads((out / MANIFEST).read_text())["seconds"] == seconds
    with pytest.raises(BadInput, match="another seed"):
        cloak_folder(album, out, "noise-30", seed=1, quiet=True)
    assert tree(out) == before
    forced = cloak_folder(album, out, "noise-30", seed=1, force=True, quiet=True)
    assert forced.made == 7 and tree(out) != before
    (out / "p0/0.png").write_bytes(b"damaged")
    assert cloak_folder(album, out, "noise-30", seed=1, quiet=True).made == 1
    save(album / "p0" / "1.jpg", 99)  # a photo that was replaced
    assert cloak_folder(album, out, "noise-30", seed=1, quiet=True).made == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from faceprobe.cloaks.photos import folder

write, left = folder.write_bytes, [int(sys.argv[4])]

def killed(target, data):
    if left[0] == 0 and sys.argv[5] == "before":
        target.parent.mkdir(exist_ok=True)
        target.with_name("." + target.name + ".77.tmp").write_bytes(data[:50])  # as a kill leaves it
        os.kill(os.getpid(), signal.SIGKILL)
    write(target, data)
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1

folder.write_bytes = killed
folder.cloak_folder(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], quiet=True)
"""


@pytest.mark.parametrize(("photos", "when"), [(0, "before"), (3, "before"), (3, "after")])
def test_killed_and_started_again_ends_with_the_same_bytes(
    album: Path, tmp_path: Path, photos: int, when: str
) -> None:
    whole = tmp_path / "whole"
    cloak_folder(album, whole, "noise-30", quiet=True)
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(album), str(out), "noise-30", str(photos), when]
    died = subprocess.run(command, check=False, env=dict(os.environ))
    assert died.returncode == -9 and (out / PROGRESS).is_file() and not (out / RESULTS).exists()
    again = cloak_folder(album, out, "noise-30", quiet=True)
    assert again.made == 7 - photos
    assert tree(out) == tree(whole)


def test_a_cloak_of_faces(portraits: Path, tmp_path: Path) -> None:
    """Faces change and nothing else does; a faceless photo passes through; the surrogate sees the change."""
    save(portraits / "nobody.png", 3)
    out = tmp_path / "out"
    done = cloak_folder(portraits, out, CLOAK, quiet=True)
    by = {r.source: r for r in done.records}
    nobody = by.pop("nobody.png")
    assert not nobody.changed and nobody.faces == 0 and nobody.note == "no face found"
    assert np.array_equal(np.asarray(Image.open(out / "nobody.png")), picture(3))
    assert "faceprobe-cloak" not in Image.open(out / "nobody.png").info
    assert done.document["summary"]["unchanged"] == {"no face found": 1}
    noise = cloak_folder(portraits, tmp_path / "noise", f"noise[{CLOAK}]", quiet=True)
    noisy = {r.source: r for r in noise.records}
    assert any(r.changed for r in by.values())
    for source, record in by.items():
        if not record.changed:
            assert record.note
            continue
        assert Image.open(out / record.output).info["faceprobe-cloak"] == CLOAK
        assert record.psnr is not None and noisy[source].psnr == pytest.approx(record.psnr, abs=0.1)
        assert record.cosine is not None and noisy[source].cosine is not None
        assert record.cosine < noisy[source].cosine - 0.3
    assert noise.document["cloak"]["id"] == f"noise[{CLOAK}]"


def test_a_cloak_of_people_takes_a_folder_as_a_person(portraits: Path, tmp_path: Path) -> None:
    done = cloak_folder(portraits, tmp_path / "out", "opom[bundled:face]", quiet=True)
    assert done.document["summary"]["changed"] >= 2
    again = cloak_folder(portraits, tmp_path / "out", "opom[bundled:face]", quiet=True)
    assert again.made == 0
    person = next(p for p in portraits.iterdir() if p.is_dir())
    next(person.iterdir()).unlink()  # one photo fewer of this person: the mask of the rest is another
    assert cloak_folder(portraits, tmp_path / "out", "opom[bundled:face]", quiet=True).made == 1


def test_grey_photos_stay_countable(portraits: Path, tmp_path: Path) -> None:
    for path in portraits.rglob("*.png"):
        Image.open(path).convert("L").save(path)
    done = cloak_folder(portraits, tmp_path / "out", CLOAK, quiet=True)
    coloured = [r for r in done.records if r.changed]
    assert coloured and all(r.colour is not None and r.colour > 0 for r in coloured)
    assert done.document["summary"]["grey_now_coloured"] == len(coloured)
    assert done.document["summary"]["colour_max"] == max(r.colour or 0 for r in coloured)
    grey = cloak_folder(portraits, tmp_path / "blurred", "blur-1", quiet=True)
    assert [r.colour for r in grey.records] == [0] * len(grey.records)


def test_transparency_and_depth_are_kept(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    rgba = np.dstack([picture(1), np.arange(40 * 32).reshape(40, 32) % 256]).astype(np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(rgba).save(tmp_path / "in" / "clear.png")
    deep = picture(2).astype(np.uint16) * 256 + 77
    cv2.imwrite(str(tmp_path / "in" / "deep.png"), deep)
    done = cloak_folder(tmp_path / "in", tmp_path / "out", "noise-30", quiet=True)
    clear, thorough = done.records
    assert clear.alpha and clear.changed and thorough.bits == 16 and thorough.changed
    after = np.asarray(Image.open(tmp_path / "out" / "clear.png"))
    assert np.array_equal(after[..., 3], rgba[..., 3])
    again = cv2.imread(str(tmp_path / "out" / "deep.png"), cv2.IMREAD_UNCHANGED)
    assert again.dtype == np.uint16 and (again & 255 == 77).all() and not np.array_equal(again, deep)


def test_exif_is_dropped_unless_it_is_wanted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8825)[1] = "N"
    save(tmp_path / "in" / "a.jpg", 0, exif=exif)
    cloak_folder(tmp_path / "in", tmp_path / "out", "jpeg-75", quiet=True)
    assert not Image.open(tmp_path / "out" / "a.png").getexif()
    cloak_folder(tmp_path / "in", tmp_path / "kept", "jpeg-75", keep_exif=True, quiet=True)
    kept = Image.open(tmp_path / "kept" / "a.png").getexif()
    assert kept[0x010F] == "Maker" and kept.get_ifd(0x8825)[1] == "N"


def test_unreadable_files_are_listed(album: Path, tmp_path: Path) -> None:
    (album / "p0" / "0.jpg").write_bytes(cut((album / "p0" / "0.jpg").read_bytes()))
    (album / "p0" / "none.png").write_bytes(b"")
    (album / "p1" / "text.webp").write_text("x")
    done = cloak_folder(album, tmp_path / "out", "jpeg-75", quiet=True)
    assert done.unreadable == {
        "p0/0.jpg": "truncated image",
        "p0/none.png": "empty file",
        "p1/text.webp": "not an image",
    }
    assert done.document["summary"]["photos"] == 9 and done.document["summary"]["changed"] == 6
    assert [u["source"] for u in done.document["unreadable"]] == sorted(done.unreadable)
    again = cloak_folder(album, tmp_path / "out", "jpeg-75", quiet=True)
    assert again.made == 0 and again.document == done.document
    lone = tmp_path / "lone" / "broken.jpg"
    lone.parent.mkdir()
    lone.write_bytes(cut(save(tmp_path / "whole.jpg", 1).read_bytes()))
    with pytest.raises(BadInput, match="1 truncated image"):
        cloak_folder(lone, tmp_path / "out2", "jpeg-75", quiet=True)


def test_names_never_meet() -> None:
    images = ["a/b.jpg", "a/b.png", "a/c.jpg", "a/C.PNG", "b.jpg", "a/d.webp", "a/b.jpg.png"]
    outputs = name_outputs(images)
    assert outputs["b.jpg"] == "b.png" and outputs["a/d.webp"] == "a/d.png"
    assert outputs["a/b.png"] == "a/b.png.png"
    assert len({name.casefold() for name in outputs.values()}) == len(images)
    assert name_outputs(images[::-1]) == outputs
    assert list(outputs) == images


def test_names_meet_no_folder_and_no_file_of_the_run() -> None:
    images = ["x.jpg", "x.png/1.jpg", "x.png/2.png/3.jpg", "cloak.json/a.jpg", "Manifest.JSON/b.jpg"]
    outputs = name_outputs(images)
    assert list(outputs.values()) == [
        "x.jpg.png",
        "x.png/1.png",
        "x.png/2.png/3.png",
        "cloak.json-photos/a.png",
        "Manifest.JSON-photos/b.png",
    ]
    assert name_outputs(["x.jpg", "x.jpg.jpg/1.jpg"], ".jpg") == {
        "x.jpg": "x.jpg",
        "x.jpg.jpg/1.jpg": "x.jpg.jpg/1.jpg",
    }
    images = ["x.jpg", "x.png", "x.jpg.png/1.jpg"]
    outputs = name_outputs(images)
    paths = [*outputs.values(), "x.jpg.png"]
    assert len({path.casefold() for path in paths}) == 4


def test_long_names_are_cloaked_and_stay_apart(album: Path, tmp_path: Path) -> None:
    longest = "\u00e9" * 125  # 250 bytes in UTF-8
    for ending in ("jpg", "png"):
        save(album / f"{longest}.{ending}", 1)
    save(album / f"{'a' * 241}.jpg", 1)
    done = cloak_folder(album, tmp_path / "out", "noise-30", quiet=True)
    assert not done.unreadable and len(done.records) == 10
    names = [record.output for record in done.records]
    assert len(set(names)) == 10 and max(len(name.encode()) for name in names) <= 255
    assert all((tmp_path / "out" / name).is_file() for name in names)
    assert cloak_folder(album, tmp_path / "out", "noise-30", quiet=True).made == 0


def test_what_is_no_photo_stops_no_photo(album: Path, tmp_path: Path) -> None:
    os.mkfifo(album / "p0" / "pipe.jpg")
    (album / "p0" / "pipe-link.jpg").symlink_to(album / "p0" / "pipe.jpg")
    (album / "p0" / "loop.jpg").symlink_to(album / "p0" / "loop.jpg")
    (album / "p0" / "gone.jpg").symlink_to(album / "nowhere")
    (album / "p1" / "back").symlink_to(album)
    (album / os.fsdecode(b"caf\xe9")).mkdir()
    (album / "film.MOV").write_bytes(b"x")
    (album / "p0" / "7.png").mkdir()
    done = cloak_folder(album, tmp_path / "out", "noise-30", quiet=True)
    assert len(done.records) == 7
    assert done.unreadable == {"p0/loop.jpg": "link loop", "p0/gone.jpg": "missing file"}
    left_out = {
        "caf\\xe9": "name outside UTF-8",
        "film.MOV": ".mov file",
        "p0/pipe-link.jpg": "named pipe",
        "p0/pipe.jpg": "named pipe",
        "p1/back": "link to a folder that holds it",
    }
    assert dict(done.left_out) == left_out
    listed = json.loads((tmp_path / "out" / RESULTS).read_text())["left_out"]
    assert listed == [{"path": path, "kind": kind} for path, kind in sorted(left_out.items())]


def test_an_output_that_cannot_be_written_stops_no_photo(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "p0" / "1.png").mkdir(parents=True)
    done = cloak_folder(album, tmp_path / "out", "noise-30", quiet=True, force=True)
    assert done.unreadable == {"p0/1.jpg": "not written: the output folder has a folder of that name"}
    assert done.made == len(done.records) == 6


def test_no_link_leads_from_the_originals_into_the_output(album: Path, tmp_path: Path) -> None:
    save(tmp_path / "out" / "p0" / "0.png", 1)
    (album / "made").symlink_to(tmp_path / "out")
    with pytest.raises(WrongUsage, match="a link in"):
        read_layout(album, tmp_path / "out")
    (album / "made").unlink()
    (album / "p0" / "0.png").symlink_to(tmp_path / "out" / "p0" / "0.png")
    with pytest.raises(WrongUsage, match="a link in"):
        read_layout(album, tmp_path / "out")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BadInput, match="cannot write into"):
        cloak_folder(album / "p1", tmp_path / "loop", "noise-30", quiet=True)


def test_a_jpeg_says_what_of_the_effect_survives(portraits: Path, tmp_path: Path, shared: Path) -> None:
    (portraits / "none.png").write_bytes((save(tmp_path / "none.png", 1)).read_bytes())
    detector = str(shared / "weights" / "yunet_n_dynamic.onnx")
    made = {}
    for quality in (0, 95, 20):
        out = tmp_path / f"out{quality}"
        made[quality] = cloak_folder(
            portraits, out, CLOAK, detector=detector, file_format=FileFormat(quality), quiet=True
        )
    lossless = {r.source: r for r in made[0].records}
    assert made[0].document["summary"]["saving"] is None
    for quality in (95, 20):
        run = made[quality]
        saving = run.document["summary"]["saving"]
        changed = [r for r in run.records if r.changed]
        assert saving["n"] == len(changed) == 4
        for record in changed:
            assert record.output.endswith(".jpg") and lossless[record.source].output.endswith(".png")
            assert record.cosine_lossless == pytest.approx(lossless[record.source].cosine, abs=1e-5)
        before = sum(1 - r.cosine_lossless for r in changed)
        assert saving["kept"] == pytest.approx(sum(1 - r.cosine_saved for r in changed) / before)
        assert saving["effect_lossless"] == pytest.approx(before / 4)
        assert next(r for r in run.records if not r.changed).psnr_saved is None
    kept = [made[q].document["summary"]["saving"]["kept"] for q in (95, 20)]
    assert kept[0] > 0.7 and kept[0] > kept[1]
    with pytest.raises(BadInput, match="made with another format"):
        cloak_folder(portraits, tmp_path / "out95", CLOAK, detector=detector, quiet=True)


def test_photos_are_looked_at_before_a_detector_or_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("a detector was asked for")

    monkeypatch.setattr("faceprobe.cloaks.photos.loaded_cloak.find_detector", asked)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.jpg").write_text("no photo")
    with pytest.raises(BadInput, match=r"no photo .* could be read \(1 not an image\)"):
        cloak_folder(tmp_path / "texts", tmp_path / "out", CLOAK, quiet=True)
    save(tmp_path / "texts" / "b.jpg", 1)
    with pytest.raises(Missing, match=r"gone\.onnx does not exist"):
        cloak_folder(tmp_path / "texts", tmp_path / "out", f"pgd[onnx:{tmp_path}/gone.onnx]", quiet=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        cloak_folder(tmp_path / "texts", tmp_path / "full", CLOAK, quiet=True)


def test_places_where_an_output_could_meet_an_original(album: Path, tmp_path: Path) -> None:
    for out in (album, album / "p0", album / "new" / "deep", tmp_path, album / ".." / "album"):
        with pytest.raises(WrongUsage, match="--out"):
            read_layout(album, out)
    with pytest.raises(WrongUsage, match="nothing is overwritten"):
        read_layout(album / "p0" / "0.jpg", album / "p0")
    (tmp_path / "link").symlink_to(album)
    with pytest.raises(WrongUsage, match="--out"):
        read_layout(album, tmp_path / "link")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "p0").symlink_to(album / "p0")
    with pytest.raises(WrongUsage, match="leads back"):
        read_layout(album, tmp_path / "out")
    assert read_layout(album / "p0" / "0.jpg", album / "p0" / "out").outputs == {"0.jpg": "0.png"}


def test_folders_that_cannot_be_used(album: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(BadInput, match="cannot write into"):
        cloak_folder(album, file / "out", "jpeg-75", quiet=True)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "p0.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        cloak_folder(album, foreign, "jpeg-75", quiet=True)
    assert cloak_folder(album, foreign, "jpeg-75", force=True, quiet=True).made == 7
    assert (foreign / "p0.txt").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no photos"):
        cloak_folder(tmp_path / "empty", tmp_path / "o", "jpeg-75", quiet=True)
    with pytest.raises(Missing, match="no such folder or photo"):
        cloak_folder(tmp_path / "nowhere", tmp_path / "o", "jpeg-75", quiet=True)
    with pytest.raises(BadInput, match="not named like a photo"):
        cloak_folder(file, tmp_path / "o", "jpeg-75", quiet=True)
    assert not (tmp_path / "o").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(album: Path, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(BadInput, match="Permission denied"):
        cloak_folder(album, locked, "jpeg-75", quiet=True)


def test_names_that_are_no_cloak(album: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean"):
        cloak_folder(album, tmp_path / "o", "fawks-1.0.2-mid", quiet=True)
    with pytest.raises(WrongUsage, match="authors' own"):
        cloak_folder(album, tmp_path / "o", "noise[fawkes]", quiet=True)


MEASURED = """
import sys
from faceprobe.cli.main import run
from faceprobe.cloaks.attacks import pgd
pgd.STEPS = 4  # memory does not grow with steps
code = run(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print("HWM", next(l.split()[1] for l in lines if l.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc/self/status")
def test_a_photo_of_108_million_pixels_needs_bounded_memory(tmp_path: Path, shared: Path) -> None:
    """12,000 x 9,000 px with a face of the built-in world, cloaked in less than 3 GB."""
    face = load_dataset("synthetic?people=1&photos=1&size=128").photo(0).pixels
    big = np.full((9000, 12000, 3), 140, dtype=np.uint8)
    big[4000:5024, 6000:7024] = Image.fromarray(face).resize((1024, 1024))
    (tmp_path / "in").mkdir()
    Image.fromarray(big).save(tmp_path / "in" / "big.jpg")
    del big
    arguments = ["cloak", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--cloak", CLOAK, "--json"]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], check=True, capture_output=True, text=True
    )
    assert int(done.stdout.rpartition("HWM")[2]) < 3_000_000
    record = json.loads((tmp_path / "out" / RESULTS).read_text())["photos"][0]
    assert record["faces"] == 1 and record["changed"]
    assert Image.open(tmp_path / "out" / "big.png").size == (12000, 9000)
