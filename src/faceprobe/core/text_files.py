"""Text files that people and other programs wrote: UTF-8 with or without a byte order mark, any line ends."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from faceprobe.core.errors import BadInput, Missing

ENCODING = "utf-8-sig"
"""UTF-8; a byte order mark at the beginning, which Windows programs write, is not part of the text."""


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a UTF-8 file, each line end as one line feed. Raises :class:`UnicodeDecodeError` and
    :class:`OSError`.
    """
    return Path(path).read_text(encoding=ENCODING)


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line of a UTF-8 file that is not blank, without blanks around it.

    Raises :class:`Missing` where there is no such file, :class:`BadInput` where it is not text.
    """
    try:
        with open(path, encoding=ENCODING) as handle:
            for number, line in enumerate(handle, start=1):
                if text := line.strip():
                    yield number, text
    except FileNotFoundError as error:
        raise Missing(f"no file {path}; check that the folder is complete") from error
    except (UnicodeDecodeError, OSError) as error:
        raise BadInput(f"{path} cannot be read as a text file: {error}") from error


def words_of(line: str, fields: Collection[int]) -> list[str]:
    """The fields of a line: what tabs separate, where that gives one of the numbers ``fields``, so that a
    name may hold spaces; else what white space separates.

    >>> words_of("Ada Lovelace\\t1\\t2", (3, 4)), words_of("Ada  1 \\t2", (3, 4))
    (['Ada Lovelace', '1', '2'], ['Ada', '1', '2'])
    """
    between_tabs = [field.strip() for field in line.split("\t")]
    return between_tabs if "\t" in line and len(between_tabs) in fields else line.split()
