"""Stationary covariance of SGD around a minimum, where the noise D is constant and the Hessian H symmetric.

Step by step, x <- x - eta (H x + noise) with noise of covariance c D, c = `noise_share` of the batches:
S = M S M + eta^2 c D, M = I - eta H. In continuous time, where eta goes to 0 at fixed temperature 1 / beta = eta c / 2:
H S + S H = eta c D (Lyapunov's equation; Mandt, Hoffman & Blei 2017, arXiv:1704.04289, section 3). The probability
current at rest is carried by the antisymmetric Q = beta H S - D (Ao 2004, J. Phys. A 37, L25; arXiv:1710.11029,
section 3.1), 0 where D and H commute. In H's eigenbasis
    discrete S_ij = eta c D_ij / (l_i + l_j - eta l_i l_j),  continuous S_ij = eta c D_ij / (l_i + l_j),
    Q_ij = D_ij (l_i - l_j) / (l_i + l_j).
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.hessian import symmetric


@dataclass(frozen=True)
class StationaryLaw:
    """Covariance of the weights at rest, where D and H do not change; matrices are (dim, dim) float64."""

    discrete: np.ndarray
    """S of the steps as they are taken."""
    continuous: np.ndarray
    """S of the stochastic differential equation: too small by a factor 1 - eta l / 2 along an eigenvector of H."""
    circulation: np.ndarray
    """Q, antisymmetric, of the continuous law; in the units of D."""
    step_size: float
    noise_share: float
    flat_directions: np.ndarray
    """(flat, dim) float64: unit vectors left out, where no covariance exists; S and Q are 0 there."""
    flat_eigenvalues: np.ndarray
    """(flat,) float64: H along them."""

    @property
    def temperature(self) -> float:
        """1 / beta = eta c / 2, in the units in which the noise has covariance 2 D / beta a unit of time."""
        return self.step_size * self.noise_share / 2

    def within(self, subspace: Any, *, discrete: bool = True) -> np.ndarray:
        """Covariance of the coordinates along the rows of `subspace` (k, dim), (k, k)."""
        rows = np.atleast_2d(np.asarray(subspace, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != len(self.discrete):
            raise ArgumentError(f"subspace: got shape {rows.shape}; directions (k, {len(self.discrete)}) are needed")
        return rows @ (self.discrete if discrete else self.continuous) @ rows.T


def lyapunov(
    hessian: Any,
    diffusion: Any,
    step_size: float,
    noise_share: float = 1.0,
    *,
    flat: Literal["error", "omit"] = "error",
    tolerance: float = 1e-9,
) -> StationaryLaw:
    """Stationary covariance for a Hessian and D, (dim, dim) symmetric each.

    Directions in which H is not above `tolerance` max |H| hold the weights nowhere: without noise they rest, with noise
    they diffuse or run away for ever. "error" refuses them; "omit" leaves them out, and the result names them. Raises
    ArgumentError for those, for steps with eta l >= 2 (which diverge), and for arguments out of range.
    """
    eta, share = _positive("step_size", step_size), _positive("noise_share", noise_share)
    modes = held_modes(hessian, diffusion, eta, flat=flat, tolerance=tolerance)
    stiff, inside, basis = modes.values, modes.diffusion, modes.vectors
    both = stiff[:, None] + stiff

    def back(matrix):
        return basis @ matrix @ basis.T

    return StationaryLaw(
        back(eta * share * inside / (both - eta * np.outer(stiff, stiff))), back(eta * share * inside / both),
        back(inside * (stiff[:, None] - stiff) / both), eta, share, modes.flat_directions, modes.flat_eigenvalues,
    )  # fmt: skip


class HeldModes(NamedTuple):
    """Eigenvectors of H that hold the weights, and D among them."""

    values: np.ndarray
    """(held,) float64: eigenvalues of H, rising."""
    vectors: np.ndarray
    """(dim, held) float64: their vectors, columns."""
    diffusion: np.ndarray
    """(held, held) float64: D between them."""
    flat_directions: np.ndarray
    """(flat, dim) float64: the other eigenvectors."""
    flat_eigenvalues: np.ndarray
    """(flat,) float64."""


def held_modes(
    hessian: Any, diffusion: Any, step_size: float, *, flat: Literal["error", "omit"], tolerance: float = 1e-9
) -> HeldModes:
    """The directions in which steps of size `step_size` come to rest; arguments and errors of `lyapunov`."""
    h, d = symmetric("hessian", hessian), symmetric("diffusion", diffusion)
    if h.shape != d.shape:
        raise ArgumentError(f"diffusion: got shape {d.shape} with a Hessian {h.shape}; the same shape is needed")
    if flat not in ("error", "omit"):
        raise ArgumentError(f"flat: got {flat!r}; 'error' or 'omit' is needed")
    values, vectors = np.linalg.eigh(h)
    held = values > _positive("tolerance", tolerance) * max(np.abs(values).max(), np.finfo(np.float64).tiny)
    rotated = vectors.T @ d @ vectors
    if not held.all() and flat == "error":
        raise ArgumentError(_flat_text(values[~held], np.diag(rotated)[~held]))
    if not held.any():
        raise ArgumentError("hessian: holds no direction, all eigenvalues are 0 or negative; there is nothing at rest")
    if step_size * values[-1] >= 2:
        raise ArgumentError(
            f"step_size: got {step_size:g} with the Hessian's largest eigenvalue {values[-1]:.4g}; steps diverge from "
            f"{2 / values[-1]:.4g} on, take less"
        )
    inside = rotated[np.ix_(held, held)]
    return HeldModes(values[held], vectors[:, held], inside, vectors.T[~held].copy(), values[~held])


def _flat_text(values: np.ndarray, noise: np.ndarray) -> str:
    down = int((values < -1e-12 * max(np.abs(values).max(), 1e-300)).sum())
    return (
        f"hessian: {values.size} directions are flat or run downhill ({down} negative, lowest {values[0]:.3g}) and "
        f"have noise {noise.sum():.3g} of D: no covariance exists there; flat='omit' leaves them out and names them"
    )


def _positive(name: str, value: Any) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not 0 < value < np.inf:
        raise ArgumentError(f"{name}: got {value!r}; a finite number above 0 is needed")
    return float(value)
