"""u(x, t) of many coordinates by integration over the scale, relative to the Gaussian G_t of `bent_gaussian`.

The chains of `smooth_integration` need neighbouring scales to overlap, sqrt(dim / 2) of them for a factor e in t, since
|x - y|^2 fluctuates in all coordinates. At fixed z instead only what f adds to its quadratic changes along t: scales a
factor 1.5 apart do, the integrand d(u - u_G) / d ln t has no noise from free coordinates, and the work of the switch
from one scale to the next at fixed z gives BAR as well (Meng & Schilling 2002; Jarzynski 2002, cond-mat/0109461).
"""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.bent_gaussian import BentGaussian
from mcmc.local_entropy.crank_nicolson import STEPS_PER_DRAW, Series, WhitenedChains
from mcmc.local_entropy.hessian_products import HessianAt
from mcmc.local_entropy.proximal_point import descend
from mcmc.local_entropy.result import SCALE, Ladder, LocalEntropy
from mcmc.local_entropy.smooth_anchor import LARGEST_SPREAD
from mcmc.local_entropy.smooth_estimates import weak_overlap
from mcmc.local_entropy.smooth_mixing import DISAGREEMENT, widened
from mcmc.random import Stream, normals
from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.bennett import ratios_of_work
from mcmc.statistics.binning import automatic_length
from mcmc.statistics.convergence import r_hat
from mcmc.statistics.jackknife import replicates
from mcmc.statistics.thermodynamic_integration import integration_error, log_z_differences

WIDEST = 0.45
"""Steps of the ladder in ln t."""
FIRST_PAIRS, PAIRS = 64, 512
"""Mirrored draws of the Gaussian that look for the first scale, and that give u there and below."""
DRAWN_TOGETHER = 64
FEWEST_EFFECTIVE = 64
"""Independent draws at a rung below which its error is not known well, 9 %."""
LOW_ACCEPTANCE = 0.3
APART = 3.0
"""Distance between minima, in standard deviations of the law at either along the line between, that makes them two."""
DESCENT_STEPS = 200
ROUNDING = 1e-13


class Start(NamedTuple):
    """u where draws of the Gaussian alone give it."""

    value: float
    error: float
    spread: float
    """Standard deviation of beta R."""
    effective: float
    """Independent draws after Kish."""


class Curve(NamedTuple):
    """u at each rung."""

    value: np.ndarray
    error: np.ndarray
    steps: np.ndarray
    """Part of the error from the width of the steps in ln t."""


def drawn_start(gaussian: BentGaussian, scale: float, seed: int, pairs: int) -> Start:
    """u at one scale from `pairs` mirrored draws of the Gaussian."""
    logs = np.empty((2, pairs))
    site = np.arange((gaussian.dim + 1) // 2)[None, :]
    for begin in range(0, pairs, DRAWN_TOGETHER):
        pair = np.arange(begin, min(begin + DRAWN_TOGETHER, pairs))[:, None]
        z = normals(seed, Stream.SMOOTHING_ANCHOR, site, 4, pair).reshape(len(pair), -1)[:, : gaussian.dim]
        lanes = np.full(len(pair), scale)
        for side, sign in enumerate((1.0, -1.0)):
            logs[side, begin : begin + len(pair)] = -gaussian.rest(lanes, sign * z)
    top = logs.max()
    both = np.exp(logs - top)
    weight = both.mean(axis=0)
    variance = float(weight.var(ddof=1)) / pairs / weight.mean() ** 2
    # ln of a mean is too small by half its relative variance.
    change = top + math.log(weight.mean()) + 0.5 * variance
    with np.errstate(invalid="ignore"):
        spread = float(logs.std())
    value = float(gaussian.value(np.array([scale]))[0]) - change / gaussian.beta
    kish = float(both.sum() ** 2 / (both**2).sum())
    return Start(value, math.sqrt(variance) / gaussian.beta, spread if math.isfinite(spread) else math.inf, kish)


def first_scale(gaussian: BentGaussian, largest: float, seed: int) -> float:
    """The largest of `largest`, `largest` / 2, ... where draws alone give u. Raises ArgumentError where none does."""
    t = largest
    for _ in range(200):
        spread = drawn_start(gaussian, t, seed, FIRST_PAIRS).spread
        if spread <= LARGEST_SPREAD:
            return t
        t /= 2.0 if spread < 8 * LARGEST_SPREAD else 4.0
    raise ArgumentError(
        f"reference: down to t = {t:.3g} the landscape is no plane around it; a point where it is differentiable, and "
        "a correct gradient, are needed"
    )


def integrate_whitened(
    landscape: SmoothLandscape,
    x: np.ndarray,
    scale: np.ndarray,
    beta: float,
    seed: int,
    *,
    goal: Any,
    chains: int,
    burn_in: int,
    directions: int,
    given: np.ndarray,
) -> LocalEntropy:
    """u(x, t) at each `scale` (points,), for arguments that `smooth_integration.integrate_scale` has checked."""
    gaussian = BentGaussian(landscape, x, beta, min(directions, x.size), seed)
    first = first_scale(gaussian, float(scale.max()), seed)
    low = np.unique(np.append(scale[scale <= first], first))
    starts = {t: drawn_start(gaussian, t, seed, PAIRS) for t in low.tolist()}
    ladder = _rungs(np.unique(np.concatenate([[first], scale[scale > first], given[given > first]])))
    if ladder.size == 1:
        return _result(gaussian, scale, starts, None, None, [])
    run = WhitenedChains(gaussian, ladder, chains, seed, first)
    run.thermalize(burn_in)
    wanted = -(-goal.sweeps // STEPS_PER_DRAW)
    series: list[Series] = []
    while True:
        done = sum(part.slope.shape[1] for part in series)
        series.append(run.sample(wanted - done))
        whole = Series(*(np.concatenate(parts, axis=1) for parts in zip(*series, strict=True)))
        found = _result(gaussian, scale, starts, run, whole, [])
        excess, most = goal.excess(found), goal.max_sweeps // STEPS_PER_DRAW
        if excess <= 1.0 or wanted >= most:
            said = left_behind(run, scale)
            if excess > 1.0:
                said.append(
                    f"error: after {wanted * STEPS_PER_DRAW} sweeps it is {excess:.3g} times what was asked for"
                )
            return _result(gaussian, scale, starts, run, whole, said)
        wanted = min(most, math.ceil(wanted * min(4.0, 1.1 * excess**2)))


def _rungs(breaks: np.ndarray) -> np.ndarray:
    """`breaks`, ascending, and scales between them no further apart than WIDEST."""
    parts = []
    for low, high in pairwise(breaks.tolist()):
        count = max(1, math.ceil(math.log(high / low) / WIDEST))
        parts.append(np.append(low, low * (high / low) ** (np.arange(1, count) / count)))
    return np.append(np.concatenate(parts) if parts else np.empty(0), breaks[-1])


def by_integration(run: WhitenedChains, series: Series) -> Curve:
    """u - u_G at each rung, minus that at the first, by integration over ln t."""
    logs = np.log(run.scales)

    def bend(mean):
        return np.gradient(mean, logs, axis=-1, edge_order=2 if logs.size > 2 else 1)

    def change(mean):
        return log_z_differences(logs, -mean, bend(mean))

    slope = series.slope
    found = replicates(change, slope, length=automatic_length(slope), vectorized=True).estimate(correct_bias=False)
    mean = slope.mean(axis=(0, 1))
    # A third order between rungs: what the correction by the slopes changes is more than what is left.
    plain = log_z_differences(logs, -mean) - log_z_differences(logs, -mean, bend(mean))
    steps = integration_error(logs, -mean, bend(mean)) if logs.size > 2 else np.abs(plain)
    per_chain = change(slope.mean(axis=1))
    between = per_chain.std(axis=0, ddof=1) / np.sqrt(run.chains)
    # Few bins leave an error of 12 % noise; that of rungs taken as independent has other noise, and bounds it below.
    alone = slope.var(axis=(0, 1)) / integrated_time(slope, warn=False).independent_draws
    apart = np.sqrt((change(np.eye(logs.size)) ** 2 * alone[:, None]).sum(axis=0))
    return Curve(found.value, widened(np.maximum(found.error, apart), between), steps)


def by_bennett(run: WhitenedChains, series: Series) -> tuple[Curve, np.ndarray]:
    """The same by BAR between neighbours at fixed z, and their overlap (rungs - 1,)."""
    joined = ratios_of_work(series.up, series.down)

    def change(pull):
        steps = -joined.left_out(pull) / run.gaussian.beta
        return np.concatenate([np.zeros((*pull.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)

    length = automatic_length(joined.pull, series.slope)
    found = replicates(change, joined.pull, length=length, vectorized=True).estimate(correct_bias=False)
    return Curve(found.value, found.error, np.zeros_like(found.error)), joined.overlap


def left_behind(run: WhitenedChains, scale: np.ndarray) -> list[str]:
    """Whether chains at a scale lie above other minima of f(y) + |x - y|^2 / (2 t) than the one below x."""
    said, x, landscape = [], run.gaussian.reference, run.gaussian.landscape
    for t in np.sort(scale[scale > run.scales[0]])[-1:].tolist():
        home = descend(landscape, x, t, x, DESCENT_STEPS).point
        rung = int(np.searchsorted(run.scales, t))
        ends = [descend(landscape, x, t, y, DESCENT_STEPS).point for y in run.points[:, rung]]
        away = sum(_distance(run.gaussian, home, end, t) > APART for end in ends)
        if away:
            said.append(
                f"chains: {away} of {len(ends)} at t = {t:.6g} have left for other minima than the one below x: u "
                "there is no longer that of one well, and which wells count depends on where chains could go"
            )
    return said


def _distance(gaussian: BentGaussian, home: np.ndarray, end: np.ndarray, t: float) -> float:
    """Of two points, in standard deviations of exp(-beta (f + |x - y|^2 / (2 t))) to second order at the wider one."""
    apart = end - home
    if not apart.any():
        return 0.0
    curvature = [float(apart @ HessianAt(gaussian.landscape, point)(apart[None])[0]) for point in (home, end)]
    return math.sqrt(max(gaussian.beta * (min(curvature) + float(apart @ apart) / t), 0.0))


def _doubts(run: WhitenedChains, series: Series, effective: np.ndarray) -> list[str]:
    """What is not as it should be."""
    said = []
    worst = int(effective.argmin())
    if effective[worst] < FEWEST_EFFECTIVE:
        said.append(
            f"chains: {effective[worst]:.3g} independent draws at t = {run.scales[worst]:.6g}, fewer than "
            f"{FEWEST_EFFECTIVE}: run {FEWEST_EFFECTIVE / effective[worst]:.2g} times as many sweeps"
        )
    acceptance = run.acceptance()
    lowest = int(acceptance.argmin())
    if acceptance[lowest] < LOW_ACCEPTANCE:
        said.append(f"chains: {acceptance[lowest]:.2g} accepted at t = {run.scales[lowest]:.6g}: burn in longer")
    if series.slope.shape[1] >= 8:
        agreement = np.maximum(np.atleast_1d(r_hat(series.slope)), np.atleast_1d(r_hat(series.rest)))
        worst = int(np.nanargmax(agreement))
        if agreement[worst] > DISAGREEMENT:
            said.append(
                f"chains: R-hat is {agreement[worst]:.4g} at t = {run.scales[worst]:.6g}, above {DISAGREEMENT}: chains "
                "have not met, run more sweeps or burn in longer"
            )
    return said


def _result(gaussian, scale, starts: dict, run: WhitenedChains | None, series: Series | None, said) -> LocalEntropy:
    """The curve by integration with BAR beside it, and all warnings."""
    first = max(starts)
    bent = gaussian.value(scale)
    rungs = np.array([first]) if run is None else run.scales
    effective = np.full(rungs.size, starts[first].effective)
    overlap = np.full(rungs.size - 1, np.nan)
    curves = {"integration": Curve(*np.zeros((3, 1))), "bar": Curve(*np.zeros((3, 1)))}
    energy = np.full(rungs.size, np.nan)
    if run is not None and series is not None:
        curves["integration"] = by_integration(run, series)
        curves["bar"], overlap = by_bennett(run, series)
        pair = np.stack([series.slope, series.rest], axis=-1)
        effective = integrated_time(pair, warn=False).independent_draws.min(axis=-1)
        energy = series.energy.mean(axis=(0, 1))
        said = [*said, *weak_overlap(run.scales, overlap), *_doubts(run, series, effective)]
    place = np.searchsorted(rungs, np.maximum(scale, first))
    low = scale <= first
    base = np.array([starts[t if t <= first else first] for t in scale.tolist()])
    offset = float(gaussian.value(np.array([first]))[0])

    def packed(name: str, by: Curve, **more: Any) -> LocalEntropy:
        value = base[:, 0] + np.where(low, 0.0, bent - offset + by.value[place])
        error = np.hypot(base[:, 1], np.where(low, 0.0, np.hypot(by.error, by.steps)[place]))
        error = np.hypot(error, ROUNDING * (np.abs(value) + gaussian.dim / gaussian.beta))
        points = np.where(low, base[:, 3], effective[place])
        return LocalEntropy(
            SCALE, scale, value, error, name, gaussian.reference, gaussian.beta, 1.0 / scale, points, **more
        )

    more = {
        "integration_error": (
            ("scale",),
            np.where(low, 0.0, curves["integration"].steps[place]),
            "part of the error from the width of the steps in t",
        ),
        "gaussian": (("scale",), bent, "u of the Gaussian that chains are measured against"),
        "mean_energy": (("scale",), np.where(low, np.nan, energy[place]), "mean of f over the law at t"),
    }
    return packed(
        "integration",
        curves["integration"],
        ladder=Ladder(1.0 / rungs, np.full(rungs.size, gaussian.beta), overlap, effective),
        warnings=tuple(dict.fromkeys(said)),
        more=more,
        companions={"bar": packed("bar", curves["bar"])},
    )
