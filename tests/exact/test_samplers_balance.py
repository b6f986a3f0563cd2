"""Swaps and the Langevin correction as exact laws, built from the code's own acceptance functions."""

import itertools

import numpy as np
from small_systems import boltzmann, enumerated_energies

from mcmc.landscapes.analytic import DoubleWell, Quadratic
from mcmc.landscapes.custom import CustomLandscape
from mcmc.samplers.exchange import count_round_trips, exchange, log_exchange_ratio
from mcmc.samplers.integrators import log_acceptance


def three_spins():
    """An open chain with a field: eight configurations, no symmetry."""

    def energy(spins, parameters):
        return -spins[0] * spins[1] - 0.7 * spins[1] * spins[2] - 0.3 * spins[0]

    return CustomLandscape(3, energy, lambda old, width, u0, u1: -old, lambda u: 1 if u < 0.5 else -1, dtype=np.int8)


def swap_matrix(energies, betas, pair, ratio):
    """Joint transition matrix of one swap over the configurations of three replicas ordered by temperature."""
    count = energies.size
    joint = list(itertools.product(range(count), repeat=betas.size))
    place = {configuration: row for row, configuration in enumerate(joint)}
    matrix = np.zeros((len(joint), len(joint)))
    for row, configuration in enumerate(joint):
        a, b = configuration[pair], configuration[pair + 1]
        taken = min(1.0, np.exp(ratio(betas[pair], betas[pair + 1], energies[a], energies[b])))
        swapped = list(configuration)
        swapped[pair], swapped[pair + 1] = b, a
        matrix[row, place[tuple(swapped)]] += taken
        matrix[row, row] += 1 - taken
    return matrix


def test_swaps_leave_the_joint_law_invariant():
    energies = enumerated_energies(three_spins())
    betas = np.array([1.3, 0.8, 0.2])
    law = np.einsum("i,j,k->ijk", *(boltzmann(energies, beta) for beta in betas)).ravel()
    for pair in (0, 1):
        flow = law[:, None] * swap_matrix(energies, betas, pair, log_exchange_ratio)
        assert np.abs(flow - flow.T).max() < 1e-12
        assert np.abs(flow.sum(axis=0) - law).max() < 1e-12
        wrong = law[:, None] * swap_matrix(energies, betas, pair, lambda a, b, x, y: log_exchange_ratio(b, a, x, y))
        assert np.abs(wrong - wrong.T).max() > 1e-4


def test_exchange_moves_lanes_and_counts():
    """Certain swaps, energies against the order of temperatures, sort three replicas by odd and even turns."""
    beta = np.array([3.0, 2.0, 1.0])
    lane = np.array([[0, 1, 2], [3, 4, 5]])
    energy = np.array([9.0, 5.0, 1.0, 1.0, 5.0, 900.0])
    source = np.empty(6, np.int64)
    attempted, swapped = np.zeros((2, 2, 2), np.int64)
    for sweep, parity in enumerate([0, 1, 0]):
        chain = np.arange(2, dtype=np.uint32)
        exchange(beta, energy, parity, sweep, chain, np.uint32(1), np.uint32(2), lane, source, attempted, swapped)
    assert lane[0].tolist() == [2, 1, 0]
    assert attempted.tolist() == [[2, 1], [2, 1]]
    assert swapped[0].tolist() == [2, 1]
    assert swapped[1, 1] == 0


def test_round_trips_count_returns_to_the_cold_end():
    heading, trips = np.zeros(3, np.int8), np.zeros(1, np.int64)
    for order in ([0, 1, 2], [1, 0, 2], [1, 2, 0], [1, 0, 2], [0, 1, 2], [0, 2, 1], [1, 2, 0]):
        count_round_trips(np.array([order]), heading, trips)
    # Lane 0 went cold, hot, cold; lane 1 came back from the hot end at the last.
    assert trips.tolist() == [2]


def test_the_langevin_correction_is_detailed_balance():
    """log pi(x) + log q(y|x) + log min(1, r) is symmetric in x and y, at random points."""
    rng = np.random.default_rng(5)
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    for landscape in (Quadratic(matrix, [1.0, -1.0]), DoubleWell(2)):
        for _ in range(50):
            x, y = rng.normal(size=(2, 1, 2))
            eta, beta = rng.uniform(0.01, 0.5), rng.uniform(0.2, 3)
            fx, fy, gx, gy = (
                landscape.energy(x)[0],
                landscape.energy(y)[0],
                landscape.gradient(x),
                landscape.gradient(y),
            )

            def log_flow(x, fx, gx, y, fy, gy, eta=eta, beta=beta):
                proposal = -beta * ((y - x + eta * gx) ** 2).sum() / (4 * eta)
                return -beta * fx + proposal + min(0.0, log_acceptance(x[0], fx, gx[0], y[0], fy, gy[0], eta, beta))

            there, back = log_flow(x, fx, gx, y, fy, gy), log_flow(y, fy, gy, x, fx, gx)
            assert abs(there - back) < 1e-12 * max(1.0, abs(there))


def test_unadjusted_covariance_solves_its_fixed_point():
    """S = M S M + 2 eta / beta, M = I - eta A."""
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    landscape, eta, beta = Quadratic(matrix), 0.3, 1.7
    s = landscape.langevin_covariance(beta, eta)
    m = np.eye(2) - eta * matrix
    assert np.abs(m @ s @ m + 2 * eta / beta * np.eye(2) - s).max() < 1e-14


def test_analytic_landscapes_have_the_gradients_and_moments_stated():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 3))
    quadratic = Quadratic(np.diag([1.0, 2.0, 3.0]) + 0.1, [0.5, 0.0, -0.5], offset=2.0)
    for landscape in (quadratic, DoubleWell(3)):
        step = 1e-6
        for i in range(3):
            shift = np.zeros(3)
            shift[i] = step
            slope = (landscape.energy(x + shift) - landscape.energy(x - shift)) / (2 * step)
            assert np.allclose(landscape.gradient(x)[:, i], slope, atol=1e-8)
    well = DoubleWell(1)
    assert abs(well.partition_function(1) - 3.0413238858861) < 1e-12
    assert abs(well.second_moment(1) - 1.0417972964871) < 1e-12
    assert abs(well.partition_function(4) - 1.9737321500898) < 1e-12
    assert abs(well.second_moment(4) - 0.8327454871284) < 1e-12
    slope = -(np.log(well.partition_function(1.0001)) - np.log(well.partition_function(0.9999))) / 2e-4
    assert abs(well.mean_energy(1) - slope) < 1e-7
