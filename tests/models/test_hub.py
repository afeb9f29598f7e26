"""Files from the hub: found, or a quick and clear answer. Nothing here asks a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.files import cache_dir
from faceprobe.models import hub

REPO = "someone/model"


def ask(**changes: Any) -> Path:
    settings: dict[str, Any] = {"offline": False, "what": "hf-hub:someone/model", "instead": "local:FOLDER"}
    return hub.fetch(REPO, ["a.safetensors", "a.bin"], **{**settings, **changes})


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A hub that answers; what its ``hf_hub_download`` was asked for is collected."""
    asked: list[str] = []

    class Session:
        def head(self, url: str, timeout: float) -> None:
            assert timeout <= 5

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    return asked


def answer(monkeypatch: pytest.MonkeyPatch, asked: list[str], replies: dict[str, Any]) -> None:
    def reply(repo: str, file: str, **settings: Any) -> str:
        assert settings["cache_dir"] == str(cache_dir("hub"))
        asked.append(file)
        found = replies.get(file, replies.get("*"))
        if isinstance(found, Exception):
            raise found
        return str(found)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", reply)


def error(kind: type[Exception]) -> Exception:
    return kind.__new__(kind, "as the hub says it")


def test_a_file_placed_by_hand_is_found() -> None:
    assert hub.find(REPO, "a.bin") is None
    target = hub.placed(REPO, "a.bin")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"x")
    assert ask(offline=True) == target
    assert target.is_relative_to(cache_dir())


def test_the_hubs_own_cache_is_found() -> None:
    snapshot = cache_dir("hub", "models--someone--model", "snapshots", "abc")
    snapshot.mkdir(parents=True)
    (snapshot / "a.safetensors").write_bytes(b"x")
    refs = cache_dir("hub", "models--someone--model", "refs")
    refs.mkdir()
    (refs / "main").write_text("abc")
    assert ask(offline=True) == snapshot / "a.safetensors"


def test_no_network_answers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        def head(self, url: str, timeout: float) -> None:
            raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub, "get_session", Session)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *a, **k: pytest.fail("asked all the same"))
    with pytest.raises(Unreachable, match="does not answer") as caught:
        ask(also=["config.json"])
    text = str(caught.value)
    assert "Fetch a.safetensors and config.json of https://huggingface.co/someone/model" in text
    assert text.endswith("or use local:FOLDER") and caught.value.exit_code == 1


def test_the_next_file_is_tried(monkeypatch: pytest.MonkeyPatch, download: list[str]) -> None:
    absent = error(errors.RemoteEntryNotFoundError)
    answer(monkeypatch, download, {"a.safetensors": absent, "a.bin": "/there/a.bin"})
    assert ask() == Path("/there/a.bin")
    assert download == ["a.safetensors", "a.bin"]


@pytest.mark.parametrize(
    ("kind", "raised", "says"),
    [
        (errors.RemoteEntryNotFoundError, Missing, "has no file a.safetensors or a.bin"),
        (errors.RepositoryNotFoundError, Missing, "https://huggingface.co has no repository 'someone/model'"),
        (errors.GatedRepoError, Unreachable, "wants its terms accepted"),
        (errors.LocalEntryNotFoundError, Unreachable, "did not begin to send a.safetensors"),
        (errors.HFValidationError, BadInput, "not a repository name"),
        (ConnectionError, Unreachable, "ConnectionError"),
    ],
)
def test_what_the_hub_says_becomes_one_line(
    monkeypatch: pytest.MonkeyPatch,
    download: list[str],
    kind: type[Exception],
    raised: type[Exception],
    says: str,
) -> None:
    answer(monkeypatch, download, {"*": error(kind)})
    with pytest.raises(raised, match=says) as caught:
        ask()
    assert "\n" not in str(caught.value)


def test_offline_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "get_session", lambda: pytest.fail("asked the network"))
    with pytest.raises(Unreachable, match="--offline"):
        ask(offline=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        ask()
