"""The experiments on solvers: run files, what is stored against the solvers themselves, resumption, summaries."""

import math

import numpy as np
import pytest
import xarray as xr
from perceptron_runs import all_weights
from solver_runs import ANNEALING, CAPACITY, expected, same_searches
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.errors import ConvergenceWarning, StoreError
from mcmc.statistics.proportion import wilson_interval
from perceptron import random_patterns, solve, theory
from perceptron.packing import unpack_signs
from perceptron.solvers import METHODS
from runs import cli, load
from runs.experiments import Control, find
from runs.experiments.perceptron_annealing import ANNEALERS, Search
from runs.experiments.perceptron_labels import LABELS, looks
from runs.experiments.perceptron_methods import UNITS, passes
from runs.experiments.perceptron_spec import instance_of
from runs.experiments.success_threshold import success_threshold
from runs.figures import style

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

FEW = {"max_epochs": 3}


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(
    ("base", "tables", "said"),
    [
        (CAPACITY, {"grid": {"method": ["sbpi", "max_summ"]}}, 'grid.method[1] = "max_summ": no such solver; did you'),
        (CAPACITY, {"grid": {"method": ["sbpi", "sbpi"]}}, "has sbpi more than once; each value of an axis stands"),
        (CAPACITY, {"grid": {"method": []}}, "grid.method = []: needs at least 1 entries"),
        (CAPACITY, {"solver": {"sbpi": {"chanse": 0.3}}}, "solver.sbpi.chanse = 0.3: no option of sbpi; did you mean "
                                                          "chance? its options: theta, chance"),
        (CAPACITY, {"solver": {"sbip": {}}}, "solver.sbip: no such solver; did you mean sbpi? known: reinforced_bp"),
        (CAPACITY, {"solver": {"sbpi": {"max_epochs": 1.5}}}, "solver.sbpi.max_epochs = 1.5: needs an integer"),
        (CAPACITY, {"solver": {"sbpi": {"chance": True}}}, "solver.sbpi.chance = true: needs a number"),
        (CAPACITY, {"solver": {"sbpi": {"theta": -5}}}, "solver.sbpi.theta = -5: a number of at least 0 and at most"),
        (CAPACITY, {"solver": {"sbpi": {"max_epochs": -1}}}, "solver.sbpi.max_epochs = -1: a whole number from "),
        (CAPACITY, {"solver": {"annealing": {"beta_start": "cold"}}}, 'annealing.beta_start = "cold": needs a'),
        (ANNEALING, {"solver": {"annealing": {"update": "cold"}}}, 'annealing.update = "cold": one of metro'),
        (CAPACITY, {"solver": {"sbpi": 3}}, "solver.sbpi = 3: needs a table of options, as in [solver.sbpi]"),
        (CAPACITY, {"grid": {"n": [30]}}, "n = 30 is even and stabilities can be 0"),
        (ANNEALING, {"grid": {"method": ["anealing"]}}, "grid.method[0] = \"anealing\": needs one of 'annealing' or"),
        (ANNEALING, {"grid": {"method": ["annealing"] * 2}}, "each method stands once"),
        (ANNEALING, {"solver": {"annealing": {"sweeps": 9}}}, "solver.annealing.sweeps = 9: is set for all methods by"),
        (ANNEALING, {"solver": {"sbpi": {"theta": 1.0}}}, "solver.sbpi: is not run here; known: annealing, replicated"),
        (ANNEALING, {"search": {"energy": "error"}}, "search.energy = \"error\": needs one of 'errors' or 'hinge'"),
        (ANNEALING, {"search": {"energy": "hinge"}, "patterns": {"kind": "gaussian"}}, 'search: energy = "hinge"'),
        (ANNEALING, {"grid": {"largest_n": {"annealing": 29}}}, "largest_n.annealing = 29 leaves no size"),
        (ANNEALING, {"grid": {"instances": 2}}, "grid.instances = 2: needs a number >= 4"),
        (ANNEALING, {"device": "cuda"}, 'device = "cuda": the perceptron experiments run on the cpu'),
    ],
)  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(base, tables, said):
    found = faults(changed(base, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_all_faults_are_told_at_once():
    bad = changed(
        CAPACITY, grid={"method": ["sgdd", "sbpi"], "instances": 0},
        solver={"sbpi": {"thetta": 1.0, "bound": "wide"}, "cpr": 4, "bp": {}}, patterns={"kind": "normal"},
    )  # fmt: skip
    said = faults(bad)
    places = ["patterns.kind", "solver.sbpi.thetta", "solver.sbpi.bound", "solver.cpr", "solver.bp", "grid.instances"]
    assert all(any(line.startswith(place) for line in said) for place in [*places, "grid.method[0]"])
    assert len(said) == 7


def test_points_of_a_method_end_at_its_largest_size():
    assert point_names(changed(CAPACITY, grid={"method": ["cpr"], "n": [31], "alpha": [0.5]})) == [
        "method-cpr_n-31_alpha-0.5"
    ]
    names = point_names(changed(ANNEALING, grid={"largest_n": {"annealing": 60}}))
    assert names == [f"method-{m}_n-{n}_alpha-0.5" for m, sizes in zip(ANNEALERS, ([31, 51], [31, 51, 81]), strict=True)
                     for n in sizes]  # fmt: skip


def test_every_solver_has_a_name_a_look_and_its_own_unit():
    assert set(UNITS) == set(LABELS) == set(METHODS)
    assert len({(looks(method)["color"], looks(method)["marker"]) for method in METHODS}) == len(METHODS)
    assert len({looks(method)["color"] for method in METHODS}) == len(METHODS)


@pytest.mark.parametrize("method", ["sbpi", "cpr", "annealing", "replicated_annealing", "replicated_sgd"])
def test_work_is_counted_in_one_measure(method):
    instance = random_patterns(41, 0.7, seed=3)
    few = {"sweeps": 4, "doublings": 0} if "annealing" in method else FEW
    found = solve(instance, method, 1, **few)
    assert found.work_unit == UNITS[method]
    together = {"replicated_annealing": 7, "replicated_sgd": 7}.get(method, 1)
    assert 0 < passes(found, instance.n, instance.p) <= (4 if "annealing" in method else 3) * together
    if "annealing" in method:
        # A sweep of replicas tries n flips of each.
        assert passes(found, instance.n, instance.p) == together * found.work


def test_searches_on_the_same_instances_are_stored_as_the_solvers_give_them(tmp_path):
    spec, experiment, files = run_points(CAPACITY, tmp_path)
    results = experiment.assemble(spec, files)
    for point in experiment.points(spec):
        method, n = point.parameters["method"], point.parameters["n"]
        stored, found = opened(files[point.name]), expected(spec, point, **spec.solver[method])
        np.testing.assert_array_equal(stored["errors"], [one.errors for one in found])
        np.testing.assert_array_equal(stored["work"], [one.work for one in found])
        weights = unpack_signs(stored["weights"].values, n)
        for draw, one in enumerate(found):
            instance = instance_of(spec.patterns, spec.seed, point, draw)
            assert int(instance.errors(weights[draw])) == int(stored["errors"][draw]) == one.errors
        cell = results.sel({"method": method, "n": n, "alpha": point.parameters["alpha"]})
        solved = sum(one.solved for one in found)
        assert float(cell["success"]) == solved / 6
        assert (cell["success_low"], cell["success_high"]) == pytest.approx(tuple(wilson_interval(solved, 6)))
        work = np.array([one.work if one.solved else np.inf for one in found])
        median = np.median(work) if solved > 3 else math.nan
        assert float(cell["median_work"]) == pytest.approx(median, nan_ok=True)
        if solved < 6:
            assert float(cell["mean_errors"]) == np.mean([one.errors for one in found if not one.solved])
    assert float(results["capacity"]) == pytest.approx(0.833079, abs=1e-6)
    assert float(results["alpha_u"]) == pytest.approx(float(theory.monotonicity_threshold()), abs=1e-9)
    assert 0.75 < float(results["alpha_u"]) < 0.76
    # Far beyond the capacity nothing is solved, at alpha = 0.3 nearly everything.
    assert (results["success"].sel(alpha=1.6) == 0).all()
    assert (results["success"].sel(alpha=0.3) > 0.5).all()
    assert ((results["alpha_half"] > 0.3) & (results["alpha_half"] < 1.6)).all()


def test_no_solver_finds_what_is_not_there(tmp_path):
    data = changed(CAPACITY, grid={"n": [11], "alpha": [0.8], "instances": 12})
    spec, experiment, files = run_points(data, tmp_path)
    every = all_weights(11)
    for point in experiment.points(spec):
        stored = opened(files[point.name])
        fewest = [int(instance_of(spec.patterns, spec.seed, point, i).errors(every).min()) for i in range(12)]
        assert (stored["errors"].values >= fewest).all()
    assert 0 < sum(value == 0 for value in fewest) < 12


@pytest.mark.parametrize("base", [CAPACITY, ANNEALING])
def test_runs_resume_and_extend_to_the_same_searches(base, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    data = changed(base, grid={"n": [31], "alpha": [0.8]})
    _, experiment, whole = run_points(data, tmp_path / "whole")
    fewer = changed(data, grid={"instances": 4})
    run_points(fewer, tmp_path / "parts", Control("", "cpu", stop=stop_after(3)))
    run_points(fewer, tmp_path / "parts")
    _, _, parts = run_points(data, tmp_path / "parts")
    assert all(same_searches(opened(path), opened(parts[name])) for name, path in whole.items())
    other = run_points(changed(data, seed=6, grid={"instances": 4}), tmp_path)[2]
    assert not any(same_searches(opened(whole[name]).isel(draw=slice(4)), opened(path)) for name, path in other.items())
    assert set(experiment.extendable) >= {"grid.n", "grid.alpha", "grid.instances", "grid.method"}


def test_a_file_made_with_other_options_is_not_gone_on_with(tmp_path):
    data = changed(CAPACITY, grid={"method": ["sbpi"], "n": [31], "alpha": [0.5], "instances": 3})
    run_points(data, tmp_path)
    more = changed(data, grid={"instances": 4}, solver={"sbpi": {"max_epochs": 41}})
    with pytest.raises(StoreError, match=r'was made with the options .*"max_epochs": 40.* this version has .*41'):
        run_points(more, tmp_path)


def test_the_work_of_annealing_is_that_of_all_runs_and_replicas(tmp_path):
    spec, experiment, files = run_points(ANNEALING, tmp_path)
    results = experiment.assemble(spec, files)
    for point in experiment.points(spec):
        method, n = point.parameters["method"], point.parameters["n"]
        together = 3 if method == "replicated_annealing" else 1
        runs = spec.search.doublings(n * together)
        found = expected(spec, point, energy="errors", sweeps=5, doublings=runs, **spec.solver.get(method, {}))
        stored = opened(files[point.name])
        np.testing.assert_array_equal(stored["work"], [together * one.work for one in found])
        np.testing.assert_array_equal(stored["errors"], [one.errors for one in found])
        # Given up after all the runs that may be made, and not before.
        late = stored["errors"].values > 0
        np.testing.assert_array_equal(stored["work"].values[late], together * 5 * (2 ** (runs + 1) - 1))
        cell = results.sel({"method": method, "n": n, "alpha": 0.5})
        np.testing.assert_array_equal(cell["solved_of_each"], ~late)
        np.testing.assert_array_equal(cell["work_of_each"], stored["work"])
    assert np.isfinite(results["rate"]).all()
    np.testing.assert_array_equal(results["replicas"], [1, 3])


@pytest.mark.parametrize("sites", [1, 31, 400, 12345])
def test_a_search_takes_the_runs_that_its_flips_allow(sites):
    search = Search(sweeps=7, most_flips=100_000)
    runs = search.doublings(sites) + 1
    assert sites * 7 * (2**runs - 1) <= 100_000 or runs == 1
    assert sites * 7 * (2 ** (runs + 1) - 1) > 100_000


def test_the_threshold_of_success_is_where_its_curve_goes_through_one_half(seed):
    rng = np.random.default_rng([seed, 7])
    x, trials, repeats = np.arange(0.5, 0.95, 0.05), 40, 60
    p = 1.0 / (1.0 + np.exp((x - 0.72) / 0.03))
    found = [success_threshold(x, rng.binomial(trials, p), np.full(x.size, trials)) for _ in range(repeats)]
    z = np.array([(one.value - 0.72) / one.error for one in found])
    # Its error adds what the curve may do between two places, so it errs on the large side, by less than a factor of 2.
    assert abs(z.mean()) * np.sqrt(repeats) < 4.9
    assert 0.5 < z.std() < 1.0 + 4.9 / np.sqrt(2 * repeats)
    shifted = np.array([(one.value - 0.70) / one.error for one in found])
    assert abs(shifted.mean()) * np.sqrt(repeats) > 4.9
    sharp = success_threshold([0.5, 0.6, 0.7], [9, 9, 0], [9, 9, 9])
    assert sharp.value == pytest.approx(0.65)
    assert sharp.error >= 0.1 / np.sqrt(12)
    assert np.isnan(success_threshold([0.5, 0.6], [9, 8], [9, 9])).all()
    assert success_threshold([0.5, 0.6, 0.7], [8, 4, 0], [8, 8, 8]).value == pytest.approx(0.6)


@pytest.mark.parametrize("base", [CAPACITY, ANNEALING])
@pytest.mark.usefixtures("unrendered")
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(base, tmp_path):
    spec, experiment, files = run_points(base, tmp_path)
    methods = spec.grid.method
    for part in (files, dict(list(files.items())[:1])):
        results = experiment.assemble(spec, part)
        with style():
            drawn = experiment.figures(results, tmp_path / "figures")
        names = ["solvers", "sizes"] if base is CAPACITY else ["work"]
        assert [one.png.stem for one in drawn] == names
        assert all("nan" not in one.caption for one in drawn)
        said = experiment.summary(results)
        assert not any("nan" in line for line in said)
        assert any(line.startswith(LABELS[methods[0]]) for line in said)


@pytest.mark.usefixtures("unrendered")
def test_a_median_whose_upper_end_is_unknown_is_marked(tmp_path, monkeypatch):
    spec, experiment, files = run_points(changed(CAPACITY, grid={"n": [31], "alpha": [0.3, 1.6]}), tmp_path)
    results = experiment.assemble(spec, files)
    pointed = []
    monkeypatch.setattr("matplotlib.axes.Axes.annotate", lambda ax, text, at, **_: pointed.append((text, at)))
    for end, said in ((250.0, "(90..250) passes"), (np.nan, "(90..) passes")):
        cells = {"median_passes": 100.0, "median_passes_low": 90.0, "median_passes_high": end}
        changes = {name: xr.where(results["alpha"] < 1.0, value, np.nan).broadcast_like(results[name])
                   for name, value in cells.items()}  # fmt: skip
        there = results.assign(median_seconds=results["median_seconds"].where(False), **changes)
        pointed.clear()
        with style():
            experiment.figures(there, tmp_path / "figures")
        arrows = [at for text, at in pointed if not text]
        assert arrows == ([] if np.isfinite(end) else [(results["patterns"][0, 0, 0] / 31, 100.0)] * 2)
        timed = there.assign(median_seconds=changes["median_passes"])
        assert all(said in line for line in experiment.summary(timed)[1:])


def test_too_few_solutions_for_a_fit_are_told(tmp_path):
    data = changed(ANNEALING, grid={"alpha": 2.0, "n": [31, 51], "instances": 4}, search={"most_flips": 100})
    spec, experiment, files = run_points(data, tmp_path)
    with pytest.warns(ConvergenceWarning, match="annealing at alpha = 2: too few solutions to fit laws"):
        results = experiment.assemble(spec, files)
    assert np.isnan(results["rate"]).all()
    assert experiment.summary(results)[0] == "annealing, alpha = 2: not enough sizes with solutions for a fit"


def test_planted_labels_have_no_capacity(tmp_path):
    data = changed(
        CAPACITY, patterns={"planted": True}, grid={"method": ["sbpi"], "n": [31], "alpha": [0.5], "instances": 3}
    )
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    assert np.isnan([results["capacity"], results["alpha_u"]]).all()
    assert experiment.summary(results)[0].startswith("SBPI, N = 31")


@pytest.mark.parametrize("name", ["perceptron-capacity", "perceptron-annealing"])
def test_bundled_specs_are_sound(name):
    run = load.load(name)
    assert run.experiment is not None
    assert find(run.spec.experiment).points(run.spec)
    assert "--set" in load.SPECS.joinpath(f"{name}.toml").read_text() or name == "perceptron-capacity"


def test_the_command_runs_and_reports(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["grid.n=[31]", "grid.alpha=[0.4,0.8]", "grid.instances=3", 'grid.method=["sbpi","cpr"]']
    arguments = [word for option in options for word in ("--set", option)]
    assert cli.main(["run", "perceptron-capacity", "--workers", "1", *arguments]) == 0
    out = capsys.readouterr().out
    assert "theory: capacity 0.8331, dense groups of solutions to alpha_U = 0.7553" in out
    assert "SBPI, N = 31" in out
    assert (tmp_path / "perceptron-capacity" / "report.html").is_file()
