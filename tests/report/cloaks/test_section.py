"""The section on cloaks: read from rows, drawn, put in words; and kept out of every other section."""

from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceprobe.core.errors import BadInput
from faceprobe.core.files import read_json, write_json
from faceprobe.report import summary_table, write_report
from faceprobe.report.clip_benchmark import export_run
from faceprobe.report.cloaks.cloak_id import read_cloak
from faceprobe.report.cloaks.countermeasures import shows_every_model
from faceprobe.report.cloaks.questions import Question, added_question, shown
from faceprobe.report.cloaks.scene import ADDED, EVASION, POISONING, cloak_scenes
from faceprobe.report.cloaks.section import cloak_sections
from faceprobe.report.cloaks.strips import AMPLIFIED, MOST_BYTES, MOST_STRIPS, Strip, difference, strip_views
from faceprobe.report.cloaks.transfer import wrapped
from faceprobe.report.cloaks.verdict import verdicts
from faceprobe.report.cloaks.verdict_sentences import cautions, overall, sentences
from faceprobe.report.comparison.runs import compare_runs, open_run
from faceprobe.report.page import page_context
from faceprobe.report.text.cloak_templates import CLOAK_TEMPLATES, OVERALL_CLAUSES, TERMS
from faceprobe.results.cells import CloakRecord
from faceprobe.results.result import from_document, to_document
from faceprobe.results.run import read_run, row_key
from tests.helpers.cloak_writer import (
    FAWKES,
    JPEG,
    KINDS,
    LOWKEY,
    NOISE_OF_FAWKES,
    PGD,
    Kind,
    add_cloaks,
    strips,
)
from tests.helpers.html_page import Page
from tests.helpers.run_writer import Writer

Make = Callable[..., Writer]


@pytest.fixture
def run_dir(writer: Make) -> Path:
    return add_cloaks(writer().write())


def test_ids_are_taken_apart() -> None:
    found = read_cloak("lowkey[bundled:face+onnx:mobile.onnx;dssim]?fidelity=fixed")
    assert (found.stem, found.surrogates) == ("lowkey", ("bundled:face", "onnx:mobile.onnx"))
    assert found.rest == "dssim, fidelity=fixed" and not found.control
    noise = read_cloak("noise[lowkey[bundled:face;dssim]?a=1]")
    assert noise.noise_for == "lowkey[bundled:face;dssim]?a=1" and noise.control and noise.surrogates == ()
    assert read_cloak("jpeg-75").control and read_cloak("clean-framed").control
    assert not read_cloak("fawkes-v1").control and read_cloak("fawkes-v1").surrogates == ()
    assert not read_cloak("odd[name").surrogates, "an unfinished bracket is no surrogate"
    assert read_cloak("mine", CloakRecord(key="k", id="mine", card={"control": True})).control, (
        "the card knows best"
    )


def test_a_scene_has_the_best_recogniser_first_and_knows_its_controls(run_dir: Path) -> None:
    (scene,) = cloak_scenes(read_run(run_dir))
    assert scene.models[0] == "bundled:face", "the lowest clean error"
    assert [c.id for c in scene.attacks] == [FAWKES.id, LOWKEY.id]
    assert [c.id for c in scene.shown] == [FAWKES.id, LOWKEY.id, JPEG.id], (
        "paired noise has no row of its own"
    )
    noise = scene.noise_of(scene.attacks[0])
    assert noise is not None and noise.id == NOISE_OF_FAWKES.id
    assert scene.is_surrogate("bundled:clip-s", scene.attacks[1])
    assert not scene.is_surrogate("bundled:clip-m", scene.attacks[1])
    assert scene.purifiers == ("jpeg-75", "blur-1")


def test_models_on_another_crop_stand_in_and_further_crops_have_a_part(writer: Make) -> None:
    folder = add_cloaks(writer().write(), kinds=(FAWKES,), purifiers=())
    add_cloaks(folder, kinds=(FAWKES,), purifiers=(), crop="aligned-112")
    document, manifest = (read_json(folder / n) for n in ("results.json", "manifest.json"))

    def gone(model: str, crop: str, cloak: str) -> bool:
        return model == "bundled:face" and crop == "as-is" and cloak != "none"

    rows = from_document(document)
    write_json(folder / "results.json", to_document([r for r in rows if not gone(r.model, r.crop, r.cloak)]))
    manifest["cells"] = [c for c in manifest["cells"] if not gone(c["model"], c["crop"], c["cloak"])]
    write_json(folder / "manifest.json", manifest)
    first, second = cloak_scenes(read_run(folder))
    assert ("bundled:face", "aligned-112") in first.victims and first.crop == "as-is"
    assert second.crop == "aligned-112"
    assert ("bundled:face", "aligned-112") not in second.victims, "shown once"
    parts = cloak_sections(read_run(folder))
    assert [p.first for p in parts] == [True, False]


def test_the_difference_to_noise_is_paired_over_the_same_people(run_dir: Path) -> None:
    run = read_run(run_dir)
    (scene,) = cloak_scenes(run)
    cloak, noise = scene.attacks[0], scene.noise_of(scene.attacks[0])
    assert noise is not None
    found = scene.over_noise("bundled:clip-m", cloak)
    assert found is not None and found.known
    ours, theirs = (
        run.cell("bundled:clip-m", ("synthetic", c.id, "as-is")).curve(POISONING, "protection_1nn")  # type: ignore[union-attr]
        for c in (cloak, noise)
    )
    assert ours is not None and theirs is not None
    change = ours - theirs
    assert found.difference == pytest.approx(change.mean())
    error = change.std(ddof=1) / np.sqrt(len(change))
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.25), "people, not probes"
    assert scene.over_noise("bundled:clip-m", replace(cloak, id="other")) is None


def test_replicates_are_used_where_they_are_stored(run_dir: Path) -> None:
    run = read_run(run_dir)
    (scene,) = cloak_scenes(run)
    noise = scene.noise_of(scene.attacks[0])
    assert noise is not None
    shared = np.random.default_rng(0).normal(0, 0.05, 200)
    for cloak, mean in ((scene.attacks[0], 0.5), (noise, 0.3)):
        cell = run.cell("bundled:clip-m", ("synthetic", cloak.id, "as-is"))
        assert cell is not None
        extra = {f"replicates//{POISONING}//protection@1nn//identity": mean + shared}
        np.savez(cell.folder / "curves.npz", **{**cell.arrays, **extra})
    (scene,) = cloak_scenes(read_run(run_dir))
    found = scene.over_noise("bundled:clip-m", scene.attacks[0])
    assert found is not None and found.low == pytest.approx(0.2) and found.high == pytest.approx(0.2)


def test_verdicts_follow_the_numbers(run_dir: Path) -> None:
    (scene,) = cloak_scenes(read_run(run_dir))
    fawkes, lowkey = verdicts(scene)
    assert fawkes.victim == "bundled:clip-m" and not fawkes.own, "the best that is not the surrogate"
    assert [a.word for a in fawkes.answers] == ["yes", "yes", "yes", "yes", "not shown"]
    assert [a.word for a in lowkey.answers] == ["yes"] * 5
    assert lowkey.answers[2].figure == "3 of 3", "two of five models are its surrogates"
    assert fawkes.answers[3].about == "jpeg-75", "the purifier with the lowest bound"
    text = str(overall(scene, [fawkes, lowkey]))
    assert text.startswith("In the built-in world (synthetic people, small bundled models): of 2")
    assert "2 are shown to mislead it more than noise at equal PSNR" in text
    assert "1 is shown to mislead it more than clean photos where the collector has trained" in text
    said = " ".join(str(s) for s in sentences(fawkes))
    assert "more than noise at equal PSNR." in said and "is not shown to exceed 0" in said
    assert "no more than jpeg-75 (0.0090); no person was asked" in said
    assert "where it was computed it adds" in said and "on bundled:face" in said
    assert "all models here are small" in " ".join(map(str, cautions(scene, [fawkes, lowkey])))


def test_a_cloak_no_better_than_noise_is_said_to_be_no_better(writer: Make) -> None:
    weak = Kind("pgd[bundled:face]", 0.05, 1.0, 1.0, 1.0)
    noise = Kind("noise[pgd[bundled:face]]", 0.05, 1.0, 1.0, 1.0, control=True)
    (scene,) = cloak_scenes(read_run(add_cloaks(writer().write(), kinds=(weak, noise))))
    (verdict,) = verdicts(scene)
    assert verdict.beats_noise is False
    assert verdict.answers[1].word == "not shown"
    assert "not shown to be more than with noise at equal PSNR" in str(sentences(verdict)[0])
    assert "none is shown to mislead it more than noise" in str(overall(scene, [verdict]))


def protection_of(run_dir: Path, cloak: str, values: list[float], interval: tuple[float, float]) -> None:
    """Give the people on bundled:clip-m these shares of missed probes, and 0 with clean photos."""
    run = read_run(run_dir)
    cell = run.cell("bundled:clip-m", ("synthetic", cloak, "as-is"))
    assert cell is not None
    extra = {
        f"{POISONING}//protection_1nn": np.array(values),
        f"{POISONING}//clean_error_1nn": np.zeros(len(values)),
    }
    np.savez(cell.folder / "curves.npz", **{**cell.arrays, **extra})
    rows = from_document(read_json(run_dir / "results.json"))
    for k, row in enumerate(rows):
        if (row.model, row.cloak, row.protocol, row.metric, row.purifier) == (
            *("bundled:clip-m", cloak, POISONING, ADDED),
            "none",
        ):
            mean = float(np.mean(values))
            rows[k] = replace(row, value=mean, ci_low=interval[0], ci_high=interval[1])
    write_json(run_dir / "results.json", to_document(rows))


@pytest.mark.parametrize(("people", "answer"), [(4, "not shown"), (5, "not shown"), (8, "yes")])
def test_shown_needs_six_people_who_differ_and_a_test_that_can_say_so(
    writer: Make, people: int, answer: str
) -> None:
    """Four of ten people who differ give p = .125 at best, whatever their interval."""
    kinds = (FAWKES, NOISE_OF_FAWKES)
    run_dir = add_cloaks(writer().write(), kinds=kinds, purifiers=(), people=10)
    protection_of(run_dir, FAWKES.id, [1.0] * people + [0.0] * (10 - people), (0.1, 0.9))
    protection_of(run_dir, NOISE_OF_FAWKES.id, [0.0] * 10, (0.0, 0.0))
    (scene,) = cloak_scenes(read_run(run_dir))
    (verdict,) = verdicts(scene)
    assert verdict.victim == "bundled:clip-m"
    assert [a.word for a in verdict.answers[:2]] == [answer, answer]


def test_the_questions_asked_of_one_cloak_are_corrected_together(writer: Make) -> None:
    """Seven of ten people who differ the same way: p = .0156 alone, and above .05 among five questions."""
    run_dir = add_cloaks(writer().write(), kinds=(FAWKES,), purifiers=(), people=10)
    protection_of(run_dir, FAWKES.id, [1.0] * 7 + [0.0] * 3, (0.2, 0.9))
    (scene,) = cloak_scenes(read_run(run_dir))
    verdict = verdicts(scene)[0]
    alone = added_question(scene, verdict.added)  # type: ignore[arg-type]
    assert alone.people == 7 and alone.p == pytest.approx(2 / 2**7)
    assert shown({"added": alone}) == {"added": True}
    assert len(verdict.shown) == 5, "added, adaptive, and three other models"
    open_ = {f"other {k}": Question(0.1, 0.5, 9) for k in range(4)}
    assert not shown({"added": alone, **open_})["added"]


def test_without_a_control_nothing_is_said_to_beat_it(writer: Make) -> None:
    (scene,) = cloak_scenes(read_run(add_cloaks(writer().write(), kinds=(FAWKES, *PGD[:1]))))
    verdict = verdicts(scene)[0]
    assert verdict.answers[1].word == "not measured" and verdict.beats_noise is None
    assert "noise at equal PSNR was not measured, so nothing shows" in str(sentences(verdict)[0])
    assert "equal PSNR" not in str(overall(scene, [verdict]))


def test_counts_say_out_of_how_many(writer: Make) -> None:
    (scene,) = cloak_scenes(read_run(add_cloaks(writer().write(), kinds=(FAWKES, NOISE_OF_FAWKES, *PGD))))
    assert "1 of 1 measured is shown to mislead it more than noise" in str(overall(scene, verdicts(scene)))


def test_few_people_get_figures_without_claims(writer: Make) -> None:
    kinds = (Kind("lowkey", 0.9), Kind("fawkes-v1", 0.5))
    folder = add_cloaks(
        writer(evidence="real-photos", datasets=("folder:faces",)).write(),
        kinds=kinds,
        people=5,
        dataset="folder:faces",
        evidence="real-photos",
        only_cloaks=True,
    )
    (scene,) = cloak_scenes(read_run(folder))
    judged = verdicts(scene)
    text = str(overall(scene, judged))
    assert text.startswith("On real photos: photos of only 5 people were cloaked, so no interval is claimed")
    assert "lowkey, enrolled, makes" in text and " are shown" not in text and " is shown" not in text
    assert {a.word for v in judged for a in v.answers} == {"no interval", "not measured"}
    words = Page(write_report(folder).read_text(encoding="utf-8")).words
    assert "This run holds no results" not in words
    assert "What lowkey and fawkes-v1 were computed on is not known" in words
    assert "5 people: no spread claimed" in words and "[0." not in words.partition("How to cite")[0]


def test_no_template_calls_anyone_protected() -> None:
    texts = [*CLOAK_TEMPLATES.values(), *OVERALL_CLAUSES.values(), *(t for pair in TERMS for t in pair)]
    assert not [t for t in texts if "protected" in t.lower() or "safe" in t.lower()]


def test_the_page_shows_every_part_once(run_dir: Path) -> None:
    page = Page(write_report(run_dir, strips=strips()).read_text(encoding="utf-8"))
    assert len(page.ids) == len(set(page.ids))
    for heading in (
        "Before, after, difference",
        "Protection by cloak and model",
        "Purifiers and adaptive collectors",
        "From surrogate to victim",
        "Effect and visibility of the change",
        "Each cloak in words",
        "left unchanged: 1 × no face found",
    ):
        assert heading in page.words, heading
    assert "protected" not in page.words.lower()
    for link in page.links:
        assert not link.startswith("#") or link[1:] in page.ids, link
        assert not link.startswith("figures/") or (run_dir / link).is_file(), link
    pictures = [i for i in page.images if (i["src"] or "").startswith("data:image/png")]
    assert len(pictures) == 6 and all(i["alt"] for i in pictures)
    assert "drawn person, built-in world" in page.words


def test_a_run_without_cloaks_has_no_section(writer: Make) -> None:
    page = Page(write_report(writer().write()).read_text(encoding="utf-8"))
    assert "cloaks" not in page.ids and "#cloaks" not in page.links


def test_other_sections_are_as_without_cloaks(writer: Make) -> None:
    bare, cloaked = writer().write(), add_cloaks(writer().write())
    contexts = [page_context(read_run(folder))[0] for folder in (bare, cloaked)]
    for name in ("findings", "boards", "crop_sections", "size_sections", "data_rows", "series", "cards"):
        first, second = (_shown(c[name]) for c in contexts)
        assert first == second, name
    curves = [[p.name for s in c["curve_sections"] for p in (*s.curves, *s.scores)] for c in contexts]
    assert curves[0] == curves[1]
    tables = [summary_table(read_run(folder).rows) for folder in (bare, cloaked)]
    assert tables[0] == tables[1]


def _shown(value: object) -> object:
    """Everything but drawings, which are equal when their names are."""
    if isinstance(value, list | tuple):
        return [_shown(v) for v in value]
    return getattr(value, "name", None) or str(value)[:20_000].partition("Plot(")[0]


def test_purified_ordinary_rows_stay_out_of_the_leaderboard(run_dir: Path) -> None:
    rows = from_document(read_json(run_dir / "results.json"))
    plain = [r for r in rows if r.protocol == "identification/leave-one-out"]
    rows += [replace(r, purifier="jpeg-75", value=0.123) for r in plain if r.value is not None]
    write_json(run_dir / "results.json", to_document(rows))
    run = read_run(run_dir)
    for row in plain:
        scene = (row.dataset, row.cloak, row.crop)
        found = run.get(row.model, scene, row.protocol, row.metric, row.weighting)
        assert found is not None and found.purifier == "none" and found.value == row.value
    assert len({row_key(r) for r in run.rows}) == len(run.rows), "nothing overwrites anything"
    assert all(c.value != "0.123" for b in page_context(run)[0]["boards"] for r in b.rows for c in r.cells)


def test_compare_and_export_keep_purifiers_apart(run_dir: Path, tmp_path: Path) -> None:
    run = read_run(run_dir)
    files = export_run(run, tmp_path / "out")
    assert len(files) == len(run.cells), "a file a cell, none for what belongs to no model"
    assert {json.loads(f.read_text())["purifier"] for f in files} == {"none", "jpeg-75", "blur-1"}
    back = open_run(tmp_path / "out")
    wanted = {row_key(r): r.value for r in run.rows if r.value is not None and r.model != "none"}
    assert {row_key(r): r.value for r in back.rows} == wanted
    lines = compare_runs([run_dir, run_dir]).lines
    assert len(lines) == len(run.rows)
    purified = [x for x in lines if x.key.purifier == "jpeg-75"]
    assert purified and all(v is not None and v.purifier == "jpeg-75" for x in purified for v in x.values)
    assert all(d.difference == 0 for x in lines for d in x.differences if d)


def test_the_map_holds_every_pair_and_frames_the_white_box(writer: Make) -> None:
    run = read_run(add_cloaks(writer().write(), kinds=PGD, purifiers=()))
    (part,) = cloak_sections(run)
    assert len(part.transfer_maps) == 2, "poisoning and evasion of one algorithm"
    drawing = ElementTree.fromstring(str(part.transfer_maps[0].inline()))
    boxes = drawing.findall("{*}rect")
    assert sum(b.get("class") in ("heat", "cool") for b in boxes) == len(PGD) * 5
    assert sum(b.get("class") == "whitebox" for b in boxes) == len(PGD)
    row = part.scene.row("bundled:clip-vit", part.scene.attacks[0], POISONING, ADDED)
    assert row is not None and row.value is not None
    texts = [t.text for t in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert f"{round(100 * row.value)}" in texts
    evasion = part.scene.row("bundled:clip-vit", part.scene.attacks[0], EVASION, ADDED)
    assert evasion is not None and f"{round(100 * (evasion.value or 0))}" in str(
        part.transfer_maps[1].inline()
    )


def test_lines_of_a_heading_fit() -> None:
    assert wrapped("fawkes-1.0.2-mid", 66) == ["fawkes-", "1.0.2-mid"]
    assert all(len(line) * 6.7 <= 70 for line in wrapped("onnx:a_very_long_file_name_112.onnx", 66))


def test_many_cloaks_keep_the_figures_short(writer: Make) -> None:
    run = read_run(add_cloaks(writer().write(), kinds=(*KINDS, *PGD)))
    (part,) = cloak_sections(run)
    assert not shows_every_model(part.scene)
    assert part.countermeasures and "best other recogniser" in part.countermeasures[0][1]
    drawn = "".join(ElementTree.fromstring(str(part.countermeasures[0][0].inline())).itertext())
    assert drawn.count("bundled:clip-vit") == 0, "neither a surrogate nor the best"
    models = {model for _, model, _ in part.purified}
    assert "bundled:clip-vit" in models, "the table holds every model"


def test_every_figure_is_drawn_inside_its_frame(run_dir: Path) -> None:
    (part,) = cloak_sections(read_run(run_dir))
    assert len(part.plots) == 2 + 2 + 2 + 5
    for plot in part.plots:
        drawing = ElementTree.fromstring(plot.file().partition("\n")[2])
        for element in drawing.iter():
            for name, limit in (("cx", plot.width), ("x", plot.width)):
                if element.tag.endswith(("circle", "text")) and element.get(name):
                    assert 0 <= float(element.get(name, "0")) <= limit, (plot.name, element.attrib)


def test_visibility_leaves_out_what_has_no_place_on_its_axis(writer: Make) -> None:
    run = read_run(add_cloaks(writer().write(), kinds=(*KINDS, Kind("opom[bundled:face]", 0.5, dssim=0.0))))
    seen = cloak_sections(run)[0].visibility
    assert seen is not None and seen.omitted == ("opom[bundled:face]",)
    assert len({mark for mark, _ in seen.legend}) == len(seen.legend), "every cloak has a mark of its own"


def test_strips_are_bounded_and_varied(run_dir: Path) -> None:
    from PIL import Image

    run = read_run(run_dir)
    many = strips(10, side=400)
    rng = np.random.default_rng(0)
    loud = rng.integers(0, 256, (700, 500, 3)).astype(np.uint8)
    many.append(Strip("synthetic", "pgd[bundled:face]", "", loud, loud[::-1].copy()))
    views = strip_views(run, "synthetic", many)
    assert len(views) == MOST_STRIPS
    assert {v.cloak for v in views[:3]} == {FAWKES.id, LOWKEY.id, "pgd[bundled:face]"}, "cloaks take turns"
    for view in views:
        for uri in (view.clean, view.cloaked, view.difference):
            data = base64.b64decode(uri.partition(",")[2])
            assert len(data) <= MOST_BYTES
            with Image.open(io.BytesIO(data)) as image:
                assert max(image.size) <= 192
    assert strip_views(run, "lfw:x", many) == []


def test_strips_show_every_algorithm_before_a_second_surrogate(run_dir: Path) -> None:
    grey = np.full((16, 16, 3), 128, dtype=np.uint8)
    names = ["pgd[a]", "pgd[b]", "pgd[c]", "pgd[d]", "pgd[e]", "pgd[f]", "lowkey[a]", "opom[a]", "pgd[a]"]
    views = strip_views(
        read_run(run_dir), "synthetic", [Strip("synthetic", n, "", grey, grey) for n in names]
    )
    assert [v.cloak for v in views] == ["pgd[a]", "lowkey[a]", "opom[a]", "pgd[b]", "pgd[c]", "pgd[d]"]


def test_the_difference_is_amplified_about_grey() -> None:
    clean = np.full((4, 4, 3), 100, dtype=np.uint8)
    cloaked = clean.copy()
    cloaked[0, 0] = (103, 100, 60)
    shown = difference(clean, cloaked)
    assert shown[1, 1].tolist() == [128, 128, 128]
    assert shown[0, 0].tolist() == [128 + 3 * AMPLIFIED, 128, 0]


def test_strips_of_two_sizes_are_refused(run_dir: Path) -> None:
    small, large = (np.zeros((n, n, 3), dtype=np.uint8) for n in (8, 9))
    with pytest.raises(BadInput, match="two sizes"):
        strip_views(read_run(run_dir), "synthetic", [Strip("synthetic", "pgd", "", small, large)])


def test_real_photos_are_captioned_as_such(writer: Make) -> None:
    folder = writer(evidence="real-photos", datasets=("folder:faces",)).write()
    (view,) = strip_views(read_run(folder), "folder:faces", strips(1, dataset="folder:faces"))
    assert view.caption == "real photo"
