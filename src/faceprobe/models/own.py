"""A user's own encoder: any torch module or callable with a preprocess, named ``own:ID`` in this process."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import BadInput, UnknownName, WrongUsage
from faceprobe.core.files import sha256_json
from faceprobe.core.names import MARKS, Name, escape, unescape
from faceprobe.data.embeddings import unit_rows
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, model_hash, refuse_pooling
from faceprobe.models.own_preprocess import preprocess_of, probe_photos, to_array
from faceprobe.models.preprocess import PhotoPreprocess, Preprocess
from faceprobe.models.torch_encoder import TorchEncoder, count_params, hash_tensors, pick_device

if TYPE_CHECKING:
    import torch
    from torch import Tensor

REQUIRED = ("id", "dim", "n_params", "preprocess", "differentiable", "card", "weights_hash", "encode_images")
"""Attributes of an :class:`ImageEncoder`."""

_registered: dict[str, ImageEncoder] = {}


def encoder(
    module: Any,
    preprocess: Any,
    *,
    id: str,
    dim: int | None = None,
    real: bool = False,
    differentiable: bool | None = None,
    device: str = "auto",
    default_crop: str = "as-is",
) -> ImageEncoder:
    """Make an :class:`ImageEncoder` of ``module`` and register it as ``own:ID`` for this process.

    ``module`` is a ``torch.nn.Module``, a method of one (``model.encode_image``), or any callable. It takes
    (B, 3, H, W) float32 and gives (B, D) features, a tensor or an array; rows are scaled to length 1 here.
    A torch module is copied, and the copy put on ``device`` in float32 and evaluation mode: training it
    further does not change the encoder. A plain callable gets torch tensors where torch is installed (on the
    CPU unless ``device`` says otherwise), numpy arrays where it fails on a tensor.

    ``preprocess`` is a :class:`Preprocess`, a dict of its fields, the ``Compose`` of a torchvision, OpenCLIP
    or timm model, or any function from a PIL image to (3, H, W) floats. ``id`` is the name in results.
    ``dim`` is checked where it is given. ``real`` says that the weights are published and were trained on
    real photos. ``default_crop`` is the crop that the encoder is meant for; with "aligned-112" it counts as a
    model made for faces.

    A torch module whose preprocess is declared, not a free function, is ``differentiable``: it can be the
    surrogate of a cloak. The weights hash covers tensors, class name and the output for two fixed photos.
    That output may differ in its last bits on another device; vectors are then computed again there.

    Raises :class:`BadInput` for an ``id``, a module or a preprocess that cannot be used, and for output that
    is not (B, D) or holds NaN; :class:`WrongUsage` where ``differentiable`` is true and cannot be had.
    """
    if not isinstance(id, str) or not id.strip() or any(mark in id for mark in MARKS):
        raise BadInput(f"an encoder's id is a text without any of {MARKS}, such as 'mine', not {id!r}")
    if not callable(module):
        raise BadInput(f"{id}: the module is a {type(module).__name__}; give a torch module or a callable")
    prepared = preprocess_of(preprocess, id)
    owner, method = _torch_module(module)
    may_differentiate = owner is not None and isinstance(prepared, Preprocess)
    if differentiable and not may_differentiate:
        raise WrongUsage(
            f"{id} cannot be differentiable: give a torch module, and as preprocess a faceprobe.Preprocess, a"
            " dict of its fields or a Compose of Resize, CenterCrop, ToTensor and Normalize"
        )
    kind = type(module if owner is None else owner)
    card = ModelCard(
        id=id,
        family=f"own: {getattr(module, '__name__', 'callable') if owner is None else kind.__name__}",
        image_size=prepared.size[0],
        real=real,
        own=True,
        role="specialist" if default_crop == "aligned-112" else "encoder",
        default_crop=default_crop,
        notes="an encoder of the user's own, given as an object",
    )
    made: ImageEncoder
    if owner is None:
        made = OwnEncoder(_plain_features(module, prepared, id, device), card, prepared)
    else:
        copied, features = _copied(owner, method, id)
        code = f"{kind.__module__}.{kind.__qualname__}.{method or 'forward'}"
        if isinstance(prepared, Preprocess):
            made = OwnTorchEncoder(copied, features, card=card, preprocess=prepared, code=code, device=device)
            made.differentiable = differentiable is not False
        else:
            made = OwnEncoder(_torch_features(copied, features, id, device), card, prepared)
            made.describe_module(copied, code)
    if dim is not None and made.dim != dim:
        raise BadInput(f"{id}: the module gives {made.dim} values for a photo; dim={dim} was expected")
    register_encoder(made)
    return made


def register_encoder(encoder: ImageEncoder) -> str:
    """Register ``encoder`` for this process and return the name that loads it: ``own:`` and its id.

    Any object with the attributes of :class:`ImageEncoder` can be registered. Characters of its id that the
    grammar of names uses are written as in a URL (``bundled%3Aface``). A later registration of the same id
    replaces the earlier one. Raises :class:`BadInput` where an attribute is missing.
    """
    lacking = [name for name in REQUIRED if not hasattr(encoder, name)]
    if lacking:
        raise BadInput(
            f"a {type(encoder).__name__} is no image encoder: it lacks {', '.join(lacking)}; wrap it with"
            " faceprobe.encoder(module, preprocess, id=...)"
        )
    if not isinstance(encoder.id, str) or not encoder.id.strip():
        raise BadInput(f"an encoder's id is a text, such as 'mine', not {encoder.id!r}")
    _registered[encoder.id] = encoder
    return f"own:{escape(encoder.id)}"


class OwnEncoder:
    """An own encoder without gradients. ``features`` maps (B, 3, H, W) float32 to (B, D) float rows.

    The weights hash of a plain callable covers the encoder's id and the output for two fixed photos. It is
    computed whenever it is asked for, since what a callable does may change.
    """

    differentiable = False
    n_params = 0

    def __init__(
        self,
        features: Callable[[NDArray[np.float32]], NDArray[Any]],
        card: ModelCard,
        preprocess: PhotoPreprocess,
    ) -> None:
        self.features, self.id, self.preprocess = features, card.id, preprocess
        self._module_hash = ""
        self.dim = int(self.encode_images(_probe(preprocess)).shape[1])
        self.card = ModelCard(**{**card.to_dict(), "dim": self.dim})

    def describe_module(self, module: torch.nn.Module, code: str) -> None:
        """Take the number of parameters and the weights hash from ``module``, which ``features`` calls."""
        self.n_params = count_params(module)
        self.card = ModelCard(**{**self.card.to_dict(), "n_params": self.n_params})
        self._module_hash = sha256_json({"weights": _hash_state(module), "code": code})

    @property
    def weights_hash(self) -> str:
        """Hex SHA-256; see the class."""
        output = self.encode_images(_probe(self.preprocess))
        return sha256_json({"own": self.id, "module": self._module_hash, "output": _hash_rows(output)})

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32, preprocessed -> (B, D) float32 unit rows."""
        if not len(batch):
            return np.zeros((0, self.dim), dtype=np.float32)
        rows = self.features(np.ascontiguousarray(batch, dtype=np.float32))
        return unit_rows(rows, f"the output of {self.id}")


class OwnTorchEncoder(TorchEncoder):
    """An own encoder of a torch module and a declared preprocess: gradients pass through it."""

    def __init__(
        self,
        module: torch.nn.Module,
        features: Callable[[Tensor], Any],
        *,
        card: ModelCard,
        preprocess: Preprocess,
        code: str,
        device: str,
    ) -> None:
        def checked(photos: Tensor) -> Tensor:
            rows: Tensor = _run(features, photos, card.id)
            _check_shape(rows, len(photos), card.id)
            return rows

        super().__init__(
            module,
            checked,
            card=card,
            preprocess=preprocess,
            dim=0,
            n_params=count_params(module),
            options={},
            device=device,
        )
        output = self.encode_images(_probe(preprocess))
        self.dim = int(output.shape[1])
        self.card = ModelCard(**{**self.card.to_dict(), "dim": self.dim})
        self.options = {"code": code, "output": _hash_rows(output), "state": _hash_state(self.module)}

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32, preprocessed -> (B, D) float32 unit rows."""
        rows = super().encode_images(batch)
        return unit_rows(rows, f"the output of {self.id}") if len(rows) else rows


class Own(ModelFamily):
    usage = "own:ID"
    about = "an encoder object of this Python process"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        """The registered object; the device was chosen when it was made."""
        name.check_options(set())
        refuse_pooling(name, "it is used as it was given")
        id = unescape(name.body)
        if id not in _registered:
            known = [encoder_name.removeprefix("own:") for encoder_name in self.known()]
            hint = "(own encoders are made in this process: faceprobe.encoder(module, preprocess, id=...))"
            raise UnknownName("own encoder", name.body, known, hint)
        return _registered[id]

    def card(self, name: Name) -> ModelCard:
        return self.load(name, device="auto", offline=True).card

    def known(self) -> list[str]:
        return [register_encoder(encoder) for encoder in list(_registered.values())]

    def local_hash(self, name: Name) -> str:
        """Hash of the registered object's weights and preprocessing."""
        return model_hash(self.load(name, device="auto", offline=True))


def _torch_module(module: Any) -> tuple[torch.nn.Module | None, str]:
    """The torch module that is called, and the name of the method where ``module`` is one of its methods."""
    if not find_spec("torch"):
        return None, ""
    import torch

    if isinstance(module, torch.nn.Module):
        return module, ""
    owner = getattr(module, "__self__", None)
    return (owner, module.__name__) if isinstance(owner, torch.nn.Module) else (None, "")


def _copied(module: torch.nn.Module, method: str, id: str) -> tuple[torch.nn.Module, Callable[[Tensor], Any]]:
    """A copy of ``module``, so that neither side changes the other, and what computes features with it."""
    try:
        copied = copy.deepcopy(module)
    except Exception as error:
        raise BadInput(
            f"{id}: the module cannot be copied ({error}); give a function that calls it, lambda x: module(x)"
        ) from error
    return copied, getattr(copied, method) if method else copied


def _torch_features(
    module: torch.nn.Module, features: Callable[[Tensor], Any], id: str, device: str
) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """``features`` of arrays, computed by ``module`` on ``device`` without gradients."""
    place = pick_device(device)
    module.eval().requires_grad_(False).float().to(place)

    def run(batch: NDArray[np.float32]) -> NDArray[Any]:
        import torch

        with torch.inference_mode():
            return _rows(_run(features, torch.from_numpy(batch).to(place), id), len(batch), id)

    return run


def _plain_features(
    function: Callable[[Any], Any], preprocess: PhotoPreprocess, id: str, device: str
) -> Callable[[NDArray[np.float32]], NDArray[Any]]:
    """``function`` of arrays: called with tensors where torch is installed and it takes them, else arrays."""

    def with_arrays(batch: NDArray[np.float32]) -> NDArray[Any]:
        return _rows(_run(function, batch, id), len(batch), id)

    if not find_spec("torch"):
        return with_arrays
    import torch

    place = pick_device("cpu" if device == "auto" else device)

    def with_tensors(batch: NDArray[np.float32]) -> NDArray[Any]:
        with torch.inference_mode():
            return _rows(_run(function, torch.from_numpy(batch).to(place), id), len(batch), id)

    probe = _probe(preprocess)
    try:
        with torch.inference_mode():
            function(torch.from_numpy(probe).to(place))
    except Exception:
        try:
            function(probe)
        except Exception:
            return with_tensors  # fails at the first call, with the error that tensors give
        return with_arrays
    return with_tensors


def _run(function: Callable[[Any], Any], batch: Any, id: str) -> Any:
    """``function(batch)``; an error of its own becomes one line that says what it was called with."""
    try:
        return function(batch)
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        raise BadInput(
            f"{id}: the module failed on photos {tuple(batch.shape)} float32: {type(error).__name__}: {first}"
        ) from error


def _rows(answer: Any, count: int, id: str) -> NDArray[Any]:
    """The module's ``answer`` for ``count`` photos as (count, D) floats."""
    rows = to_array(answer)
    _check_shape(answer if rows is None else rows, count, id)
    assert rows is not None
    return rows if np.issubdtype(rows.dtype, np.floating) else rows.astype(np.float64)


def _check_shape(answer: Any, count: int, id: str) -> None:
    """Raise :class:`BadInput` where ``answer`` is not (count, D)."""
    shape = getattr(answer, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != count or 0 in shape:
        found = f"a {type(answer).__name__}" if shape is None else str(tuple(shape))
        raise BadInput(f"{id}: the module gave {found} for {count} photos; ({count}, D) was expected")


def _probe(preprocess: PhotoPreprocess) -> NDArray[np.float32]:
    """The two fixed photos as the encoder's input (2, 3, H, W)."""
    return preprocess.normalise(np.stack([preprocess.prepare(photo) for photo in probe_photos()]))


def _hash_state(module: torch.nn.Module) -> str:
    import torch

    return hash_tensors({k: v for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)})


def _hash_rows(rows: NDArray[np.float32]) -> str:
    return hashlib.sha256(rows.tobytes()).hexdigest()


FAMILY = Own()
