"""Observables in kernels against the CPU's reference pass."""

import numpy as np
import pytest

from mcmc.device import to_host
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, xy_model

MODELS = {
    "square": (graphs.square(6), {}),
    "triangular with a field": (graphs.triangular(4), {"coupling": 0.7, "field": 0.3}),
    "cubic": (graphs.cubic((2, 3, 4)), {}),
    "gauge glass": (graphs.square(4), {"phase": "uniform", "coupling": "plus-minus"}),
    "odd square": (graphs.square(5), {}),
    "ring": (graphs.ring(8), {}),
    "open chain": (graphs.chain(9), {}),
    "random regular": (graphs.random_regular(14, 3, seed=2), {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_observables_of_the_cpu(device, name):
    graph, options = MODELS[name]
    cpu, gpu = XYModel(graph, **options), xy_model(graph, **options, device=device)
    state = gpu.init(5, 8)
    gpu.sweep(state, 1.0, 1)
    ours, theirs = cpu.observables(state._replace(spins=to_host(state.spins))), gpu.observables(state)
    assert list(ours) == list(theirs) == list(gpu.observable_attributes())
    for key, values in ours.items():
        # The CPU's fast pass adds lanes in float32.
        bound = 3e-7 * graph.bonds
        assert theirs[key].shape == (5,)
        assert np.abs(values - theirs[key]).max() < bound, key
    if "vortices" in ours:
        assert (ours["vortices"] == theirs["vortices"]).all()
        assert ours["vortices"].max() > 0
    assert np.abs(theirs["energy"] - state.energy).max() < 2e-6 * graph.bonds


def test_observables_of_angles(device):
    gpu = xy_model(graphs.square(4), device=device)
    angles = np.zeros((2, 16))
    assert gpu.observables(angles)["energy"] == pytest.approx([-32.0, -32.0], abs=1e-12)
    assert gpu.energy(angles) == pytest.approx([-32.0, -32.0])
