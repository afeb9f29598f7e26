"""The Jinja environment of the page: its templates, filters and packaged style sheets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from faceprobe.report.plots.svg import swatch
from faceprobe.report.plots.theme import mark
from faceprobe.report.text.numbers import points, probability

LONGEST_WHOLE = 14
"""A piece of a name with more characters than this may be broken anywhere."""


def render(template: str, context: dict[str, Any]) -> str:
    """A packaged template filled with ``context``; every text is escaped unless it is ``Markup``."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("faceprobe.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        points=points,
        probability=probability,
        breakable=breakable,
        cloak_name=cloak_name,
        filled=filled,
    )
    environment.globals.update(swatch=swatch, mark=mark, asset=_asset)
    return environment.get_template(template).render(context)


def filled(columns: Sequence[tuple[str, str, str]], rows: Sequence[Any]) -> list[tuple[str, str, str]]:
    """The (title, name, class) of ``columns`` that have a text other than "-" in some row (a mapping or an
    object).
    """

    def text(row: Any, name: str) -> str:
        return str(row[name] if isinstance(row, dict) else getattr(row, name))

    return [column for column in columns if any(text(row, column[1]) not in ("-", "", "()") for row in rows)]


def breakable(name: str) -> Markup:
    """``name`` escaped, with places to break a line after : / @ & and before ?; short pieces stay whole."""
    parts = [p for p in re.split(r"(?<=[:/@&])|(?=\?)", name) if p]
    whole = Markup('<span class="nb">{}</span>')
    return Markup("<wbr>").join(whole.format(p) if len(p) <= LONGEST_WHOLE else p for p in parts)


def cloak_name(identifier: str) -> Markup:
    """The id of a cloak, escaped, its surrogates in a lighter colour and broken as by :func:`breakable`."""
    stem, bracket, inside = identifier.partition("[")
    name = Markup('<span class="nb">{}</span>').format(stem)
    if not bracket:
        return name
    return name + Markup('<wbr><span class="inside">{}</span>').format(breakable(bracket + inside))


def _asset(name: str) -> Markup:
    """A packaged style sheet or script, which holds no text of a user."""
    return Markup(files("faceprobe.report").joinpath(f"templates/{name}").read_text(encoding="utf-8"))
