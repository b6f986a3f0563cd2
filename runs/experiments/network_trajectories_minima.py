"""Minima of "network-trajectories": where runs begin, the planes they are looked at in, and how fast these turn."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import LandscapeError
from mcmc.samplers.minibatches import Minibatches
from runs.experiments.network_spec import REPLACEMENT, OnNetworks
from runs.experiments.network_trajectories import NetworkTrajectoriesSpec
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP

GRADIENT = 1e-8
"""Length of the gradient at which a minimum is found."""
MOST_STEPS = 2000


class Minimum(NamedTuple):
    """A minimum of the loss."""

    weights: np.ndarray
    """(dim,)."""
    hessian: np.ndarray
    """(dim, dim)."""
    diffusion: np.ndarray
    """D, (dim, dim)."""


class Expected(NamedTuple):
    """What theory says of the planes that turn fastest when batches are drawn with replacement."""

    basis: np.ndarray
    """(2 planes, dim) orthonormal: rows 2 p and 2 p + 1 span plane p."""
    rates: np.ndarray
    """(planes,): J in each plane, squared weights an epoch."""
    variance: np.ndarray
    """(2 planes,): variance of each coordinate."""


def minima(spec: NetworkTrajectoriesSpec) -> tuple[Minimum, ...]:
    """One for each seed, by the run's seed and its number alone. Raises LandscapeError where none is found."""
    asked = {name: getattr(spec, name) for name in OnNetworks.model_fields}
    return _found(OnNetworks.model_construct(**asked).model_dump_json(), spec.trajectories.seeds)


@lru_cache(maxsize=2)
def _found(asked: str, seeds: int) -> tuple[Minimum, ...]:
    """Kept, since every point of a run in one process asks for the same minima."""
    spec = OnNetworks.model_validate_json(asked)
    landscape = spec.landscape()
    first = landscape.initial_x(range(seeds), point_seed(spec.seed, "first weights"))
    return tuple(_minimum(landscape, x, number) for number, x in enumerate(first))


def _minimum(landscape: "MLP", x: np.ndarray, number: int) -> Minimum:
    """By L-BFGS, and from there by a trust region with the whole Hessian, which leaves saddles."""
    from scipy.optimize import minimize

    from mcmc.gradient_noise import gradient_noise
    from mcmc.gradient_noise.hessian import Hessian

    functions: Any = {
        "fun": lambda w: float(landscape.energy(w[None])[0]),
        "jac": lambda w: landscape.gradient(w[None])[0],
    }
    near = minimize(**functions, x0=x, method="L-BFGS-B", options={"maxiter": MOST_STEPS, "gtol": 100 * GRADIENT})
    found = minimize(
        **functions, x0=near.x, hess=lambda w: Hessian(landscape, w).dense(), method="trust-exact",
        options={"gtol": GRADIENT, "maxiter": MOST_STEPS},
    )  # fmt: skip
    hessian = Hessian(landscape, found.x).dense()
    lowest = float(np.linalg.eigvalsh(hessian)[0])
    if np.linalg.norm(found.jac) > 100 * GRADIENT or lowest <= 0:
        raise LandscapeError(
            f"minimum {number}: the gradient is {np.linalg.norm(found.jac):.2g} and the Hessian's lowest eigenvalue "
            f"{lowest:.2g} after {found.nit} steps; a larger network.weight_decay holds weights better"
        )
    return Minimum(found.x, hessian, gradient_noise(landscape, found.x).matrix())


def batches(spec: NetworkTrajectoriesSpec, batch: int, noise: str) -> Minibatches:
    """How samples are drawn; as with replacement for the noise that is isotropic, which is as strong."""
    return Minibatches(
        spec.data.training_samples, batch, replacement=REPLACEMENT["with" if noise == "isotropic" else noise]
    )


def expected(spec: NetworkTrajectoriesSpec, minimum: Minimum, batch: int, noise: str) -> Expected:
    """Rates and variances in the planes that turn fastest with replacement; rates 0 for noise that is isotropic."""
    from mcmc.gradient_noise import linear_circulation

    eta, drawn = spec.trajectories.step_size, batches(spec, batch, "with")
    law = linear_circulation(minimum.hessian, minimum.diffusion, eta, drawn)
    rates, basis = law.planes(spec.measured.planes)
    if noise == "isotropic":
        even = np.eye(len(minimum.weights)) * np.trace(minimum.diffusion) / len(minimum.weights)
        law, rates = linear_circulation(minimum.hessian, even, eta, drawn), np.zeros_like(rates)
    elif noise == "epoch":
        law = linear_circulation(minimum.hessian, minimum.diffusion, eta, batches(spec, batch, noise))
        inside = basis @ law.circulation @ basis.T
        rates = np.diag(inside, 1)[::2].copy()
    return Expected(basis, rates, np.einsum("ki,ij,kj->k", basis, law.covariance, basis))


def sampler(spec: NetworkTrajectoriesSpec, point: Point) -> Any:
    """SGD, or Langevin dynamics with noise as strong, that begins at the minima."""
    from mcmc.samplers import SGD, Langevin

    found, eta = minima(spec), spec.trajectories.step_size
    landscape: Any = AtMinima(spec.landscape(), np.array([minimum.weights for minimum in found]))
    noise, batch = point.parameters["noise"], point.parameters["batch"]
    if noise != "isotropic":
        return SGD(landscape, step_size=eta, batch_size=batch, replacement=REPLACEMENT[noise])
    share = batches(spec, batch, noise).noise_share
    # A step's noise has the variance 2 eta / beta in each direction, that of batches eta^2 Tr D / b in all.
    strengths = np.array([np.trace(minimum.diffusion) for minimum in found])
    return Langevin(landscape, 2.0 * landscape.dim / (eta * share * strengths), step_size=eta)


def coordinates(spec: NetworkTrajectoriesSpec, batch: int) -> Callable[[Any, Any], Mapping[str, np.ndarray]]:
    """For `sample`: the weights from the minimum in its planes, (seeds, 2 planes), and the loss."""
    found = minima(spec)
    start = np.array([minimum.weights for minimum in found])
    bases = np.array([expected(spec, minimum, batch, "with").basis for minimum in found])

    def observe(sampler: Any, state: Any) -> Mapping[str, np.ndarray]:
        return {"position": np.einsum("cki,ci->ck", bases, state.x - start), "energy": state.energy.copy()}

    return observe


class AtMinima:
    """A landscape whose chains begin at given weights (chains, dim), by their numbers."""

    def __init__(self, landscape: "MLP", start: np.ndarray):
        self._landscape, self._start = landscape, start
        self.dim, self.data_size = landscape.dim, landscape.data_size
        self.energy, self.gradient, self.identity = landscape.energy, landscape.gradient, landscape.identity

    def initial_x(self, chain: np.ndarray, seed: int) -> np.ndarray:
        """Weights of each chain, (chains, dim)."""
        return self._start[np.asarray(chain, dtype=np.int64)]
