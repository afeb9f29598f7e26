"""OpenCLIP's pretrained models by ``ARCH/TAG``, e.g. ``ViT-B-32/openai``.

Some weights were trained with QuickGELU. A model built with GELU loads them without an error and gives wrong
embeddings; OpenCLIP only warns. Here the tag decides the activation: both
``ViT-B-32/openai`` and ``ViT-B-32-quickgelu/openai`` are built with QuickGELU, and an architecture
that contradicts its tag is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faceprobe.core.errors import WrongUsage
from faceprobe.core.names import Name
from faceprobe.models import hub
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flip_of, model_id, pooling_of
from faceprobe.models.openclip import build as openclip_build
from faceprobe.models.openclip import cards as openclip_cards


class OpenClip(ModelFamily):
    """``ARCH/TAG``, optionally ``@pre-projection`` and ``?flip=sum``."""

    usage = "ARCH/TAG"
    about = "OpenCLIP's pretrained models"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        card = self.card(name)
        arch, tag = openclip_cards.arch_and_tag(name)
        quick, (repo, files) = activation(arch, tag), source(name)
        instead = f"local:FILE?arch={arch}&tag={tag}"
        weights = hub.fetch(repo, files, offline=offline, what=model_id(name), instead=instead)
        model = openclip_build.build(arch, quick)
        openclip_build.fill(model, weights, name.body, resize=True)
        return openclip_build.wrap(
            model,
            name=name,
            card=card,
            embed_dim=openclip_cards.catalogue()["towers"][arch]["dim"],
            preprocess=openclip_build.preprocess_of(model, declared(arch, tag), name),
            tokenizer=openclip_build.tokenizer_of(arch),
            device=device,
        )

    def card(self, name: Name) -> ModelCard:
        name.check_options({"flip"})
        pooling_of(name), flip_of(name)
        return openclip_cards.card_of_tag(name)

    def known(self) -> list[str]:
        return openclip_cards.known()

    def cached(self, name: Name) -> bool | None:
        repo, files = source(name)
        return any(hub.find(repo, f) for f in files)


def source(name: Name) -> tuple[str, tuple[str, ...]]:
    """The hub repository of ``ARCH/TAG`` and its file of weights, safetensors first."""
    arch, tag = openclip_cards.arch_and_tag(name)
    model = openclip_cards.catalogue()["models"][f"{arch}/{tag}"]
    file = model.get("file")
    if file is None:
        return model["repo"], (hub.SAFE_WEIGHTS, hub.PICKLED_WEIGHTS)
    return model["repo"], (str(Path(file).with_suffix(".safetensors")), file)


def activation(arch: str, tag: str) -> bool:
    """Whether the weights of ``tag`` were trained with QuickGELU; :class:`WrongUsage` where the
    architecture demands the opposite.
    """
    if openclip_cards.contradicts(arch, tag):
        plain = arch.removesuffix("-quickgelu")
        if plain != arch:
            raise WrongUsage(f"{arch}/{tag} was trained without QuickGELU; write {plain}/{tag}")
        raise WrongUsage(
            f"{arch}/{tag}: open_clip's configuration says QuickGELU and its tag says not, so its"
            f" numbers could be wrong; where you know, use local:FILE?arch={arch}&quickgelu=1"
        )
    return bool(openclip_cards.catalogue()["models"][f"{arch}/{tag}"]["quick_gelu"])


def declared(arch: str, tag: str) -> dict[str, Any]:
    """The preprocessing that the installed open_clip declares for a tag."""
    from open_clip.pretrained import get_pretrained_cfg

    found: dict[str, Any] = get_pretrained_cfg(arch, tag)
    return found


FAMILY = OpenClip()
