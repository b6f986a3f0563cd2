"""Replica-symmetric storage against published digits, an oracle of another make, identities and limits."""

import math
import time

import numpy as np
import pytest
from scipy.special import erfc

from mcmc.errors import ArgumentError
from perceptron import theory

INF = math.inf
Z = np.linspace(-11.0, 11.0, 8001)
DZ = np.exp(-0.5 * Z * Z) / math.sqrt(2.0 * math.pi) * (Z[1] - Z[0])


def digits(value, text: str):
    """Equal to every digit of a printed value."""
    decimals = len(text.split(".")[1])
    assert abs(float(value) - float(text)) <= 0.5000001 * 10.0**-decimals, (float(value), text)


def free_entropy(alpha, kappa, beta, q, conjugate):
    """phi(q, q^) as it is printed, by the trapezoidal rule and naive functions."""
    e = math.exp(-beta)
    right = 0.5 * erfc((kappa - math.sqrt(q) * Z) / math.sqrt(2.0 * (1.0 - q)))
    weights = DZ @ np.log(2.0 * np.cosh(math.sqrt(conjugate) * Z))
    return -0.5 * conjugate * (1.0 - q) + weights + alpha * (DZ @ np.log(e + (1.0 - e) * right))


def gradient(alpha, kappa, beta, q, conjugate, step=1e-5):
    """(d phi / dq, d phi / dq^) by central differences."""

    def phi(dq, dc):
        return free_entropy(alpha, kappa, beta, q + dq, conjugate + dc)

    return np.array([phi(step, 0) - phi(-step, 0), phi(0, step) - phi(0, -step)]) / (2.0 * step)


@pytest.mark.parametrize(
    ("alpha", "entropy"), [(0.1, "0.622779"), (0.3, "0.474829"), (0.5, "0.314390"), (0.7, "0.135400")]
)
def test_published_entropies(alpha, entropy):
    digits(theory.replica_symmetric(alpha=alpha, kappa=0.0, beta=INF).entropy, entropy)


@pytest.mark.parametrize(("kappa", "alpha"), [(0.0, "0.833079"), (0.5, "0.455665")])
def test_published_capacities(kappa, alpha):
    digits(theory.capacity(kappa), alpha)


@pytest.mark.parametrize(
    ("alpha", "beta", "energy", "entropy"), [(0.5, 1.0, "0.138117", "0.640232"), (1.0, 2.0, "0.156092", "0.408477")]
)
def test_published_finite_beta(alpha, beta, energy, entropy):
    state = theory.replica_symmetric(alpha, 0.0, beta)
    digits(state.energy, energy)
    digits(state.entropy, entropy)


PLACES = [
    (0.4, 0.0, INF), (0.83, 0.0, INF), (0.2, 0.5, INF), (1.5, -0.7, INF),
    (0.5, 0.0, 1.0), (1.0, 0.0, 4.0), (0.8, 0.3, 2.5), (3.0, -0.5, 0.6),
]  # fmt: skip


@pytest.mark.parametrize(("alpha", "kappa", "beta"), PLACES)
def test_solution_is_stationary_in_the_printed_formula(alpha, kappa, beta):
    state = theory.replica_symmetric(alpha, kappa, beta)
    here = free_entropy(alpha, kappa, beta, state.overlap, state.conjugate)
    assert state.free_entropy == pytest.approx(here, abs=1e-10)
    assert np.abs(gradient(alpha, kappa, beta, state.overlap, state.conjugate)).max() < 1e-7
    assert np.abs(gradient(alpha, kappa, beta, 1.02 * state.overlap, state.conjugate)).max() > 1e-4


def iterated(alpha, beta, rounds=400):
    """q and q^ at kappa = 0 by damped iteration of the equations."""
    e, q = math.exp(-beta), 0.3
    for _ in range(rounds):
        x = -math.sqrt(q / (1.0 - q)) * Z
        ratio = (1.0 - e) * np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
        ratio /= e + (1.0 - e) * 0.5 * erfc(x / math.sqrt(2.0))
        conjugate = alpha / (1.0 - q) * (DZ @ ratio**2)
        q = 0.5 * q + 0.5 * (DZ @ np.tanh(math.sqrt(conjugate) * Z) ** 2)
    return q, conjugate


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, INF), (0.7, INF), (0.5, 1.0), (1.5, 2.0)])
def test_agrees_with_damped_iteration(alpha, beta):
    q, conjugate = iterated(alpha, beta)
    state = theory.replica_symmetric(alpha, 0.0, beta)
    assert state.overlap == pytest.approx(q, abs=1e-11)
    assert state.conjugate == pytest.approx(conjugate, abs=1e-10)


@pytest.mark.parametrize("energy", ["errors", "scaled_hinge"])
@pytest.mark.parametrize(
    ("alpha", "kappa", "beta"), [(0.5, 0.0, 1.0), (0.8, 0.0, 9.0), (1.2, 0.4, 3.0), (2.0, -1.0, 2.0)]
)
def test_thermodynamics(alpha, kappa, beta, energy):
    step = 1e-4 * beta
    low, here, high = (
        theory.replica_symmetric(alpha, kappa, b, energy=energy) for b in (beta - step, beta, beta + step)
    )
    assert (low.free_entropy - high.free_entropy) / (2.0 * step) == pytest.approx(here.energy, rel=1e-6)
    heat = beta * (high.energy - low.energy) / (2.0 * step)
    assert (high.entropy - low.entropy) / (2.0 * step) == pytest.approx(heat, rel=1e-6)
    assert here.entropy == pytest.approx(here.free_entropy + beta * here.energy, abs=1e-13)


@pytest.mark.parametrize(("alpha", "kappa"), [(0.4, 0.0), (0.82, 0.0), (0.3, 0.5)])
def test_large_beta_reaches_the_solutions(alpha, kappa):
    cold, solutions = theory.replica_symmetric(alpha, kappa, 80.0), theory.replica_symmetric(alpha, kappa, INF)
    assert cold.entropy == pytest.approx(solutions.entropy, abs=1e-12)
    assert cold.overlap == pytest.approx(solutions.overlap, abs=1e-12)
    assert 0.0 < cold.energy < 1e-25
    assert cold.energy.error < 1e-9 * cold.energy
    assert solutions.energy == 0.0


@pytest.mark.parametrize("energy", ["errors", "scaled_hinge"])
@pytest.mark.parametrize("kappa", [0.0, 0.5, -1.0])
def test_limits_of_small_alpha_and_beta(kappa, energy):
    # Typical and annealed averages differ at second order in alpha only.
    alpha = 1e-7
    for beta in (0.7, 3.0, INF):
        state, mean = (
            theory.replica_symmetric(alpha, kappa, beta, energy=energy),
            theory.annealed(alpha, kappa, beta, energy=energy),
        )
        assert state.free_entropy == pytest.approx(mean.free_entropy, abs=1e-12)
        assert state.energy == pytest.approx(mean.energy, rel=1e-5)
    hot = theory.replica_symmetric(0.6, kappa, 1e-6, energy=energy)
    assert hot.entropy == pytest.approx(math.log(2.0), abs=1e-11)
    assert hot.energy == pytest.approx(theory.annealed(0.6, kappa, 0.0, energy=energy).energy, rel=1e-5)


def test_no_patterns_and_infinite_temperature_are_exact():
    empty, hot = theory.replica_symmetric(0.0), theory.replica_symmetric(0.8, 0.0, 0.0)
    assert empty.entropy == hot.entropy == math.log(2.0)
    assert empty.overlap == hot.overlap == hot.conjugate == 0.0
    assert hot.energy == pytest.approx(0.4, abs=1e-15)
    # Variance of the energy at beta = 0: P / 4.
    assert (hot.energy - theory.replica_symmetric(0.8, 0.0, 1e-5).energy) / 1e-5 == pytest.approx(0.2, rel=1e-4)


def test_entropy_vanishes_at_the_capacity_and_only_there():
    for kappa in (-3.0, -1.0, 0.0, 0.5, 2.0):
        limit = theory.capacity(kappa)
        assert abs(theory.replica_symmetric(float(limit), kappa).entropy) < 1e-11
        assert theory.replica_symmetric(0.99 * limit, kappa).entropy > 1e-4
        assert theory.replica_symmetric(1.01 * limit, kappa).entropy < -1e-4
        assert limit < theory.first_moment_capacity(kappa)
        assert limit < 2.0 / math.pi * theory.spherical_capacity(kappa)


def test_solutions_end_where_the_overlap_reaches_one():
    end = 2.0 / math.pi * theory.spherical_capacity(0.0)
    assert end == pytest.approx(4.0 / math.pi, rel=1e-14)
    overlaps = [theory.replica_symmetric(share * end).overlap for share in (0.9, 0.99, 0.9999)]
    assert overlaps == sorted(overlaps)
    assert overlaps[-1] > 0.999
    with pytest.raises(theory.NoSolution, match=r"alpha = 1\.3.*overlap reaches 1.*1\.27324.*finite beta"):
        theory.replica_symmetric(1.3)
    with pytest.raises(theory.NoSolution):
        theory.replica_symmetric(math.nextafter(end, 0.0))
    assert theory.replica_symmetric(1.3, 0.0, 20.0).entropy < 0.0


@pytest.mark.parametrize("alpha", [0.85, 1.0, 3.0])
def test_freezing_is_where_the_entropy_vanishes_and_the_free_energy_peaks(alpha):
    frozen = theory.freezing(alpha)
    state = theory.replica_symmetric(alpha, 0.0, frozen.beta)
    assert abs(state.entropy) < 1e-10
    assert state.energy == pytest.approx(frozen.energy, abs=1e-12)

    def free_energy(beta):
        return -theory.replica_symmetric(alpha, 0.0, beta).free_entropy / beta

    assert free_energy(frozen.beta) == pytest.approx(frozen.energy, abs=1e-12)
    assert free_energy(0.97 * frozen.beta) < frozen.energy > free_energy(1.03 * frozen.beta)


def test_nothing_freezes_below_the_capacity():
    with pytest.raises(theory.NoSolution, match=r"does not exceed the capacity 0\.833079"):
        theory.freezing(0.8)


def test_error_estimates_hold_against_finer_rules():
    from perceptron.theory import storage

    for alpha, kappa, beta in [*PLACES, (1.27, 0.0, INF), (10.0, 0.0, 1e4)]:
        state = theory.replica_symmetric(alpha, kappa, beta)
        finer = storage._state(alpha, kappa, beta, "errors", 3, float(state.conjugate))
        assert abs(state.overlap - finer.overlap) <= 3.0 * state.overlap.error
        assert abs(state.free_entropy - finer.free_entropy) <= 3.0 * state.free_entropy.error
        assert state.overlap.error < 1e-8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"alpha": -0.1}, "alpha: got -0.1; a finite number of at least 0"),
        ({"alpha": math.nan}, "alpha: got nan"),
        ({"alpha": "many"}, "alpha: got 'many'; one real number"),
        ({"alpha": 0.5, "kappa": INF}, "kappa: got inf; a finite number"),
        ({"alpha": 0.5, "beta": -1.0}, "beta: got -1.0; a number of at least 0"),
        ({"alpha": 0.5, "beta": 1.0, "energy": "hinge"}, "grows as sqrt.*scaled_hinge"),
        (
            {"alpha": 0.5, "beta": 1.0, "energy": "mistakes"},
            "energy: got 'mistakes'; known are 'errors'",
        ),
    ],
)
def test_bad_input_is_refused(arguments, words):
    with pytest.raises(ArgumentError, match=words):
        theory.replica_symmetric(**arguments)


def test_far_margins_neither_overflow_nor_warn():
    with np.errstate(all="raise", under="ignore"):
        assert theory.replica_symmetric(10.0, -40.0).entropy == pytest.approx(math.log(2.0), abs=1e-15)
        assert theory.replica_symmetric(1e-5, 30.0).entropy < math.log(2.0)
        assert 0.0 < theory.capacity(30.0) < theory.spherical_capacity(30.0)
        assert theory.capacity(-20.0) == pytest.approx(theory.first_moment_capacity(-20.0), rel=1e-9)


def test_is_fast_enough_to_be_drawn_over_figures():
    def seconds(*arguments):
        start = time.thread_time()
        theory.replica_symmetric(*arguments)
        return time.thread_time() - start

    for arguments in ((0.5,), (0.83,), (0.5, 0.0, 2.0), (1.0, 0.0, 30.0)):
        assert min(seconds(*arguments) for _ in range(5)) < 0.02


def test_capacity_is_finite_down_to_the_lowest_margin():
    with np.errstate(all="raise", under="ignore"):
        lowest = theory.capacity(-25.0)
        assert math.isfinite(lowest)
        # Few patterns bind: the first-moment bound is nearly reached.
        assert 0.9 < lowest / theory.first_moment_capacity(-25.0) < 1.0 + 1e-12
    with pytest.raises(ArgumentError, match=r"kappa: got -25\.1"):
        theory.capacity(-25.1)
