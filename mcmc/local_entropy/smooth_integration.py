"""u(x, t) of a smooth landscape as a number with an error bar, by integration over the scale.

From t_0, where independent draws give u (`smooth_anchor`), up to the scales asked for chains run in the tilted law
rho(y; x) ~ exp(-beta f(y) - beta |x - y|^2 / (2 t)) at all scales of a ladder at once; integration over t, BAR and MBAR
(`smooth_estimates`) read u off the same draws, gradient and curvature of u come with it (`smooth_moments`). MALA leaves
no bias; unadjusted Langevin steps and mini-batches do, which halving the step measures.

A direction along which f is constant, such as the rotation of all angles of an XY model without field, adds exactly 0
to u at every t: the Gaussian that smooths has integral 1 along it.

Chaudhari et al. 2017, arXiv:1611.01838; Chaudhari, Oberman, Osher, Soatto & Carlier 2018, arXiv:1704.04932.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.result import LocalEntropy
from mcmc.local_entropy.smooth_anchor import FEWEST_PAIRS, NUMBERS, Anchor, anchored, first_scale
from mcmc.local_entropy.smooth_arguments import (
    checked_choice,
    checked_landscape,
    checked_point,
    checked_positive,
    checked_scales,
)
from mcmc.local_entropy.smooth_bias import STEP_SHARE, BatchedLandscape, unadjusted, with_bias
from mcmc.local_entropy.smooth_chains import STEPS_PER_DRAW, Draws, LadderChains
from mcmc.local_entropy.smooth_ladder import tuned_chains
from mcmc.local_entropy.smooth_moments import Moments
from mcmc.local_entropy.smooth_result import Measured, result
from mcmc.local_entropy.whitened_integration import integrate_whitened
from mcmc.statistics.series import positive_integer

SAMPLERS = ("mala", "langevin", "sgld")
MANY, DIRECTIONS = 32, 64
"""Coordinates of a landscape with data from which chains move in coordinates of a bent Gaussian; its directions."""
MOST_PAIRS = 2**15
LONGEST_GROWTH = 4.0
"""A run grows by at most this factor before errors are looked at again."""


class Usual(NamedTuple):
    """What is taken where nothing is said."""

    chains: int
    burn_in: int
    sweeps: int


LADDER, WHITENED = Usual(8, 400, 4000), Usual(4, 200, 400)


class Goal(NamedTuple):
    """When to stop: at a number of Langevin steps, or at an error."""

    sweeps: int
    error: float | None
    relative_error: float | None
    max_sweeps: int

    def excess(self, found: LocalEntropy) -> float:
        """The largest ratio of an error to the one asked for; 0 where none was asked for."""
        allowed = np.full(found.value.shape, np.inf)
        if self.error is not None:
            allowed = np.minimum(allowed, self.error)
        if self.relative_error is not None:
            allowed = np.minimum(allowed, self.relative_error * np.abs(found.value))
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.nan_to_num(found.error / allowed, nan=0.0).max())


def integrate_scale(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float,
    seed: int = 0,
    error: float | None = None,
    relative_error: float | None = None,
    sweeps: int | None = None,
    max_sweeps: int = 200_000,
    chains: int | None = None,
    burn_in: int | None = None,
    sampler: str = "mala",
    batch_size: int | None = None,
    ladder: Any = None,
    tempering: bool = True,
    wells: Any = None,
    directions: int | None = None,
) -> LocalEntropy:
    """u(x, t) around `reference` x (dim,) at each `scale` t (points,), any order; value and error in units of energy.

    `sweeps` Langevin steps of each of `chains` (8) are measured, 4000 by default; or as many as `error`, absolute, and
    `relative_error` ask for at every point, `max_sweeps` at most. Chains are independent ladders, start near x and are
    tuned in a pilot and `burn_in` (400) steps; after the pilot half of them start at other minima, where descents have
    met any, from `wells` (points, dim) among others. `ladder`: scales to run at besides those asked for, in place of
    those that the pilot would choose. `tempering`: at the largest t chains go on to weaker f, which joins minima that
    lie apart and gives u from the other end (where f is finite everywhere); nearly twice the work in many dimensions.

    `sampler` "mala" has no bias. "langevin" (all data) and "sgld" (`batch_size` samples a step, for landscapes with
    data) have one: it is measured by halving the step, and reported in `warnings` and in `more`.

    `companions`: "bar", "mbar" and "tempering" from the same draws. `more`: "gradient" (scale, site), "hessian" (scale,
    site, other_site; up to 64 dimensions) and "curvature_trace" (scale) of u, each with `_error`; and the part of the
    error from the width of the steps, "integration_error". Errors count autocorrelation, the start at small t and that
    width. `warnings` say where chains that started apart have not met (R-hat, round trips; errors then count the
    spread between chains). A well that fills a share of directions below 1e-5 or so, seen from x, is met by no descent
    and no chain, and can hold the weight at large t: then u is too high and nothing says so. In many dimensions such a
    well need not be that narrow; give points in wells that are known as `wells`. Without tempering nothing tests other
    wells at all, which a warning repeats.

    Many coordinates: with `directions` of 1 or more (64 by default for landscapes with data, such as networks, of 32
    coordinates and more) chains move in the coordinates of a Gaussian bent by the curvatures of so many Lanczos
    directions, and neighbouring scales need not overlap, see `whitened_integration`: 4 chains, 400 sweeps, `burn_in`
    200 by default, companion "bar" alone, `more` with "gaussian" and "mean_energy". There is no tempering: all chains
    start around x, and whether those at the largest t have left for other minima is tested by descents from where they
    end and said in `warnings`; wells that none has met are not counted. 0 is the ladder above, with tempering.

    Raises ArgumentError for bad arguments, a landscape that is not differentiable at x, and a ladder whose neighbours
    have nothing in common (naming them and a scale to add); LandscapeError for energies or gradients that are
    not numbers.
    """
    landscape = checked_landscape(landscape)
    x, t = checked_point(reference, landscape.dim), checked_scales(scale)
    whitened = _directions(landscape, directions, sampler)
    usual = WHITENED if whitened else LADDER
    beta = require_beta(beta, infinite=False)
    goal = _goal(sweeps, error, relative_error, max_sweeps, usual.sweeps)
    chains = positive_integer(usual.chains if chains is None else chains, "chains", 2)
    burn_in = positive_integer(usual.burn_in if burn_in is None else burn_in, "burn_in", 0)
    noisy = _noisy(landscape, checked_choice("sampler", sampler, SAMPLERS), batch_size, seed)
    given = np.empty(0) if ladder is None else checked_scales(ladder)
    if given.size and given.max() > t.max():
        raise ArgumentError(f"ladder: got {given.max():g}; scales up to the largest asked for, {t.max():g}, are needed")
    known = _wells(wells, landscape.dim)
    if whitened:
        if known.size:
            raise ArgumentError("wells: got points, and chains of `directions` start around x alone; take directions=0")
        return integrate_whitened(
            landscape, x, t, beta, seed, goal=goal, chains=chains, burn_in=burn_in, directions=whitened, given=given
        )
    start = first_scale(landscape, x, 0.5 * float(t.max()), beta, seed)
    anchor = _anchor(landscape, x, np.append(t, start), beta, seed, goal)
    breaks = np.unique(np.concatenate([t, [start], given]))
    tuned = tuned_chains(
        landscape, x, breaks, beta, seed,
        start=start, chains=chains, burn_in=burn_in, automatic=ladder is None,
        tempering=bool(tempering), known=known,
    )  # fmt: skip
    if sampler == "mala":
        return _measured(tuned, anchor, start, t, goal)
    found = []
    for share in (STEP_SHARE, 0.5 * STEP_SHARE):
        run = unadjusted(tuned, noisy, share)
        run.thermalize(-(-int(burn_in / share) // STEPS_PER_DRAW))
        found.append(_measured(run, anchor, start, t, goal))
    return with_bias(found[1], found[0], sampler)


def _measured(run: LadderChains, anchor: Anchor, start: float, scale: np.ndarray, goal: Goal) -> LocalEntropy:
    """Run until the goal is reached."""
    moments = Moments(run.chains, run.scales, scale, run.reference)
    origin = run.bottom = int(np.searchsorted(run.scales, start))
    wanted, parts, done = -(-goal.sweeps // STEPS_PER_DRAW), [], 0
    while True:
        parts.append(run.sample(wanted - done, moments))
        done = wanted
        draws = Draws(*(np.concatenate(series, axis=1) for series in zip(*parts, strict=True)))
        parts = [draws]
        found = result(Measured(run, draws, moments, anchor, origin), run.reference, scale)
        excess, most = goal.excess(found), goal.max_sweeps // STEPS_PER_DRAW
        if excess <= 1.0:
            return found
        if done >= most:
            return _short(found, excess, done * STEPS_PER_DRAW)
        wanted = min(most, math.ceil(done * min(LONGEST_GROWTH, 1.1 * excess**2)))


def _short(found: LocalEntropy, excess: float, sweeps: int) -> LocalEntropy:
    from dataclasses import replace

    said = (
        f"error: after {sweeps} sweeps it is {excess:.3g} times what was asked for; about {sweeps * excess**2:.3g} "
        "would reach it, see max_sweeps"
    )
    return replace(found, warnings=(*found.warnings, said))


def _wells(wells: Any, dim: int) -> np.ndarray:
    """Points (points, dim) to look for other minima from."""
    if wells is None:
        return np.empty((0, dim))
    if isinstance(wells, (str, bytes)) or not hasattr(wells, "__iter__"):
        raise ArgumentError(f"wells: got {wells!r}; a list of points of {dim} finite numbers each is needed")
    return np.array([checked_point(well, dim) for well in wells]).reshape(-1, dim)


def _directions(landscape: SmoothLandscape, directions: int | None, sampler: str) -> int:
    """Lanczos directions of the whitened chains, 0 for the ladder."""
    if directions is None:
        many = landscape.data_size is not None and landscape.dim >= MANY
        return DIRECTIONS if many and sampler == "mala" else 0
    if positive_integer(directions, "directions", 0) and sampler != "mala":
        raise ArgumentError(
            f"directions: got {directions} with sampler {sampler!r}; 'mala', or directions=0, is needed"
        )
    return directions


def _goal(
    sweeps: int | None, error: float | None, relative_error: float | None, max_sweeps: int, usual: int = 4000
) -> Goal:
    positive_integer(max_sweeps, "max_sweeps", 64)
    for name, value in (("error", error), ("relative_error", relative_error)):
        if value is not None:
            checked_positive(name, value)
            if sweeps is not None:
                raise ArgumentError(f"sweeps, {name}: got both; the number of sweeps or the error to reach is needed")
    if sweeps is not None:
        positive_integer(sweeps, "sweeps", 64)
    first = usual if error is None and relative_error is None else min(usual // 4, max_sweeps)
    return Goal(first if sweeps is None else sweeps, error, relative_error, max_sweeps)


def _anchor(
    landscape: SmoothLandscape, x: np.ndarray, scales: np.ndarray, beta: float, seed: int, goal: Goal
) -> Anchor:
    """The anchor with an error below half of what is asked for, while that takes no more than 64 times the draws."""
    pairs = min(MOST_PAIRS, max(8 * FEWEST_PAIRS, NUMBERS // x.size))
    found = anchored(landscape, x, scales, beta, seed, pairs)
    allowed = goal.error or math.inf
    if goal.relative_error is not None:
        allowed = min(allowed, goal.relative_error * float(np.abs(found.value[-1])))
    excess = 2.0 * float(found.error[-1]) / allowed if allowed > 0 else 0.0
    if excess <= 1.0:
        return found
    return anchored(landscape, x, scales, beta, seed, math.ceil(pairs * min(64.0, 1.1 * excess**2)))


def _noisy(landscape: SmoothLandscape, sampler: str, batch_size: int | None, seed: int) -> SmoothLandscape:
    """What unadjusted chains see: mini-batches for "sgld", else the landscape itself."""
    if sampler != "sgld":
        if batch_size is not None:
            raise ArgumentError(f"batch_size: got {batch_size} with sampler {sampler!r}; only 'sgld' takes batches")
        return landscape
    if batch_size is None:
        raise ArgumentError("batch_size: got none; 'sgld' needs the number of samples a step looks at")
    return BatchedLandscape(landscape, batch_size, seed)
