"""Fawkes on made-up photos: against a plain loop, its bounds, its seeds and its batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.plain_fawkes import plain_fawkes

from faceprobe.cloaks import cloak_card, load_cloak
from faceprobe.cloaks.attacks.fawkes.cloak import OUT_OF_BOUND, UNQUALIFIED
from faceprobe.cloaks.attacks.fawkes.descent import DescentSettings, _DescentState, descend
from faceprobe.cloaks.attacks.fawkes.modes import MODES, STEMS
from faceprobe.cloaks.attacks.fawkes.square import square_of, take
from faceprobe.cloaks.attacks.fawkes.targets import REACH, Candidate, drawn_direction
from faceprobe.cloaks.attacks.perceptual import DssimTo, dssim
from faceprobe.cloaks.attacks.surrogate import Surrogate, load_surrogates
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.data.photo import Face
from tests.helpers.cloak_photos import FACE, subject, textured

SMALL = "[bundled:clip-s]?steps=12"


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    return load_surrogates(["bundled:clip-s"], device="cpu")[0]


def crops(n: int) -> torch.Tensor:
    return torch.from_numpy(np.stack([textured(112, 112, k) for k in range(n)])).permute(0, 3, 1, 2) / 255


def noise(n: int) -> torch.Tensor:
    return torch.rand((n, 3, 112, 112), generator=torch.Generator().manual_seed(5)) * 2 - 1


def test_dssim_with_kept_moments_is_the_librarys() -> None:
    clean = crops(3)
    changed = (clean + 0.1 * noise(3)).clamp(0, 1).requires_grad_(True)
    mine, theirs = DssimTo(clean)(changed), dssim(changed, clean)
    assert torch.allclose(mine, theirs, atol=1e-6) and float(theirs.min().detach()) > 0.01
    (a,) = torch.autograd.grad(mine.sum(), changed)
    (b,) = torch.autograd.grad(theirs.sum(), changed)
    assert float((a - b).abs().max()) < 1e-4 * float(b.abs().max())


class Convolved:
    """A small network in float64, in which rounding does not part the two programs."""

    def __init__(self, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 7, stride=4),
                torch.nn.Tanh(),
                torch.nn.Conv2d(8, 16, 5, stride=4),
                torch.nn.Tanh(),
                torch.nn.Flatten(),
                torch.nn.Linear(16 * 6 * 6, 24),
            )
        self.net = net.double().requires_grad_(False)

    def features(self, faces: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.net(faces - 0.5), dim=1)


@pytest.mark.parametrize(("bound", "steps", "members"), [(0.012, 30, 1), (0.004, 30, 1), (0.03, 20, 2)])
def test_it_does_what_a_plain_loop_does(bound: float, steps: int, members: int) -> None:
    """Faces one by one, clean features anew each step, the library's DSSIM, Adadelta written out. In float64;
    what is left is the library's window of float32 weights."""
    nets = [Convolved(k) for k in range(members)]
    clean, start = crops(3).double(), noise(3).double()
    found = descend(clean, start, nets, DescentSettings(bound, steps, 20, 1e6))  # type: ignore[arg-type]
    assert int(found.kept.sum()) == 3 and float(found.shift.min()) > 1e-3
    for k in range(3):
        plain = plain_fawkes(clean[k], start[k], nets, bound, steps, 20)  # type: ignore[arg-type]
        assert float(found.dssim[k]) == pytest.approx(plain.dssim, rel=0.01)
        assert members * float(found.shift[k]) == pytest.approx(plain.gain, rel=0.01)
        assert plain.change is not None
        apart = (found.change[k] - plain.change).square().mean().sqrt()
        assert float(apart) < 0.05 * float(plain.change.square().mean().sqrt())


def test_the_balance_doubles_halves_and_resets() -> None:
    """bound 1: below .9 doubles, above 1.1 halves, changing sides or between resets to 1."""
    state = _DescentState(torch.zeros(1, 3, 12, 12), DescentSettings(1.0, 1, 1.0, 1.0), 0.0)
    seen = []
    for distance in (0.5, 0.5, 1.2, 1.2, 1.2, 0.5, 0.5, 1.0, 1.2, 0.95, 0.9):
        state.rebalance(torch.tensor([distance]))
        seen.append(float(state.balance[0]))
    assert seen == [2, 4, 1, 0.5, 0.25, 1, 2, 1, 0.5, 1, 2]


def test_the_balance_has_an_end() -> None:
    state = _DescentState(torch.zeros(1, 3, 12, 12), DescentSettings(1.0, 1, 1.0, 1.0), 0.0)
    seen = []
    for _ in range(10):
        state.rebalance(torch.tensor([0.1]))
        seen.append(float(state.balance[0]))
    assert max(seen) == 256 and seen[8] == 1  # past 129 it is doubled no more, and falls back as originally


@pytest.mark.parametrize("stem", ["fawkes-1.0.2-mid", "fawkes-1.0.2-low"])
@pytest.mark.parametrize("fidelity", ["fixed", "original"])
def test_bounds_hold_and_nothing_outside_the_face_changes(stem: str, fidelity: str) -> None:
    cloak = load_cloak(f"{stem}{SMALL}&fidelity={fidelity}", device="cpu")
    one = subject("a", FACE)
    made = cloak.apply([one], seed=0)[0]
    report = made.faces[0]
    bound = MODES[stem.removeprefix("fawkes-")]["dssim"]
    assert report.changed and report.dssim is not None and report.shift is not None
    assert 0 < report.dssim <= 1.1 * bound and 0.001 < report.shift <= 4 and report.steps == 12
    assert made.pixels.dtype == np.uint8 and made.pixels.shape == one.photo.pixels.shape
    apart = np.abs(made.pixels.astype(int) - one.photo.pixels).max(axis=2)
    inside = np.zeros(apart.shape, dtype=bool)
    inside[40:140, 30:120] = True
    assert (apart[~inside] == 0).all() and (apart[inside] > 0).mean() > 0.2
    if fidelity == "fixed":
        assert apart.max() <= 15


def test_a_larger_bound_lets_features_move_farther() -> None:
    shifts = []
    for threshold in ("0.012", "0.06"):
        cloak = load_cloak(f"fawkes-1.0.2-mid{SMALL}&threshold={threshold}", device="cpu")
        shifts.append(cloak.apply([subject("a", FACE)], seed=0)[0].faces[0].shift or 0.0)
    assert shifts[1] > 1.2 * shifts[0] > 0


def test_photos_without_a_usable_face_pass_through() -> None:
    cloak = load_cloak(f"fawkes-1.0.2-mid{SMALL}", device="cpu")
    empty, small = subject("none"), subject("small", Face((10, 10, 35, 90)), Face((1, 1, 90, 90), score=0.5))
    first, second = cloak.apply([empty, small], seed=0)
    assert first.note == "no face found" and first.pixels is empty.photo.pixels and first.faces == ()
    assert second.note == UNQUALIFIED and np.array_equal(second.pixels, small.photo.pixels)
    assert [f.changed for f in second.faces] == [False, False] and "below 0.9" in second.faces[1].note


def test_faces_must_be_known() -> None:
    cloak = load_cloak(f"fawkes-1.0.2-mid{SMALL}", device="cpu")
    one = subject("a", FACE)
    with pytest.raises(ValueError, match="faces"):
        cloak.apply([replace(one, photo=replace(one.photo, faces=None))], seed=0)


def test_where_no_iterate_qualifies_the_photo_is_unchanged_and_says_so() -> None:
    """Only the invisible starting noise lies within so small a bound."""
    cloak = load_cloak("fawkes-1.0.2-mid[bundled:clip-s]?steps=3&threshold=0.00001", device="cpu")
    one = subject("a", FACE)
    made = cloak.apply([one], seed=0)[0]
    assert made.note == OUT_OF_BOUND and made.faces[0].note == OUT_OF_BOUND
    assert not made.faces[0].changed and made.faces[0].steps == 3
    assert np.array_equal(made.pixels, one.photo.pixels)


def test_all_faces_of_a_photo_are_changed() -> None:
    cloak = load_cloak(f"fawkes-1.0.2-mid{SMALL}", device="cpu")
    two = subject("two", Face((5, 5, 65, 75)), Face((80, 80, 140, 150)), size=(160, 150))
    made = cloak.apply([two], seed=0)[0]
    assert [f.changed for f in made.faces] == [True, True]
    apart = np.abs(made.pixels.astype(int) - two.photo.pixels).max(axis=2)
    assert (apart[5:75, 5:65] > 0).any() and (apart[80:150, 80:140] > 0).any()


def test_seeds_names_and_neighbours() -> None:
    """Same seed, same bytes; another seed or name, another cloak; neighbours change nothing."""
    cloak = load_cloak(f"fawkes-1.0.2-mid{SMALL}", device="cpu")
    people = [subject(name, FACE) for name in "abcdefghij"]
    together = cloak.apply(people, seed=0)
    again = load_cloak(f"fawkes-1.0.2-mid{SMALL}", device="cpu").apply(people, seed=0)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(together, again, strict=True))
    assert [m.name for m in together] == [p.name for p in people]
    other = cloak.apply([people[9], people[4], people[0]], seed=0)
    for made, k in zip(other, (9, 4, 0), strict=True):
        apart = np.abs(made.pixels.astype(int) - together[k].pixels)
        assert apart.max() <= 1 and (apart > 0).mean() < 0.01
    reseeded = cloak.apply([people[0]], seed=1)[0]
    renamed = cloak.apply([replace(people[0], name="z")], seed=0)[0]
    for made in (reseeded, renamed):
        assert not np.array_equal(made.pixels, together[0].pixels)


def test_ticks_once_a_photo() -> None:
    cloak = load_cloak("fawkes-1.0.2-mid[bundled:clip-s]?steps=1", device="cpu")
    ticks: list[int] = []
    cloak.apply([subject("a", FACE), subject("b")], seed=0, tick=lambda: ticks.append(1))
    assert len(ticks) == 2


def test_patience_ends_faces_that_stand_still_and_is_off_by_default(surrogate: Surrogate) -> None:
    clean, start = crops(4), noise(4)
    full = descend(clean, start, [surrogate], DescentSettings(0.012, 40, 20, 1e6))
    short = descend(clean, start, [surrogate], DescentSettings(0.012, 40, 20, 1e6, patience=2))
    assert full.steps.tolist() == [40] * 4 and int(short.steps.max()) < 40
    assert bool((short.shift <= full.shift).all())


def test_a_face_that_cannot_move_ends_at_once() -> None:
    """A surrogate that is blind gives no gradient: every later step would be the first again."""

    class Blind:
        def features(self, faces: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(0 * faces.flatten(1)[:, :4] + 1, dim=1)

    found = descend(crops(4), noise(4), [Blind()], DescentSettings(0.5, 40, 20, 1e6))  # type: ignore[list-item]
    assert found.steps.tolist() == [1] * 4 and not bool(found.kept.any())


def test_a_targeted_run_comes_nearer_to_its_goal(surrogate: Surrogate) -> None:
    clean, start = crops(4), noise(4)
    with torch.no_grad():
        own = surrogate.features(clean)
    goals = [own + REACH * (own.flip(0) - own)]
    settings = DescentSettings(0.012, 25, 8, 1e9)
    towards = descend(clean, start, [surrogate], settings, goals)
    assert bool(towards.kept.all()) and bool((towards.dssim <= 1.1 * 0.012).all())
    with torch.no_grad():
        aimed = surrogate.features(clean + towards.change)
    before = (own - goals[0]).norm(dim=1)
    assert bool(((aimed - goals[0]).norm(dim=1) < 0.8 * before).all())
    assert bool(((aimed * own.flip(0)).sum(1) > (own * own.flip(0)).sum(1) + 0.05).all())


def test_the_target_is_one_of_the_twenty_farthest_and_never_the_person() -> None:
    features = np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    # in the order of their least distance to either photo: 1, 2, ..., 30
    candidates = [Candidate(f"p{k}", np.array([0.0, -k], dtype=np.float32)) for k in range(1, 31)]
    candidates.append(Candidate("me", np.array([0.0, -1000.0], dtype=np.float32)))
    drawn = set()
    for seed in range(300):
        away = drawn_direction(features, candidates, "me", np.random.default_rng(seed))
        target = away / REACH + features.mean(axis=0)
        assert target[0] == 0
        drawn.add(round(-float(target[1])))
    assert drawn == set(range(11, 31))


def test_targeted_modes_use_targets() -> None:
    text = "fawkes-0.3-ultra[bundled:clip-s]?steps=25&threshold=0.012"
    with pytest.raises(WrongUsage, match="targets"):
        load_cloak(text, device="cpu")
    card = cloak_card(text)
    assert card.needs_targets and card.scope == "person" and card.constants["weight"] == 1e9
    assert not cloak_card(f"{text}&objective=untargeted").needs_targets
    targets = [subject(n, FACE, identity=n) for n in ("t1", "t2", "t3")]
    cloak = load_cloak(text, device="cpu", targets=targets)
    fewer = load_cloak(text, device="cpu", targets=targets[:2])
    assert cloak.fingerprint != fewer.fingerprint
    mine = [subject("a", FACE, identity="me"), subject("b", FACE, identity="me"), subject("c")]
    made = cloak.apply(mine, seed=0)
    assert made[0].faces[0].changed and made[1].faces[0].changed and made[2].note == "no face found"
    own = load_cloak(text, device="cpu", targets=[replace(t, identity="me") for t in targets])
    with pytest.raises(WrongUsage, match="me"):
        own.apply(mine, seed=0)


def test_published_constants_of_every_mode() -> None:
    """facts of the releases: bound, steps, rate."""
    wanted = {
        "1.0.2-low": (0.004, 40, 25),
        "1.0.2-mid": (0.012, 75, 20),
        "1.0.2-high": (0.017, 150, 15),
        "1.0.1-low": (0.005, 25, 25),
        "1.0.1-mid": (0.01, 50, 20),
        "1.0.1-high": (0.015, 100, 15),
        "0.3-min": (0.002, 20, 40),
        "0.3-low": (0.003, 50, 35),
        "0.3-mid": (0.005, 200, 20),
        "0.3-high": (0.008, 500, 10),
        "0.3-ultra": (0.01, 1000, 8),
    }
    for mode, (bound, steps, rate) in wanted.items():
        constants = cloak_card(f"fawkes-{mode}").constants
        assert (constants["dssim_bound"], constants["steps"], constants["rate"]) == (bound, steps, rate)
        assert constants["objective"] == ("targeted" if mode.startswith("0.3") else "untargeted")
    assert {f"fawkes-{m}" for m in wanted} == set(STEMS) and STEMS[0] == "fawkes-1.0.2-mid"


def test_low_uses_the_first_surrogate_and_mid_two() -> None:
    two = "[bundled:face+bundled:clip-s]"
    low = cloak_card(f"fawkes-1.0.2-low{two}")
    assert low.id == "fawkes-1.0.2-low[bundled:face]" and "left out" in low.notes[0]
    assert cloak_card(f"fawkes-1.0.2-mid{two}").id == f"fawkes-1.0.2-mid{two}"
    assert cloak_card("fawkes-1.0.2-mid").id == "fawkes-1.0.2-mid[bundled:face]"


@pytest.mark.parametrize(
    "options",
    ["steps=0", "steps=2.5", "threshold=nan", "threshold=-1", "fidelity=exact", "objective=x", "lr=1"],
)
def test_wrong_options_name_themselves(options: str) -> None:
    with pytest.raises(WrongUsage, match=options.partition("=")[0]):
        cloak_card(f"fawkes-1.0.2-mid?{options}")


def test_lpips_is_refused_and_the_authors_own_names_are_not_ours() -> None:
    with pytest.raises(WrongUsage, match="DSSIM"):
        cloak_card("fawkes-1.0.2-mid[bundled:face;lpips]")
    for stem in ("fawkes", "fawkes-v1", "fawkes-v0.3-high"):
        with pytest.raises(UnknownName, match="authors' own"):
            cloak_card(stem)


def test_the_fingerprint_follows_everything_that_decides_the_output() -> None:
    base = "fawkes-1.0.2-mid[bundled:clip-s]"
    texts = [base, f"{base}?steps=9", f"{base}?fidelity=original", "fawkes-1.0.2-mid[bundled:face]"]
    prints = [load_cloak(t, device="cpu").fingerprint for t in texts]
    assert len(set(prints)) == len(texts) and prints[0] == load_cloak(base, device="cpu").fingerprint


def test_the_crop_of_a_report_is_what_the_bound_was_asserted_on(surrogate: Surrogate) -> None:
    """DSSIM and shift of the report, found again from the crop and the kept change."""
    one = subject("a", FACE)
    square = square_of(FACE, *one.photo.pixels.shape[:2])
    assert square is not None
    clean = torch.from_numpy(np.stack([take(one.photo.pixels, square)] * 4))
    found = descend(clean, noise(4), [surrogate], DescentSettings(0.012, 20, 20, 1e6))
    again = dssim(clean + found.change, clean)
    assert torch.allclose(again, found.dssim, atol=1e-5) and bool((again <= 1.1 * 0.012 + 1e-5).all())
    with torch.no_grad():
        moved = (surrogate.features(clean + found.change) - surrogate.features(clean)).square().sum(1)
    assert torch.allclose(moved, found.shift, rtol=1e-3, atol=1e-5)
