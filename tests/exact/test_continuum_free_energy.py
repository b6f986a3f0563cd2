"""What densities lose on Fokker-Planck grids: free energy far out, Fisher information and rates, and coarse grids."""

import warnings

import numpy as np
import pytest

from mcmc.continuum import FokkerPlanck, Grid, linear_steady_state
from mcmc.errors import ConvergenceWarning
from mcmc.landscapes.analytic import DoubleWell

ROTATION = np.array([[1.0, -1.5], [1.5, 2.0]])
NOISE = np.array([[1.0, 0.6], [0.6, 0.8]])


def orders(errors):
    errors = np.abs(errors)
    return np.log2(errors[:-1] / errors[1:])


def quiet(process, *arguments, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return process.evolve(*arguments, **keywords)


def bell(middle, wide):
    return lambda x: np.exp(-((x[:, 0] - middle) ** 2) / (2 * wide**2))


def test_a_density_that_crosses_steep_drift_tells_its_peclet_number():
    """Where the density at rest lives all is fine; on the way there cells are too wide, and it spreads too far."""
    spread = {}
    for cells in (200, 4000):
        process = FokkerPlanck(Grid(-3, 3, cells), lambda x: -x, beta=400.0)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            path = process.evolve(bell(2.0, 0.1), [0.5], step=0.002)
        away = process.grid.points[:, 0] - path.mean[-1, 0]
        spread[cells] = (path.density[-1] @ away**2) * process.grid.volume
        assert path.stationary.warnings == ()
        assert path.to_xarray().attrs["peclet"] == path.peclet
        assert [str(w.message) for w in told] == list(path.warnings)
        if cells == 200:
            # |b| = 2.3 where the start is at 1 % of its peak, beta = 400, cells .03 wide.
            assert path.peclet == pytest.approx(400 * 2.3 * 0.03, rel=0.02)
            assert "cell Peclet number 27.7" in path.warnings[0]
        else:
            assert path.peclet < 2
            assert path.warnings == ()
    exact = 0.01 * np.exp(-1) + (1 - np.exp(-1)) / 400
    # Steps of Euler's method in time spread the mean by step b^2 t / 2 at most, here 0.002.
    assert exact < spread[4000] < exact + 0.002
    assert spread[200] > 3 * exact


@pytest.mark.parametrize("beta", [20.0, 100.0, 400.0])
def test_free_energy_far_out_where_the_density_at_rest_underflows(beta):
    """Of a Gaussian, <f> - entropy / beta + log(Z) / beta, where exp(-beta f) is 1e-70 to 1e-1400."""
    middle, wide, well = 2.6, 0.03, DoubleWell()
    process = FokkerPlanck(Grid(-3.2, 3.2, 3200), potential=well, beta=beta)
    path = quiet(process, bell(middle, wide), [1e-6, 2e-6], step=1e-6, method="crank-nicolson")
    square, fourth = middle**2 + wide**2, middle**4 + 6 * middle**2 * wide**2 + 3 * wide**4
    entropy = np.log(wide * np.sqrt(2 * np.pi * np.e))
    exact = (fourth - 2 * square + 1) / 4 - entropy / beta + np.log(well.partition_function(beta)) / beta
    assert path.free_energy[0] == pytest.approx(exact, rel=1e-10)
    # In detailed balance I is the rate of the grid itself; rounding of F in 2e-6 is 1e-9.
    assert path.fisher_information[1] == pytest.approx((path.free_energy[0] - path.free_energy[2]) / 2e-6, rel=1e-6)


def test_a_null_vector_that_underflows_is_told():
    drift = lambda x: -(x**3 - x)  # noqa: E731
    known = FokkerPlanck(Grid(-3, 3, 1500), drift, beta=200.0)
    grid = Grid([-3, -1], [3, 1], [600, 24])
    lost = FokkerPlanck(
        grid, lambda x: np.stack([-(x[:, 0] ** 3 - x[:, 0]), -x[:, 1] + 0.01 * x[:, 0]], axis=1), beta=200.0
    )
    assert known.log_balance is not None
    assert lost.log_balance is None
    near, far = bell(1.1, 0.1), bell(2.6, 0.1)
    assert not any("underflows" in text for text in quiet(known, far, [1e-3], step=1e-3).warnings)
    assert not any("underflows" in text for text in quiet(lost, near, [1e-3], step=1e-3).warnings)
    with pytest.warns(ConvergenceWarning, match="free energy: 1 of the density lies where .* underflows"):
        path = lost.evolve(far, [1e-3], step=1e-3)
    assert np.isfinite(path.fisher_information).all()


def ripples(x):
    return x[:, 0] ** 2 + 1.5 * np.sin(2 * np.pi * x[:, 0])


def test_fisher_information_of_tails_that_underflow():
    """A narrow Gaussian on a wide grid is smooth, though most of its cells hold 0; a box is not."""
    process = FokkerPlanck(Grid(-3, 3, 500), potential=ripples, beta=10.0)
    path = quiet(process, bell(2.5, 0.1), [1e-5, 2e-5, 1e-4], step=1e-5, method="crank-nicolson")
    assert (path.density[0] == 0).sum() > 100
    assert np.isfinite(path.fisher_information).all()
    fall = (path.free_energy[0] - path.free_energy[2]) / 2e-5
    # A central difference in time: off by step^2 times the third derivative, here a share of 1e-7.
    assert path.fisher_information[1] == pytest.approx(fall, rel=1e-5)
    box = quiet(process, lambda x: (np.abs(x[:, 0]) < 0.5).astype(float), [1e-3], step=1e-3)
    assert box.fisher_information[0] == np.inf
    assert np.isfinite(box.fisher_information[1])


def test_free_energy_falls_by_the_fisher_information_with_correlated_noise_and_rotation():
    """psi = log(rho / rho_ss), grad psi = S^-1 x - W^-1 (x - m): I = <grad psi . D grad psi> for a Gaussian."""
    middle, wide = np.array([0.7, -0.3]), np.array([[0.6, 0.1], [0.1, 1.0]])
    rest = np.linalg.inv(linear_steady_state(ROTATION, NOISE).covariance)
    slope = rest - np.linalg.inv(wide)
    exact = np.trace(slope @ wide @ slope.T @ NOISE) + (rest @ middle) @ NOISE @ (rest @ middle)
    errors, step = [], 1e-6
    for cells in (80, 160):
        grid = Grid(-5.5, 5.5, [cells, cells])
        away = grid.points - middle
        start = np.exp(-np.einsum("ni,ij,nj->n", away, np.linalg.inv(wide), away) / 2)
        process = FokkerPlanck(grid, lambda x: -x @ ROTATION.T, diffusion=NOISE)
        path = quiet(process, start, [step, 2 * step], step=step, method="crank-nicolson")
        fall = (path.free_energy[0] - path.free_energy[2]) / (2 * step)
        errors.append([fall - exact, path.fisher_information[1] - exact])
    assert (orders(np.array(errors)) > 1.8).all(), errors
    # Noise of the same trace without correlation is another number.
    plain = np.trace(slope @ wide @ slope.T) * 0.9 + 0.9 * (rest @ middle) @ (rest @ middle)
    assert np.abs(errors[-1]).max() < 0.1 * abs(plain - exact)


def test_free_energy_falls_at_twice_the_gap_at_last():
    """KL is quadratic in what is left of the slowest mode, which decays as exp(-gap t)."""
    process = FokkerPlanck(Grid(-4, 4, 100), potential=DoubleWell())
    path = quiet(process, bell(1.0, 0.5), [8.0, 9.0], step=0.0025, method="crank-nicolson")
    rates = -process.relaxation(2).eigenvalues.real
    rate = np.log(path.free_energy[1] / path.free_energy[2])
    # The next mode is exp(-2 (second - first) 8) as large; steps are off by (gap step)^2 / 12 of the rate.
    assert rates[1] - rates[0] > 0.9
    assert rate == pytest.approx(2 * rates[0], rel=1e-5)


def slanted(x):
    """D that leans and grows along x, (n, 2, 2): not even in any coordinate."""
    high, low = 1 + 0.5 * np.sin(x[:, 0] + 0.5 * x[:, 1]), 1 + 0.3 * np.cos(x[:, 1] - 0.7 * x[:, 0])
    between = 0.3 * np.sin(0.8 * x[:, 0])
    return np.stack([np.stack([high, between], -1), np.stack([between, low], -1)], -2)


def test_the_reversible_form_moves_means_at_the_right_rate():
    """d<x>/dt = <div D - D grad f> for a Gaussian, to second order: the density at rest says nothing of D."""

    def bowl(x):
        return x[:, 0] ** 2 / 2 + x[:, 1] ** 2 + 0.3 * x[:, 0] * x[:, 1]

    errors = []
    for cells in (40, 80, 160):
        grid = Grid(-6, 6, [cells, cells])
        x = grid.points
        rho = grid.normalised("rho", np.exp(-((x[:, 0] - 0.4) ** 2) - (x[:, 1] + 0.3) ** 2 / 0.8)).ravel()
        slope = np.stack([x[:, 0] + 0.3 * x[:, 1], 2 * x[:, 1] + 0.3 * x[:, 0]], axis=1)
        step, spread = 1e-5, np.zeros_like(x)
        for axis in (0, 1):
            shift = step * np.eye(2)[axis]
            spread += (slanted(x + shift) - slanted(x - shift))[:, :, axis] / (2 * step)
        # Sums over cells of what ends at 0 are integrals to rounding.
        exact = rho @ (spread - np.einsum("nij,nj->ni", slanted(x), slope)) * grid.volume
        forms = [FokkerPlanck(grid, potential=bowl, diffusion=slanted, reversible=r) for r in (True, False)]
        found = [(form.generator @ rho) @ x * grid.volume for form in forms]
        errors.append(found[0] - exact)
    assert (orders(np.array(errors)) > 1.8).all(), errors
    assert np.abs(found[1] - exact).max() > 0.1
