"""Sharpness of a smooth landscape at a point: how much perturbed coordinates raise f, at worst and on average.

    worst case   max f(x + c d) - f(x)  over  |d| <= radius ("ball") or |d_i| <= radius ("box")
    average      E f(x + sigma c xi) - f(x),  xi standard normal

c is 1 for each coordinate, |x_i|, or |x_i| + 1. The ball with c = 1 is what SAM minimises (Foret, Kleiner, Mobahi &
Neyshabur 2021, arXiv:2010.01412), to first order; the box with c = |x_i| + 1 is the eps-sharpness of Keskar, Mudigere,
Nocedal, Smelyanskiy & Tang 2016 (arXiv:1609.04836), who divide by 1 + f and give percents: `keskar`. For networks with
relu the first two change when a layer is multiplied by a number and the next divided by it, which leaves the function
as it is (Dinh, Pascanu, Bengio & Bengio 2017, arXiv:1703.04933): no statement about generalisation can rest on them.
c = |x_i| is invariant (Kwon, Kim, Park & Choi 2021, arXiv:2102.11600). On a quadratic the average is sigma^2 / 2 times
the trace of c H c, c a diagonal matrix, and the worst case at a minimum radius^2 / 2 times its highest eigenvalue.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.smooth_arguments import (
    checked_choice,
    checked_landscape,
    checked_point,
    checked_positive,
    energies,
    gradients,
)
from mcmc.random import Stream, normals, split_seed
from mcmc.statistics.series import positive_integer

REGIONS = ("ball", "box")
UNITS = ("one", "weights", "keskar")
ARRIVED = 1e-12
"""An ascent ends when a step gains less than this share of what it has gained in all."""
TOGETHER = 64
"""Points whose energies are taken at a time."""


@dataclass(frozen=True)
class Sharpness:
    """Rise of f around one point."""

    energy: float
    """f(x)."""
    worst: float
    """max f - f(x) over the region; a bound from below, from the best of several ascents."""
    point: np.ndarray
    """(dim,): where the worst was met."""
    residual: float
    """Share of the gradient at the worst point that an ascent could still follow: 0 at a maximum over the region."""
    ascents: np.ndarray
    """(starts,) float64: what each ascent has reached."""
    average: float
    """E f(x + sigma c xi) - f(x)."""
    average_error: float
    """One standard error."""
    warnings: tuple[str, ...] = ()

    @property
    def keskar(self) -> float:
        """100 worst / (1 + f(x))."""
        return 100.0 * self.worst / (1.0 + self.energy)


def sharpness(
    landscape: SmoothLandscape,
    x: Any,
    *,
    radius: float,
    sigma: float | None = None,
    region: str = "ball",
    unit: str = "one",
    draws: int = 128,
    starts: int = 4,
    steps: int = 200,
    seed: int = 0,
) -> Sharpness:
    """Worst case within `radius` and average over Gaussian steps of `sigma` around `x` (dim,).

    `unit` c: "one", "weights" (|x_i|) or "keskar" (|x_i| + 1); `region` "ball" or "box". `sigma` None is radius /
    sqrt(dim): steps as long as the radius. The average takes `draws` pairs of mirrored steps; the worst case the best
    of `starts` projected gradient ascents of at most `steps` steps, the first along the gradient, the others from
    random points of the region. Raises ArgumentError for arguments out of range, LandscapeError for energies or
    gradients that are not numbers.
    """
    landscape = checked_landscape(landscape)
    point = checked_point(x, landscape.dim)
    reach = checked_positive("radius", radius)
    width = reach / np.sqrt(landscape.dim) if sigma is None else checked_positive("sigma", sigma)
    checked_choice("region", region, REGIONS)
    checked_choice("unit", unit, UNITS)
    for name, value, least in (("draws", draws, 2), ("starts", starts, 1), ("steps", steps, 1)):
        positive_integer(value, name, least)
    split_seed(seed)
    scale = {"one": np.ones_like(point), "weights": np.abs(point), "keskar": np.abs(point) + 1.0}[unit]
    height = float(energies(landscape, point[None])[0])
    rises = _average(landscape, point, width * scale, draws, seed) - height
    ascent = _Ascent(landscape, point, scale, reach, region)
    reached = [ascent.climb(start, steps) for start in ascent.starts(starts, seed)]
    gains = np.array([value for value, _ in reached]) - height
    best = reached[int(gains.argmax())][1]
    residual = ascent.residual(best)
    return Sharpness(
        height, float(gains.max()), point + scale * best, residual, gains, float(rises.mean()),
        float(rises.std(ddof=1) / np.sqrt(draws)), _said(residual, gains),
    )  # fmt: skip


def _said(residual: float, gains: np.ndarray) -> tuple[str, ...]:
    if residual <= 1e-2:
        return ()
    return (
        f"worst: the best of {gains.size} ascents stopped with {residual:.2g} of the gradient still to follow; take "
        "more steps",
    )


def _average(landscape, point: np.ndarray, widths: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Means of f over mirrored pairs, (draws,)."""
    found = np.empty(draws)
    site = np.arange((point.size + 1) // 2)[None, :]
    for begin in range(0, draws, TOGETHER):
        pair = np.arange(begin, min(begin + TOGETHER, draws))[:, None]
        step = normals(seed, Stream.SMOOTHING, site, 0, pair, 2).reshape(len(pair), -1)[:, : point.size] * widths
        both = energies(landscape, point + step) + energies(landscape, point - step)
        found[begin : begin + len(pair)] = 0.5 * both
    return found


class _Ascent:
    """f(x + c d) over d within the region."""

    def __init__(self, landscape, point: np.ndarray, scale: np.ndarray, radius: float, region: str):
        self.landscape, self.point, self.scale, self.radius, self.region = landscape, point, scale, radius, region

    def value(self, d: np.ndarray) -> float:
        """f, +inf beyond a wall."""
        return float(energies(self.landscape, (self.point + self.scale * d)[None])[0])

    def slope(self, d: np.ndarray) -> np.ndarray:
        """Gradient by d."""
        found: np.ndarray = self.scale * gradients(self.landscape, (self.point + self.scale * d)[None])[0]
        return found

    def inside(self, d: np.ndarray) -> np.ndarray:
        """The nearest point of the region."""
        if self.region == "box":
            return np.clip(d, -self.radius, self.radius)
        length = float(np.linalg.norm(d))
        return d * (self.radius / length) if length > self.radius else d

    def starts(self, count: int, seed: int):
        """Where ascents begin: a little along the gradient, and random points of the region's edge."""
        slope = self.slope(np.zeros_like(self.point))
        size = float(np.abs(slope).max())
        edge = self.radius * (1.0 if self.region == "box" else np.sqrt(slope.size))
        site = np.arange((slope.size + 1) // 2)
        for k in range(count):
            drawn = normals(seed, Stream.SMOOTHING, site, 1 + k, 0, 2).reshape(-1)[: slope.size]
            # Without a gradient only a random direction leads away.
            yield self.inside(edge * slope / size) if k == 0 and size > 0 else self.inside(edge * drawn)

    def climb(self, d: np.ndarray, steps: int) -> tuple[float, np.ndarray]:
        """What a projected gradient ascent reaches, and where. Steps double where they gain and halve where not."""
        value = begin = self.value(d)
        slope = self.slope(d)
        step = self.radius / max(float(np.abs(slope).max()), 1e-300)
        for _ in range(steps):
            trial = self.inside(d + step * slope)
            reached = self.value(trial)
            if not reached > value:
                step *= 0.25
                if step * float(np.abs(slope).max()) < ARRIVED * self.radius:
                    break
                continue
            gain, d, value = reached - value, trial, reached
            if not np.isfinite(value) or gain <= ARRIVED * abs(value - begin):
                break
            slope = self.slope(d)
            step *= 4.0
        return value, d

    def residual(self, d: np.ndarray) -> float:
        """Part of the gradient that points to where the region still is, relative to the whole."""
        if not np.isfinite(self.value(d)):
            return 0.0
        slope = self.slope(d)
        size = float(np.linalg.norm(slope))
        if size == 0.0:
            return 0.0
        if self.region == "box":
            held = (np.abs(d) >= self.radius * (1 - 1e-9)) & (slope * d > 0)
            return float(np.linalg.norm(np.where(held, 0.0, slope))) / size
        length = float(np.linalg.norm(d))
        if length < self.radius * (1 - 1e-9):
            return 1.0
        along = float(slope @ d) / length
        return float(np.linalg.norm(slope - max(along, 0.0) * d / length)) / size
