"""Write ``docs/bundled-models.md`` from the training records and a quickstart run.

python docs/bundled_models.py runs/quickstart
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from faceprobe.core.files import read_json
from faceprobe.models.bundled import DATA, NAMES

CROSS, PLAIN = "identification/leave-one-out-cross-event", "identification/leave-one-out"
HEAD = """# The bundled models

Written by `docs/bundled_models.py` from the training records and from `faceprobe run quickstart`.

Small models trained on the built-in world's synthetic people. They let everything run without a
download, and they are a laboratory animal: their figures hold in the built-in world and say nothing
about CLIP, about photos of real people, or about how well a cloak protects anyone.
"""
DATA_TEXT = """## Data

- CLIP models: 5,000 synthetic people x 12 photos of 112 px (seed 0, split `train`), shrunk to 64 px, each
  with one caption. 20 % of the people are never named in a caption, 20 % in one of five of their photos,
  60 % in nine of ten; `name_class` in `datasets/synthetic/captions.py` gives each person's class.
- Specialist: 5,000 other people x 12 photos (split `specialist`), aligned by their true landmarks.
- The figures below are on 300 people of the split `test`, 8 photos each, that no model was trained on.
"""
LIMITS = """## Limits

- 64 pixels, 128 dimensions, about two hours of one processor core for all of them: no claim about what
  such models could reach with more training.
- The three sizes saw the same photos, in the same order, the same number of times, with one recipe. Its
  learning rate was tried out on the middle size only, which may favour that size; a larger model may also
  need more samples. The ViT saw fewer photos than they did.
- The aim was a rank-1 of .75 for the best CLIP model and .95 for the specialist, across events.
- Text is lower-cased, cut at 32 tokens, with a vocabulary of 1,514.
- Render groups (`tone-1` ...) are drawing parameters; they support no demographic claim.
"""


def figure(rows: list[dict[str, Any]], model: str, crop: str, protocol: str, metric: str = "rank1") -> str:
    for r in rows:
        key = (r["model"], r["crop"], r["protocol"], r["metric"], r["weighting"])
        if key == (model, crop, protocol, metric, "identity") and r["value"] is not None:
            return f"{r['value']:.3f} [{r['ci_low']:.3f}, {r['ci_high']:.3f}]"
    return "-"


def main(run: Path) -> None:
    rows = read_json(run / "results.json")["rows"]
    lines = [HEAD, "## Training\n"]
    lines += [
        "| model | image tower | parameters | samples seen | steps | minutes, one thread |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in NAMES:
        card, record = read_json(DATA / name / "card.json"), read_json(DATA / name / "training.json")
        tower = card["extra"].get("tower", "ResNet-10-T")
        lines.append(
            f"| `bundled:{name}` | {tower} | {card['n_params'] / 1e6:.2f} M | {card['samples_seen']:,.0f} "
            f"| {record['steps']:,} of {record['recipe']['batch']} | {record['seconds'] / 60:.0f} |"
        )
    lines += [
        "",
        "Minutes were measured on a shared machine, bfloat16 autocast. Recipes: `training/train.py`.",
        "",
        DATA_TEXT,
    ]
    lines += [
        "## Figures in the built-in world\n",
        "Rank-1, by people, with 95 % intervals; chance is about 0.003.\n",
    ]
    lines += [
        "| model | other events only | any other photo | context only, other events | context only, any |",
        "| --- | --- | --- | --- | --- |",
    ]
    for model in dict.fromkeys(r["model"] for r in rows if r["protocol"] == CROSS):
        own = "as-is" if any(r["crop"] == "as-is" for r in rows if r["model"] == model) else "aligned-112"
        cells = [figure(rows, model, crop, p) for crop in (own, "context-only") for p in (CROSS, PLAIN)]
        label = f"`{model}`" + (f", {own}" if own != "as-is" else "")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    spread = read_json(DATA / "clip-m" / "card.json").get("extra", {}).get("seed_spread")
    if spread:
        values = " and ".join(f"{v:.3f}" for v in spread["values"])
        lines += ["", f"`bundled:clip-m` trained again with another seed: {values} ({spread['metric']})."]
    lines += ["", LIMITS]
    (Path(__file__).parent / "bundled-models.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
