"""Samplers run on the device unchanged, and agree with the CPU."""

import numpy as np
import pytest

from mcmc.device import to_host
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape, SpinLandscape
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import xy_model
from mcmc.samplers import MALA, Metropolis, OverRelaxation, Quench, Tempering
from mcmc.store.checkpoint import load_checkpoint, save_checkpoint


def test_protocols(device):
    model = xy_model(graphs.square(4), device=device)
    assert isinstance(model, SpinLandscape)
    assert not isinstance(model, SmoothLandscape)
    with pytest.raises(ArgumentError, match="SmoothLandscape"):
        MALA(model)


def test_tempering_agrees_with_the_cpu(device):
    ladder = [0.6, 0.9, 1.3]
    results = []
    for name in ("cpu", device):
        sampler = Tempering(Metropolis(xy_model(graphs.square(4), device=name), over_relaxation=4), ladder)
        state, _ = sampler.step(sampler.init(2, 11), 3)
        results.append((sampler.energy(state), state.swapped, sampler.observables(state)))
    (ours, swapped, here), (theirs, swapped_too, there) = results
    assert ours.shape == theirs.shape == (2, 3)
    assert (swapped == swapped_too).all()
    # Rounding grows in the chaos of three sweeps of five updates each.
    assert np.abs(ours - theirs).max() < 1e-3
    assert np.abs(here["magnetization_x"] - there["magnetization_x"]).max() < 1e-3


def test_quench_of_some_chains(device):
    """Chains that have settled are left out: the others' spins are gathered on the device."""
    sampler = Quench(xy_model(graphs.ring(6), device=device), tolerance=1e-3)
    assert sampler.update == "align"
    state = sampler.init(3, 2)
    for _ in range(6):
        state, _ = sampler.step(state, 10)
        if sampler.finished(state):
            break
    assert (state.settled >= 0).sum() > 0
    assert np.abs(sampler.energy(state) - sampler.recompute_energy(state)).max() < 1e-3


def test_over_relaxation_keeps_the_energy(device):
    sampler = OverRelaxation(xy_model(graphs.triangular(4), device=device))
    state = sampler.init(2, 3)
    before = sampler.energy(state).copy()
    state, _ = sampler.step(state, 3)
    assert (sampler.energy(state) == before).all()
    assert np.abs(sampler.recompute_energy(state) - before).max() < 1e-4


def test_checkpoint_goes_on_with_the_same_bits(device, tmp_path):
    sampler = Metropolis(xy_model(graphs.square((2, 4)), device=device), over_relaxation=1)
    state, _ = sampler.step(sampler.init(2, 5), 3)
    save_checkpoint(tmp_path / "state.checkpoint", state)
    resumed, _ = load_checkpoint(tmp_path / "state.checkpoint", sampler.init(2, 5))
    assert type(resumed.spins.spins) is type(state.spins.spins)
    state, _ = sampler.step(state, 2)
    resumed, _ = sampler.step(resumed, 2)
    assert (to_host(state.spins.spins) == to_host(resumed.spins.spins)).all()
    assert (state.spins.energy == resumed.spins.energy).all()


def mean_energies(device, beta, seed, side, chains, sweeps):
    """Mean over draws, one per chain."""
    sampler = Metropolis(xy_model(graphs.square(side), device=device), beta, over_relaxation=1)
    state, _ = sampler.thermalize(sampler.init(chains, seed), sweeps // 2)
    total = np.zeros(chains)
    for _ in range(10):
        state, _ = sampler.step(state, sweeps // 10)
        total += sampler.energy(state) / 10
    return total


def test_energy_agrees_statistically(device, seed):
    """Long on a GPU, whose rounding differs; in the simulator a smoke test of the same lines."""
    size = (32, 64, 2000) if device == "cuda" else (2, 4, 20)

    def z(beta):
        ours, theirs = mean_energies("cpu", beta, seed, *size), mean_energies(device, 1.0 / 0.9, seed + 1, *size)
        return (ours.mean() - theirs.mean()) / np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / ours.size)

    assert abs(z(1.0 / 0.9)) < 4.9
    if device == "cuda":
        assert abs(z(1.02 / 0.9)) > 4.9
