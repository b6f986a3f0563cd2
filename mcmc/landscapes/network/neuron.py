"""One neuron, a network small enough to integrate over: f(w) = mean (tanh(w.x) - y)^2 / 2 + weight_decay |w|^2 / 2."""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscapes.network.data import Data


class TanhNeuron:
    """The mean squared loss of a tanh neuron without bias on `data`, a SmoothLandscape over (chains, features).

    Raises ArgumentError for class labels, more than one value a sample, or a negative weight decay.
    """

    def __init__(self, data: Data, weight_decay: float = 0.0):
        if not isinstance(data, Data) or data.labelled or data.targets.shape[1] != 1:
            raise ArgumentError("data: a neuron has one output; samples as Data with targets (samples, 1) are needed")
        number = isinstance(weight_decay, (int, float, np.number)) and not isinstance(weight_decay, bool)
        if not number or not 0 <= weight_decay < np.inf:
            raise ArgumentError(f"weight_decay: got {weight_decay!r}; a finite number, 0 or more, is needed")
        self.data, self.weight_decay = data, float(weight_decay)
        self.dim = data.inputs.shape[1]
        self.data_size: int | None = data.size

    def energy(self, x: Any, batch: Any | None = None) -> np.ndarray:
        """Mean loss and weight decay, (chains,) float64; `batch` (samples,) or (chains, samples), None for all data."""
        residual = self._outputs(x, batch)[0]
        return 0.5 * (residual**2).mean(axis=1) + 0.5 * self.weight_decay * np.einsum("cd,cd->c", x, x)

    def gradient(self, x: Any, batch: Any | None = None) -> np.ndarray:
        """Gradient of `energy`, (chains, dim)."""
        residual, level, inputs = self._outputs(x, batch)
        slope = residual * (1.0 - level**2) / level.shape[1]
        product = np.einsum("cn,nd->cd" if inputs.ndim == 2 else "cn,cnd->cd", slope, inputs)
        return product + self.weight_decay * x

    def _outputs(self, x, batch):
        """Residuals and outputs (chains, samples), and the inputs; einsum keeps chains independent of each other."""
        inputs, targets = self.data.inputs, self.data.targets[:, 0]
        if batch is not None:
            inputs, targets = inputs[batch], targets[batch]
        level = np.tanh(np.einsum("cd,nd->cn" if inputs.ndim == 2 else "cd,cnd->cn", x, inputs))
        return level - targets, level, inputs
