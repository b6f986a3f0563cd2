"""One repeat of "information-bottleneck": draws of a law, their mean loss and the information they hold."""

import math
import warnings
from typing import Any

import numpy as np

from runs.experiments.information_bottleneck import BLOCKS, BottleneckSpec
from runs.experiments.information_bottleneck_annealing import annealed_minimum
from runs.experiments.information_bottleneck_landscape import landscape
from runs.grid import Point, point_seed

FIRST_STEP = 1.0
"""Of MALA, tuned in the burn-in: cut faster than it grows, and one too short leaves chains where they began."""
BURN_IN = 500
THIN = 40
"""MALA steps before the first draw, and between draws; the sampled laws are single wells, or nearly."""
NETWORK = 5
"""Times as long a burn-in, and twice as many draws, for the network."""


def measure_law(spec: BottleneckSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one repeat; NaN where a law has no such thing."""
    seed = point_seed(spec.seed, f"{point.name} repeat-{draw}")
    nothing = dict.fromkeys(
        ("minimum", "minimum_error", "annealed", "annealed_error", "effective", "unconverged"), math.nan
    )
    if point.parameters["law"] == "sgd":
        return nothing | _of_draws(spec, point, _sgd(spec, point, seed))
    found = nothing | _of_draws(spec, point, _gibbs(spec, point, seed))
    if draw < spec.effort.integrated:
        found |= _integrated(spec, point, seed)
        if point.parameters["system"] == "network":
            found |= _annealed(spec, point, seed)
    return found


def _sgd(spec: BottleneckSpec, point: Point, seed: int) -> np.ndarray:
    """Draws (draws, chains, dim)."""
    from mcmc.samplers import SGD

    model, eta = landscape(spec, point.parameters["system"]), float(point.parameters["step_size"])
    sampler = SGD(model, step_size=eta, batch_size=spec.grid.batch, replacement=True)
    sweeps = math.ceil(spec.effort.time / eta)
    state, _ = sampler.step(sampler.init(spec.effort.chains, seed), 5 * sweeps)
    found = []
    for _ in range(spec.effort.draws):
        state, _ = sampler.step(state, sweeps)
        found.append(state.x.copy())
    return np.array(found)


def _gibbs(spec: BottleneckSpec, point: Point, seed: int) -> np.ndarray:
    """Draws (draws, chains, dim)."""
    from mcmc.samplers import MALA

    system, beta = point.parameters["system"], float(point.parameters["beta"])
    network = system == "network"
    chains = max(2 * BLOCKS, spec.effort.chains // 20) if network else spec.effort.chains
    # The weight decay makes exp(-beta f) times the prior of one energy.
    decay = 1.0 / (beta * spec.task.deviation**2)
    sampler = MALA(landscape(spec, system, decay), beta, step_size=FIRST_STEP)
    state, _ = sampler.thermalize(sampler.init(chains, seed), BURN_IN * (NETWORK if network else 1))
    found = []
    for _ in range(spec.effort.draws * (2 if network else 1)):
        state, _ = sampler.step(state, THIN)
        found.append(state.x.copy())
    return np.array(found)


def _of_draws(spec: BottleneckSpec, point: Point, x: np.ndarray) -> dict[str, Any]:
    """Loss, information and cross entropy with the prior of draws (draws, chains, dim), of all and of blocks of chains.

    Chains are independent of each other, draws of one chain need not be.
    """
    system = point.parameters["system"]
    plain, dim = landscape(spec, system), x.shape[-1]
    known = system != "network"

    def measured(part: np.ndarray) -> tuple[float, float, float]:
        rows = part.reshape(-1, dim)
        cross = _cross_entropy(spec, rows)
        return float(plain.energy(rows).mean()), _information(spec, rows) if known else math.nan, cross

    whole = measured(x)
    blocks = np.array([measured(x[:, block::BLOCKS]) for block in range(BLOCKS)]).T
    halves = [_information(spec, x[:, k::2].reshape(-1, dim)) for k in (0, 1)] if known else [math.nan]
    names = ("loss", "information", "cross")
    return {
        **dict(zip(names, whole, strict=True)),
        **{f"{name}_block": values for name, values in zip(names, blocks, strict=True)},
        "half": float(np.mean(halves)),
    }


def _integrated(spec: BottleneckSpec, point: Point, seed: int) -> dict[str, float]:
    """u(0, beta s^2) of the plain loss, which is the minimum, by integration of the local entropy."""
    from mcmc.errors import ConvergenceWarning
    from mcmc.local_entropy import integration

    beta, plain = float(point.parameters["beta"]), landscape(spec, point.parameters["system"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        curve = integration(
            plain, np.zeros(plain.dim), scale=[beta * spec.task.deviation**2], beta=beta, seed=seed,
            sweeps=spec.effort.steps, directions=0,
        )  # fmt: skip
    for one in caught:
        # To the log of the point.
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    doubtful = any(issubclass(one.category, ConvergenceWarning) for one in caught)
    return {
        "minimum": float(curve.value[0]), "minimum_error": float(curve.error[0]), "unconverged": float(doubtful),
    }  # fmt: skip


def _annealed(spec: BottleneckSpec, point: Point, seed: int) -> dict[str, float]:
    paths = max(2 * BLOCKS, spec.effort.chains // 5)
    found = annealed_minimum(spec, point.parameters["system"], float(point.parameters["beta"]), paths, seed)
    return {"annealed": found.minimum, "annealed_error": found.error, "effective": found.effective}


def _cross_entropy(spec: BottleneckSpec, x: np.ndarray) -> float:
    """-E_q[ln p] of draws (count, dim) of q, in nats."""
    variance = spec.task.deviation**2
    return float(0.5 * ((x**2).sum(axis=1).mean() / variance + x.shape[1] * math.log(2.0 * math.pi * variance)))


def _information(spec: BottleneckSpec, x: np.ndarray) -> float:
    """KL(q | p) of draws (count, dim) of q: -H(q) - E_q[ln p], in nats."""
    from mcmc.statistics.nearest_neighbours import differential_entropy

    return _cross_entropy(spec, x) - float(differential_entropy(x).value)
