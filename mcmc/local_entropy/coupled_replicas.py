"""Entropy of groups of y coupled replicas at a mutual distance: the large-deviation ensemble itself, sampled.

Law exp(-beta sum_a E(w^a) + gamma A), A = sum_(a<b) w^a.w^b. With q = 2 <A> / (N y (y - 1)) the mean mutual overlap and
d = (1 - q) / 2,

    phi_y(d) = [ln Z_y(gamma) - gamma <A>] / (y N),

at beta = infinity the entropy per weight and solution of groups of y solutions at mutual distance d: the ensemble of
arXiv:1511.05634 and 1605.06444, `perceptron.theory.large_deviations_finite_y` for large N. ln Z_y is known at beta = 0
and followed along a line of strengths: beta rises to the one asked for, then gamma. The internal entropy

    y phi_y(d) - (y - 1) phi_(y-1)(d),

is that of one more replica in a group of y - 1 (phi_1 = ln Z_1 / N): the finite form of d(y phi_y)/dy, the local
entropy around the groups that y selects (arXiv:1509.05753).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscape import ReplicableLandscape, ReplicaLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.replica_checks import Measured, effective, said
from mcmc.local_entropy.replica_estimates import at_agreement, by_bennett, by_integration
from mcmc.local_entropy.replica_path import (
    ANY,
    ENOUGH,
    SPARE,
    Annealed,
    Place,
    Population,
    StuckError,
    couplings_between,
    ladder_through,
)
from mcmc.local_entropy.replica_tempering import Line, Recorded, independent_draws, nearest
from mcmc.local_entropy.result import DISTANCE, Ladder, LocalEntropy
from mcmc.random import split_seed
from mcmc.statistics.series import positive_integer

PULLS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.2, 1.6, 2.4)
"""gamma (y - 1) tried in turn until a population reaches solutions: coupled replicas find them where free ones do not
(arXiv:1605.06444)."""

TRIES = 8
"""Further populations that look for solutions where the first met none."""

NEXT_SEED = 0x9E3779B97F4A7C15


def replicated(
    model: Any,
    y: int = 3,
    distance: Any = None,
    *,
    gamma: Any = None,
    beta: float = math.inf,
    seed: int = 0,
    sweeps: int = 2000,
    thermalize: int | None = None,
    chains: int = 4,
    update: str = "heat_bath",
    internal: bool = True,
) -> LocalEntropy:
    """phi_y at each mutual `distance` of `y` replicas, or at the means that couplings `gamma` give; see the module.

    `model` is a spin landscape with `with_replicas`. A population that anneals lays out the line and finds the coupling
    of each distance; `chains` independent sets of replicas then temper along it for `thermalize` (sweeps / 2) and
    `sweeps` sweeps. `value` is by Bennett's ratios, the companion "integration" integrates over beta and gamma; errors
    contain autocorrelation and the width of steps. `value` is canonical, as defined; `more` has `counted`, the number
    of groups with exactly this mean distance (a (1/yN) ln sqrt N below), `overlap` q, `errors`, the mean energy
    per replica and weight, and with `internal`, which samples y - 1 replicas too, `internal_entropy` and its error.
    There is no reference: zeros stand for it. Where chains differ from each other the error is at least that of their
    spread; `warnings` says so, and names what else has not converged (replica_checks.py). Values are NaN when no draw
    at the last finite beta is a solution. With hardly any
    solutions chains forget slowly where they started, values then being too low: give `thermalize` as many sweeps.
    Raises ArgumentError for bad arguments, for distances that replicas cannot have, and when at beta = infinity no
    solution was reached; LandscapeError for an `update` that the model does not have.
    """
    beta, y = require_beta(beta), positive_integer(y, "y", 2)
    landscape = _replicas(model, y)
    sizes = _Sizes(positive_integer(sweeps, "sweeps", 100), positive_integer(chains, "chains"), 0)
    sizes = sizes._replace(
        warm=sizes.sweeps // 2 if thermalize is None else positive_integer(thermalize, "thermalize", 0)
    )
    split_seed(seed)
    if update not in landscape.updates:
        raise LandscapeError(f"update {update!r}: not available, there are {', '.join(landscape.updates)}")
    wanted, couplings = _asked(distance, gamma, y)
    pairs = landscape.sites * (y - 1) / 2.0
    arguments = landscape, beta, update, seed
    if wanted is None:
        path = _given_path(arguments, couplings)
    else:
        path = _path(arguments, pairs * wanted, pairs)
        couplings = couplings_between(path.coupling, pairs * wanted)
    sampled = _Sampled(landscape, path, couplings, beta, sizes, seed, update)
    curve = sampled.curve(sampled.overlaps(couplings, pairs) if wanted is None else wanted, pairs)
    if not internal:
        return curve
    again = {
        "beta": beta, "seed": (seed + NEXT_SEED) % 2**64, "sweeps": sizes.sweeps, "thermalize": sizes.warm,
        "chains": sizes.chains, "update": update, "internal": False,
    }  # fmt: skip
    return _with_internal(curve, y, *_one_fewer(model, y, curve.scale, sampled, again))


_Arguments = tuple[ReplicaLandscape, float, str, int]


class _Sizes(NamedTuple):
    sweeps: int
    chains: int
    warm: int


class _Sampled:
    """A line of coupled replicas, run, and what it says."""

    def __init__(
        self, landscape: ReplicaLandscape, path: Annealed, couplings: np.ndarray, beta: float, sizes: _Sizes,
        seed: int, update: str,
    ):  # fmt: skip
        self.landscape, self.target = landscape, beta
        stops = np.append(couplings, path.coupling[-1].gamma)
        if path.coupling[0].gamma <= 0.0:
            stops = np.append(stops, 0.0)
        ladder = ladder_through(path.coupling, stops)
        self.first = len(path.cooling) - 1
        self.beta = np.array([place.beta for place in path.cooling] + [beta] * (ladder.size - 1))
        self.gamma = np.concatenate([np.full(self.first, ladder[0]), ladder])
        starts = path.cooling + [nearest(path.coupling, strength) for strength in ladder[1:]]
        line = Line(landscape, self.beta, self.gamma, starts, sizes.chains, seed, update)
        line.run(sizes.warm)
        self.found: Recorded = line.run(sizes.sweeps)
        start = float(landscape.log_volume(ladder[:1])[0])
        self.bennett, self.overlap = by_bennett(self.beta, self.gamma, self.first, self.found, start)
        self.integrated = by_integration(self.beta, self.gamma, self.first, self.found, start)

    def overlaps(self, couplings: np.ndarray, pairs: float) -> np.ndarray:
        """Mean overlap q at couplings that are rungs."""
        rungs = np.abs(self.gamma[self.first :] - couplings[:, None]).argmin(axis=1)
        return self._agreement().mean(axis=(0, 1))[rungs] / pairs

    def single(self) -> tuple[float, float]:
        """ln Z of one replica alone, from gamma = 0, and its error; NaN where that was not sampled."""
        free = np.flatnonzero(self.gamma[self.first :] == 0.0)
        if not free.size:
            return math.nan, math.nan
        error, _, _ = independent_draws(self.bennett.pull[:, :, free])
        y = self.landscape.replicas
        value = float(self.bennett.value[free[0]])
        return value / y, math.nan if math.isnan(value) else float(error[0]) / y

    def curve(self, overlap: np.ndarray, pairs: float) -> LocalEntropy:
        """The entropies at mean overlaps (points,)."""
        y, whole = self.landscape.replicas, self.landscape.sites
        spacing = 4.0 if y % 2 else 2.0
        at, other = (
            at_agreement(z, self.gamma[self.first :], self._agreement(), overlap * pairs, spacing)
            for z in (self.bennett, self.integrated)
        )
        ladder = Ladder(self.gamma, self.beta, self.overlap, effective(self.found))
        companion = self._result("integration", overlap, other, whole, ())
        errors = self.found.energy[:, :, self.first :].mean(axis=(0, 1))[at.rung] / whole
        more = {
            "overlap": ((DISTANCE,), overlap, "mean overlap of two replicas"),
            "counted": ((DISTANCE,), at.counted / whole, "entropy per weight and replica at exactly this distance"),
            "errors": ((DISTANCE,), errors, "mean energy per weight and replica"),
        }
        distance = 0.5 * (1.0 - overlap)
        run = Measured(self.beta, self.gamma, self.first, self.found, self.overlap, distance, at, other)
        return self._result("replicated", overlap, at, whole, said(run), ladder, more, {"integration": companion})

    def _result(self, method, overlap, at, whole, warnings, ladder=None, more=None, companions=None) -> LocalEntropy:
        return LocalEntropy(
            kind=DISTANCE,
            scale=0.5 * (1.0 - overlap),
            value=at.value / whole,
            error=at.error / whole,
            method=method,
            reference=np.zeros(whole // self.landscape.replicas, np.int8),
            beta=self.target,
            gamma=at.gamma,
            effective_samples=at.effective_samples,
            ladder=ladder,
            warnings=warnings,
            more=more or {},
            companions=companions or {},
        )

    def _agreement(self) -> np.ndarray:
        return self.found.agreement[:, :, self.first :]


def _replicas(model: Any, y: Any) -> ReplicaLandscape:
    if not isinstance(model, ReplicableLandscape):
        raise ArgumentError(
            f"model: got {type(model).__name__}; a spin landscape with a method with_replicas is needed"
        )
    return model.with_replicas(y)


def _asked(distance: Any, gamma: Any, y: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Overlaps or None, and couplings, without meaning where there are overlaps; (points,) float64.

    Raises ArgumentError for both, neither or what cannot be.
    """
    if (distance is None) == (gamma is None):
        raise ArgumentError("distance, gamma: give one of them")
    name, given = ("gamma", gamma) if distance is None else ("distance", distance)
    try:
        values = np.atleast_1d(np.asarray(given, dtype=np.float64))
    except (TypeError, ValueError):
        values = np.full(1, math.nan)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all() or np.unique(values).size != values.size:
        raise ArgumentError(f"{name}: got {given!r}; one or more distinct finite numbers are needed")
    if distance is None:
        return None, values
    # Signs of y replicas disagree in at most this fraction of the pairs.
    most = (y // 2) * (y - y // 2) / (y * (y - 1) / 2.0)
    outside = values[~((values > 0) & (values < most))]
    if outside.size:
        raise ArgumentError(
            f"distance: got {outside[0]:g}; mean mutual distances of {y} replicas are above 0 and below {most:.4g}"
        )
    return 1.0 - 2.0 * values, np.zeros(values.size)


def _path(arguments: _Arguments, wanted: np.ndarray, pairs: float) -> Annealed:
    """A path that covers the mean agreements `wanted`, from the weakest coupling at which annealing reaches beta."""

    def done(place: Place) -> bool:
        return place.gamma >= 0.0 and place.mean >= wanted.max()

    pulls = [pull / (arguments[0].replicas - 1) for pull in PULLS]
    path = _first_path(arguments, pulls, done)
    if path.coupling[0].gamma > 0.0 and path.coupling[0].mean > wanted.min():
        path = _first_path(arguments, pulls, done, hesitant=False)
    weakest = path.coupling[0]
    if weakest.mean <= wanted.min():
        return path if weakest.gamma == 0.0 else _easier(arguments, path, wanted, done)
    if weakest.gamma > 0.0:
        raise ArgumentError(
            f"distance: got {0.5 - 0.5 * wanted.min() / pairs:.4g}; below a coupling of {weakest.gamma:.3g} annealing "
            f"reaches no solutions, and there the distance is {0.5 - 0.5 * weakest.mean / pairs:.4g}: ask for at most "
            "that, or take beta finite"
        )
    looser = Population(*arguments, ANY)
    looser.anneal(0.0, lambda at: True)
    return Population(*arguments, ANY).anneal(looser.loosen(0.0, float(wanted.min())), done)


def _easier(arguments: _Arguments, path: Annealed, wanted: np.ndarray, done: Callable[[Place], bool]) -> Annealed:
    """The path from the strongest coupling that the largest distance allows: there replicas cool most easily."""
    gamma = np.array([place.gamma for place in path.coupling])
    rung = np.interp(couplings_between(path.coupling, wanted.min()), gamma, np.arange(gamma.size))
    # Two rungs to spare: a population that hurries is not quite where chains will be.
    strongest = np.interp(rung - SPARE, np.arange(gamma.size), gamma)
    try:
        return Population(*arguments).anneal(float(strongest), done)
    except StuckError:
        return path


def _given_path(arguments: _Arguments, couplings: np.ndarray) -> Annealed:
    """A path that covers the `couplings`, cooled at the weakest, or below it where that alone reaches beta."""
    weakest, partners = float(couplings.min()), arguments[0].replicas - 1
    starts = [weakest, *(pull / partners for pull in PULLS if pull / partners < weakest)]
    return _first_path(arguments, starts, lambda at: at.gamma >= couplings.max())


def _first_path(
    arguments: _Arguments, starts: Sequence[float], done: Callable[[Place], bool], hesitant: bool = True
) -> Annealed:
    """The path from the first of the couplings `starts` at which a good share of a population reaches solutions.

    Where none does, or when not `hesitant`, from the first at which any member does; then of TRIES other populations.
    Raises StuckError without one.
    """
    landscape, beta, update, seed = arguments
    trials = [(start, seed, ENOUGH) for start in starts if hesitant]
    trials += [(start, seed, ANY) for start in starts]
    others = itertools.islice(itertools.cycle(starts), TRIES)
    trials += [(start, (seed + NEXT_SEED * (2 + number)) % 2**64, ANY) for number, start in enumerate(others)]
    hopeless = set()
    for start, seed, enough in trials:
        if (start, seed) in hopeless:
            continue
        try:
            return Population(landscape, beta, update, seed, enough).anneal(start, done)
        except StuckError as stuck:
            refused = stuck
            hopeless |= {(start, seed)} if stuck.share == 0 else set()
    raise refused


def _one_fewer(
    model: Any, y: int, distance: np.ndarray, sampled: "_Sampled", again: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Entropy per weight of y - 1 replicas together, its error, and what is wrong with it."""
    n = sampled.landscape.sites // y
    if y == 2:
        value, error = sampled.single()
        missing = ("internal entropy: one replica alone, gamma = 0, was not sampled",) if math.isnan(value) else ()
        return np.full(distance.size, value / n), np.full(distance.size, error / n), missing
    try:
        fewer = replicated(model, y - 1, distance, **again)
    except ArgumentError as refused:
        nothing = np.full(distance.size, math.nan)
        return nothing, nothing, (f"internal entropy: not known with {y - 1} replicas: {refused}",)
    said = tuple(f"internal entropy, {y - 1} replicas: {text}" for text in fewer.warnings)
    return (y - 1) * fewer.value, (y - 1) * fewer.error, said


def _with_internal(
    curve: LocalEntropy, y: int, rest: np.ndarray, rest_error: np.ndarray, warnings: tuple[str, ...]
) -> LocalEntropy:
    """The curve with the entropy of one more replica in groups of y - 1."""
    entropy, error = y * curve.value - rest, np.hypot(y * curve.error, rest_error)
    said = "entropy per weight of one more replica in a group of one fewer"
    more = {
        **curve.more,
        "internal_entropy": ((DISTANCE,), entropy, said),
        "internal_entropy_error": ((DISTANCE,), error, "one standard error of the internal entropy"),
    }
    return replace(curve, more=more, warnings=curve.warnings + warnings)
