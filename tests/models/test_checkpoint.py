"""What may be loaded: tensors only; code and unrestricted pickles are refused, damage is named."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from faceprobe.core.errors import BadInput, FaceprobeError, Missing, Refused
from faceprobe.models.openclip.checkpoint import checkpoint_shapes, mismatch

STATE = {"a": torch.zeros(2, 3), "b.c": torch.ones(4)}
SHAPES = {"a": (2, 3), "b.c": (4,)}


class Payload:
    """Would make a folder if it were ever unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_shapes_of_every_form(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pt")
    torch.save(STATE, tmp_path / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in STATE.items()}}, tmp_path / "run.pt")
    for file in ("a.safetensors", "a.pt", "legacy.bin", "run.pt"):
        assert checkpoint_shapes(tmp_path / file) == SHAPES


def test_torchscript_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jit.pt"
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))
    with pytest.raises(Refused, match="TorchScript") as caught:
        checkpoint_shapes(path)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    target, path = tmp_path / "owned", tmp_path / "evil.pt"
    if zipped:
        torch.save({"a": Payload(target)}, path)
    else:
        path.write_bytes(pickle.dumps(Payload(target)))
    with pytest.raises(Refused, match="runs other code than tensors need"):
        checkpoint_shapes(path)
    assert not target.exists()


def test_damage_is_named(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for file in ("a.safetensors", "a.pt"):
        whole = (tmp_path / file).read_bytes()
        (tmp_path / f"cut-{file}").write_bytes(whole[: len(whole) // 2])
        (tmp_path / f"empty-{file}").write_bytes(b"")
        (tmp_path / f"text-{file}").write_text("not a checkpoint")
    for path in [*tmp_path.glob("cut-*"), *tmp_path.glob("empty-*"), *tmp_path.glob("text-*")]:
        with pytest.raises(BadInput, match=path.name):
            checkpoint_shapes(path)
    with pytest.raises(BadInput, match="no tensors"):
        checkpoint_shapes(tmp_path / "list.pt")
    with pytest.raises(Missing):
        checkpoint_shapes(tmp_path / "absent.pt")
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(FaceprobeError, match="must end in"):
        checkpoint_shapes(tmp_path / "a.npz")


def test_mismatch_names_the_first_of_each_kind() -> None:
    assert mismatch(SHAPES, SHAPES) == ""
    text = mismatch({"a": (2, 4), "x": (1,)}, SHAPES)
    assert "a is (2, 4), not (2, 3)" in text
    assert "1 missing (first: b.c)" in text and "1 unexpected (first: x)" in text
