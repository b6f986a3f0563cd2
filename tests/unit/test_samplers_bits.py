"""The same bits for one call or many, for a chain alone or among others."""

import numpy as np
import pytest
from test_samplers_protocol import SAMPLERS, leaves

from mcmc.samplers import Metropolis, Tempering


def identical(a, b):
    pairs = list(zip(leaves(a), leaves(b), strict=True))
    return all(x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in pairs)


def run(sampler, chains, pieces):
    state = sampler.init(chains, 99)
    for thermalize, n in pieces:
        state, _ = (sampler.thermalize if thermalize else sampler.step)(state, n)
    return state


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_call_of_a_thousand_sweeps_and_ten_of_a_hundred(name):
    """Each of thermalisation and measuring is cut; odd pieces leave tuning blocks and swap pairs half done."""
    sampler = SAMPLERS[name]
    whole = run(sampler, 2, [(True, 333), (False, 667)])
    tenths = run(sampler, 2, [(True, 100)] * 3 + [(True, 33)] + [(False, 67)] + [(False, 100)] * 6)
    odd = run(sampler, 2, [(True, 7)] * 47 + [(True, 4)] + [(False, 23)] * 29)
    assert identical(whole, tenths)
    assert identical(whole, odd)


@pytest.mark.parametrize("name", SAMPLERS)
def test_chain_three_alone_and_among_sixteen(name):
    sampler = SAMPLERS[name]
    pieces = [(True, 60), (False, 40)]
    alone, many = run(sampler, [3], pieces), run(sampler, 16, pieces)
    assert np.array_equal(sampler.energy(alone)[0], sampler.energy(many)[3])
    for observable, value in sampler.observables(alone).items():
        assert np.array_equal(value[0], sampler.observables(many)[observable][3]), observable
    for statistic, value in sampler.statistics(alone).items():
        assert np.array_equal(value[0], sampler.statistics(many)[statistic][3], equal_nan=True), statistic


def test_another_seed_gives_other_bits():
    sampler = SAMPLERS["metropolis"]
    assert not identical(sampler.init(2, 1), sampler.init(2, 2))


def test_swapping_rarely_is_chunk_independent_too():
    sampler = Tempering(Metropolis(SAMPLERS["metropolis"].landscape), [1.5, 2.0, 3.0], swap_every=7)
    whole = run(sampler, 2, [(True, 50), (False, 200)])
    cut = run(sampler, 2, [(True, 50), *[(False, 8)] * 25])
    assert identical(whole, cut)
    assert whole.attempted.sum(axis=1).tolist() == [28, 28]
