"""The command line as a whole: exit codes, Ctrl-C, help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceprobe.cli.main import COMMANDS, run


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    shown = capsys.readouterr()
    assert "Commands" in shown.out and shown.err == ""


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
        assert f"faceprobe {name}" in capsys.readouterr().out


def test_wrong_usage_is_one_line_and_two(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["evaluate"],
        ["eval", "--modell", "x"],
        ["eval"],
        ["eval", "--model", "pixels:8", "--dataset", "megaface"],
    ):
        assert run(arguments) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and shown.err.startswith("faceprobe: ") and shown.err.count("\n") == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from faceprobe.cli.main import run; run(['--help']);"
        "heavy = ('torch', 'cv2', 'scipy', 'pyarrow', 'numpy', 'pydantic');"
        "print([m for m in heavy if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_score_imports_no_other_command_and_no_study_and_works_without_scipy(tmp_path: Path) -> None:
    """The light installation has no scipy; numba imports it where it is there."""
    np.save(tmp_path / "e.npy", np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32))
    lines = [f"{k}.jpg,person {k % 4}" for k in range(12)]
    (tmp_path / "s.csv").write_text("\n".join(["path,identity", *lines]))
    code = (
        "import sys; sys.modules['scipy'] = None;"
        "from faceprobe.cli.main import run; code = run(sys.argv[1:]);"
        "others = ('cli.eval_command', 'study', 'report', 'protocols.cloak_adaptive', 'protocols.fairness');"
        "print(code, [m for m in others if 'faceprobe.' + m in sys.modules]"
        " + [m for m in ('torch',) if m in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "score", str(tmp_path / "e.npy"), str(tmp_path / "s.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "verification/all-pairs" in done.stdout
    assert done.stderr.strip().splitlines()[-1] == "0 []"


def test_an_interrupt_says_how_to_go_on() -> None:
    command = [
        sys.executable,
        "-m",
        "faceprobe",
        "eval",
        "--model",
        "pixels:32",
        "--dataset",
        "synthetic?people=2000&photos=8",
    ]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        # A shell's background job ignores the signal, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first line of progress: work is under way
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "interrupted; the same command goes on" in rest
