"""Time per independent sample, 2 tau_int sweeps, of energy and magnetisation for every sampler."""

from collections.abc import Iterator

import numpy as np

from mcmc.landscapes.graphs import square
from mcmc.landscapes.xy import XYModel
from mcmc.samplers import MALA, HeatBath, Langevin, Metropolis, Tempering, Wolff
from mcmc.statistics.autocorrelation import integrated_time
from runs.benchmarks.timing import Row, cpu_seconds

SIDE, TEMPERATURE = 64, 0.9
BETA = 1.0 / TEMPERATURE


def independent_sample_rows() -> Iterator[Row]:
    """One row a sampler and observable at L = 64, T = 0.9, per chain."""
    model = XYModel(square(SIDE))
    ladder = np.linspace(0.86, 1.1, 7)
    ladder[1] = TEMPERATURE
    cases = [
        ("Metropolis", Metropolis(model, BETA), 8, 1000, 8000, 1),
        ("Metropolis + 4 over-relaxations", Metropolis(model, BETA, over_relaxation=4), 8, 500, 4000, 1),
        ("heat bath", HeatBath(model, BETA), 8, 500, 4000, 1),
        ("Wolff", Wolff(model, BETA), 1, 600, 20000, 1),
        ("tempering, 7 temperatures, Metropolis + 4 over-relaxations",
         Tempering(Metropolis(model, over_relaxation=4), ladder), 8, 500, 3000, 1),
        ("Langevin, step 0.05", Langevin(model, BETA, step_size=0.05), 4, 1000, 24000, 12),
        ("MALA", MALA(model, BETA, step_size=0.05), 4, 2000, 24000, 12),
    ]  # fmt: skip
    for name, sampler, chains, burn_in, sweeps, thin in cases:
        yield from _rows(name, sampler, chains, burn_in, sweeps, thin)


def _rows(name, sampler, chains, burn_in, sweeps, thin) -> Iterator[Row]:
    tempering = sampler.dims != ()
    state = sampler.init(chains, seed=3)
    if hasattr(state, "x"):
        _start_in_equilibrium(sampler, state)
    state, _ = sampler.thermalize(state, burn_in)
    series: dict[str, list] = {"energy": [], "magnetisation modulus": []}
    seconds = 0.0

    def advance():
        nonlocal state
        state, _ = sampler.step(state, thin)

    for _ in range(sweeps // thin):
        seconds += cpu_seconds(advance)
        values = sampler.observables(state)
        if tempering:
            values = {key: value[:, 1] for key, value in values.items()}
        series["energy"].append(values["energy"])
        series["magnetisation modulus"].append(np.hypot(values["magnetization_x"], values["magnetization_y"]))
    per_sweep = seconds / (sweeps * chains)
    for quantity, draws in series.items():
        tau = integrated_time(np.array(draws).T, thin=thin, warn=False)
        value = 2 * float(tau.tau_int) * thin * per_sweep * 1e3
        limited = name == "Wolff" and quantity != "energy"
        yield Row(
            f"{name}: {quantity}", value, "ms/independent sample",
            f"tau_int = {float(tau.tau_int) * thin:.3g} +- {float(tau.error) * thin:.2g} sweeps", None, None,
            "<= 0.5 ms" if limited else "", value <= 0.5 if limited else None,
        )  # fmt: skip


def _start_in_equilibrium(sampler, state):
    """Samplers on the angles take too long to lose the vortices of a random start."""
    model = sampler.landscape
    thermal = model.init(len(state.x), seed=4)
    model.sweep(thermal, BETA, 1000, over_relaxation=4)
    state.x[:] = model.angles(thermal)
    state.energy[:] = model.energy(state.x)
    if hasattr(state, "gradient"):
        state.gradient[:] = model.gradient(state.x)
