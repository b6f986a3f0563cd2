"""What the solvers of Hamilton-Jacobi, minimising movements and homogenisation refuse, and how they say so."""

import math

import numpy as np
import pytest

from mcmc.continuum.averaging import averaged_drift, averaged_path
from mcmc.continuum.grid import Grid
from mcmc.continuum.hamilton_jacobi import cole_hopf
from mcmc.continuum.homogenization import linear_variance, step_moments, two_scale_paths
from mcmc.continuum.hopf_lax_formula import characteristic, hopf_lax
from mcmc.continuum.jko import dirichlet_flow, entropic_flow, quantile_flow
from mcmc.continuum.monotone_differences import finite_differences
from mcmc.continuum.stochastic_control import OptimalControl, cost_to_go
from mcmc.continuum.wasserstein import sinkhorn_divergence, wasserstein_distance
from mcmc.errors import ArgumentError, ConvergenceWarning, NonFiniteEnergyError
from mcmc.landscapes.analytic import DoubleWell, Quadratic

AXIS = np.linspace(-4, 4, 161)
WELL = DoubleWell(1)
BELL = np.exp(-0.5 * (AXIS / 0.5) ** 2) / (0.5 * math.sqrt(2 * math.pi))
UNEVEN = np.append(AXIS[:-1], 4.5)


def check(solve, arguments, change, words):
    solve(**arguments)
    with pytest.raises(ArgumentError, match=words):
        solve(**(arguments | change))


AXES = [
    ({"axes": UNEVEN}, "axes: axis 0 has steps"),
    ({"axes": AXIS[::-1]}, "axes: axis 0 has steps"),
    ({"axes": AXIS[:3]}, r"axes: axis 0 has shape \(3,\)"),
    ({"axes": "x"}, "axes"),
    ({"axes": ()}, "axes"),
    ({"axes": (AXIS,) * 3}, "axes: got 3"),
    ({"axes": np.where(AXIS > 3, np.nan, AXIS)}, "axes"),
    ({"f": np.zeros(7)}, r"f: got shape \(7,\); the axes give \(161,\)"),
    ({"f": DoubleWell(2)}, "f: got a landscape of 2 dimensions"),
    ({"f": "x"}, "f: got str"),
    ({"f": AXIS + 0j}, r"f: got ndarray; real numbers of shape \(161,\)"),
    ({"axes": AXIS + 0j}, "axes: axis 0 has shape"),
    ({"f": np.where(AXIS > 0, np.nan, AXIS)}, "f: 80 values are not finite"),
    ({"t": 0.0}, "t: got 0"),
    ({"t": math.inf}, "t: got inf"),
    ({"t": "1"}, "t: got '1'"),
]


@pytest.mark.parametrize(("change", "words"), AXES)
@pytest.mark.parametrize("solve", [cole_hopf, hopf_lax, finite_differences])
def test_grids_are_checked(solve, change, words):
    extra = {} if solve is hopf_lax else {"beta": 2.0}
    check(solve, {"axes": AXIS, "f": WELL, "t": 0.4} | extra, change, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": 0.0}, "beta: got 0"),
        ({"beta": math.inf}, "beta: got inf; .* and finite"),
        ({"beta": 500.0}, r"beta: the grid is too coarse for 500: the kernel .* refine it 1.8 times, or take hopf_lax"),
        ({"beta": 120.0}, "beta: the grid is too coarse for 120 at t = 0.4: the integrand is .* at most .* is needed"),
        ({"boundary": np.zeros(3)}, "boundary: got array"),
        ({"boundary": "open"}, "boundary: got 'open'; one of wall, periodic, reflecting"),
        ({"f": np.full(161, np.inf)}, "f: all values are not finite"),
    ],
)
def test_cole_hopf_refuses(change, words):
    check(cole_hopf, {"axes": AXIS, "f": WELL, "t": 0.4, "beta": 2.0}, change, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"steps": 20},
            r"steps: 20 violate the Courant-Friedrichs-Lewy condition, Courant number .*; at least \d+ are",
        ),
        ({"steps": 0}, "steps: got 0"),
        ({"t": 1e9}, r"t: got 1e\+09, which takes .* explicit steps"),
        ({"scheme": "upwind"}, "scheme: got 'upwind'"),
        ({"beta": -1.0}, "beta: got -1"),
        ({"f": np.where(AXIS > 0, np.inf, AXIS)}, "f: 80 values are not finite"),
    ],
)
def test_finite_differences_refuse(change, words):
    check(finite_differences, {"axes": AXIS, "f": WELL, "t": 0.1, "beta": 2.0}, change, words)


def test_the_steps_that_are_asked_for_suffice():
    with pytest.raises(ArgumentError, match="at least") as refusal:
        finite_differences(AXIS, WELL, 0.1, steps=3)
    needed = int(str(refusal.value).split("at least ")[1].split()[0])
    assert finite_differences(AXIS, WELL, 0.1, steps=needed).courant <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [0.0, 1.0]}, r"x: got \[0.0, 1.0\]"),
        ({"x": [np.nan]}, "x"),
        ({"x": "here"}, "x: got 'here'"),
        ({"landscape": 3}, "landscape: got int"),
        ({"t": -1.0}, "t: got -1"),
        ({"beta": math.inf}, "beta"),
        ({"chains": 1}, "chains: got 1; 2 or more"),
        ({"steps": 1.5}, "steps: got 1.5"),
        ({"seed": -1}, "seed"),
        ({"control": lambda x, left: x[0]}, r"control: gave shape \(1,\)"),
        ({"control": 3}, "control: got int; a function"),
        ({"control": lambda x, left: x * np.nan}, "control"),
    ],
)
def test_costs_refuse(change, words):
    arguments = {"landscape": WELL, "x": [0.5], "t": 0.4, "beta": 2.0, "chains": 4, "steps": 3}
    check(cost_to_go, arguments, change, words)


def test_control_holds_beyond_its_grid():
    control = OptimalControl(AXIS, Quadratic([1.0]), beta=2.0)
    assert np.isfinite(control(np.array([[-9.0], [9.0]]), 0.3)).all()
    with pytest.raises(ArgumentError, match="beta"):
        OptimalControl(AXIS, WELL, beta=0.0)
    with pytest.raises(ArgumentError, match=r"y: got shape \(1,\)"):
        characteristic(WELL, [0.3], 1.0)
    with pytest.raises(ArgumentError, match="y: 1 points are not finite"):
        characteristic(WELL, [[np.nan], [0.3]], 1.0)
    with pytest.raises(ArgumentError, match="landscape: got int"):
        characteristic(3, [[0.3]], 1.0)


DENSITIES = [
    ({"density": -BELL}, "density: got -0.798 at its lowest"),
    ({"density": 2 * BELL}, "density: got a mass of 2 over the grid; 1 is needed"),
    ({"density": np.roll(BELL, 80)}, "density: .* lies on the boundary; at most 1e-06"),
    ({"density": BELL[:-1]}, "density: got shape"),
    ({"tau": 0.0}, "tau: got 0"),
    ({"tau": -0.1}, "tau: got -0.1"),
    ({"steps": 0}, "steps: got 0"),
    ({"beta": 0}, "beta: got 0"),
]


@pytest.mark.parametrize(("change", "words"), DENSITIES)
@pytest.mark.parametrize("solve", [quantile_flow, entropic_flow, dirichlet_flow])
def test_densities_are_checked(solve, change, words):
    first = "axis" if solve is quantile_flow else "axes"
    arguments = {first: AXIS, "density": BELL, "beta": 2.0, "tau": 0.1, "steps": 1}
    if solve is not dirichlet_flow:
        arguments["f"] = WELL
    check(solve, arguments, change, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"axis": (AXIS, AXIS)}, "axis: got 2; .* take entropic_flow"),
        ({"tau": 3.0}, "tau: got 3, with which a step is not convex; it must be below 1 / max"),
        ({"masses": 2}, "masses: got 2; 3 or more"),
        ({"f": DoubleWell(2)}, "f: got a landscape of 2"),
        ({"f": -6.0 * AXIS, "steps": 9}, "axis: masses reached"),
    ],
)
def test_quantiles_refuse(change, words):
    arguments = {"axis": AXIS, "density": BELL, "f": WELL, "beta": 2.0, "tau": 0.1, "steps": 1}
    check(quantile_flow, arguments, change, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tau": 0.005}, "tau: got 0.005; with beta = 2 on a grid of spacing 0.05, at least 0.01 is needed"),
        ({"regularisation": 0.001}, "regularisation: got 0.001 .* the grid is too coarse"),
        ({"regularisation": 0.0}, "regularisation: got 0"),
        ({"regularisation": 0.21}, r"regularisation: got 0\.21; .* at most 4 tau / beta = 0\.2 is taken"),
        ({"f": -6.0 * AXIS, "steps": 9}, "density: .* touches the boundary after"),
        ({"beta": math.inf}, "beta: got inf"),
    ],
)
def test_entropic_steps_refuse(change, words):
    arguments = {"axes": AXIS, "density": BELL, "f": WELL, "beta": 2.0, "tau": 0.1, "steps": 1}
    check(entropic_flow, arguments, change, words)


def test_distances_refuse():
    with pytest.raises(ArgumentError, match="take sinkhorn_divergence"):
        wasserstein_distance((AXIS, AXIS), BELL, BELL)
    with pytest.raises(ArgumentError, match="second: got a mass"):
        wasserstein_distance(AXIS, BELL, 3 * BELL)
    with pytest.raises(ArgumentError, match="first: got -"):
        sinkhorn_divergence(AXIS, -BELL, BELL, 0.1)
    with pytest.raises(ArgumentError, match="at least 2 spacings squared"):
        sinkhorn_divergence(AXIS, BELL, BELL, 1e-4)
    with pytest.warns(ConvergenceWarning, match="after 2 iterations"):
        sinkhorn_divergence(AXIS, BELL, np.roll(BELL, 20), 0.05, max_iterations=2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": 0.2}, "step: got 0.2; the pull alone needs less than epsilon gamma = 0.15"),
        ({"step": 0.0}, "step: got 0"),
        ({"gamma": 0.0}, "gamma: got 0"),
        ({"epsilon": -1.0}, "epsilon: got -1"),
        ({"beta": math.inf}, "beta"),
        ({"replicas": 0}, "replicas: got 0"),
        ({"steps": 2.5}, "steps: got 2.5"),
        ({"thin": 0}, "thin: got 0"),
        ({"thin": 80}, "thin: got 80; at most steps = 50"),
        ({"burn_in": 50}, "burn_in: got 50; .* below 50"),
        ({"start": [0.0, 1.0]}, r"start: got shape \(2,\)"),
        ({"start": [np.inf]}, "start"),
        ({"start": [9.0], "step": 0.1}, "step: got 0.1, with which paths diverged"),
        ({"landscape": 3}, "landscape: got int"),
        ({"seed": 0.5}, "seed"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_two_scales_refuse(change, words):
    arguments = {
        "landscape": WELL, "start": [0.3], "gamma": 0.5, "beta": 2.0, "epsilon": 0.3, "step": 0.01, "steps": 50,
        "chains": 3,
    }  # fmt: skip
    check(two_scale_paths, arguments, change, words)


def test_averages_refuse():
    with pytest.raises(ArgumentError, match=r"step: got 0\.14, with which steps grow"):
        step_moments(9.0, gamma=0.5, beta=1.0, epsilon=0.3, step=0.14)
    with pytest.raises(ArgumentError, match="h: got 0"):
        linear_variance(0.0, gamma=0.5, beta=1.0, epsilon=0.3)
    with pytest.raises(ArgumentError, match=r"x: got shape \(1,\); \(points, 1\)"):
        averaged_drift(WELL, [0.3], gamma=0.5, beta=1.0)
    with pytest.raises(ArgumentError, match="landscape: got one of 3 dimensions"):
        averaged_drift(DoubleWell(3), np.zeros((1, 3)), gamma=0.5, beta=1.0)
    with pytest.raises(ArgumentError, match="x: got shape"):
        averaged_drift(WELL, "here", gamma=0.5, beta=1.0)
    with pytest.raises(ArgumentError, match="times: got"):
        averaged_path(WELL, [0.3], [], gamma=0.5, beta=1.0)
    with pytest.raises(ArgumentError, match="times: got"):
        averaged_path(WELL, [0.3], [1.0, 0.5], gamma=0.5, beta=1.0)


RING = Grid(-4.0, 4.0, 161, "periodic")
PERIODIC = "axes: got a Grid with periodic sides; periodic grids are not taken here"


@pytest.mark.parametrize(
    ("solve", "more"),
    [
        (hopf_lax, {"f": WELL, "t": 0.4}),
        (finite_differences, {"f": WELL, "t": 0.1}),
        (dirichlet_flow, {"density": BELL, "beta": 2.0, "tau": 0.1, "steps": 1}),
        (entropic_flow, {"density": BELL, "f": WELL, "beta": 2.0, "tau": 0.1, "steps": 1}),
        (OptimalControl, {"f": WELL, "beta": 2.0}),
    ],
)
def test_periodic_grids_are_refused(solve, more):
    with pytest.raises(ArgumentError, match=PERIODIC):
        solve(axes=RING, **more)


def test_transport_on_periodic_grids_is_refused():
    with pytest.raises(ArgumentError, match=PERIODIC):
        quantile_flow(RING, BELL, WELL, beta=2.0, tau=0.1, steps=1)
    with pytest.raises(ArgumentError, match=PERIODIC):
        wasserstein_distance(RING, BELL, BELL)
    half = Grid((-4, -4), (4, 4), (32, 32), ("periodic", "no-flux"))
    with pytest.raises(ArgumentError, match="axes: got a Grid periodic along one dimension; both or neither"):
        cole_hopf(half, np.zeros((32, 32)), 0.4, beta=2.0)


def test_costs_that_are_not_finite_are_named():
    with pytest.raises(NonFiniteEnergyError, match=r"at the ends of 1000 of 1000 chains, as at \[1\.e\+200\]"):
        cost_to_go(WELL, [1e200], 1.0, beta=50.0, chains=1000)


def test_controls_keep_what_memory_holds(monkeypatch):
    monkeypatch.setattr("mcmc.continuum.stochastic_control.KEPT", 3 * AXIS.size * 8)
    control = OptimalControl(AXIS, WELL, beta=2.0)
    first = control.gradient(0.1)
    for left in (0.2, 0.3, 0.4, 0.5, 0.6):
        control.gradient(left)
    assert len(control._kept) <= 4
    assert control.gradient(0.1) is not first
    assert np.array_equal(control.gradient(0.1), first)
    with pytest.raises(ArgumentError, match=r"the grid is too coarse for 50 at t = 0\.375"):
        OptimalControl(AXIS, WELL, beta=50.0).gradient(0.375)


def test_a_grid_of_cells_is_an_axis():
    cells = Grid(-4.0, 4.0, 160)
    found = cole_hopf(cells, WELL, 0.4, beta=2.0)
    assert np.array_equal(found.axes[0], cells.centres[0])
