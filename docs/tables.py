"""Puts tables that a script has measured into a page that is otherwise written by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def fill(page: Path, tables: Mapping[str, str]) -> None:
    """Replace what stands in ``page`` between ``<!-- NAME -->`` and the next ``<!-- end -->``, for each name.

    Leaves the page alone and ends the program where a name has no place, or several.
    """
    text = page.read_text(encoding="utf-8")
    for name, lines in tables.items():
        pattern = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
        text, found = re.subn(pattern, lambda m, t=lines: m[1] + t + m[2], text, flags=re.S)
        if found != 1:
            raise SystemExit(f"{page} has {found} places for {name}")
    page.write_text(text, encoding="utf-8")
