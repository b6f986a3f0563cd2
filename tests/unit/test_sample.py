"""`sample` in memory: dimensions, observables, thinning, stopping, progress, warnings and errors."""

import sys
import threading
import warnings

import numpy as np
import pytest
from numba import njit
from small_systems import coin, ising, start

from mcmc.errors import ArgumentError, ConvergenceWarning, NonFiniteEnergyError
from mcmc.landscapes.analytic import DoubleWell
from mcmc.landscapes.custom import CustomLandscape
from mcmc.samplers import Annealing, Langevin, Metropolis, Tempering, sample, schedule

pytestmark = pytest.mark.filterwarnings("ignore::mcmc.errors.ConvergenceWarning")

METROPOLIS = Metropolis(ising(), 0.4)
TEMPERING = Tempering(METROPOLIS, [2.0, 3.0, 4.0])
# The function of the same name hides the module.
sample_module = sys.modules["mcmc.samplers.sample"]


def test_the_function_is_not_hidden_by_its_module():
    import mcmc.samplers
    import mcmc.samplers.sample as module

    assert mcmc.samplers.sample is sample
    assert callable(module.sample if hasattr(module, "sample") else module)


def test_dims_coords_and_attributes():
    dataset = sample(TEMPERING, 103, chains=[4, 7], seed=1, burn_in=20, thin=2)
    assert dict(dataset.sizes) == {"chain": 2, "draw": 51, "temperature": 3}
    assert dataset["energy"].dims == ("chain", "draw", "temperature")
    assert dataset["energy"].attrs == {"long_name": "total energy", "units": "1"}
    assert dataset["chain"].values.tolist() == [4, 7]
    assert dataset["temperature"].values.tolist() == [2.0, 3.0, 4.0]
    assert dataset["swap_rate"].dims == ("chain", "temperature")
    assert dataset["round_trips"].dims == ("chain",)
    assert dataset.attrs == {"seed": 1, "burn_in": 20, "thin": 2}


def test_draws_are_the_samplers_own_steps():
    dataset = sample(METROPOLIS, 12, chains=2, seed=5, burn_in=30, thin=3)
    state, _ = METROPOLIS.thermalize(METROPOLIS.init(2, 5), 30)
    for draw in range(4):
        state, _ = METROPOLIS.step(state, 3)
        for name, value in METROPOLIS.observables(state).items():
            assert np.array_equal(dataset[name].values[:, draw], value)
    assert np.array_equal(dataset["acceptance"], METROPOLIS.statistics(state)["acceptance"])


def test_observe_chooses_by_name_or_by_function():
    assert set(sample(METROPOLIS, 60, observe=["magnetization"]).data_vars) >= {"magnetization"}
    assert "energy" not in sample(METROPOLIS, 60, observe=["magnetization"])
    spins = sample(METROPOLIS, 60, observe=lambda sampler, state: {"spins": state.spins.spins.T > 0})
    assert spins["spins"].dims == ("chain", "draw", "spins_dim_0")
    assert spins["spins"].shape == (1, 60, 9)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"observe": ["energie"]}, "got 'energie'; the sampler has energy, magnetization"),
        ({"observe": []}, "name at least one"),
        ({"observe": lambda sampler, state: {"x": np.zeros(7)}}, "x is float64 of shape"),
        ({"observe": lambda sampler, state: {"acceptance": np.zeros(1)}}, "acceptance names"),
        ({"observe": lambda sampler, state: {}}, "nothing is measured"),
        ({"thin": 0}, "thin: got 0"),
        ({"burn_in": -1}, "burn_in: got -1"),
        ({"chains": 0}, "chains: got 0"),
        ({"seed": -1}, "seed: got -1"),
        ({"stop": 3}, "stop: got 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, says):
    with pytest.raises(ArgumentError, match=says) as caught:
        sample(METROPOLIS, 10, **arguments)
    assert "\n" not in str(caught.value)


def test_sweeps_must_be_a_whole_number():
    with pytest.raises(ArgumentError, match=r"sweeps: got 1\.5"):
        sample(METROPOLIS, 1.5)


def test_an_event_stops_between_pieces_and_the_draws_so_far_come_back():
    stop = threading.Event()
    whole = sample(METROPOLIS, 400, seed=3)

    def observe(sampler, state):
        if int(state.sweep) == 37:
            stop.set()
        return sampler.observables(state)

    part = sample(METROPOLIS, 400, seed=3, observe=observe, stop=stop)
    assert part.sizes["draw"] == 37
    assert np.array_equal(part["energy"], whole["energy"][:, :37])
    assert sample(METROPOLIS, 400, burn_in=10, stop=lambda: True).sizes["draw"] == 0


def test_progress_goes_to_a_function_or_to_lines(capsys):
    calls = []
    sample(METROPOLIS, 200, burn_in=50, thin=2, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, 100)
    assert calls[-1] == (100, 100)
    sample(METROPOLIS, 200, burn_in=50, thin=2, progress=True)
    assert "100 of 100 draws" in capsys.readouterr().err


def test_a_short_chain_is_warned_of_with_its_number():
    cold = Metropolis(ising(), 0.9)
    with pytest.warns(ConvergenceWarning, match=r"energy: chain of 60 draws is shorter than 50 tau_int = \d+"):
        sample(cold, 60, chains=4, seed=1)
    with pytest.warns(ConvergenceWarning, match="3 draws are too few"):
        sample(cold, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample(Metropolis(ising(), 0.1), 2000, chains=4)
        sample(Annealing(cold, schedule([1.0], 5)), 5)
        sample(cold, 2000, stop=lambda: True)


def test_a_diverging_energy_names_sweep_and_chain():
    sampler = Langevin(DoubleWell(1), 1.0, step_size=[0.01, 0.01, 3.0])
    with (
        np.errstate(all="ignore"),
        pytest.raises(NonFiniteEnergyError, match=r"energy is \w+ at sweep \d+ .*in chain 2; take a smaller step_size"),
    ):
        sample(sampler, 100_000, chains=3)


def test_a_diverging_energy_names_the_temperature_too():
    @njit
    def poisoned(spins, site, new, parameters):
        return np.nan

    landscape = CustomLandscape(4, lambda spins, parameters: 0.0, coin, start, delta_energy=poisoned)
    with pytest.raises(NonFiniteEnergyError, match=r"energy is nan at sweep 1 .*in chain 6, temperature 2;"):
        sample(Tempering(Metropolis(landscape), [2.0, 3.0]), 5, chains=[6])


@pytest.mark.parametrize(("fixed", "per_sweep"), [(0.1, 0.01), (0.02, 0.01), (0.5, 0.0005), (1e-4, 1e-6)])
def test_what_a_call_costs_besides_its_sweeps_is_a_small_part_of_a_piece(fixed, per_sweep):
    pace, spent = sample_module._Pace(), 0.0
    for _ in range(12):
        length = pace.sweeps
        spent = fixed + per_sweep * length
        pace.took(length, spent)
    assert fixed < 0.35 * spent
    assert spent < 1.6 * sample_module.LONGEST_PIECE_SECONDS


def test_long_sweeps_are_taken_one_at_a_time():
    pace, lengths = sample_module._Pace(), []
    for _ in range(6):
        lengths.append(pace.sweeps)
        pace.took(pace.sweeps, 2.0 * pace.sweeps)
    assert lengths == [1] * 6
