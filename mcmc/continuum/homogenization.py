"""Homogenisation: Entropy-SGD and Elastic-SGD as two time scales, and the averaged dynamics that both become.

    dx = -(x - y_mean) / gamma ds,
    dy^a = -(1 / epsilon) [grad f(y^a) + (y^a - x) / gamma] ds + (2 / (beta epsilon))^(1/2) dW^a,     a = 1 ... n;

n = 1 is Entropy-SGD, n > 1 Elastic-SGD. As epsilon -> 0 each y^a is at equilibrium around x, and dx = -grad u(x, gamma)
ds for any n, u the local entropy at scale gamma (Pavliotis & Stuart 2008, "Multiscale Methods", chapter 10; Chaudhari
et al. 2018, arXiv:1704.04932, section 4). At finite epsilon and f = h |y|^2 / 2, the stationary variance of a
coordinate of x is epsilon / (n beta h (1 + epsilon + gamma h)).

Steps of Euler and Maruyama are biased in order step / epsilon; for f quadratic their law is known exactly:
`step_moments`.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.continuum.axes import checked_beta, checked_count, checked_number
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.random import Stream, split_seed
from mcmc.samplers.gaussian_noise import fill_noise

NODES = {1: 4001, 2: 301}
"""Nodes a side of the trapezoidal rule for averages over y."""
REACH = 45.0
"""Exponents this much above the lowest are left out: exp(-45) = 3e-20."""
NARROWEST = 0.8
"""Standard deviation of y, in spacings, below which the trapezoidal rule is off by more than 7e-6."""


class TwoScalePaths(NamedTuple):
    """Independent paths of x and of the mean of its replicas."""

    times: np.ndarray
    """(records,): slow time s, from 0."""
    x: np.ndarray
    """(records, chains, dim)."""
    centre: np.ndarray
    """(records, chains, dim): mean of y over replicas."""
    drift: np.ndarray
    """(chains, dim): mean of -(x - y_mean) / gamma over the steps after `burn_in`; independent between chains."""


def two_scale_paths(
    landscape: SmoothLandscape,
    start: Any,
    *,
    gamma: float,
    beta: float,
    epsilon: float,
    step: float,
    steps: int,
    replicas: int = 1,
    chains: int = 1000,
    thin: int | None = None,
    burn_in: int = 0,
    frozen: bool = False,
    seed: int = 0,
) -> TwoScalePaths:
    """`steps` Euler-Maruyama steps of length `step` in slow time, x and all y from `start` (dim,) or (chains, dim).

    Every `thin` steps, by default only first and last, are recorded. With `frozen` x does not move, as for epsilon ->
    0, and `drift` is the averaged one at `start`. Raises ArgumentError for bad arguments, for steps of epsilon gamma or
    more, which are not stable, and for paths that diverge.
    """
    landscape = _checked_landscape(landscape)
    gamma, beta, epsilon = checked_number("gamma", gamma), checked_beta(beta), checked_number("epsilon", epsilon)
    steps, replicas, chains = (
        checked_count(n, v) for n, v in (("steps", steps), ("replicas", replicas), ("chains", chains))
    )
    thin = steps if thin is None else checked_count("thin", thin)
    fast = _checked_step(step, gamma, epsilon) / epsilon
    if isinstance(burn_in, bool) or not isinstance(burn_in, (int, np.integer)) or not 0 <= burn_in < steps:
        raise ArgumentError(f"burn_in: got {burn_in!r}; a whole number of steps from 0 and below {steps} is needed")
    x = _checked_start(start, chains, landscape.dim)
    y = np.repeat(x[:, None], replicas, axis=1)
    noise, key = np.empty((chains, 4 * math.ceil(y[0].size / 4)), np.float32), split_seed(seed)
    identity, kick = np.arange(chains, dtype=np.uint32), math.sqrt(2 * fast / beta)
    records, drift = [(x.copy(), x.copy())], np.zeros_like(x)
    for done in range(steps):
        pull = (y.mean(axis=1) - x) / gamma
        if done >= burn_in:
            drift += pull
        slope = landscape.gradient(y.reshape(-1, x.shape[1])).reshape(y.shape)
        fill_noise(noise, done, identity, int(Stream.HOMOGENIZATION), *key)
        y += kick * noise[:, : y[0].size].reshape(y.shape) - fast * (slope + (y - x[:, None]) / gamma)
        if not frozen:
            x += step * pull
        if (done + 1) % thin == 0:
            _require_finite(y, step, done + 1)
            records.append((x.copy(), y.mean(axis=1)))
    _require_finite(y, step, steps)
    found, centre = (np.array(part) for part in zip(*records, strict=True))
    return TwoScalePaths(step * thin * np.arange(len(records)), found, centre, drift / (steps - burn_in))


def _checked_landscape(landscape):
    if not isinstance(landscape, SmoothLandscape):
        raise ArgumentError(f"landscape: got {type(landscape).__name__}; one with dim, energy and gradient is needed")
    return landscape


def _checked_step(step, gamma, epsilon):
    length = checked_number("step", step)
    if length >= epsilon * gamma:
        raise ArgumentError(
            f"step: got {length:.3g}; the pull alone needs less than epsilon gamma = {epsilon * gamma:.3g} to be stable"
        )
    return length


def _floats(values):
    """As float64; NaN for what is no array of numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array(np.nan)


def _checked_start(start, chains, dim):
    values = _floats(start)
    values = values.reshape(1) if values.ndim == 0 and dim == 1 else values
    if values.shape not in ((dim,), (chains, dim)) or not np.isfinite(values).all():
        raise ArgumentError(f"start: got shape {values.shape}; finite numbers ({dim},) or ({chains}, {dim}) are needed")
    return np.array(np.broadcast_to(values, (chains, dim)))


def _require_finite(y, step, done):
    if not np.isfinite(y).all():
        raise ArgumentError(f"step: got {step:.3g}, with which paths diverged within {done} steps; take a shorter one")


def linear_variance(h: float, *, gamma: float, beta: float, epsilon: float, replicas: int = 1) -> float:
    """Stationary variance of a coordinate of x for f = h |y|^2 / 2, epsilon / (n beta h (1 + epsilon + gamma h))."""
    h, gamma, beta = checked_number("h", h), checked_number("gamma", gamma), checked_beta(beta)
    epsilon, replicas = checked_number("epsilon", epsilon), checked_count("replicas", replicas)
    return epsilon / (replicas * beta * h * (1 + epsilon + gamma * h))


class StepMoments(NamedTuple):
    """Exact moments of (x, y_mean), a coordinate of each, after Euler-Maruyama steps with f = h |y|^2 / 2."""

    mean: np.ndarray
    """(2,)."""
    covariance: np.ndarray
    """(2, 2)."""


def step_moments(
    h: float,
    *,
    gamma: float,
    beta: float,
    epsilon: float,
    step: float,
    steps: int | None = None,
    replicas: int = 1,
    start: float = 0.0,
) -> StepMoments:
    """Moments after `steps` steps from x = y = `start`, or, without `steps`, of the stationary law of the steps.

    z <- M z + noise on y_mean of variance 2 step / (n beta epsilon). Raises ArgumentError for steps that are unstable.
    """
    h, gamma, beta = checked_number("h", h), checked_number("gamma", gamma), checked_beta(beta)
    epsilon, replicas = checked_number("epsilon", epsilon), checked_count("replicas", replicas)
    fast = _checked_step(step, gamma, epsilon) / epsilon
    push = np.array([[1 - step / gamma, step / gamma], [fast / gamma, 1 - fast * (h + 1 / gamma)]])
    noise = np.diag([0.0, 2 * fast / (replicas * beta)])
    radius = float(np.abs(np.linalg.eigvals(push)).max())
    if radius >= 1:
        raise ArgumentError(f"step: got {step:.3g}, with which steps grow by {radius:.4g} each; take a shorter one")
    if steps is None:
        flat = np.linalg.solve(np.eye(4) - np.kron(push, push), noise.ravel())
        return StepMoments(np.zeros(2), flat.reshape(2, 2))
    mean, covariance = np.repeat(_checked_start(start, 1, 1), 2), np.zeros((2, 2))
    for _ in range(checked_count("steps", steps)):
        mean, covariance = push @ mean, push @ covariance @ push.T + noise
    return StepMoments(mean, covariance)


def averaged_drift(landscape: SmoothLandscape, x: Any, *, gamma: float, beta: float) -> np.ndarray:
    """-grad u(x, gamma) = -(x - <y>) / gamma, of the shape of `x` (points, dim), by quadrature over y, dim 1 or 2.

    Raises ArgumentError for more dimensions and for beta so large that y is narrower than the nodes are apart.
    """
    landscape = _checked_landscape(landscape)
    gamma, beta = checked_number("gamma", gamma), checked_beta(beta)
    points = _floats(x)
    if landscape.dim > 2 or points.ndim != 2 or points.shape[1] != landscape.dim or not np.isfinite(points).all():
        raise ArgumentError(
            f"x: got shape {points.shape} for {landscape.dim} dimensions; (points, dim) with dim 1 or 2 is needed"
        )
    return np.array([(_mean_of_y(landscape, p, gamma, beta) - p) / gamma for p in points]).reshape(points.shape)


def _mean_of_y(landscape, x, gamma, beta):
    """<y> under exp(-beta f(y) - beta |x - y|^2 / (2 gamma)), (dim,)."""
    reach = math.sqrt(2 * gamma * REACH / beta)
    here = float(landscape.energy(x[None])[0])
    for _ in range(50):
        sides = [np.linspace(c - reach, c + reach, NODES[x.size]) for c in x]
        y = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, x.size)
        energy = landscape.energy(y)
        # Where f >= m everywhere, nothing counts beyond this; a lower m widens the box.
        needed = math.sqrt(2 * gamma * (here - min(here, energy.min()) + REACH / beta))
        if needed <= reach * (1 + 1e-9):
            break
        reach = needed
    exponent = -beta * (energy + ((y - x) ** 2).sum(axis=1) / (2 * gamma))
    weight = np.exp(exponent - exponent.max())
    weight /= weight.sum()
    mean = weight @ y
    spread, h = math.sqrt(float((weight @ (y - mean) ** 2).min())), 2 * reach / (NODES[x.size] - 1)
    if spread < NARROWEST * h:
        raise ArgumentError(
            f"beta: got {beta:g}; y is {spread:.2g} wide around x = {x}, too narrow for nodes {h:.2g} apart"
        )
    return mean


def averaged_path(landscape: SmoothLandscape, start: Any, times: Any, *, gamma: float, beta: float) -> np.ndarray:
    """dx = -grad u(x, gamma) ds from `start` (dim,), at increasing `times` (records,) from 0 on: (records, dim)."""
    from scipy.integrate import solve_ivp

    landscape = _checked_landscape(landscape)
    x = _checked_start(start, 1, landscape.dim)[0]
    at = np.atleast_1d(_floats(times))
    if at.ndim != 1 or not at.size or not np.isfinite(at).all() or at[0] < 0 or (np.diff(at) <= 0).any():
        raise ArgumentError(f"times: got {times!r}; increasing finite times from 0 on are needed")

    def drift(_, place):
        return averaged_drift(landscape, place[None], gamma=gamma, beta=beta)[0]

    end = max(float(at[-1]), 1e-12)
    return solve_ivp(drift, (0.0, end), x, t_eval=np.minimum(at, end), rtol=1e-9, atol=1e-11).y.T
