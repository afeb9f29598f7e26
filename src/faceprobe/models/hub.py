"""Files from the Hugging Face hub: found in a cache, or fetched; a clear error within seconds otherwise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.extras import require
from faceprobe.core.files import cache_dir

SAFE_WEIGHTS, PICKLED_WEIGHTS = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
CONFIG = "open_clip_config.json"
REACH_SECONDS = 5.0
"""Seconds to wait for the hub's first answer, before any download."""


def placed(repo: str, file: str) -> Path:
    """Where a user without a network puts ``file`` of ``repo`` by hand."""
    return cache_dir("weights", repo.replace("/", "--"), file)


def find(repo: str, file: str) -> Path | None:
    """``file`` of ``repo`` on this machine: placed by hand, or in the hub's cache; else None."""
    by_hand = placed(repo, file)
    if by_hand.is_file():
        return by_hand
    try:
        hub = require("huggingface_hub", "encode", "looking for weights")
    except Missing:
        return None
    found = hub.try_to_load_from_cache(repo, file, cache_dir=_hub_cache())
    return Path(found) if isinstance(found, str) else None


def fetch(
    repo: str, files: Sequence[str], *, offline: bool, what: str, instead: str = "", also: Sequence[str] = ()
) -> Path:
    """The first of ``files`` that ``repo`` has, from this machine or from the hub.

    In messages, ``what`` names the model, ``instead`` another way to give its weights, and ``also``
    the other files that a load will need. Raises
    :class:`Unreachable` when the file is not here and the hub may not or cannot be asked (within
    seconds), :class:`Missing` when the hub has no such repository or none of the files.
    """
    for file in files:
        found = find(repo, file)
        if found:
            return found
    fix = _fix(repo, [files[0], *also], instead)
    hub_is_off = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    if offline or hub_is_off:
        setting = "--offline" if offline else "HF_HUB_OFFLINE"
        raise Unreachable(f"{what} is not on this machine and {setting} is set. {fix}")
    hub = require("huggingface_hub", "encode", f"fetching {what}")
    _reach(hub, what, fix)
    for file in files:
        try:
            return Path(hub.hf_hub_download(repo, file, cache_dir=_hub_cache(), etag_timeout=REACH_SECONDS))
        except hub.errors.GatedRepoError as error:
            raise Unreachable(
                f"{what}: https://huggingface.co/{repo} wants its terms accepted; accept them there, then"
                " log in with: hf auth login"
            ) from error
        except hub.errors.RepositoryNotFoundError as error:
            raise Missing(
                f"{what}: there is no repository {repo!r} on the hub, or it is private; check the name"
            ) from error
        except hub.errors.LocalEntryNotFoundError as error:
            raise Unreachable(f"{what} cannot be fetched: the download did not begin. {fix}") from error
        except hub.errors.EntryNotFoundError:
            continue
        except hub.errors.HFValidationError as error:
            raise BadInput(f"{what}: {repo!r} is not a repository name; write OWNER/NAME") from error
        except Exception as error:  # a network error's type depends on the client's HTTP library
            raise Unreachable(f"{what} cannot be fetched: {type(error).__name__}. {fix}") from error
    raise Missing(f"{what}: https://huggingface.co/{repo} has no file {' or '.join(files)}")


def _reach(hub: Any, what: str, fix: str) -> None:
    """Ask the hub once, with a short timeout: its own client retries for half a minute."""
    try:
        hub.get_session().head(hub.constants.ENDPOINT, timeout=REACH_SECONDS)
    except Exception as error:
        raise Unreachable(
            f"{what} cannot be fetched: {hub.constants.ENDPOINT} does not answer. {fix}"
        ) from error


def _fix(repo: str, files: Sequence[str], instead: str) -> str:
    where = placed(repo, files[0]) if len(files) == 1 else placed(repo, files[0]).parent
    text = f"Fetch {' and '.join(files)} of https://huggingface.co/{repo} elsewhere and put it at {where}"
    return text + (f", or use {instead}" if instead else "")


def _hub_cache() -> str | None:
    """The hub's own cache, shared with other programs, unless ``FACEPROBE_CACHE`` moves all caches."""
    return str(cache_dir("hub")) if os.environ.get("FACEPROBE_CACHE") else None
