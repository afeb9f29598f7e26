"""Names of cloaks: their parts, their ids, and what is answered to a wrong one."""

from __future__ import annotations

import pytest

from faceprobe.cloaks import cloak_card
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.cloaks.registry import family_of
from faceprobe.core.errors import UnknownName, WrongUsage


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
