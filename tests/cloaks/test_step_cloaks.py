"""LowKey, PGD, OPOM and TIP-IM in the built-in world: bounds, steps, effect, seeds, odd photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.helpers.cloak_faces import cosine, drawn, encoded, largest_change, noisy, synthetic

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_msssim")

import faceprobe  # noqa: E402
from faceprobe.cloaks import Cloak, Cloaked, Subject, cloak_card, load_cloak  # noqa: E402
from faceprobe.cloaks.attacks import lowkey, opom, pgd, tip_im  # noqa: E402
from faceprobe.cloaks.attacks.face_window_cloak import WindowCloak  # noqa: E402
from faceprobe.cloaks.attacks.surrogate_view import SurrogateView, WindowBatch  # noqa: E402
from faceprobe.core.errors import BadInput, UnknownName, WrongUsage  # noqa: E402

NAMES = ("lowkey[bundled:face;dssim]", "pgd[bundled:face]", "opom[bundled:face]", "tip-im[bundled:face]")
LEVELS = {"lowkey": 33, "pgd": 8, "opom": 8, "tip-im": 12}
"""Largest change in levels of 0..255: (.005 + 50 x .0025) x 255 = 33.15 for LowKey, else eps."""

PUBLISHED = {
    "lowkey": (lowkey.STEPS, lowkey.RATE, lowkey.START, lowkey.BLUR, lowkey.SIGMA, lowkey.WEIGHT),
    "pgd": (pgd.EPS, pgd.STEP, pgd.STEPS),
    "opom": (opom.EPS, opom.ROUNDS),
    "tip-im": (tip_im.EPS, tip_im.STEPS),
}

Made = dict[str, tuple[Cloak, list[Cloaked]]]


@pytest.fixture(scope="module", autouse=True)
def fewer_and_longer_steps() -> Iterator[None]:
    """A quarter of the steps or fewer, as long as needed to reach the same bounds: nothing tested here
    depends on their number.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lowkey, "STEPS", 10)
        patch.setattr(lowkey, "RATE", 5 * lowkey.RATE)
        patch.setattr(pgd, "STEPS", 12)
        patch.setattr(tip_im, "STEPS", 20)
        patch.setattr(tip_im, "STEP", 5 * tip_im.STEP)
        yield


@pytest.fixture(scope="module")
def subjects() -> list[Subject]:
    return synthetic(2, 2)


@pytest.fixture(scope="module")
def strangers() -> list[Subject]:
    return synthetic(6, 2)[4:]


@pytest.fixture(scope="module")
def made(subjects: list[Subject], strangers: list[Subject]) -> Made:
    result: Made = {}
    for name in NAMES:
        cloak = load_cloak(name, device="cpu", targets=strangers)
        result[cloak.card.id] = (cloak, cloak.apply(subjects, seed=0))
    return result


def test_published_constants() -> None:
    assert PUBLISHED == {
        "lowkey": (50, 0.0025, 0.005, 7, 3.0, 0.05),
        "pgd": (8 / 255, 2 / 255, 40),
        "opom": (8 / 255, 16),
        "tip-im": (12 / 255, 100),
    }


def test_bounds_are_exact_after_rounding(subjects: list[Subject], made: Made) -> None:
    for name, (cloak, cloaked) in made.items():
        change = largest_change(subjects, cloaked)
        limit = LEVELS[name.partition("[")[0]]
        assert limit - 1 <= change <= limit, name
        assert [c.name for c in cloaked] == [s.name for s in subjects]
        assert all(c.pixels.shape == s.photo.pixels.shape for c, s in zip(cloaked, subjects, strict=True))
        for report in (f for c in cloaked for f in c.faces):
            assert report.changed and report.shift is not None and report.dssim is not None
            assert report.steps == cloak.card.constants.get("steps", cloak.card.constants.get("rounds"))
            assert 0 < report.dssim < 0.25 and 0 < report.shift <= 4


def test_the_reported_shift_is_what_a_recogniser_sees(subjects: list[Subject], made: Made) -> None:
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    for _, cloaked in made.values():
        for subject, result in zip(subjects, cloaked, strict=True):
            assert result.faces[0].shift is not None
            seen = 2 - 2 * cosine(encoder, subject.photo, result.pixels)
            assert abs(seen - result.faces[0].shift) < 0.3  # Pillow's filter and 8 bits between


def test_far_below_noise_of_equal_psnr(subjects: list[Subject], made: Made) -> None:
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    for name, (_, cloaked) in made.items():
        pairs = list(zip(subjects, cloaked, strict=True))
        own = np.mean([cosine(encoder, s.photo, c.pixels) for s, c in pairs])
        noise = np.mean([cosine(encoder, s.photo, noisy(s.photo.pixels, c.pixels)) for s, c in pairs])
        assert own < 0.4 and own < noise - 0.35, (name, own, noise)


def test_pgd_is_the_strongest_within_its_bound(subjects: list[Subject], made: Made) -> None:
    """On its own surrogate PGD beats OPOM at the same bound, and TIP-IM, which may change half as much again.
    LowKey changes four times as much and goes further.
    """
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    seen = {
        name.partition("[")[0]: np.mean(
            [cosine(encoder, s.photo, c.pixels) for s, c in zip(subjects, cloaked, strict=True)]
        )
        for name, (_, cloaked) in made.items()
    }
    assert seen["pgd"] < seen["opom"] - 0.05 and seen["pgd"] < seen["tip-im"]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lowkey, pgd, tip_im):
        monkeypatch.setattr(module, "STEPS", 4)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_other_seed_others(
    name: str, subjects: list[Subject], strangers: list[Subject]
) -> None:
    first, again = (load_cloak(name, device="cpu", targets=strangers) for _ in range(2))
    assert first.fingerprint == again.fingerprint
    once, twice = first.apply(subjects, seed=0), again.apply(subjects, seed=0)
    assert all((a.pixels == b.pixels).all() and a.faces == b.faces for a, b in zip(once, twice, strict=True))
    if not name.startswith("tip-im"):  # which starts from the photo itself
        other = first.apply(subjects, seed=1)
        assert all((a.pixels != b.pixels).any() for a, b in zip(once, other, strict=True))


def test_a_photo_alone_and_in_a_batch(subjects: list[Subject], made: Made) -> None:
    """Convolutions round otherwise in another batch, so where a gradient is near 0 its sign may differ: most
    pixels are equal to one level, and the effect is the same.
    """
    for name, (cloak, cloaked) in made.items():
        if name.startswith(("opom", "tip-im")):
            continue
        alone = cloak.apply(subjects[1:2], seed=0)[0]
        difference = np.abs(alone.pixels.astype(int) - cloaked[1].pixels)
        assert (difference <= 1).mean() > 0.8, name
        first, second = alone.faces[0].shift, cloaked[1].faces[0].shift
        assert first is not None and second is not None and abs(first - second) < 0.05 * second, name


@pytest.mark.usefixtures("few_steps")
def test_a_photo_without_a_face_passes_through(subjects: list[Subject], made: Made) -> None:
    empty = Subject("empty", replace(subjects[0].photo, faces=()), subjects[0].identity)
    for cloak, _ in made.values():
        ticks: list[int] = []
        first, second = cloak.apply([empty, subjects[0]], seed=0, tick=partial(ticks.append, 1))
        assert first.note == "no face found" and first.faces == ()
        assert (first.pixels == empty.photo.pixels).all()
        assert second.faces[0].changed and len(ticks) == 2


@pytest.mark.parametrize("name", ["lowkey[bundled:face;dssim]", "pgd[bundled:face]", "opom[bundled:face]"])
def test_tiny_faces_tiny_photos_and_crowds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowkey, "STEPS", 3)
    monkeypatch.setattr(pgd, "STEPS", 3)
    cloak = load_cloak(name, device="cpu")
    crowd = [(float(x), float(y), 0.2) for x in range(0, 250, 50) for y in range(0, 250, 60)]
    photos = [drawn(90, 70, [(30, 40, 0.04)]), drawn(24, 31, [(2, 3, 0.15)]), drawn(256, 256, crowd)]
    cloaked = cloak.apply([Subject(f"n{k}", p, f"p{k}") for k, p in enumerate(photos)], seed=0)
    for photo, result in zip(photos, cloaked, strict=True):
        assert result.pixels.shape == photo.pixels.shape and result.note == ""
        assert (result.pixels != photo.pixels).any()
    assert len(cloaked[2].faces) == 25
    assert sum(f.changed for f in cloaked[2].faces) == (1 if cloak.card.scope == "person" else 25)


def test_every_face_of_a_photo_moves(subjects: list[Subject]) -> None:
    """Two people side by side in one photo: both are cloaked, each by its own measure."""
    left, right = subjects[0].photo, subjects[2].photo
    assert left.faces and right.faces
    moved = tuple(
        replace(
            f,
            box=(f.box[0] + 112, f.box[1], f.box[2] + 112, f.box[3]),
            landmarks=f.landmarks + np.float32([112, 0]),
            mask=None,
        )
        for f in right.faces
        if f.landmarks is not None
    )
    pixels = np.concatenate([left.pixels, right.pixels], axis=1)
    photo = replace(left, pixels=pixels, faces=(replace(left.faces[0], mask=None), *moved))
    cloaked = load_cloak("pgd[bundled:face]", device="cpu").apply([Subject("pair", photo)], seed=0)[0]
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    for face in photo.faces or ():
        only = replace(photo, faces=(face,))
        assert cosine(encoder, only, cloaked.pixels) < 0.3


def test_a_clip_model_is_attacked_as_it_sees_photos(subjects: list[Subject]) -> None:
    """Its crop is the whole photo: faces without landmarks do, and the change is not confined to the face."""
    encoder = faceprobe.load_model("bundled:clip-s", device="cpu")
    cloak = load_cloak("pgd[bundled:clip-s]", device="cpu")
    bare = [
        replace(
            s, photo=replace(s.photo, faces=tuple(replace(f, landmarks=None) for f in s.photo.faces or ()))
        )
        for s in subjects[:2]
    ]
    for subject, result in zip(bare, cloak.apply(bare, seed=0), strict=True):
        noise = noisy(subject.photo.pixels, result.pixels)
        own = cosine(encoder, subject.photo, result.pixels)
        assert own < 0.2 and own < cosine(encoder, subject.photo, noise) - 0.5
        assert (result.pixels[:8] != subject.photo.pixels[:8]).mean() > 0.5
        assert result.faces[0].dssim is None and result.faces[0].changed


def test_an_ensemble_moves_both_members(subjects: list[Subject]) -> None:
    cloak = load_cloak("pgd[bundled:face+bundled:clip-s]", device="cpu")
    result = cloak.apply(subjects[:1], seed=0)[0]
    for name in ("bundled:face", "bundled:clip-s"):
        encoder = faceprobe.load_model(name, device="cpu")
        assert cosine(encoder, subjects[0].photo, result.pixels) < 0.4


class Silent(WindowCloak):
    """Changes nothing: what is left is the path through windows and 8 bits."""

    def optimise(self, batch: WindowBatch, view: SurrogateView) -> tuple[torch.Tensor, int]:
        return batch.clean.clone(), 0


def test_a_cloak_that_changes_nothing_changes_nothing(subjects: list[Subject]) -> None:
    base = load_cloak("pgd[bundled:face]", device="cpu")
    assert isinstance(base, WindowCloak)
    photos = [*subjects[:2], Subject("large", drawn(900, 1300, [(100, 100, 1.0), (300, 100, 6.0)]))]
    for subject, result in zip(
        photos, Silent(base.card, base.surrogates, 1.0).apply(photos, seed=0), strict=True
    ):
        assert (result.pixels == subject.photo.pixels).all()
        assert all(f.shift is not None and f.shift < 1e-6 for f in result.faces)


def test_opom_masks_serve_new_photos(made: Made) -> None:
    """One mask for a person, the same for a photo it was not learnt on, and it moves that one as well."""
    cloak = load_cloak("opom[bundled:face]?learn=2", device="cpu")
    assert isinstance(cloak, opom.Opom)
    first, second = synthetic(2, 3)[:3], synthetic(2, 3)[3:]
    mask = cloak.learn_mask(first[:2], first[0].identity, seed=0)
    assert mask is not None and mask.shape == (3, 112, 112) and np.abs(mask).max() <= np.float32(8 / 255)
    new = cloak.add_mask(first[2], mask)
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    assert new.faces[0].note == "mask learnt on other photos"
    noise = noisy(first[2].photo.pixels, new.pixels)
    assert cosine(encoder, first[2].photo, new.pixels) < cosine(encoder, first[2].photo, noise) - 0.2
    # of two photos of a person the mask is learnt on one
    notes = [c.faces[0].note for c in made["opom[bundled:face]"][1][:2]]
    assert sorted(notes) == ["mask learnt on other photos", "mask learnt on this photo"]
    other = cloak.learn_mask(second[:2], second[0].identity, seed=0)
    assert other is not None and np.abs(other - mask).mean() > 1 / 255
    assert (cloak.learn_mask([], "nobody", seed=0)) is None


def test_opom_hull_distance_against_least_squares() -> None:
    rows = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 12)))
    outside = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 12)))
    centre, span = opom.affine_hull(rows)
    assert span.shape == (4, 12)
    basis = (rows[1:] - rows[0]).numpy().T
    for point, found in zip(outside.numpy(), opom.hull_distance(outside, centre, span).numpy(), strict=True):
        residue = np.linalg.lstsq(basis, point - rows[0].numpy(), rcond=None)[1][0]
        assert abs(found - residue) < 1e-9
    assert float(opom.hull_distance(rows, centre, span).max()) < 1e-18
    assert opom.affine_hull(rows[:1])[1].shape == (0, 12)


def test_tip_im_goes_to_a_stranger(subjects: list[Subject], strangers: list[Subject], made: Made) -> None:
    encoder = faceprobe.load_model("bundled:face", device="cpu")
    people = sorted({s.identity for s in strangers})
    rows = np.stack(
        [np.mean([encoded(encoder, s.photo) for s in strangers if s.identity == p], axis=0) for p in people]
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    closer = []
    for subject, result in zip(subjects, made["tip-im[bundled:face]"][1], strict=True):
        clean = encoded(encoder, subject.photo)
        changed = encoded(encoder, replace(subject.photo, pixels=result.pixels))
        assert (rows @ changed).max() > float(clean @ changed)
        closer.append((rows @ changed).max() - (rows @ clean).max())
    assert min(closer) > 0.1 and np.mean(closer) > 0.15


def test_tip_im_targets(subjects: list[Subject], strangers: list[Subject]) -> None:
    assert cloak_card("tip-im").needs_targets
    with pytest.raises(WrongUsage, match="needs clean photos of other people"):
        load_cloak("tip-im")
    faceless = [replace(s, photo=replace(s.photo, faces=())) for s in strangers]
    with pytest.raises(BadInput, match="no target photo shows a face"):
        load_cloak("tip-im", device="cpu", targets=faceless)
    own = load_cloak("tip-im", device="cpu", targets=subjects[:2])
    with pytest.raises(BadInput, match="own person"):
        own.apply(subjects[:1], seed=0)
    few = load_cloak("tip-im[bundled:face]?targets=2", device="cpu", targets=strangers)
    assert isinstance(few, tip_im.TipIm) and len(few.people) == 2
    assert few.fingerprint != load_cloak("tip-im", device="cpu", targets=strangers).fingerprint


def test_names_and_ids() -> None:
    assert cloak_card("pgd").id == "pgd[bundled:face]"
    assert cloak_card("lowkey[bundled:clip-s;dssim]").id == "lowkey[bundled:clip-s;dssim]"
    assert cloak_card("opom").scope == "person" and cloak_card("pgd").scope == "photo"
    assert cloak_card("opom?learn=3").id == "opom[bundled:face]?learn=3"
    for text, word in [
        ("pgd[bundled:face;dssim]", "no perceptual term"),
        ("pgd?eps=4", "unknown option 'eps'"),
        ("opom?learn=many", "whole number"),
        ("tip-im?targets=0", "from 1 to"),
    ]:
        with pytest.raises(WrongUsage, match=word):
            cloak_card(text)
    with pytest.raises(UnknownName, match="lowkey"):
        cloak_card("lowkey-mid")
