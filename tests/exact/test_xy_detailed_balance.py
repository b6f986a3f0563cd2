"""Transition matrices of small clocks, built from the kernels' own acceptance functions: pi P = pi to 1e-12.

Angles are 2 pi k / hours. A rotation 2 atan(t) with t = tan(pi m / hours) turns by m hours, and a mirror line at half
hours maps the clock to itself, so the Metropolis and the Wolff rule act on the clock as they do on the circle.
"""

from itertools import product

import numpy as np
import pytest
from numba import njit

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, physics

TOLERANCE = 1e-12

MODELS = {
    "ring of 3": XYModel(graphs.ring(3)),
    "disordered triangle in a field": XYModel(graphs.ring(3), "gaussian", field=0.4, phase="uniform", seed=5),
    "2 x 2 torus": XYModel(graphs.square(2), 0.7),
    "chain of 3": XYModel(graphs.chain(3), [0.4, 1.3]),
}
HOURS = {3: 7, 4: 5}
FERROMAGNETS = ["ring of 3", "2 x 2 torus", "chain of 3"]


@njit
def single_precision(x):
    """The exponential of the kernels, which hand it float32."""
    return physics.exp_minus(np.float32(x))


class Clock:
    """All states of a model on a clock, (states, sites), their energies, and the index of any state."""

    def __init__(self, model):
        self.model = model
        self.hours = HOURS[model.sites]
        self.states = np.array(list(product(range(self.hours), repeat=model.sites)))
        self.energy = model.energy(2.0 * np.pi / self.hours * self.states)
        self.spins = np.stack([np.cos(self.angle(self.states)), np.sin(self.angle(self.states))])
        self.place = self.hours ** np.arange(model.sites)[::-1]

    @property
    def bonds(self):
        """Pairs of sites, couplings and phases."""
        edges = self.model.graph.edges
        phase = np.zeros(len(edges)) if self.model.phase is None else self.model.phase
        return edges, np.broadcast_to(self.model.coupling, len(edges)), phase

    def angle(self, hour):
        return 2.0 * np.pi / self.hours * hour

    def law(self, beta):
        weight = np.exp(-beta * (self.energy - self.energy.min()))
        return weight / weight.sum()

    def field(self, site):
        """Local field of a site in every state, (2, states), from the bonds' couplings and phases."""
        field = np.zeros((2, len(self.states)))
        field[0] = self.model.field
        for (i, j), coupling, turn in zip(*self.bonds, strict=True):
            if site in (i, j):
                other, a = (j, turn) if site == i else (i, -turn)
                c, s = self.spins[:, :, other]
                field += coupling * np.stack([np.cos(a) * c - np.sin(a) * s, np.cos(a) * s + np.sin(a) * c])
        return field

    def hour(self, c, s):
        """Hour of a spin, which must stand on one."""
        turns = np.arctan2(s, c) * self.hours / (2.0 * np.pi)
        assert abs(turns - round(turns)) < 1e-9
        return round(turns) % self.hours


def metropolis_matrix(clock, site, beta, proposals, exponential=physics.exp_minus_exact):
    """One update of a site; `proposals` are hours to turn by, all equally likely."""
    size = len(clock.states)
    matrix = np.zeros((size, size))
    field = clock.field(site)
    for x, state in enumerate(clock.states):
        c, s = clock.spins[:, x, site]
        for m in proposals:
            turn = physics.small_rotation(np.tan(np.pi * m / clock.hours))
            new = physics.rotate(c, s, *turn)
            y = x + (clock.hour(*new) - state[site]) * clock.place[site]
            change = physics.energy_change(c, s, *new, *field[:, x])
            assert change == pytest.approx(clock.energy[y] - clock.energy[x], abs=1e-12)
            accepted = physics.metropolis_acceptance(beta, change, exponential) / len(proposals)
            matrix[x, y] += accepted
            matrix[x, x] += 1.0 / len(proposals) - accepted
    return matrix


def components(sites, edges):
    """Label of each site's connected component."""
    label = list(range(sites))
    for i, j in edges:
        if label[i] != label[j]:
            old, new = label[j], label[i]
            label = [new if value == old else value for value in label]
    return np.array(label)


def wolff_matrix(clock, beta, factor=1.0):
    """One cluster: seed and mirror line uniform, each bond open with the kernel's probability, the seed's component
    reflected. `factor` is a fault to put into the exponent."""
    edges, strength, _ = clock.bonds
    sites, size = clock.model.sites, len(clock.states)
    matrix = np.zeros((size, size))
    closed_of = np.vectorize(
        lambda coupling, p, q: physics.wolff_bond_closed(factor * beta, coupling, p, q, physics.exp_minus_exact)
    )
    for k in range(clock.hours):
        line = np.pi * k / clock.hours - np.pi / 2.0
        r = np.array([np.cos(line), np.sin(line)])
        mirror = np.array(
            [clock.hour(*physics.reflect_across_line(np.cos(a), np.sin(a), *r)) for a in clock.angle(np.arange(9))]
        )
        projection = np.einsum("c,csi->si", r, clock.spins)
        closed = np.stack(
            [closed_of(j, projection[:, a], projection[:, b]) for (a, b), j in zip(edges, strength, strict=True)]
        )
        for bonds in product([False, True], repeat=len(edges)):
            opened = np.array(bonds)
            probability = np.prod(np.where(opened[:, None], 1.0 - closed, closed), axis=0)
            label = components(sites, edges[opened])
            for seed in range(sites):
                new = np.where(label == label[seed], mirror[clock.states], clock.states)
                matrix[np.arange(size), new @ clock.place] += probability / (sites * clock.hours)
    return matrix


def imbalance(matrix, law):
    """Largest change of a probability in one step."""
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-13)
    return np.abs(law @ matrix - law).max()


def detail(matrix, law):
    """Largest difference of the flow from x to y and back."""
    flow = law[:, None] * matrix
    return np.abs(flow - flow.T).max()


@pytest.fixture(scope="module", params=MODELS)
def clock(request):
    return Clock(MODELS[request.param])


@pytest.fixture(scope="module", params=FERROMAGNETS)
def ferromagnet(request):
    return Clock(MODELS[request.param])


@pytest.mark.parametrize("beta", [0.3, 1.1])
def test_metropolis_leaves_the_law_alone(clock, beta):
    reach = (clock.hours - 1) // 2
    turns = [m for m in range(-reach, reach + 1) if m]
    law = clock.law(beta)
    sweep = np.eye(len(law))
    for site in range(clock.model.sites):
        matrix = metropolis_matrix(clock, site, beta, turns)
        assert detail(matrix, law) < TOLERANCE
        sweep = sweep @ matrix
    assert imbalance(sweep, law) < TOLERANCE
    # Every state is reached, so the law is the only one.
    assert np.all(np.linalg.matrix_power(sweep, 4) > 0)


def test_metropolis_with_the_kernels_exponential_is_off_by_its_rounding(clock):
    """The float32 exponential errs by 2e-7 + 1e-7 x (its own test): that is all that it adds."""
    beta, law = 1.1, clock.law(1.1)
    matrix = metropolis_matrix(clock, 0, beta, [-1, 1], single_precision)
    # x exp(-x) <= 1 / e, and rounding x to float32 errs by x 2^-24.
    assert imbalance(matrix, law) < 4e-7 * law.max()


def test_faulty_metropolis_is_told_apart(clock):
    beta, law = 1.1, clock.law(1.1)
    for faulty in (
        metropolis_matrix(clock, 0, 1.01 * beta, [-1, 1]),
        metropolis_matrix(clock, 0, beta, [-1, 1, 1]),
        metropolis_matrix(clock, 0, beta, [1]),
    ):
        assert imbalance(faulty, law) > 1e-7


@pytest.mark.parametrize("beta", [0.3, 1.1])
def test_wolff_leaves_the_law_alone(ferromagnet, beta):
    law = ferromagnet.law(beta)
    matrix = wolff_matrix(ferromagnet, beta)
    assert detail(matrix, law) < TOLERANCE
    assert imbalance(matrix, law) < TOLERANCE


def test_faulty_wolff_is_told_apart(ferromagnet):
    law = ferromagnet.law(1.1)
    assert imbalance(wolff_matrix(ferromagnet, 1.1, factor=1.01), law) > 1e-7
    assert imbalance(wolff_matrix(ferromagnet, 1.1, factor=0.5), law) > 1e-5


def test_over_relaxation_permutes_states_of_equal_energy():
    """Three clocks of 5 in line: the mirror of the end spins in their one neighbour keeps to the hours."""
    clock = Clock(XYModel(graphs.chain(3)))
    field = clock.field(0)
    image = []
    for x, state in enumerate(clock.states):
        new = physics.reflect_about_field(*clock.spins[:, x, 0], *field[:, x])
        image.append(x + (clock.hour(*new) - state[0]) * clock.place[0])
    image = np.array(image)
    assert np.array_equal(np.sort(image), np.arange(len(image)))
    np.testing.assert_array_equal(image[image], np.arange(len(image)))
    np.testing.assert_allclose(clock.energy[image], clock.energy, atol=1e-13)
