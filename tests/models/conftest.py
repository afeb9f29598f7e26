"""Small OpenCLIP models of our own, so that loading is tested without weights from the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


MakeFolder = Callable[..., Path]


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> MakeFolder:
    """Write a folder with ``open_clip_config.json`` and safetensors weights drawn from seed 0.

    ``vision`` changes the image tower, ``model`` the rest of the model's configuration.
    """

    def make(
        vision: dict[str, Any] | None = None,
        model: dict[str, Any] | None = None,
        preprocess: dict[str, Any] | None = None,
    ) -> Path:
        import open_clip
        import torch
        from safetensors.torch import save_file

        folder = tmp_path_factory.mktemp("made") / "clip-tiny"
        folder.mkdir()
        config = {**TINY, **(model or {}), "vision_cfg": {**TINY["vision_cfg"], **(vision or {})}}
        document = {"model_cfg": config, "preprocess_cfg": preprocess or {}}
        (folder / "open_clip_config.json").write_text(json.dumps(document))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            built = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
        save_file(built.state_dict(), folder / "open_clip_model.safetensors")
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_folder(make_folder: MakeFolder) -> Path:
    return make_folder()


@pytest.fixture
def photos() -> np.ndarray:
    """(5, 3, 32, 32) float32, about what preprocessing gives."""
    return np.random.default_rng(3).normal(size=(5, 3, 32, 32)).astype(np.float32)
