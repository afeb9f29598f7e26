"""The grammar of names: every name that parses is written back so that it parses to the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from faceprobe.cloaks.names import parse_cloak
from faceprobe.cloaks.purifiers import parse_purifier
from faceprobe.core.errors import FaceprobeError, WrongUsage
from faceprobe.core.names import (
    Name,
    escape,
    format_options,
    join_parts,
    parse_name,
    parse_options,
    split_amount,
    split_brackets,
    split_parts,
    unescape,
)
from faceprobe.faces.crops import CropPolicy

NAMES = st.text(st.sampled_from("ab1.-/ :?@&=+%;()[],26B"), max_size=24)
"""Texts of the characters that mean something, and a few that do not."""
TEXTS = st.text(max_size=12)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fusion:A+B?weights=.6,.4", Name("fusion", "A+B", options={"weights": ".6,.4"})),
        ("folder:my (old) photos?a=1", Name("folder", "my (old) photos", options={"a": "1"})),
        (
            "fusion:(onnx:a.onnx?size=112)+(hf:x/y@pre-projection)?crops=own",
            Name("fusion", "(onnx:a.onnx?size=112)+(hf:x/y@pre-projection)", options={"crops": "own"}),
        ),
        ("synthetic:x?fit=a%26b%2B", Name("synthetic", "x", options={"fit": "a&b+"})),
        ("x:y?fit=synthetic?people=3", Name("x", "y", options={"fit": "synthetic?people=3"})),
        ("x:y?a=", Name("x", "y", options={"a": ""})),
        ("x:y@pre-projection?a=b c", Name("x", "y", "pre-projection", {"a": "b c"})),
        ("vectors:C:/photos", Name("vectors", "C:/photos")),
    ],
)
def test_names_in_use_parse_as_ever(text: str, name: Name) -> None:
    assert parse_name(text) == name
    assert parse_name(str(name)) == name


def test_names_split_by_the_grammar() -> None:
    name = parse_name("onnx:a/b.onnx@pre-projection?size=112&color=rgb")
    assert (name.kind, name.body, name.pooling) == ("onnx", "a/b.onnx", "pre-projection")
    assert name.options == {"size": "112", "color": "rgb"}
    assert str(name) == "onnx:a/b.onnx@pre-projection?size=112&color=rgb"
    assert parse_name("ViT-B-32/openai", bare_kind="openclip").kind == "openclip"
    with pytest.raises(WrongUsage, match="known options: mean, size"):
        name.check_options({"size", "mean"})
    for wrong in ("", " @", "?a=1", "a:b?", "a:b?size", "a:b?size=1&size=2"):
        with pytest.raises(WrongUsage):
            parse_name(wrong)


@given(NAMES)
@example("x:y?a=%26%2B%25%29(")
@example("x:+(a?k=b%29")
@example("x:+(a?b)@c")
@example(" @")
@example(": ")
def test_a_name_that_parses_is_written_so_that_it_parses_to_the_same(text: str) -> None:
    try:
        name = parse_name(text)
    except WrongUsage:
        assume(False)
    assume(name.body and not (name.kind == "" and ":" in str(name)))
    assert parse_name(str(name)) == name


@given(st.dictionaries(TEXTS, TEXTS, min_size=1))
def test_any_options_survive(options: dict[str, str]) -> None:
    assert parse_options(format_options(options)[1:], "a name") == options
    name = Name("onnx", "a.onnx", "p", options)
    assert parse_name(str(name)) == name


@given(NAMES)
@example("lowkey[bundled:face+(onnx:a+b.onnx?size=112&flip=sum);dssim]?fidelity=fixed")
@example("noise[fawkes-1.0.2-mid[bundled:face]?steps=3]?seed=1")
@example("1?=+")
def test_a_cloak_that_parses_is_written_so_that_it_parses_to_the_same(text: str) -> None:
    try:
        name = parse_cloak(text)
    except WrongUsage:
        assume(False)
    assert parse_cloak(str(name)) == name


@given(st.lists(st.sampled_from(["pixels:8", "a/b", "onnx:a.onnx?x=1", "hf:a@b", "a+b"]), min_size=1))
def test_parts_joined_are_split_again(parts: list[str]) -> None:
    assert split_parts(join_parts(parts)) == parts


@given(TEXTS)
def test_any_text_can_be_a_body(text: str) -> None:
    assume(text)
    assert unescape(escape(text)) == text
    assert parse_name(f"own:{escape(text)}").body == escape(text)


@pytest.mark.parametrize("text", ["margin-0.3", "margin-0.50", "random-mask-7", "aligned-112", "as-is"])
def test_crops_and_purifiers_round_trip(text: str) -> None:
    crop = CropPolicy.parse(text)
    assert CropPolicy.parse(crop.name) == crop
    for purifier in map(parse_purifier, ("none", "jpeg", "jpeg-50", "tv-0.20", "resize-0.5", "bilateral")):
        assert parse_purifier(purifier.name) == purifier


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("margin-0.3", ("margin", "0.3")),
        ("random-mask-12", ("random-mask", "12")),
        ("jpeg", ("jpeg", "")),
        ("jpeg-", ("jpeg-", "")),
        ("jpeg-x", ("jpeg-x", "")),
    ],
)
def test_amounts(text: str, pieces: tuple[str, str]) -> None:
    assert split_amount(text) == pieces


@pytest.mark.parametrize(
    "text",
    ["margin", "margin-", "margin-x", "margin-11", "margin-1-2", "random-mask-1.5", "random-mask-0123456789"],
)
def test_crops_that_do_not_exist(text: str) -> None:
    with pytest.raises(FaceprobeError, match="unknown crop"):
        CropPolicy.parse(text)


def test_brackets() -> None:
    assert split_brackets("a[b[c?x=1]+d]?y=2") == ("a", "b[c?x=1]+d", "y=2")
    assert split_brackets(" a ") == ("a", "", None)
    assert split_brackets("a[b") is None and split_brackets("") is None


def test_a_name_that_is_a_kind_alone() -> None:
    assert parse_name("synthetic?people=9", bare_kind=None) == Name("synthetic", "", options={"people": "9"})
    assert parse_name("lfw:a/b", bare_kind=None) == Name("lfw", "a/b")


@pytest.mark.parametrize("text", ["", " ", "a:b?", "a:b?size", "a:b?size=1&size=2", "pgd[a]?", "pgd?x=1&x=2"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(WrongUsage):
        parse_cloak(text) if text.startswith("pgd") else parse_name(text)
