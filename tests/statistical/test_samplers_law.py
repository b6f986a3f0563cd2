"""Energy histograms of nine Ising spins against enumeration, for Metropolis and tempering over it.

The p-value accounts for autocorrelation (see histogram_p_value). The controls, beta 1 % off and a proposal that
prefers up, must be told apart with the same data size.
"""

import numpy as np
import pytest
from small_systems import FALSE_ALARM, biased_coin, energy_law, histogram_p_value, ising, mean_z_score

from mcmc.samplers import Annealing, Metropolis, Tempering, pilot_temperatures, place_temperatures, schedule
from mcmc.samplers.tempering_ladder import predicted_swap_rates

BETA = 0.35
TEMPERATURES = np.array([2.2, 2.7, 3.4, 4.5])


def energies(sampler, seed, chains=4000, burn_in=60, draws=100, thin=3):
    """Energies, (chains, draws, *dims)."""
    state = sampler.init(chains, seed)
    state, _ = sampler.thermalize(state, burn_in)
    series = []
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        series.append(sampler.energy(state).copy())
    return np.stack(series, axis=1)


def test_metropolis_samples_the_enumerated_law(seed):
    assert histogram_p_value(energies(Metropolis(ising(), BETA), seed), *energy_law(ising(), BETA)) > FALSE_ALARM


def test_a_wrong_beta_is_told_apart(seed):
    series = energies(Metropolis(ising(), 1.01 * BETA), seed)
    assert histogram_p_value(series, *energy_law(ising(), BETA)) < FALSE_ALARM


def test_an_asymmetric_proposal_is_told_apart(seed):
    """The energy is even in the spins and feels the preference in second order: the magnetisation shows it."""
    z = {}
    for propose in (None, biased_coin):
        landscape = ising() if propose is None else ising(propose=propose)
        sampler = Metropolis(landscape, BETA)
        state, _ = sampler.thermalize(sampler.init(4000, seed), 60)
        series = []
        for _ in range(50):
            state, _ = sampler.step(state, 5)
            series.append(sampler.observables(state)["magnetization"])
        z[propose] = abs(mean_z_score(np.stack(series, axis=1), 0.0))
    assert z[None] < 4.9 < z[biased_coin]


@pytest.mark.parametrize(("error", "agrees"), [(1.0, True), (1.01, False)])
def test_tempering_samples_the_enumerated_law_at_every_temperature(seed, error, agrees):
    sampler = Tempering(Metropolis(ising()), error * TEMPERATURES)
    series = energies(sampler, seed, chains=2000, draws=120)
    p = [
        histogram_p_value(series[..., t], *energy_law(ising(), 1 / temperature))
        for t, temperature in enumerate(TEMPERATURES)
    ]
    assert (min(p) > FALSE_ALARM) == agrees


def test_swap_rates_are_those_of_the_exact_law(seed):
    sampler = Tempering(Metropolis(ising()), TEMPERATURES)
    state, _ = sampler.thermalize(sampler.init(1000, seed), 60)
    state, _ = sampler.step(state, 200)
    measured = state.swapped / state.attempted
    for t, (cold, hot) in enumerate(zip(1 / TEMPERATURES[:-1], 1 / TEMPERATURES[1:], strict=True)):
        levels, cold_law = energy_law(ising(), cold)
        _, hot_law = energy_law(ising(), hot)
        ratio = (cold - hot) * (levels[:, None] - levels[None, :])
        expected = cold_law @ np.minimum(1, np.exp(ratio)) @ hot_law
        assert abs(mean_z_score(measured[:, t], expected)) < 4.9
        assert abs(mean_z_score(measured[:, t], 1.03 * expected)) > 4.9
    assert (state.round_trips > 0).all()


def test_placed_temperatures_swap_evenly(seed):
    """Rates on the pilot's ladder spread less than on the even one, and meet the rate asked for."""
    landscape = ising(side=8)

    def rates(ladder):
        sampler = Tempering(Metropolis(landscape), ladder)
        state, _ = sampler.thermalize(sampler.init(8, seed), 400)
        state, _ = sampler.step(state, 2000)
        return (state.swapped.sum(axis=0) / state.attempted.sum(axis=0)), sampler.energy(state)

    ladder = pilot_temperatures(Metropolis(landscape), 1.5, 4.0, swap_rate=0.3, sweeps=1000, seed=seed)
    placed, even = rates(ladder)[0], rates(np.linspace(1.5, 4.0, ladder.size))[0]
    assert placed.std() < 0.5 * even.std()
    assert abs(placed.mean() - 0.3) < 0.1


def test_placing_on_exact_energies_gives_even_predicted_rates():
    kelvin = np.linspace(1.0, 3.0, 200)
    energy = 40 * kelvin**3
    ladder = place_temperatures(kelvin, energy, count=9)
    rates = predicted_swap_rates(ladder, 40 * ladder**3)
    assert ladder[0] == 1.0
    assert ladder[-1] == 3.0
    assert np.ptp(rates) < 0.01


def test_slow_annealing_reaches_the_ground_state_more_often_than_a_fast_one(seed):
    landscape = ising(side=10)
    found = []
    for sweeps in (1, 40):
        sampler = Annealing(Metropolis(landscape), schedule(np.geomspace(4, 0.3, 20), sweeps))
        state, info = sampler.step(sampler.init(500, seed), 20 * sweeps)
        found.append((sampler.energy(state) == -200).mean())
    assert info.stage == 19
    assert found[1] > 0.9
    # Two proportions of 500: a standard error of the difference is at most sqrt(2 / 4 / 500) = 0.032.
    assert found[1] - found[0] > 4.9 * 0.032
