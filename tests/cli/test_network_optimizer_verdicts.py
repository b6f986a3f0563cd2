"""What "network-optimizers" says of differences: as much as was looked at, the same in words, stars and bold type."""

import re

import numpy as np
import pytest

from runs.experiments import network_optimizers_end_figures as end_figures
from runs.experiments.network_methods import METHODS
from runs.experiments.network_optimizers import NetworkOptimizersSpec
from runs.experiments.network_optimizers_results import QUANTITIES, _attributes, _coords, paired, put_trials
from runs.experiments.network_optimizers_steps import NAMES, surviving
from runs.experiments.network_optimizers_summary import (
    COMPARED,
    HIGHER,
    UNDONE,
    UNPAIRED,
    UNTRIED,
    judged,
    matched,
    measured,
    shown,
    significance,
    verdicts,
)
from runs.experiments.result_grid import ResultGrid
from runs.figures import style
from runs.spec import validate

SEEDS = 6
TOLD, UNDONE_BY_A_STEP, ALONE, SAME, ABSENT = "adam", "entropy_sgd", "svrg", "parle", "momentum"
"""Above SGD at all step sizes; at the chosen one alone; where no other was tried; not above it; without values."""

SPEC = {
    "experiment": "network-optimizers", "seed": 5,
    "data": {"name": "teacher-student", "features": 5, "train": 48, "test": 60, "teacher": [4], "classes": 3},
    "network": {"hidden": [4]}, "training": {"batch": 6},
    "tuning": {"factors": [0.3, 1.0, 3.0], "folds": 2, "seeds": 2},
    "options": {"entropy_sgd": {"steps": 4}, "parle": {"steps": 4}},
    "surroundings": {"scale": [0.1, 0.3]}, "places": 2,
    "grid": {"optimizer": ["sgd", TOLD, UNDONE_BY_A_STEP, ALONE, SAME, ABSENT], "seeds": SEEDS},
}  # fmt: skip


@pytest.fixture(scope="module")
def planted():
    """Results whose differences to SGD are 5 errors and more, or none, by optimiser."""
    spec, rng = validate(NetworkOptimizersSpec, SPEC, "test.toml"), np.random.default_rng(3)
    inner = {"place": 3, "scale": 2, "estimator": 2, "trial": 3, "run": SEEDS, "near": 3, "level": 73}
    names = spec.grid.optimizer
    table = ResultGrid({"optimizer": len(names)}, inner, QUANTITIES)
    for i, optimizer in enumerate(names):
        gap = 0.0 if optimizer in ("sgd", SAME) else 0.2
        for name, quantity in QUANTITIES.items():
            shape = tuple(inner[dim] for dim in quantity.dims)
            values = 0.5 + (gap if name.startswith(("run_", "near_")) else 0.0) + 0.01 * rng.normal(size=shape)
            stem = re.sub("^(run|near)_", "", name)
            if name.startswith("near_") and stem in NAMES:
                values[0] -= 2.0 * gap if optimizer == UNDONE_BY_A_STEP else 0.0
                values[[0, 2]] = np.nan if optimizer == ALONE else values[[0, 2]]
            if optimizer == ABSENT and stem in NAMES:
                values = np.full(shape, np.nan)
            table.put(name, (i,), values, 0.01 * np.ones(shape))
    results = table.dataset(_coords(spec), _attributes(spec))
    results = results.assign(known=results["known"] * 0 + SEEDS, runs=results["runs"] * 0 + SEEDS)
    results = results.assign(paired(results, [*NAMES, "final_training_loss"]))
    return results.assign(surviving(results))


def starred(planted, kind, tmp_path, monkeypatch):
    """What a figure marks, as (quantity, optimiser)."""
    figures = []
    monkeypatch.setattr(end_figures, "save", lambda figure, *_: figures.append(figure))
    names = planted["optimizer"].values
    with style():
        getattr(end_figures, kind)(planted, tmp_path)
    if kind == "ends":
        panels = ("matched_entropy", "matched_test_error", "final_test_error", "final_training_loss")
        return {(name, str(names[int(text.xy[1])])) for name, ax in zip(panels, figures[0].axes, strict=True)
                for text in ax.texts if text.get_text() == "*"}  # fmt: skip
    cells = figures[0].axes[0].tables[0].get_celld()
    rows = [variable.removeprefix("difference_") for _, variable, _ in end_figures.ROWS]
    return {(rows[row - 1], str(names[column])) for (row, column), cell in cells.items()
            if row > 0 and column >= 0 and cell.get_text().get_fontweight() == "bold"}  # fmt: skip


def test_words_stars_and_bold_type_mark_the_same_differences(planted, tmp_path, monkeypatch):
    expected = {(name, TOLD) for _, name, _, _ in COMPARED}
    assert starred(planted, "ends", tmp_path, monkeypatch) == expected
    assert starred(planted, "table", tmp_path, monkeypatch) == expected
    # The loss at the end, which has a star nowhere, differs by as many errors.
    assert planted["probability_final_training_loss"].sel(optimizer=TOLD) < 0.05
    lines = verdicts(shown(planted))
    assert len(lines) == len(COMPARED)
    assert all(f"lower: none; higher: {METHODS[TOLD].label};" in line for line in lines)


def test_differences_that_are_not_told_say_why(planted):
    at = shown(planted)
    for _, name, _, _ in COMPARED:
        said = {str(optimizer): judged(at, name, optimizer) for optimizer in at["optimizer"].values[1:]}
        assert said == {TOLD: HIGHER, UNDONE_BY_A_STEP: UNDONE, ALONE: UNTRIED, ABSENT: UNPAIRED,
                        SAME: f"not significant with {SEEDS} seeds"}  # fmt: skip
        # All three are beyond chance at the step sizes chosen.
        assert (at[f"probability_{name}"].sel(optimizer=[TOLD, UNDONE_BY_A_STEP, ALONE]) < 0.05).all()
        without = at.drop_vars(f"survives_{name}")
        assert judged(without, name, TOLD) == UNTRIED


def test_a_large_difference_of_few_seeds_is_not_called_none():
    assert significance(8.2, 0.077, 4) == "not significant with 4 seeds"
    assert significance(-8.2, 0.02, 4) == "lower"


@pytest.mark.parametrize(("looked", "reached", "said"), [
    (0, 0, "at f = 0.02 not looked at"),
    (1, 0, "f = 0.02 reached by 0 of 1 runs looked at"),
    (4, 0, "f = 0.02 reached by 0 of 4 runs looked at"),
    (1, 1, "at f = 0.02 0.00212(\N{EN DASH}) (f = 0.02 reached by 1 of 1 runs looked at)"),
    (4, 3, "at f = 0.02 0.00212(3) (f = 0.02 reached by 3 of 4 runs looked at)"),
])  # fmt: skip
def test_a_loss_is_said_not_to_be_reached_by_runs_that_were_looked_at(planted, looked, reached, said):
    here = planted.sel(optimizer="sgd").isel(scale=0)
    error = 0.00003 if reached > 1 else np.nan
    here = here.assign(looked=looked, matched=reached, matched_entropy=0.00212, matched_entropy_error=error)
    assert matched(here) == said


def test_numbers_without_an_error_show_that_they_have_none():
    assert measured(0.0021168, np.nan) == "0.00212(\N{EN DASH})"
    assert measured(7.5, 0.0) == "7.5(0)"
    assert measured(7.83, 0.19) == "7.83(19)"
    assert measured(np.nan, np.nan) == "\N{EN DASH}"


def test_errors_of_cross_validation_are_over_folds_and_not_over_their_repeats():
    import xarray as xr

    rng, folds, repeats = np.random.default_rng(7), 4, 5
    fold = 0.1 + 0.02 * rng.normal(size=(folds, 1))
    held = np.stack([fold + 0.001 * rng.normal(size=(folds, repeats))] * 2, axis=-1)[None]
    table = ResultGrid({"optimizer": 1}, {"trial": 1}, QUANTITIES)
    put_trials(table, (0,), [0.3], xr.Dataset({"held_out": (("draw", "fold", "repeat", "measure"), held)}))
    means = held[0, ..., 0].mean(axis=1)
    assert table.arrays["tried_error"][0, 0] == pytest.approx(means.mean())
    assert table.arrays["tried_error_error"][0, 0] == pytest.approx(means.std(ddof=1) / 2.0)
    # As if repeats of a fold were independent, they shrink the error by about the root of their number.
    shrunk = held[0, ..., 0].std(ddof=1) / np.sqrt(folds * repeats)
    assert shrunk < 0.6 * table.arrays["tried_error_error"][0, 0]
