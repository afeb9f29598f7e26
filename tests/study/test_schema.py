"""What a study file may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.study.packaged import packaged_studies, resolve_study
from faceprobe.study.schema import (
    CloakEntry,
    DatasetEntry,
    ModelEntry,
    Options,
    Study,
    parse_study,
    read_study,
)

SMALL = {"title": "t", "models": ["fake:a"], "datasets": ["drawn"]}


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_and_a_mapping_of_models_are_the_same_study() -> None:
    listed = parse_study({**SMALL, "models": ["fake:a", "fake:b"]}, "x")
    mapped = parse_study({**SMALL, "models": {"fake:a": None, "fake:b": {}}}, "x")
    mixed = parse_study({**SMALL, "models": ["fake:a", {"fake:b": {}}]}, "x")
    assert listed == mapped == mixed
    assert list(listed.models) == ["fake:a", "fake:b"]
    assert (listed.seed, listed.replicates, listed.protocols) == (0, 1000, None)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"modles": []}, ["unknown key 'modles'", "did you mean 'models'"]),
        ({"options": {"batchsize": 3}}, ["'options.batchsize'", "'batch_size'"]),
        ({"models": {"fake:a": {"lable": "A"}}}, ["'models.fake:a.lable'", "'label'"]),
        ({"datasets": {"drawn": {"zzz": 1}}}, ["'datasets.drawn.zzz'", "known keys: fetch, label"]),
        ({"models": []}, ["models: it is empty; give at least 1"]),
        ({"models": "fake:a"}, ["models: ", "write a list of names"]),
        ({"models": ["fake:a", "fake:a"]}, ["models: ", "'fake:a' is listed twice"]),
        ({"crops": ["as-is", "as-is"]}, ["crops: ", "'as-is' is listed twice"]),
        ({"seed": -1}, ["seed: ", "greater than or equal to 0"]),
        ({"seed": "1"}, ["seed: ", "integer"]),
        ({"seed": True}, ["seed: ", "integer"]),
        ({"options": {"max_excluded": 1.5}}, ["options.max_excluded"]),
        ({"title": None}, ["title: it should be a valid string, not None"]),
        ({"models": [["a"]]}, ["models: a name is a text, not ['a']; write each name on its own"]),
        ({"datasets": [{"a": {}}, {2: {}}]}, ["datasets: a name is a text, not 2; put it in quotes"]),
        ({"cloaks": 3}, ["cloaks: write a list of names, or a mapping", "not 3"]),
        ({"models": {"fake:a": [1]}}, ["models.fake:a: it should be a mapping, not [1]"]),
        ({"models": {"fake:a": {"crops": [["x"]]}}}, ["models.fake:a.crops.0: ", "not ['x']"]),
        ({"crops": [" "]}, ["crops.0: a name is empty"]),
        ({"models": [""]}, ["models: a name is empty"]),
        ({"protocols": "x" * 500}, ["protocols: it should be a valid list", "..."]),
        ({"options": {"max_excluded": float("nan")}}, ["options.max_excluded: ", "finite number"]),
        ({"title": "a", 3: 4}, ["3: Keys should be strings"]),
    ],
)
def test_a_wrong_study_names_the_file_and_the_key(change: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(WrongUsage) as caught:
        parse_study({**SMALL, **change}, "mine.yaml")
    message = str(caught.value)
    assert message.startswith("mine.yaml: ")
    assert all(part in message for part in parts), message
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_every_missing_key_is_named() -> None:
    with pytest.raises(WrongUsage, match=r"the key 'models' is missing; the key 'datasets' is missing"):
        parse_study({"title": "t"}, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n- b\n", "a study is a mapping"),
        ("", "a study is a mapping"),
        ("title: [", "not valid YAML"),
        ("title: a\ntitle: b\n", "the key 'title' is written twice"),
        ("models:\n  fake:a:\n  fake:a:\n", "the key 'fake:a' is written twice"),
        ("title: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("title: t\nmodels: [[a]]\ndatasets: [b]\n", "models: a name is a text, not"),
        ("title: 2020-13-45\n", "not valid YAML: month must be"),
        ("title: !!timestamp x\n", "not valid YAML"),
        ("title: t\nmodels: {[1]: {}}\n", r"not valid YAML: found unhashable key \(line 2, column 10\)"),
        ("title: " + "[" * 800, "not valid YAML: it is nested too deeply"),
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(WrongUsage, match=message) as caught:
        read_study(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_byte_order_mark_is_not_part_of_a_study(tmp_path: Path) -> None:
    text = "title: t\nmodels: [a]\ndatasets: [b]\n"
    plain = read_study(write(tmp_path, text))
    assert read_study(write(tmp_path, "\ufeff" + text.replace("\n", "\r\n"))) == plain


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.dates() | st.binary()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SCALARS, inner, max_size=2),
    max_leaves=4,
)
PLACES = [
    *((key,) for key in Study.model_fields),
    *(("options", key) for key in Options.model_fields),
    *(("models", "fake:a", key) for key in ModelEntry.model_fields),
    *(("datasets", "drawn", key) for key in DatasetEntry.model_fields),
    *(("cloaks", "none", key) for key in CloakEntry.model_fields),
    *((part, "x") for part in ("models", "datasets", "cloaks", "options")),
    ("zzz",),
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.sampled_from(PLACES), value=VALUES, listed=st.booleans())
@example(place=("models",), value=["a"], listed=True)
def test_any_value_at_any_key_is_a_study_or_one_clear_line(
    place: tuple[str, ...], value: object, listed: bool
) -> None:
    """A study that is accepted means the same written as YAML and read again."""
    content: dict[str, Any] = {"title": "t", "models": {"fake:a": {}}, "datasets": {"drawn": {}}}
    *parents, last = place
    inner = content
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = [value] if listed else value
    try:
        study = parse_study(content, "mine.yaml")
    except WrongUsage as error:
        message = str(error)
        assert message.startswith("mine.yaml: ") and "\n" not in message and len(message) < 500
        assert place[0] in message
    else:
        assert parse_study(yaml.safe_load(yaml.safe_dump(content)), "x") == study


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongUsage, match="cannot be read as a study"):
        read_study(path)


def test_the_fingerprint_covers_what_decides_the_results_and_nothing_else() -> None:
    base = parse_study(SMALL, "x")
    for same in (
        {"title": "other"},
        {"description": "d"},
        {"needs_later": ["x"]},
        {"allow_missing": True},
        {"options": {"device": "cuda", "detector": "/somewhere/yunet.onnx"}},
        {"models": {"fake:a": {"optional": True, "fetch": "there"}}},
    ):
        assert parse_study({**SMALL, **same}, "x").fingerprint() == base.fingerprint(), same
    for other in (
        {"seed": 1},
        {"replicates": 10},
        {"crops": ["face-only"]},
        {"protocols": ["verification/all-pairs"]},
        {"models": {"fake:a": {"label": "A"}}},
        {"options": {"batch_size": 8}},
        {"options": {"max_excluded": 0.5}},
    ):
        assert parse_study({**SMALL, **other}, "x").fingerprint() != base.fingerprint(), other


def test_every_packaged_study_is_valid_and_described() -> None:
    assert packaged_studies() == ["cloaks", "lfw", "paper", "quickstart", "scaling"]
    for name in packaged_studies():
        found, study = resolve_study(name)
        assert found == name
        assert study.title and study.description


def test_quickstart_needs_nothing_but_the_package() -> None:
    _, study = resolve_study("quickstart")
    assert all(text.partition(":")[0] in ("bundled", "pixels") for text in study.models)
    assert all(text.startswith("synthetic") for text in study.datasets)
    assert not study.allow_missing
    masked = {text for text, entry in study.models.items() if "random-mask" in (entry.crops or study.crops)}
    assert masked == {text for text in study.models if text.startswith("bundled:clip-")}, "the CLIP models"


def test_paper_carries_every_model_that_vit_g_may_mean() -> None:
    _, study = resolve_study("paper")
    assert {
        "ViT-g-14/laion2b_s12b_b42k",
        "ViT-g-14/laion2b_s34b_b88k",
        "ViT-bigG-14/laion2b_s39b_b160k",
    } < set(study.models)


def test_names_become_studies(tmp_path: Path) -> None:
    path = write(tmp_path, "title: t\nmodels: [fake:a]\ndatasets: [drawn]\n")
    assert resolve_study(path) == resolve_study(str(path)) == ("mine", parse_study(SMALL, "x"))
    made = Study(title="made", models=["fake:a"], datasets=["drawn"])  # type: ignore[arg-type]
    assert resolve_study(made) == ("made", made)
    with pytest.raises(UnknownName, match="did you mean 'quickstart'"):
        resolve_study("quikstart")
    with pytest.raises(WrongUsage, match="is not a study file"):
        resolve_study(str(tmp_path / "absent.yaml"))
    with pytest.raises(WrongUsage, match="is not a study file"):
        resolve_study(tmp_path)


def test_the_study_of_cloaks_holds_every_algorithm_and_noise_as_strong_as_each() -> None:
    from faceprobe.cloaks.names import parse_cloak
    from faceprobe.cloaks.registry import CLOAKS, cloak_card

    _, study = resolve_study("cloaks")
    names = [text for text in study.cloaks if text != "none"]
    stems = {parse_cloak(text).stem for text in names}
    assert all(any(s == a or s.startswith(f"{a}-") for s in stems) for a in CLOAKS.names())
    attacks = [text for text in names if not cloak_card(text).control]
    assert {f"noise[{text}]" for text in attacks} == {t for t in names if t.startswith("noise[")}
    assert {cloak_card(text).id for text in names if text.startswith("noise[")} < set(names)
    for stem in ("pgd", "fawkes-1.0.2-mid"):
        surrogates = {parse_cloak(t).surrogates[0] for t in attacks if parse_cloak(t).stem == stem}
        assert len(surrogates) == 4 and surrogates < set(study.models)
