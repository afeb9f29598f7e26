"""Tables at the widths of terminals: nothing is cut, no word is broken, no line is too long."""

from __future__ import annotations

import pytest

from faceprobe.cli.main import run
from faceprobe.cli.show import print_cloaks
from faceprobe.cli.text_table import table_lines
from faceprobe.data.remarks import remark
from faceprobe.results.result import Metric, Result, attach

COLUMNS = ("name", "by people [95 %]", "by pairs [95 %]", "n", "caution")
ROWS = [
    ("tmr@fmr=1e-3", "0.9663 [0.9589, 0.9731]", "0.9201 [0.9100, 0.9312]", "242,257", ""),
    ("rank1", "0.5000 [0.2663, 0.6929]", "0.5000 [0.2663, 0.6929]", "12", "coverage not assured: " * 6),
]


@pytest.mark.parametrize("width", [60, 80, 120, 140, 200])
def test_a_table_fits_and_keeps_every_word(width: int) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    text = "\n".join(lines)
    for row in ROWS:
        for cell in row[:4]:
            assert cell in text
    assert text.count("assured:") == 6
    if width >= 80:  # the headline's column stays next to the name
        assert all(
            any(line.split() and line.split()[0] == row[0] and row[1] in line for line in lines)
            for row in ROWS
        )


def test_a_wide_table_is_plain() -> None:
    assert table_lines(("a", "b"), [("1", "x y"), ("22", "")], 80) == [
        "  a    b",
        " ──────────",
        "  1    x y",
        "  22",
    ]


def test_what_leaves_the_table_stands_below_with_its_name() -> None:
    lines = table_lines(("a", "b", "c"), [("1", "b" * 50, "c " * 30), ("2", "", "")], 60)
    assert lines[0] == "  a   b" if "b" in lines[0] else "  a   c"
    assert any(line.strip().startswith(("b: ", "c: ")) for line in lines)
    assert lines[-1] == "  2"


def test_a_card_has_no_head_and_wraps_its_values() -> None:
    lines = table_lines(("", ""), [("source", "https://example.org/" + "x" * 90), ("note", "a b")], 80)
    assert "─" not in "".join(lines) and max(map(len, lines)) <= 80
    assert lines[-1] == "  note     a b"


@pytest.mark.parametrize("width", ["80", "120", "200"])
def test_what_a_command_prints_fits(
    width: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    for command in (
        "datasets",
        "protocols",
        "cloaks",
        "run --list",
        "plan --fmr 1e-4",
        "protocols lfw/official",
    ):
        assert run(command.split()) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= int(width), command


def test_the_table_of_cloaks_carries_the_remarks_of_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    def row(model: str, text: str) -> Result:
        metric = Metric(
            "cloak/poisoning",
            "added_protection@1nn",
            "identity",
            0.25,
            n_identities=5,
            remarks=remark("few-people", text),
        )
        return attach([metric], model=model, dataset="d", crop="as-is", cloak="lowkey", evidence="synthetic")[
            0
        ]

    print_cloaks(
        [row("a", "5 people: no spread claimed"), row("b", "7 people: no spread claimed"), row("c", "")]
    )
    shown = capsys.readouterr().out
    assert shown.count("0.25 (1)") == 2 and shown.count("0.25") == 3
    assert "\n(1) 5 to 7 people: no spread claimed\n" in shown
