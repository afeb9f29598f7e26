"""The registry of protocols: packaged files, a plugin's protocol, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput, FaceprobeError
from faceprobe.data.embeddings import Embeddings
from faceprobe.protocols import PROTOCOLS, evaluate
from faceprobe.protocols.kinds import KINDS, check_kind
from faceprobe.protocols.registry import read_protocol

PLUGIN = """
from dataclasses import replace
from faceprobe.protocols import PROTOCOLS

enrol_two = replace(
    PROTOCOLS.get("identification/enrol-5"),
    name="plugin/enrol-2",
    version=7,
    options={"enrol": "first", "photos": 2},
    on_request=False,
)
"""


def _data() -> Embeddings:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(4), 3)
    vectors = rng.standard_normal((4, 8))[people] + 0.1 * rng.standard_normal((12, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(
        vectors.astype(np.float32), people.astype(str), np.array([f"{k:02d}" for k in range(12)])
    )


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed distribution with an entry point in the group ``faceprobe.protocols``."""
    (tmp_path / "enrol_plugin.py").write_text(PLUGIN)
    info = tmp_path / "enrol_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: enrol-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[faceprobe.protocols]\nplugin/enrol-2 = enrol_plugin:enrol_two\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("_targets", "_objects"):
        monkeypatch.setattr(PROTOCOLS, name, dict(getattr(PROTOCOLS, name)))
    monkeypatch.setattr(PROTOCOLS, "_entry_points_read", False)


@pytest.mark.usefixtures("plugin")
def test_a_protocol_of_an_entry_point_is_measured_by_name_and_by_default() -> None:
    named = evaluate(_data(), ["plugin/enrol-2"], replicates=0)
    assert {m.protocol for m in named.metrics} == {"plugin/enrol-2"}
    assert {m.protocol_version for m in named.metrics} == {7}
    (probes,) = [m.value for m in named.metrics if m.metric == "n_probes"]
    assert probes == 4, "three photos each, of which two are enrolled"
    usual = {m.protocol for m in evaluate(_data(), replicates=0).metrics}
    assert "plugin/enrol-2" in usual and "verification/all-pairs" in usual


def test_without_the_plugin_its_protocol_is_unknown() -> None:
    assert "plugin/enrol-2" not in PROTOCOLS


def test_only_protocols_for_cloaks_are_called_so() -> None:
    for name in PROTOCOLS:
        protocol = PROTOCOLS.get(name)
        check_kind(protocol)
        assert KINDS[protocol.kind].cloaks == name.startswith("cloak/")
    plain, cloaked = PROTOCOLS.get("verification/all-pairs"), PROTOCOLS.get("cloak/poisoning")
    with pytest.raises(BadInput, match="must not be called cloak/"):
        check_kind(replace(plain, name="cloak/pairs"))
    with pytest.raises(BadInput, match="needs a name that starts with cloak/"):
        check_kind(replace(cloaked, name="poisoning"))


def test_an_unknown_kind_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROTOCOLS, "_objects", dict(PROTOCOLS._objects))
    PROTOCOLS.register(
        "mine/odd", replace(PROTOCOLS.get("verification/all-pairs"), name="mine/odd", kind="odd")
    )
    with pytest.raises(BadInput, match=r"mine/odd: unknown kind 'odd'; known: pair-list, verification"):
        evaluate(_data(), ["mine/odd"])


def test_a_file_that_is_no_protocol_is_named() -> None:
    with pytest.raises(FaceprobeError, match=r"odd\.yaml is not a protocol file"):
        read_protocol("name: x\nneeds: []\n", "odd.yaml")
