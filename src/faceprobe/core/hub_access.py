"""Which Hugging Face hub is asked, whether it answers, and where its files are kept."""

from __future__ import annotations

import os
from typing import Any

from faceprobe.core.files import cache_dir

REACH_SECONDS = 5.0
"""Seconds to wait for the hub's first answer, before any download."""


def endpoint(hub: Any = None) -> str:
    """The hub's address without a slash at the end: ``HF_ENDPOINT``, else that of the package ``hub``."""
    known = "https://huggingface.co" if hub is None else str(hub.constants.ENDPOINT)
    return (os.environ.get("HF_ENDPOINT") or known).rstrip("/")


def reach(hub: Any) -> None:
    """Ask the hub once, with a short timeout: its own client retries for half a minute. Raises what the
    client's HTTP library raises where nothing answers.
    """
    hub.get_session().head(endpoint(hub), timeout=REACH_SECONDS)


def hub_is_off() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids asking the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def hub_store() -> str | None:
    """The hub's own cache, shared with other programs, unless ``FACEPROBE_CACHE`` moves all caches."""
    return str(cache_dir("hub")) if os.environ.get("FACEPROBE_CACHE") else None
