"""SGD on linear regression: the exact stationary covariance, beside which the continuous-time answer falls short.

f(w) = (1/n) sum_i r_i^2 / 2, r_i = x_i.w - y_i. A step on a batch of b samples takes e = w - w*, w* the minimum, to
(I - eta H_b) e - eta g_b, H_b and g_b the batch's means of x x' and of x r at w*. When batches are independent of each
other, the second moments S of e obey S = M S M + eta^2 c (sum_i d_i S d_i / n + G), with M = I - eta H, H = mean x x',
d_i = x_i x_i' - H and G = mean r_i^2 x_i x_i' at w*; c = 1 / b with replacement and (n - b) / (b (n - 1)) without. The
mean of e is 0. As vectors: vec S = [I - M (x) M - eta^2 c K]^-1 eta^2 c vec G, K = mean d_i (x) d_i. To lowest order
in eta that is H S + S H = eta c G, the Lyapunov equation of a diffusion: it drops eta H S H and the d_i.
"""

from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.memory import require_memory
from mcmc.samplers.minibatches import Minibatches


def regression_covariance(
    inputs: Any, targets: Any, *, step_size: float, batch_size: int, replacement: bool = True
) -> np.ndarray:
    """Covariance of the weights of SGD at a constant step size, (dim, dim) float64: exact, for independent batches.

    `inputs` is (samples, dim), with a column of ones for a bias; `targets` (samples,) or (samples, 1). `replacement` is
    True, or False for batches that are random subsets. It does not hold for batches cut from one order of an epoch:
    those are not independent. Raises ArgumentError for arguments out of range, inputs whose mean x x' is singular, and
    a step size at which the second moments grow without limit; MemoryLimitError when dim^2 x dim^2 does not fit.
    """
    x, y = _samples(inputs, targets)
    n, dim = x.shape
    if not isinstance(replacement, (bool, np.bool_)):
        raise ArgumentError(f"replacement: got {replacement!r}; True or False is needed, batches of epochs have no law")
    number = isinstance(step_size, (int, float, np.number)) and not isinstance(step_size, bool)
    if not number or not 0 < step_size < np.inf:
        raise ArgumentError(f"step_size: got {step_size!r}; a finite number above 0 is needed")
    share = Minibatches(n, batch_size, replacement=bool(replacement)).noise_share
    require_memory(8.0 * 5 * dim**4, f"the covariance of {dim} weights", "take fewer features")
    mean = x.T @ x / n
    if np.linalg.cond(mean) > 1 / (dim * np.finfo(float).eps):
        raise ArgumentError(f"inputs: mean x x' of {n} samples is singular; {dim} independent features are needed")
    residual = x @ np.linalg.lstsq(x, y, rcond=None)[0] - y
    kept = np.eye(dim) - step_size * mean
    fourth = np.einsum("ni,nj,nk,nl->ikjl", x, x, x, x, optimize=True).reshape(dim**2, dim**2) / n
    carried = np.kron(kept, kept) + step_size**2 * share * (fourth - np.kron(mean, mean))
    growth = float(np.abs(np.linalg.eigvals(carried)).max())
    if growth >= 1.0:
        raise ArgumentError(
            f"step_size: got {step_size}; second moments grow by {growth:.4g} a step, take a smaller one"
        )
    noise = step_size**2 * share * (x * residual[:, None] ** 2).T @ x / n
    found = np.linalg.solve(np.eye(dim**2) - carried, noise.reshape(-1)).reshape(dim, dim)
    return 0.5 * (found + found.T)


def _samples(inputs: Any, targets: Any) -> tuple[np.ndarray, np.ndarray]:
    try:
        x, y = np.asarray(inputs, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError("inputs, targets: finite numbers (samples, dim) and (samples,) are needed") from None
    if x.ndim != 2 or not x.size or y.shape not in ((len(x),), (len(x), 1)):
        raise ArgumentError(f"inputs, targets: got shapes {x.shape}, {y.shape}; (samples, dim) and (samples,) go")
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        raise ArgumentError("inputs, targets: some numbers are not finite; leave those samples out")
    return x, y.reshape(-1)
