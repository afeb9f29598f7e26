"""Pooling of templates against plain Python, and what must not change a pooled vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import BadInput, UnknownName
from faceprobe.data.embeddings import Embeddings
from faceprobe.metrics import templates as module
from faceprobe.metrics.templates import POOLINGS, pool_templates
from tests.helpers.templates_oracle import pooled, shuffle_photos, template_world


def pool(data: Embeddings, preset: str) -> np.ndarray:
    assert data.templates is not None
    return pool_templates(data.vectors, data.paths, data.templates, preset)


@pytest.mark.parametrize("preset", POOLINGS)
@pytest.mark.parametrize("block", [1, 7, 10_000])
def test_every_preset_says_what_it_does(preset: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    for seed in range(4):
        data = template_world(seed, coarse=False)
        np.testing.assert_allclose(pool(data, preset), pooled(data, preset), atol=1e-6)


def test_presets_differ() -> None:
    data = template_world(3, coarse=False)
    made = [pool(data, preset) for preset in POOLINGS]
    for i in range(len(made)):
        for j in range(i):
            assert np.abs(made[i] - made[j]).max() > 0.01


@given(seed=st.integers(0, 10_000), preset=st.sampled_from(sorted(POOLINGS)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_photos_changes_no_bit(seed: int, preset: str) -> None:
    data = template_world(seed, coarse=False)
    assert (pool(data, preset) == pool(shuffle_photos(data, seed + 1), preset)).all()


def test_a_template_of_one_photo_is_that_photo() -> None:
    data = template_world(0, coarse=False)
    t = data.templates
    assert t is not None
    alone = np.flatnonzero(np.bincount(t.template) == 1)
    assert len(alone)
    for preset in POOLINGS:
        for k in alone:
            row = t.row[t.template == k][0]
            np.testing.assert_allclose(pool(data, preset)[k], data.vectors[row], atol=2e-7)


def test_photos_of_one_medium_weigh_as_one() -> None:
    """A second copy of a photo in its own medium changes nothing; in a plain mean it does."""
    data = template_world(5, coarse=False)
    t = data.templates
    assert t is not None and t.weight is not None
    k = int(np.argmax([len(np.unique(t.media[t.template == k])) for k in range(len(t))]))
    alone = [
        m for m in np.flatnonzero(t.template == k) if (t.media[t.template == k] == t.media[m]).sum() == 1
    ]
    again = int(alone[0])
    doubled = replace(
        t,
        row=np.append(t.row, t.row[again]),
        template=np.append(t.template, t.template[again]),
        media=np.append(t.media, t.media[again]),
        weight=np.append(t.weight, t.weight[again]),
    )
    twice = replace(data, templates=doubled)
    np.testing.assert_allclose(pool(twice, "score-media"), pool(data, "score-media"), atol=1e-7)
    assert np.abs(pool(twice, "score-mean")[k] - pool(data, "score-mean")[k]).max() > 1e-3


def test_without_weights_every_photo_weighs_one() -> None:
    data = template_world(1, coarse=False)
    assert data.templates is not None
    plain = replace(data, templates=replace(data.templates, weight=None))
    assert (pool(plain, "score-media") == pool(data, "media")).all()


def test_what_cannot_be_pooled() -> None:
    data = template_world(1)
    t = data.templates
    assert t is not None and t.weight is not None
    zeros = replace(t, weight=np.where(t.template == 4, 0, t.weight).astype(np.float32))
    with pytest.raises(BadInput, match=r"1 of 24 templates pool to a vector of zeros.*'104'"):
        pool(replace(data, templates=zeros), "score-media")
    with pytest.raises(UnknownName, match="did you mean 'media'"):
        pool(data, "medea")
