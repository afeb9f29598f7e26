"""Surrogates: the encoders that a cloak differentiates through, from any source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from faceprobe.core.errors import WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_json
from faceprobe.models import load_model, parse_model
from faceprobe.models.base import ImageEncoder, model_hash
from faceprobe.models.torch_encoder import TorchEncoder

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT = "bundled:face"
"""The surrogate of a cloak whose name gives none."""


@dataclass(frozen=True)
class Surrogate:
    """A differentiable encoder.

    ``text`` is the name that loads it. ``encoder.card.default_crop`` is the crop that it is measured with:
    ``as-is`` for CLIP models, ``aligned-112`` for face recognisers. ``shared`` marks an encoder of the user's
    own, which is not loaded for the cloak alone.
    """

    text: str
    encoder: TorchEncoder
    shared: bool = False

    @property
    def id(self) -> str:
        return self.encoder.id

    @cached_property
    def fingerprint(self) -> str:
        return model_hash(self.encoder)

    @property
    def size(self) -> tuple[int, int]:
        return self.encoder.preprocess.size

    def features(self, faces: Tensor) -> Tensor:
        """(B, 3, h, w) RGB in [0, 1] of any size, resized to the encoder's input -> (B, D) unit rows."""
        return self.encoder.embed_tensor(self.resized(faces))

    def resized(self, faces: Tensor) -> Tensor:
        """``faces`` at the encoder's input size, bilinear, with antialiasing where that shrinks them."""
        from torch.nn.functional import interpolate

        if tuple(faces.shape[2:]) == self.size:
            return faces
        shrinks = faces.shape[2] > self.size[0] or faces.shape[3] > self.size[1]
        return interpolate(faces, self.size, mode="bilinear", align_corners=False, antialias=shrinks)


def load_surrogates(
    texts: Sequence[str], *, device: str = "auto", offline: bool = False
) -> tuple[Surrogate, ...]:
    """Load each surrogate; an ONNX recogniser is converted to torch.

    Raises :class:`WrongUsage` for a model without gradients, and what :func:`faceprobe.load_model` raises.
    """
    return tuple(_load(text, device, offline) for text in texts)


def surrogate_hash(surrogates: Sequence[Surrogate]) -> str:
    """Hex SHA-256 over the weights and settings of ``surrogates``: a part of a cloak's fingerprint."""
    return sha256_json([s.fingerprint for s in surrogates])


def _load(text: str, device: str, offline: bool) -> Surrogate:
    kind = parse_model(text).kind
    if kind == "onnx":
        from faceprobe.cloaks.attacks.onnx_surrogate import load_onnx

        return Surrogate(text, load_onnx(text, device))
    encoder: ImageEncoder = load_model(text, device=device, offline=offline)
    if not encoder.differentiable or not isinstance(encoder, TorchEncoder):
        raise WrongUsage(
            f"{encoder.id} has no gradients, so a cloak cannot use it as a surrogate; give a torch model, an"
            f" ONNX recogniser or a bundled model such as {DEFAULT}"
        )
    return Surrogate(text, encoder, shared=kind == "own")


def check_torch(what: str) -> Any:
    """The module torch; :class:`Missing` with the extra to install for ``what`` where it is not there."""
    return require("torch", "encode", what)
