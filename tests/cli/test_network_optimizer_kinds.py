"""The experiments that compare optimisers of networks: run files, work, choices of step sizes, paired differences."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from xy_runs import changed, faults, run_points, stop_after

from mcmc.errors import ArgumentError
from runs.experiments import Control
from runs.experiments.network_methods import METHODS, REPLICATED, Methods, constants
from runs.experiments.network_optimizers import RUN
from runs.experiments.network_optimizers_draw import step_sizes, warned_at
from runs.experiments.network_optimizers_limits import require_folds
from runs.experiments.network_optimizers_results import holm, paired_difference
from runs.experiments.network_optimizers_steps import apart
from runs.experiments.network_optimizers_training import (
    FIRST_TUNING_CHAIN,
    Training,
    built,
    choose,
    gradients_of,
    held_out,
    train,
    weights_at_loss,
)
from runs.experiments.network_parle_split_draw import parts, parts_of_repeats
from runs.figures import style
from runs.grid import point
from runs.spec import validate

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

SMALL = {
    "data": {"name": "teacher-student", "features": 5, "train": 48, "test": 60, "teacher": [4], "classes": 3},
    "network": {"hidden": [4]},
    "training": {"epochs": 15, "batch": 6},
    "tuning": {"factors": [0.3, 1.0], "folds": 2, "seeds": 2},
    "seed": 5,
}
OPTIMIZERS = {
    "experiment": "network-optimizers", **SMALL,
    "options": {"entropy_sgd": {"steps": 4}},
    "surroundings": {"scale": [0.03, 0.1], "shown": 0.1, "sweeps": 64, "chains": 2, "loss": 0.6, "integrated": 1,
                     "neighbours": 1},
    "places": 4,
    "grid": {"optimizer": ["sgd", "adam", "entropy_sgd"], "seeds": 3},
}  # fmt: skip
SPLIT = {
    "experiment": "network-parle-split", **SMALL,
    "options": {"parle": {"steps": 4, "replicas": 2}, "elastic_sgd": {"replicas": 2}},
    "places": 3,
    "grid": {"optimizer": ["sgd", "parle"], "fraction": [0.5, 1.0], "seeds": 3},
}  # fmt: skip


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return run_points(OPTIMIZERS, tmp_path_factory.mktemp("optimizers"))


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return run_points(SPLIT, tmp_path_factory.mktemp("split"))


def opened(path):
    with xr.open_dataset(path, engine="h5netcdf") as data:
        return data.load()


def spec_of(data):
    from runs.experiments import find

    return validate(find(data["experiment"]).Spec, data, "test.toml")


@pytest.mark.parametrize(("base", "tables", "said"), [
    (OPTIMIZERS, {"grid": {"optimizer": ["sdg"]}}, 'grid.optimizer[0] = "sdg": needs one of'),
    (OPTIMIZERS, {"grid": {"optimizer": ["sgd", "sgd"]}}, "has one more than once; each method stands once"),
    (OPTIMIZERS, {"grid": {"seeds": 1}}, "grid.seeds = 1: needs a number >= 2"),
    (OPTIMIZERS, {"tuning": {"factors": [1.0, 1.0]}}, "factors has one more than once; each stands once"),
    (OPTIMIZERS, {"training": {"epochs": 0}}, "training.epochs = 0"),
    (OPTIMIZERS, {"device": "cuda"}, "the network experiments run on the cpu"),
    (SPLIT, {"grid": {"fraction": [0.25, 0.5]}}, "has 0.5 as its last; shares up to 1, and 1 to compare with"),
    (SPLIT, {"grid": {"fraction": [0.5, 1.0, 1.5]}}, "has 1.5 as its last"),
    (SPLIT, {"grid": {"optimizer": ["sgd", "parle", "elastic_sgd"]}, "options": {"elastic_sgd": {"replicas": 5}}},
     "2 and 5 replicas are to be compared"),
    (OPTIMIZERS, {"training": {"batch": 49}}, "training.batch = 49: cross-validation trains on 24 of 48 samples "
                                              "(tuning.folds = 2)"),
    (OPTIMIZERS, {"training": {"batch": 25}}, "training.batch = 25"),
    (OPTIMIZERS, {"training": {"epochs": 0.01}}, "training.epochs = 0.01"),
    (OPTIMIZERS, {"data": {"train": 5}}, "data.train = 5: 2 folds (tuning.folds) of 3 classes"),
    (SPLIT, {"grid": {"fraction": [0.2, 1.0]}}, "0.2 of them for a replica (grid.fraction)"),
    (SPLIT, {"grid": {"fraction": [0.001, 1.0]}}, "training.batch = 6"),
    (SPLIT, {"training": {"batch": 25}}, "tuning.folds = 2"),
])  # fmt: skip
def test_a_run_file_that_cannot_be_run_is_refused(base, tables, said):
    found = faults(changed(base, **tables))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("name", list(METHODS))
def test_every_optimiser_spends_the_same_sample_gradients(name):
    spec = spec_of(OPTIMIZERS)
    landscape, options = spec.landscape(), Methods.model_validate({"entropy_sgd": {"steps": 4}, "parle": {"steps": 4}})
    budget, last = 600.0, {}
    for counting in ("total", "per-replica"):
        training = Training(batch=6, counting=counting)
        sampler, sweeps = built(landscape, name, 0.1, options, training, budget)
        # One sweep more would be too many, and a sweep takes few samples.
        assert gradients_of(sampler, sweeps, counting) <= budget < gradients_of(sampler, sweeps + 1, counting)
        last[counting] = sampler.sample_gradients(sweeps)
    replicas = 3 if name in REPLICATED else 1
    assert last["per-replica"] == pytest.approx(replicas * last["total"], rel=0.1)
    run = train(landscape, name, 0.01, options, Training(batch=6), budget=budget, chains=[3, 4], seed=2)
    assert run.work[-1] == pytest.approx(budget, rel=0.1)
    assert (run.training_loss[-1] < run.training_loss[0]).all()


def test_optimisers_start_from_the_same_weights_and_not_from_those_that_tuned(compared):
    _, _, files = compared
    runs = [data.isel(draw=data["trial"].values == RUN) for data in map(opened, files.values())]
    for one in runs[1:]:
        np.testing.assert_array_equal(one["training_loss"][:, 0], runs[0]["training_loss"][:, 0])
    landscape = spec_of(OPTIMIZERS).landscape()
    assert not np.array_equal(landscape.initial_x([0], 1), landscape.initial_x([FIRST_TUNING_CHAIN], 1))


def test_a_budget_below_one_step_is_refused():
    landscape = spec_of(OPTIMIZERS).landscape()
    with pytest.raises(ArgumentError, match="the first step takes 6; train longer"):
        train(landscape, "sgd", 0.1, Methods.model_validate({}), Training(batch=6), budget=5, chains=[0], seed=1)


def test_folds_share_out_the_training_samples_and_see_no_test_sample():
    data = spec_of(OPTIMIZERS).data.draw()
    folds = [held_out(data, k, 4, seed=9) for k in range(4)]
    rows = {tuple(row) for row in data.inputs}
    assert sum(len(fold.test_inputs) for fold in folds) == data.size
    assert {tuple(row) for fold in folds for row in fold.test_inputs} == rows
    for fold in folds:
        seen = {tuple(row) for row in fold.inputs}
        assert seen | {tuple(row) for row in fold.test_inputs} == rows
        assert not seen & {tuple(row) for row in fold.test_inputs}


def test_the_chosen_step_size_has_the_lowest_error_then_the_lowest_loss():
    def trial(*pairs):
        return np.array(pairs, float).reshape(1, -1, 2)

    assert choose({0.1: trial((0.2, 1.0), (0.4, 1.0)), 0.3: trial((0.2, 2.0), (0.2, 2.0))}) == 0.3
    assert choose({0.1: trial((0.2, 1.0), (0.4, 1.0)), 0.3: trial((0.3, 0.5), (0.3, 0.5))}) == 0.3
    assert choose({0.1: trial((0.9, 3.0)), 0.3: trial((0.0, np.inf))}) == 0.1
    assert np.isnan(choose({0.1: trial((np.nan, np.inf))}))


def test_paired_differences_and_their_probabilities_are_those_of_scipy():
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 12))
    mean, error, chance = paired_difference(a + b, b)
    known = ttest_rel(a + b, b)
    assert mean / error == pytest.approx(known.statistic)
    assert chance == pytest.approx(known.pvalue)
    assert np.isnan(paired_difference(np.array([1.0, np.nan]), np.array([0.0, 1.0]))).all()
    # Holm 1979: the least times their number, the next times one less, never falling.
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06])


def test_differences_of_nothing_are_significant_as_often_as_they_should_be():
    rng = np.random.default_rng(11)
    drawn = rng.normal(size=(400, 2, 10))
    chance = np.array([paired_difference(a, b)[2] for a, b in drawn])
    assert abs((chance < 0.2).mean() - 0.2) < 4.9 * np.sqrt(0.2 * 0.8 / 400)
    apart = np.array([paired_difference(a + 2.0, b)[2] for a, b in drawn])
    assert not abs((apart < 0.2).mean() - 0.2) < 4.9 * np.sqrt(0.2 * 0.8 / 400)


def test_weights_at_a_loss_lie_on_the_way_and_are_nan_where_it_is_never_reached():
    spec = spec_of(OPTIMIZERS)
    landscape, common = spec.landscape(), {"budget": 2000, "chain": 1, "seed": 4}
    begun = float(landscape.energy(landscape.initial_x([1], 4))[0])
    x = weights_at_loss(landscape, "sgd", 0.2, spec.options, spec.training, loss=0.8 * begun, **common)
    assert 0.6 * begun < float(landscape.energy(x[None])[0]) <= 0.8 * begun
    assert np.isnan(weights_at_loss(landscape, "sgd", 0.2, spec.options, spec.training, loss=1e-9, **common)).all()


def test_replicas_see_parts_of_their_own():
    spec = spec_of(SPLIT)
    data = spec.data.draw()
    seen = parts(spec, point(optimizer="parle", fraction=0.5), data, seed=8)
    assert seen.shape == (2, 24)
    assert np.unique(seen).size == data.size
    alone = parts(spec, point(optimizer="sgd", fraction=0.5), data, seed=8)
    np.testing.assert_array_equal(alone, seen[:1])
    assert parts(spec, point(optimizer="parle", fraction=1.0), data, seed=8) is None
    one, other = parts_of_repeats(spec, point(optimizer="parle", fraction=0.5), data)
    assert not np.array_equal(one, other)


def test_a_difference_outlives_a_neighbouring_step_size_where_ranges_are_apart():
    values = np.array([[1.0, 2.0, 3.0], [3.5, np.nan, 4.0], [2.5, 3.5, 4.5], [0.1, np.nan, np.nan]])
    np.testing.assert_array_equal(apart(values), [np.nan, 1.0, 0.0, np.nan])
    assert np.isnan(apart(np.array([[1.0, np.nan, np.nan], [2.0, 3.0, 4.0]]))).all()


def test_warnings_are_counted_by_estimator_and_scale():
    said = ["scale 0.3: f departs", "chains: 9 independent draws at t = 1, fewer", "mbar: no overlap"]
    np.testing.assert_array_equal(warned_at(said, [0.1, 0.3, 1.0]), [[0, 1, 0], [1, 1, 2]])


def test_data_whose_folds_lack_a_class_are_refused():
    spec = spec_of(OPTIMIZERS)
    spec.require()
    data = replace(spec.data.draw(), targets=np.where(np.arange(48) == 3, 2, 0))
    with pytest.raises(ArgumentError, match="has all samples of class 2"):
        require_folds(data, 2, 1)


@pytest.mark.parametrize("kind", ["compared", "split"])
def test_a_stopped_point_resumes_to_the_same_draws(kind, request, tmp_path):
    spec, experiment, files = request.getfixturevalue(kind)
    one = experiment.points(spec)[-1]
    path = tmp_path / f"{one.name}.h5"
    # Within the trials of step sizes, and after them.
    for questions in (1, 3):
        assert not experiment.run_point(spec, one, path, Control("", "cpu", stop=stop_after(questions)))
    assert experiment.run_point(spec, one, path, Control("", "cpu"))
    again, before = opened(path), opened(files[one.name])
    for name in set(before.data_vars) - {"seconds"}:
        np.testing.assert_array_equal(again[name], before[name], err_msg=name)


def test_ends_are_compared_with_the_first(compared, tmp_path):
    spec, experiment, files = compared
    results = experiment.assemble(spec, files)
    each = results["run_final_test_error"].values
    adam = results.sel(optimizer="adam")
    assert float(adam["difference_final_test_error"]) == pytest.approx((each[1] - each[0]).mean())
    assert np.isnan(results["difference_final_test_error"].values[0])
    held = results["tried_error"].sel(optimizer="adam").values
    assert float(adam["step_size"]) in np.array(step_sizes(spec.step_size, spec.tuning, "adam"))[held == held.min()]
    assert (results["matched"] == 1).all()
    laplace, chains = (
        results["run_local_entropy"].sel(estimator=name).values[:, 0] for name in results["estimator"].values
    )
    np.testing.assert_allclose(laplace[:, 0], chains[:, 0], rtol=0.3)
    lines = experiment.summary(results)
    assert any(line.startswith("test error against SGD, at 5 %") for line in lines)
    assert any("Entropy-SGD: beta 2e+08, L 4, t 100 to 1" in line for line in lines)
    # One seed of three is integrated: too few to be shown, and the others are not said to miss the loss.
    assert (results["looked"] == 1).all()
    assert sum("(f = 0.6 reached by 1 of 1 runs looked at)" in line for line in lines) == len(spec.grid.optimizer)
    assert any("by Laplace (to second order)" in line for line in lines)
    # Beside the chosen step size stands the other of the two that were tried.
    for name in spec.grid.optimizer:
        here = results.sel(optimizer=name)
        known = np.sort(here["near_step_size"].values[np.isfinite(here["near_step_size"].values)])
        np.testing.assert_allclose(known, step_sizes(spec.step_size, spec.tuning, name))
        assert float(here["near_step_size"].sel(near="chosen")) == float(here["step_size"])
    counts = results["hessian_above"] + results["hessian_below"]
    np.testing.assert_array_less(counts, results.attrs["weights"] + 1)
    assert (np.diff(results["noise_above"].values) <= 0).all()
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert all(one.png.stat().st_size > 10_000 for one in drawings)


def test_a_planted_gap_is_told_from_none(compared):
    from runs.experiments.network_optimizers_results import paired

    spec, experiment, files = compared
    results = experiment.assemble(spec, files)
    noise = np.random.default_rng(2).normal(size=results["run_final_test_error"].shape)
    noise[1] = noise[0] + 5.0 + 0.01 * noise[1]
    planted = paired(results.assign(run_final_test_error=results["run_final_test_error"].copy(data=noise)),
                     ["final_test_error"])  # fmt: skip
    assert planted["probability_final_test_error"][1][1] < 0.05


def test_replicas_are_compared_with_all_data_and_with_a_part(split, tmp_path):
    spec, experiment, files = split
    results = experiment.assemble(spec, files)
    each = results["run_final_test_error"].values
    parle = results.sel(optimizer="parle", fraction=0.5)
    assert float(parle["difference_to_all"]) == pytest.approx((each[1, 0] - each[0, 1]).mean())
    assert float(parle["difference_to_part"]) == pytest.approx((each[1, 0] - each[0, 0]).mean())
    assert np.isnan(results["difference_to_all"].sel(optimizer="sgd", fraction=1.0))
    assert np.isnan(results["difference_to_part"].sel(fraction=1.0)).all()
    assert any(line.startswith("the published direction") for line in experiment.summary(results))
    assert any("published" in line for line in experiment.summary(results))
    with style():
        drawings = experiment.figures(results, tmp_path / "figures")
    assert all(one.png.stat().st_size > 10_000 for one in drawings)


def test_constants_of_every_optimiser_are_said():
    options = Methods.model_validate({})
    assert constants("parle", options).startswith("Parle: beta inf, replicas 3, L 25, t 100 to 1, coupling 0.1 to 1")
    assert all(constants(name, options).startswith(f"{METHODS[name].label}: ") for name in METHODS)


@pytest.mark.parametrize("base", [OPTIMIZERS, SPLIT])
def test_nothing_done_is_said(base, tmp_path):
    from runs.experiments import find

    experiment, spec = find(base["experiment"]), spec_of(base)
    results = experiment.assemble(spec, {})
    assert experiment.summary(results) == ["no optimiser has been run yet"]
    assert experiment.figures(results, tmp_path) == []
