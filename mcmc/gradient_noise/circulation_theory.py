"""What turns where SGD rests in a quadratic minimum: its circulation between draws k steps apart, from H and D alone.

x <- M x - eta n with M = I - eta H; the noise n_a of step a has <n_a n_a'> = c D and, for batches of one order of the
samples, <n_a n_b'> = c' D within an epoch: c = (N - b) / (b (N - 1)) and c' = -1 / (N - 1), so that a whole epoch's
noise would cancel but for the powers of M between. Between draws x <- M^k x + e, e = -eta sum_a M^(k-1-a) n_a, and in
H's eigenbasis with m = 1 - eta l
    <e e'>_ij = eta^2 D_ij [c sum_a (m_i m_j)^a + c' sum_(a != b) m_i^a m_j^b],    S_ij = <e e'>_ij / (1 - (m_i m_j)^k),
    J_ij = <x_i(s) x_j(s+1) - x_j(s) x_i(s+1)> = S_ij (m_j^k - m_i^k),
0 for all i, j only where D and H commute: isotropic noise turns nothing, SGD's does. For k = 1 and eta to 0, J / eta is
2 Q / beta of arXiv:1710.11029, section 3.1. Noise that itself depends on x is left out: it is of the order of S.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.stationary_law import held_modes
from mcmc.samplers.minibatches import Minibatches
from mcmc.statistics.series import positive_integer


class LinearCirculation(NamedTuple):
    """Of weights at rest around a quadratic minimum; matrices are (dim, dim) float64."""

    covariance: np.ndarray
    """S, of one draw."""
    circulation: np.ndarray
    """J, antisymmetric: per interval between draws, as `circulation` measures it with `interval` 1."""

    def planes(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The `count` planes that turn fastest: rates (count,), falling, and directions (2 count, dim), orthonormal.

        Directions 2 p and 2 p + 1 span plane p, in which J from the first to the second is the rate, above 0. Raises
        ArgumentError for more planes than there are.
        """
        if positive_integer(count, "count") > len(self.circulation) // 2:
            raise ArgumentError(f"count: got {count}; {len(self.circulation)} weights have half as many planes")
        rates, vectors = np.linalg.eigh(1j * self.circulation)
        fastest = np.argsort(-rates)[:count]
        rows = []
        for vector in vectors[:, fastest].T:
            # Its real part a and imaginary part b obey J a = rate b, J b = -rate a, and may be turned in their plane:
            # the largest component is made real, so that rounding does not decide.
            largest = vector[np.argmax(np.abs(vector))]
            turned = np.sqrt(2.0) * vector * (largest.conj() / abs(largest))
            rows += [turned.imag, turned.real]
        return rates[fastest], np.array(rows)


def linear_circulation(
    hessian: Any,
    diffusion: Any,
    step_size: float,
    batches: Minibatches,
    *,
    steps: int | None = None,
    flat: Literal["error", "omit"] = "error",
) -> LinearCirculation:
    """Circulation of SGD whose batches are drawn as `batches` draws them, H and D (dim, dim) symmetric each.

    `steps` between draws is an epoch when None. Batches cut from one order are looked at between whole epochs only.
    Flat directions and steps that diverge are treated as by `lyapunov`. Raises ArgumentError for arguments out of
    range.
    """
    if not isinstance(batches, Minibatches) or batches.size is None:
        raise ArgumentError("batches: Minibatches of fewer samples than all are needed; without them nothing moves")
    epoch = batches.per_epoch
    count = epoch if steps is None else positive_integer(steps, "steps")
    if batches.replacement == "epoch" and count != epoch:
        raise ArgumentError(f"steps: got {count} with batches of one order; the {epoch} steps of an epoch are needed")
    modes = held_modes(hessian, diffusion, step_size, flat=flat)
    kept = 1.0 - step_size * modes.values
    powers = kept[:, None] ** np.arange(count)
    same = powers @ powers.T
    factor = batches.noise_share * same
    if batches.replacement == "epoch":
        factor -= (np.outer(powers.sum(axis=1), powers.sum(axis=1)) - same) / (int(batches.data_size or 2) - 1)
    after = kept**count
    covariance = step_size**2 * modes.diffusion * factor / (1.0 - np.outer(after, after))
    turning = covariance * (after - after[:, None])
    basis = modes.vectors
    return LinearCirculation(basis @ covariance @ basis.T, basis @ turning @ basis.T)
