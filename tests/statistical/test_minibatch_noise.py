"""The noise of many weights at once, and the batches of samples: their laws."""

import numpy as np
import pytest
from scipy import stats

from mcmc.errors import ArgumentError
from mcmc.random import split_seed
from mcmc.samplers.gaussian_noise import fill_noise
from mcmc.samplers.minibatches import Minibatches

LARGEST_Z = 4.9


def noise(seed, shape=(16, 40_000), sweep=3, first_chain=0):
    out = np.empty(shape, np.float32)
    fill_noise(out, sweep, np.arange(first_chain, first_chain + shape[0], dtype=np.uint32), 40, *split_seed(seed))
    return out.astype(np.float64)


def moment_scores(z):
    """Scores of the first four moments and of the share beyond 2, 3 and 4."""
    n = z.size
    moments = [(z**k).mean() - m for k, m in ((1, 0), (2, 1), (3, 0), (4, 3))]
    spread = np.sqrt(np.array([1, 2, 15, 96]) / n)
    tails = [((np.abs(z) > t).mean(), 2 * stats.norm.sf(t)) for t in (2, 3, 4)]
    return [*(np.array(moments) / spread), *((seen - p) / np.sqrt(p / n) for seen, p in tails)]


def test_normals_are_normal(seed):
    z = noise(seed)
    assert np.abs(moment_scores(z.ravel())).max() < LARGEST_Z
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-6
    # The four outputs of a counter, neighbours, chains and sweeps go their own ways.
    quarter = z.shape[1] // 4
    pairs = [(z[:, k * quarter : (k + 1) * quarter], z[:, :quarter]) for k in (1, 2, 3)]
    pairs += [(z[:, 1:], z[:, :-1]), (z[1:], z[:-1]), (noise(seed, sweep=4), z)]
    assert all(abs((a * b).sum()) / np.sqrt(a.size) < LARGEST_Z for a, b in pairs)
    assert all(abs(((a**2 - 1) * (b**2 - 1)).sum()) / np.sqrt(4 * a.size) < LARGEST_Z for a, b in pairs)


def test_wrong_normals_are_told(seed):
    z = noise(seed).ravel()
    assert np.abs(moment_scores(1.01 * z)).max() > LARGEST_Z
    assert np.abs(moment_scores(np.clip(z, -3, 3))).max() > LARGEST_Z


def test_noise_belongs_to_chain_and_sweep(seed):
    assert np.array_equal(noise(seed, (4, 80))[2:], noise(seed, (2, 80), first_chain=2))
    assert not np.array_equal(noise(seed, (2, 80)), noise(seed + 1, (2, 80)))


CHAINS = np.array([0, 5, 7], np.uint32)


def test_an_epoch_sees_every_sample_once(seed):
    batches = Minibatches(60, 20)
    steps = [batches.indices(step, CHAINS, seed) for step in range(6)]
    for epoch in (steps[:3], steps[3:]):
        assert np.array_equal(np.sort(np.concatenate(epoch, axis=1)), np.tile(np.arange(60), (3, 1)))
    assert not np.array_equal(steps[0], steps[3])
    assert not np.array_equal(steps[0][0], steps[0][1])
    assert batches.epoch(6) == 2
    # Of 60 samples 18 are left over when two batches of 21 are cut.
    assert (Minibatches(60, 21).epoch(20), Minibatches(60, 21).per_epoch) == (7.0, 2)
    alone = Minibatches(60, 20).indices(4, CHAINS[1:2], seed)
    assert np.array_equal(alone[0], steps[4][1])


def chi_square_of_places(orders):
    """Of how often each sample stands at each place, (places, samples)."""
    size = orders.shape[1]
    counts = np.array([np.bincount(orders[:, place], minlength=size) for place in range(size)])
    expected = len(orders) / size
    # (size - 1)^2 degrees of freedom: rows and columns of the table are fixed.
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), (size - 1) ** 2)


def test_orders_are_uniform(seed):
    batches = Minibatches(6, 6)
    chains = np.arange(400, dtype=np.uint32)
    orders = np.concatenate([batches.indices(epoch, chains, seed) for epoch in range(50)])
    assert chi_square_of_places(orders) > 1e-6
    codes = (orders * 6 ** np.arange(6)).sum(axis=1)
    _, seen = np.unique(codes, return_counts=True)
    assert seen.size == 720
    assert stats.chisquare(seen).pvalue > 1e-6
    orders[::20] = np.arange(6)
    assert chi_square_of_places(orders) < 1e-6


def test_draws_with_replacement_are_uniform(seed):
    batches = Minibatches(7, 5, replacement=True)
    drawn = np.concatenate([batches.indices(step, CHAINS, seed) for step in range(4000)])
    assert stats.chisquare(np.bincount(drawn.ravel(), minlength=7)).pvalue > 1e-6
    pairs = np.bincount((drawn[:, 0] * 7 + drawn[:, 1]), minlength=49)
    assert stats.chisquare(pairs).pvalue > 1e-6


@pytest.mark.parametrize(("data_size", "size"), [(10, 11), (10, 0), (10, 2.5), (10, True), (None, 4), (10, "5")])
def test_impossible_batches_are_refused(data_size, size):
    with pytest.raises(ArgumentError, match="batch_size"):
        Minibatches(data_size, size)


def test_no_batch_size_means_all_data():
    assert Minibatches(None, None).indices(3, CHAINS, 1) is None
    assert Minibatches(10, None).epoch(3) == 3
