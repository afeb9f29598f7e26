"""Memory and resolution of large photos, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.helpers.child import child_environment

pytest.importorskip("torch")
pytest.importorskip("pytorch_msssim")

HEIGHT, WIDTH = 4500, 6000

PROGRAM = """
import json, resource, sys
import numpy as np
from tests.helpers.cloak_faces import drawn
from faceprobe.cloaks import Subject, load_cloak
from faceprobe.cloaks.attacks import lowkey, opom, pgd
lowkey.STEPS = pgd.STEPS = opom.ROUNDS = 2  # memory does not grow with steps
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
cloak = load_cloak({name!r}, device="cpu")
cloak.apply([Subject("warm", drawn(512, 512, [(20, 20, 4.0)]))], seed=0)
faces = [(500, 200, 25.0), (4000, 3000, 9.0), (3600, 100, 1.0)]
photo = drawn({height}, {width}, faces)
before = peak()
result = cloak.apply([Subject("large", photo)], seed=0)[0]
grown = peak() - before
change = np.abs(result.pixels.astype(np.int16) - photo.pixels)
told = dict(grown=grown, size=result.pixels.shape, largest=int(change.max()))
told["at_face"] = float(change[400:2800, 600:3100].mean())
print(json.dumps(told | dict(faces=[f.changed for f in result.faces])))
"""


@pytest.mark.parametrize("name", ["lowkey[bundled:face;dssim]", "pgd[bundled:face]", "pgd[bundled:clip-s]"])
def test_memory_is_bounded_by_the_photo_not_by_its_gradient(name: str) -> None:
    """27 million pixels are 81 MB as bytes, 324 MB as one float32 copy; a gradient would need several."""
    program = PROGRAM.format(name=name, height=HEIGHT, width=WIDTH)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    bytes_of_photo = HEIGHT * WIDTH * 3
    assert told["size"] == [HEIGHT, WIDTH, 3] and all(told["faces"])
    assert told["at_face"] > 1 and 0 < told["largest"] <= 33
    # the copy that is returned, bands of rows, windows of 512 px and what a step keeps of them
    assert told["grown"] < 6 * bytes_of_photo, told["grown"] / bytes_of_photo
