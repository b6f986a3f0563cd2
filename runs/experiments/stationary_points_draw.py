"""One draw of "stationary-points": a batch of starts on a lattice, or one network at a minimum."""

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.stationary_points import StationaryPointsSpec, parts_of
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP
    from mcmc.landscapes.xy import XYModel

SLOPE = 2.0
"""Length of the weights into each unit of the tanh teacher: far enough from linear to tell units apart."""

MOST_PERMUTED = 5
"""Hidden units whose permutations are all tried; of more units the first ones are."""

ON_THE_WAY = np.linspace(0.1, 1.0, 10)
GOAL = 1e-13


def model_of(case: str) -> "XYModel":
    """The XY model of a lattice case, J = 1, J / N on the complete graph."""
    from mcmc.landscapes.graphs import complete, ring, square
    from mcmc.landscapes.xy import XYModel

    kind, size = parts_of(case)
    return XYModel({"ring": ring, "complete": complete, "square": lambda side: square((side, side))}[kind](size))


def batch(spec: StationaryPointsSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one batch of starts; a chain's start depends on the seed and its number alone."""
    from mcmc.landscapes.xy.stationary_points import METHODS, indices, is_stationary, kinds, stationary_points

    model, starts = model_of(point.parameters["case"]), spec.search.starts
    method, turn = draw % len(METHODS), draw // len(METHODS)
    seed = point_seed(spec.seed, f"{point.name} {METHODS[method]}")
    where = model.initial_x(range(turn * starts, (turn + 1) * starts), seed)
    found = stationary_points(model, where, method=METHODS[method])
    there = is_stationary(model, found)
    nothing = np.full(starts, -1)
    row: dict[str, Any] = {
        "method": method,
        "angles": found.x,
        "energy": model.energy(found.x),
        "gradient_norm": found.gradient_norm,
        "kind": nothing.copy(),
        "index": nothing.copy(),
        "zero_modes": nothing.copy(),
    }
    if there.any():
        spectra = indices(model, found.x[there])
        row["index"][there], row["zero_modes"][there] = spectra.index, spectra.zero_modes
        row["kind"][there] = kinds(model, found.x[there])
    return row


def network(spec: StationaryPointsSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one network: a minimum of a linear one, or of a tanh one with a copied unit."""
    from mcmc.landscapes.network import symmetry

    kind, hidden = parts_of(point.parameters["case"])
    seed = point_seed(spec.seed, f"{point.name} draw-{draw}")
    row: dict[str, Any] = {"copied_barrier": math.nan}
    if kind == "linear":
        net, x = linear_network(spec, hidden, seed)
        tangents = symmetry.factorisation_tangents(net, x)
        weights = symmetry.two_layers(net, x)
        ranks = [int(np.linalg.matrix_rank(part, 1e-8)) for part in (weights.first, weights.second)]
        # With as many hidden units as outputs nothing is left that fewer would explain.
        whole = hidden >= min(spec.network.inputs, spec.network.outputs)
        flat = symmetry.flat_dimension(net.sizes, ranks[0], ranks[1]) if whole else len(tangents)
        row["predicted_hessian"] = row["predicted_noise"] = flat
    else:
        small, trained = tanh_network(spec, hidden, seed)
        net = _wider(small)
        x = symmetry.with_copied_unit(small, trained, 0, 0.3)
        away = symmetry.permuted(net, x, [hidden, *range(1, hidden), 0]) - x
        row["copied_barrier"] = np.abs(net.energy(x + ON_THE_WAY[:, None] * away) - net.energy(x[None])).max()
        tangents = (away / np.linalg.norm(away))[None]
        row["predicted_hessian"] = 1
        # Of every sample the gradients by what enters the copy are those of the unit times a number.
        row["predicted_noise"] = 1 + spec.network.inputs + 1
    row["predicted_noise"] = max(row["predicted_noise"], net.dim - (spec.network.samples - 1))
    return row | spectra_at(net, x, tangents) | _permutations(net, x)


def linear_network(spec: StationaryPointsSpec, hidden: int, seed: int) -> tuple["MLP", np.ndarray]:
    """A linear network on noisy linear data, at its lowest energy, at a random place of the family there."""
    from mcmc.landscapes.network import Data, mlp, symmetry
    from mcmc.random import Stream, normals

    how = spec.network
    inputs, targets = _drawn(spec, seed, how.outputs)
    rule = normals(seed, Stream.TEACHER, np.arange(how.inputs * how.outputs), 0, 0)[..., 0]
    targets = inputs @ rule.reshape(how.inputs, how.outputs) + targets
    net = mlp(Data(inputs, targets), (hidden,), activation="identity", loss="squared")
    turn = normals(seed, Stream.TEACHER, np.arange(hidden * (hidden + 1)), 1, 0)[..., 0]
    matrix = np.linalg.qr(turn[hidden:].reshape(hidden, hidden))[0] * np.linspace(0.7, 1.5, hidden)
    return net, symmetry.transformed(net, symmetry.linear_minimum(net), matrix, turn[:hidden])


def tanh_network(spec: StationaryPointsSpec, hidden: int, seed: int) -> tuple["MLP", np.ndarray]:
    """A tanh network on noisy data of a teacher like it, at the stationary point next to the teacher."""
    from mcmc.landscapes.network import Data, mlp, symmetry
    from mcmc.landscapes.newton import newton
    from mcmc.random import Stream, normals

    how = spec.network
    inputs, noise = _drawn(spec, seed, 1)
    drawn = normals(seed, Stream.TEACHER, np.arange(how.inputs * hidden), 0, 0)[..., 0].reshape(how.inputs, hidden)
    # At right angles as far as there are inputs, so that no two units are alike.
    groups = [np.linalg.qr(drawn[:, at : at + how.inputs])[0] for at in range(0, hidden, how.inputs)]
    first = SLOPE * np.concatenate(groups, axis=1)
    second = np.where(np.arange(hidden) % 2, -1.0, 1.0) * (1.0 + 0.2 * np.arange(hidden))
    teacher = symmetry.TwoLayers(first, np.linspace(-0.5, 0.5, hidden), second[:, None], np.zeros(1)).joined()
    blank = mlp(Data(inputs, noise), (hidden,), loss="squared")
    net = mlp(Data(inputs, blank.outputs(teacher[None], inputs)[0] + noise), (hidden,), loss="squared")
    return net, newton(net.gradient, lambda x: hessians(net, x), teacher[None], GOAL).x[0]


def hessians(net: "MLP", x: np.ndarray) -> np.ndarray:
    """Hessians at x (points, dim), (points, dim, dim)."""
    return np.stack([net.hessian_vector(row[None], np.eye(net.dim)) for row in x])


def spectra_at(net: "MLP", x: np.ndarray, tangents: np.ndarray) -> dict[str, Any]:
    """Eigenvalues of the Hessian and of D at x (dim,), and what both make of unit tangents (directions, dim)."""
    from mcmc.gradient_noise import gradient_noise

    matrix, noise = hessians(net, x[None])[0], gradient_noise(net, x)
    curved, noisy = np.linalg.eigvalsh(matrix), np.append(np.zeros(noise.zeros), noise.eigenvalues[::-1])
    return {
        "hessian": curved,
        "noise": noisy,
        "tangents": len(tangents),
        "hessian_along": np.linalg.norm(matrix @ tangents.T, axis=0).max() / np.abs(curved).max(),
        "noise_along": np.linalg.norm(noise.times(tangents), axis=1).max() / noisy[-1],
        "energy": net.energy(x[None])[0],
        "gradient_norm": np.linalg.norm(net.gradient(x[None])),
    }


def _permutations(net: "MLP", x: np.ndarray) -> dict[str, float]:
    """How the loss changes under permutations of hidden units, and on the way to one of them; NaN for one unit."""
    from mcmc.landscapes.network.symmetry import permuted

    hidden = net.sizes[1]
    if hidden < 2:
        return dict.fromkeys(("permuted_change", "permuted_distance", "barrier"), math.nan)
    tried = min(hidden, MOST_PERMUTED)
    orders = [[*order, *range(tried, hidden)] for order in itertools.permutations(range(tried))][1:]
    others = np.stack([permuted(net, x, order) for order in orders])
    here = net.energy(x[None])[0]
    exchanged = permuted(net, x, [1, 0, *range(2, hidden)])
    return {
        "permuted_change": float(np.abs(net.energy(others) - here).max()),
        "permuted_distance": float(np.linalg.norm(others - x, axis=1).min()),
        "barrier": float(net.energy((0.5 * (x + exchanged))[None])[0] - here),
    }


def _wider(net: "MLP") -> "MLP":
    from mcmc.landscapes.network import mlp

    return mlp(net.data, (net.sizes[1] + 1,), loss="squared")


def _drawn(spec: StationaryPointsSpec, seed: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (samples, inputs) of unit variance, and the noise on the targets (samples, outputs)."""
    from mcmc.random import Stream, normals

    how = spec.network
    sample = np.arange(how.samples)[:, None]
    inputs = normals(seed, Stream.PATTERNS, sample, 0, np.arange(how.inputs))[..., 0]
    return inputs, how.noise * normals(seed, Stream.LABEL_NOISE, sample, 0, np.arange(outputs))[..., 0]
