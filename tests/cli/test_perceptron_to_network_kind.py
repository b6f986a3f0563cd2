"""The experiment that joins perceptrons and networks: run files, what is stored, correlations, resumption, figures."""

import json
import math
import shutil

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.stats import spearmanr
from xy_runs import changed, faults, point_names, run_points, stop_after

from mcmc.errors import StoreError
from mcmc.local_entropy import integration
from perceptron.enumeration import enumerate_configurations
from perceptron.packing import unpack_signs
from runs.experiments import Control, find
from runs.experiments.perceptron_spec import instance_of
from runs.experiments.perceptron_to_network import TEACHER, instances_of
from runs.experiments.perceptron_to_network_correlations import (
    Groups,
    rank_correlation,
    resampled_errors,
    with_error,
)
from runs.experiments.perceptron_to_network_draw import trained
from runs.experiments.perceptron_to_network_summary import verdicts
from runs.spec import validate
from runs.verdict import AGREES, DIFFERS, UNDECIDED

SMALL = {
    "experiment": "perceptron-to-network",
    "seed": 5,
    "data": {"name": "teacher-student", "features": 3, "train": 24, "test": 40},
    "network": {"hidden": [2]},
    "perceptron": {"source": ["sbpi", "annealing"], "n": 15, "alpha": [0.4, 0.8], "instances": 3,
                   "distance": [0.07, 0.2], "shown": 0.2},
    "training": {"wrong": [0.0, 1.0], "loss": 0.5, "first_loss": 0.6, "max_sweeps": 400, "seeds": 3,
                 "displacement": [0.05, 0.3], "shown": 0.3, "steps": 100,
                 "recipe": [{"step_size": 0.3}, {"step_size": 0.2, "batch_size": 4}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run_points(SMALL, tmp_path_factory.mktemp("run"))


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"perceptron": {"source": ["sbip"]}}, "no such solver; did you mean sbpi?"),
        ({"perceptron": {"n": 16}}, "even numbers of weights have stabilities of 0; take an odd one"),
        ({"perceptron": {"distance": [0.1, 0.7]}}, "has 0.7; distances up to 1/2 are measured"),
        ({"perceptron": {"distance": [0.01, 0.1]}}, "two values stand for the same multiple of 1/15, or one for 0"),
        ({"training": {"wrong": [0.0, 1.5]}}, "training.wrong[1] = 1.5: needs a number <= 1"),
        ({"training": {"wrong": [0.5, 0.5]}}, "has a share more than once; each stands once"),
        ({"training": {"recipe": [{"step_size": 0.1}] * 2}}, "has one more than once; each recipe stands once"),
        ({"training": {"recipe": [{"step_size": 0.1, "batch_size": 25}]}}, "batch_size = 25: there are 24 training"),
        ({"training": {"recipe": []}}, "training.recipe = []: needs at least 1"),
        ({"training": {"seeds": 2}}, "training.seeds = 2: needs a number >= 3"),
        ({"solver": {"sbpi": {"thetta": 1.0}}}, "no option of sbpi; did you mean theta?"),
    ],
)
def test_a_run_file_that_cannot_be_run_is_refused_in_one_line(tables, said):
    found = faults(changed(SMALL, **tables))
    assert len(found) == 1
    assert said in found[0]


def test_points_are_sources_and_ways_to_train():
    names = point_names(SMALL)
    assert len(names) == 3 * 2 + 2 * 2
    assert "source-teacher_n-15_alpha-0.8" in names
    assert "wrong-1_recipe-eta-0.2-batch-4" in names


def test_stored_solutions_are_solutions_and_their_surroundings_those_of_all_configurations(finished):
    spec, experiment, files = finished
    results, checked = experiment.assemble(spec, files), 0
    for point in (p for p in experiment.points(spec) if "source" in p.parameters):
        stored = opened(files[point.name])
        weights = unpack_signs(stored["weights"].values, 15)
        for draw in np.flatnonzero(stored["solved"].values):
            instance = instance_of(instances_of(spec), spec.seed, point, draw)
            assert int(instance.errors(weights[draw])) == 0
            overlap = weights[draw].astype(int) @ instance.teacher / 15
            assert float(stored["overlap"][draw]) == pytest.approx(overlap, abs=1e-15)
            assert float(stored["test_error"][draw]) == pytest.approx(math.acos(overlap) / math.pi, abs=1e-12)
            every = unpack_signs(enumerate_configurations(instance).packed_solutions[:, None], 15).astype(int)
            apart = (15 - every @ weights[draw]) // 2
            for k, flips in enumerate((1, 3)):
                exact = math.log(max((apart == flips).sum(), 0.5)) / 15
                assert abs(float(stored["entropy"][draw, k]) - exact) < 4.9 * float(stored["error"][draw, k])
            checked += 1
        cell = results.sel(source=point.parameters["source"], alpha=point.parameters["alpha"])
        known = stored["solved"].values == 1
        assert int(cell["solved"]) == known.sum()
        if known.any():
            assert float(cell["test_error"]) == pytest.approx(stored["test_error"].values[known].mean())
    assert checked > 10
    teachers = results.sel(source=TEACHER)
    assert (teachers["test_error"] == 0).all()
    assert (results["typical_test_error"] > 0.2).all()


def test_stored_networks_are_where_training_arrives(finished):
    spec, experiment, files = finished
    model, checked = spec.landscape(), 0
    for point in (p for p in experiment.points(spec) if "wrong" in p.parameters):
        stored = opened(files[point.name])
        recipe = next(r for r in spec.training.recipe if r.text == point.parameters["recipe"])
        for draw in range(3):
            sweeps, x = trained(spec, model, point.parameters["wrong"], recipe, draw)
            assert int(stored["sweeps"][draw]) == sweeps
            assert (x is None) == (sweeps == -1) == bool(np.isnan(stored["test_error"][draw]))
            if x is not None:
                assert float(stored["training_loss"][draw]) == model.energy(x)[0] <= spec.training.loss
                assert float(stored["test_error"][draw]) == model.test_error(x)[0]
                said = model.outputs(x, model.data.test_inputs)[0].argmax(axis=1)
                np.testing.assert_array_equal(stored["missed"][draw] == 1, said != model.data.test_targets)
                length = math.sqrt(float(stored["scale"][draw, 1]) * model.dim / model.data.size)
                assert length == pytest.approx(0.3 * float(stored["length"][draw]))
                checked += 1
                if checked == 2:
                    agrees_with_chains(model, x[0], stored.isel(draw=draw))
    assert checked >= 6


def agrees_with_chains(model, x, stored):
    beta = float(model.data.size)
    scale = np.append(stored["scale"].values, 0.3)
    found = integration(model, x, scale=scale, beta=beta, seed=3, sweeps=1000)
    value, error = ((v * beta / model.dim) for v in (model.energy(x[None])[0] - found.value, found.error))
    mine = np.append(stored["entropy"].values, stored["fixed_entropy"].values)
    own = np.append(stored["error"].values, stored["fixed_error"].values)
    z = (mine - value) / np.hypot(error, own)
    assert np.abs(z).max() < 4.9


def test_networks_of_one_number_begin_alike_and_wrong_labels_leave_a_trace():
    spec = validate(find("perceptron-to-network").Spec, SMALL, "test.toml")
    model, recipe = spec.landscape(), spec.training.recipe[0]
    first = [trained(spec, model, 0.0, recipe, 0)[1] for _ in range(2)]
    np.testing.assert_array_equal(*first)
    assert not np.array_equal(first[0], trained(spec, model, 1.0, recipe, 0)[1])


def test_rank_correlation_is_spearmans_within_groups():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(1, 9, 1)), rng.normal(size=(1, 9, 1))
    assert rank_correlation(Groups(x, y)) == pytest.approx(spearmanr(x.ravel(), y.ravel()).statistic, abs=1e-12)
    # A shift of a group changes nothing, nor does a member without value.
    both = Groups(np.concatenate([x, x + 5.0]), np.concatenate([y, y - 7.0]))
    assert rank_correlation(both) == pytest.approx(rank_correlation(Groups(x, y)), abs=1e-12)
    assert np.corrcoef(both.x.ravel(), both.y.ravel())[0, 1] < -0.8
    holed = Groups(np.append(x, np.nan).reshape(1, 10, 1), np.append(y, 3.0).reshape(1, 10, 1))
    assert rank_correlation(holed) == rank_correlation(Groups(x, y))
    assert math.isnan(rank_correlation(Groups(np.ones((1, 4, 1)), x[:, :4])))


def test_error_of_a_rank_correlation_is_its_spread():
    rng = np.random.default_rng(8)
    found = []
    for _ in range(120):
        x = rng.normal(size=(1, 6, 12))
        found.append(with_error(Groups(x, 0.6 * x + 0.8 * rng.normal(size=x.shape))))
    values, errors = np.array(found).T
    ratio = values.std(ddof=1) / math.sqrt((errors**2).mean())
    # The spread of 120 values is known to 7 %.
    assert abs(ratio - 1.0) < 4.9 * 0.07


def test_error_of_a_rank_correlation_counts_the_test_samples_that_all_networks_share():
    rng, members, repeats, tested, trials = np.random.default_rng(9), 6, 4, 400, 120
    quality = np.linspace(0.0, 1.0, members)
    found = []
    for seed in range(trials):
        x = (quality[:, None] + 0.2 * rng.normal(size=(members, repeats)))[None]
        # Networks of a kind are wrong on the same samples: between repeats nothing tells of it.
        alike = rng.random((members, 1, tested)) < 0.2 - 0.05 * quality[:, None, None]
        missed = np.broadcast_to(alike, (members, repeats, tested)).astype(float)
        groups = Groups(x, missed.mean(axis=-1)[None])
        resampled = resampled_errors(missed, seed)[:, None]
        found.append((*with_error(groups, resampled=resampled), with_error(groups)[1]))
    values, errors, networks_alone = np.array(found).T
    spread = values.std(ddof=1)
    ratio, alone = (spread / math.sqrt(np.nanmean(v**2)) for v in (errors, networks_alone))
    # Of the two variances what both contain counts twice: at most all of it.
    assert (1.0 - 4.9 * 0.07) / math.sqrt(2) < ratio < 1.0 + 4.9 * 0.07
    assert alone > 1.0 + 4.9 * 0.07


def test_rank_correlations_at_their_bounds_have_no_error():
    x = np.arange(24.0).reshape(1, 6, 4)
    jumbled = np.random.default_rng(3).normal(size=(5, 1, 6, 4))
    for value in (1.0, -1.0):
        found = with_error(Groups(x, value * x), resampled=jumbled)
        assert found[0] == pytest.approx(value, abs=1e-12)
        assert math.isnan(found[1])


def test_resampled_errors_are_those_of_samples_drawn_with_replacement():
    rng, tested = np.random.default_rng(6), 500
    one = (rng.random(tested) < 0.3).astype(float)
    missed = np.stack([one, one, 1.0 - one, np.full(tested, math.nan)]).reshape(2, 2, tested)
    found = resampled_errors(missed, 7)
    np.testing.assert_array_equal(found[:, 0, 0], found[:, 0, 1])
    np.testing.assert_allclose(found[:, 0, 0] + found[:, 1, 0], 1.0, atol=1e-12)
    assert np.isnan(found[:, 1, 1]).all()
    spread = math.sqrt(one.mean() * (1.0 - one.mean()) / tested)
    count = len(found)
    assert abs(found[:, 0, 0].mean() - one.mean()) < 4.9 * spread / math.sqrt(count)
    assert abs(found[:, 0, 0].std() / spread - 1.0) < 4.9 / math.sqrt(2 * count)


def test_verdicts_hold_every_start_and_both_widths_to_the_claim_whatever_the_sign():
    start = {"wrong": [0.0, 1.0], "displacement": [0.05]}
    numbers = {"network": ([0.5, -0.9], -0.8), "fixed": ([0.1, -1.0], 0.6), "length": ([0.1, 0.2], -0.7)}
    errors = {"network": ([0.1, 0.1], 0.1), "fixed": ([0.2, math.nan], 0.1), "length": ([0.1, 0.1], 0.1)}
    results = xr.Dataset(coords=start, attrs={"scale": 0.3, "shown_displacement": 0.05})
    for suffix, table in (("", numbers), ("_error", errors)):
        for name, (by_start, whole) in table.items():
            dims = ("displacement",) if name == "network" else ()
            one = np.array(by_start)[None] if dims else np.array(by_start)
            results[f"{name}_correlation{suffix}"] = (*dims, "wrong"), one
            results[f"{name}_correlation_all{suffix}"] = dims, np.array([whole]) if dims else whole
    found = {(row.name.split(" and test")[0], row.name.split("networks ")[1]): row for row in verdicts(results)}
    share, fixed = (f"rank correlation of local entropy at {said}" for said in ("0.05 |x|", "t = 0.3 for all"))
    fresh, wrong, every = "from fresh weights", "after 100 % wrong labels", "from all starts"
    assert {key: row.state for key, row in found.items()} == {
        (share, fresh): DIFFERS, (share, wrong): AGREES, (share, every): AGREES,
        (fixed, fresh): UNDECIDED, (fixed, wrong): UNDECIDED, (fixed, every): DIFFERS,
    }  # fmt: skip
    assert all((row.reference, row.relation) == (0.0, "below") for row in found.values())


def test_points_without_the_samples_they_missed_are_refused(finished, tmp_path):
    spec, experiment, files = finished
    point = next(p for p in experiment.points(spec) if "wrong" in p.parameters)
    path = tmp_path / "former.h5"
    shutil.copy(files[point.name], path)
    with h5py.File(path, "r+") as file:
        made = json.loads(file.attrs["made_with"])
        del made["test_samples"], file["missed"]
        file.attrs["made_with"] = json.dumps(made, sort_keys=True)
    with pytest.raises(StoreError, match="was made with the options"):
        experiment.run_point(spec, point, path, Control("", "cpu"))
    with pytest.raises(StoreError, match="missed"):
        experiment.assemble(spec, {point.name: path})


def test_runs_resume_and_extend_to_the_same_draws(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    few = changed(SMALL, perceptron={"source": ["sbpi"], "alpha": [0.4]})
    few["training"] = {**few["training"], "wrong": [1.0], "recipe": [{"step_size": 0.3}], "steps": 64}
    more = changed(few, perceptron={"instances": 4}, training={"seeds": 4})
    _, _, whole = run_points(more, tmp_path / "whole")
    run_points(few, tmp_path / "parts", Control("", "cpu", stop=stop_after(2)))
    run_points(few, tmp_path / "parts")
    _, _, parts = run_points(more, tmp_path / "parts")
    assert whole.keys() == parts.keys()
    for name, path in whole.items():
        xr.testing.assert_equal(opened(path), opened(parts[name]))
    _, _, other = run_points(changed(few, seed=6), tmp_path)
    name = "wrong-1_recipe-eta-0.3-batch-all"
    assert not np.array_equal(opened(other[name])["length"].values, opened(whole[name])["length"].values[:3])


@pytest.mark.usefixtures("unrendered")
def test_figures_and_summaries_are_made_from_whole_and_from_partial_runs(finished, tmp_path):
    spec, experiment, files = finished
    solutions = {name: path for name, path in files.items() if "source" in name}
    networks = {name: path for name, path in files.items() if "wrong" in name}
    assert any("no solution of" in line for line in experiment.summary(experiment.assemble(spec, files))) == (
        min(int(n) for n in experiment.assemble(spec, files)["solved"].values.ravel()) == 0
    )
    for part in (files, solutions, networks, {}):
        results = experiment.assemble(spec, part)
        (drawing,) = experiment.figures(results, tmp_path / "figures")
        assert drawing.png.stem == "width-and-test-error"
        lines = experiment.summary(results)
        assert any("alpha = 0.4" in line for line in lines) == bool(part and part is not networks)
        assert any("rank correlation with test error" in line for line in lines) == bool(part and part is not solutions)
        assert any("length |x|" in line for line in lines) == bool(part and part is not solutions)
