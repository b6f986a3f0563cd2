"""A multilayer network with hand-written derivatives, all chains at once, without automatic differentiation.

The energy is the mean loss over the samples plus weight_decay |x|^2 / 2; x is (chains, dim), the weights and biases of
the layers one after the other, each matrix (in, out) row by row. Gradients by back-propagation (Rumelhart, Hinton &
Williams 1986, Nature 323, 533), products with the Hessian by its linearisation (Pearlmutter 1994, Neural Comput. 6,
147). Products of matrices are done chain by chain, so that a chain's numbers do not depend on the others.

Results are arrays of the module of x, NumPy or one with NumPy's functions such as CuPy: data are taken over to it once.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import chain_ids
from mcmc.landscapes.network.activations import ACTIVATIONS
from mcmc.landscapes.network.array_modules import (
    array_module,
    checked_indices,
    checked_inputs,
    checked_point,
    single_point,
)
from mcmc.landscapes.network.data import Data, checked_data
from mcmc.landscapes.network.losses import LOSSES
from mcmc.landscapes.network.outer_products import fill_outer_products
from mcmc.memory import require_memory
from mcmc.random import Stream, normals

CHUNK = 256
"""Samples worked on at once, whatever the chains: memory stays chains x CHUNK x widths."""


class MLP:
    """Mean loss of a fully connected network on data, a SmoothLandscape; see `mlp`."""

    one_point_for_all = True
    """`hessian_vector` takes x (1, dim) for any number of vectors, and works it out once."""

    def __init__(self, sizes: Sequence[int], data: Data, loss: str, activation: str, weight_decay: float):
        self.sizes = tuple(int(size) for size in sizes)
        self.data, self.loss_name, self.activation_name = data, loss, activation
        self.loss, self.activation = LOSSES[loss], ACTIVATIONS[activation]
        self.weight_decay = float(weight_decay)
        self.data_size: int | None = data.size
        self._rooms = threading.local()
        self._moved: dict[Any, Any] = {}
        pairs = list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        self.dim = sum((a + 1) * b for a, b in pairs)
        self._spans, begin = [], 0
        for a, b in pairs:
            self._spans.append((begin, begin + a * b, begin + (a + 1) * b, a, b))
            begin += (a + 1) * b

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_rooms", "_moved")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _rooms=threading.local(), _moved={})

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law, data by checksum (SHA-256). See mcmc.landscape.IdentifiedLandscape."""
        return {
            "landscape": type(self).__name__,
            "sizes": "-".join(str(size) for size in self.sizes),
            "activation": self.activation_name,
            "loss": self.loss_name,
            "weight_decay": self.weight_decay,
            "dtype": str(self.data.inputs.dtype),
            **self.data.checksums,
        }

    def initial_x(self, chain: Sequence[int] | np.ndarray, seed: int) -> np.ndarray:
        """Weights of variance 1 / in (2 / in for relu), biases 0: (chains, dim) float64, by seed and chain id alone.

        LeCun, Bottou, Orr & Mueller 1998; He, Zhang, Ren & Sun 2015, arXiv:1502.01852.
        """
        ids = chain_ids(chain)
        require_memory(24.0 * ids.size * self.dim, f"weights of {ids.size} chains", "take fewer units or chains")
        calls = -(-self.dim // 2)
        drawn = normals(seed, Stream.INITIAL, np.arange(calls)[None, :], 0, ids[:, None])
        x = drawn.reshape(ids.size, 2 * calls)[:, : self.dim].copy()
        gain = 2.0 if self.activation_name == "relu" else 1.0
        for begin, bias, end, fan_in, _ in self._spans:
            x[:, begin:bias] *= np.sqrt(gain / fan_in)
            x[:, bias:end] = 0.0
        return x

    def energy(self, x: Any, batch: Any | None = None) -> Any:
        """Mean loss and weight decay, (chains,) float64.

        `batch` has indices of samples, (samples,) or (chains, samples) for each chain its own; None for all data.
        Raises ArgumentError for shapes or indices that do not fit.
        """
        x = checked_point("x", x, self.dim)
        loss: Any = 0.0
        for inputs, targets, share in self._chunks(batch, x):
            outputs = self._forward(x, inputs)[-1]
            loss = loss + share * self.loss.value(outputs, self._shared(targets, outputs)).mean(-1, dtype=np.float64)
        return loss + self._decay(x)

    def gradient(self, x: Any, batch: Any | None = None) -> Any:
        """Gradient of `energy`, (chains, dim)."""
        return self.energy_and_gradient(x, batch)[1]

    def energy_and_gradient(self, x: Any, batch: Any | None = None) -> tuple[Any, Any]:
        """`energy` and `gradient` for the price of the gradient."""
        x = checked_point("x", x, self.dim)
        loss, gradient = self._decay(x), self.weight_decay * x
        for inputs, targets, share in self._chunks(batch, x):
            levels = self._forward(x, inputs)
            value, slope = self.loss.value_and_slope(levels[-1], self._shared(targets, levels[-1]))
            loss = loss + share * value.mean(axis=-1, dtype=np.float64)
            slope *= share / inputs.shape[-2]
            self._propagate_back(x, levels, slope, gradient)
        return loss, gradient

    def _propagate_back(self, x, levels, slope, gradient):
        """Add to `gradient` what slopes by the outputs make of it."""
        ones = array_module(slope).ones((1, slope.shape[1]), dtype=slope.dtype)
        for layer in range(len(self._spans) - 1, -1, -1):
            weight, bias = self._layer(gradient, layer)
            part = self._room(f"weight {layer}", weight.shape, weight)
            weight += np.matmul(np.swapaxes(levels[layer], -1, -2), slope, out=part)
            bias += np.matmul(ones, slope)[:, 0]
            if layer:
                room = self._room(f"slope {layer}", levels[layer].shape, slope)
                slope = np.matmul(slope, np.swapaxes(self._layer(x, layer)[0], -1, -2), out=room)
                slope *= self.activation.slope(levels[layer])

    def outputs(self, x: Any, inputs: Any) -> Any:
        """Outputs of the network, (chains, samples, out), for inputs (samples, features)."""
        x = checked_point("x", x, self.dim)
        given = array_module(x).asarray(checked_inputs(inputs, self.sizes[0]))
        return self._forward(x, given)[-1].copy()

    def test_error(self, x: Any) -> Any:
        """Wrong fraction of the test samples, (chains,) float64; the mean loss where targets are values.

        Raises ArgumentError without test samples.
        """
        if self.data.test_inputs is None:
            raise ArgumentError(f"data: {self.data.name} has no test samples; give test_inputs and test_targets")
        return self._error(x, 2)

    def training_error(self, x: Any) -> Any:
        """Wrong fraction of the training samples, (chains,) float64; the mean loss where targets are values."""
        return self._error(x, 0)

    def per_sample_gradients(self, x: Any, batch: Any | None = None) -> Any:
        """Gradient of each sample's loss at one x (dim,), (samples, dim): weight decay is not in it.

        Raises ArgumentError for several chains, MemoryLimitError when the result does not fit.
        """
        levels, slopes = self.layer_factors(x, batch)
        count = slopes[0].shape[0]
        require_memory(8.0 * count * self.dim, f"gradients of {count} samples", "take a smaller batch")
        gradients = np.empty_like(slopes[0], shape=(count, self.dim))
        for (begin, bias, end, _, _), level, slope in zip(self._spans, levels, slopes, strict=True):
            fill_outer_products(gradients, begin, level, slope)
            gradients[:, bias:end] = slope
        return gradients

    def layer_factors(self, x: Any, batch: Any | None = None) -> tuple[list[Any], list[Any]]:
        """For each layer its inputs (samples, in) and the slopes of each sample's loss by its outputs (samples, out).

        A sample's gradient by the weights of a layer is the outer product of the two, by the biases the slopes. `x` is
        (dim,) or (1, dim).
        """
        point = single_point(x, self.dim)
        inputs, targets = self._samples(batch, point)
        levels = self._forward(point, inputs)
        slope = self.loss.value_and_slope(levels[-1], self._shared(targets, levels[-1]))[1]
        slopes = [slope[0]]
        for layer in range(len(self._spans) - 1, 0, -1):
            slope = np.matmul(slope, np.swapaxes(self._layer(point, layer)[0], -1, -2))
            slope *= self.activation.slope(levels[layer])
            slopes.insert(0, slope[0])
        # What is handed out must not be memory that the next call uses again.
        return [(level[0] if level.ndim == 3 else level).copy() for level in levels[:-1]], slopes

    def hessian_vector(self, x: Any, v: Any, batch: Any | None = None) -> Any:
        """Hessian of `energy` at x (chains, dim), or (1, dim) for all, times v (chains, dim): (chains, dim)."""
        v, x = checked_point("v", v, self.dim), checked_point("x", x, self.dim)
        if len(x) == 1:
            # A batch for all leaves the point one for all; a batch for each direction asks for a point for each.
            x = x if batch is None or getattr(batch, "ndim", 2) == 1 else np.repeat(x, len(v), axis=0)
        else:
            checked_point("x", x, self.dim, len(v))
        product = self.weight_decay * v
        for inputs, targets, share in self._chunks(batch, x):
            levels = self._forward(x, inputs)
            changes = self._linearised(x, v, levels)
            part = share / inputs.shape[-2]
            slope = part * self.loss.value_and_slope(levels[-1], self._shared(targets, levels[-1]))[1]
            turn = part * self.loss.curvature_times(levels[-1], changes[-1])
            for layer in range(len(self._spans) - 1, -1, -1):
                weight, bias = self._layer(product, layer)
                weight += np.matmul(np.swapaxes(levels[layer], -1, -2), turn)
                bias += turn.sum(axis=1)
                if layer:
                    weight += np.matmul(np.swapaxes(changes[layer], -1, -2), slope)
                    slope, turn = self._turned_back(x, v, levels, changes, layer, slope, turn)
        return product

    def _turned_back(self, x, v, levels, changes, layer, slope, turn):
        """Slopes of the layer below, and their change along v."""
        across = np.swapaxes(self._layer(x, layer)[0], -1, -2)
        by_level = np.matmul(slope, across)
        first = self.activation.slope(levels[layer])
        turn = np.matmul(turn, across)
        turn += np.matmul(slope, np.swapaxes(self._layer(v, layer)[0], -1, -2))
        turn *= first
        # `changes` holds a' Rz: a'' Rz is that times a'' / a', which relu would divide by 0.
        curved = self.activation.curvature(levels[layer])
        ratio = curved / np.where(first != 0, first, first.dtype.type(1))
        return by_level * first, turn + by_level * ratio * changes[layer]

    def _linearised(self, x, v, levels):
        """Change of every level along v; that of the inputs is 0."""
        changes: list[Any] = [None]
        for layer in range(len(self._spans)):
            weight, bias = self._layer(v, layer)
            change = np.matmul(levels[layer], weight) + bias[:, None, :]
            if layer:
                change = change + np.matmul(changes[layer], self._layer(x, layer)[0])
            if layer < len(self._spans) - 1:
                change = change * self.activation.slope(levels[layer + 1])
            changes.append(change)
        return changes

    def _forward(self, x, inputs):
        """Inputs, activations of the hidden layers, outputs: all but the first are overwritten by the next call."""
        levels = [inputs]
        for layer in range(len(self._spans)):
            weight, bias = self._layer(x, layer)
            room = self._room(f"level {layer}", (len(x), levels[-1].shape[-2], bias.shape[1]), x)
            z = np.matmul(levels[-1], weight, out=room)
            z += bias[:, None, :]
            levels.append(z if layer == len(self._spans) - 1 else self.activation.apply(z))
        return levels

    def _layer(self, x, layer):
        """Weights (chains, in, out) and biases (chains, out) of a layer, views of x."""
        begin, bias, end, a, b = self._spans[layer]
        return x[:, begin:bias].reshape(-1, a, b), x[:, bias:end]

    def _arrays(self, x):
        """Inputs, targets, test inputs and test targets as arrays of the module of x."""
        data = self.data
        if isinstance(x, np.ndarray):
            return data.inputs, data.targets, data.test_inputs, data.test_targets
        module, kept = array_module(x), self._moved
        key = module.__name__, str(getattr(x, "device", ""))
        if key not in kept:
            every = data.inputs, data.targets, data.test_inputs, data.test_targets
            kept[key] = tuple(None if values is None else module.asarray(values) for values in every)
        return kept[key]

    def _samples(self, batch, x):
        """Inputs (samples, features) or (chains, samples, features), and their targets."""
        if batch is None:
            return self._arrays(x)[:2]
        return self._gathered(checked_indices(batch, self.data.size, len(x)), x)

    def _gathered(self, chosen, x):
        """Inputs and targets of checked indices, in memory that the next call uses again."""
        inputs, targets = self._arrays(x)[:2]
        if not isinstance(x, np.ndarray):
            chosen = array_module(x).asarray(chosen)
            return inputs[chosen], targets[chosen]
        room = self._room("inputs", (*chosen.shape, inputs.shape[1]), inputs)
        return np.take(inputs, chosen, axis=0, out=room, mode="clip"), targets[chosen]

    def _chunks(self, batch, x) -> Iterator[tuple[Any, Any, float]]:
        """Inputs, targets and share of all samples, in chunks of what is more than CHUNK."""
        if batch is not None:
            chosen = checked_indices(batch, self.data.size, len(x))
            for begin in range(0, chosen.shape[-1], CHUNK):
                part = chosen[..., begin : begin + CHUNK]
                yield *self._gathered(part, x), part.shape[-1] / chosen.shape[-1]
            return
        every, wanted = self._arrays(x)[:2]
        for begin in range(0, self.data.size, CHUNK):
            part = slice(begin, begin + CHUNK)
            inputs = every[part]
            yield inputs, wanted[part], len(inputs) / self.data.size

    def _room(self, name, shape, like):
        """Memory of a call that the next one uses again: fresh pages would cost as much as the products do."""
        if not isinstance(like, np.ndarray):
            return np.empty_like(like, shape=shape)
        rooms: dict[Any, Any] = self._rooms.__dict__
        size, key = math.prod(shape), (name, like.dtype)
        if key not in rooms or rooms[key].size < size:
            rooms[key] = np.empty(size, like.dtype)
        return rooms[key][:size].reshape(shape)

    @staticmethod
    def _shared(targets, outputs):
        """Targets with an axis of chains, as the outputs have."""
        lacking = outputs.ndim - (targets.ndim + (targets.dtype.kind == "i"))
        return np.broadcast_to(targets, (outputs.shape[0], *targets.shape)) if lacking else targets

    def _decay(self, x):
        return 0.5 * self.weight_decay * np.einsum("ci,ci->c", x, x) if self.weight_decay else 0.0

    def _error(self, x, first):
        """Wrong fraction of the samples that `_arrays` has from place `first`."""
        x = checked_point("x", x, self.dim)
        inputs, targets = self._arrays(x)[first : first + 2]
        outputs = self._forward(x, inputs)[-1]
        if self.loss.classes:
            return (outputs.argmax(axis=-1) != targets).mean(axis=-1)
        return self.loss.value(outputs, self._shared(targets, outputs)).mean(axis=-1)


def mlp(
    data: Data,
    hidden: Sequence[int] = (32,),
    *,
    loss: str | None = None,
    activation: str = "tanh",
    weight_decay: float = 0.0,
) -> MLP:
    """Fully connected network between the features of `data` and its classes or values, `hidden` layers in between.

    `loss` "cross_entropy" (labels) or "squared" (values), by default what the targets ask for; `activation` one of
    tanh, relu, softplus, identity. Raises ArgumentError for anything else, or a negative weight decay.
    """
    checked_data(data)
    layers: list[Any] = list(hidden) if isinstance(hidden, (list, tuple, np.ndarray)) else [hidden]
    if any(isinstance(h, bool) or not isinstance(h, (int, np.integer)) or h < 1 for h in layers):
        raise ArgumentError(f"hidden: got {hidden!r}; widths of the hidden layers, whole numbers from 1, are needed")
    chosen = ("cross_entropy" if data.labelled else "squared") if loss is None else loss
    for name, value, known in (("loss", chosen, LOSSES), ("activation", activation, ACTIVATIONS)):
        if not isinstance(value, str) or value not in known:
            raise ArgumentError(f"{name}: got {value!r}; one of {', '.join(known)} is needed")
    if LOSSES[chosen].classes != data.labelled:
        has = "class labels" if data.labelled else "values"
        raise ArgumentError(f"loss: got {chosen!r}, and the targets are {has}; leave loss out, or change the targets")
    number = isinstance(weight_decay, (int, float, np.number)) and not isinstance(weight_decay, bool)
    if not number or not 0 <= weight_decay < np.inf:
        raise ArgumentError(f"weight_decay: got {weight_decay!r}; a finite number, 0 or more, is needed")
    return MLP([data.inputs.shape[1], *layers, data.outputs], data, chosen, activation, weight_decay)
