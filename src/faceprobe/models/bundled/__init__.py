"""The bundled models: small, trained on the built-in world's synthetic people by ``training/``.

They are for trying things out: their figures hold in the built-in world only.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from faceprobe.core.errors import Missing, UnknownName
from faceprobe.core.extras import require
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, model_id, pooling_of, refuse_pooling

if TYPE_CHECKING:
    from torch import Tensor

DATA = Path(str(files(__name__) / "data"))
CLIP = ("clip-s", "clip-m", "clip-l", "clip-vit")
NAMES = (*CLIP, "face")
LIMITS = "small, trained on synthetic people only; its figures hold in the built-in world"


class Bundled(ModelFamily):
    """``bundled:clip-m`` and its siblings, loaded through OpenCLIP's (the specialist: timm's) own code."""

    usage = "bundled:clip-m"
    about = "small models that come with faceprobe, trained on the built-in world"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card = self.card(name)
        weights = weights_of(name.body)
        if not weights.exists():
            raise Missing(f"{name}: its weights are missing from the installation; install faceprobe again")
        require("open_clip", "encode", f"bundled:{name.body}")
        from faceprobe.models.bundled import towers

        assert towers  # imported for the timm names that it registers
        if name.body == "face":
            return _load_face(card, weights, device)
        from faceprobe.models.openclip.build import load_folder

        return load_folder(
            DATA / name.body, weights=weights, name=name, card=card, device=device, tokenizer=tokenizer
        )

    def card(self, name: Name) -> ModelCard:
        if name.body not in NAMES:
            raise UnknownName("bundled model", name.body, NAMES)
        name.check_options(set())
        if name.body == "face":
            refuse_pooling(name, "its embedding is its last layer")
        known = read_json(DATA / name.body / "card.json")
        return ModelCard(
            id=model_id(name),
            pooling=pooling_of(name),
            licence="Apache-2.0",
            download_mb=_size_mb(weights_of(name.body)),
            role="specialist" if name.body == "face" else "clip",
            synthetic=True,
            notes=LIMITS,
            **known,
        )

    def known(self) -> list[str]:
        return [f"bundled:{name}" for name in NAMES]

    def files(self, name: Name) -> list[Path]:
        return [Path(__file__).parent]

    def cached(self, name: Name) -> bool | None:
        return True


def weights_of(model: str) -> Path:
    """The file of weights that comes with the package; ``model`` is one of :data:`NAMES`."""
    return DATA / model / ("model.safetensors" if model == "face" else "open_clip_model.safetensors")


def _size_mb(file: Path) -> float | None:
    return round(file.stat().st_size / 1e6, 1) if file.is_file() else None


def tokenizer() -> Callable[[list[str]], Tensor]:
    """CLIP's byte-pair tokenizer over its first 1,000 merges: a vocabulary of 1,514, 32 tokens a text.

    OpenCLIP's own tokenizer class with a shorter merges file: a smaller ``vocab_size`` alone would not
    stop it from emitting token 49407.
    """
    from open_clip.tokenizer import SimpleTokenizer

    made = SimpleTokenizer(bpe_path=str(DATA / "bpe_1000.txt.gz"), context_length=32)
    return cast("Callable[[list[str]], Tensor]", made)


def face_tower(config: dict[str, Any]) -> Any:
    """The specialist's tower without weights: ``config`` is its ``config.json``."""
    import timm

    return timm.create_model(**config["timm"])


def _load_face(card: ModelCard, weights: Path, device: str) -> ImageEncoder:
    from safetensors.torch import load_file

    from faceprobe.models.preprocess import Preprocess
    from faceprobe.models.torch_encoder import TorchEncoder

    config = read_json(DATA / "face" / "config.json")
    tower = face_tower(config)
    tower.load_state_dict(load_file(weights))
    declared = config["preprocess_cfg"]
    side = declared["size"]
    return TorchEncoder(
        tower,
        tower,
        card=card,
        preprocess=Preprocess(
            size=(side, side), mean=tuple(declared["mean"]), std=tuple(declared["std"]), flip="sum"
        ),
        dim=config["timm"]["num_classes"],
        n_params=sum(p.numel() for p in tower.parameters()),
        options={"tower": config["timm"]},
        device=device,
    )


FAMILY = Bundled()
