"""The page in a real browser: no console error, nothing wider than a phone, both themes."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faceprobe.report import write_report
from faceprobe.report.plots.theme import DARK, LIGHT
from tests.helpers.cloak_writer import KINDS, PGD, add_cloaks, strips
from tests.helpers.run_writer import Writer

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="no browser: chromium or google-chrome"),
]

# A page around the report: a frame as wide as a phone (a headless window cannot be that narrow), and
# what was measured in it as text. Parts that scroll by themselves may hold wider things.
WRAPPER = """<!doctype html><meta charset="utf-8"><iframe id="frame" width="WIDTH" height="900"></iframe>
<pre id="measured"></pre><script>
const frame = document.getElementById("frame");
frame.onload = () => {
  const page = frame.contentDocument;
  page.querySelectorAll("details").forEach((part) => { part.open = true; });
  const wide = [...page.querySelectorAll("body *")].filter(
    (e) => !e.closest(".scroll") && !e.closest(".skip") && e.getBoundingClientRect().right > WIDTH + 1);
  const view = frame.contentWindow;
  view.dispatchEvent(new view.Event("resize"));
  const cut = [...page.querySelectorAll(".scroll")].filter((e) => e.scrollWidth > e.clientWidth + 1
    && !view.getComputedStyle(e, "::before").content.includes("scroll sideways"));
  const drawings = [...page.querySelectorAll("svg.plot")].filter((e) => e.getBoundingClientRect().width);
  const scale = (e) => e.getBoundingClientRect().width / e.viewBox.baseVal.width;
  const label = Math.min(...drawings.flatMap((e) => [...e.querySelectorAll("text")].map(
    (text) => scale(e) * parseFloat(view.getComputedStyle(text).fontSize))));
  const narrow = drawings.filter((e) => {
    const space = e.closest(".side-by-side, .pair-of-figures, .three-figures, .small-figures");
    const figures = space ? [...space.querySelectorAll("figure")] : [];
    const row = figures.filter((f) => Math.abs(f.offsetTop - e.closest("figure").offsetTop) < 4);
    const used = row.reduce((sum, f) => sum + f.getBoundingClientRect().width, 0);
    return row.length && row[0] === figures[0] && used < space.getBoundingClientRect().width / 2
      && !space.matches(".side-by-side");
  });
  const before = frame.contentWindow.getComputedStyle(page.body).backgroundColor;
  const toggle = page.getElementById("theme");
  const themes = [];
  for (let k = 0; k < 3; k++) {
    toggle.click();
    themes.push([page.documentElement.dataset.theme || "system",
                 frame.contentWindow.getComputedStyle(page.body).backgroundColor]);
  }
  page.querySelector(".focusable .legend button").click();
  document.getElementById("measured").textContent = JSON.stringify({
    scrollWidth: page.documentElement.scrollWidth,
    cut: cut.map((e) => e.getAttribute("aria-label") || e.innerHTML.slice(0, 80)), label,
    cued: page.querySelectorAll(".scroll.wider").length,
    narrow: narrow.map((e) => e.querySelector("title").textContent),
    wide: wide.map((e) => e.tagName + "." + (e.getAttribute("class") || "")),
    before, themes,
    faded: page.querySelectorAll(".focusable g.faded").length,
    series: page.querySelectorAll(".focusable")[0].querySelectorAll("g[data-series]").length,
    unlabelled: [...page.querySelectorAll("svg[role=img]")].filter(
      (e) => e.getAttribute("aria-labelledby").split(" ").some((id) => !page.getElementById(id))).length,
  });
};
frame.srcdoc = PAGE;
</script>"""


def chromium(folder: Path, url: str, *options: str) -> tuple[str, list[str]]:
    """The page's DOM after its scripts ran, and what the console said."""
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=4000",
        *options,
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def measure(folder: Path, report: Path, width: int, *options: str) -> dict[str, Any]:
    page = json.dumps(report.read_text(encoding="utf-8")).replace("</", "<\\/")
    wrapper = folder / f"wrapper{width}.html"
    wrapper.write_text(WRAPPER.replace("WIDTH", str(width)).replace("PAGE", page), encoding="utf-8")
    dom, console = chromium(folder, wrapper.as_uri(), *options)
    assert console == []
    found = re.search(r'<pre id="measured">(.+?)</pre>', dom)
    assert found, "the report did not load"
    measured: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return measured


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[k : k + 2], 16)) for k in (1, 3, 5))})"


def is_readable(measured: dict[str, Any], width: int) -> None:
    """Nothing is wider than the page or cut without a cue; labels have 11 pixels, figures fill their row."""
    assert measured["scrollWidth"] == width
    assert measured["wide"] == []
    assert measured["cut"] == []
    assert measured["label"] > 10.95
    assert measured["narrow"] == []
    assert measured["unlabelled"] == 0


def test_no_console_error(run_dir: Path, tmp_path: Path) -> None:
    dom, console = chromium(tmp_path, write_report(run_dir).as_uri())
    assert console == []
    assert 'id="theme" hidden' not in dom, "the page's script ran"


@pytest.mark.parametrize("searches", [False, True])
def test_at_390_pixels_nothing_overflows(
    writer: Callable[..., Writer], tmp_path: Path, searches: bool
) -> None:
    measured = measure(tmp_path, write_report(writer(searches=searches).write()), 390)
    is_readable(measured, 390)
    assert measured["cued"] > 0, "the leaderboard is wider than a phone, and says so"


def test_themes_and_legend_at_1280_pixels(run_dir: Path, tmp_path: Path) -> None:
    dark = "--blink-settings=preferredColorScheme=0"
    measured = measure(tmp_path, write_report(run_dir), 1280, dark)
    is_readable(measured, 1280)
    assert measured["before"] == rgb(DARK["page"]), "follows the system"
    shown = [["light", rgb(LIGHT["page"])], ["dark", rgb(DARK["page"])], ["system", rgb(DARK["page"])]]
    assert measured["themes"] == shown
    assert measured["series"] == 15, "five models in three figures"
    assert measured["faded"] == 12, "all but the chosen one"


def test_a_chosen_model_brings_out_its_band_too(writer: Callable[..., Writer], tmp_path: Path) -> None:
    measured = measure(tmp_path, write_report(writer(searches=True).write()), 1280)
    assert measured["wide"] == []
    assert measured["series"] == 30, "five models: five lines and a band each"
    assert measured["faded"] == 24


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_section_on_cloaks(run_dir: Path, tmp_path: Path, width: int, dark: bool) -> None:
    add_cloaks(run_dir, kinds=(*KINDS, *PGD))
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    measured = measure(tmp_path, write_report(run_dir, strips=strips(6)), width, *options)
    is_readable(measured, width)
