"""Bad input to grids, Fokker-Planck equations and steady states: named in one sentence, and nothing hidden."""

import warnings

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid, grid_steady_state, linear_steady_state
from mcmc.continuum.monotone_stencil import directions
from mcmc.errors import ArgumentError, ConvergenceWarning, MemoryLimitError
from mcmc.landscapes.analytic import DoubleWell

LINE = Grid(-4, 4, 64)
PLANE = Grid(-5, 5, [40, 40])


def well(x):
    return (x[:, 0] ** 2 - 1) ** 2 / 4


def round_well(x):
    return (x**2).sum(axis=1) / 2


@pytest.mark.parametrize(("arguments", "name"), [
    ((-1, 1, 3), "cells"), ((-1, 1, 10.5), "cells"), ((-1, 1, True), "cells"), ((-1, 1, [8, 8, 8]), "dimensions"),
    ((1, -1, 8), "high"), ((0, 0, 8), "high"), ((np.nan, 1, 8), "low"), (("a", 1, 8), "low"),
    ((-1, np.inf, 8), "high"), (([-1, -1], [1, 1], [8, 8], "open"), "boundary"),
    (([-1, -1], [1, 1], [8, 8], ("periodic",)), "boundary"), ((-1, 1, 8, 3), "boundary"),
    (([[-1]], 1, 8), "low"), ((-1, 1, []), r"cells: got \[\]"),
])  # fmt: skip
def test_grids(arguments, name):
    with pytest.raises(ArgumentError, match=name):
        Grid(*arguments)


@pytest.mark.parametrize(("keywords", "name"), [
    ({}, "drift, potential"),
    ({"potential": well, "beta": 0}, "beta"),
    ({"potential": well, "beta": "1"}, "beta"),
    ({"potential": np.zeros(63)}, "potential"),
    ({"potential": "f"}, "potential"),
    ({"potential": lambda x: x}, "potential"),
    ({"potential": lambda x: np.where(x[:, 0] > 0, np.inf, 0.0)}, "potential: not finite"),
    ({"potential": DoubleWell(2)}, "potential"),
    ({"drift": lambda x: np.zeros((len(x), 2))}, "drift"),
    ({"drift": np.zeros((64, 2))}, "drift"),
    ({"drift": lambda x: x / 0 if False else np.full_like(x, np.nan)}, "drift: not finite"),
    ({"drift": lambda x: -x, "reversible": True}, "reversible"),
    ({"potential": well, "diffusion": 0.0}, "positive definite"),
    ({"potential": well, "diffusion": -1.0}, "positive definite"),
    ({"potential": well, "diffusion": lambda x: x[:, 0]}, "positive definite"),
    ({"potential": well, "diffusion": np.nan}, "positive definite"),
    ({"potential": well, "diffusion": np.ones((3, 3))}, "diffusion"),
    ({"potential": well, "diffusion": "D"}, "diffusion"),
])  # fmt: skip
def test_equations(keywords, name):
    with pytest.raises(ArgumentError, match=name):
        FokkerPlanck(LINE, **keywords)


@pytest.mark.parametrize(("matrix", "name"), [
    ([[1.0, 1.0], [1.0, 1.0]], "positive definite"),
    ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
    ([[1.0, 0.5], [0.1, 1.0]], "symmetric"),
    ([[1.0, 0.9999], [0.9999, 1.0]], None),
    ([[1.0, 0.6178], [0.6178, 0.38175]], "at most 5"),
])  # fmt: skip
def test_matrices_of_noise(matrix, name):
    """Positive definite ones along the diagonal of cells need no long pairs; along a golden slope they do."""
    if name is None:
        assert FokkerPlanck(PLANE, potential=round_well, diffusion=matrix).reach == 1
        return
    with pytest.raises(ArgumentError, match=name):
        FokkerPlanck(PLANE, potential=round_well, diffusion=matrix)


def test_not_a_grid():
    with pytest.raises(ArgumentError, match="grid"):
        FokkerPlanck(np.linspace(0, 1, 10), potential=well)
    with pytest.raises(ArgumentError, match="process"):
        grid_steady_state("process")
    with pytest.raises(ArgumentError, match="1 dimension"):
        grid_steady_state(FokkerPlanck(LINE, potential=well))


@pytest.mark.parametrize(("density", "times", "keywords", "name"), [
    (np.ones(63), [1.0], {"step": 0.1}, "density"),
    (-np.ones(64), [1.0], {"step": 0.1}, "density"),
    (np.zeros(64), [1.0], {"step": 0.1}, "density"),
    (np.full(64, np.nan), [1.0], {"step": 0.1}, "density"),
    ("density", [1.0], {"step": 0.1}, "density"),
    (lambda x: np.exp(-(x**2)), [1.0], {"step": 0.1}, r"density: got shape \(64, 1\)"),
    (np.ones(64), [0.0, 1.0], {"step": 0.1}, "times"),
    (np.ones(64), [2.0, 1.0], {"step": 0.1}, "times"),
    (np.ones(64), [], {"step": 0.1}, "times"),
    (np.ones(64), ["late"], {"step": 0.1}, "times"),
    (np.ones(64), [1.0], {"step": 0.0}, "step"),
    (np.ones(64), [1.0], {"step": 1e-9}, "step"),
    (np.ones(64), [1.0], {"step": 0.1, "method": "explicit"}, "method"),
    (np.eye(64)[32], [1.0], {"step": 1.0, "method": "crank-nicolson"}, "Crank-Nicolson"),
])  # fmt: skip
def test_evolutions(density, times, keywords, name):
    with pytest.raises(ArgumentError, match=name):
        FokkerPlanck(LINE, potential=well).evolve(density, times, **keywords)


def test_evolutions_that_memory_does_not_hold(monkeypatch):
    monkeypatch.setattr("mcmc.memory.machine_memory", lambda: 2**26)
    times = np.arange(1.0, 100_001.0)
    with pytest.raises(MemoryLimitError, match=r"densities at 100000 times on \(64,\) cells"):
        FokkerPlanck(LINE, potential=well).evolve(np.ones(64), times, step=1.0)


def test_means_and_points():
    rest = FokkerPlanck(LINE, potential=well).stationary
    assert rest.mean(np.ones(64)) == pytest.approx(1)
    for values in (np.zeros(5), np.full(64, "a"), lambda x: x[:3]):
        with pytest.raises(ArgumentError, match="values: got shape"):
            rest.mean(values)
    linear = linear_steady_state(np.eye(2), np.eye(2))
    for points in (np.zeros(3), [1.0, 2.0], np.zeros((2, 3))):
        for ask in (linear.potential, linear.density, linear.current):
            with pytest.raises(ArgumentError, match=r"points: got shape .* \(n, 2\) is needed"):
                ask(points)


@pytest.mark.parametrize(("count", "frequency", "name"), [
    (0, 0.0, "count"), (40, 0.0, "count"), (3, "a", "frequency"), (3, 2 + 1j, "frequency"),
    (3, 2.0, "frequency: got 2; detailed balance holds"),
])  # fmt: skip
def test_relaxation(count, frequency, name):
    with pytest.raises(ArgumentError, match=name):
        FokkerPlanck(LINE, potential=well).relaxation(count, frequency=frequency)


@pytest.mark.parametrize(("arguments", "keywords", "name"), [
    ((np.eye(2), np.eye(3)), {}, "diffusion"), ((-np.eye(2), np.eye(2)), {}, "matrix"),
    ((np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2)), {}, "holds nothing"),
    ((np.eye(2), -np.eye(2)), {}, "diffusion"), ((np.eye(2), [[1.0, 0.2], [0.0, 1.0]]), {}, "symmetric"),
    ((np.ones((2, 3)), np.eye(2)), {}, "matrix"), ((np.eye(2), np.eye(2)), {"beta": -1.0}, "beta"),
    ((np.eye(2), np.eye(2)), {"centre": [1, 2, 3]}, "centre"),
])  # fmt: skip
def test_linear_states(arguments, keywords, name):
    with pytest.raises(ArgumentError, match=name):
        linear_steady_state(*arguments, **keywords)


def test_cells_too_wide_for_beta_are_told_with_their_peclet_number():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert FokkerPlanck(LINE, potential=well).stationary.peclet < 2
    with pytest.warns(ConvergenceWarning, match="cell Peclet number") as told:
        coarse = FokkerPlanck(Grid(-4, 4, 32), potential=well, beta=6.0).stationary
    assert coarse.peclet > 2
    assert str(told[0].message) in coarse.warnings
    with pytest.raises(ArgumentError, match="cell Peclet number"):
        _ = FokkerPlanck(Grid(-4, 4, 32), potential=well, beta=2000.0).stationary


def test_densities_that_touch_walls_are_told():
    with pytest.warns(ConvergenceWarning, match="touches the walls"):
        rest = FokkerPlanck(Grid(-1.5, 1.5, 64), potential=well).stationary
    assert rest.boundary_ratio > 1e-6
    process = FokkerPlanck(LINE, potential=well)
    assert process.stationary.warnings == ()
    with pytest.warns(ConvergenceWarning, match="on its way touches"):
        process.evolve(lambda x: np.exp(-((x[:, 0] - 3.8) ** 2)), [0.1], step=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ring = FokkerPlanck(Grid(0, 2 * np.pi, 64, "periodic"), lambda x: np.sin(x)).stationary
    assert ring.boundary_ratio == 0


def test_stencils_rebuild_their_matrix_from_positive_weights(seed):
    """Selling: sum_k w_k e_k e_k' = D for any positive definite D, at most three offsets a cell."""
    rng = np.random.Generator(np.random.Philox(seed))
    angle, ratio = rng.uniform(0, np.pi, 500), 10 ** rng.uniform(-1, 0, 500)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    matrices = turn @ (np.stack([np.ones(500), ratio], 1)[:, :, None] * turn.transpose(0, 2, 1))
    width = np.array([0.1, 0.13])
    found = directions(matrices, width)
    total = sum(w[:, None, None] * np.outer(e * width, e * width) for e, w in found.items())
    np.testing.assert_allclose(total, matrices, atol=1e-12)
    assert min(w.min() for w in found.values()) >= 0
    assert sum((w > 0).astype(int) for w in found.values()).max() <= 3


def test_forms_of_the_same_input_agree():
    """Numbers, matrices, arrays and functions; landscapes, functions and arrays."""
    one = FokkerPlanck(PLANE, potential=round_well, diffusion=0.7).generator
    cells = np.broadcast_to(0.7 * np.eye(2), (40, 40, 2, 2))
    diagonals = np.full((40, 40, 2), 0.7), lambda x: np.full((len(x), 2), 0.7), lambda x: 0.7
    forms = [0.7, 0.7], 0.7 * np.eye(2), np.full((40, 40), 0.7), cells, lambda x: np.full(len(x), 0.7)
    for diffusion in (*forms, *diagonals):
        other = FokkerPlanck(PLANE, potential=round_well, diffusion=diffusion).generator
        assert abs(one - other).max() < 1e-12 * abs(one).max()
    line = [FokkerPlanck(LINE, potential=f).generator for f in (DoubleWell(), well, well(LINE.points))]
    assert abs(line[0] - line[1]).max() == abs(line[1] - line[2]).max() == 0
    drifts = [FokkerPlanck(PLANE, b).generator for b in (lambda x: -x, -PLANE.points.reshape(40, 40, 2))]
    assert abs(drifts[0] - drifts[1]).max() < 1e-10


def test_datasets_of_evolutions_and_modes():
    process = FokkerPlanck(LINE, potential=well)
    path = process.evolve(np.ones(64) * (np.abs(LINE.points[:, 0]) < 1), [0.5, 1.0], step=0.1).to_xarray()
    assert path.density.dims == ("time", "x")
    assert path.sizes["time"] == 3
    modes = process.relaxation(2).to_xarray()
    assert modes.mode_real.dims == ("mode", "x")
    assert modes.attrs["gap"] == pytest.approx(float(modes.decay_rate[0]))
    assert process.stationary.to_xarray().potential.dims == ("x",)


def test_control_walls_and_wide_cells_are_not_told_where_there_are_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rest = FokkerPlanck(Grid(-6, 6, [80, 80]), potential=round_well).stationary
    assert rest.peclet < 2
    assert rest.boundary_ratio < 1e-6
