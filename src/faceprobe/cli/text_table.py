"""The layout of a table of text in a given width, so that it is read at 80 columns and at 200.

Where a table is too wide, columns of long text are wrapped between words. Where that is not enough, the
longest columns leave the table and stand below their row, a line with the column's name each.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

LEAST = 28
"""A column is wrapped to no less than this and its longest word: narrower text is not read."""
GAP, MARGIN = "   ", "  "


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The lines of a table with a head, none longer than ``width`` unless one word or the first column is.

    Without any name in ``columns`` there is no head. Lines have no blanks at their ends.
    """
    natural = [max([_length(name), *(_length(row[k]) for row in rows)]) for k, name in enumerate(columns)]
    words = [LEAST] * len(columns)
    if any(columns):  # only a column with a name can leave the table
        words = [
            max([LEAST, *(_length(w) for row in rows for w in row[k].split())]) for k in range(len(words))
        ]
    inside, widths = _fitted(natural, words, width)
    lines = []
    if any(columns):
        lines.append(_joined([columns[k] for k in inside], widths))
        lines.append(f" {'─' * (min(width, sum(widths) + len(GAP) * (len(widths) - 1) + 4) - 2)}")
    below = [k for k in range(len(columns)) if k not in inside]
    for row in rows:
        cells = [_wrapped(row[k], wide) for k, wide in zip(inside, widths, strict=True)]
        for n in range(max(map(len, cells))):
            lines.append(_joined([cell[n] if n < len(cell) else "" for cell in cells], widths))
        for k in below:
            if row[k].strip():
                head, hanging = f"{MARGIN}{MARGIN}{columns[k]}: ", MARGIN * 3
                lines += textwrap.wrap(
                    row[k],
                    max(width, LEAST),
                    initial_indent=head,
                    subsequent_indent=hanging,
                    break_on_hyphens=False,
                )
    return lines


def _fitted(natural: Sequence[int], words: Sequence[int], width: int) -> tuple[list[int], list[int]]:
    """Which columns stay in the table, and how wide each is."""
    inside = list(range(len(natural)))
    while True:
        room = width - len(MARGIN) - len(GAP) * (len(inside) - 1)
        least = [natural[k] if k == 0 else min(natural[k], words[k]) for k in inside]
        if sum(least) <= room or len(inside) == 1:
            break
        inside.remove(max(inside[1:], key=lambda k: (natural[k], k)))
    spare, widths = room - sum(least), least
    while spare > 0:  # shared among the columns that are wrapped
        short = [n for n, k in enumerate(inside) if widths[n] < natural[k]]
        if not short:
            break
        each = max(1, spare // len(short))
        for n in short:
            more = min(each, natural[inside[n]] - widths[n], spare)
            widths[n] += more
            spare -= more
    return inside, widths


def _wrapped(text: str, width: int) -> list[str]:
    return [text] if _length(text) <= width else textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (wide - _length(cell)) for cell, wide in zip(cells, widths, strict=True))
    return (MARGIN + GAP.join(padded)).rstrip()


def _length(text: str) -> int:
    """Columns of a terminal that ``text`` takes."""
    from rich.cells import cell_len

    return cell_len(text)
