"""Record the golden vectors that ``faceprobe doctor`` compares with: python training/golden.py"""

from __future__ import annotations

from faceprobe.core.files import write_json
from faceprobe.models import load_model
from faceprobe.models.bundled import NAMES
from faceprobe.models.bundled.golden import GOLDEN, golden_vector

if __name__ == "__main__":
    vectors = {name: golden_vector(load_model(f"bundled:{name}", device="cpu")) for name in NAMES}
    write_json(GOLDEN, {name: [round(float(x), 6) for x in vector] for name, vector in vectors.items()})
