"""``kill -9`` at different moments, then the same run again; two runs at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.child import child_environment

RUN = """
import sys
from pathlib import Path
from tests.helpers.fake_encoder import FakeEncoder
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
root, out, die_after, workers = sys.argv[1:]
encoder = FakeEncoder(die_after=int(die_after) if die_after else None)
done = embed(load_dataset("folder:" + root), encoder, out=Path(out), batch_size=4, checkpoint=8,
             workers=int(workers), max_excluded=0.2, quiet=True, shard_rows=10)
print(done.encoded, done.reused)
"""


def start(root: Path, out: Path, cache: Path, die_after: str = "", workers: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(root), str(out), die_after, str(workers)],
        env=child_environment(FACEPROBE_CACHE=str(cache), OMP_NUM_THREADS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, int]:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    encoded, reused = output.split()
    return int(encoded), int(reused)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture
def root(make_people: Callable[..., Path]) -> Path:
    root = make_people(6, 6)
    (root / "person01" / "text.jpg").write_text("no photo")
    (root / "person03" / "other.jpg").write_text("no photo either")
    return root


@pytest.mark.parametrize(("die_after", "workers"), [(0, 0), (3, 0), (5, 2)])
def test_a_killed_run_ends_with_the_same_bits(
    root: Path, tmp_path: Path, die_after: int, workers: int
) -> None:
    undisturbed = start(root, tmp_path / "a", tmp_path / "cache-a")
    killed = start(root, tmp_path / "b", tmp_path / "cache-b", str(die_after), workers)
    assert finish(undisturbed) == (36, 0)
    killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    shards = {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.glob("cache-b/*/*/*.npz")
    }
    assert len(shards) == die_after // 2  # two batches of four in a checkpoint of eight
    encoded, reused = finish(start(root, tmp_path / "b", tmp_path / "cache-b", workers=workers))
    assert encoded + reused == 36 and encoded <= 36 - 8 * len(shards) + 1
    for path, (mtime, data) in shards.items():
        assert (path.stat().st_mtime_ns, path.read_bytes()) == (mtime, data)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "cache-a") == contents(tmp_path / "cache-b")


def test_killed_while_the_store_is_written(root: Path, tmp_path: Path) -> None:
    """Any part of the store may be there or missing: the next run completes it and keeps what is right."""
    finish(start(root, tmp_path / "a", tmp_path / "cache"))
    finish(start(root, tmp_path / "b", tmp_path / "cache"))
    whole = contents(tmp_path / "a")
    (tmp_path / "b" / "manifest.json").write_text(
        (tmp_path / "a" / "manifest.json").read_text().replace('"complete": true', '"complete": false')
    )
    (tmp_path / "b" / "img_emb" / "img_emb_0001.npy").unlink()
    (tmp_path / "b" / "metadata" / "metadata_0002.parquet").write_bytes(b"half")
    kept = tmp_path / "b" / "img_emb" / "img_emb_0000.npy"
    before = kept.stat().st_mtime_ns
    assert finish(start(root, tmp_path / "b", tmp_path / "cache")) == (0, 36)
    assert contents(tmp_path / "b") == whole and kept.stat().st_mtime_ns == before


def test_two_runs_at_once_share_the_work(root: Path, tmp_path: Path) -> None:
    runs = [start(root, tmp_path / name, tmp_path / "cache") for name in "ab"]
    done = [finish(run) for run in runs]
    assert sorted(encoded for encoded, _ in done) == [0, 36]
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    for path in tmp_path.glob("cache/*/*/*.npz"):
        with np.load(path, allow_pickle=False) as shard:
            assert len(shard["keys"]) == len(shard["vectors"])


def test_workers_end_with_their_parent(root: Path, tmp_path: Path) -> None:
    """Killed while its workers run, the parent leaves none behind: their pipes are all closed."""
    killed = start(root, tmp_path / "b", tmp_path / "cache", "2", workers=2)
    # The workers inherit standard error: it reaches its end only when the last of them has gone.
    _, errors = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert "Traceback" not in errors
