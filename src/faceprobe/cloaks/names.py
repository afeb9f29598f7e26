"""Names of cloaks: ``NAME[SURROGATE+SURROGATE;PERCEPTUAL]?option=value``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from faceprobe.core.errors import WrongUsage
from faceprobe.core.names import (
    check_options,
    format_options,
    join_parts,
    parse_options,
    split_brackets,
    split_parts,
)
from faceprobe.models import parse_model
from faceprobe.models.base import model_id

PERCEPTUAL = ("dssim", "lpips")


@dataclass(frozen=True)
class CloakName:
    """A parsed name.

    ``stem`` is algorithm and mode (``fawkes-1.0.2-mid``), ``surrogates`` are model names as
    :func:`faceprobe.load_model` takes them. ``perceptual`` is "" where the name leaves the choice to the
    cloak. ``inside`` is the text between the brackets, for ``noise[...]`` the name of another cloak.
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
        """The id in results: ``surrogates`` without their options and without folders of this machine, then
        ``perceptual``.
        """
        inside = "+".join(model_id(replace(parse_model(text), options={})) for text in surrogates)
        inside += f";{perceptual}" if perceptual else ""
        options = format_options(dict(sorted(self.options.items())))
        return self.stem + (f"[{inside}]" if inside else "") + options

    def __str__(self) -> str:
        end = f";{self.perceptual}" if self.perceptual else ""
        inside = self.inside or join_parts(self.surrogates) + end
        return self.stem + (f"[{inside}]" if inside else "") + format_options(self.options)


def parse_cloak(text: str) -> CloakName:
    """The parts of a name such as ``"lowkey[bundled:face+bundled:clip-s;dssim]?fidelity=fixed"``.

    A surrogate with options of its own may stand in parentheses: ``(onnx:a.onnx?size=112)``. Raises
    :class:`WrongUsage` for a text that is not of this form.
    """
    found = split_brackets(text)
    if found is None:
        raise WrongUsage(f"{text!r} is no cloak; write NAME[SURROGATE+SURROGATE]?option=value")
    stem, inside, query = found
    options = {} if query is None else parse_options(query, text)
    if "[" in inside:  # the name of another cloak, parsed by itself later
        return CloakName(stem, inside=inside, options=options)
    models, semicolon, perceptual = inside.rpartition(";")
    if perceptual not in PERCEPTUAL:
        if semicolon:
            raise WrongUsage(f"{text!r}: after ; comes {' or '.join(PERCEPTUAL)}, not {perceptual!r}")
        models, perceptual = inside, ""
    surrogates = tuple(split_parts(models)) if models else ()
    if "" in surrogates:
        raise WrongUsage(f"{text!r}: an empty surrogate; write NAME[bundled:face]")
    return CloakName(stem, surrogates, perceptual, inside, options)
