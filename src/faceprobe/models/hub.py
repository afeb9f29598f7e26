"""Files from the Hugging Face hub: found in a cache, or fetched; a clear error within seconds otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing, Unreachable
from faceprobe.core.extras import require
from faceprobe.core.files import cache_dir
from faceprobe.core.hub_access import REACH_SECONDS, endpoint, hub_is_off, hub_store, reach

SAFE_WEIGHTS, PICKLED_WEIGHTS = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
CONFIG = "open_clip_config.json"


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
    found = hub.try_to_load_from_cache(repo, file, cache_dir=hub_store())
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
    if offline or hub_is_off():
        setting = "--offline" if offline else "HF_HUB_OFFLINE"
        raise Unreachable(f"{what} is not on this machine and {setting} is set. {fix}")
    hub = require("huggingface_hub", "encode", f"fetching {what}")
    asked = endpoint(hub)
    try:
        reach(hub)
    except Exception as error:  # a network error's type depends on the client's HTTP library
        raise Unreachable(f"{what} cannot be fetched: {asked} does not answer. {fix}") from error
    settings = {"cache_dir": hub_store(), "etag_timeout": REACH_SECONDS, "endpoint": asked}
    for file in files:
        try:
            return Path(hub.hf_hub_download(repo, file, **settings))
        except hub.errors.GatedRepoError as error:
            raise Unreachable(
                f"{what}: {asked}/{repo} wants its terms accepted; accept them there, then"
                " log in with: hf auth login"
            ) from error
        except hub.errors.RepositoryNotFoundError as error:
            raise Missing(
                f"{what}: {asked} has no repository {repo!r}, or it is private; check the name"
            ) from error
        except hub.errors.LocalEntryNotFoundError as error:
            raise Unreachable(f"{what}: {asked} did not begin to send {file}. {fix}") from error
        except hub.errors.EntryNotFoundError:
            continue
        except hub.errors.HFValidationError as error:
            raise BadInput(f"{what}: {repo!r} is not a repository name; write OWNER/NAME") from error
        except Exception as error:
            raise Unreachable(
                f"{what}: {asked} did not send the whole of {file} ({type(error).__name__}); try again. {fix}"
            ) from error
    raise Missing(f"{what}: {asked}/{repo} has no file {' or '.join(files)}")


def _fix(repo: str, files: Sequence[str], instead: str) -> str:
    where = placed(repo, files[0]) if len(files) == 1 else placed(repo, files[0]).parent
    text = f"Fetch {' and '.join(files)} of {endpoint()}/{repo} elsewhere and put it at {where}"
    return text + (f", or use {instead}" if instead else "")
