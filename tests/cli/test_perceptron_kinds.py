"""The perceptron experiments: run files, instances, points, resumption, and results against brute force."""

import numpy as np
import pytest
import xarray as xr
from perceptron_runs import ENUMERATION, EQUILIBRIUM, all_weights, clusters, energies
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.errors import ConvergenceWarning
from perceptron import theory
from perceptron.theory.second_moments import solutions_deviation
from runs import cli, load
from runs.experiments import Control, find, perceptron_enumeration, perceptron_spec
from runs.experiments.perceptron_spec import instance_of, pattern_count
from runs.figures import style
from runs.spec import validate

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def test_points_and_their_instances():
    assert point_names(changed(ENUMERATION, grid={"n": [7], "alpha": [0.5, 1.0]})) == ["n-7_alpha-0.5", "n-7_alpha-1"]
    assert point_names(changed(EQUILIBRIUM, grid={"n": [9], "alpha": [0.5]})) == [
        "n-9_alpha-0.5_instance-0",
        "n-9_alpha-0.5_instance-1",
    ]
    one, other = (validate(find(data["experiment"]).Spec, data, "t") for data in (ENUMERATION, EQUILIBRIUM))
    enumerated = instance_of(one.patterns, one.seed, find("perceptron-enumeration").points(one)[-1], 1)
    points = find("perceptron-equilibrium").points(changed_alpha(other, 1.0))
    sampled = next(p for p in points if p.parameters["n"] == 9 and p.parameters["instance"] == 1)
    np.testing.assert_array_equal(instance_of(other.patterns, other.seed, sampled).patterns, enumerated.patterns)
    others = [instance_of(one.patterns, one.seed, find("perceptron-enumeration").points(one)[-1], i) for i in (0, 2)]
    assert all((instance.patterns != enumerated.patterns).any() for instance in others)


def changed_alpha(spec, alpha):
    return spec.model_copy(update={"grid": spec.grid.model_copy(update={"alpha": [alpha]})})


def test_limits_are_those_of_the_engine():
    from perceptron import enumeration, patterns

    assert perceptron_spec.MOST_PATTERNS == patterns.MOST
    assert perceptron_enumeration.MOST_WEIGHTS == enumeration.MOST_WEIGHTS
    for n, alpha in ((21, 0.5), (29, 0.3), (51, 0.5), (7, 1.0)):
        assert pattern_count(n, alpha) == patterns.random_patterns(n, alpha).p


@pytest.mark.parametrize(
    ("base", "tables", "said"),
    [
        (ENUMERATION, {"grid": {"n": [8, 9]}}, "n = 8 is even and stabilities can be 0; take n odd, or say what 0"),
        (ENUMERATION, {"patterns": {"tie": "error"}}, "every n is odd, so no stability is 0; leave out patterns.tie"),
        (ENUMERATION, {"patterns": {"tie": "wrong"}}, "patterns.tie = \"wrong\": needs one of 'error' or 'correct'"),
        (ENUMERATION, {"grid": {"alpha": [0.01, 0.5]}}, "alpha = 0.01 makes no pattern of n = 7; needs alpha >= 0.143"),
        (ENUMERATION, {"grid": {"alpha": [0.5, 0.52]}}, "alpha = 0.5 and 0.52 both make P = 4 patterns of n = 7"),
        (ENUMERATION, {"grid": {"n": [49]}}, "grid: n = 49 has 2^49 configurations; needs n <= 48"),
        (ENUMERATION, {"patterns": {"label_noise": 0.1}}, "patterns.label_noise = 0.1: belongs to planted = true"),
        (ENUMERATION, {"device": "cuda"}, 'device = "cuda": the perceptron experiments run on the cpu'),
        (ENUMERATION, {"grid": {"instances": 1}}, "grid.instances = 1: needs a number >= 2"),
        (EQUILIBRIUM, {"grid": {"beta": [0.5, 1.0]}}, "beta: needs 0 and one more; the entropy is integrated from"),
        (EQUILIBRIUM, {"grid": {"beta": [0.0, -1.0]}}, "grid.beta[1] = -1.0: needs a number >= 0"),
        (EQUILIBRIUM, {"sampler": {"chains": 3}}, "sampler.chains = 3: needs an even number: chains are compared"),
        (EQUILIBRIUM, {"sampler": {"sweeps": 20}}, "sampler.sweeps = 20: gives 10 draws with thin = 2; at least 32"),
        (
            EQUILIBRIUM,
            {"sampler": {"energy": "hinge"}, "patterns": {"kind": "gaussian"}},
            'sampler: energy = "hinge" counts flips of +-1 entries; with Gaussian patterns use "errors"',
        ),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(base, tables, said):
    found = faults(changed(base, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_all_faults_are_told_at_once():
    found = faults(
        changed(ENUMERATION, patterns={"kind": "normal"}, grid={"n": [8], "instances": 0}, clusters={"x": 1})
    )
    assert len(found) == 3
    several = faults(changed(EQUILIBRIUM, grid={"n": [8], "alpha": [0.01], "beta": [1.0]}))
    assert all(part in several[0] for part in ("beta: needs 0", "n = 8 is even", "alpha = 0.01 makes no pattern"))


def test_enumeration_agrees_with_brute_force(tmp_path):
    spec, experiment, files = run_points(ENUMERATION, tmp_path)
    results = experiment.assemble(spec, files)
    for point in experiment.points(spec):
        n, alpha = point.parameters["n"], point.parameters["alpha"]
        cell = results.sel(n=n, alpha=alpha)
        every, entropy, isolated, largest, overlaps, ground = all_weights(n), [], [], [], [], []
        for number in range(spec.grid.instances):
            instance = instance_of(spec.patterns, spec.seed, point, number)
            energy = energies(instance, every)
            solutions = every[energy == 0]
            ground.append(energy.min())
            assert cell["solutions_of_each"].values[number] == len(solutions)
            if len(solutions):
                sizes = [clusters(solutions, distance) for distance in (1, 2)]
                entropy.append(np.log(len(solutions)) / n)
                isolated.append([(s == 1).sum() / len(solutions) for s in sizes])
                largest.append([s[0] / len(solutions) for s in sizes])
            if len(solutions) > 1:
                pairs = solutions @ solutions.T / n
                overlaps.append(pairs[np.triu_indices(len(solutions), 1)].mean())
        assert float(cell["patterns"]) == pattern_count(n, alpha)
        assert float(cell["solvable"]) == len(entropy) / spec.grid.instances
        assert float(cell["ground_energy"]) == pytest.approx(np.mean(ground))
        for name, values in (("entropy_per_weight", entropy), ("isolated_fraction", isolated),
                             ("largest_share", largest), ("overlap", overlaps)):  # fmt: skip
            np.testing.assert_allclose(cell[name], np.mean(values, axis=0), rtol=1e-12, atol=1e-14)
            spread = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
            np.testing.assert_allclose(cell[f"{name}_error"], spread, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(cell["share_in_size"].sum("cluster_size"), 1.0, rtol=1e-12)
        p = pattern_count(n, alpha)
        assert float(cell["expected_solutions"]) == 2.0 ** (n - p)
        z = (float(cell["solutions"]) - 2.0 ** (n - p)) / (solutions_deviation(n, p) / np.sqrt(spec.grid.instances))
        assert float(cell["solutions_z"]) == pytest.approx(z)


def test_too_many_solutions_leave_clusters_out_and_say_so(tmp_path):
    few = changed(ENUMERATION, clusters={"most_solutions": 40}, grid={"n": [9], "alpha": [0.3, 1.0]})
    spec, experiment, files = run_points(few, tmp_path)
    with pytest.warns(ConvergenceWarning, match=r"clusters are left out at n = 9, alpha = 0.3: some instances"):
        results = experiment.assemble(spec, files)
    assert np.isnan(results["isolated_fraction"].sel(alpha=0.3)).all()
    assert np.isfinite(results["solutions"]).all()


@pytest.mark.parametrize(
    ("patterns", "theory_there"),
    [
        ({"kind": "gaussian"}, True),
        ({"margin": 0.2}, True),
        ({"planted": True}, True),
        ({"planted": True, "label_noise": 0.1}, False),
    ],
)
@pytest.mark.usefixtures("unrendered")
def test_every_kind_of_instance_gives_what_it_has(patterns, theory_there, tmp_path):
    data = changed(ENUMERATION, patterns=patterns, grid={"n": [7], "alpha": [0.3, 0.6], "instances": 4})
    spec, experiment, files = run_points(data, tmp_path)
    results = experiment.assemble(spec, files)
    assert np.isfinite(results["replica_entropy"]).any() == theory_there
    assert np.isfinite(results["expected_solutions"]).all() == (not spec.patterns.planted)
    with style():
        assert [one.png.stem for one in experiment.figures(results, tmp_path / "figures")] == ["solutions", "clusters"]
    assert experiment.summary(results)
    if spec.patterns.planted and not spec.patterns.label_noise:
        assert (results["solvable"] == 1.0).all()
        expected = theory.teacher_student(float(results["patterns"][0, 0]) / 7, branch="equilibrium").entropy
        assert float(results["replica_entropy"][0, 0]) == pytest.approx(float(expected))


@pytest.mark.parametrize("data", [ENUMERATION, EQUILIBRIUM], ids=["enumeration", "equilibrium"])
def test_stopping_anywhere_and_growing_changes_nothing(data, tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    small = changed(data, grid={"n": [9], "alpha": [0.6]})
    if data is EQUILIBRIUM:
        small = changed(small, sampler={"sweeps": 400})
    _, _, whole = run_points(small, tmp_path / "whole")
    fewer = changed(small, grid={"instances": 2} if data is ENUMERATION else {"instances": 1})
    if data is EQUILIBRIUM:
        fewer = changed(fewer, sampler={"sweeps": 200})
    for _ in range(3):
        run_points(fewer, tmp_path / "parts", Control("", "cpu", stop=stop_after(3)))
    run_points(fewer, tmp_path / "parts")
    _, _, parts = run_points(small, tmp_path / "parts")
    for name, path in whole.items():
        with xr.open_dataset(path, engine="h5netcdf") as a, xr.open_dataset(parts[name], engine="h5netcdf") as b:
            xr.testing.assert_equal(a.load(), b.load())


@pytest.mark.parametrize("data", [ENUMERATION, EQUILIBRIUM], ids=["enumeration", "equilibrium"])
@pytest.mark.usefixtures("unrendered")
def test_points_that_are_missing_are_holes_in_the_results(data, tmp_path):
    few = changed(data, grid={"alpha": [0.6], "instances": 2})
    spec, experiment, files = run_points(few, tmp_path)
    name = "solvable" if data is ENUMERATION else "energy_per_weight"
    left = {key: path for key, path in files.items() if key.startswith("n-9")}
    results = experiment.assemble(spec, left)
    assert np.isfinite(results[name].sel(n=9)).all()
    assert np.isnan(results[name].isel(n=1 - spec.grid.n.index(9))).all()
    with style():
        assert experiment.figures(results, tmp_path / "figures")
    assert experiment.summary(results)


def test_nothing_is_extrapolated_where_all_instances_are_alike(tmp_path):
    few = changed(EQUILIBRIUM, sampler={"sweeps": 400}, grid={"alpha": [0.8]})
    spec, experiment, files = run_points(few, tmp_path)
    results = experiment.assemble(spec, files)
    assert np.isnan(results["energy_excess_limit"].sel(beta=0.0)).all()
    assert np.isfinite(results["energy_excess_limit"].sel(beta=0.5)).all()
    half = results["patterns"] / (2.0 * results["n"])
    np.testing.assert_allclose(results["energy_per_weight"].sel(beta=0.0), half, rtol=1e-12)
    np.testing.assert_allclose(results["entropy_per_weight"].sel(beta=0.0), np.log(2.0), rtol=1e-12)


def test_one_command_gives_results_figures_and_a_page(tmp_path, capsys):
    path = tmp_path / "small.toml"
    path.write_text('experiment = "perceptron-enumeration"\n[grid]\nn = [7, 9]\nalpha = [0.3, 0.6]\ninstances = 8\n')
    out = tmp_path / "run"
    assert cli.main(["run", str(path), "-o", str(out), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "mean number of solutions against its exact value" in said
    assert "(replica theory 0." in said
    with xr.open_dataset(out / "results.h5", engine="h5netcdf") as results:
        assert results["solutions"].dims == ("n", "alpha")
        assert results["isolated_fraction"].dims == ("n", "alpha", "distance")
    for name in ("solutions", "clusters"):
        for suffix in ("png", "pdf"):
            assert (out / "figures" / f"{name}.{suffix}").stat().st_size > 5000
    assert cli.main(["verify", str(out)]) == 0
    assert cli.main(["run", str(path), "-o", str(out), "--set", "clusters.most_solutions=5"]) == 2


def test_bundled_runs_cover_what_they_are_for():
    assert load.load("perceptron-enumeration").table["grid"]["n"] == [21, 23, 25, 27, 29]
    table = load.load("perceptron-equilibrium").table
    assert len(table["grid"]["n"]) >= 3
    assert len(table["grid"]["alpha"]) >= 3
    assert table["grid"]["beta"][0] == 0.0
