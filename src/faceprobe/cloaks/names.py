"""Names of cloaks: ``NAME[SURROGATE+SURROGATE;PERCEPTUAL]?option=value``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from faceprobe.core.errors import WrongUsage
from faceprobe.core.names import check_options
from faceprobe.models import parse_model
from faceprobe.models.base import model_id

_WHOLE = re.compile(r"(?P<stem>[^\[\]?]+)(?:\[(?P<inside>.*)\])?(?:\?(?P<options>[^\[\]]*))?")
_PLUS = re.compile(r"\+(?![^()]*\))")

PERCEPTUAL = ("dssim", "lpips")


@dataclass(frozen=True)
class CloakName:
    """A parsed name. ``stem`` is algorithm and mode (``fawkes-1.0.2-mid``), ``surrogates`` are model names as
    :func:`faceprobe.load_model` takes them, ``perceptual`` is "" where the name leaves the choice to the
    cloak, ``inside`` is the text between the brackets (of ``noise[...]`` another cloak's name).
    """

    stem: str
    surrogates: tuple[str, ...] = ()
    perceptual: str = ""
    inside: str = ""
    options: dict[str, str] = field(default_factory=dict)

    def option(self, key: str, default: str) -> str:
        return self.options.get(key, default)

    def check_options(self, known: set[str]) -> None:
        """Raise :class:`WrongUsage` for the first option that ``known`` does not hold."""
        check_options(self.stem, self.options, known)

    def shown(self, surrogates: tuple[str, ...], perceptual: str = "") -> str:
        """The id that results carry: surrogates without options and folders of this machine, then the
        perceptual term.
        """
        inside = "+".join(model_id(replace(parse_model(text), options={})) for text in surrogates)
        inside += f";{perceptual}" if perceptual else ""
        query = "&".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return self.stem + (f"[{inside}]" if inside else "") + (f"?{query}" if query else "")


def parse_cloak(text: str) -> CloakName:
    """``"lowkey[bundled:face+bundled:clip-s;dssim]?fidelity=fixed"`` in its parts.

    A surrogate with options of its own may stand in parentheses: ``(onnx:a.onnx?size=112)``. Raises
    :class:`WrongUsage` for a text that is not of this form.
    """
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        raise WrongUsage(f"{text!r} is no cloak; write NAME[SURROGATE+SURROGATE]?option=value")
    inside = found["inside"] or ""
    if "[" in inside:  # another cloak's name, whose marks are its own
        return CloakName(found["stem"].strip(), inside=inside, options=_options(text, found["options"] or ""))
    models, semicolon, perceptual = inside.rpartition(";")
    if perceptual not in PERCEPTUAL:
        if semicolon:
            raise WrongUsage(f"{text!r}: after ; comes {' or '.join(PERCEPTUAL)}, not {perceptual!r}")
        models, perceptual = inside, ""
    parts = [p.strip() for p in _PLUS.split(models)] if models else []
    surrogates = tuple(p[1:-1] if p.startswith("(") and p.endswith(")") else p for p in parts)
    if "" in surrogates:
        raise WrongUsage(f"{text!r}: an empty surrogate; write NAME[bundled:face]")
    options = _options(text, found["options"] or "")
    return CloakName(found["stem"].strip(), surrogates, perceptual, inside, options)


def _options(text: str, query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise WrongUsage(f"{text!r}: options are written ?key=value&key=value") from error
