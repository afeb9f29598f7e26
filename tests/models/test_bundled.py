"""The models that come with faceprobe: loaded through OpenCLIP's own code, small, and as recorded."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.files import read_json
from faceprobe.core.names import Name
from faceprobe.datasets.synthetic.world import SPLITS, WORLD_VERSION
from faceprobe.models import ImageEncoder, TextImageEncoder, load_model, model_card
from faceprobe.models.bundled import CLIP, DATA, NAMES, tokenizer
from faceprobe.models.bundled.golden import check, pattern
from faceprobe.models.torch_encoder import TorchEncoder

MIB = 2**20


def test_vectors_are_as_recorded() -> None:
    assert check() == dict.fromkeys(NAMES, "")


def test_a_model_that_computes_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from faceprobe.models.bundled import FAMILY, golden

    class Swapped:
        """A model that takes its red channel for the blue one."""

        def __init__(self, encoder: ImageEncoder) -> None:
            self.encoder, self.preprocess = encoder, encoder.preprocess

        def encode_images(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.encoder.encode_images(np.ascontiguousarray(batch[:, ::-1]))

    class Family:
        def load(self, name: Name, *, device: str, offline: bool) -> Swapped:
            return Swapped(FAMILY.load(name, device=device, offline=offline))

    monkeypatch.setattr(golden, "FAMILY", Family())
    assert all("differs" in complaint for complaint in golden.check().values())


def test_all_of_them_are_small() -> None:
    sizes = [path.stat().st_size for path in DATA.rglob("*.safetensors")]
    assert len(sizes) == len(NAMES)
    assert max(sizes) < 12 * MIB and sum(sizes) < 45 * MIB


@pytest.mark.parametrize("name", NAMES)
def test_card_agrees_with_the_model(name: str) -> None:
    card, encoder = model_card(f"bundled:{name}"), load_model(f"bundled:{name}", device="cpu")
    assert isinstance(encoder, TorchEncoder) and encoder.card == card
    assert (card.dim, card.n_params) == (encoder.dim, encoder.n_params)
    assert card.n_params is not None and card.n_params < 6e6
    assert not card.real and "synthetic" in card.notes
    record = read_json(DATA / name / "training.json")
    assert record["recipe"]["samples"] == card.samples_seen
    assert record["world_version"] == WORLD_VERSION
    rows = encoder.encode_images(encoder.preprocess(pattern())[None])
    assert rows.shape == (1, card.dim) and rows.dtype == np.float32
    assert np.linalg.norm(rows[0]) == pytest.approx(1, abs=1e-5)


def test_the_three_sizes_differ_by_size_alone() -> None:
    small, middle, large = (model_card(f"bundled:clip-{size}") for size in "sml")
    assert small.n_params < middle.n_params < large.n_params  # type: ignore[operator]
    for field in ("family", "training_data", "samples_seen", "image_size", "dim", "activation"):
        assert getattr(small, field) == getattr(middle, field) == getattr(large, field)
    assert {card.extra["tower"] for card in (small, middle, large)} == {"ResNet-10-T"}
    recipes = [read_json(DATA / f"clip-{size}" / "training.json")["recipe"] for size in "sml"]
    assert len({tuple(sorted((k, v) for k, v in r.items() if k != "model")) for r in recipes}) == 1


def test_texts_and_photos_share_a_space() -> None:
    """A photo is nearer to its own caption than to the captions of others, far above chance."""
    from faceprobe.datasets.synthetic.world import World

    world, encoder = World(0), load_model("bundled:clip-m", device="cpu")
    assert isinstance(encoder, TextImageEncoder)
    people = range(SPLITS["train"], SPLITS["train"] + 40)
    photos = np.stack([encoder.preprocess(world.photo(i, 0).pixels) for i in people])
    texts = [world.caption(i, 0)[0] for i in people]
    scores = encoder.encode_images(photos) @ encoder.encode_texts(texts).T
    assert np.mean(scores.argmax(axis=1) == np.arange(40)) > 0.3  # chance is 0.025


def test_the_short_vocabulary_holds() -> None:
    tokens = tokenizer()(["portrait of Zyx Øqvist, naïve ☺ " * 20, ""])
    assert tokens.shape == (2, 32) and int(tokens.max()) == 1513
    config = read_json(DATA / "clip-m" / "open_clip_config.json")["model_cfg"]["text_cfg"]
    assert config["vocab_size"] == 1514 and config["context_length"] == 32


def test_unknown_names_and_poolings() -> None:
    with pytest.raises(UnknownName, match="did you mean 'clip-s' or 'clip-m'"):
        model_card("bundled:clip-n")
    with pytest.raises(WrongUsage, match="pre-projection"):
        model_card("bundled:face@pre-projection")
    before = load_model("bundled:clip-m@pre-projection", device="cpu")
    assert (
        before.dim == 384 and before.weights_hash != load_model("bundled:clip-m", device="cpu").weights_hash
    )
    assert len(CLIP) == 4


def test_the_record_of_names_is_what_the_captions_hold() -> None:
    import csv

    from faceprobe.datasets.synthetic.captions import name_class
    from faceprobe.datasets.synthetic.world import World

    world = World(0)
    with open(DATA / "names.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 5000 and rows[0]["person"] == f"p{SPLITS['train']:06d}"
    for row in rows[::500]:
        person = int(row["person"][1:])
        assert row["name"] == world.name(person) and row["name_class"] == name_class(0, person)
        assert int(row["named_photos"]) == sum(world.caption(person, k)[1] for k in range(int(row["photos"])))
