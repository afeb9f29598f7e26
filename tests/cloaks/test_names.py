"""Names of cloaks: their parts, their ids, and what is answered to a wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.cloaks import (
    Cloak,
    CloakCard,
    Cloaked,
    CloakFamily,
    Subject,
    cloak_card,
    load_cloak,
    with_surrogate,
)
from faceprobe.cloaks.listing import describe_cloak, list_cloaks
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.cloaks.registry import CLOAKS, family_of, file_card, reference_card
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.data.photo import Photo


def test_a_whole_name_in_its_parts() -> None:
    name = parse_cloak(" lowkey[bundled:face+bundled:clip-s;dssim]?steps=9&fidelity=fixed ")
    assert (name.stem, name.surrogates, name.perceptual) == (
        "lowkey",
        ("bundled:face", "bundled:clip-s"),
        "dssim",
    )
    assert name.options == {"steps": "9", "fidelity": "fixed"}
    assert parse_cloak("fawkes-1.0.2-mid") == CloakName("fawkes-1.0.2-mid")


def test_surrogates_with_options_stand_in_parentheses_or_bare() -> None:
    one = parse_cloak("pgd[(onnx:a+b.onnx?size=112&flip=sum)+ViT-B-32/openai]?steps=2")
    assert one.surrogates == ("onnx:a+b.onnx?size=112&flip=sum", "ViT-B-32/openai")
    assert one.options == {"steps": "2"}
    assert parse_cloak("pgd[onnx:a.onnx?size=112]").surrogates == ("onnx:a.onnx?size=112",)


def test_another_cloak_inside() -> None:
    name = parse_cloak("noise[fawkes-1.0.2-mid[bundled:face]]")
    assert name.stem == "noise" and name.inside == "fawkes-1.0.2-mid[bundled:face]"
    assert parse_cloak(name.inside).surrogates == ("bundled:face",)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("fawkes-1.0.2-mid", "fawkes-1.0.2-mid[bundled:face]"),
        (
            "fawkes-1.0.2-mid[onnx:/home/me/faces/m.onnx?size=112&flip=sum]",
            "fawkes-1.0.2-mid[onnx:m.onnx]",
        ),
        (
            "fawkes-1.0.2-high[(onnx:/data/m.onnx?size=112)+bundled:clip-s]?steps=5&fidelity=original",
            "fawkes-1.0.2-high[onnx:m.onnx+bundled:clip-s]?fidelity=original&steps=5",
        ),
        ("fawkes-1.0.2-low[ViT-B-32/openai]", "fawkes-1.0.2-low[ViT-B-32/openai]"),
    ],
)
def test_ids_hold_no_path_and_no_option_of_a_surrogate(text: str, id_: str) -> None:
    assert cloak_card(text).id == id_


def test_an_id_without_options_of_its_surrogate_is_a_name_again() -> None:
    id_ = cloak_card("fawkes-1.0.2-mid[bundled:face+bundled:clip-m]?steps=5").id
    assert cloak_card(id_).id == id_


def test_the_perceptual_term_is_part_of_the_id() -> None:
    name = parse_cloak("lowkey[bundled:face;lpips]")
    assert name.shown(name.surrogates, name.perceptual) == "lowkey[bundled:face;lpips]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no cloak"),
        ("fawkes-1.0.2-mid[bundled:face", "is no cloak"),
        ("fawkes-1.0.2-mid]x[", "is no cloak"),
        ("lowkey[bundled:face;psnr]", "dssim or lpips"),
        ("lowkey[bundled:face+]", "empty surrogate"),
        ("lowkey?steps", "key=value"),
    ],
)
def test_what_is_no_name(text: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        parse_cloak(text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("fawkes-1.0.2-middle", "fawkes-1.0.2-mid"),
        ("fawkes-0.3-ultr", "fawkes-0.3-ultra"),
        ("fawkes", "fawkes-"),
    ],
)
def test_did_you_mean(text: str, near: str) -> None:
    with pytest.raises(UnknownName, match="did you mean") as error:
        cloak_card(text)
    assert any(n.startswith(near) for n in error.value.near)


def test_unknown_options_name_the_known_ones() -> None:
    with pytest.raises(WrongUsage, match="fidelity, objective, patience, steps, threshold"):
        cloak_card("fawkes-1.0.2-mid?learning=1")


def test_the_longest_registered_beginning_decides() -> None:
    assert family_of(parse_cloak("fawkes-1.0.2-mid")).stems[0] == "fawkes-1.0.2-mid"


@pytest.mark.parametrize(
    ("text", "surrogates", "named"),
    [
        ("fawkes-1.0.2-mid", ["own:mine"], "fawkes-1.0.2-mid[own:mine]"),
        ("pgd[bundled:face]", ["own:mine", "bundled:clip-s"], "pgd[own:mine+bundled:clip-s]"),
        ("lowkey[bundled:face;dssim]", ["own:mine"], "lowkey[own:mine;dssim]"),
        ("opom?learn=5", ["onnx:a.onnx?size=112"], "opom[(onnx:a.onnx?size=112)]?learn=5"),
        ("noise[pgd]", ["own:mine"], "noise[pgd[own:mine]]"),
        ("noise[lowkey[bundled:face;dssim]]", ["own:mine"], "noise[lowkey[own:mine;dssim]]"),
        ("tip-im", [], "tip-im"),
    ],
)
def test_a_surrogate_is_put_into_a_name(text: str, surrogates: list[str], named: str) -> None:
    assert with_surrogate(text, *surrogates) == named
    assert parse_cloak(named) == parse_cloak(str(parse_cloak(named)))


def test_a_name_without_a_place_for_a_surrogate() -> None:
    for text in ("jpeg-75", "noise-30", "noise[jpeg-75]"):
        with pytest.raises(WrongUsage, match="is a control"):
            with_surrogate(text, "bundled:face")
    with pytest.raises(UnknownName):
        with_surrogate("pgt", "bundled:face")


def test_variants_that_only_come_as_files_have_cards() -> None:
    for name in ("fawkes", "lowkey", "fawkes-v1", "fawkes-v0.3-high"):
        card = file_card(name)
        assert card is not None and card.id == name and not card.control
    for name in ("clean-png", "clean-jpeg"):
        card = file_card(name)
        assert card is not None and card.control
    assert file_card("fawkes-1.0.2-mid") is None and file_card("pgd") is None
    reference = reference_card(cloak_card("noise[fawkes]"))
    assert reference is not None and reference.id == "fawkes"
    assert reference_card(cloak_card("pgd")) is None


class Dim(Cloak):
    """Halves every value."""

    card = CloakCard("dim", "every value halved")
    fingerprint = "dim/1"

    def apply(self, subjects, *, seed, tick=lambda: None):  # type: ignore[no-untyped-def]
        return [Cloaked(s.name, s.photo.pixels // 2) for s in subjects]


class DimFamily(CloakFamily):
    stems = ("dim",)
    modules = ()

    def card(self, name: CloakName) -> CloakCard:
        return Dim.card

    def load(self, name: CloakName, *, device: str, offline: bool, targets: object) -> Cloak:
        return Dim()


def test_a_cloak_is_added_by_one_class_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    CLOAKS.names()  # entry points are read
    monkeypatch.setattr(CLOAKS, "_objects", {**CLOAKS._objects})
    CLOAKS.register("dim", DimFamily())
    photo = Photo(np.full((2, 2, 3), 9, dtype=np.uint8), "hash", ())
    (done,) = load_cloak("dim").apply([Subject("a", photo)], seed=0)
    assert (done.pixels == 4).all()
    assert cloak_card("noise[dim]").noise_reference == "dim"
    assert describe_cloak("dim").to_dict()["available"]
    assert "dim" in [one.stem for one in list_cloaks()]
