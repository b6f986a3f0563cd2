"""Losses of one sample as functions of the network's outputs, with first and second derivatives.

Arrays are NumPy's or CuPy's: outputs (..., samples, out), labels (..., samples) int64 for classes, (..., samples, out)
floats for values. A loss is not yet divided by the number of samples.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from mcmc.landscapes.network.array_modules import array_module


class Loss(Protocol):
    """A loss by the outputs."""

    @property
    def classes(self) -> bool:
        """Whether targets are class labels, int64, and not values."""
        ...

    def value(self, outputs: Any, targets: Any) -> Any:
        """Loss of each sample, (..., samples)."""
        ...

    def value_and_slope(self, outputs: Any, targets: Any) -> tuple[Any, Any]:
        """Loss of each sample, (..., samples), and its derivative by the outputs, (..., samples, out)."""
        ...

    def curvature_times(self, outputs: Any, change: Any) -> Any:
        """Second derivative by the outputs times `change`, both (..., samples, out)."""
        ...


class CrossEntropy(NamedTuple):
    """-ln softmax(outputs)[label]."""

    classes: bool = True

    def value(self, outputs, targets):
        """ln sum exp(outputs) - outputs[label]."""
        _, total, top = _shares(outputs)
        return _label_loss(outputs, targets, total, top)

    def value_and_slope(self, outputs, targets):
        """The loss, and softmax(outputs) - one-hot label."""
        shares, total, top = _shares(outputs)
        value = _label_loss(outputs, targets, total, top)
        shares /= total
        slope = shares.T.copy()
        slope[array_module(slope).arange(len(slope)), targets.reshape(-1)] -= 1.0
        return value, slope.reshape(outputs.shape)

    def curvature_times(self, outputs, change):
        """p (change - p . change)."""
        shares, total, _ = _shares(outputs)
        chance = (shares / total).T.reshape(outputs.shape)
        return chance * (change - (chance * change).sum(axis=-1, keepdims=True))


class SquaredError(NamedTuple):
    """|outputs - targets|^2 / 2."""

    classes: bool = False

    def value(self, outputs, targets):
        """Half the squared distance."""
        return 0.5 * ((outputs - targets) ** 2).sum(axis=-1)

    def value_and_slope(self, outputs, targets):
        """Half the squared distance, and outputs - targets."""
        slope = outputs - targets
        return 0.5 * (slope * slope).sum(axis=-1), slope

    def curvature_times(self, outputs, change):
        """The change itself."""
        return change


LOSSES: dict[str, Loss] = {"cross_entropy": CrossEntropy(), "squared": SquaredError()}


def _shares(outputs):
    """exp(outputs - top) as (out, all samples), their sum and the top; short rows would be slow to reduce."""
    rows = outputs.reshape(-1, outputs.shape[-1]).T
    shares = rows.copy()
    top = shares.max(axis=0)
    shares -= top
    np.exp(shares, out=shares)
    # Of a single column NumPy would add the entries in another order than those of many.
    total = shares.sum(axis=0) if shares.shape[1] > 1 else shares.cumsum(axis=0)[-1]
    return shares, total, top


def _label_loss(outputs, targets, total, top):
    flat = outputs.reshape(-1, outputs.shape[-1])
    chosen = flat[array_module(flat).arange(len(flat)), targets.reshape(-1)]
    return (np.log(total) + top - chosen).reshape(outputs.shape[:-1])
