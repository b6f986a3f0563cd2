"""The gallery: every bundled spec has a quick version, runs land on one page with verdicts, again does nothing."""

import inspect
import math
import re
from pathlib import Path

import pytest

from mcmc.errors import ArgumentError, DeviceError, SpecError, StoreError
from runs import gallery as module
from runs import load
from runs.cli import main
from runs.gallery import chosen, gallery, quick, quick_specs
from runs.gallery_talk import SLIDES, slides_of
from runs.report import report
from runs.verdict import AGREES, DIFFERS, UNDECIDED, Verdict, largest_score

TINY = {
    "xy-bkt-quick": {
        "grid.size": [4, 6],
        "grid.temperature": [0.7, 0.8, 0.9, 1.0, 1.1],
        "sampler.thermalization": 40,
        "sampler.sweeps": 200,
        "sampler.chains": 2,
    },
    "stationary-points": {
        "grid.case": ["ring-5", "linear-1"],
        "search.starts": 20,
        "search.batches": 2,
        "network.runs": 1,
        "network.samples": 40,
    },
}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(module, "quick_specs", lambda: TINY)


@pytest.mark.parametrize("name", sorted(load.bundled()))
def test_every_bundled_spec_has_a_quick_version(name):
    run = quick(name)
    assert quick_specs()[name]
    assert run.name == name
    assert run.text != load.load(name).text
    assert run.experiment.points(run.spec)


def test_quick_versions_are_of_bundled_specs():
    assert set(quick_specs()) == set(load.bundled())


def test_every_bundled_spec_is_of_a_slide_and_every_slide_has_figures_that_are_drawn():
    assert {name for slide in SLIDES for name in slide.shown} == set(load.bundled())
    assert len({slide.title for slide in SLIDES}) == len(SLIDES)
    for slide in SLIDES:
        for name, stems in slide.shown.items():
            module = Path(inspect.getfile(type(load.load(name).experiment)))
            code = "".join(path.read_text() for path in module.parent.glob(f"{module.stem}*.py"))
            assert [stem for stem in stems if not re.search(rf'save\([^)]*"{stem}"|stem = "{stem}"', code)] == []
    assert slides_of("homogenization") == ["Homogenization of SDEs"]


def test_page_has_figures_numbers_references_and_verdicts(tmp_path, tiny, unrendered, capsys):
    out = tmp_path / "gallery"
    assert main(["gallery", "-o", str(out), "--workers", "1", "--only", *TINY]) == 0
    page = (out / "gallery.html").read_text()
    assert all(f'<section id="{name}">' in page for name in TINY)
    figures = [png for name in TINY for png in (out / name / "figures").glob("*.png")]
    assert page.count("<img ") == len(figures) >= 4
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "0.8929" in page
    assert "Hasenbusch" in page
    assert "exact: enumeration" in page
    linked, anchors = re.findall(r'href="#([^"]+)"', page), re.findall(r' id="([^"]+)"', page)
    assert set(linked) <= set(anchors)
    assert "stationary-points--flat-directions" in linked
    assert "Of the talk: Symmetries in deep architectures: matrix factorization and permutation;" in page
    assert page.index("Homogenization of SDEs") < page.index("Symmetries in deep architectures")
    # A number with its reference for each run, not the first line of what is said.
    assert re.search(r'<a href="#xy-bkt-quick">xy-bkt-quick</a></td><td>[^<]*, reference 0.89', page)
    assert f"gallery: {out / 'gallery.html'}" in capsys.readouterr().out

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.suffix in (".h5", ".html")}
    assert gallery(out, workers=1) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}
    # Of these two kinds one takes its errors from bins.
    lines = report(out / "stationary-points", 4)
    assert lines[0].startswith("--bins 4: errors of this experiment come from independent repeats")
    assert not report(out / "xy-bkt-quick", 4)[0].startswith("--bins")


def test_failed_run_is_named_and_the_others_go_on(tmp_path, tiny, unrendered):
    other = tmp_path / "xy-bkt-quick"
    other.mkdir()
    (other / "spec.toml").write_text(load.load("xy-bkt-quick", ["seed=5"]).text)
    assert gallery(tmp_path, workers=1) == 1
    page = (tmp_path / "gallery.html").read_text()
    assert "Failed: xy-bkt-quick." in page
    assert "made with another spec" in page
    assert "ring-5:" in page
    # Nothing is done anew, and it is still not well.
    assert gallery(tmp_path, workers=1) == 1


def test_run_without_its_data_is_left_out(tmp_path, tiny, monkeypatch):
    def missing(self):
        raise DeviceError("the data are not installed")

    run = quick("stationary-points")
    monkeypatch.setattr(type(run.spec), "require", missing)
    assert gallery(tmp_path, only=["stationary-points"]) == 0
    page = (tmp_path / "gallery.html").read_text()
    assert "Left out: stationary-points." in page
    assert "the data are not installed" in page


def test_faults_are_told_before_anything_runs(tmp_path):
    with pytest.raises(SpecError, match="did you mean 'xy-bkt'"):
        chosen(["xy-bktt"])
    with pytest.raises(ArgumentError, match="--workers 0"):
        gallery(tmp_path / "out", workers=0)
    (tmp_path / "spec.toml").write_text("")
    with pytest.raises(StoreError, match="folder of a run"):
        gallery(tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("measured", "error", "relation", "state"),
    [
        (1.2, 0.1, "equal", AGREES),
        (1.4, 0.1, "equal", DIFFERS),
        (1.0, None, "equal", UNDECIDED),
        (math.nan, 0.1, "equal", UNDECIDED),
        (0.5, None, "at most", AGREES),
        (math.inf, None, "at most", DIFFERS),
        (1.5, 0.1, "above", AGREES),
        (1.1, 0.1, "above", UNDECIDED),
        (1.5, 0.1, "below", DIFFERS),
    ],
)
def test_verdict_follows_from_error_and_reference(measured, error, relation, state):
    verdict = Verdict("x", measured, error, 1.0, "exact", relation)
    assert verdict.state == state
    assert verdict.said.startswith(state)


def test_verdict_says_on_which_side_of_a_bound_the_number_is():
    def said(measured, relation):
        return Verdict("x", measured, 0.1, 1.0, "exact", relation).said

    assert said(-1.0, "below") == "agrees: below by 20.0 standard errors"
    assert said(3.0, "below") == "differs: above by 20.0 standard errors"
    assert said(3.0, "above") == "agrees: above by 20.0 standard errors"
    assert said(1.1, "above") == "undecided: 1.0 standard errors from 1"


def test_verdict_counts_standard_errors_of_the_difference():
    verdict = Verdict("x", 1.5, 0.03, 1.0, "published", reference_error=0.04)
    assert verdict.score == pytest.approx(10.0)
    assert verdict.said == "differs: +10.0 standard errors"


def test_largest_score_counts_what_is_infinitely_wrong_and_skips_what_is_not_there():
    assert largest_score("x", [math.nan], "exact") == []
    (verdict,) = largest_score("x", [0.3, -2.0, math.nan], "exact")
    assert (verdict.measured, verdict.state) == (2.0, AGREES)
    assert largest_score("x", [0.3, math.inf], "exact")[0].state == DIFFERS
