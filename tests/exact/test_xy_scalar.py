"""The scalar formulas of the XY model one by one, against NumPy in double precision."""

import numpy as np
import pytest
from numba import njit
from plain_xy import EPSILON

from mcmc.landscapes.xy import physics


@njit
def exp_minus_of(values):
    out = np.empty(values.size, np.float32)
    for i in range(values.size):
        out[i] = physics.exp_minus(values[i])
    return out


@njit
def crossings_of(ca, sa, cb, sb):
    out = np.empty(ca.size, np.int32)
    for i in range(ca.size):
        out[i] = physics.branch_crossing(ca[i], sa[i], cb[i], sb[i])
    return out


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def test_exp_minus_to_its_bound(rng):
    """One rounding of x log2(e), whose absolute error x / ln 2 / 2^24 is what the exponential sees, and the rest."""
    ties = (np.arange(0, 250) / 2.0 * np.log(2.0)).astype(np.float32)
    near_ties = np.concatenate([np.nextafter(ties, np.float32(0)), ties, np.nextafter(ties, np.float32(99))])
    random = rng.uniform(0, 87, 200_000)
    tiny = 10.0 ** rng.uniform(-40, 0, 50_000)
    x = np.concatenate([near_ties, random, tiny]).astype(np.float32)
    x = x[(x >= 0) & (x <= 87)]
    relative = exp_minus_of(x) / np.exp(-x.astype(np.float64)) - 1.0
    assert np.all(np.abs(relative) < 2e-7 + 1e-7 * x)
    assert exp_minus_of(np.zeros(1, np.float32))[0] == 1.0


def test_exp_minus_ends_at_a_number_below_every_uniform():
    far = np.array([87.0, 88.0, 1e3, 1e30, np.inf], dtype=np.float32)
    values = exp_minus_of(far)
    assert np.all(values == values[0])
    # 2^-33 is the smallest uniform32.
    assert 0.0 < values[0] < 2.0**-33


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_metropolis_acceptance_is_detailed(beta, rng):
    for delta in rng.normal(0, 3, 200):
        up = physics.metropolis_acceptance(beta, delta, physics.exp_minus_exact)
        down = physics.metropolis_acceptance(beta, -delta, physics.exp_minus_exact)
        assert max(up, down) == 1.0
        assert up / down == pytest.approx(np.exp(-beta * delta), rel=1e-14)
        bond = physics.wolff_bond_closed(beta, 1.0, delta, 0.5, physics.exp_minus_exact)
        assert bond == pytest.approx(np.exp(min(0.0, -beta * delta)), rel=1e-14)


def test_small_rotation_is_a_rotation_and_odd(rng):
    for t in rng.normal(0, 3, 500):
        cosine, sine = physics.small_rotation(t)
        assert cosine == pytest.approx(np.cos(2.0 * np.arctan(t)), abs=1e-15)
        assert sine == pytest.approx(np.sin(2.0 * np.arctan(t)), abs=1e-15)
        single = np.float32(t)
        there, back = physics.small_rotation(single), physics.small_rotation(-single)
        # Exactly, or proposals would not be symmetric.
        assert (there[0], there[1]) == (back[0], -back[1])
        assert there[0] ** 2 + there[1] ** 2 == pytest.approx(1.0, abs=8 * EPSILON)


def test_rotations_compose_and_energies_subtract(rng):
    for theta, delta, hx, hy in rng.uniform(-3, 3, (300, 4)):
        c, s = np.cos(theta), np.sin(theta)
        new_c, new_s = physics.rotate(c, s, np.cos(delta), np.sin(delta))
        assert new_c == pytest.approx(np.cos(theta + delta), abs=1e-15)
        assert new_s == pytest.approx(np.sin(theta + delta), abs=1e-15)
        change = physics.energy_change(c, s, new_c, new_s, hx, hy)
        assert change == pytest.approx(-(hx * new_c + hy * new_s) + (hx * c + hy * s), abs=1e-14)


def test_mirror_in_the_field_keeps_the_energy_and_undoes_itself(rng):
    for theta, hx, hy in rng.uniform(-3, 3, (300, 3)):
        c, s = np.cos(theta), np.sin(theta)
        new = physics.reflect_about_field(c, s, hx, hy)
        assert hx * new[0] + hy * new[1] == pytest.approx(hx * c + hy * s, abs=1e-14)
        assert new[0] ** 2 + new[1] ** 2 == pytest.approx(1.0, abs=1e-14)
        assert np.hypot(new[0] - c, new[1] - s) > 1e-6
        assert physics.reflect_about_field(*new, hx, hy) == pytest.approx((c, s), abs=1e-14)
    assert physics.reflect_about_field(0.6, 0.8, 0.0, 0.0) == (0.6, 0.8)


def test_mirror_across_a_line_reverses_one_component(rng):
    for theta, phi in rng.uniform(-np.pi, np.pi, (300, 2)):
        r = np.array([np.cos(phi), np.sin(phi)])
        spin = np.array([np.cos(theta), np.sin(theta)])
        new = np.array(physics.reflect_across_line(*spin, *r))
        assert new @ r == pytest.approx(-(spin @ r), abs=1e-15)
        assert new @ [-r[1], r[0]] == pytest.approx(spin @ [-r[1], r[0]], abs=1e-15)


def test_bond_cosine_and_sine(rng):
    for a, b, phase in rng.uniform(-np.pi, np.pi, (300, 3)):
        found = physics.bond_cosine_sine(np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(phase), np.sin(phase))
        assert found == pytest.approx((np.cos(a - b - phase), np.sin(a - b - phase)), abs=1e-15)


def angles_with_traps(rng):
    """Pairs of angles in (-pi, pi], many of them a hair from the branch cut, from each other, or across it."""
    hair = 10.0 ** rng.uniform(-6, -1, 20_000) * rng.choice([-1, 1], 20_000)
    anchor = rng.choice([0.0, np.pi / 2, np.pi, -np.pi / 2, 1.0], 20_000)
    a = np.concatenate([rng.uniform(-np.pi, np.pi, 20_000), anchor + hair])
    b = np.concatenate([rng.uniform(-np.pi, np.pi, 20_000), anchor - hair * rng.uniform(0, 3, 20_000)])
    return [np.arctan2(np.sin(x), np.cos(x)) for x in (a, b)]


def test_branch_crossings_are_differences_beyond_pi(rng):
    a, b = angles_with_traps(rng)
    spins = [f(x).astype(np.float32) for x in (a, b) for f in (np.cos, np.sin)]
    # Angles of the spins as float32 holds them, and no pair so close to pi that its rounding decides.
    a, b = (np.arctan2(s.astype(np.float64), c) for c, s in (spins[:2], spins[2:]))
    clear = np.abs(np.abs(a - b) - np.pi) > 1e-6
    expected = np.where(b - a > np.pi, 1, 0) - np.where(b - a < -np.pi, 1, 0)
    np.testing.assert_array_equal(crossings_of(*spins)[clear], expected[clear])
    assert set(np.unique(expected)) == {-1, 0, 1}


@pytest.mark.parametrize("kappa", [1e-12, 1e-6, 1e-3, 1.0, 30.0, 1e6, 1e10])
def test_von_mises_envelope_is_best_and_fishers(kappa):
    """Against their formula in 60 digits."""
    from decimal import Decimal, getcontext

    getcontext().prec = 60
    k = Decimal(kappa)
    tau = 1 + (1 + 4 * k * k).sqrt()
    rho = (tau - (2 * tau).sqrt()) / (2 * k)
    r, r_minus_1 = physics.von_mises_parameters(kappa)
    assert r == pytest.approx(float((1 + rho * rho) / (2 * rho)), rel=1e-15)
    assert r_minus_1 == pytest.approx(float((1 - rho) ** 2 / (2 * rho)), rel=1e-14)
    f, one_minus_f = physics.von_mises_proposal(r, r_minus_1, 0.25)
    assert f == pytest.approx(1.0 - one_minus_f, abs=1e-15)
    exact_r, z = 1 + Decimal(r_minus_1), Decimal("0.25")
    assert one_minus_f == pytest.approx(float(1 - (1 + exact_r * z) / (exact_r + z)), rel=1e-14)
