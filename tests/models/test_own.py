"""Own encoders: any torch module or callable with a preprocess, measured and attacked like every model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from faceprobe.cloaks import load_cloak
from faceprobe.cloaks.attacks.surrogate import load_surrogates
from faceprobe.core.errors import BadInput, UnknownName, WrongUsage
from faceprobe.datasets import load_dataset
from faceprobe.embedding import embed
from faceprobe.models import ImageEncoder, Preprocess, load_model, model_card, own
from faceprobe.models.own import encoder, register_encoder
from faceprobe.models.own_preprocess import OwnPreprocess, probe_photos

SIZE = {"size": (16, 16), "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


class Tiny(nn.Module):
    """(B, 3, 16, 16) -> (B, dim): one linear map with weights drawn from ``seed``."""

    def __init__(self, dim: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 16 * 16, dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            nn.init.normal_(self.linear.weight)
            nn.init.normal_(self.linear.bias)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.drop(self.linear(x.flatten(1)))
        return out

    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        return -self.forward(x)


class Column(Tiny):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[..., None]


def shrink(photo: Image.Image) -> np.ndarray:
    return np.asarray(photo.resize((16, 16)), dtype=np.float32).transpose(2, 0, 1) / 255


def mean_colours(batch: np.ndarray) -> np.ndarray:
    """Takes numpy only: a tensor has no ``astype``."""
    return batch.astype(np.float64).mean(axis=(2, 3)) + 2


@pytest.fixture(autouse=True)
def no_encoder_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(own, "_registered", {})
    yield


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(5, 3, 16, 16)).astype(np.float32)


def test_torch_module_gives_its_own_features_as_unit_rows(inputs: np.ndarray) -> None:
    module = Tiny().double()
    made = encoder(module, SIZE, id="mine", dim=8, device="cpu")
    with torch.no_grad():
        wanted = Tiny().eval()(torch.from_numpy(inputs)).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(made.encode_images(inputs), wanted, atol=1e-6)
    assert isinstance(made, ImageEncoder)
    assert (made.id, made.dim, made.n_params) == ("mine", 8, 3 * 16 * 16 * 8 + 8)
    assert made.encode_images(inputs[:0]).shape == (0, 8)
    assert module.training, "the caller's module is left as it was"
    assert module.linear.weight.dtype == torch.float64 and module.linear.weight.requires_grad


def test_method_of_a_module_is_a_torch_module(inputs: np.ndarray) -> None:
    forward, method = (encoder(m, SIZE, id="m", device="cpu") for m in (Tiny(), Tiny().encode_image))
    np.testing.assert_array_equal(method.encode_images(inputs), -forward.encode_images(inputs))
    assert method.differentiable and method.weights_hash != forward.weights_hash


def test_callable_of_arrays_and_callable_of_tensors(inputs: np.ndarray) -> None:
    arrays = encoder(mean_colours, SIZE, id="arrays")
    tensors = encoder(lambda x: x.mean(dim=(2, 3)) + 2, SIZE, id="tensors")
    wanted = inputs.mean(axis=(2, 3)) + 2
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    for made in (arrays, tensors):
        np.testing.assert_allclose(made.encode_images(inputs), wanted, atol=1e-6)
        assert not made.differentiable and made.dim == 3


def test_own_preprocess_is_called_on_each_photo_and_embeds() -> None:
    people = load_dataset("synthetic?people=3&photos=2")
    free = encoder(mean_colours, shrink, id="free")
    assert isinstance(free.preprocess, OwnPreprocess) and free.preprocess.size == (16, 16)
    done = embed(people, free, quiet=True)
    photos = [shrink(Image.fromarray(people.photo(row).pixels)) for row in range(len(people))]
    np.testing.assert_array_equal(done.data.vectors, free.encode_images(np.stack(photos)))
    again = embed(people, encoder(mean_colours, shrink, id="free"), quiet=True)
    assert (done.encoded, again.encoded) == (6, 0)


def test_torch_module_with_own_preprocess_has_no_gradients(inputs: np.ndarray) -> None:
    free = encoder(Tiny(), shrink, id="free", device="cpu")
    declared = encoder(Tiny(), SIZE, id="declared", device="cpu")
    assert not free.differentiable and free.n_params == declared.n_params
    np.testing.assert_allclose(free.encode_images(inputs), declared.encode_images(inputs), atol=1e-6)
    assert not encoder(Tiny(), SIZE, id="closed", differentiable=False).differentiable
    for module, preprocess in ((Tiny(), shrink), (mean_colours, SIZE)):
        with pytest.raises(WrongUsage, match="mine cannot be differentiable"):
            encoder(module, preprocess, id="mine", differentiable=True)


def test_a_changed_model_has_another_weights_hash() -> None:
    def of(module: Any, id: str = "mine", preprocess: Any = SIZE) -> str:
        return encoder(module, preprocess, id=id, device="cpu").weights_hash

    class Other(Tiny):
        pass

    assert of(Tiny()) == of(Tiny())
    assert of(Tiny(), "another id of the same weights") == of(Tiny())
    assert len({of(Tiny()), of(Tiny(seed=1)), of(Other()), of(Tiny().encode_image)}) == 4
    assert of(mean_colours) == of(mean_colours) != of(lambda x: mean_colours(x) + 1)
    assert of(mean_colours) != of(mean_colours, "other")
    assert of(Tiny(), preprocess=shrink) == of(Tiny(), preprocess=shrink)
    assert of(Tiny(), preprocess=shrink) != of(Tiny(seed=1), preprocess=shrink)


def test_training_the_module_further_changes_neither_encoder_nor_its_hash(inputs: np.ndarray) -> None:
    module = Tiny()
    made = encoder(module, SIZE, id="mine", device="cpu")
    before, rows = made.weights_hash, made.encode_images(inputs)
    nn.init.ones_(module.linear.weight)
    assert made.weights_hash == before
    np.testing.assert_array_equal(made.encode_images(inputs), rows)
    assert encoder(module, SIZE, id="mine", device="cpu").weights_hash != before


def test_hash_of_a_callable_follows_what_it_does() -> None:
    module = Tiny().eval()
    made = encoder(lambda x: module(x), SIZE, id="mine")
    before = made.weights_hash
    assert made.weights_hash == before
    nn.init.ones_(module.linear.weight)
    assert made.weights_hash != before


def test_fingerprint_follows_the_function() -> None:
    one, same = (OwnPreprocess(f, "mine") for f in (shrink, shrink))
    other = OwnPreprocess(lambda photo: shrink(photo) * 2, "mine")
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()
    assert not one.picklable and Preprocess(**SIZE).picklable  # type: ignore[arg-type]


def composes() -> list[tuple[Any, Preprocess]]:
    from open_clip.transform import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, image_transform
    from timm.data import create_transform
    from torchvision import transforms as v1
    from torchvision.transforms import v2

    clip: Any = (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    half: Any = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    imagenet: Any = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return [
        (image_transform(32, is_train=False), Preprocess((32, 32), *clip)),
        (image_transform((32, 16), is_train=False), Preprocess((32, 16), *clip)),
        (image_transform(32, is_train=False, resize_mode="squash"), Preprocess((32, 32), *clip, "squash")),
        (image_transform(32, is_train=False, resize_mode="longest"), Preprocess((32, 32), *clip, "longest")),
        (create_transform((3, 28, 28)), Preprocess((28, 28), *imagenet, "shortest", "bilinear", resize=32)),
        (
            v1.Compose([v1.Resize(40), v1.CenterCrop(32), v1.ToTensor(), v1.Normalize([0.5] * 3, [0.5] * 3)]),
            Preprocess((32, 32), *half, "shortest", "bilinear", resize=40),
        ),
        (
            v2.Compose(
                [
                    *(v2.Resize((32, 32)), v2.ToImage(), v2.RGB(), v2.ToDtype(torch.float32, scale=True)),
                    v2.Normalize([0.5] * 3, [0.5] * 3),
                ]
            ),
            Preprocess((32, 32), *half, "squash", "bilinear"),
        ),
    ]


@pytest.mark.parametrize("case", range(7))
def test_known_composes_become_declared(case: int) -> None:
    transform, wanted = composes()[case]
    found = encoder(lambda x: x.flatten(1), transform, id="mine").preprocess
    assert found == wanted
    for photo in probe_photos():
        given = transform(Image.fromarray(photo)).numpy()
        np.testing.assert_allclose(found(photo), given, rtol=0, atol=2e-6)


def test_compose_with_an_unknown_or_moved_step_stays_a_function() -> None:
    from torchvision import transforms as v1

    unknown = v1.Compose([v1.Resize((16, 16)), v1.Grayscale(3), v1.ToTensor()])
    late = v1.Compose([v1.ToTensor(), v1.Resize((16, 16))])
    for transform in (unknown, late):
        made = encoder(Tiny(), transform, id="mine")
        assert isinstance(made.preprocess, OwnPreprocess)


def test_name_loads_the_object_and_a_later_one_replaces_it() -> None:
    first = encoder(Tiny(), SIZE, id="mine")
    assert load_model("own:mine") is first and model_card("own:mine").id == "mine"
    second = encoder(Tiny(seed=1), SIZE, id="mine")
    assert load_model("own:mine") is second
    assert own.FAMILY.known() == ["own:mine"]
    with pytest.raises(UnknownName, match=r"unknown own encoder 'mind'.*'mine'"):
        load_model("own:mind")
    with pytest.raises(WrongUsage, match="unknown option 'size'"):
        load_model("own:mine?size=3")


def test_every_image_encoder_can_be_registered() -> None:
    loaded = load_model("bundled:clip-s")
    name = register_encoder(loaded)
    assert name == "own:bundled%3Aclip-s" and load_model(name) is loaded
    assert model_card(name).id == "bundled:clip-s"

    class Users:
        id, dim, n_params, differentiable = "users (v1)", 3, 0, False
        preprocess, card, weights_hash = loaded.preprocess, loaded.card, "0" * 64

        def encode_images(self, batch: np.ndarray) -> np.ndarray:
            return batch.mean(axis=(2, 3))

    users = Users()
    assert load_model(register_encoder(users)) is users  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="a Tiny is no image encoder: it lacks id, dim, n_params"):
        register_encoder(Tiny())  # type: ignore[arg-type]


def test_own_encoder_is_a_surrogate_of_a_cloak() -> None:
    made = encoder(Tiny(), SIZE, id="mine", device="cpu")
    (surrogate,) = load_surrogates(["own:mine"], device="cpu")
    assert surrogate.encoder is made
    faces = torch.rand(2, 3, 16, 16, requires_grad=True)
    surrogate.features(faces).sum().backward()
    assert faces.grad is not None and float(faces.grad.abs().sum()) > 0
    assert load_cloak("pgd[own:mine]", device="cpu").card.id == "pgd[mine]"
    encoder(mean_colours, SIZE, id="plain")
    with pytest.raises(WrongUsage, match="plain has no gradients"):
        load_surrogates(["own:plain"])


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Column(), r"mine: the module gave \(2, 8, 1\) for 2 photos; \(2, D\) was expected"),
        (lambda x: x.mean(dim=(2, 3))[:1], r"mine: the module gave \(1, 3\) for 2 photos"),
        (lambda x: [1, 2], r"mine: the module gave \(2,\) for 2 photos"),
        (lambda x: {"features": x}, "mine: the module gave a dict for 2 photos"),
        (lambda x: x.flatten(1) * float("nan"), "the output of mine: 2 of 2 rows hold NaN"),
        (lambda x: x.flatten(1) * 0, "the output of mine: 2 of 2 rows are all zeros"),
        (nn.Flatten(0), r"mine: the module gave \(1536,\) for 2 photos"),
        (
            nn.Linear(5, 5),
            r"mine: the module failed on photos \(2, 3, 16, 16\) float32: Runtime.*mat1",
        ),
        (None, "mine: the module is a NoneType; give a torch module or a callable"),
    ],
)
def test_module_that_cannot_be_used(module: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        encoder(module, SIZE, id="mine", device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("preprocess", "message"),
    [
        (lambda photo: np.zeros((3, 16, photo.width), "f"), "photos of 150 x 100 and 90 x 130 pixels"),
        (lambda photo: np.zeros((16, 16, 3), "f"), r"gave \(16, 16, 3\) for one photo; \(3, H, W\)"),
        (lambda photo: torch.zeros(1, 3, 16, 16), r"gave \(1, 3, 16, 16\) for one photo"),
        (lambda photo: np.zeros((3, 16, 16), np.uint8), "gave uint8 values; floating-point values"),
        (lambda photo: np.full((3, 16, 16), np.nan), "gave NaN or infinity"),
        (lambda photo: np.random.default_rng().random((3, 16, 16)), "other values for the same photo"),
        (lambda photo: "x", "gave str for one photo"),
        (lambda photo: photo.astype(float), "failed on a PIL image: AttributeError"),
        (224, "the preprocess is a int; give a faceprobe.Preprocess"),
        ({"size": 16}, "a preprocess needs mean and std; its fields are size, mean"),
        ({**SIZE, "sise": 3}, "a preprocess has no field 'sise'"),
        ({**SIZE, "size": (16,)}, r"size is \(height, width\) in pixels, not \(16,\)"),
        ({**SIZE, "std": [0, 1, 1]}, "std above 0"),
        ({**SIZE, "mode": "crop"}, "mode is shortest or squash or longest, not 'crop'"),
        (Preprocess((0, 3), (0, 0, 0), (1, 1, 1)), r"size is \(height, width\) in pixels"),
        ({**SIZE, "resize": 1.5}, "resize is a number of pixels or None, not 1.5"),
    ],
)
def test_preprocess_that_cannot_be_used(preprocess: Any, message: str) -> None:
    with pytest.raises(BadInput, match=f"mine: .*{message}"):
        encoder(Tiny(), preprocess, id="mine")


def test_dict_may_hold_lists_and_one_number() -> None:
    made = encoder(Tiny(), {"size": 16, "mean": [0, 0, 0], "std": [1, 1, 1]}, id="mine")
    assert made.preprocess == Preprocess((16, 16), (0, 0, 0), (1, 1, 1))


def test_later_photo_of_another_size_is_refused() -> None:
    made = OwnPreprocess(lambda photo: np.ones((3, 16, 16 if photo.width < 200 else 17), "f"), "mine")
    with pytest.raises(BadInput, match=r"gave \(3, 16, 17\) for a photo of 50 x 200 pixels; \(3, 16, 16\)"):
        made.prepare(np.zeros((50, 200, 3), np.uint8))


@pytest.mark.parametrize("id", ["", " ", "a:b", "a?b", "a@b", "a+b", "a[b]", "a&b", "(a)", "a;b", "a%b", 3])
def test_id_outside_the_grammar(id: Any) -> None:
    with pytest.raises(BadInput, match="an encoder's id is a text without any of"):
        encoder(Tiny(), SIZE, id=id)


def test_wrong_dim() -> None:
    with pytest.raises(BadInput, match="mine: the module gives 8 values for a photo; dim=9 was expected"):
        encoder(Tiny(), SIZE, id="mine", dim=9)
