"""Encoders that are torch modules: numpy in and out for measuring, tensors with gradients for cloaks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.errors import WrongUsage
from faceprobe.core.extras import require
from faceprobe.core.files import sha256_json
from faceprobe.models.base import ModelCard
from faceprobe.models.preprocess import Preprocess

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TEXT_BATCH = 256


class TorchEncoder:
    """A torch module and the function that turns its input into features.

    ``features`` maps a normalised (B, 3, H, W) tensor to (B, D) features that need not be unit rows.
    ``options`` is what, besides the weights, decides the output (pooling, activation, ...); it goes
    into ``weights_hash``. The module is put on ``device`` ("auto", "cpu", "cuda", "cuda:1", "mps"),
    in float32 and evaluation mode, and its weights are frozen.
    """

    differentiable = True

    def __init__(
        self,
        module: torch.nn.Module,
        features: Callable[[Tensor], Tensor],
        *,
        card: ModelCard,
        preprocess: Preprocess,
        dim: int,
        n_params: int,
        options: Mapping[str, Any],
        device: str = "auto",
    ) -> None:
        self.device = pick_device(device)
        self.module = module.eval().requires_grad_(False).float().to(self.device)
        self.features = features
        self.id = card.id
        self.dim, self.n_params = dim, n_params
        self.card = replace(card, dim=dim, n_params=n_params)
        self.preprocess = preprocess
        self.options = dict(options)

    @cached_property
    def weights_hash(self) -> str:
        """Hex SHA-256 of every tensor and of ``options``; the form of the file does not matter."""
        weights = hash_tensors(self.module.state_dict())
        return sha256_json({"weights": weights, "options": self.options})

    def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32, preprocessed -> (B, D) float32 unit rows."""
        import torch

        if not len(batch):
            return np.zeros((0, self.dim), dtype=np.float32)
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(batch, dtype=np.float32)).to(self.device)
            return _to_numpy(self._unit_features(x))

    def embed_tensor(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] at the encoder's input size -> (B, D) unit features, with gradients."""
        import torch

        p = self.preprocess
        if tuple(photos.shape[1:]) != (3, *p.size):
            raise WrongUsage(f"{self.id} takes (B, 3, {p.size[0]}, {p.size[1]}), not {tuple(photos.shape)}")
        x = photos.to(self.device, torch.float32)
        if p.color == "bgr":
            x = x.flip(1)
        mean = torch.tensor(p.mean, device=x.device).view(1, 3, 1, 1)
        std = torch.tensor(p.std, device=x.device).view(1, 3, 1, 1)
        return self._unit_features((x - mean) / std)

    def _unit_features(self, x: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        summed = self.features(x).float()
        if self.preprocess.flip == "sum":
            summed = summed + self.features(x.flip(-1)).float()
        return normalize(summed, dim=-1)


class TextTorchEncoder(TorchEncoder):
    """A :class:`TorchEncoder` with a text tower in the same space.

    ``tokenizer`` is called once, when the first text comes, and returns the function from a list of
    strings to a (T, L) tensor of tokens: some tokenizers have to be fetched, and photos need none.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        features: Callable[[Tensor], Tensor],
        *,
        text_features: Callable[[Tensor], Tensor],
        tokenizer: Callable[[], Callable[[list[str]], Tensor]],
        **rest: Any,
    ) -> None:
        super().__init__(module, features, **rest)
        self.text_features = text_features
        self._make_tokenizer = tokenizer

    @cached_property
    def tokenize(self) -> Callable[[list[str]], Tensor]:
        return self._make_tokenizer()

    def encode_texts(self, texts: list[str]) -> NDArray[np.float32]:
        """T strings -> (T, D) float32 unit rows."""
        import torch
        from torch.nn.functional import normalize

        parts = [np.zeros((0, self.dim), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(texts), TEXT_BATCH):
                tokens = self.tokenize(texts[start : start + TEXT_BATCH]).to(self.device)
                parts.append(_to_numpy(normalize(self.text_features(tokens).float(), dim=-1)))
        return np.concatenate(parts)


def pick_device(device: str) -> torch.device:
    """The device that ``device`` names; "auto" is CUDA, else Apple's MPS, else the CPU."""
    require("torch", "encode", "an image encoder")
    import torch

    mps = torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not number.isdigit()):
        raise WrongUsage(f"unknown device {device!r}; write auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise WrongUsage(f"there is no device {device!r} here (CUDA devices: {torch.cuda.device_count()})")
    if kind == "mps" and not mps:
        raise WrongUsage("there is no device 'mps' here; write auto or cpu")
    return torch.device(device)


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Hex SHA-256 over names, dtypes, shapes and bytes, in the order of the names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def count_params(module: torch.nn.Module, without: Sequence[str] = ()) -> int:
    """Parameters of ``module``, buffers not counted, leaving out children whose name is in ``without``."""
    return sum(p.numel() for n, p in module.named_parameters() if n.split(".")[0] not in without)


def _to_numpy(rows: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = rows.cpu().numpy()
    return array
