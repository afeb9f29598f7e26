"""The cache of vectors where its folder cannot be locked."""

from __future__ import annotations

import numpy as np
import pytest
from filelock import FileLock

from faceprobe.embedding.cache import VectorCache


def test_without_locks_the_cache_is_filled_and_the_user_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def acquire(lock: FileLock, timeout: float | None = None) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    cache = VectorCache({"model": "m"}, 3)
    row = np.array([1, 2, 3], np.float32)
    with cache.lock():
        cache.add(["photo"], {"photo": row}, {})
    cache.load({"photo"})
    assert np.array_equal(cache.vectors["photo"], row)
    assert "cannot be locked" in capsys.readouterr().err


def test_an_error_in_the_block_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def acquire(lock: FileLock, timeout: float | None = None) -> None:
        raise OSError("no locks")

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with pytest.raises(ValueError, match="of the block") as raised, VectorCache({"model": "m"}, 3).lock():
        raise ValueError("of the block")
    assert raised.value.__context__ is None
