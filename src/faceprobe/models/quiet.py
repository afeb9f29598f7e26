"""Silences warnings and log lines of libraries about things that faceprobe checks itself."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from faceprobe.core.errors import WrongUsage


@contextmanager
def quietly() -> Iterator[None]:
    """No log lines below an error and no warnings; but OpenCLIP's warning that weights and activation
    contradict each other becomes a :class:`WrongUsage`.
    """
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message="QuickGELU mismatch")
            yield
    except UserWarning as mismatched:
        raise WrongUsage(f"{mismatched} Name the architecture with the weights' activation") from mismatched
    finally:
        logging.disable(before)
