"""What a shell offers after the Tab key: names of models, datasets, crops, cloaks, protocols and studies."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO


def models(incomplete: str) -> list[str]:
    """Bundled models, OpenCLIP's ``ARCH/TAG`` and the kinds of other models."""
    from faceprobe.models import MODEL_KINDS
    from faceprobe.models.listing import LISTED

    listed = [name for kind in LISTED for name in MODEL_KINDS.get(kind).known()]
    return _starting(incomplete, [*listed, *(f"{kind}:" for kind in MODEL_KINDS if kind not in LISTED)])


def datasets(incomplete: str) -> list[str]:
    """Names of datasets; those that need a path end with a colon."""
    from faceprobe.datasets import list_datasets

    rows = [row for row in list_datasets() if row["readable"]]
    return _starting(
        incomplete, [f"{row['name']}:" if ":" in str(row["use"]) else str(row["name"]) for row in rows]
    )


def crops(incomplete: str) -> list[str]:
    """The crops, with one example of ``margin-<m>``."""
    return _starting(incomplete, CROPS)


def cloaks(incomplete: str) -> list[str]:
    """Names of cloaks and controls, without surrogates."""
    from faceprobe.cloaks.registry import every_stem

    return _starting(incomplete, every_stem())


def protocols(incomplete: str) -> list[str]:
    """Names of protocols, and ``all``."""
    from faceprobe.protocols import PROTOCOLS

    return _starting(incomplete, ["all", *PROTOCOLS.names()])


def studies(incomplete: str) -> list[str]:
    """Packaged studies and the YAML files of the folder that is typed."""
    from pathlib import Path

    from faceprobe.study.packaged import packaged_studies

    folder = incomplete.rpartition("/")[0]
    files = [str(p) for p in Path(folder or ".").glob("*.y*ml")] if Path(folder or ".").is_dir() else []
    return _starting(incomplete, [*packaged_studies(), *files])


CROPS = ("as-is", "aligned-112", "margin-0.3", "face-only", "context-only", "random-mask")


@contextmanager
def whole_words() -> Iterator[None]:
    """For bash, ``bundled:cl`` is three words, since it splits at colons. While bash asks for completions, it
    is one word here, and what is printed lacks the part that bash keeps on its line.
    """
    environ = os.environ
    if environ.get("_FACEPROBE_COMPLETE") != "complete_bash":
        yield
        return
    asked = int(environ.get("COMP_CWORD") or 0)
    joined: list[str] = []
    current = 0
    for k, word in enumerate(environ.get("COMP_WORDS", "").split("\n")):
        if joined and (word == ":" or joined[-1].endswith(":")):
            joined[-1] += word
        else:
            joined.append(word)
        if k == asked:
            current = len(joined) - 1
    environ["COMP_WORDS"], environ["COMP_CWORD"] = "\n".join(joined), str(current)
    typed = joined[current] if current < len(joined) else ""
    kept, shown = typed[: typed.rfind(":") + 1], StringIO()
    try:
        with redirect_stdout(shown):
            yield
    finally:
        print("\n".join(line.removeprefix(kept) for line in shown.getvalue().splitlines()))


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
