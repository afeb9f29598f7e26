"""OpenCLIP models in repositories on the hub: ``hf-hub:REPO``, or one checkpoint of a repository that
holds many, ``hf-hub:REPO?arch=ARCH&file=FILE`` (such as ``laion/scaling-laws-openclip``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.models import hub
from faceprobe.models.base import ImageEncoder, ModelCard, ModelFamily, flip_of, model_id, pooling_of
from faceprobe.models.openclip import build as openclip_build
from faceprobe.models.openclip import cards as openclip_cards
from faceprobe.models.openclip import stated

WEIGHTS = (hub.SAFE_WEIGHTS, hub.PICKLED_WEIGHTS)


class HfHub(ModelFamily):
    """A repository with ``open_clip_config.json`` and weights, or with bare checkpoints."""

    usage = "hf-hub:OWNER/REPO"
    about = "OpenCLIP models on the hub (?arch=ARCH&file=FILE for one checkpoint of several)"

    def load(self, name: Name, *, device: str, offline: bool) -> ImageEncoder:
        self._check(name)
        if "file" in name.options:
            return self._load_file(name, device, offline)
        what = model_id(name)
        given: dict[str, Any] = {"offline": offline, "what": what, "instead": "local:FOLDER"}
        config = hub.fetch(name.body, [hub.CONFIG], also=WEIGHTS[:1], **given)
        weights = hub.fetch(name.body, WEIGHTS, **given)
        # Hugging Face tokenizers have files that were not fetched; OpenCLIP brings its own tokenizers
        elsewhere = "hf_tokenizer_name" in read_json(config)["model_cfg"]["text_cfg"]
        return openclip_build.load_folder(
            config.parent,
            weights=weights,
            name=name,
            card=self.card(name),
            device=device,
            tokenizer=openclip_build.tokenizer_of(f"hf-hub:{name.body}") if elsewhere else None,
        )

    def card(self, name: Name) -> ModelCard:
        self._check(name)
        if "file" in name.options:
            study = openclip_cards.scaling_study().get(str(Name(name.kind, name.body, "", name.options)), {})
            extra: dict[str, Any] = {"repo": name.body}
            if study:
                extra["scaling_study"] = {"data": study["data"], "samples": study["samples"]}
            arch = name.options["arch"]
            return openclip_cards.tower_card(
                name,
                arch,
                quick_gelu=stated.quick_gelu(name),
                assumed="" if study else stated.assumed(name, arch),
                family=f"LAION {openclip_cards.tower_word(arch)}" if study else "OpenCLIP on the hub",
                training_data=_study_data(study),
                samples_seen=study.get("samples_seen"),
                licence="MIT" if study else "",
                real=True,
                extra=extra,
            )
        known: dict[str, Any] = {"family": "OpenCLIP on the hub", "real": True, "extra": {"repo": name.body}}
        config = hub.find(name.body, hub.CONFIG)
        if config is None:
            note = "architecture known once the repository's configuration is here"
            return ModelCard(id=model_id(name), pooling=pooling_of(name), notes=note, role="clip", **known)
        found = read_json(config)
        known["assumed"] = stated.assumed(name, declared=found.get("preprocess_cfg") or {})
        return openclip_cards.config_card(name, found, **known)

    def known(self) -> list[str]:
        return [m for m in openclip_cards.scaling_study() if m.startswith("hf-hub:")]

    def cached(self, name: Name) -> bool | None:
        files = [name.options["file"]] if "file" in name.options else WEIGHTS
        return any(hub.find(name.body, f) for f in files)

    def _load_file(self, name: Name, device: str, offline: bool) -> ImageEncoder:
        arch, file = name.options["arch"], name.options["file"]
        instead = f"local:FILE?arch={arch}"
        path = hub.fetch(name.body, [file], offline=offline, what=model_id(name), instead=instead)
        model = openclip_build.build(arch, stated.quick_gelu(name))
        openclip_build.fill(model, path, arch, resize=False)
        return openclip_build.wrap(
            model,
            name=name,
            card=self.card(name),
            embed_dim=openclip_cards.catalogue()["towers"][arch]["dim"],
            preprocess=openclip_build.preprocess_of(model, stated.preprocessing(name), name),
            tokenizer=openclip_build.tokenizer_of(arch),
            device=device,
        )

    def _check(self, name: Name) -> None:
        name.check_options({"arch", "file", "flip", *stated.OPTIONS})
        pooling_of(name), flip_of(name)
        if name.body.count("/") != 1:
            raise WrongUsage(f"{name}: a repository on the hub is written hf-hub:OWNER/REPO")
        if ("arch" in name.options) != ("file" in name.options):
            raise WrongUsage(f"{name}: arch and file go together, ?arch=ARCH&file=FILE")
        if "file" not in name.options and {"tag", "quickgelu"} & {*name.options}:
            raise WrongUsage(
                f"{name}: tag and quickgelu are for ?arch=ARCH&file=FILE; {hub.CONFIG} has them else"
            )
        if "file" in name.options:
            openclip_cards.check_arch(name.options["arch"])
            stated.quick_gelu(name), stated.preprocessing(name)
            if Path(name.options["file"]).is_absolute() or ".." in Path(name.options["file"]).parts:
                raise WrongUsage(f"{name}: file is a path inside the repository")


def _study_data(study: dict[str, Any]) -> str:
    names = {"80M": "LAION-80M", "400M": "LAION-400M", "2B": "LAION-2B-en"}
    return names.get(study.get("data", ""), "")


FAMILY = HfHub()
