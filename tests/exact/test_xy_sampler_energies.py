"""The energy that every sampler carries against one computed from scratch, after tuning, swaps and many sweeps."""

import numpy as np
import pytest

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import (
    MALA,
    Annealing,
    HeatBath,
    Langevin,
    Metropolis,
    OverRelaxation,
    Quench,
    Tempering,
    Wolff,
    schedule,
)

SQUARE = XYModel(graphs.square(6))
GLASS = XYModel(graphs.square((3, 5)), "gaussian", field=0.2, phase="uniform", seed=2)
LADDER = [0.4, 0.7, 1.0, 1.5]

SAMPLERS = {
    "metropolis": Metropolis(SQUARE, 1.1, over_relaxation=2),
    "metropolis, disorder": Metropolis(GLASS, 2.0),
    "heat bath": HeatBath(GLASS, 1.1),
    "wolff": Wolff(SQUARE, 1.1),
    "over-relaxation": OverRelaxation(GLASS),
    "tempering": Tempering(Metropolis(GLASS, over_relaxation=1), LADDER),
    "tempering, wolff": Tempering(Wolff(SQUARE), LADDER),
    "tempering, mala": Tempering(MALA(GLASS), LADDER),
    "annealing": Annealing(HeatBath(GLASS), schedule([1.0, 0.5, 0.1, 0.0], 50)),
    "quench": Quench(GLASS),
    "langevin": Langevin(GLASS, 1.1, step_size=0.05),
    "mala": MALA(SQUARE, 1.1),
}
EXACT = ("langevin", "mala", "tempering, mala")
"""These carry angles in double precision, and no differences are added up."""


@pytest.mark.parametrize("name", SAMPLERS)
def test_carried_energy_is_the_recomputed_one(seed, name):
    sampler = SAMPLERS[name]
    state, _ = sampler.thermalize(sampler.init(5, seed), 205)
    state, _ = sampler.step(state, 2003)
    carried, fresh = sampler.energy(state), sampler.recompute_energy(state)
    assert carried.shape == (5, *([len(LADDER)] if sampler.dims else []))
    # Spins: 16 sweeps of up to 3 updates of 36 sites with fields up to 8, at 24 roundings each; worst case.
    bound = 1e-12 if name in EXACT else 16 * 3 * 36 * 8 * 24 * 2.0**-24
    np.testing.assert_allclose(carried, fresh, rtol=0, atol=bound)
    np.testing.assert_allclose(sampler.observables(state)["energy"], fresh, rtol=0, atol=1e-3)


def test_a_swap_that_left_the_energy_behind_would_be_told(seed):
    """Control: energies of other replicas are far away."""
    sampler = SAMPLERS["tempering"]
    state, _ = sampler.thermalize(sampler.init(5, seed), 205)
    carried, fresh = sampler.energy(state), sampler.recompute_energy(state)
    assert np.abs(carried[:, ::-1] - fresh).max() > 16 * 3 * 36 * 8 * 24 * 2.0**-24
