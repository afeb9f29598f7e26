"""Template lists: what fits, and what is left when photos are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput
from faceprobe.data.templates import TemplateList
from tests.helpers.templates_oracle import template_world


def some(seed: int = 0) -> TemplateList:
    templates = template_world(seed).templates
    assert templates is not None
    return templates


@given(seed=st.integers(0, 1000), share=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_keeping_photos_renumbers_everything(seed: int, share: float) -> None:
    t = some(seed)
    n = int(t.row.max()) + 1
    kept = np.flatnonzero(np.random.default_rng(seed).random(n) < share)
    left = t.take(kept.tolist(), n)
    left.check(len(kept))
    members = {
        (int(kept[r]), str(left.names[k]), int(m))
        for r, k, m in zip(left.row, left.template, left.media, strict=True)
    }
    assert members == {
        (int(r), str(t.names[k]), int(m))
        for r, k, m in zip(t.row, t.template, t.media, strict=True)
        if r in kept
    }
    alive = {name for _, name, _ in members}
    assert left.lost_templates == len(t) - len(alive)
    pairs = [
        (str(t.names[a]), str(t.names[b]), bool(s)) for a, b, s in zip(t.left, t.right, t.same, strict=True)
    ]
    whole = [p for p in pairs if p[0] in alive and p[1] in alive]
    found = zip(
        left.names[left.left].tolist(), left.names[left.right].tolist(), left.same.tolist(), strict=True
    )
    assert list(found) == whole and left.lost_pairs == len(pairs) - len(whole)
    for name, gallery in t.galleries.items():
        wanted = [n for n in t.names[gallery].tolist() if n in alive]
        assert left.names[left.galleries[name]].tolist() == wanted
    assert left.names[left.probes].tolist() == [n for n in t.names[t.probes].tolist() if n in alive]
    identity_of = dict(zip(t.names.tolist(), t.identities.tolist(), strict=True))
    assert left.identities.tolist() == [identity_of[n] for n in left.names.tolist()]


def test_keeping_twice_adds_up() -> None:
    t = some(3)
    n = int(t.row.max()) + 1
    half = list(range(0, n, 2))
    twice = t.take(half, n).take(list(range(0, len(half), 2)), len(half))
    once = t.take(half[::2], n)
    assert twice.digest() == once.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {"row": t.row + 1000}, "photos beyond"),
        (lambda t: {"template": t.template + 1}, "templates beyond"),
        (lambda t: {"left": t.left - 30}, "templates in pairs beyond"),
        (lambda t: {"probes": np.array([99])}, "probes beyond"),
        (lambda t: {"probes": np.array([1, 1])}, "twice"),
        (lambda t: {"galleries": {"G1": np.array([99])}}, "gallery templates beyond"),
        (lambda t: {"media": t.media[1:]}, "one photo, template and medium"),
        (lambda t: {"same": t.same[1:]}, "three values a listed pair"),
        (lambda t: {"identities": t.identities[1:]}, "one identity a template"),
        (lambda t: {"weight": np.where(t.row == 0, np.nan, t.weight)}, "negative, infinite or NaN"),
        (lambda t: {"weight": t.weight - 1}, "negative, infinite or NaN"),
        (lambda t: {"template": np.where(t.template == 0, 1, t.template)}, "without photos"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    t = some()
    t.check(int(t.row.max()) + 1)
    with pytest.raises(BadInput, match=message):
        replace(t, **change(t)).check(int(t.row.max()) + 1)
