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

from mcmc.continuum.axes import checked_beta, checked_count, checked_landscape, checked_number, numbers
from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.random import Stream, split_seed
from mcmc.samplers.gaussian_noise import fill_noise


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

    The start, every `thin` steps after it and the last one are recorded; without `thin` start and last. With `frozen` x
    does not move, as for epsilon -> 0, and `drift` is the averaged one at `start`. Raises ArgumentError for bad
    arguments, for steps of epsilon gamma or more, which are not stable, and for paths that diverge.
    """
    landscape = checked_landscape(landscape)
    gamma, beta, epsilon = checked_number("gamma", gamma), checked_beta(beta), checked_number("epsilon", epsilon)
    steps, replicas, chains = (
        checked_count(n, v) for n, v in (("steps", steps), ("replicas", replicas), ("chains", chains))
    )
    thin = steps if thin is None else checked_count("thin", thin)
    if thin > steps:
        raise ArgumentError(f"thin: got {thin}; at most steps = {steps} are taken, or nothing is recorded on the way")
    fast = _checked_step(step, gamma, epsilon) / epsilon
    if isinstance(burn_in, bool) or not isinstance(burn_in, (int, np.integer)) or not 0 <= burn_in < steps:
        raise ArgumentError(f"burn_in: got {burn_in!r}; a whole number of steps from 0 and below {steps} is needed")
    x = checked_start(start, chains, landscape.dim)
    y = np.repeat(x[:, None], replicas, axis=1)
    noise, key = np.empty((chains, 4 * math.ceil(y[0].size / 4)), np.float32), split_seed(seed)
    identity, kick = np.arange(chains, dtype=np.uint32), math.sqrt(2 * fast / beta)
    records, at, drift = [(x.copy(), x.copy())], [0], np.zeros_like(x)
    for done in range(steps):
        pull = (y.mean(axis=1) - x) / gamma
        if done >= burn_in:
            drift += pull
        slope = landscape.gradient(y.reshape(-1, x.shape[1])).reshape(y.shape)
        fill_noise(noise, done, identity, int(Stream.HOMOGENIZATION), *key)
        y += kick * noise[:, : y[0].size].reshape(y.shape) - fast * (slope + (y - x[:, None]) / gamma)
        if not frozen:
            x += step * pull
        if (done + 1) % thin == 0 or done + 1 == steps:
            _require_finite(y, step, done + 1)
            records.append((x.copy(), y.mean(axis=1)))
            at.append(done + 1)
    found, centre = (np.array(part) for part in zip(*records, strict=True))
    return TwoScalePaths(step * np.array(at), found, centre, drift / (steps - burn_in))


def _checked_step(step, gamma, epsilon):
    length = checked_number("step", step)
    if length >= epsilon * gamma:
        raise ArgumentError(
            f"step: got {length:.3g}; the pull alone needs less than epsilon gamma = {epsilon * gamma:.3g} to be stable"
        )
    return length


def checked_start(start: Any, chains: int, dim: int) -> np.ndarray:
    """(chains, dim) float64 from (dim,) or (chains, dim). Raises ArgumentError for others, and what is not finite."""
    values = numbers(start)
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
    mean, covariance = np.repeat(checked_start(start, 1, 1), 2), np.zeros((2, 2))
    for _ in range(checked_count("steps", steps)):
        mean, covariance = push @ mean, push @ covariance @ push.T + noise
    return StepMoments(mean, covariance)
