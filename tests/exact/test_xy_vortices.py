"""Vortices put in by hand, and the places where a count goes wrong by 2 pi."""

import numpy as np
import plain_xy
import pytest

from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel

L = 24


def cartesian(name):
    """Positions of the sites of an L x L lattice, two (L, L) arrays."""
    x, y = np.meshgrid(np.arange(L), np.arange(L), indexing="ij")
    return (x + 0.5 * y, plain_xy.HEIGHT * y) if name == "triangular" else (x, y)


def pair(name, distance=2):
    """Vortex and antivortex between sites near the middle, `distance` lattice constants apart."""
    x, y = cartesian(name)
    middle = L // 2
    x0, y0 = x[middle, middle] + 0.45, y[middle, middle] + 0.26
    return np.arctan2(y - y0, x - x0) - np.arctan2(y - y0, x - x0 - distance)


def count(name, theta):
    """Vortices by the fused pass, the pass over bonds, and plain NumPy: the same."""
    model = XYModel(graphs.lattice(name, theta.shape))
    slow = XYModel(graphs.lattice(name, theta.shape))
    slow.__dict__["_fast_pass"] = False
    assert model._fast_pass
    state = model.state_from_angles(theta.reshape(1, -1))
    found = {int(m.observables(state)["vortices"][0]) for m in (model, slow)}
    found.add(plain_xy.vortices(name, theta))
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize("name", ["square", "triangular"])
@pytest.mark.parametrize("turn", [0.0, 1.0, np.pi / 2, 3.0, np.pi, -3.1])
def test_a_pair_is_two_vortices_wherever_the_branch_cut_lies(name, turn):
    assert count(name, pair(name) + turn) == 2


@pytest.mark.parametrize("name", ["square", "triangular"])
def test_whole_turns_of_single_spins_do_not_count(name):
    rng = np.random.default_rng(0)
    assert count(name, pair(name) + 2.0 * np.pi * rng.integers(-3, 4, (L, L))) == 2


@pytest.mark.parametrize("name", ["square", "triangular"])
def test_a_pair_cut_by_the_boundary_is_two_vortices(name):
    assert count(name, np.roll(pair(name), (L // 2 - 1, L // 2 - 1), (0, 1))) == 2


@pytest.mark.parametrize("name", ["square", "triangular"])
def test_two_pairs_are_four_vortices(name):
    apart = pair(name) + np.roll(pair(name), L // 2, 0)
    assert count(name, apart) == 4


@pytest.mark.parametrize("name", ["square", "triangular"])
@pytest.mark.parametrize("level", [0.0, np.pi / 2, np.pi, -np.pi / 2])
def test_aligned_spins_astride_the_cut_have_none(name, level):
    noise = np.random.default_rng(1).normal(0, 1e-3, (L, L))
    assert count(name, level + noise) == 0
    assert count(name, np.full((L, L), level)) == 0


@pytest.mark.parametrize("name", ["square", "triangular"])
@pytest.mark.parametrize("winding", [(1, 0), (0, 2), (3, -2), (-5, 5)])
def test_spin_waves_wind_without_vortices(name, winding):
    """Around the torus the angle turns by whole turns; around no plaquette does it."""
    x, y = np.meshgrid(np.arange(L), np.arange(L), indexing="ij")
    assert count(name, 2.0 * np.pi * (winding[0] * x + winding[1] * y) / L + 0.1) == 0


@pytest.mark.parametrize("name", ["square", "triangular"])
def test_hot_spins_have_as_many_vortices_as_chance_says(name, seed):
    """Uniform angles: a triangle carries a vortex with probability 1/4, a square with 1/3."""
    chains = 400
    model = XYModel(graphs.lattice(name, 12))
    vortices = model.observables(model.init(chains, seed))["vortices"]
    plaquettes = len(model.graph.plaquettes)
    expected = plaquettes * {"square": 1.0 / 3.0, "triangular": 1.0 / 4.0}[name]
    error = vortices.std(ddof=1) / np.sqrt(chains)
    assert abs(vortices.mean() - expected) < 4.9 * error
    # Neutrality: as many of one sign as of the other, so the number is even.
    assert np.all(vortices % 2 == 0)
    # Control: differences that are not wrapped never add up to a vortex.
    theta = model.angles(model.init(1, seed)).reshape(12, 12)
    corners = [theta, np.roll(theta, -1, 0), np.roll(theta, (-1, -1), (0, 1)), np.roll(theta, -1, 1)]
    assert abs(sum(corners[(k + 1) % 4] - corners[k] for k in range(4))).max() < 1e-12
