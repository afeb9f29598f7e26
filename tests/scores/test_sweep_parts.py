"""Parts of a pass: the shared score buffer, the bounds of 8-bit codes, and panels."""

from __future__ import annotations

import numpy as np
import pytest

from faceprobe.scores import exact_rows
from faceprobe.scores.sweep.centred_rows import Panels
from faceprobe.scores.sweep.int8_codes import Codes
from faceprobe.scores.sweep.score_bins import choose_bins
from faceprobe.scores.sweep.score_buffer import CHUNK, ScoreBuffer
from faceprobe.scores.sweep.tile_worker import Tiles


def test_chunks_taken_in_turns_come_out_sorted_and_whole() -> None:
    rng = np.random.default_rng(0)
    buffer = ScoreBuffer(3 * CHUNK, 64, threads=2)
    expected = []
    for filled in (CHUNK, 5, 0, CHUNK - 1):
        number, values = buffer.take()
        own = rng.standard_normal(filled)
        values[:filled] = own
        buffer.give(number, filled)
        expected.append(own)
    assert np.array_equal(buffer.sorted(), np.sort(np.concatenate(expected)))
    assert not buffer.overfull


def test_a_full_buffer_is_overfull_and_an_empty_one_is_not() -> None:
    buffer = ScoreBuffer(10, 4, threads=1)
    assert [len(buffer.take()[1]) > 0 for _ in range(3)] == [True, True, False]
    assert buffer.overfull
    none = ScoreBuffer(0, 4, threads=2)
    assert none.take()[0] == -1 and not none.overfull


@pytest.mark.parametrize("kind", ["even", "peaked"])
def test_no_product_of_codes_errs_by_more_than_its_own_bound(kind: str) -> None:
    rng = np.random.default_rng(1)
    wide = rng.standard_normal((200, 48))
    if kind == "peaked":
        wide[:, 0] += rng.exponential(20, 200)
    rows = exact_rows((wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32))
    mean = rows.mean(axis=0)
    codes, less = Codes.of(rows, mean), (rows - mean).astype(np.float64)
    scaled = codes.values.astype(np.float64) * codes.scale[:, None]
    error = np.abs(scaled @ scaled.T - less @ less.T)
    lost, length = codes.bounds.astype(np.float64).T
    bound = lost[:, None] * length + length[:, None] * lost + codes.rounding
    assert np.all(error <= bound)
    assert bound.max() <= codes.error * (1 + 1e-6)
    assert np.median(bound) < 0.9 * codes.error, "a bound of its own is worth having"


@pytest.mark.parametrize("exact", [True, False])
def test_panels_give_the_product_of_every_tile(exact: bool) -> None:
    """Equal to the product of all rows at once, whatever part was asked for before."""
    rng = np.random.default_rng(2)
    wide = rng.standard_normal((130, 16)) + 0.5
    rows = exact_rows((wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32))
    bins = choose_bins(rows, np.arange(130, dtype=np.int32), exact)
    none = np.zeros(0, dtype=np.int64)
    tiles = Tiles.of(130, 8, 24, (none, none))
    panels, out = Panels(bins, tiles.stripe, tiles.width), np.empty((8, 24), dtype=bins.dtype)
    less = rows.astype(np.float64) - bins.mean.astype(np.float64)
    counted = np.zeros((130, 130), dtype=np.int64)
    for i0, j0 in tiles.corners():
        start = i0 - i0 % tiles.stripe
        stripe, i, j = slice(start, start + tiles.stripe), slice(i0, i0 + 8), slice(j0, j0 + 24)
        product = panels.multiply(stripe, i, j, out)
        np.testing.assert_allclose(product, less[i] @ less[j].T, atol=0 if exact else 1e-5)
        counted[i, j] += 1
    above = np.triu_indices(130, k=1)
    assert np.all(counted[above] == 1) and counted.max() == 1
