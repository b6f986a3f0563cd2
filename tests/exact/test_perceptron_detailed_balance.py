"""Laws of 9 weights, exactly: the code's own acceptances leave them invariant, and the loops use those acceptances."""

import numpy as np
import pytest
from perceptron_configurations import CERTAIN, configurations, costs, entries, landscapes, law

from mcmc.random import Stream, words

CONTROLS = (0.0, 0.35, 1.7)
LANDSCAPES = landscapes()


def flipped(weights, site):
    """Index of every configuration with one weight flipped."""
    return np.arange(len(weights)) ^ (1 << site)


def acceptances(model, control, rule):
    """(sites, configurations): chance that an attempt at each weight flips it."""
    weights = configurations(model)
    energy = costs(model, weights)
    chances = [
        entries(model, weights, control, rule, site, energy[flipped(weights, site)] - energy) / CERTAIN
        for site in range(model.sites)
    ]
    return np.array(chances)


def after_attempt(law_before, chance, site):
    """Law after one attempt at a weight."""
    moved = law_before * chance
    return law_before - moved + moved[np.arange(law_before.size) ^ (1 << site)]


@pytest.mark.parametrize("rule", ["metropolis", "heat_bath"])
@pytest.mark.parametrize("name", LANDSCAPES)
def test_acceptances_leave_the_law_invariant(name, rule):
    """Detailed balance weight by weight; a sweep in order and one of random attempts, pi P = pi to 1e-12."""
    model = LANDSCAPES[name]
    for control in CONTROLS:
        target, chances = law(model, control), acceptances(model, control, rule)
        swept, attempted = target, np.zeros_like(target)
        for site, chance in enumerate(chances):
            flow = target * chance
            assert np.abs(flow - flow[np.arange(flow.size) ^ (1 << site)]).max() < 1e-12
            swept = after_attempt(swept, chance, site)
            attempted += after_attempt(target, chance, site) / model.sites
        assert np.abs(swept - target).max() < 1e-12
        assert np.abs(attempted - target).max() < 1e-12


def test_wrong_acceptances_are_told():
    """Control: the acceptances of another temperature, and of another rule mixed in, do not keep the law."""
    model = LANDSCAPES["errors"]
    target = law(model, 0.35)
    warmer = acceptances(model, 0.3, "metropolis")
    mixed = np.where(np.arange(model.sites)[:, None] < 4, acceptances(model, 0.35, "heat_bath"), warmer)
    for wrong in (warmer, mixed):
        swept = target
        for site, chance in enumerate(wrong):
            swept = after_attempt(swept, chance, site)
        assert np.abs(swept - target).max() > 1e-5


def attempts_in_order(model, sweep, chain, seed, stream):
    """(weight, random word, number) of every attempt of a sweep in order: blocks of 256 weights, replica by replica."""
    n = model.patterns.n
    for base in range(0, n, 256):
        for replica in range(model.replicas):
            calls = words(seed, stream, base // 4 + np.arange(64), sweep, chain, replica)
            for j in range(min(256, n - base)):
                yield replica * n + base + j, calls[j % 64, j // 64], base + j, replica


def attempts_at_random(model, sweep, chain, seed, stream):
    """Likewise for attempts at random weights."""
    for base in range(0, model.sites, 128):
        calls = words(seed, stream, base // 2 + np.arange(64), sweep, chain, 0)
        for j in range(min(128, model.sites - base)):
            place = int(calls[j % 64, j // 64]) * model.sites >> 32
            yield place, calls[j % 64, 2 + j // 64], base + j, 0


def plain_sweep(model, weights, control, rule, sweep, chain, seed):
    """One sweep of one configuration in plain Python, with the same random words; `weights` in place."""
    order, stream = attempts_in_order, Stream.HEAT_BATH if rule == "heat_bath" else Stream.METROPOLIS
    if model.visit == "random":
        order, stream = attempts_at_random, Stream.SITE_CHOICE
    for site, word, number, draw in order(model, sweep, chain, seed, stream):
        row = weights[None]
        after = row.copy()
        after[0, site] *= -1
        entry = int(entries(model, row, control, rule, site, costs(model, after) - costs(model, row))[0])
        low = int(words(seed, stream, number, sweep, chain, draw | 1 << 23)[0])
        if (int(word) << 30) + (low >> 2) < entry:
            weights[site] *= -1


@pytest.mark.parametrize("visit", ["systematic", "random"])
@pytest.mark.parametrize("rule", ["metropolis", "heat_bath"])
@pytest.mark.parametrize("name", LANDSCAPES)
def test_loops_make_the_decisions_of_plain_code(name, rule, visit, seed):
    """The compiled sweeps flip what a plain walk through the same random words flips, bit for bit."""
    model = LANDSCAPES[name]
    before, model.visit = model.visit, visit
    try:
        state = model.init([3, 8], seed)
        weights = state.spins.T.copy()
        controls = np.array([0.4, 1.3])
        model.sweep(state, controls, 3, rule)
        for row, control, chain in zip(weights, controls, (3, 8), strict=True):
            for sweep in range(3):
                plain_sweep(model, row, float(control), rule, sweep, chain, seed)
        assert np.array_equal(state.spins.T, weights)
        assert np.array_equal(state.energy, model.energy(state))
    finally:
        model.visit = before


def test_words_equal_to_the_high_half_are_decided_by_the_low_one():
    """A table entry is compared as a number of 62 bits: with the high half tied, the second word decides."""
    from perceptron.kernels.single_flip import refused

    entry = np.int64((5 << 30) + (1 << 29))
    k0, k1 = np.uint32(7), np.uint32(9)
    verdicts = set()
    for number in range(40):
        args = (np.uint32(5), number, np.uint32(1), np.uint32(2), np.uint32(2 << 24), k0, k1)
        low = int(words(7 + (9 << 32), Stream.METROPOLIS, number, 1, 2, 1 << 23)[0]) >> 2
        assert bool(refused(entry, *args)) == (low >= 1 << 29)
        verdicts.add(bool(refused(entry, *args)))
        assert not refused(entry, np.uint32(4), *args[1:])
        assert refused(entry, np.uint32(6), *args[1:])
    assert verdicts == {True, False}
