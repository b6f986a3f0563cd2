"""Multi-histogram reweighting against the 4 x 4 Ising model, whose 65536 states are counted.

Energies are drawn from the exact law by inverting its distribution at correlated normal numbers, so that their
autocorrelation, and their correlation between temperatures as under parallel tempering, are known and large.
"""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import ndtr

from mcmc.errors import ConvergenceWarning
from mcmc.statistics.derived import binder_cumulant
from mcmc.statistics.reweighting import MultiHistogram

LIMIT = 4.9
SITES = 16
BETAS = np.array([0.3, 0.36, 0.42, 0.5])
TARGETS = np.array([0.33, 0.42, 0.46, 0.51])


@pytest.fixture(scope="module")
def levels():
    spins = 2 * ((np.arange(2**SITES)[:, None] >> np.arange(SITES)) & 1).reshape(-1, 4, 4) - 1
    energy = -np.sum(spins * (np.roll(spins, 1, 1) + np.roll(spins, 1, 2)), axis=(1, 2))
    return np.unique(energy, return_counts=True)


def law(levels, beta):
    energy, count = levels
    weight = count * np.exp(-beta * (energy - energy[0]))
    return weight / weight.sum(), np.log(weight.sum()) - beta * energy[0]


def exact(levels, betas):
    """log Z, mean energy, specific heat per site and mean of cos(E), each (points,)."""
    energy = levels[0]
    rows = []
    for beta in betas:
        p, log_z = law(levels, beta)
        mean = p @ energy
        rows.append((log_z, mean, beta**2 * (p @ (energy - mean) ** 2) / SITES, p @ np.cos(energy)))
    return np.array(rows).T


def energies(levels, rng, rho, shape, betas=BETAS, shared=True):
    noise = rng.normal(size=(*shape, 1 if shared else len(betas)))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    uniform = ndtr(lfilter([1.0], [1.0, -rho], noise, axis=1)) * np.ones(len(betas))
    out = np.empty(uniform.shape)
    for k, beta in enumerate(betas):
        edges = np.cumsum(law(levels, beta)[0])[:-1]
        out[..., k] = levels[0][np.searchsorted(edges, uniform[..., k])]
    return out


def spread(z):
    return (np.sum(z**2, axis=0) - len(z)) / np.sqrt(2 * len(z))


def test_values_and_errors_are_calibrated_on_correlated_series(levels, seed):
    from pymbar import MBAR

    rng = np.random.default_rng([seed, 21])
    truth = exact(levels, TARGETS)
    truth[0] -= exact(levels, BETAS[:1])[0]
    z, naive = [], []
    for _ in range(60):
        e = energies(levels, rng, 0.8, (8, 1500))
        found = MultiHistogram(e, BETAS)
        estimates = (
            found.log_z(TARGETS),
            found.energy(TARGETS),
            found.specific_heat(TARGETS, SITES),
            found.expectation(np.cos(e), TARGETS),
        )
        z.append([(x.value - t) / x.error for x, t in zip(estimates, truth, strict=True)])
        columns = e[:, ::4].reshape(-1, len(BETAS)).T.reshape(-1)
        solved = MBAR(BETAS[:, None] * columns, [e[:, ::4, 0].size] * len(BETAS), rseed=0)
        independent = solved.compute_expectations(columns, TARGETS[:, None] * columns, state_dependent=False)
        naive.append((independent["mu"] - truth[1]) / independent["sigma"])
    z = np.array(z)
    assert (np.abs(z.mean(axis=0)) * np.sqrt(len(z)) < LIMIT).all()
    assert (np.abs(spread(z)) < LIMIT).all()
    assert (np.abs(spread(np.array(naive))) > LIMIT).any()


def test_errors_agree_with_pymbar_on_independent_samples(levels, seed):
    from pymbar import MBAR

    e = energies(levels, np.random.default_rng([seed, 22]), 0.0, (8, 2000), shared=False)
    found = MultiHistogram(e, BETAS, blocks=50)
    columns = np.concatenate([e[..., k].reshape(-1) for k in range(len(BETAS))])
    solved = MBAR(BETAS[:, None] * columns, [16_000] * len(BETAS), rseed=0)
    theirs = solved.compute_expectations(columns, TARGETS[:, None] * columns, state_dependent=False)
    ours = found.energy(TARGETS)
    np.testing.assert_allclose(ours.value, theirs["mu"], rtol=1e-6)
    # 400 blocks know an error bar to 1 / sqrt(2 x 399).
    np.testing.assert_allclose(ours.error, theirs["sigma"], rtol=LIMIT / np.sqrt(798))
    free = solved.compute_free_energy_differences()
    log_z = found.log_z(BETAS)
    np.testing.assert_allclose(log_z.value, -free["Delta_f"][0], atol=1e-6)
    np.testing.assert_allclose(log_z.error[1:], free["dDelta_f"][0, 1:], rtol=LIMIT / np.sqrt(798))


def test_leaving_out_a_block_to_first_order_is_leaving_it_out(levels, seed):
    e = energies(levels, np.random.default_rng([seed, 23]), 0.0, (20, 200))
    whole = MultiHistogram(e, BETAS, blocks=1)
    left_out = np.array(
        [MultiHistogram(np.delete(e, c, axis=0), BETAS, blocks=1).energy(TARGETS).value for c in range(20)]
    )
    direct = np.sqrt(19 / 20 * np.sum((left_out - left_out.mean(axis=0)) ** 2, axis=0))
    np.testing.assert_allclose(whole.energy(TARGETS).error, direct, rtol=0.02)


def test_one_temperature_and_any_order_of_temperatures(levels, seed):
    e = energies(levels, np.random.default_rng([seed, 24]), 0.5, (4, 2000))
    single = MultiHistogram(e[..., 1], BETAS[1:2])
    assert single.energy(BETAS[1]).value[0] == pytest.approx(e[:, :, 1].mean(), rel=1e-12)
    straight = MultiHistogram(e, BETAS)
    order = [2, 0, 3, 1]
    mixed = MultiHistogram([e[..., k] for k in order], BETAS[order])
    for a, b in [
        (straight.log_z(TARGETS, reference=0.4), mixed.log_z(TARGETS, reference=0.4)),
        (straight.specific_heat(TARGETS, SITES), mixed.specific_heat(TARGETS, SITES)),
    ]:
        np.testing.assert_allclose(a.value, b.value, rtol=1e-6)
        np.testing.assert_allclose(a.error, b.error, rtol=1e-6)
    assert straight.log_z(0.4, reference=0.4) == (0.0, 0.0)


def test_far_temperatures_and_thin_overlap_are_named(levels, seed):
    rng = np.random.default_rng([seed, 25])
    found = MultiHistogram(energies(levels, rng, 0.0, (4, 500)), BETAS)
    assert found.effective_samples(0.4)[0] > 500
    with pytest.warns(ConvergenceWarning, match="beta = -1 is reached by .* effective samples") as caught:
        found.energy(-1.0)
    assert caught[0].filename == __file__
    far = np.array([0.05, 0.6])
    with pytest.warns(ConvergenceWarning, match=r"beta = 0.05 and 0.6 overlap by") as caught:
        MultiHistogram(energies(levels, rng, 0.0, (4, 4000), betas=far), far)
    assert caught[0].filename == __file__


def test_slow_observable_gets_longer_blocks(levels, seed):
    rng = np.random.default_rng([seed, 26])
    e = energies(levels, rng, 0.0, (4, 4000))
    noise = rng.normal(size=e.shape)
    noise[:, 1:] *= np.sqrt(1 - 0.98**2)
    slow = lfilter([1.0], [1.0, -0.98], noise, axis=1)
    error = MultiHistogram(e, BETAS).expectation(slow, TARGETS[1:2]).error[0]
    independent = 1 / np.sqrt(e.size)
    # tau_int = 49.5; all samples serve the target to some degree.
    assert error > 6 * independent
    binder = MultiHistogram(e, BETAS).evaluate(
        lambda beta, m2, m4: binder_cumulant(m2, m4), {"m2": slow**2, "m4": slow**4}, TARGETS
    )
    assert (np.abs(binder.value / binder.error) < LIMIT).all()


def test_more_samples_than_allowed_are_thinned_evenly(levels, seed):
    e = energies(levels, np.random.default_rng([seed, 27]), 0.0, (4, 1000), shared=False)
    full, thin = MultiHistogram(e, BETAS), MultiHistogram(e, BETAS, max_samples=2000)
    ratio = thin.energy(TARGETS).error / full.energy(TARGETS).error
    # Eight times fewer samples: errors sqrt(8) times larger, each known to 1 / sqrt(2 x 63).
    np.testing.assert_allclose(ratio, np.sqrt(8), rtol=LIMIT / np.sqrt(63))
