"""One repeat of "information-bottleneck": draws of a law, their mean loss and the information they hold."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.information_bottleneck import BottleneckSpec
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP
    from mcmc.landscapes.network.neuron import TanhNeuron

BURN_IN = 400
THIN = 40
"""MALA steps before the first draw, and between draws; the sampled laws are single wells, or nearly."""


def landscape(spec: BottleneckSpec, system: str, weight_decay: float = 0.0) -> "TanhNeuron | MLP":
    """The neuron or the network on its samples, the same for every law."""
    from mcmc.landscapes.network import Data, mlp
    from mcmc.landscapes.network.neuron import TanhNeuron
    from mcmc.random import Stream, normals

    task, seed = spec.task, point_seed(spec.seed, f"samples {system}")
    dim = task.features if system == "network" else int(system.rpartition("-")[2])
    drawn = normals(seed, Stream.PATTERNS, np.arange(dim + 1)[None, :], 0, np.arange(task.samples)[:, None])
    inputs, noise = drawn[:, :dim, 0], drawn[:, dim, 0]
    teacher = normals(seed, Stream.TEACHER, np.arange(dim), 0, 0)[:, 0]
    targets = np.tanh(inputs @ teacher) + task.noise * noise
    data = Data(inputs, targets[:, None], name=system)
    if system == "network":
        return mlp(data, (task.hidden,), weight_decay=weight_decay)
    return TanhNeuron(data, weight_decay)


def measure_law(spec: BottleneckSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one repeat."""
    seed = point_seed(spec.seed, f"{point.name} repeat-{draw}")
    if point.parameters["law"] == "sgd":
        return _sgd(spec, point, seed)
    return _gibbs(spec, point, seed)


def _sgd(spec: BottleneckSpec, point: Point, seed: int) -> dict[str, Any]:
    from mcmc.samplers import SGD

    model, eta = landscape(spec, point.parameters["system"]), float(point.parameters["step_size"])
    sampler = SGD(model, step_size=eta, batch_size=spec.grid.batch, replacement=True)
    sweeps = math.ceil(spec.effort.time / eta)
    state, _ = sampler.step(sampler.init(spec.effort.chains, seed), 5 * sweeps)
    found = []
    for _ in range(spec.effort.draws):
        state, _ = sampler.step(state, sweeps)
        found.append(state.x.copy())
    x = np.concatenate(found)
    information = _information(spec, x)
    return {"loss": model.energy(x).mean(), "information": information, "minimum": math.nan, "minimum_error": math.nan}


def _gibbs(spec: BottleneckSpec, point: Point, seed: int) -> dict[str, Any]:
    from mcmc.errors import ConvergenceWarning
    from mcmc.local_entropy import integration
    from mcmc.samplers import MALA

    system, beta = point.parameters["system"], float(point.parameters["beta"])
    plain = landscape(spec, system)
    prior = spec.task.deviation
    network = system == "network"
    chains = max(8, spec.effort.chains // 50) if network else spec.effort.chains
    # The weight decay makes exp(-beta f) times the prior of one energy.
    sampler = MALA(landscape(spec, system, 1.0 / (beta * prior**2)), beta, step_size=0.1 / beta)
    state, _ = sampler.thermalize(sampler.init(chains, seed), BURN_IN * (5 if network else 1))
    found = []
    for _ in range(spec.effort.draws * (10 if network else 1)):
        state, _ = sampler.step(state, THIN)
        found.append(state.x.copy())
    x = np.concatenate(found)
    loss = float(plain.energy(x).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        curve = integration(
            plain, np.zeros(plain.dim), scale=[beta * prior**2], beta=beta, seed=seed, sweeps=spec.effort.steps,
            directions=0,
        )  # fmt: skip
    minimum = float(curve.value[0])
    information = beta * (minimum - loss) if network else _information(spec, x)
    return {"loss": loss, "information": information, "minimum": minimum, "minimum_error": float(curve.error[0])}


def _information(spec: BottleneckSpec, x: np.ndarray) -> float:
    """KL(q | p) of draws (count, dim) of q: -H(q) - E_q[ln p], in nats."""
    from mcmc.statistics.nearest_neighbours import differential_entropy

    variance = spec.task.deviation**2
    cross = 0.5 * ((x**2).sum(axis=1).mean() / variance + x.shape[1] * math.log(2.0 * math.pi * variance))
    return float(cross - differential_entropy(x).value)
