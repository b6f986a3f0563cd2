"""Fits, spectra and surrogates of Ornstein-Uhlenbeck processes, and circulation, against sums written out."""

import itertools

import numpy as np
import pytest

from mcmc.gradient_noise import circulation
from mcmc.gradient_noise.ornstein_uhlenbeck import OrnsteinUhlenbeck, fitted
from mcmc.gradient_noise.trajectory_coordinates import coordinates

MATRIX = np.array([[0.8, 0.3, 0.0], [-0.2, 0.7, 0.1], [0.0, 0.0, -0.4]])
ROUNDING = 1e-11
pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")


def process(matrix=MATRIX):
    """With noise of covariance 1: C0 = sum_t A^t A^t'."""
    powers = [np.linalg.matrix_power(matrix, t) for t in range(400)]
    return OrnsteinUhlenbeck(matrix, sum(power @ power.T for power in powers))


def test_noise_correlation_and_expected_periodogram():
    own, draws = process(), 23
    assert np.allclose(own.noise, np.eye(3), atol=ROUNDING)
    lagged = [np.linalg.matrix_power(MATRIX, t) @ own.covariance for t in range(draws)]
    trace = np.array([np.trace(c) for c in lagged])
    assert np.allclose(own.correlation(np.arange(draws)), trace / trace[0], atol=ROUNDING)
    # Covariance of all increments, from that of all draws.
    whole = np.array([[trace[abs(s - t)] for t in range(draws)] for s in range(draws)])
    step = np.eye(draws)[1:] - np.eye(draws)[:-1]
    increments = step @ whole @ step.T
    frequency = np.fft.rfftfreq(draws - 1)
    for f, power in zip(frequency, own.increment_power(frequency, draws), strict=True):
        wave = np.exp(2j * np.pi * f * np.arange(draws - 1))
        assert np.isclose(power, (wave.conj() @ increments @ wave).real / (draws - 1) / 3, atol=ROUNDING)
    for f in (0.01, 0.2, 0.5):
        lags = range(-300, 301)
        both = [lagged_covariance(own.covariance, lag) * np.exp(-2j * np.pi * f * lag) for lag in lags]
        assert np.allclose(own.spectrum(f), sum(both), atol=1e-8)
        wanted = abs(1 - np.exp(2j * np.pi * f)) ** 2 * np.trace(own.spectrum(f)).real / 3
        assert np.isclose(own.increment_power(np.array([f]), np.inf)[0], wanted, atol=ROUNDING)


def lagged_covariance(covariance, lag):
    """<y_(k + lag) y_k'>."""
    forward = np.linalg.matrix_power(MATRIX, abs(lag)) @ covariance
    return forward if lag >= 0 else forward.T


def test_fit_and_its_nearest_process_in_detailed_balance():
    x = np.random.default_rng(1).normal(size=(2, 50, 3))
    x -= x.mean(axis=(0, 1))
    covariance = sum(np.outer(v, v) for v in x.reshape(-1, 3)) / 100
    lagged = sum(np.outer(x[c, k + 1], x[c, k]) for c in range(2) for k in range(49)) / 98
    found = fitted(x)
    assert np.allclose(found.covariance, covariance, atol=ROUNDING)
    assert np.allclose(found.matrix @ covariance, lagged, atol=ROUNDING)
    balanced = found.reversible()
    assert np.allclose(balanced.matrix @ covariance, 0.5 * (lagged + lagged.T), atol=ROUNDING)
    alone = fitted(x, coupled=False)
    assert np.allclose(np.diag(alone.matrix) * np.diag(covariance), np.diag(lagged), atol=ROUNDING)
    assert np.count_nonzero(alone.matrix) == 3


@pytest.mark.parametrize("case", range(20))
def test_every_fit_is_stationary(case):
    rng = np.random.default_rng(case)
    x = rng.normal(size=(1, 6 + case, 2)).cumsum(axis=1) + np.arange(6 + case)[:, None] * rng.normal(size=2)
    found = fitted(x - x.mean(axis=1))
    for one in (found, found.reversible()):
        assert abs(np.linalg.eigvals(one.matrix)).max() < 1
        assert np.linalg.eigvalsh(one.noise)[0] > -ROUNDING * np.linalg.eigvalsh(one.covariance)[-1]


def test_surrogates_have_the_moments_and_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    own = process()
    made = list(own.surrogates(60, 5, 400, seed=3))
    monkeypatch.setattr("mcmc.gradient_noise.ornstein_uhlenbeck.ROOM", 1)
    assert np.array_equal(next(own.surrogates(60, 5, 400, seed=3)), made[0])
    assert np.array_equal(list(own.surrogates(4, 5, 400, seed=3))[3], made[3])
    fits = [fitted(path) for path in made]
    for name in ("matrix", "covariance"):
        values = np.array([getattr(fit, name) for fit in fits])
        error = values.std(axis=0, ddof=1) / np.sqrt(60)
        # Around their own mean, surrogates of 2000 draws and about 20 tau_int have 1 % less variance.
        slack = 0.02 * abs(getattr(own, name)).max()
        assert (abs(values.mean(axis=0) - getattr(own, name)) < 4.9 * error + slack).all()


def test_circulation_written_out_and_its_signs():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 41, 3))
    found = circulation(x, interval=0.5, length=5, surrogates=300, seed=4)
    away, planes = x - x.mean(axis=(0, 1)), [(0, 1), (0, 2), (1, 2)]
    middle, step = 0.5 * (away[:, 1:] + away[:, :-1]), np.diff(away, axis=1)
    blocks = []
    for chain, first in itertools.product(range(2), range(0, 40, 5)):
        part = slice(first, first + 5)
        area = [middle[chain, part, i] @ step[chain, part, j] - middle[chain, part, j] @ step[chain, part, i]
                for i, j in planes]  # fmt: skip
        blocks.append(np.array(area) / 5)
    blocks = np.array(blocks)
    assert found.blocks == len(blocks) == 16
    for plane, (i, j) in enumerate(planes):
        assert np.isclose(found.value[i, j], blocks[:, plane].mean() / 0.5, atol=ROUNDING)
        assert np.isclose(found.error[i, j], blocks[:, plane].std(ddof=1) / 4 / 0.5, atol=ROUNDING)
    assert np.isclose(found.norm, np.linalg.norm(found.value))
    assert np.isclose(found.largest, np.linalg.norm(found.value, 2))
    signs = np.array(list(itertools.product([1, -1], repeat=16)))
    every = np.sort(np.sqrt(((signs @ blocks) ** 2 / (blocks**2).sum(axis=0)).sum(axis=1)))
    assert np.isclose(found.statistic, every, atol=ROUNDING).any()
    near = every[np.clip(np.searchsorted(every, found.null), 1, every.size - 1) - np.array([[0], [1]])]
    assert (abs(near - found.null).min(axis=0) < ROUNDING).all()
    exact = (every >= found.statistic * (1 - 1e-12)).mean()
    assert abs(found.p_value - exact) < 4.9 * np.sqrt(exact * (1 - exact) / 300) + 1 / 301


def test_reading_a_run_backwards_turns_its_circulation_round():
    x = np.random.default_rng(3).normal(size=(1, 65, 2)).cumsum(axis=1)
    there, back = (circulation(part, length=8) for part in (x, x[:, ::-1]))
    assert np.allclose(there.value, -back.value)
    assert np.isclose(there.statistic, back.statistic)


def test_principal_components():
    rng = np.random.default_rng(4)
    base = rng.normal(size=(2, 40, 3)) * [3.0, 1.0, 0.2]
    mixing = np.linalg.qr(rng.normal(size=(200, 3)))[0]
    wide = coordinates(base @ mixing.T + rng.normal(size=200), 2)
    flat = (base - base.mean(axis=(0, 1))).reshape(-1, 3)
    variance, vectors = np.linalg.eigh(flat.T @ flat)
    wanted = flat @ vectors[:, :0:-1]
    got = wide.values.reshape(-1, 2)
    assert np.allclose(abs(got), abs(wanted), atol=1e-9)
    assert np.allclose(wide.basis @ wide.basis.T, np.eye(2), atol=ROUNDING)
    assert np.isclose(wide.share, variance[1:].sum() / variance.sum())
    assert coordinates(base @ mixing.T).values.shape == (2, 40, 3)
    assert coordinates(np.concatenate([base, base[..., :1]], axis=-1)).principal
    assert not coordinates(base).principal
