"""One repeat of "limit-cycles": trajectories with two step sizes along the same noise, their law and circulation."""

import warnings
from typing import Any

import numpy as np

from mcmc.random import Stream, normals, uniforms
from runs.experiments.limit_cycles import CyclesSpec
from runs.experiments.limit_cycles_model import BINS, HIGH, LOW, drift
from runs.grid import Point, point_seed

PATH_MOMENTS = 400
DENSE_MOMENTS = 300
SETTLING = 10.0
"""Time from the exact law, from which chains start, to that of the step size."""
CHUNK = 16


def measure_trajectories(spec: CyclesSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one repeat."""
    effort, strength = spec.sampling, float(point.parameters["strength"])
    seed = point_seed(spec.seed, f"{point.name} repeat-{draw}")
    fine, coarse = trajectories(
        strength, seed, chains=effort.chains, step=effort.step, thin=effort.thin, records=effort.records
    )
    shares = [_shares(x[:, :: effort.spacing]) for x in (fine, coarse)]
    turning = [_turning(x, strength).mean(axis=1) for x in (fine, coarse)]
    share, circulation = 2 * shares[0] - shares[1], 2 * turning[0] - turning[1]
    root = np.sqrt(effort.chains)
    return {
        "share": share.mean(axis=0),
        "share_error": share.std(axis=0, ddof=1) / root,
        "share_step": shares[0].mean(axis=0),
        "circulation": circulation.mean(),
        "circulation_spread": circulation.std(ddof=1) / root,
        "circulation_step": turning[0].mean(),
        **_circulation_test(fine, 2 * effort.step * effort.thin, seed),
        "path": np.resize(fine[0], (PATH_MOMENTS, 2)) if effort.records < PATH_MOMENTS else fine[0, :PATH_MOMENTS],
        "dense_path": dense_path(strength, seed, effort.step),
    }


def dense_path(strength: float, seed: int, step: float) -> np.ndarray:
    """One trajectory from the well on the right, every step of it, (DENSE_MOMENTS, 2)."""
    noise = np.sqrt(2.0 * step) * normals(seed, Stream.LIMIT_CYCLE_NOISE, 1, np.arange(DENSE_MOMENTS - 1), 0)
    path = [np.array([1.0, 0.0])]
    for one in noise:
        path.append(path[-1] + step * drift(path[-1], strength) + one)
    return np.array(path)


def trajectories(
    strength: float, seed: int, *, chains: int, step: float, thin: int, records: int
) -> tuple[np.ndarray, np.ndarray]:
    """Records every 2 `step` `thin`, (chains, records, 2) float64 each: of steps h and of steps 2 h.

    Both go along the same Brownian paths, so that 2 (first) - (second) of any mean is free of the error of order h
    (Talay & Tubaro 1990) at little cost in noise.
    """
    fine = coarse = _exact_draws(seed, chains)
    settling = int(np.ceil(SETTLING / (2 * step)))
    total = settling + thin * records
    found = np.empty((2, chains, records, 2))
    lane = np.arange(chains)[None, :]
    scale = np.sqrt(2.0 * step)
    for first in range(0, total, CHUNK):
        sweeps = 2 * first + np.arange(2 * min(CHUNK, total - first))
        noise = scale * normals(seed, Stream.LIMIT_CYCLE_NOISE, 0, sweeps[:, None], lane)
        for k in range(len(sweeps) // 2):
            pair = noise[2 * k : 2 * k + 2]
            for one in pair:
                fine = fine + step * drift(fine, strength) + one
            coarse = coarse + 2 * step * drift(coarse, strength) + pair[0] + pair[1]
            at, rest = divmod(first + k + 1 - settling, thin)
            if rest == 0 and at >= 1:
                found[0, :, at - 1], found[1, :, at - 1] = fine, coarse
    return found[0], found[1]


def _exact_draws(seed: int, chains: int) -> np.ndarray:
    axis = np.linspace(-4.0, 4.0, 4001)
    weight = np.cumsum(np.exp(-((axis**2 - 1.0) ** 2) / 4.0))
    lane = np.arange(chains)
    first = np.interp(uniforms(seed, Stream.INITIAL, 0, 0, lane)[:, 0], weight / weight[-1], axis)
    return np.stack([first, normals(seed, Stream.INITIAL, 1, 0, lane)[:, 0]], axis=-1)


def _shares(x: np.ndarray) -> np.ndarray:
    """Share of each chain's samples in every bin, (chains, *BINS)."""
    chains, draws, _ = x.shape
    cell = np.floor((x - LOW) / (HIGH - LOW) * BINS).astype(np.int64)
    inside = ((cell >= 0) & (cell < BINS)).all(axis=-1)
    size = BINS[0] * BINS[1]
    flat = np.arange(chains)[:, None] * size + cell[..., 0] * BINS[1] + cell[..., 1]
    return np.bincount(flat[inside], minlength=chains * size).reshape(chains, *BINS) / draws


def _turning(x: np.ndarray, strength: float) -> np.ndarray:
    b = drift(x, strength)
    return x[..., 0] * b[..., 1] - x[..., 1] * b[..., 0]


def _circulation_test(x: np.ndarray, interval: float, seed: int) -> dict[str, float]:
    from mcmc.errors import ConvergenceWarning
    from mcmc.gradient_noise import circulation
    from mcmc.statistics.autocorrelation import integrated_time

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = circulation(x, interval=interval, seed=seed)
        slow = integrated_time(x[..., 0])
    return {
        "rate": float(found.value[0, 1]),
        "rate_spread": float(found.error[0, 1]),
        "p_value": found.p_value,
        "p_least": 1.0 / (1 + found.null.size),
        "tau": float(slow.tau_int) * interval,
    }
