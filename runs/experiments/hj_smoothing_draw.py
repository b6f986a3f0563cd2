"""One draw of "hj-smoothing": a realisation of the noise, what it is smoothed to, and densities on all three."""

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from runs.experiments.hj_smoothing import DYNAMICS, HALF_WIDTH, RESOLUTIONS, HJSmoothingSpec
from runs.experiments.hj_smoothing_control import control_columns

MARGIN = 2.0
"""f is known this far beyond [-3, 3], so that u there is that of all space."""
WALL = 4.0
"""Densities have walls there, which they do not reach."""
MOST_PROXIMAL_STEPS = 10_000


class Curve:
    """A function of one variable through values on nodes, by cubic splines: a SmoothLandscape of dimension 1."""

    dim = 1
    data_size: int | None = None

    def __init__(self, nodes: np.ndarray, values: np.ndarray):
        from scipy.interpolate import CubicSpline

        self.nodes, self.values = nodes, values
        spline = CubicSpline(nodes, values)
        self._low, self._step = float(nodes[0]), float(nodes[1] - nodes[0])
        self._coefficients = [np.ascontiguousarray(row) for row in spline.c]

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """(chains,) at x (chains, 1)."""
        k, s = self._placed(x)
        a, b, c, d = self._coefficients
        return ((a[k] * s + b[k]) * s + c[k]) * s + d[k]

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """(chains, 1) at x (chains, 1)."""
        k, s = self._placed(x)
        a, b, c, _ = self._coefficients
        return ((3 * a[k] * s + 2 * b[k]) * s + c[k])[:, None]

    def curvature(self) -> np.ndarray:
        """Second derivative at the nodes but the last."""
        return 2 * self._coefficients[1]

    def _placed(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Interval of each x and the place in it; beyond the nodes the outermost interval goes on."""
        scaled = (x[:, 0] - self._low) / self._step
        k = np.clip(scaled.astype(np.int64), 0, self.nodes.size - 2)
        return k, (scaled - k) * self._step


class Landscapes(NamedTuple):
    """f and both u on one fine axis, wider than [-3, 3]."""

    f: Curve
    viscous: Curve
    non_viscous: Curve
    proximal: np.ndarray
    """Node that u of the non-viscous equation takes its value from, for each node."""


def rough(spec: HJSmoothingSpec, seed: int, axis: np.ndarray) -> np.ndarray:
    """f on an axis: the noise is that of the seed, whatever the axis."""
    from mcmc.random import Stream, uniforms

    how = spec.landscape
    spacing = 2 * HALF_WIDTH / (how.points - 1)
    reach = math.ceil((MARGIN + 6 * math.sqrt(how.smoothing)) / spacing)
    site = np.arange(-reach, how.points + reach)
    drawn = how.noise * (uniforms(seed, Stream.LANDSCAPE_NOISE, site + reach, 0, 0)[:, 0] - 0.5)
    noise = np.empty(axis.size)
    for rows in np.array_split(np.arange(axis.size), max(1, axis.size // 500)):
        away = axis[rows, None] - (spacing * site - HALF_WIDTH)
        weight = np.exp(-(away**2) / (2 * how.smoothing))
        noise[rows] = weight @ drawn / weight.sum(axis=1)
    return axis**2 + how.waves * np.sin(2 * math.pi * axis) + noise


def landscapes(spec: HJSmoothingSpec, seed: int) -> Landscapes:
    """f of a seed, smoothed."""
    from mcmc.continuum import cole_hopf, hopf_lax

    how, axis = spec.smoothing, fine_axis(spec, spec.landscape.refinement)
    values = rough(spec, seed, axis)
    viscous = cole_hopf(axis, values, how.viscous, beta=how.beta)
    sharp = hopf_lax(axis, values, how.non_viscous)
    return Landscapes(Curve(axis, values), Curve(axis, viscous.u), Curve(axis, sharp.u), sharp.proximal[0])


def fine_axis(spec: HJSmoothingSpec, refinement: float) -> np.ndarray:
    """Nodes on [-5, 5], as many to a point as asked for, the centres of cells of [-3, 3] among them."""
    cells = round(spec.landscape.points * refinement)
    width = 2 * HALF_WIDTH / cells
    beyond = round(MARGIN / width)
    return (np.arange(-beyond, cells + beyond) + 0.5) * width - HALF_WIDTH


def measure(spec: HJSmoothingSpec, seed: int) -> dict[str, Any]:
    """Every column of one realisation."""
    found = landscapes(spec, seed)
    moved = dict(zip(DYNAMICS, found[:3], strict=True))
    count, refinement = spec.landscape.points, spec.landscape.refinement
    width = 2 * HALF_WIDTH / count
    shown = (np.arange(count) + 0.5)[:, None] * width - HALF_WIDTH
    low, basin = global_basin(found.f)
    row: dict[str, Any] = {
        "potential": np.array([curve.energy(shown) for curve in moved.values()]),
        "minimum": low,
        "basin": basin[1] - basin[0],
        "lowest": float(found.f.energy(np.array([[low]]))[0]),
    }
    inside = partial(_share_inside, basin)
    columns: dict[str, list[Any]] = {}
    for number, (name, curve) in enumerate(moved.items()):
        diffusion = spec.density.diffusion_sgd if name == "sgd" else spec.density.diffusion_smooth
        x, mass = evolved(spec, curve, diffusion)
        loss = found.f.energy(x[:, None])
        near = mass @ inside(x, width / refinement)
        part = {
            "density": mass[:, np.abs(x) < HALF_WIDTH].reshape(len(mass), count, refinement).sum(axis=2) / width,
            "near_minimum": near,
            "mean_loss": mass @ loss,
            "mean_position": mass @ x,
        } | _particle_columns(spec, curve, diffusion, found.f, basin, (seed + number) % 2**64)
        for column, values in part.items():
            columns.setdefault(column, []).append(values)
    row |= {column: np.array(values) for column, values in columns.items()}
    return row | _equations(spec, seed, found) | control_columns(spec, seed, found) | _proximal(spec, found)


def global_basin(f: Curve) -> tuple[float, tuple[float, float]]:
    """Where f is lowest on [-3, 3], and the maxima to both sides of it."""
    axis, values = f.nodes, f.values
    shown = np.flatnonzero(np.abs(axis) < HALF_WIDTH)
    lowest = int(shown[np.argmin(values[shown])])
    left = right = lowest
    while left > shown[0] and values[left - 1] > values[left]:
        left -= 1
    while right < shown[-1] and values[right + 1] > values[right]:
        right += 1
    return float(axis[lowest]), (float(axis[left]), float(axis[right]))


def _share_inside(basin: tuple[float, float], x: np.ndarray, width: float) -> np.ndarray:
    """Share of each cell that lies in the basin."""
    reach = np.minimum(x + width / 2, basin[1]) - np.maximum(x - width / 2, basin[0])
    return np.clip(reach / width, 0.0, 1.0)


def evolved(spec: HJSmoothingSpec, curve: Curve, diffusion: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres of cells, and the mass in each, (times, cells), from time 0 on."""
    from mcmc.continuum import FokkerPlanck, Grid

    how, axis = spec.density, fine_axis(spec, spec.landscape.refinement)
    width, x = axis[1] - axis[0], axis[np.abs(axis) < WALL]
    grid = Grid(x[0] - width / 2, x[-1] + width / 2, x.size)
    begin = np.exp(-((x - how.start) ** 2) / (2 * how.variance))
    run = FokkerPlanck(grid, potential=curve, beta=1 / diffusion)
    seen = [grid.normalised("density", begin)]
    # Steps of first order: short ones where the density moves fast, which it does at first.
    for interval in np.diff(how.times, prepend=0.0):
        seen.append(run.evolve(seen[-1], [interval], step=min(how.step, interval / how.steps)).density[-1])
    return x, np.array(seen) * grid.volume


def particles(spec: HJSmoothingSpec, curve: Curve, diffusion: float, seed: int) -> np.ndarray:
    """Langevin chains at each time from 0 on, (times, chains), by Heun's method, of weak order 2, with walls."""
    from mcmc.random import Stream, normals, split_seed
    from mcmc.samplers.gaussian_noise import fill_noise

    how, chains = spec.density, spec.particles.chains
    # fill_noise gives four numbers a chain: those of four steps.
    identity, key = np.arange(chains, dtype=np.uint32), split_seed(seed)
    x = how.start + math.sqrt(how.variance) * normals(seed, Stream.INITIAL, 0, 0, np.arange(chains))[:, 0]
    x, seen, done, now = _reflected(x), [], 0, 0.0
    seen.append(x)
    noise = np.empty((chains, 4), np.float32)
    for time in how.times:
        steps = max(1, math.ceil((time - now) / spec.particles.step))
        step = (time - now) / steps
        for _ in range(steps):
            if done % 4 == 0:
                fill_noise(noise, done // 4, identity, int(Stream.LANGEVIN_NOISE), *key)
            kick = math.sqrt(2 * diffusion * step) * noise[:, done % 4]
            slope = curve.gradient(x[:, None])[:, 0]
            ahead = _reflected(x - step * slope + kick)
            x = _reflected(x - step / 2 * (slope + curve.gradient(ahead[:, None])[:, 0]) + kick)
            done += 1
        now = time
        seen.append(x)
    return np.array(seen)


def _reflected(x: np.ndarray) -> np.ndarray:
    """Brought back by the walls."""
    return np.clip(np.where(np.abs(x) > WALL, np.sign(x) * 2 * WALL - x, x), -WALL, WALL)


def _particle_columns(spec, curve, diffusion, f, basin, seed):
    x = particles(spec, curve, diffusion, seed)
    loss = f.energy(x.reshape(-1, 1)).reshape(x.shape)
    return {
        "particles_near_minimum": ((x > basin[0]) & (x < basin[1])).mean(axis=1),
        "particles_mean_loss": loss.mean(axis=1),
        "particles_loss_error": loss.std(axis=1, ddof=1) / math.sqrt(x.shape[1]),
    }


def _equations(spec: HJSmoothingSpec, seed: int, found: Landscapes) -> dict[str, Any]:
    """Both u against finite differences with a node for two points and for each; u of the sharp one against f."""
    from mcmc.continuum import finite_differences

    how, apart = spec.smoothing, []
    for refinement in RESOLUTIONS:
        axis = fine_axis(spec, refinement)
        values, inner = rough(spec, seed, axis), np.abs(axis) < HALF_WIDTH
        for curve, t, beta in ((found.viscous, how.viscous, how.beta), (found.non_viscous, how.non_viscous, math.inf)):
            other = finite_differences(axis, values, t, beta=beta).u
            apart.append(np.abs(other - curve.energy(axis[:, None]))[inner].max())
    envelope = found.non_viscous.values
    return {
        "difference": np.array(apart).reshape(len(RESOLUTIONS), 2).T,
        "above": (envelope - found.f.values).max(),
        "lowered": abs(envelope.min() - found.f.values.min()),
    }


def _next(axis: np.ndarray, proximal: np.ndarray, here: int) -> int:
    return int(np.argmin(np.abs(axis - proximal[here])))


def _proximal(spec: HJSmoothingSpec, found: Landscapes) -> dict[str, Any]:
    """Characteristics of proximal points, which lead back to x, and the iteration from where the density starts."""
    from mcmc.continuum import characteristic

    axis = found.f.nodes
    inner = np.abs(axis) < HALF_WIDTH
    ends = characteristic(found.f, found.proximal[inner][:, None], spec.smoothing.non_viscous).x[:, 0]
    here = int(np.argmin(np.abs(axis - spec.density.start)))
    steps, there = 0, _next(axis, found.proximal, here)
    while there != here and steps < MOST_PROXIMAL_STEPS:
        steps, here, there = steps + 1, there, _next(axis, found.proximal, there)
    # Minima lie up to a node away, which a characteristic makes longer by 1 + t f''.
    width, bent = axis[1] - axis[0], np.abs(found.f.curvature()[inner[:-1]]).max()
    return {
        "characteristic": np.abs(ends - axis[inner]).max(),
        "characteristic_bound": width * (1.0 + spec.smoothing.non_viscous * bent),
        "proximal_steps": steps,
        "proximal_end": axis[here],
        "proximal_loss": found.f.values[here],
    }
