"""Measure an XY sampler on many independent chains, and hold the chain means to exact averages.

The error is the spread between chains, so no autocorrelation can make it too small.
"""

from typing import NamedTuple

import numpy as np

from mcmc.landscapes.xy.quadrature import small_system

BOUND = 4.9
"""False alarm 1e-6 an assertion."""


class Exact(NamedTuple):
    """Averages, totals over the system; what is None is not asserted."""

    energy: float
    energy_variance: float | None = None
    helicity: tuple[float, ...] | None = None
    """Total helicity modulus by direction."""
    magnetization_squared: float | None = None
    magnetization_x: float | None = None


def quadrature(model, temperature, points=32):
    """Exact averages of a model of few sites."""
    found = small_system(model.graph, 1.0 / temperature, model.coupling, model.field, model.phase, points=points)
    variance = found.helicity_sine_squared - found.helicity_sine**2
    return Exact(
        found.energy,
        found.energy_variance,
        tuple(found.helicity_cosine - variance / temperature),
        found.magnetization_squared,
        found.magnetization_x if model.field else None,
    )


def chain_means(sampler, seed, chains, *, burn_in=300, draws=150, thin=3):
    """Means over draws of the observables and of the squares that fluctuations need, each (chains, *dims)."""
    state, _ = sampler.thermalize(sampler.init(chains, seed), burn_in)
    total = {}
    for _ in range(draws):
        state, _ = sampler.step(state, thin)
        for name, value in measured(sampler.observables(state)).items():
            total[name] = total.get(name, 0.0) + value
    return {name: value / draws for name, value in total.items()}


def measured(seen):
    squares = {f"{name}^2": seen[name] ** 2 for name in seen if name == "energy" or name.startswith("helicity_sine")}
    square = seen["magnetization_x"] ** 2 + seen["magnetization_y"] ** 2
    return {**seen, **squares, "magnetization^2": square}


def z_scores(means, exact, temperature):
    """z of every quantity that `exact` has. Fluctuations are taken about the exact means, so they are plain means."""
    values = {"energy": means["energy"] - exact.energy}
    if exact.energy_variance is not None:
        about = means["energy^2"] - 2.0 * exact.energy * means["energy"] + exact.energy**2
        values["energy variance"] = about - exact.energy_variance
    if exact.magnetization_squared is not None:
        values["magnetization^2"] = means["magnetization^2"] - exact.magnetization_squared
    if exact.magnetization_x is not None:
        values["magnetization_x"] = means["magnetization_x"] - exact.magnetization_x
    for axis, helicity in zip("xyz", exact.helicity or (), strict=False):
        # Where the mean current is not zero, its square is taken from the mean over all chains.
        current = means[f"helicity_sine_{axis}"]
        fluctuation = means[f"helicity_sine_{axis}^2"] - 2.0 * current.mean() * current + current.mean() ** 2
        values[f"helicity {axis}"] = means[f"helicity_cosine_{axis}"] - fluctuation / temperature - helicity
    return {name: z_of(value) for name, value in values.items()}


def z_of(deviations):
    """z of the mean of independent values."""
    return float(deviations.mean() / (deviations.std(ddof=1) / np.sqrt(deviations.size)))


def worst(scores):
    return max(scores.values(), key=abs)
