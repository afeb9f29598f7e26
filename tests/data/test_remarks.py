"""Remarks: codes with a fixed level, joined texts, and what is no remark."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from faceprobe.data.remarks import (
    CODES,
    Level,
    Remark,
    is_cautioned,
    join,
    remark,
    text_of,
    without_brackets,
)


def test_every_code_is_kebab_case_with_a_level_and_a_meaning() -> None:
    for code, (level, about) in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert level in get_args(Level) and about and not about.endswith(".")
    assert {level for level, _ in CODES.values()} == set(get_args(Level))


def test_a_remark_takes_its_level_from_its_code() -> None:
    assert remark("trivial", "one photo") == (Remark("trivial", "info", "one photo"),)
    assert remark("not-supported", "too few")[0].level == "unsupported"
    assert remark("trivial", "") == ()
    with pytest.raises(KeyError):
        remark("no-such-code", "text")


def test_remarks_are_joined_in_order_and_their_texts_by_semicolons() -> None:
    found = join(remark("bracket", "bracket: 0 to 1"), (), remark("no-interval", "no interval"))
    assert text_of(found) == "bracket: 0 to 1; no interval" and text_of(()) == ""
    assert text_of(without_brackets(found)) == "no interval"
    assert is_cautioned(found) and not is_cautioned(remark("bracket", "bracket"))


def test_a_remark_survives_json() -> None:
    (one,) = remark("extrapolated", "twice")
    assert Remark.from_dict(one.to_dict()) == one


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "text",
        {},
        {"code": "a", "level": "info"},
        {"code": "a", "level": "info", "text": "t", "more": 1},
        {"code": "a", "level": "warning", "text": "t"},
        {"code": 1, "level": "info", "text": "t"},
        {"code": "a", "level": "info", "text": None},
    ],
)
def test_what_is_no_remark_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match="a remark"):
        Remark.from_dict(stored)
