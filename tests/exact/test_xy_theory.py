"""Exact results of the XY model against values computed elsewhere, against each other, and against their limits."""

from decimal import Decimal, localcontext
from math import comb

import numpy as np
import pytest

from mcmc.errors import ArgumentError
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import theory
from mcmc.landscapes.xy.quadrature import small_system
from mcmc.landscapes.xy.transfer import torus


def digits(value, text: str):
    """Equal to every digit of a printed value."""
    decimals = len(text.split(".")[1])
    assert abs(float(value) - float(text)) <= 0.5000001 * 10.0**-decimals, (float(value), text)


@pytest.mark.parametrize(("temperature", "energy"), [(0.5, "-0.69777466"), (0.9, "-0.48437700"), (1.5, "-0.31608924")])
def test_chain_energy(temperature, energy):
    digits(theory.chain_energy_per_bond(1.0 / temperature), energy)


@pytest.mark.parametrize(("temperature", "energy"), [(0.5, "-0.72162812"), (0.9, "-0.48847422"), (1.5, "-0.31635776")])
def test_ring_energy(temperature, energy):
    digits(theory.ring(8, 1.0 / temperature).energy_per_site, energy)


@pytest.mark.parametrize(("temperature", "energy"), [(0.5, "-1.76215924"), (0.9, "-1.52744181"), (1.2, "-1.29330559")])
def test_torus_energy(temperature, energy):
    digits(torus((3, 3), 1.0 / temperature).energy_per_site, energy)


@pytest.mark.parametrize(
    ("temperature", "helicity", "specific_heat"),
    [(0.5, "0.877262799", "0.516615"), (0.9, "0.743990941", "0.688120"), (2.0, "0.243591624", "0.491411")],
)
def test_torus_helicity_and_specific_heat(temperature, helicity, specific_heat):
    exact = torus((3, 3), 1.0 / temperature)
    for component in exact.helicity:
        digits(component, helicity)
    digits(exact.specific_heat_per_site, specific_heat)


@pytest.mark.parametrize(
    ("sites", "temperature", "energy"),
    [(10, 0.3, "0.184659424662"), (10, 0.5, "0.331003091787"), (100, 0.3, "0.199724562376")],
)
def test_complete_graph_energy(sites, temperature, energy):
    exact = theory.complete_graph(sites, 1.0 / temperature)
    digits(0.5 * (1.0 - exact.magnetization_squared), energy)
    assert exact.energy_per_site == pytest.approx(float(energy) - 0.5 + 0.5 / sites, abs=1e-11)


def multiplied(a: list[Decimal], b: list[Decimal]) -> list[Decimal]:
    """Product of two power series of the same length."""
    return [sum(a[i] * b[k - i] for i in range(k + 1)) for k in range(len(a))]


def complete_graph_series(sites: int, temperature: str, terms: int) -> Decimal:
    """<|M|^2> / N^2 from <|M|^(2 k)> = k!^2 [x^k] (sum_j x^j / j!^2)^N: all terms are positive, nothing cancels."""
    with localcontext() as context:
        context.prec = 40
        base = [Decimal(1)]
        for j in range(1, terms):
            base.append(base[-1] / (j * j))
        power = [Decimal(1)] + [Decimal(0)] * (terms - 1)
        for bit in format(sites, "b"):
            power = multiplied(power, power)
            power = multiplied(power, base) if bit == "1" else power
        z = mean = Decimal(0)
        factor = Decimal(1)
        for k in range(terms):
            factor *= k / (2 * sites * Decimal(temperature)) if k else 1
            z += factor * power[k]
            mean += k * factor * power[k]
        assert factor * power[-1] < z * Decimal(10) ** -20
        return 2 * mean * Decimal(temperature) / (sites * z)


@pytest.mark.parametrize(("sites", "temperature"), [(2, "0.7"), (10, "0.3"), (10, "0.5"), (100, "0.3"), (100, "0.5")])
def test_complete_graph_agrees_with_its_series(sites, temperature):
    series = complete_graph_series(sites, temperature, 60 + 4 * sites)
    exact = theory.complete_graph(sites, 1.0 / float(temperature))
    assert exact.magnetization_squared == pytest.approx(float(series), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.3, 0.45])
def test_complete_graph_approaches_mean_field_as_one_over_n(temperature):
    limit = theory.mean_field_magnetization(1.0 / temperature) ** 2
    gaps = [theory.complete_graph(n, 1.0 / temperature).magnetization_squared - limit for n in (10_000, 20_000)]
    assert gaps[0] / gaps[1] == pytest.approx(2.0, rel=0.01)
    assert abs(gaps[0]) < 1e-3


@pytest.mark.parametrize("beta", [2.0 + 1e-8, 2.1, 3.0, 50.0])
def test_mean_field_magnetization_solves_its_equation(beta):
    m = theory.mean_field_magnetization(beta)
    assert m > 0
    assert theory.bond_cosine(beta * m) == pytest.approx(m, rel=1e-12)


def test_mean_field_transition():
    assert theory.mean_field_magnetization(1.0 / theory.COMPLETE_T_C) == 0.0
    assert theory.mean_field_magnetization(1.0) == 0.0
    # m^2 = beta - 2 to leading order, from I1(x) / I0(x) = x / 2 - x^3 / 16 + ...
    beta = 2.0 + 1e-6
    assert theory.mean_field_magnetization(beta) ** 2 == pytest.approx(beta - 2.0, rel=1e-4)


@pytest.mark.parametrize("beta", [0.3, 1.0, 2.0])
def test_specific_heats_are_derivatives_of_the_energies(beta):
    step = 1e-4
    cases = [
        (theory.chain_energy_per_bond, theory.chain_specific_heat_per_bond(beta)),
        (lambda b: theory.ring(7, b).energy_per_site, theory.ring(7, beta).specific_heat_per_site),
        (lambda b: torus((2, 3), b).energy_per_site, torus((2, 3), beta).specific_heat_per_site),
        (lambda b: theory.complete_graph(9, b).energy_per_site, theory.complete_graph(9, beta).specific_heat_per_site),
    ]
    for energy, specific_heat in cases:
        # Fourth-order difference: error of about step^4, and rounding of 1e-15 / step.
        slope = (
            8.0 * (energy(beta + step) - energy(beta - step)) - energy(beta + 2 * step) + energy(beta - 2 * step)
        ) / (12.0 * step)
        assert specific_heat == pytest.approx(-(beta**2) * slope, rel=1e-8)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_ring_and_torus_agree_with_quadrature(beta):
    ring, direct = theory.ring(5, beta), small_system(graphs.ring(5), beta)
    assert ring.energy_per_site == pytest.approx(direct.energy / 5, rel=1e-12)
    assert ring.specific_heat_per_site == pytest.approx(beta**2 * direct.energy_variance / 5, rel=1e-12)
    helicity = (direct.helicity_cosine - beta * direct.helicity_sine_squared) / 5
    assert ring.helicity == pytest.approx(helicity[0], rel=1e-11)
    assert 5.0 * theory.ring_correlation(5, beta).sum() == pytest.approx(direct.magnetization_squared, rel=1e-12)
    exact, direct = torus((2, 3), beta), small_system(graphs.square((2, 3)), beta, points=20 if beta < 2 else 24)
    assert exact.energy_per_site == pytest.approx(direct.energy / 6, rel=1e-9)
    assert exact.specific_heat_per_site == pytest.approx(beta**2 * direct.energy_variance / 6, rel=1e-8)
    helicity = (direct.helicity_cosine - beta * direct.helicity_sine_squared) / 6
    np.testing.assert_allclose(exact.helicity, helicity, rtol=1e-8)


@pytest.mark.parametrize("beta", [0.4, 1.0, 2.0])
def test_small_graphs_agree_with_closed_forms(beta):
    chain = small_system(graphs.chain(4), beta)
    assert chain.energy == pytest.approx(3.0 * theory.chain_energy_per_bond(beta), rel=1e-13)
    # A twist of an open chain can be rotated away, so that nothing resists it.
    np.testing.assert_allclose(chain.helicity_cosine - beta * chain.helicity_sine_squared, 0.0, atol=1e-12)
    complete, exact = small_system(graphs.complete(4), beta), theory.complete_graph(4, beta)
    assert complete.energy == pytest.approx(4.0 * exact.energy_per_site, rel=1e-12)
    assert complete.magnetization_squared == pytest.approx(16.0 * exact.magnetization_squared, rel=1e-12)


def test_small_graphs_are_gauge_invariant():
    """theta_i -> theta_i + a_i with A_ij -> A_ij + a_i - a_j changes no energy; the control breaks the loop sum."""
    graph, rng = graphs.square(2), np.random.default_rng(3)
    phase, turn, coupling = (
        rng.uniform(-3, 3, graph.bonds),
        rng.uniform(-3, 3, graph.sites),
        rng.normal(size=graph.bonds),
    )
    moved = phase + turn[graph.edges[:, 0]] - turn[graph.edges[:, 1]]
    first, second = (small_system(graph, 1.3, coupling, phase=p) for p in (phase, moved))
    assert first.energy == pytest.approx(second.energy, rel=1e-12)
    np.testing.assert_allclose(first.helicity_sine_squared, second.helicity_sine_squared, rtol=1e-12)
    wrong = small_system(graph, 1.3, coupling, phase=phase + turn[graph.edges[:, 0]] + turn[graph.edges[:, 1]])
    assert abs(first.energy - wrong.energy) > 1e-3


def test_field_alone_magnetizes_each_spin():
    free = small_system(graphs.chain(3), 1.7, coupling=0.0, field=0.8)
    r = theory.bond_cosine(1.7 * 0.8)
    assert free.magnetization_x == pytest.approx(3.0 * r, rel=1e-13)
    assert free.energy == pytest.approx(-0.8 * 3.0 * r, rel=1e-13)
    assert free.magnetization_squared == pytest.approx(3.0 + 6.0 * r * r, rel=1e-13)


def test_quadrature_has_converged_at_its_default():
    graph = graphs.square(2)
    coarse, fine = (small_system(graph, 2.0, "gaussian", 0.3, "uniform", seed=11, points=p) for p in (32, 40))
    for a, b in zip(coarse, fine, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_long_ring_is_a_chain():
    assert theory.ring(400, 1.0).energy_per_site == pytest.approx(theory.chain_energy_per_bond(1.0), rel=1e-13)
    assert theory.ring(400, 1.0).helicity == pytest.approx(0.0, abs=1e-100)
    np.testing.assert_allclose(
        theory.ring_correlation(400, 1.0)[:9], theory.bond_cosine(1.0) ** np.arange(9), rtol=1e-12
    )


@pytest.mark.parametrize("beta", [20.0, 1000.0])
def test_cold_ring_is_harmonic(beta):
    """Energy per site -1 + (T / 2) (1 - 1 / N) to first order in T, by equipartition over N - 1 modes."""
    exact = theory.ring(6, beta)
    assert exact.energy_per_site == pytest.approx(theory.spin_wave_energy_per_site(1 / beta, 1, 6), abs=1 / beta**2)
    assert np.isfinite(exact.log_z)
    assert exact.helicity == pytest.approx(1.0, abs=1.5 / beta)


def test_cold_torus_is_spin_waves():
    exact = torus((2, 2), 20.0)
    assert exact.energy_per_site == pytest.approx(theory.spin_wave_energy_per_site(0.05, 2, 4), abs=0.05**2)
    assert theory.spin_wave_energy_per_site(0.1) == pytest.approx(-1.95)
    assert theory.spin_wave_helicity(0.1) == pytest.approx(0.975)


def test_helicity_swaps_with_the_sides():
    """One direction comes from the charge, the other from a twist of the rows: two derivations of the same number."""
    wide, tall = torus((2, 3), 1.2), torus((3, 2), 1.2)
    np.testing.assert_allclose(wide.helicity, tall.helicity[::-1], rtol=1e-10)
    assert wide.energy_per_site == pytest.approx(tall.energy_per_site, rel=1e-12)
    assert abs(wide.helicity[0] - wide.helicity[1]) > 0.05


def test_ring_takes_arrays():
    betas = np.array([[0.5, 1.0], [2.0, 30.0]])
    together = theory.ring(6, betas)
    for index, beta in np.ndenumerate(betas):
        np.testing.assert_allclose([f[index] for f in together], theory.ring(6, beta), rtol=1e-13)
    assert theory.ring_correlation(6, betas).shape == (2, 2, 6)


@pytest.mark.parametrize("sites", [3, 5, 7, 9, 6, 10])
def test_stationary_points_of_the_ring(sites):
    found = theory.ring_stationary_points(sites)
    assert found.points[found.downhill == 0].sum() == 2 * -(-sites // 4) - 1
    assert found.energy.min() == -sites
    if sites % 2:
        assert found.points.sum() == sites * comb(sites - 1, (sites - 1) // 2)


def test_stationary_points_of_five_sites_by_index():
    found = theory.ring_stationary_points(5)
    assert [found.points[found.downhill == k].sum() for k in range(5)] == [3, 10, 10, 5, 2]


def test_universal_jump_and_its_finite_size_form():
    assert theory.universal_jump(theory.T_BKT) == pytest.approx(0.5684, abs=1e-4)
    assert theory.weber_minnhagen(np.inf, 1.0) == pytest.approx(theory.universal_jump(theory.T_BKT))
    excess = theory.weber_minnhagen(np.e, 3.0, 1.0) / theory.universal_jump(1.0) - 1.0
    assert excess == pytest.approx(1.0 / 5.0)


def test_constants():
    digits(theory.T_BKT, "0.8929")
    digits(theory.CUBIC_BETA_C, "0.4541652")
    assert theory.COMPLETE_T_C == 0.5


@pytest.mark.parametrize("call", [
    lambda: theory.ring(8, 0.0),
    lambda: theory.ring(8, [1.0, np.nan]),
    lambda: theory.complete_graph(8, -1.0),
    lambda: torus((3, 3), np.inf),
    lambda: torus((1, 3), 1.0),
    lambda: torus((6, 6), 1.0),
    lambda: small_system(graphs.square(4), 1.0),
])  # fmt: skip
def test_bad_arguments_are_refused_in_one_line(call):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert "\n" not in str(caught.value)
