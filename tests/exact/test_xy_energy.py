"""One energy however it is asked for: carried, recomputed, from angles, as a difference, as the integral of a gradient.

Bounds are counted in roundings of float32 (2^-24), worst case added up.
"""

import numpy as np
import pytest
from plain_xy import EPSILON, random_angles

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel
from mcmc.landscapes.xy.model import RENORMALISE_EVERY

MODELS = {
    "chain": XYModel(graphs.chain(6)),
    "ring of 2": XYModel(graphs.ring(2), 1.2),
    "ring in a field": XYModel(graphs.ring(7), -0.5, field=0.7),
    "square": XYModel(graphs.square(4)),
    "odd square": XYModel(graphs.square((3, 5))),
    "2 x 2 torus": XYModel(graphs.square(2)),
    "long rows": XYModel(graphs.square((2, 1100))),
    "gauge glass": XYModel(graphs.square(4), phase="uniform", seed=1),
    "odd gauge glass": XYModel(graphs.square(3), phase="uniform", field=0.2, seed=1),
    "spin glass": XYModel(graphs.cubic((2, 2, 4)), "plus-minus", seed=2),
    "triangular": XYModel(graphs.triangular((4, 6)), -1.0),
    "triangular, 3 colours": XYModel(graphs.triangular(3)),
    "cubic": XYModel(graphs.cubic((3, 2, 4)), field=-0.3),
    "random regular": XYModel(graphs.random_regular(14, 3, seed=1), "gaussian", seed=3),
    "edge list": XYModel(graphs.from_edges([[2, 0], [0, 1], [3, 1], [4, 1]]), [1.0, -2.0, 0.5, 0.1], 0.4, 0.3),
    "complete": XYModel(graphs.complete(10), 1.3, field=0.2),
}
SMALL = [name for name in MODELS if name != "long rows"]

UPDATE_ROUNDINGS = 24
"""Of a spin's squared length, in one update: 4 roundings of the rotation's cosine and sine, 3 of each product sum, on
both components; the mirror in the field has one more factor on each."""


def served(*updates):
    """Every model with each of the updates that it takes."""
    return [(name, update) for name, model in MODELS.items() for update in updates if update in model.updates]


@pytest.fixture(params=MODELS)
def model(request):
    return MODELS[request.param]


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def largest_field(model):
    """Sum of |J| at the site with most of it, and |h|."""
    first, second, strength, _ = model.bonds
    total = np.bincount(first, np.abs(strength), model.sites) + np.bincount(second, np.abs(strength), model.sites)
    return total.max() + abs(model.field)


def energy_bound(model):
    """A site's local field adds up `coordination` terms of two products, each rounded, of spins rounded once."""
    return model.sites * largest_field(model) * (model.graph.coordination + 6) * EPSILON


def lengths(model, state):
    c, s = state.spins[:, model.slot].astype(np.float64)
    return c * c + s * s


def test_energy_of_a_state_and_of_its_angles(model, rng):
    theta = random_angles(rng, 5, model.sites)
    state = model.state_from_angles(theta)
    np.testing.assert_allclose(model.energy(state), model.energy(theta), rtol=0, atol=energy_bound(model))
    np.testing.assert_array_equal(state.energy, model.energy(state))
    np.testing.assert_allclose(model.angles(state), theta, atol=3 * EPSILON)


def test_energy_from_angles_is_the_formula(model, rng):
    theta = random_angles(rng, 3, model.sites)
    first, second = model.graph.edges.T
    coupling = model.coupling / model.sites if model.graph.complete else model.coupling
    phase = 0.0 if model.phase is None else model.phase
    plain = -(coupling * np.cos(theta[:, first] - theta[:, second] - phase)).sum(axis=1)
    plain -= model.field * np.cos(theta).sum(axis=1)
    np.testing.assert_allclose(model.energy(theta), plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_gradient_is_the_slope_of_the_energy(name, rng):
    model = MODELS[name]
    theta = random_angles(rng, 2, model.sites)
    gradient = model.gradient(theta)
    step = 1e-4
    for site in range(model.sites):
        shift = step * (np.arange(model.sites) == site)
        ahead, back = ([model.energy(theta + k * shift) for k in signs] for signs in ((1, 2), (-1, -2)))
        slope = (8.0 * (ahead[0] - back[0]) - (ahead[1] - back[1])) / (12.0 * step)
        # Error of the stencil: step^4 / 30 of the fifth derivative; rounding of the energies over the step.
        bound = largest_field(model) * (step**4 + 1e-15 * model.sites / step)
        np.testing.assert_allclose(gradient[:, site], slope, rtol=0, atol=bound)
    wrong = np.abs(gradient + slope[:, None]).max()
    assert wrong > 1e-3


@pytest.mark.parametrize("name", SMALL)
def test_delta_energy_is_the_difference_of_energies(name, rng):
    model = MODELS[name]
    state = model.state_from_angles(random_angles(rng, 3, model.sites))
    for site in range(model.sites):
        proposal = rng.uniform(-4, 4, 3)
        angles = model.angles(state)
        angles[:, site] = proposal
        expected = model.energy(model.state_from_angles(angles)) - model.energy(state)
        found = model.delta_energy(state, site, proposal)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2 * energy_bound(model))


@pytest.mark.parametrize(("name", "update"), served("metropolis", "heat_bath", "align", "wolff"))
def test_one_sweep_carries_the_energy_difference(name, update):
    model = MODELS[name]
    state = model.init(4, 3)
    before = state.energy.copy()
    model.sweep(state, 0.8, 1, update)
    assert np.any(np.abs(state.energy - before) > 1e-3)
    fresh = model.energy(model.angles(state))
    bound = energy_bound(model) + UPDATE_ROUNDINGS * EPSILON * model.sites * largest_field(model)
    np.testing.assert_allclose(state.energy, fresh, rtol=0, atol=2 * bound)


def test_over_relaxation_keeps_the_energy(model):
    state = model.init(4, 3)
    before = model.energy(model.angles(state))
    spins = state.spins.copy()
    model.sweep(state, 0.8, 10, "over_relaxation")
    bound = energy_bound(model) + 10 * UPDATE_ROUNDINGS * EPSILON * model.sites * largest_field(model)
    np.testing.assert_allclose(model.energy(model.angles(state)), before, rtol=0, atol=bound)
    assert np.abs(state.spins - spins).max() > 0.1


LONG_RUNS = [
    *(case for case in served("metropolis", "over_relaxation", "heat_bath", "wolff") if case[0] in SMALL),
    *((name, "metropolis + 3") for name in ("square", "odd gauge glass", "complete")),
]


@pytest.mark.parametrize(("name", "update"), LONG_RUNS)
def test_energy_carried_and_spin_lengths_after_1e5_sweeps(name, update):
    """Lengths are set right every RENORMALISE_EVERY sweeps, so their error is that of the updates in between."""
    model = MODELS[name]
    update, _, extra = update.partition(" + ")
    state = model.init(1, 5)
    info = model.sweep(state, 1.1, 100_007, update, over_relaxation=int(extra or 0))
    updates = RENORMALISE_EVERY * (1 + int(extra or 0))
    length_bound = updates * UPDATE_ROUNDINGS * EPSILON
    assert np.abs(lengths(model, state) - 1.0).max() < length_bound
    # An update of a spin of wrong length misjudges its energy by as much; so does every mirror in the field.
    bound = energy_bound(model) + updates * UPDATE_ROUNDINGS * EPSILON * model.sites * largest_field(model)
    assert np.abs(state.energy - model.energy(state)).max() < bound
    assert info.energy_drift.max() < bound
    assert np.abs(model.energy(state) - model.energy(model.angles(state))).max() < bound
    assert int(state.sweep) == 100_007


def test_renormalisation_restores_unit_length():
    """One step of Newton's method takes a relative error e of the squared length to about 3 e^2 / 4."""
    for name in ("square", "odd gauge glass", "complete"):
        model = MODELS[name]
        state = model.init(2, 0)
        state.spins[...] *= np.float32(1.01)
        model.sweep(state, 0.0, RENORMALISE_EVERY, "over_relaxation")
        error = 1.01**2 - 1.0
        assert np.abs(lengths(model, state) - 1.0).max() < error**2
        model.sweep(state, 0.0, RENORMALISE_EVERY, "over_relaxation")
        assert np.abs(lengths(model, state) - 1.0).max() < error**4 + 8 * EPSILON


def test_a_wrong_carried_energy_is_told():
    """Control: what `energy_drift` and the comparison above would see if a sweep lost a bond's energy."""
    model = MODELS["square"]
    state = model.init(1, 5)
    state.energy[:] += 0.01
    info = model.sweep(state, 1.1, RENORMALISE_EVERY, "metropolis")
    bound = energy_bound(model) + RENORMALISE_EVERY * UPDATE_ROUNDINGS * EPSILON * 16 * 4
    assert info.energy_drift[0] > bound
