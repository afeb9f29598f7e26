"""Fetch LFW into the cache: the official archive, checked against published checksums."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.extras import require
from faceprobe.core.files import cache_dir
from faceprobe.core.progress import say

Mirror = tuple[str, str]

ARCHIVE: tuple[Mirror, ...] = (
    ("https://ndownloader.figshare.com/files/5976018", "md5:a17d05bd522c52d84eca14327a23d494"),
    ("http://vis-www.cs.umass.edu/lfw/lfw.tgz", "md5:a17d05bd522c52d84eca14327a23d494"),
)
"""Addresses in the order they are tried, each with the official checksum. The host of the authors,
vis-www.cs.umass.edu, is often down; scikit-learn fetches the copy on figshare too."""

PAIRS: tuple[Mirror, ...] = (
    ("https://ndownloader.figshare.com/files/5976006", "md5:9f1ba174e4e1c508ff7cdf10ac338a7d"),
    ("http://vis-www.cs.umass.edu/lfw/pairs.txt", "md5:9f1ba174e4e1c508ff7cdf10ac338a7d"),
)


def fetch_lfw() -> Path:
    """The folder of people in the cache; the first call downloads about 180 MB.

    Raises :class:`Unreachable` where no address answers; the message says which file to put where by hand.
    """
    home = cache_dir("datasets", "lfw")
    people = home / "lfw"
    if not (home / "pairs.txt").is_file():
        _download(PAIRS, home, "pairs.txt")
    if not people.is_dir():
        _unpack(_download(ARCHIVE, home, "lfw.tgz"), people)
    return people


def _download(mirrors: Sequence[Mirror], home: Path, file: str) -> Path:
    fix = f"put {file} into {home}, or give the folder of an LFW that is on disk: lfw:PATH"
    try:
        pooch = require("pooch", "encode", "downloading LFW")
    except Missing as error:
        raise Missing(f"{error}; or {fix}") from error
    pooch.get_logger().setLevel("ERROR")
    reasons = []
    for url, checksum in mirrors:
        say(f"fetching {file} from {url}")
        try:
            return Path(pooch.retrieve(url, known_hash=checksum, fname=file, path=home))
        except Exception as error:  # pooch lets every error of requests and of the hash check through
            reason = "wrong checksum" if isinstance(error, ValueError) else type(error).__name__
            reasons.append(f"{url}: {reason}")
    raise Unreachable(f"cannot fetch LFW's {file} ({'; '.join(reasons)}); {fix}")


def _unpack(archive: Path, people: Path) -> None:
    """Unpack into a temporary folder, then rename it, so that an incomplete LFW is never read."""
    scratch = people.with_name(f".unpacking.{os.getpid()}")
    say(f"unpacking {archive}")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")
        os.replace(scratch / "lfw", people)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise BadInput(f"{archive} could not be unpacked ({error}); delete it and try again") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
