"""From a dataset to embeddings: values, cache, exclusions, pairs, workers."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceprobe.core.errors import BadInput, FaceprobeError, UnknownName, WrongUsage
from faceprobe.core.files import cache_dir
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.pairs import PairList
from faceprobe.data.photo import Face, Photo, UnreadablePhoto, decode_image
from faceprobe.datasets import load_dataset
from faceprobe.datasets.folder import load_photos
from faceprobe.embedding import EmbeddingStore, embed
from faceprobe.embedding import worker_pool as pool_module
from faceprobe.embedding.collapsed_scores import cosine_between_people
from faceprobe.faces.crops import CropPolicy
from faceprobe.models.base import Role
from tests.helpers.fake_encoder import FakeEncoder, save_photo

Make = Callable[..., Path]


class DrawnSource(PhotoSource):
    """Photos made of a number, with faces that the dataset knows; counts how often each is read."""

    drawn = True

    def __init__(self, faces: tuple[Face, ...] | None = (Face((4, 4, 14, 16)),)) -> None:
        self.faces = faces
        self.reads: list[str] = []

    def read(self, image: str) -> Photo:
        self.reads.append(image)
        if image.endswith("bad"):
            raise UnreadablePhoto(image, "damaged image")
        pixels = np.random.default_rng(int(image[:3])).integers(0, 256, (20, 18, 3), dtype=np.uint8)
        return Photo(pixels, f"{int(image[:3]):064x}", self.faces)


def drawn(n: int = 6, source: DrawnSource | None = None, **more: object) -> FaceTable:
    images = [f"{k:03d}" for k in range(n)]
    columns = face_table_columns(image=images, identity=[f"p{k // 2}" for k in range(n)], event=["e"] * n)
    return FaceTable("drawn", columns, source or DrawnSource(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("role", "offset", "people", "said"),
    [
        ("specialist", 0.0, 9, False),  # as a recogniser whose photos are prepared as it needs
        ("specialist", 60.0, 9, True),
        ("specialist", 60.0, 7, False),  # too few people to say
        ("encoder", 60.0, 9, False),  # other encoders find all faces alike
    ],
)
def test_a_recogniser_that_finds_everybody_alike_is_cautioned_once(
    role: Role,
    offset: float,
    people: int,
    said: bool,
    make_people: Make,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Offset(FakeEncoder):
        def encode_images(self, batch: np.ndarray) -> np.ndarray:
            grey = np.asarray([0, 0.5, 1], np.float32).reshape(1, 3, 1, 1)  # the mean of these photos
            raw = (batch - grey).reshape(len(batch), -1) @ self.weights + np.float32(offset)
            return raw / np.linalg.norm(raw, axis=1, keepdims=True)

    monkeypatch.setattr("faceprobe.embedding.collapsed_scores._said", set())
    encoder = Offset()
    encoder.weights_hash = f"{offset}"
    encoder.card = replace(encoder.card, role=role)
    dataset = load_dataset(f"folder:{make_people(people, 2)}")
    for _ in range(2):
        embedded = embed(dataset, encoder, workers=0, quiet=True)
    found = capsys.readouterr().err
    assert found.count("mean cosine between different people") == said
    first = embedded.data.vectors[::2]
    products = [float(a @ b) for k, a in enumerate(first) for b in first[:k]]
    mean = cosine_between_people(embedded.data)
    assert (mean is None) == (people < 8) and (mean is None or abs(mean - np.mean(products)) < 1e-6)
    if said:
        assert f"is {np.mean(products):.2f};" in found and "size, mean, scale and color" in found


def test_vectors_are_those_of_each_photo_alone(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people()}")
    embedded = embed(dataset, encoder, batch_size=3, checkpoint=6, workers=0, quiet=True)
    expected = [encoder.alone(dataset.photo(row).pixels) for row in range(len(dataset))]
    np.testing.assert_allclose(embedded.data.vectors, expected, atol=1e-6)
    assert embedded.data.paths.tolist() == dataset.images.tolist()
    assert embedded.data.identities.tolist() == dataset.identities.tolist()
    assert embedded.data.content is not None
    assert embedded.data.content.tolist() == [dataset.photo(r).content_hash for r in range(20)]
    assert (embedded.encoded, embedded.reused, embedded.excluded, embedded.store) == (20, 0, [], None)


def test_unknown_identities_stay_unknown(encoder: FakeEncoder) -> None:
    for known in (True, False):
        embedded = embed(drawn(identities_known=known), encoder, workers=0, quiet=True)
        assert embedded.data.identities_known is known


def test_batches_have_one_size_and_do_not_cross_checkpoints(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people()}")
    embed(dataset, encoder, batch_size=8, checkpoint=10, workers=0, quiet=True)
    assert encoder.batches == [(8, 3, 8, 8)] * 3  # 20 photos in shards of 16: 8 + 8, then 4 padded to 8
    assert len(list(cache_dir("embeddings").glob("*/*.npz"))) == 2


def test_nothing_changed_encodes_nothing(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people()}")
    first = embed(dataset, encoder, workers=0, quiet=True)
    n_batches = len(encoder.batches)
    second = embed(dataset, encoder, workers=0, quiet=True)
    assert (second.encoded, second.reused, len(encoder.batches)) == (0, 20, n_batches)
    np.testing.assert_array_equal(first.data.vectors, second.data.vectors)
    assert first.dataset_hash == second.dataset_hash


def test_one_more_photo_encodes_one_photo(make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people()
    first = embed(load_dataset(f"folder:{root}"), encoder, workers=0, quiet=True)
    save_photo(root / "person00" / "00-new.png", 999)
    second = embed(load_dataset(f"folder:{root}"), encoder, workers=0, quiet=True)
    assert (second.encoded, second.reused) == (1, 20)
    assert first.dataset_hash != second.dataset_hash
    old = [row for row, path in enumerate(second.data.paths) if not path.endswith("new.png")]
    np.testing.assert_array_equal(second.data.vectors[old], first.data.vectors)


def test_a_moved_folder_encodes_nothing(make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people()
    embed(load_dataset(f"folder:{root}"), encoder, workers=0, quiet=True)
    moved = root.rename(root.parent / "elsewhere")
    assert embed(load_dataset(f"folder:{moved}"), encoder, workers=0, quiet=True).encoded == 0


@pytest.mark.parametrize("change", ["weights", "preprocess", "crop", "photo"])
def test_any_change_encodes_again(change: str, make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people(2, 2)
    dataset = load_dataset(f"folder:{root}")
    drawn_set = drawn(4)
    embed(dataset, encoder, workers=0, quiet=True)
    embed(drawn_set, encoder, workers=0, quiet=True)
    if change == "weights":
        again = embed(dataset, FakeEncoder(seed=1), workers=0, quiet=True)
    elif change == "preprocess":
        encoder.preprocess = replace(encoder.preprocess, interpolation="bilinear")
        again = embed(dataset, encoder, workers=0, quiet=True)
    elif change == "crop":
        again = embed(drawn_set, encoder, "margin-0.1", workers=0, quiet=True)
    else:
        save_photo(root / "person01" / "0.png", 5555)
        again = embed(dataset, encoder, workers=0, quiet=True)
        assert (again.encoded, again.reused) == (1, 3)
        return
    assert (again.encoded, again.reused) == (4, 0)


def test_known_faces_are_part_of_the_key(encoder: FakeEncoder) -> None:
    boxes = [
        Face((4, 4, 14, 16)),
        Face((3, 4, 14, 16)),
        Face((4, 4, 14, 16), mask=np.ones((20, 18), np.bool_)),
    ]
    for face in boxes:
        table = drawn(source=DrawnSource((face,)))
        assert embed(table, encoder, "context-only", workers=0, quiet=True).encoded == 6
    assert embed(drawn(), encoder, "context-only", workers=0, quiet=True).encoded == 0
    as_is = [embed(drawn(source=DrawnSource((f,))), encoder, workers=0, quiet=True).encoded for f in boxes]
    assert as_is == [6, 0, 0]


def test_crops_reach_the_encoder(encoder: FakeEncoder) -> None:
    table = drawn()
    for crop in ("margin-0.2", "face-only", "context-only"):
        embedded = embed(table, encoder, crop, workers=0, quiet=True)
        fill = encoder.preprocess.mean_color()
        expected = [encoder.alone(CropPolicy.parse(crop).apply(table.photo(r), fill)) for r in range(6)]
        np.testing.assert_allclose(embedded.data.vectors, expected, atol=1e-6)


def test_known_faces_need_no_detector(encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEPROBE_DETECTOR", "nowhere.onnx")
    assert embed(drawn(), encoder, "face-only", workers=0, quiet=True).encoded == 6
    with pytest.raises(FaceprobeError, match=r"nowhere\.onnx"):
        embed(drawn(source=DrawnSource(None)), encoder, "face-only", workers=0, quiet=True)


def test_no_face_is_an_exclusion(encoder: FakeEncoder) -> None:
    class Some(DrawnSource):
        def read(self, image: str) -> Photo:
            photo = super().read(image)
            return replace(photo, faces=() if image == "003" else photo.faces)

    embedded = embed(drawn(source=Some()), encoder, "margin-0", max_excluded=0.2, workers=0, quiet=True)
    assert [(e.image, e.reason) for e in embedded.excluded] == [("003", "no face found")]
    assert embedded.data.paths.tolist() == ["000", "001", "002", "004", "005"]
    assert embedded.data.events is not None and len(embedded.data.events) == 5


def damaged_folder(root: Path) -> None:
    whole = (root / "person00" / "0.png").read_bytes()
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 90, 200)).save(buffer, "JPEG")
    (root / "person01" / "cut.jpg").write_bytes(buffer.getvalue()[:-60])
    (root / "person01" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "person02" / "text.JPG").write_text("not a photo at all")
    (root / "person02" / "empty.jpg").write_bytes(b"")


def test_unreadable_photos_are_listed(make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people(6, 8)
    damaged_folder(root)
    dataset = load_dataset(f"folder:{root}")
    for _ in range(2):  # the second time from the cache
        embedded = embed(dataset, encoder, workers=0, quiet=True)
        assert [(e.image, e.reason) for e in embedded.excluded] == [
            ("person01/cut.jpg", "truncated image"),
            ("person01/cut.png", "truncated image"),
            ("person02/empty.jpg", "empty file"),
            ("person02/text.JPG", "not an image"),
        ]
        assert len(embedded.data) == 48
    assert embedded.encoded == 0


def test_past_the_allowed_share_the_run_fails_with_the_list(make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people(3, 2)
    damaged_folder(root)
    with pytest.raises(BadInput) as caught:
        embed(load_dataset(f"folder:{root}"), encoder, workers=0, quiet=True)
    message = str(caught.value)
    for part in (
        "4 of 10 photos",
        "2 truncated image",
        "1 empty file",
        "1 not an image",
        "person01/cut.jpg, ",
    ):
        assert part in message
    assert "\n" not in message
    kept = embed(load_dataset(f"folder:{root}"), encoder, max_excluded=0.4, workers=0, quiet=True)
    assert len(kept.data) == 6


def test_no_usable_photo_is_always_an_error(tmp_path: Path, encoder: FakeEncoder) -> None:
    (tmp_path / "text.jpg").write_text("x")
    with pytest.raises(BadInput, match=r"no photo of .* can be used \(1 not an image\)"):
        embed(load_photos(tmp_path), encoder, max_excluded=1.0, workers=0, quiet=True)


def test_every_kind_of_photo_is_decoded(tmp_path: Path, encoder: FakeEncoder) -> None:
    """Grey, alpha, 16-bit, palette and EXIF-rotated photos give the vector of their true pixels."""
    rng = np.random.default_rng(3)
    grey = rng.integers(0, 256, (16, 20), dtype=np.uint8)
    rgb = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "a-grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "b-16bit.png")
    Image.fromarray(np.dstack([rgb, np.full((16, 20), 255, np.uint8)])).save(tmp_path / "c-alpha.png")
    Image.fromarray(np.dstack([rgb, np.zeros((16, 20), np.uint8)])).save(tmp_path / "d-clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(np.rot90(rgb)).save(tmp_path / "e-exif.png", exif=turned)
    embedded = embed(load_photos(tmp_path), encoder, workers=0, quiet=True)
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    expected = [as_rgb, as_rgb, rgb, np.full_like(rgb, 255), rgb]
    np.testing.assert_allclose(embedded.data.vectors, [encoder.alone(p) for p in expected], atol=1e-6)
    assert decode_image((tmp_path / "e-exif.png").read_bytes(), "e").shape == (16, 20, 3)


def test_duplicates_by_bytes_share_a_vector_and_both_stay(make_people: Make, encoder: FakeEncoder) -> None:
    root = make_people(3, 2)
    shutil.copy(root / "person00" / "0.png", root / "person02" / "twin.png")
    embedded = embed(load_dataset(f"folder:{root}"), encoder, workers=0, quiet=True)
    assert (len(embedded.data), embedded.encoded, embedded.reused) == (7, 6, 1)
    rows = [row for row, p in enumerate(embedded.data.paths) if p in ("person00/0.png", "person02/twin.png")]
    assert embedded.data.content is not None and len(set(embedded.data.content[rows])) == 1
    np.testing.assert_array_equal(*embedded.data.vectors[rows])


def test_pairs_are_renumbered_and_lost_ones_counted(encoder: FakeEncoder) -> None:
    class Some(DrawnSource):
        def read(self, image: str) -> Photo:
            return super().read("002bad" if image == "002" else image)

    def numbers(*values: int) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    pairs = PairList(
        numbers(0, 1, 3, 4), numbers(1, 2, 4, 5), np.array([True, False, True, True]), numbers(0, 0, 1, 1)
    )
    embedded = embed(drawn(source=Some(), pairs=pairs), encoder, max_excluded=0.5, workers=0, quiet=True)
    kept = embedded.data.pairs
    assert kept is not None and embedded.pairs_lost == 1
    assert (kept.left.tolist(), kept.right.tolist()) == ([0, 2, 3], [1, 3, 4])
    assert (kept.same.tolist(), kept.fold.tolist()) == ([True] * 3, [0, 1, 1])


def test_workers_give_the_same_bits(
    make_people: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root = make_people(6, 8)
    damaged_folder(root)
    results = []
    for workers in (0, 2):
        monkeypatch.setenv("FACEPROBE_CACHE", str(tmp_path / f"cache{workers}"))
        embedded = embed(
            load_dataset(f"folder:{root}"), FakeEncoder(), workers=workers, batch_size=4, quiet=True
        )
        assert embedded.encoded == 48
        results.append(embedded)
    np.testing.assert_array_equal(results[0].data.vectors, results[1].data.vectors)
    assert results[0].excluded == results[1].excluded
    shards = [{p.name: p.read_bytes() for p in (tmp_path / f"cache{w}").rglob("*.npz")} for w in (0, 2)]
    assert shards[0] == shards[1] and shards[0]


def test_a_source_that_no_child_can_open_is_read_here(encoder: FakeEncoder) -> None:
    class Local(DrawnSource):
        pass

    assert embed(drawn(source=Local()), encoder, workers=2, quiet=True).encoded == 6


def test_a_preprocess_that_cannot_be_pickled_runs_here(make_people: Make) -> None:
    from faceprobe.models.own_preprocess import OwnPreprocess

    processes: list[int] = []

    def centre(image: Image.Image) -> np.ndarray:
        processes.append(os.getpid())
        pixels = np.asarray(image.resize((8, 8), Image.Resampling.BICUBIC), dtype=np.float32)
        return (pixels.transpose(2, 0, 1) / 255 - 0.5) / 0.2

    dataset = load_dataset(f"folder:{make_people(3, 4)}")
    encoder = FakeEncoder()
    encoder.preprocess = OwnPreprocess(centre, "mine")  # type: ignore[assignment]
    embedded = embed(dataset, encoder, workers=2, batch_size=5, quiet=True)
    assert set(processes) == {os.getpid()} and len(processes) >= 12
    expected = [encoder.alone(dataset.photo(row).pixels) for row in range(len(dataset))]
    np.testing.assert_allclose(embedded.data.vectors, expected, atol=1e-6)


def test_encoded_photos_are_reported_batch_by_batch(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people(3, 4)}")
    counts: list[int] = []
    embed(dataset, encoder, workers=0, batch_size=5, checkpoint=10, quiet=True, on_photos=counts.append)
    assert counts == [5, 5, 2]
    embed(dataset, encoder, workers=0, quiet=True, on_photos=counts.append)
    assert counts == [5, 5, 2], "all of them were in the cache"


def test_a_cache_without_locks_still_works(
    make_people: Make, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no flock on this file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    dataset = load_dataset(f"folder:{make_people(3, 2)}")
    assert embed(dataset, encoder, workers=0, quiet=True).encoded == 6
    assert embed(dataset, encoder, workers=0, quiet=True).encoded == 0


def test_workers_do_not_import_torch() -> None:
    heavy = "[m for m in ('torch', 'open_clip', 'timm', 'scipy', 'matplotlib') if m in sys.modules]"
    code = f"import sys, faceprobe.embedding.worker_process; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class DyingSource(DrawnSource):
    def digest(self, image: str) -> tuple[str, str]:
        return f"{int(image):064x}", ""

    def read(self, image: str) -> Photo:
        os._exit(9)


def test_a_worker_that_dies_is_one_clear_line(encoder: FakeEncoder) -> None:
    with pytest.raises(FaceprobeError, match=r"worker process ended \(exit code 9\).*--workers 0"):
        embed(drawn(source=DyingSource()), encoder, workers=1, quiet=True)


class UnopenableSource(DrawnSource):
    """Pickles here; its copy cannot be opened in a child."""

    def digest(self, image: str) -> tuple[str, str]:
        return f"{int(image):064x}", ""

    def __reduce__(self) -> tuple[object, ...]:
        return (os._exit, (3,))


def test_a_worker_that_never_starts_is_one_clear_line(encoder: FakeEncoder) -> None:
    with pytest.raises(FaceprobeError, match=r"worker process ended \(exit code 3\)"):
        embed(drawn(source=UnopenableSource()), encoder, workers=2, quiet=True)


class ChangingSource(DrawnSource):
    def digest(self, image: str) -> tuple[str, str]:
        return f"{0:064x}" if image == "000" else "f" * 64, ""


def test_a_photo_that_changes_under_way_is_an_error(encoder: FakeEncoder) -> None:
    with pytest.raises(BadInput, match="001 changed or vanished"):
        embed(drawn(2, ChangingSource(None)), encoder, workers=0, quiet=True)


def test_unexpected_errors_name_the_photo(encoder: FakeEncoder) -> None:
    class Broken(DrawnSource):
        def read(self, image: str) -> Photo:
            raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError):
        Broken().read("000")
    with pytest.raises(FaceprobeError, match="unexpected ZeroDivisionError at photo 000: oops"):
        embed(drawn(source=Broken()), encoder, workers=0, quiet=True)


def test_requests_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than AHEAD requests a worker are handed out before an answer is taken."""
    asked: list[int] = []
    pool = pool_module.WorkerPool(str, 0)
    pool.workers = 2

    def submit(_ask: object, images: list[str]) -> Future[list[str]]:
        asked.append(len(images))
        done: Future[list[str]] = Future()
        done.set_result(images)
        return done

    monkeypatch.setattr(pool._threads, "submit", submit)
    images = [str(k) for k in range(100)]
    stream = pool.map(images)
    assert next(stream) == "0"
    assert len(asked) == pool_module.AHEAD * 2
    assert [*stream] == images[1:] and sum(asked) == 100


def test_wrong_vectors_are_named(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people(2, 2)}")
    encoder.dim = 15
    with pytest.raises(BadInput, match=r"fake-0 gave \(32, 16\).*\(32, 15\) was expected"):
        embed(dataset, encoder, workers=0, quiet=True)
    encoder.dim = 16
    encoder.weights[:] = np.nan
    with pytest.raises(BadInput, match="fake-0's output"), np.errstate(invalid="ignore"):
        embed(dataset, encoder, workers=0, quiet=True)


def test_a_damaged_cache_file_is_encoded_again(
    make_people: Make, encoder: FakeEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_dataset(f"folder:{make_people(3, 4)}")
    first = embed(dataset, encoder, workers=0, quiet=True)
    (shard,) = cache_dir("embeddings").glob("*/*.npz")
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    again = embed(dataset, encoder, workers=0, quiet=True)
    assert again.encoded == 12 and "damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(first.data.vectors, again.data.vectors)
    assert shard.read_bytes() == whole


def test_wrong_usage(make_people: Make, encoder: FakeEncoder) -> None:
    dataset = load_dataset(f"folder:{make_people(2, 1)}")
    with pytest.raises(UnknownName, match="unknown crop 'centre'"):
        embed(dataset, encoder, "centre")
    for wrong in ({"batch_size": 0}, {"max_excluded": 1.5}, {"max_excluded": -0.1}, {"checkpoint": 0}):
        with pytest.raises(WrongUsage):
            embed(dataset, encoder, **wrong)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no photos"):
        embed(FaceTable("none", face_table_columns(image=[], identity=[]), DrawnSource()), encoder)


def test_the_store_is_what_was_returned(make_people: Make, encoder: FakeEncoder, tmp_path: Path) -> None:
    root = make_people(4, 5)
    (root / "person00" / "text.jpg").write_text("x")
    embedded = embed(
        load_dataset(f"folder:{root}"), encoder, out=tmp_path / "out", workers=0, quiet=True, shard_rows=7
    )
    store = EmbeddingStore.open(tmp_path / "out")
    store.verify()
    data = store.to_embeddings()
    np.testing.assert_array_equal(data.vectors, embedded.data.vectors)
    for name in ("paths", "identities", "content"):
        np.testing.assert_array_equal(getattr(data, name), getattr(embedded.data, name))
    assert [p.name for p in sorted((tmp_path / "out" / "img_emb").iterdir())] == [
        f"img_emb_{k:04d}.npy" for k in range(3)
    ]
    assert store.manifest["excluded"] == {"not an image": 1}
    assert store.manifest["settings"]["encoder"] == "fake-0"
    assert str(root) not in (tmp_path / "out" / "manifest.json").read_text()
