"""Symmetries of networks with one hidden layer: directions along which no sample's loss changes, and permutations.

A linear network computes x -> x W1 W2 + b1 W2 + b2. With any invertible P and any v the weights (W1 P, (b1 + v) P,
P^-1 W2, b2 - v W2) compute the same (a factorisation X = A P P^-1 B): a family through every point, with the tangents
(W1 Z, b1 Z + v, -Z W2, -v W2). Along it no sample's loss changes: the tangents are null directions of D, the covariance
of the gradients of single samples, everywhere, and of the Hessian where the gradient is 0. Hidden units of any
activation may be permuted: other points of the same energy. Where two units are equal, what leaves them may be shared
between them at will: a straight line of equal energy from a point to its permutation (Fukumizu & Amari 2000, Neural
Networks 13, 317).
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    from mcmc.landscapes.network.data import Data
    from mcmc.landscapes.network.multilayer import MLP

RANK = 1e-8
"""Singular values below so many of the largest one count as 0."""


class TwoLayers(NamedTuple):
    """Weights and biases of a network with one hidden layer."""

    first: np.ndarray
    """W1, (inputs, hidden)."""
    first_bias: np.ndarray
    """b1, (hidden,)."""
    second: np.ndarray
    """W2, (hidden, outputs)."""
    second_bias: np.ndarray
    """b2, (outputs,)."""

    def joined(self) -> np.ndarray:
        """All of them as the network takes them, (dim,) float64."""
        return np.concatenate([part.reshape(-1) for part in self])


def two_layers(network: "MLP", x: Any) -> TwoLayers:
    """Weights x (dim,) by layer. Raises ArgumentError for another shape or a network without just one hidden layer."""
    point = np.asarray(x, dtype=np.float64)
    if len(network.sizes) != 3:
        raise ArgumentError(f"network: got layers {network.sizes}; one with one hidden layer is needed")
    if point.shape != (network.dim,):
        raise ArgumentError(f"x: got shape {point.shape}; ({network.dim},) is needed")
    inputs, hidden, outputs = network.sizes
    parts = np.split(point, np.cumsum([inputs * hidden, hidden, hidden * outputs]))
    return TwoLayers(parts[0].reshape(inputs, hidden), parts[1], parts[2].reshape(hidden, outputs), parts[3])


def transformed(network: "MLP", x: Any, matrix: Any, shift: Any = 0.0) -> np.ndarray:
    """Weights (W1 P, (b1 + v) P, P^-1 W2, b2 - v W2) that compute the same, (dim,); P (hidden, hidden), v (hidden,).

    Raises ArgumentError for a network that is not linear, or P without an inverse.
    """
    w = _linear(network, x)
    p, v = (
        np.asarray(matrix, dtype=np.float64),
        np.broadcast_to(np.asarray(shift, dtype=np.float64), w.first_bias.shape),
    )
    if p.shape != (len(w.second),) * 2 or np.linalg.matrix_rank(p) < len(p):
        raise ArgumentError(f"matrix: got shape {p.shape}; an invertible one of {len(w.second)} rows is needed")
    second = np.linalg.solve(p, w.second)
    return TwoLayers(w.first @ p, (w.first_bias + v) @ p, second, w.second_bias - v @ w.second).joined()


def factorisation_tangents(network: "MLP", x: Any) -> np.ndarray:
    """Orthonormal basis of the tangents (W1 Z, b1 Z + v, -Z W2, -v W2) at x, (directions, dim) float64.

    Raises ArgumentError for a network that is not linear.
    """
    w = _linear(network, x)
    hidden = len(w.second)
    rows = []
    for number in range(hidden * (hidden + 1)):
        z, v = np.zeros((hidden, hidden)), np.zeros(hidden)
        if number < hidden**2:
            z.flat[number] = 1.0
        else:
            v[number - hidden**2] = 1.0
        rows.append(TwoLayers(w.first @ z, w.first_bias @ z + v, -z @ w.second, -v @ w.second).joined())
    _, size, basis = np.linalg.svd(np.stack(rows), full_matrices=False)
    return basis[size > RANK * size[0]]


def factorisation_dimension(hidden: int, first_rank: int, second_rank: int) -> int:
    """Dimension of the family through weights of these ranks: h^2 + h - (h - rank W1)(h - rank W2)."""
    return hidden * (hidden + 1) - (hidden - first_rank) * (hidden - second_rank)


def flat_dimension(sizes: tuple[int, ...], first_rank: int, second_rank: int) -> int:
    """Zero eigenvalues of the Hessian where the residuals are 0 and the data span the inputs.

    There the Hessian is that of the map from weights to (W1 W2, b1 W2 + b2), whose rank is p r2 + q r1 - r1 r2 + q for
    p inputs and q outputs: with full ranks h^2 + h zeros, those of the symmetry, with lower ones more.
    """
    inputs, hidden, outputs = sizes
    dim = (inputs + 1) * hidden + (hidden + 1) * outputs
    return dim - (inputs * second_rank + outputs * first_rank - first_rank * second_rank + outputs)


def linear_minimum(network: "MLP") -> np.ndarray:
    """Weights of the lowest energy of a linear network with squared loss, (dim,): reduced-rank regression.

    Least squares with the fitted values cut to their first `hidden` principal components (Izenman 1975, J. Multivariate
    Anal. 5, 248). Raises ArgumentError for another network, or weight decay.
    """
    if network.loss_name != "squared" or network.weight_decay:
        raise ArgumentError("network: squared loss without weight decay is needed")
    data: Data = network.data
    inputs, hidden, outputs = network.sizes
    mean_x, mean_y = data.inputs.mean(axis=0), data.targets.mean(axis=0)
    fit = np.linalg.lstsq(data.inputs - mean_x, data.targets - mean_y, rcond=None)[0]
    modes = np.linalg.svd((data.inputs - mean_x) @ fit, full_matrices=False)[2][:hidden]
    first, second = np.zeros((inputs, hidden)), np.zeros((hidden, outputs))
    first[:, : len(modes)], second[: len(modes)] = fit @ modes.T, modes
    found = TwoLayers(first, np.zeros(hidden), second, mean_y - mean_x @ first @ second).joined()
    _linear(network, found)
    return found


def permuted(network: "MLP", x: Any, order: Any) -> np.ndarray:
    """Weights with the hidden units in another order (hidden,), (dim,). Raises ArgumentError for no permutation."""
    w = two_layers(network, x)
    chosen = np.asarray(order)
    if chosen.dtype.kind not in "iu" or sorted(chosen.tolist()) != list(range(len(w.second))):
        raise ArgumentError(f"order: got {order!r}; the numbers 0 to {len(w.second) - 1}, each once, are needed")
    return TwoLayers(w.first[:, chosen], w.first_bias[chosen], w.second[chosen], w.second_bias).joined()


def with_copied_unit(network: "MLP", x: Any, unit: int = 0, share: float = 0.5) -> np.ndarray:
    """Weights of a network with one hidden unit more that computes the same: the last is a copy of `unit`.

    The copy takes `share` of what leaves the unit, and leaves it the rest. Raises ArgumentError for a unit that is not
    there.
    """
    w = two_layers(network, x)
    if isinstance(unit, bool) or not isinstance(unit, (int, np.integer)) or not 0 <= unit < len(w.second):
        raise ArgumentError(f"unit: got {unit!r}; a hidden unit from 0 to {len(w.second) - 1} is needed")
    second = np.concatenate([w.second, share * w.second[[unit]]])
    second[unit] *= 1.0 - share
    first = np.concatenate([w.first, w.first[:, [unit]]], axis=1)
    return TwoLayers(first, np.append(w.first_bias, w.first_bias[unit]), second, w.second_bias).joined()


def _linear(network: "MLP", x: Any) -> TwoLayers:
    if network.activation_name != "identity":
        raise ArgumentError(f"network: got activation {network.activation_name!r}; 'identity' is needed")
    return two_layers(network, x)
