"""The one grammar of names, and its pieces.

| names of | form |
| --- | --- |
| models, datasets | ``kind:name@pooling?option=value&option=value`` |
| several models | ``name+(name?option=value)``: parentheses around a name with options of its own |
| cloaks | ``name[inside]?option=value`` |
| crops, purifiers | ``name-amount`` |

Options are written as in a URL: ``%26`` in a value is ``&``, ``%2B`` is ``+``, and a plain ``+`` is a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from faceprobe.core.errors import WrongUsage

MARKS = ":[]()?&+@;%"
"""Characters with a meaning in names."""

_GROUP = re.compile(r"(?<=[:+])\([^()]*\)")
_PLUS = re.compile(r"\+(?![^()]*\))")
_BRACKETED = re.compile(r"(?P<stem>[^\[\]?]+)(?:\[(?P<inside>.*)\])?(?:\?(?P<query>[^\[\]]*))?")
_AMOUNT = re.compile(r"(.+?)-(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Name:
    """A parsed model or dataset name.

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
        return text + format_options(self.options)


def parse_name(text: str, bare_kind: str | None = "") -> Name:
    """Split ``text`` by the grammar; a name without ``:`` gets ``bare_kind``, or is a kind alone for None.

    ``parse_name("onnx:a.onnx?size=112").options == {"size": "112"}``. With ``bare_kind="openclip"``,
    ``"ViT-B-32/openai"`` becomes kind ``openclip``; with None, ``"synthetic?people=9"`` has the kind
    ``synthetic`` and no body. Marks inside parentheses that follow ``:`` or ``+`` belong to the name in them.
    Raises :class:`WrongUsage` where nothing stands before ``@`` and ``?``, and for options that are not
    ``key=value``.
    """
    stem, question, query = _cut(text, "?")
    options = parse_options(query, text) if question else {}
    stem, _, pooling = _cut(stem, "@")
    if not stem.replace(":", " ").strip():
        raise WrongUsage("an empty name was given; write kind:name@pooling?options")
    kind, colon, body = stem.partition(":")
    if not colon:
        kind, body = (stem, "") if bare_kind is None else (bare_kind, stem)
    return Name(kind, body, pooling, options)


def parse_options(query: str, name: str) -> dict[str, str]:
    """``"size=112&flip=sum"`` as a dict; ``name`` is the whole name, for the error.

    Raises :class:`WrongUsage` for an empty query, a part without ``=`` and a key that is given twice.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise WrongUsage(f"{name!r}: options are written ?key=value&key=value") from error
    options = dict(pairs)
    if not pairs:
        raise WrongUsage(f"{name!r}: options are written ?key=value&key=value")
    if len(options) < len(pairs):
        twice = next(key for k, (key, _) in enumerate(pairs) if key in dict(pairs[:k]))
        raise WrongUsage(f"{name!r} gives the option {twice!r} more than once")
    return options


def format_options(options: Mapping[str, str]) -> str:
    """``?key=value&key=value`` as :func:`parse_options` reads it, "" where there are none."""
    pairs = (f"{_escape(key, '%&+)=')}={_escape(value, '%&+)')}" for key, value in options.items())
    text = "?" + "&".join(pairs) if options else ""
    kept = text.rstrip()  # a space at the end would be lost where a name is read
    return kept + quote(text[len(kept) :])


def check_options(name: str, options: Iterable[str], known: set[str]) -> None:
    """Raise :class:`WrongUsage` for the first of the ``options`` of ``name`` that ``known`` does not hold."""
    for key in options:
        if key not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise WrongUsage(f"{name} has an unknown option {key!r}; known options: {allowed}")


def split_parts(text: str) -> list[str]:
    """``"A+(B?x=1)"`` -> ``["A", "B?x=1"]``: the names that ``+`` joins, parentheses around one taken off."""
    parts = [part.strip() for part in _PLUS.split(text)]
    return [part[1:-1] if part.startswith("(") and part.endswith(")") else part for part in parts]


def join_parts(parts: Sequence[str]) -> str:
    """The reverse of :func:`split_parts`: a name with options, pooling or parts stands in parentheses."""
    return "+".join(f"({part})" if re.search(r"[?@+]", part) else part for part in parts)


def split_brackets(text: str) -> tuple[str, str, str | None] | None:
    """``"name[inside]?query"`` -> ``("name", "inside", "query")``; None where ``text`` has another form.

    ``inside`` is "" without brackets, ``query`` None without ``?``. Marks inside the brackets belong to the
    names in them.
    """
    found = _BRACKETED.fullmatch(text.strip())
    return None if found is None else (found["stem"].strip(), found["inside"] or "", found["query"])


def split_amount(text: str) -> tuple[str, str]:
    """``"margin-0.30"`` -> ``("margin", "0.30")``; the amount is "" where there is no number at the end."""
    found = _AMOUNT.fullmatch(text)
    return (found[1], found[2]) if found else (text, "")


def escape(text: str) -> str:
    """Any text as the body of a name: characters of :data:`MARKS` as in a URL (``:`` is ``%3A``)."""
    return _escape(text, MARKS)


def unescape(text: str) -> str:
    """The reverse of :func:`escape`."""
    return unquote(text)


def _escape(text: str, marks: str) -> str:
    return "".join(f"%{ord(character):02X}" if character in marks else character for character in text)


def _cut(text: str, mark: str) -> tuple[str, str, str]:
    """``text.partition(mark)`` at the first ``mark`` outside parentheses that hold a name."""
    at = _GROUP.sub(lambda group: " " * len(group[0]), text).find(mark)
    return (text, "", "") if at < 0 else (text[:at], mark, text[at + 1 :])
