"""What a shell offers after Tab, as bash and zsh ask for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def offered(words: list[str]) -> list[str]:
    """The answer to bash, whose last word is the one at the cursor."""
    asked = {"_FACEPROBE_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(["faceprobe", *words])}
    command = [sys.executable, "-m", "faceprobe"]
    env = {**os.environ, **asked, "COMP_CWORD": str(len(words))}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.split()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["eval", "--model", "ViT-B-32/opena"], ["ViT-B-32/openai"]),
        (["eval", "--model", "bundled", ":", "clip-v"], ["clip-vit"]),
        (["eval", "--crop", "face"], ["face-only"]),
        (["eval", "--dataset", "insight"], ["insightface-bin:"]),
        (["run", "quick"], ["quickstart"]),
        (["protocols", "lfw/facex"], ["lfw/facexzoo"]),
        (["cloak", "photos", "--cloak", "fawkes-1.0.2-m"], ["fawkes-1.0.2-mid"]),
    ],
)
def test_names_are_offered(words: list[str], wanted: list[str]) -> None:
    assert offered(words) == wanted
