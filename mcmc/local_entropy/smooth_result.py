"""From chains over a ladder of scales to a LocalEntropy: values, errors, companions, and what has not converged."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from mcmc.local_entropy.result import SCALE, Ladder, LocalEntropy
from mcmc.local_entropy.smooth_anchor import Anchor
from mcmc.local_entropy.smooth_chains import PULL, VIRIAL, Draws, LadderChains
from mcmc.local_entropy.smooth_estimates import (
    Change,
    by_bennett,
    by_integration,
    by_reweighting,
    by_tempering,
    require_overlap,
    weak_overlap,
)
from mcmc.local_entropy.smooth_mixing import between_chains, disagreements, few_round_trips, untested, widened
from mcmc.local_entropy.smooth_moments import ROUNDING, Moments
from mcmc.statistics.autocorrelation import integrated_time

FEWEST_SAMPLES = 200
"""Independent draws of all chains together below which error bars are not known well."""

LOW_ACCEPTANCE = 0.4
FEWEST_EFFECTIVE_SHARE = 0.3
SPLIT_TOLERANCE = 4.0
"""Standard errors by which the halves of a run may differ."""


class Measured(NamedTuple):
    """What a run leaves: enough for every estimator."""

    run: LadderChains
    draws: Draws
    moments: Moments
    anchor: Anchor
    """At each of the scales asked for and, last, at the first rung of integration."""
    origin: int
    """Rung at which integration starts; those below are for gradient and curvature alone."""
    between: np.ndarray | None = None
    """(rungs from `origin`,): standard error of u from the spread of whole chains."""


class Curve(NamedTuple):
    """u at the scales asked for."""

    value: np.ndarray
    error: np.ndarray
    step_error: np.ndarray
    warnings: tuple[str, ...]


def curve(estimator: Callable[..., Change], measured: Measured, scale: np.ndarray, draws: slice = slice(None)) -> Curve:
    """u at each of `scale` by one estimator: from the anchor alone, or the anchor and the change along the ladder."""
    run, first, anchor = measured.run, measured.origin, measured.anchor
    change = estimator(run.scales[first:], measured.draws.ladder[:, draws, first:], run.beta, run.dim)
    above = Change(anchor.value[-1] + change.value, np.hypot(anchor.error[-1], change.error), change.step_error)
    return _at(measured, scale, above)._replace(warnings=change.warnings)


def from_above(measured: Measured, scale: np.ndarray) -> Curve:
    """u at each of `scale` through weaker f, without the anchor where the ladder reaches."""
    run, first, draws = measured.run, measured.origin, measured.draws
    return _at(
        measured,
        scale,
        by_tempering(run.scales[first:], draws.ladder[:, :, first:], run.strengths, draws.branch, run.beta, run.dim),
    )


def _at(measured: Measured, scale: np.ndarray, above: Change) -> Curve:
    """Values at the scales asked for: the anchor's up to the start of the ladder, then `above` at its rungs."""
    ladder = measured.run.scales[measured.origin :]
    value, error = measured.anchor.value[:-1].copy(), measured.anchor.error[:-1].copy()
    steps, between = np.zeros_like(value), measured.between
    for point, t in enumerate(scale):
        if t > ladder[0]:
            rung = int(np.searchsorted(ladder, t))
            value[point], steps[point] = above.value[rung], above.step_error[rung]
            own = above.error if between is None else widened(above.error, between)
            error[point] = np.hypot(own[rung], steps[point])
    # A plane landscape leaves no variance but that of rounding.
    error = np.hypot(error, ROUNDING * (np.abs(value) + measured.run.dim / measured.run.beta))
    return Curve(value, error, steps, ())


def result(measured: Measured, reference: np.ndarray, scale: np.ndarray) -> LocalEntropy:
    """The curve by integration with the others beside it, gradient and curvature, and all warnings."""
    measured = measured._replace(between=between_chains(measured))
    run, first = measured.run, measured.origin
    overlap = require_overlap(run.scales[first:], measured.draws.ladder[:, :, first:], run.beta)
    effective = effective_draws(measured)
    found = curve(estimator_of(run), measured, scale)
    others = {name: curve(way, measured, scale) for name, way in {"bar": by_bennett, "mbar": by_reweighting}.items()}
    warned = [*weak_overlap(run.scales[first:], overlap), *complaints(measured, scale, effective)]
    if run.strengths.size:
        others["tempering"] = from_above(measured, scale)
        warned += _two_ways(scale, found, others["tempering"])
    points = _effective_at(measured, scale, effective)
    ladder = Ladder(1.0 / run.scales, np.full(run.scales.size, run.beta), _padded(overlap, first), effective)

    def packed(name: str, by: Curve, **more: Any) -> LocalEntropy:
        return LocalEntropy(SCALE, scale, by.value, by.error, name, reference, run.beta, 1.0 / scale, points, **more)

    warned += [text for other in others.values() for text in other.warnings]
    return packed(
        "integration",
        found,
        ladder=ladder,
        warnings=tuple(dict.fromkeys(warned)),
        more=_more(measured, found),
        companions={name: packed(name, other) for name, other in others.items()},
    )


def _two_ways(scale: np.ndarray, below: Curve, above: Curve) -> list[str]:
    """Whether u from small t and u through weaker f are the same: minima that exchange cannot join show here."""
    point = int(scale.argmax())
    apart = above.value[point] - below.value[point]
    spread = np.hypot(above.error[point], below.error[point])
    if abs(apart) <= SPLIT_TOLERANCE * spread:
        return []
    return [
        f"chains: u at t = {scale[point]:.6g} is {below.value[point]:.6g} from small t and {apart:+.3g} from that "
        f"through weaker f, {abs(apart) / spread:.2g} standard errors: minima are not joined, run more sweeps"
    ]


def estimator_of(run: LadderChains) -> Callable[..., Change]:
    """Integration with control variates where the law is exact: a biased law breaks the identities behind them."""
    if run.adjusted:
        return by_integration
    return lambda scales, series, beta, dim: by_integration(scales, series, beta, dim, controlled=False)


def effective_draws(measured: Measured) -> np.ndarray:
    """Independent draws behind each rung, (rungs,) float64: the fewer of those of B and of A."""
    # Not of the integrand: where control variates leave nothing of it but rounding, that tells nothing.
    pair = measured.draws.ladder[..., [PULL, VIRIAL]]
    return integrated_time(pair, warn=False).independent_draws.min(axis=-1)


def complaints(measured: Measured, scale: np.ndarray, effective: np.ndarray) -> list[str]:
    """What is not as it should be, each with the number that says by how much."""
    run, said = measured.run, []
    worst = int(effective.argmin())
    if effective[worst] < FEWEST_SAMPLES:
        said.append(
            f"chains: {effective[worst]:.3g} independent draws at t = {run.scales[worst]:.6g}, fewer than "
            f"{FEWEST_SAMPLES}: run {FEWEST_SAMPLES / effective[worst]:.2g} times as many sweeps"
        )
    acceptance = run.acceptance()
    lowest = int(acceptance.argmin())
    if acceptance[lowest] < LOW_ACCEPTANCE:
        said.append(f"chains: MALA accepts {acceptance[lowest]:.2g} at t = {run.scales[lowest]:.6g}: burn in longer")
    said += untested(measured) + disagreements(measured) + few_round_trips(measured)
    return said + _halves(measured, scale) + _weak_anchor(measured)


def _halves(measured: Measured, scale: np.ndarray) -> list[str]:
    draws = measured.draws.ladder.shape[1]
    if draws < 16:
        return []
    estimator = estimator_of(measured.run)
    first, second = (
        curve(estimator, measured, scale, half) for half in (slice(0, draws // 2), slice(draws // 2, None))
    )
    # The anchor is the same in both, and so is most of the step error.
    own = np.sqrt(np.maximum(first.error**2 + second.error**2 - 2 * measured.anchor.error[-1] ** 2, 0.0))
    apart = np.divide(np.abs(second.value - first.value), own, out=np.zeros_like(own), where=own > 0)
    worst = int(apart.argmax())
    if apart[worst] <= SPLIT_TOLERANCE:
        return []
    return [
        f"chains: the halves of the run differ by {second.value[worst] - first.value[worst]:.3g} in u at t = "
        f"{scale[worst]:.6g}, {apart[worst]:.2g} standard errors: burn in longer"
    ]


def _weak_anchor(measured: Measured) -> list[str]:
    anchor = measured.anchor
    share = anchor.effective[-1] / anchor.draws
    if share >= FEWEST_EFFECTIVE_SHARE:
        return []
    return [f"anchor: at t = {measured.run.scales[measured.origin]:.6g} only {share:.2g} of the draws count"]


def _effective_at(measured: Measured, scale: np.ndarray, effective: np.ndarray) -> np.ndarray:
    """The fewest independent draws on the way to each scale."""
    run, found = measured.run, measured.anchor.effective[:-1].copy()
    for point, t in enumerate(scale):
        above = (run.scales > run.scales[measured.origin]) & (run.scales <= t)
        if above.any():
            found[point] = effective[above].min()
    return found


def _padded(overlap: np.ndarray, first: int) -> np.ndarray:
    return np.concatenate([np.full(first, np.nan), overlap])


def _more(measured: Measured, found: Curve) -> dict:
    """Gradient, curvature and the parts of the error, by name."""
    moments, beta = measured.moments, measured.run.beta
    gradient, gradient_error = moments.gradient()
    # Rungs ascend; points are in the order asked for, some may be asked for twice.
    gradient, gradient_error = gradient[moments.place], gradient_error[moments.place]
    more = {
        "gradient": (("scale", "site"), gradient, "gradient of u"),
        "gradient_error": (("scale", "site"), gradient_error, "one standard error of the gradient of u"),
        "integration_error": (("scale",), found.step_error, "part of the error from the width of the steps in t"),
    }
    if moments.full:
        hessian, hessian_error = moments.hessian(beta)
        more["hessian"] = (("scale", "site", "other_site"), hessian[moments.place], "Hessian of u")
        more["hessian_error"] = (
            ("scale", "site", "other_site"),
            hessian_error[moments.place],
            "one standard error of the Hessian",
        )
    trace, trace_error = moments.trace(beta)
    more["curvature_trace"] = (("scale",), trace[moments.place], "Laplacian of u")
    more["curvature_trace_error"] = (("scale",), trace_error[moments.place], "one standard error of the Laplacian")
    return more
