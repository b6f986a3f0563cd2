"""Losses of torch modules as smooth landscapes: all chains in one call, through torch.func.

Linear layers in sequence are worked on as stacked matrices, see `mcmc.landscapes.network.stacked_layers`, any other
module through vmap: the same to rounding.

The energy is the mean loss over the samples plus weight_decay |x|^2 / 2; x is (chains, dim), the module's parameters in
the order of `named_parameters`, each row by row. NumPy arrays on the CPU, and CuPy arrays on a GPU through DLPack, are
not copied where dtypes agree. torch's number of threads stays as it is: set it with torch.set_num_threads.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import chain_ids
from mcmc.landscapes.network.array_modules import (
    array_module,
    checked_indices,
    checked_inputs,
    checked_point,
    single_point,
)
from mcmc.landscapes.network.data import Data, checked_data
from mcmc.landscapes.network.initial_weights import drawn_weights, initial_laws
from mcmc.landscapes.network.optional import optional_module
from mcmc.landscapes.network.stacked_layers import cross_entropy_slope, stacked_layers
from mcmc.landscapes.network.torch_checks import check_arguments, checked_device, fixed_module
from mcmc.landscapes.network.torch_identity import module_identity
from mcmc.landscapes.network.torch_trial import called, try_network
from mcmc.memory import require_memory

CHUNK = 256
"""Samples worked on at once, whatever the chains."""
COMPILED = ("_torch", "_slopes", "_losses", "_each", "_forward", "_turn", "_stack", "_losses_of")


class NetworkLoss:
    """Mean loss of a torch module on data, a SmoothLandscape.

    `loss` is "cross_entropy" (labels), "squared" (values; half the squared distance, summed over outputs), or a
    function of outputs (samples, out) and targets that gives the loss of each sample or their mean. `batched_loss(x,
    inputs, targets)` takes its place, and the module's, in energies and derivatives: tensors x (chains, dim), inputs
    (samples, features) for all or (chains, samples, features), to the mean losses (chains,). `initialise(chains, seed)`
    gives starting weights (chains, dim). `compile` passes losses and gradients to torch.compile. Buffers, such as
    BatchNorm's running statistics, are held at their values with buffers="frozen"; parameters with requires_grad False
    are held at theirs, and are no weights. Layers that torch cannot vmap, such as recurrent ones, need `batched_loss`,
    and have no `outputs` then. Raises LandscapeError without torch, DeviceError for a device that is not
    there, ArgumentError for a module or loss that does not fit: both are tried on a few samples.
    """

    def __init__(
        self,
        model: Any,
        loss: str | Callable[[Any, Any], Any],
        data: Data,
        *,
        weight_decay: float = 0.0,
        device: str = "cpu",
        dtype: str = "float64",
        compile: bool = False,
        batched_loss: Callable[[Any, Any, Any], Any] | None = None,
        initialise: Callable[[np.ndarray, int], np.ndarray] | None = None,
        buffers: str | None = None,
    ):
        torch = optional_module("torch", "NetworkLoss")
        self.data = checked_data(data)
        functions = {"batched_loss": batched_loss, "initialise": initialise}
        check_arguments(loss, data, weight_decay, dtype, functions)
        self.device, self.dtype, self.compile = checked_device(torch, device), dtype, bool(compile)
        self.loss: Any = loss
        self.weight_decay, self.data_size = float(weight_decay), data.size
        self.batched_loss: Any = batched_loss
        self.initialise = initialise
        self.model = fixed_module(torch, model, buffers).to(device=self.device, dtype=getattr(torch, dtype))
        trained = [(name, own, law) for (name, own), law in zip(
            self.model.named_parameters(), initial_laws(torch, self.model), strict=True
        ) if own.requires_grad]  # fmt: skip
        self._names, self._laws = [name for name, _, _ in trained], [law for _, _, law in trained]
        self._shapes = [tuple(own.shape) for _, own, _ in trained]
        ends = np.cumsum([0, *(own.numel() for _, own, _ in trained)])
        self._spans = [(int(a), int(b)) for a, b in pairwise(ends)]
        self.dim = int(ends[-1])
        self._build()
        try_network(self, model)

    def _build(self) -> None:
        """The functions of torch.func, and the data as tensors."""
        torch = self._torch = optional_module("torch", "NetworkLoss")
        func = torch.func
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self._inputs, self._targets = self._tensor(self.data.inputs), self._target_tensor(self.data.targets)
        self._forward = func.vmap(self._call, in_dims=(0, None))
        wrapped = torch.compile if self.compile else (lambda function: function)
        self._slopes, self._losses = {}, {}
        for axis in (None, 0):
            self._slopes[axis] = wrapped(func.vmap(func.grad_and_value(self._mean_loss), in_dims=(0, axis, axis)))
            self._losses[axis] = wrapped(func.vmap(self._mean_loss, in_dims=(0, axis, axis)))
        self._losses_of = {axis: func.vmap(self._mean_of, in_dims=(0, axis)) for axis in (None, 0)}
        whole = len(self._names) == len(list(self.model.parameters()))
        plain = whole and not self.compile and self.batched_loss is None
        self._stack = stacked_layers(torch, self.model) if plain else None
        self._each = func.vmap(func.grad(self._sample_loss), in_dims=(None, 0, 0))

        def turned(weights, along, inputs, targets):
            return func.jvp(lambda w: func.grad(self._mean_loss)(w, inputs, targets), (weights,), (along,))[1]

        self._turn = {axis: func.vmap(turned, in_dims=(0, 0, axis, axis)) for axis in (None, 0)}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in (*COMPILED, "_inputs", "_targets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law, arrays by checksum, functions by what they give for some weights and samples.

        See mcmc.landscape.IdentifiedLandscape.
        """
        return module_identity(self)

    def initial_x(self, chain: int | Sequence[int] | np.ndarray, seed: int) -> np.ndarray:
        """Weights by torch's own laws, or by `initialise`: (chains, dim) float64, by seed and chain id alone.

        See `mcmc.landscapes.network.initial_weights`. Raises ArgumentError for a layer whose law is not known.
        """
        ids = chain_ids(chain)
        if self.initialise is None:
            start = self._start().cpu().double().numpy()
            return drawn_weights(self._laws, self._names, self._spans, start, ids, seed)
        x = np.asarray(self.initialise(ids, seed), dtype=np.float64)
        if x.shape != (ids.size, self.dim) or not np.isfinite(x).all():
            raise ArgumentError(f"initialise: gave shape {x.shape}; finite numbers ({ids.size}, {self.dim}) are needed")
        return x

    def energy(self, x: Any, batch: Any | None = None) -> Any:
        """Mean loss and weight decay, (chains,) float64.

        `batch` has indices of samples, (samples,) or (chains, samples) for each chain its own; None for all data.
        Raises ArgumentError for shapes or indices that do not fit.
        """
        x = checked_point("x", x, self.dim)
        weights = self._tensor(x)
        with self._torch.no_grad():
            loss = 0.0
            for inputs, targets, share, axis in self._chunks(batch, len(weights)):
                part = self._loss_at(weights, inputs, targets, axis)
                loss = loss + share * part.double()
        return self._array(loss, x) + self._decay(x)

    def gradient(self, x: Any, batch: Any | None = None) -> Any:
        """Gradient of `energy`, (chains, dim)."""
        return self.energy_and_gradient(x, batch)[1]

    def energy_and_gradient(self, x: Any, batch: Any | None = None) -> tuple[Any, Any]:
        """`energy` and `gradient` for the price of the gradient."""
        x = checked_point("x", x, self.dim)
        weights, loss, slope = self._tensor(x), 0.0, None
        for inputs, targets, share, axis in self._chunks(batch, len(weights)):
            flat, part = self._slope(weights, inputs, targets, axis)
            loss = loss + share * part.double()
            if slope is None:
                slope = flat if share == 1.0 else share * flat
            else:
                slope.add_(flat, alpha=share)
        gradient = self._array(slope, x)
        if self.weight_decay:
            gradient += self.weight_decay * x
        return self._array(loss, x) + self._decay(x), gradient

    def per_sample_gradients(self, x: Any, batch: Any | None = None) -> Any:
        """Gradient of each sample's loss at one x (dim,), (samples, dim): weight decay is not in it.

        Raises ArgumentError for several chains, MemoryLimitError when the result does not fit.
        """
        weights = self._tensor(single_point(x, self.dim))
        chosen = slice(None) if batch is None else self._indices(batch, 1).reshape(-1)
        inputs, targets = self._inputs[chosen], self._targets[chosen]
        require_memory(16.0 * len(inputs) * self.dim, f"gradients of {len(inputs)} samples", "take a smaller batch")
        if self.batched_loss is not None:
            every = weights.expand(len(inputs), -1)
            return self._array(self._user_slopes(every, inputs[:, None], targets[:, None])[0], x)
        pieces = {name: piece[0] for name, piece in self._pieces(weights).items()}
        return self._array(self._flat(self._each(pieces, inputs, targets)), x)

    def hessian_vector(self, x: Any, v: Any, batch: Any | None = None) -> Any:
        """Hessian of `energy` at x (chains, dim), or (1, dim) for all, times v (chains, dim): (chains, dim)."""
        v = checked_point("v", v, self.dim)
        along, weights = self._tensor(v), self._point(x)
        if len(weights) not in (1, len(along)):
            raise ArgumentError(f"x, v: got {len(weights)} and {len(along)} chains; as many, or one x, are needed")
        weights, product = weights.expand(len(along), -1), 0.0
        for inputs, targets, share, axis in self._chunks(batch, len(along)):
            if self.batched_loss is None:
                part = self._flat(self._turn[axis](self._pieces(weights), self._pieces(along), inputs, targets))
            else:
                part = self._user_turn(weights, along, inputs, targets)
            product = product + share * part
        return self._array(product, v) + self.weight_decay * v

    def outputs(self, x: Any, inputs: Any) -> Any:
        """Outputs of the network, (chains, samples, out), for inputs (samples, features).

        Raises ArgumentError where torch cannot call the module for all chains at once.
        """
        return self._array(
            self._outputs(self._point(x), self._tensor(checked_inputs(inputs, self._inputs.shape[1]))), x
        )

    def test_error(self, x: Any) -> Any:
        """Wrong fraction of the test samples, (chains,) float64; the mean loss where targets are values.

        Raises ArgumentError without test samples, and as `outputs`.
        """
        if self.data.test_inputs is None:
            raise ArgumentError(f"data: {self.data.name} has no test samples; give test_inputs and test_targets")
        return self._error(x, self._tensor(self.data.test_inputs), self._target_tensor(self.data.test_targets))

    def training_error(self, x: Any) -> Any:
        """Wrong fraction of the training samples, (chains,) float64; the mean loss where targets are values."""
        return self._error(x, self._inputs, self._targets)

    def _error(self, x, inputs, targets):
        weights, total = self._point(x), 0.0
        for begin in range(0, len(inputs), CHUNK):
            part = slice(begin, begin + CHUNK)
            outputs, wanted = self._outputs(weights, inputs[part]), targets[part]
            if self.data.labelled:
                total = total + (outputs.argmax(dim=-1) != wanted).sum(dim=-1).double()
            else:
                losses = self._torch.stack([self._loss_of(out, wanted).mean() for out in outputs])
                total = total + len(wanted) * losses.double()
        return self._array(total / len(inputs), x)

    def _call(self, weights, inputs):
        return self._torch.func.functional_call(self.model, weights, (inputs,))

    def _outputs(self, weights, inputs):
        with self._torch.no_grad():
            if self._stack is not None:
                return self._stack.outputs(self._pieces(weights), inputs[None]).mT
            return called(self, weights, inputs)

    def _loss_of(self, outputs, targets):
        if self.loss == "cross_entropy":
            return self._torch.nn.functional.cross_entropy(outputs, targets, reduction="none")
        if self.loss == "squared":
            return 0.5 * ((outputs - targets) ** 2).sum(dim=-1)
        return self.loss(outputs, targets)

    def _mean_of(self, outputs, targets):
        return self._loss_of(outputs, targets).mean()

    def _mean_loss(self, weights, inputs, targets):
        return self._mean_of(self._call(weights, inputs), targets)

    def _stacked_mean(self, outputs, targets, axis):
        """Mean losses (chains,) of outputs (chains, out, samples)."""
        if self.loss != "cross_entropy":
            return self._losses_of[axis](outputs.mT, targets)
        every = targets.expand(len(outputs), outputs.shape[2])
        return self._torch.nn.functional.cross_entropy(outputs, every, reduction="none").mean(1)

    def _stacked_slope(self, outputs, targets, axis):
        """Mean losses (chains,) of outputs (chains, out, samples), and their derivatives by these."""
        if self.loss == "cross_entropy":
            return cross_entropy_slope(outputs, targets if axis == 0 else targets[None])
        with self._torch.enable_grad():
            losses = self._stacked_mean(outputs.requires_grad_(), targets, axis)
            (slope,) = self._torch.autograd.grad(losses.sum(), outputs, materialize_grads=True)
        return losses.detach(), slope

    def _sample_loss(self, weights, one, target):
        return self._mean_loss(weights, one[None], target[None])

    def _loss_at(self, weights, inputs, targets, axis):
        """Losses (chains,)."""
        if self.batched_loss is not None:
            return self.batched_loss(weights, inputs, targets)
        if self._stack is None:
            return self._losses[axis](self._pieces(weights), inputs, targets)
        outputs = self._stack.outputs(self._pieces(weights), inputs if axis == 0 else inputs[None])
        return self._stacked_mean(outputs, targets, axis)

    def _slope(self, weights, inputs, targets, axis):
        """Gradients (chains, dim) and losses (chains,)."""
        if self.batched_loss is not None:
            return self._user_slopes(weights, inputs, targets)
        pieces = self._pieces(weights)
        if self._stack is not None:
            slope = self._torch.empty_like(weights, memory_format=self._torch.contiguous_format)
            stacked = inputs if axis == 0 else inputs[None]
            into = self._pieces(slope)
            return slope, self._stack.gradient(
                pieces, stacked, lambda outputs: self._stacked_slope(outputs, targets, axis), into
            )
        if self.compile:
            slopes, losses = self._slopes[axis](pieces, inputs, targets)
            return self._flat(slopes), losses
        # No chain's loss has another's weights in it: plain autograd on the sum spares what grad inside vmap costs.
        leaves = {name: piece.detach().requires_grad_() for name, piece in pieces.items()}
        with self._torch.enable_grad():
            losses = self._losses[axis](leaves, inputs, targets)
            found = self._torch.autograd.grad(losses.sum(), list(leaves.values()), materialize_grads=True)
        return self._flat(dict(zip(leaves, found, strict=True))), losses.detach()

    def _user_slopes(self, weights, inputs, targets):
        point = weights.detach().clone().requires_grad_()
        loss = self.batched_loss(point, inputs, targets)
        return self._torch.autograd.grad(loss.sum(), point)[0], loss.detach()

    def _user_turn(self, weights, along, inputs, targets):
        point = weights.detach().clone().requires_grad_()
        loss = self.batched_loss(point, inputs, targets).sum()
        slope = self._torch.autograd.grad(loss, point, create_graph=True)[0]
        return self._torch.autograd.grad((slope * along).sum(), point)[0]

    def _pieces(self, flat):
        """Parameters by name, views of flat (chains, dim)."""
        parts = flat.split([end - begin for begin, end in self._spans], dim=1)
        return {
            name: part.view(len(flat), *(shape or (1,)))
            for name, shape, part in zip(self._names, self._shapes, parts, strict=True)
        }

    def _flat(self, pieces):
        return self._torch.cat([pieces[name].flatten(1) for name in self._names], dim=1)

    def _chunks(self, batch, chains):
        """Inputs, targets, share of all samples, and the axis of chains they have."""
        if batch is not None:
            every = self._indices(batch, chains)
            for chosen in every.split(CHUNK, dim=-1):
                some = (whole.index_select(0, chosen.reshape(-1)) for whole in (self._inputs, self._targets))
                inputs, targets = (part.view(*chosen.shape, *part.shape[1:]) for part in some)
                yield inputs, targets, chosen.shape[-1] / every.shape[-1], 0 if chosen.ndim == 2 else None
            return
        for begin in range(0, self.data.size, CHUNK):
            part = slice(begin, begin + CHUNK)
            inputs = self._inputs[part]
            yield inputs, self._targets[part], len(inputs) / self.data.size, None

    def _indices(self, batch, chains):
        chosen = checked_indices(batch, self.data.size, chains)
        host = chosen.get() if hasattr(chosen, "get") else chosen
        return self._torch.from_numpy(np.array(host, dtype=np.int64)).to(self.device)

    def _point(self, x):
        return self._tensor(checked_point("x", x, self.dim))

    def _start(self):
        """Weights (dim,) of the module itself."""
        own = dict(self.model.named_parameters())
        return self._torch.cat([own[name].detach().reshape(-1) for name in self._names])

    def _tensor(self, x):
        if isinstance(x, np.ndarray) or not hasattr(x, "__dlpack__"):
            tensor = self._torch.from_numpy(np.require(x, requirements=["C", "W"]))
        else:
            tensor = self._torch.from_dlpack(x)
        return tensor.to(device=self.device, dtype=getattr(self._torch, self.dtype))

    def _target_tensor(self, targets):
        return self._torch.from_numpy(targets).to(self.device) if self.data.labelled else self._tensor(targets)

    def _array(self, tensor, like):
        """As an array of the kind of `like`, float64."""
        if isinstance(like, np.ndarray):
            return tensor.detach().cpu().double().numpy()
        return array_module(like).from_dlpack(tensor.detach().double())

    def _decay(self, x):
        return 0.5 * self.weight_decay * (x * x).sum(axis=1) if self.weight_decay else 0.0
