"""The experiment on widths of XY minima, end to end and small."""

import json

import numpy as np
import pytest
from xy_runs import changed, faults, run_points, stop_after

from runs.experiments import Control, find, xy_local_entropy
from runs.spec import validate

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

WIDTHS = {
    "experiment": "xy-local-entropy",
    "seed": 3,
    "starts": {"quenches": 6, "pairs": [2], "windings": [1]},
    "smoothing": {"scale": [0.1, 1.0], "integrated": 0},
    "grid": {"size": [6, 8]},
}


def closed_form(size, turn, scale, beta=20.0):
    k = 2 * np.pi * np.arange(size) / size
    modes = 2 * np.cos(turn) * (1 - np.cos(k))[:, None] + 2 * (1 - np.cos(k))[None, :]
    return np.array([np.log1p(t * modes).sum() for t in scale]) / (2 * beta * size**2)


def test_minima_and_their_widths_are_found_drawn_and_told(tmp_path, unrendered):
    spec, experiment, files = run_points(WIDTHS, tmp_path)
    results = experiment.assemble(spec, files)
    assert results["width_laplace"].dims == ("size", "minimum", "scale")
    for i, size in enumerate([6, 8]):
        one = results.isel(size=i)
        turns = [0.0, 2 * np.pi / size]
        assert one["energy_per_site"].values[:2] == pytest.approx([-1 - np.cos(turn) for turn in turns], rel=1e-9)
        for minimum, turn in enumerate(turns):
            exact = closed_form(size, turn, [0.1, 1.0])
            assert one["width_laplace"].values[minimum] == pytest.approx(exact, rel=1e-9)
        assert one["ground_width"].values == pytest.approx(closed_form(size, 0.0, [0.1, 1.0]), rel=1e-12)
        assert one["reached"].sum() + one["saddles"] == one["starts"] == 9
    drawn = experiment.figures(results, tmp_path)
    assert [drawing.png.name for drawing in drawn] == ["widths.png"]
    assert experiment.summary(results)[0].startswith("L = 6: 2 distinct minima of up to 0 vortices from 9 starts")


def test_integration_agrees_with_small_oscillations_where_the_scale_is_small(tmp_path, unrendered):
    cold = {"beta": 400.0, "scale": [0.1], "integrated": 1, "sweeps": 400}
    data = changed(WIDTHS, smoothing=cold, grid={"size": [4]}, starts={"quenches": 1, "pairs": [2], "windings": [1]})
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    departure = results["integration_over_laplace"].values[0, 0, 0]
    error = results["integration_over_laplace_error"].values[0, 0, 0]
    # The quartic term of two cosines a site, at most t^2 / beta^2, beside a width of about 2 t / beta.
    assert abs(departure) < 4.9 * error + 0.1 / 800
    assert error < 0.01
    wrong = results["width_integration"].values[0, 0, 0] / closed_form(4, 0.0, [0.12], 400.0)[0] - 1
    assert abs(wrong) > 4.9 * error
    experiment.figures(results, tmp_path)


def test_a_run_that_was_stopped_and_one_that_grew_end_in_the_same_rows(tmp_path):
    whole = changed(WIDTHS, grid={"size": [6]})
    spec, experiment, files = run_points(whole, tmp_path)
    expected = experiment.assemble(spec, files)
    few = changed(whole, starts={**whole["starts"], "quenches": 2})
    (tmp_path / "grown").mkdir()
    run_points(few, tmp_path / "grown")
    _, _, grown = run_points(whole, tmp_path / "grown")
    assert experiment.assemble(spec, grown).identical(expected)
    point, path = experiment.points(spec)[0], tmp_path / "stopped.h5"
    assert not experiment.run_point(spec, point, path, Control("", stop=stop_after(14)))
    assert experiment.run_point(spec, point, path, Control(""))
    assert experiment.assemble(spec, {point.name: path}).identical(expected)


def test_the_starts_that_fit_are_counted_before_they_are_run():
    data = changed(WIDTHS, starts={"windings": [1, 2], "pairs": [3, 7]})
    spec = validate(xy_local_entropy.XYLocalEntropySpec, data, "t")
    point = next(iter(find("xy-local-entropy").points(spec)))
    assert find("xy-local-entropy").draws(spec, point) == 1 + 1 + 1 + spec.starts.quenches
    kinds = [start.kind for start in xy_local_entropy.starts_of(spec.starts, 10)]
    assert kinds == sorted(kinds)
    assert find("xy-local-entropy").memory(spec, point) > 2**26


@pytest.mark.parametrize(
    ("tables", "said"),
    [({"grid": {"size": [3]}}, "sizes from 4 to 64"), ({"grid": {"size": [128]}}, "sizes from 4 to 64"),
     ({"smoothing": {"sweeps": 10}}, "sweeps"), ({"smoothing": {"beta": 0}}, "beta"),
     ({"starts": {"pairs": [1]}}, "pairs")],
)  # fmt: skip
def test_faults_are_named(tables, said):
    assert said in json.dumps(faults(changed(WIDTHS, **tables)))
