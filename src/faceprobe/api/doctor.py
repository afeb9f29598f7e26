"""What ``faceprobe doctor`` looks at: installation, devices, caches, bundled models, or one model."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from faceprobe.core.errors import FaceprobeError
from faceprobe.core.extras import install
from faceprobe.core.files import cache_dir
from faceprobe.core.machine import ENCODE, LIGHT, describe_machine, installed_version
from faceprobe.core.words import counted

if TYPE_CHECKING:
    from faceprobe.api.load import ModelLike
    from faceprobe.models.golden import GoldenCheck

Status = Literal["ok", "note", "broken"]

OLDEST_PYTHON = (3, 11)

REINSTALL = "in your clone of faceprobe: pip install --force-reinstall ."
ADD_ENCODE = f"in your clone of faceprobe: {install('encode')}"


@dataclass(frozen=True)
class Check:
    """``status`` "broken" means that something essential does not work, "note" that an optional part
    is absent; ``fix`` then says what to do.
    """

    area: str
    name: str
    status: Status
    detail: str
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def check_model(
    model: ModelLike, golden: str | Path, *, device: str = "auto", offline: bool = False
) -> GoldenCheck:
    """Compare ``model`` with the golden vectors of the folder ``golden``: whether it is loaded rightly.

    The forms of the folder are those of :mod:`faceprobe.api.golden_folder`. The answer holds the cosine of
    every photo and text, the limit, whether all pass, and the likely cause where one does not. Raises what
    :func:`faceprobe.load_model` raises, :class:`Missing` and :class:`BadInput` for the folder.
    """
    from faceprobe.api.golden_folder import read_golden
    from faceprobe.api.load import load_model
    from faceprobe.models.golden import compare

    read = read_golden(golden)
    return compare(load_model(model, device=device, offline=offline), read)


def examine() -> list[Check]:
    """Every check, in the order to read them. A check that fails in a new way is itself "broken"."""
    areas: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("system", check_system),
        ("package", lambda: check_packages("package", LIGHT, essential=True)),
        ("extra encode", lambda: check_packages("extra encode", ENCODE, essential=False)),
        ("device", check_devices),
        ("cache", check_cache),
        ("detector", check_detector),
        ("bundled models", check_bundled),
    )
    found: list[Check] = []
    for area, check in areas:
        try:
            found.extend(check())
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            found.append(Check(area, "check", "broken", detail, "report this with the output of --json"))
    return found


def check_system() -> Iterator[Check]:
    """Python's version and the machine."""
    machine = describe_machine()
    if sys.version_info < OLDEST_PYTHON:
        yield Check("system", "python", "broken", machine["python"], "use Python 3.11 or newer")
    else:
        yield Check("system", "python", "ok", machine["python"])
    yield Check("system", "platform", "ok", machine["system"])
    memory = "" if machine["memory_gib"] is None else f", {machine['memory_gib']} GiB"
    yield Check("system", "cpu", "ok", f"{machine['cpu']}, {machine['cores']} cores{memory}")


def check_packages(area: str, names: tuple[str, ...], *, essential: bool) -> Iterator[Check]:
    """Installed version of each distribution; an absent essential one is broken."""
    for name in names:
        installed = installed_version(name)
        if installed:
            yield Check(area, name, "ok", installed)
        else:
            status: Status = "broken" if essential else "note"
            yield Check(area, name, status, "absent", REINSTALL if essential else ADD_ENCODE)


def check_devices() -> Iterator[Check]:
    """The devices that torch can use."""
    if find_spec("torch") is None:
        yield Check("device", "torch", "note", "absent: no encoder runs", ADD_ENCODE)
        return
    try:
        importlib.import_module("torch")
    except (ImportError, OSError) as error:
        yield Check("device", "torch", "broken", f"does not load: {error}", "install torch again")
        return
    found = describe_machine()["accelerators"]
    yield Check("device", "cpu", "ok", "used by --device auto" if not found else "there")
    for name in found:
        yield Check("device", name, "ok", "used by --device auto")


def check_cache() -> Iterator[Check]:
    """Where the caches lie, how much is in them, and whether they can be written."""
    root = cache_dir()
    place = next(p for p in (root, *root.parents) if p.exists())
    if not _writable(place):
        yield Check(
            "cache", "place", "broken", f"{root} cannot be written", "set FACEPROBE_CACHE to a folder"
        )
        return
    yield Check("cache", "place", "ok", str(root))
    for part in sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []:
        files = [f.stat().st_size for f in part.rglob("*") if f.is_file()]
        yield Check("cache", part.name, "ok", f"{sum(files) / 1e6:,.1f} MB in {counted(len(files), 'file')}")


def _writable(place: Path) -> bool:
    """Whether a file can be made there: the permission bits alone do not tell (read-only mounts, /proc)."""
    try:
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def check_detector() -> Iterator[Check]:
    """YuNet weights that are on this machine; nothing is fetched."""
    from faceprobe.faces.weights import FILE, find_detector, url

    given = os.environ.get("FACEPROBE_DETECTOR")
    cached = cache_dir("detectors", FILE)
    fix = f"give --detector PATH, or put {url()} at {cached}; else it is fetched when first needed"
    if not given and not cached.is_file():
        yield Check("detector", "weights", "note", "not on this machine", fix)
        return
    try:
        detector = find_detector(None)
    except FaceprobeError as error:
        yield Check("detector", "weights", "broken", str(error), fix)
        return
    yield Check("detector", "weights", "ok", f"{detector.path} runs")


def check_bundled() -> Iterator[Check]:
    """The bundled models' files against the values recorded when they were trained, where torch is."""
    area = "bundled models"
    folder = Path(__file__).parent.parent / "models" / "bundled"
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        yield Check(area, "weights", "note", "none in this installation", REINSTALL)
        return
    size = sum(path.stat().st_size for path in weights) / 1e6
    yield Check(area, "weights", "ok", f"{counted(len(weights), 'file')}, {size:.1f} MB")
    if find_spec("torch") is None:
        yield Check(area, "golden vectors", "note", "not compared: no torch", ADD_ENCODE)
        return
    from faceprobe.models.bundled.golden import check

    for name, complaint in check().items():
        fix = REINSTALL if complaint else ""
        yield Check(area, name, "broken" if complaint else "ok", complaint or "as recorded", fix)
