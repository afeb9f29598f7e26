"""The one grammar of names: ``kind:name@pooling?option=value&option=value``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from faceprobe.core.errors import WrongUsage

GROUP = re.compile(r"(?<=[:+])\([^()]*\)")
"""A name within a name, as in ``fusion:(onnx:a.onnx?size=112)+bundled:face``: its marks are its own."""

_HIDE = str.maketrans("?@", "\ue000\ue001")
_SHOW = str.maketrans("\ue000\ue001", "?@")


@dataclass(frozen=True)
class Name:
    """A parsed model, dataset or crop name.

    ``kind`` is the text before the first ``:`` ("" where there is none), ``body`` what
    follows, ``pooling`` what stands after ``@`` ("" = the default), ``options`` the ``?`` part.
    """

    kind: str
    body: str
    pooling: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def option(self, key: str, default: str) -> str:
        return self.options.get(key, default)

    def check_options(self, known: set[str]) -> None:
        """Raise :class:`WrongUsage` for the first option that ``known`` does not hold."""
        check_options(str(self), self.options, known)

    def __str__(self) -> str:
        text = f"{self.kind}:{self.body}" if self.kind and self.body else self.kind or self.body
        if self.pooling:
            text += f"@{self.pooling}"
        if self.options:
            text += "?" + "&".join(f"{k}={v}" for k, v in self.options.items())
        return text


def check_options(name: str, options: Iterable[str], known: set[str]) -> None:
    """Raise :class:`WrongUsage` for the first of the ``options`` of ``name`` that ``known`` does not hold."""
    for key in options:
        if key not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise WrongUsage(f"{name} has an unknown option {key!r}; known options: {allowed}")


def parse_name(text: str, bare_kind: str = "") -> Name:
    """Split ``text`` by the grammar; a name without ``:`` gets ``bare_kind``.

    ``parse_name("onnx:a.onnx?size=112").options == {"size": "112"}``. With
    ``bare_kind="openclip"``, ``"ViT-B-32/openai"`` becomes kind ``openclip``.
    """
    if not text.strip():
        raise WrongUsage("an empty name was given; write kind:name@pooling?options")
    stem, question, query = GROUP.sub(lambda group: group[0].translate(_HIDE), text).partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise WrongUsage(f"{text!r}: options are written ?key=value&key=value") from error
    for key in {k for k, _ in pairs}:
        if sum(k == key for k, _ in pairs) > 1:
            raise WrongUsage(f"{text!r} gives the option {key!r} more than once")
    if question and not query:
        raise WrongUsage(f"{text!r}: options are written ?key=value&key=value")
    stem, _, pooling = stem.partition("@")
    kind, colon, body = stem.partition(":")
    if not colon:
        kind, body = bare_kind, stem
    return Name(kind, body.translate(_SHOW), pooling, dict(pairs))
