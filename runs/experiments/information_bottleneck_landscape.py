"""What is learnt in "information-bottleneck": a tanh neuron, or a network, on samples of a teacher with noise."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.information_bottleneck import BottleneckSpec
from runs.grid import point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP
    from mcmc.landscapes.network.neuron import TanhNeuron


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
