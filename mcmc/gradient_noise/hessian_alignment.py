"""Whether the noise of stochastic gradients lies along the directions in which the loss is curved.

The cosine Tr(H D) / (|H| |D|) with Frobenius norms; Tr(H D) in units of what isotropic noise of the same trace would
have, d Tr(H D) / (Tr H Tr D) (Zhu, Wu, Yu, Wu & Ma 2019, arXiv:1803.00195, section 4, where Tr(H D) measures how fast
noise leaves a minimum); and subspaces of the largest eigenvalues. Beyond `exact_below` weights the `top` directions
are taken exactly and the rest of the traces are means over random signs z without those directions: Tr(H D) =
<(Hz).(Dz)>, |H|^2 = <|Hz|^2>, Tr H = <z.Hz> (Hutchinson 1989, Commun. Stat. Simul. 18, 1059; Meyer, Musco, Musco &
Woodruff 2021, arXiv:2010.09649), their errors jackknifed over z.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.diffusion import GradientNoise
from mcmc.gradient_noise.hessian import Hessian, signs
from mcmc.statistics.jackknife import Estimate, jackknife


@dataclass(frozen=True)
class Alignment:
    """D and the Hessian H at one point; each Estimate has a value and one standard error, 0 where it is exact."""

    cosine: Estimate
    """Tr(H D) / (|H| |D|): 1 where D is a multiple of H, 0 where they are orthogonal."""
    anisotropy: Estimate
    """d Tr(H D) / (Tr H Tr D): 1 for isotropic noise, d where all noise and curvature share one direction.

    NaN where Tr H is not five errors away from 0."""
    trace_product: Estimate
    """Tr(H D)."""
    hessian_trace: Estimate
    """Tr H."""
    hessian_norm: Estimate
    """|H|, Frobenius."""
    hessian_eigenvalues: np.ndarray
    """(top,) float64: largest of H, falling."""
    noise_in_top: float
    """Share of Tr D in the `top` directions of H; isotropic noise has top / dim."""
    overlap: float
    """Of the `top` directions of D and H: |U'V|^2 / top, 1 for the same subspace, about top / dim for random ones.

    NaN where D has fewer directions than that."""
    top: int
    dim: int
    exact: bool
    """Whether H was taken element by element."""

    @property
    def in_top_if_isotropic(self) -> float:
        """`noise_in_top` of isotropic noise, and `overlap` of random directions: top / dim."""
        return self.top / self.dim


def alignment(
    noise: GradientNoise, hessian: Any, *, top: int = 10, probes: int = 64, seed: int = 0, exact_below: int = 1024
) -> Alignment:
    """Alignment of `noise` with the Hessian at the same point: a matrix, a landscape, or a function (see `Hessian`).

    `top` directions at most half the weights, `probes` random signs beyond `exact_below` weights. Raises ArgumentError
    for arguments out of range, LandscapeError for products that are not finite. Ratios are NaN where H or D is 0.
    """
    _check("top", top, 1, max(1, noise.dim // 2))
    _check("probes", probes, 8, 2**20)
    product = Hessian(hessian, noise.point)
    exact = noise.dim <= exact_below
    if exact:
        matrix = product.dense()
        found = _exactly(noise, matrix)
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[: -top - 1 : -1], vectors.T[: -top - 1 : -1]
    else:
        values, vectors = product.top(top, seed)
        found = _by_probes(noise, product, values, vectors, signs(probes, noise.dim, seed))
    both = np.nan
    if noise.rank().count >= top:
        both = float(((noise.eigenvectors(top) @ vectors.T) ** 2).sum()) / top
    share = float(np.sum(noise.form(vectors))) / noise.trace if noise.trace > 0 else np.nan
    cosine, anisotropy, trace_product, trace, norm = found
    return Alignment(
        cosine, anisotropy, trace_product, trace, norm,
        hessian_eigenvalues=values.copy(), noise_in_top=share, overlap=both, top=top, dim=noise.dim, exact=exact,
    )  # fmt: skip


def _exactly(noise: GradientNoise, matrix: np.ndarray) -> list[Estimate]:
    product = float(np.sum(matrix * noise.matrix()))
    numbers = _numbers(noise, product, float(np.sum(matrix**2)), float(np.trace(matrix)))
    return [Estimate(np.asarray(number), np.asarray(0.0)) for number in numbers]


def _by_probes(
    noise: GradientNoise, product: Hessian, values: np.ndarray, vectors: np.ndarray, probe: np.ndarray
) -> list[Estimate]:
    probe = probe - (probe @ vectors.T) @ vectors
    curved = product(probe)
    # Directions of H that it knows only nearly would come back through the products.
    curved -= (curved @ vectors.T) @ vectors
    sums = [
        np.einsum("pi,pi->p", curved, noise.times(probe)) + np.sum(values * noise.form(vectors)),
        np.einsum("pi,pi->p", curved, curved) + np.sum(values**2),
        np.einsum("pi,pi->p", curved, probe) + np.sum(values),
    ]

    def numbers(*means):
        return np.stack(_numbers(noise, *means))

    found = jackknife(numbers, [s[None] for s in sums], length=1)
    estimates = [Estimate(value, error) for value, error in zip(found.value, found.error, strict=True)]
    if not abs(estimates[3].value) > 5 * estimates[3].error:
        estimates[1] = Estimate(np.asarray(np.nan), np.asarray(np.nan))
    return estimates


def _numbers(noise: GradientNoise, product: Any, squares: Any, trace: Any) -> list[Any]:
    """Cosine, anisotropy, Tr(H D), Tr H, |H|."""
    length = float(np.sqrt((noise.eigenvalues**2).sum()))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = product / (np.sqrt(squares) * np.float64(length))
        anisotropy = noise.dim * product / (trace * np.float64(noise.trace))
    return [cosine, anisotropy, product, trace, np.sqrt(squares)]


def _check(name: str, value: Any, least: int, most: int) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        raise ArgumentError(f"{name}: got {value!r}; a whole number from {least} to {most} is needed")
