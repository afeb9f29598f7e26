"""Models, datasets and cloaks, given by name or as objects.

Inside faceprobe everything is called by its name. An object that a caller hands in (a torch module wrapped
by :func:`faceprobe.encoder`, a DataFrame of photos, ...) is registered for this process under ``own:NAME``,
and so works wherever a name does: in studies, as a cloak's surrogate, with every protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceprobe.core.errors import BadInput, WrongUsage

if TYPE_CHECKING:
    from faceprobe.cloaks.base import Cloak, Subject
    from faceprobe.data.face_table import FaceTable
    from faceprobe.models.base import ImageEncoder

ModelLike = Any
"""A model's name, the path of a model's file or of a folder of vectors, or an encoder object."""

DatasetLike = Any
"""A dataset's name, a folder, a FaceTable, a DataFrame or Arrow table, or pairs of (photo, identity)."""


def load_model(model: ModelLike, *, device: str = "auto", offline: bool = False) -> ImageEncoder:
    """The encoder that ``model`` names, e.g. ``"ViT-B-32/openai"`` or ``"onnx:face.onnx?size=112"``.

    An encoder object is returned as it is. ``device`` is "auto", "cpu", "cuda", "cuda:1" or "mps". Raises
    :class:`UnknownName` with the nearest names, :class:`Unreachable` where weights would have to be fetched
    and cannot be (or ``offline`` forbids it), :class:`Refused` for files that hold code.
    """
    from faceprobe.models import load_model as load_named

    return load_named(model_name(model), device=device, offline=offline)


def load_dataset(dataset: DatasetLike, *, name: str = "") -> FaceTable:
    """The dataset that ``dataset`` names, e.g. ``"lfw:PATH?pairs=FILE"``, ``"synthetic"`` or a path.

    A folder holds ``<identity>/<photo>``, a file of labels (CSV, TSV, parquet, JSONL) names each photo's path
    and identity. A DataFrame or Arrow table needs the columns ``path`` and
    ``identity``. An iterable gives pairs of (photo, identity), a photo being a path, a PIL image or an
    (H, W, 3) uint8 array. ``name`` is what results call such a dataset.
    """
    from faceprobe.datasets import load_dataset as load_named

    return load_named(dataset_name(dataset, name=name))


def load_cloak(
    cloak: str | Cloak,
    *,
    surrogate: ModelLike | Sequence[ModelLike] | None = None,
    device: str = "auto",
    offline: bool = False,
    targets: Sequence[Subject] = (),
) -> Cloak:
    """A cloak that is ready to run, e.g. ``load_cloak("pgd", surrogate="bundled:face")``.

    ``surrogate`` is one model, or several, that the cloak computes gradients through. ``targets`` are photos
    of other people, for cloaks that steer towards somebody else.
    """
    from faceprobe.cloaks import load_cloak as load_named

    if not isinstance(cloak, str):
        return cloak
    return load_named(cloak_name(cloak, surrogate), device=device, offline=offline, targets=targets)


def model_name(model: ModelLike) -> str:
    """The name that loads ``model``; an object is registered as ``own:NAME`` first."""
    if isinstance(model, str):
        return model
    if isinstance(model, Path):
        return _name_of_file(model)
    from faceprobe.models.own import register_encoder

    if not hasattr(model, "encode_images"):
        raise WrongUsage(
            f"a {type(model).__name__} is no encoder; give a model's name, or wrap a module with"
            " faceprobe.encoder(module, preprocess, id=...)"
        )
    return register_encoder(model)


def dataset_name(dataset: DatasetLike, *, name: str = "", labelled: bool = True) -> str:
    """The name that loads ``dataset``; an object is registered as ``own:NAME`` first.

    ``labelled`` False accepts a folder of photos that lie in no subfolders, for embedding alone.
    """
    from faceprobe.data.face_table import FaceTable
    from faceprobe.datasets import DATASETS
    from faceprobe.datasets.own import own_dataset, register_table
    from faceprobe.datasets.registry import name_of_path

    if isinstance(dataset, FaceTable):
        return register_table(dataset)
    if not isinstance(dataset, str | Path):
        if not isinstance(dataset, Iterable) and not hasattr(dataset, "columns"):
            raise BadInput(
                f"a {type(dataset).__name__} is no dataset; give a name, a folder, a table with the columns"
                " path and identity, or pairs of (photo, identity)"
            )
        return register_table(own_dataset(dataset, name=name or None))
    text = str(dataset)
    kind = text.partition("?")[0].partition(":")[0]
    if isinstance(dataset, str) and (kind in DATASETS or not text.strip()):
        return text
    path = Path(text).expanduser()
    stem, query = (text, "") if path.exists() else text.partition("?")[::2]
    options = f"?{query}" if query else ""
    if labelled or not Path(stem).expanduser().is_dir():
        found = name_of_path(str(Path(stem).expanduser()))
        if found:
            return found + options
    is_path = isinstance(dataset, Path) or path.exists() or "/" in kind or kind.startswith((".", "~"))
    if not is_path:
        return text
    if labelled:
        return f"folder:{path}"
    from faceprobe.datasets.folder import load_photos

    return register_table(load_photos(path))


def cloak_name(cloak: str, surrogate: ModelLike | Sequence[ModelLike] | None = None) -> str:
    """``cloak`` with its surrogate in brackets, as in ``pgd[bundled:face]``."""
    if surrogate is None:
        return cloak
    from faceprobe.cloaks import with_surrogate

    several = surrogate if isinstance(surrogate, list | tuple) else [surrogate]
    return with_surrogate(cloak, *map(model_name, several))


def protocol_names(protocols: str | Iterable[str] | None) -> list[str] | None:
    """The protocols asked for; None for the usual ones, which are also spelled "all"."""
    names = [protocols] if isinstance(protocols, str) else list(protocols or ())
    return None if names in ([], ["all"]) else names


def _name_of_file(path: Path) -> str:
    if path.suffix == ".onnx":
        return f"onnx:{path}"
    if path.is_dir() and ((path / "img_emb").is_dir() or (path / "embeddings.npy").is_file()):
        return f"vectors:{path}"
    return f"local:{path}"
