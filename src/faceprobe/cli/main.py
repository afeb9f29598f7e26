"""The command ``faceprobe``: finds the commands, runs one, turns errors into one line."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from faceprobe import __version__
from faceprobe.cli import completion
from faceprobe.core.errors import FaceprobeError

COMMANDS = (
    "run",
    "eval",
    "score",
    "embed",
    "cloak",
    "compare",
    "models",
    "datasets",
    "cloaks",
    "protocols",
    "plan",
    "doctor",
)

INTERRUPTED = 130


def _version(value: bool) -> None:
    if value:
        typer.echo(f"faceprobe {__version__}")
        raise typer.Exit()


def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show a traceback when something fails."),
) -> None:
    """Options that every command takes."""
    if debug:
        os.environ["FACEPROBE_DEBUG"] = "1"


def build(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """The application with some commands. One of them alone starts 40 ms sooner than all of them."""
    app = typer.Typer(
        name="faceprobe",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Measure how much face recognition hides inside image models, exactly and with intervals.",
        epilog="A measuring instrument, not a people finder: see RESPONSIBLE_USE.md.",
    )
    app.callback()(options)
    for name in names:
        module = import_module(f"faceprobe.cli.{name}_command")
        example = str(getattr(module, "EPILOG", "")).replace("[", r"\[")  # the brackets of a name, no markup
        app.command(name, epilog=example)(module.command)
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with 0 (done), 1 (failed) or 2 (wrong usage)."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    named = next((a for a in arguments if not a.startswith("-")), "")
    command: Any = typer.main.get_command(build((named,) if named in COMMANDS else COMMANDS))
    os.environ.pop("FACEPROBE_DEBUG", None)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a path may hold bytes that are not UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    if not arguments:
        arguments = ["--help"]
    if "--debug" in arguments:  # accepted before and after the command's name
        arguments = ["--debug", *(a for a in arguments if a != "--debug")]
    try:
        with completion.whole_words():
            code = command.main(args=arguments, prog_name="faceprobe", standalone_mode=False)
        if code == INTERRUPTED:  # typer turns Ctrl-C into an exit code of its own
            return _fail("interrupted; the same command goes on where it stopped", INTERRUPTED)
        return code if isinstance(code, int) else 0
    except FaceprobeError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on where it stopped", INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and error.filename and error.strerror:  # too long a name, a full disk
            return _fail(f"{error.filename}: {error.strerror.lower()}; check the path", 1)
        shown = getattr(error, "format_message", None)
        if shown is None:
            return _fail(f"unexpected {type(error).__name__}: {error} (--debug shows the traceback)", 1)
        return _fail(shown(), int(getattr(error, "exit_code", 2)))


def _fail(message: str, code: int) -> int:
    if os.environ.get("FACEPROBE_DEBUG"):
        import traceback

        traceback.print_exc()
    print("faceprobe: " + " ".join(message.split()), file=sys.stderr)
    return code
