"""What tells the loss of one torch module from another's: names, checksums, and numbers that only trying it gives.

A function has no content that could be written down, and a module may hold constants that it does not write of itself.
So the starting point of one chain, and loss and gradient near it on some samples, are measured. Other machines round
differently, which `measured_tolerance` allows for.
"""

import hashlib
from typing import Any

import numpy as np

from mcmc.landscapes.network.data import array_checksum
from mcmc.random import Stream, normals

SAMPLES = 32
POINTS = 2
DISTANCE = 0.1
"""Standard deviation of the distance of the points from the start, along each weight: a start may be symmetric."""
TOLERANCES = {"float64": 1e-8, "float32": 2e-3}
"""Relative. GPUs may multiply in float32 with 10 bits of mantissa."""


def module_identity(network: Any) -> dict[str, str | int | float]:
    """What sets the law of a NetworkLoss, arrays by checksum (SHA-256). See mcmc.landscape.IdentifiedLandscape."""
    fixed = {**dict(network.model.named_parameters()), **dict(network.model.named_buffers())}
    held = {name: tensor for name, tensor in fixed.items() if name not in network._names}
    sums = (f"{name} {array_checksum(tensor.detach().cpu().numpy())}" for name, tensor in sorted(held.items()))
    shapes = (f"{name}{shape}" for name, shape in zip(network._names, network._shapes, strict=True))
    return {
        "landscape": type(network).__name__,
        "model": _attribute(repr(network.model)),
        "parameters": _attribute(" ".join(shapes)),
        "loss": _named(network.loss),
        "batched_loss": _named(network.batched_loss),
        "weight_decay": network.weight_decay,
        "dtype": network.dtype,
        "held_sha256": hashlib.sha256(" ".join(sums).encode()).hexdigest() if held else "none",
        **network.data.checksums,
        "measured_tolerance": TOLERANCES[network.dtype],
        **_measured(network),
    }


def _measured(network) -> dict[str, float]:
    """Sums without cancellation, so that a relative tolerance fits them; 0 for what is not finite."""
    start = _start(network)
    calls = -(-network.dim // 2)
    noise = normals(0, Stream.INITIAL, np.arange(calls)[None, :], 0, np.arange(POINTS)[:, None])
    noise = noise.reshape(POINTS, -1)[:, : network.dim]
    shares = 1.0 + 0.5 * np.tanh(noise[0])
    losses, gradients = _slopes(network, start + DISTANCE * noise)
    found = {
        "measured_start": (shares * np.abs(start)).sum(),
        **{f"measured_loss_{i}": loss for i, loss in enumerate(losses)},
        **{f"measured_gradient_{i}": (shares * np.abs(slope)).sum() for i, slope in enumerate(gradients)},
    }
    return {name: float(value) if np.isfinite(value) else 0.0 for name, value in found.items()}


def _start(network):
    """Weights (dim,) that chain 0 starts from with seed 0; 0 where they can only be given."""
    if network.initialise is None and None in network._laws:
        return np.zeros(network.dim)
    return network.initial_x([0], 0)[0]


def _slopes(network, points):
    """Losses (points,) and gradients (points, dim) on some samples, those of every class among them."""
    torch, data = network._torch, network.data
    chosen = np.linspace(0, data.size - 1, min(SAMPLES, data.size)).astype(np.int64)
    if data.labelled:
        chosen = np.union1d(chosen, np.unique(data.targets, return_index=True)[1])
    picked = torch.from_numpy(chosen).to(network.device)
    inputs, targets = network._inputs[picked], network._targets[picked]
    weights = network._tensor(points)
    if network.batched_loss is not None:
        slopes, losses = network._user_slopes(weights, inputs, targets)
    else:
        # Not what torch.compile may have made of it: few samples would be compiled anew.
        leaves = weights.detach().clone().requires_grad_()
        loss = torch.func.vmap(network._mean_loss, in_dims=(0, None, None))
        with torch.enable_grad():
            losses = loss(network._pieces(leaves), inputs, targets)
            (slopes,) = torch.autograd.grad(losses.sum(), leaves, materialize_grads=True)
    return (tensor.detach().cpu().double().numpy() for tensor in (losses, slopes))


def _named(function):
    """A loss by its name; a module by what it writes of itself."""
    if function is None or isinstance(function, str):
        return function or "none"
    if hasattr(function, "named_modules"):
        return _attribute(repr(function))
    return getattr(function, "__qualname__", type(function).__qualname__)


def _attribute(text):
    """Text of a length that an attribute of a file may have: beyond it, the beginning and a checksum."""
    return text if len(text) < 4000 else f"{text[:1000]}... {hashlib.sha256(text.encode()).hexdigest()}"
