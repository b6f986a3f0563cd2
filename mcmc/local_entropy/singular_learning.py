"""Local learning coefficient of a minimum w*: how fast the volume of low loss around it shrinks.

    lambda = s < K(w) - K(w*) >   under   exp(-s (K(w) - K(w*)) - g |w - w*|^2 / 2),     s = n beta,

dim / 2 where the Hessian is not singular and g, the localisation, is weak; less at singular minima (Watanabe 2009;
Lau, Furman, Wang, Murfet & Wei 2023, arXiv:2308.12108). MALA draws from this law without bias. Unadjusted Langevin
steps of size eps, w - (eps / 2) grad + sqrt(eps) xi ("sgld", gradients of all data or of mini-batches), are biased to
first order in eps: they run at eps and eps / 2, the line through both is taken to eps = 0, and both are reported.
"crank_nicolson" moves without bias in coordinates of the Gaussian that the curvatures at w* make, see `crank_nicolson`:
for networks, whose many coordinates make MALA's steps short. The exact laws
at finite s: a quadratic of eigenvalues h has (1/2) sum s h / a, a = s h + g, under steps eps (1/2) sum s h /
(a (1 - eps a / 4)); K = w^(2k) has 1 / (2k) at every s.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.learning_chains import Localised, Series, run_crank_nicolson, run_langevin, run_mala
from mcmc.local_entropy.smooth_arguments import (
    checked_choice,
    checked_landscape,
    checked_point,
    checked_positive,
    energies,
)
from mcmc.local_entropy.smooth_bias import BatchedLandscape
from mcmc.random import split_seed
from mcmc.statistics.autocorrelation import integrated_time
from mcmc.statistics.convergence import AGREEMENT, ess, r_hat
from mcmc.statistics.series import positive_integer

if TYPE_CHECKING:
    import xarray

SAMPLERS = ("mala", "sgld", "crank_nicolson")
CHAINS_ENOUGH = 16
"""From so many chains on their spread is the error; fewer use the autocorrelation time."""
FEW = 100
"""Effective samples below which the error is not to be trusted."""
ACCEPTED_LEAST = 0.2


@dataclass(frozen=True)
class LearningCoefficient:
    """Local learning coefficient of one reference, with what is known about how well it was sampled."""

    value: float
    """s <K - K(w*)>; sgld: extrapolated to step 0."""
    error: float
    """One standard error, autocorrelation and, for sgld, extrapolation in it."""
    per_chain: np.ndarray
    """(chains,) float64: the same from each chain alone."""
    reference: np.ndarray
    """(dim,) float64: w*."""
    inverse_temperature: float
    """s = n beta, which multiplies K."""
    localisation: float
    """g."""
    sampler: str
    step_size: np.ndarray
    """(chains,) float64: eps of each chain: tuned (mala; delta, crank_nicolson), or as given (sgld)."""
    acceptance: np.ndarray
    """(chains,) float64: accepted share of proposals; NaN for sgld."""
    r_hat: float
    """Agreement of the chains, 1 when they agree."""
    effective_samples: float
    steps: np.ndarray
    """(runs,) float64: step sizes eps of the runs; NaN, one run, of samplers without bias."""
    step_values: np.ndarray
    """(runs,) float64: s <K - K(w*)> at each of them, bias included."""
    step_errors: np.ndarray
    """(runs,) float64."""
    warnings: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether there is nothing to warn about."""
        return not self.warnings

    def z_score(self, exact: float) -> float:
        """(value - exact) in standard errors."""
        return (self.value - exact) / self.error

    def to_xarray(self) -> "xarray.Dataset":
        """All of it over dims `chain` and `run`; settings and warnings in the attributes."""
        import xarray

        one = {"units": "1"}
        variables = {
            "value": ((), self.value, {"long_name": "local learning coefficient"} | one),
            "error": ((), self.error, {"long_name": "one standard error of the learning coefficient"} | one),
            "r_hat": ((), self.r_hat, {"long_name": "R-hat of s (K - K*)"} | one),
            "effective_samples": ((), self.effective_samples, {"long_name": "independent samples"} | one),
            "per_chain": ("chain", self.per_chain, {"long_name": "learning coefficient by chain"} | one),
            "step_size": ("chain", self.step_size, {"long_name": "step size eps"} | one),
            "acceptance": ("chain", self.acceptance, {"long_name": "accepted share of proposals"} | one),
            "run_step": ("run", self.steps, {"long_name": "step size eps of the run"} | one),
            "run_value": ("run", self.step_values, {"long_name": "s <K - K*> at that step, biased"} | one),
            "run_error": ("run", self.step_errors, {"long_name": "one standard error of it"} | one),
            "reference": ("coordinate", self.reference, {"long_name": "reference w*"} | one),
        }
        attributes = {
            "inverse_temperature": self.inverse_temperature,
            "localisation": self.localisation,
            "sampler": self.sampler,
            "warnings": "\n".join(self.warnings),
        }
        return xarray.Dataset(variables, attrs=attributes)


class _Mean(NamedTuple):
    value: float
    error: float
    per_chain: np.ndarray


def learning_coefficient(
    landscape: SmoothLandscape,
    reference: Any,
    *,
    beta: float,
    localisation: float,
    data_size: int | None = None,
    sampler: str = "mala",
    step_size: float | None = None,
    batch_size: int | None = None,
    directions: int = 64,
    chains: int = 64,
    sweeps: int = 2000,
    burn_in: int | None = None,
    seed: int = 0,
) -> LearningCoefficient:
    """Local learning coefficient at w* = `reference` (dim,), a minimum of the landscape's energy K.

    s = n beta multiplies K, n being `data_size`, or that of the landscape when K is a mean over data, else 1: for the
    temperature of Lau et al. take beta = 1 / ln n. `localisation` g >= 0 holds the chains near w*; 0 needs a landscape
    that confines them, by a wall (energy +inf, mala only) if need be. `step_size` eps: what mala starts to tune from,
    and what sgld needs; `batch_size` samples a step, sgld alone, None for all. `directions` Lanczos steps show
    crank_nicolson the curvatures at w*; it needs a localisation above 0. `chains` start at w* and around it, where s (K
    - K*) is about dim (crank_nicolson: from the Gaussian); each goes `burn_in` steps (default `sweeps` / 2) and then
    measures at `sweeps` steps. Warns when chains disagree (R-hat above 1.01), fewer than 100 effective samples stand
    behind the value, nearly all proposals are refused, or w* is no minimum. Raises ArgumentError for bad arguments, and
    for an sgld step that diverges.
    """
    landscape = checked_landscape(landscape)
    point = checked_point(reference, landscape.dim)
    size = landscape.data_size if data_size is None else data_size
    s = require_beta(beta, infinite=False) * (1 if size is None else positive_integer(size, "data_size"))
    g = checked_positive("localisation", localisation, zero=True)
    checked_choice("sampler", sampler, SAMPLERS)
    for name, number, least in (("chains", chains, 2), ("sweeps", sweeps, 16)):
        positive_integer(number, name, least)
    before = sweeps // 2 if burn_in is None else positive_integer(burn_in, "burn_in", 0)
    split_seed(seed)
    if not np.isfinite(energies(landscape, point[None])[0]):
        raise ArgumentError("reference: its energy is infinite; a minimum of the energy is needed")
    target = Localised(_batched(landscape, sampler, batch_size, seed), point, s, g)
    if sampler == "crank_nicolson":
        if g == 0.0:
            raise ArgumentError("localisation: got 0; crank_nicolson needs one above 0, its chains start within it")
        steps = positive_integer(directions, "directions", 0)
        return _unbiased(target, run_crank_nicolson(target, steps, chains, before, sweeps, seed), sampler)
    if sampler == "mala":
        step = checked_positive("step_size", step_size) if step_size is not None else target.first_step()
        return _unbiased(target, run_mala(target, step, chains, before, sweeps, seed), sampler)
    if step_size is None:
        raise ArgumentError("step_size: got none; sgld needs the step eps, well below 4 / (s h + g), h the curvature")
    eps = checked_positive("step_size", step_size)
    runs = [run_langevin(target, eps, np.arange(chains), before, sweeps, seed)]
    runs.append(run_langevin(target, eps / 2, np.arange(chains, 2 * chains), 2 * before, 2 * sweeps, seed))
    return _extrapolated(target, eps, runs)


def _batched(landscape: SmoothLandscape, sampler: str, batch_size: int | None, seed: int) -> SmoothLandscape:
    """The landscape, or one whose gradients see mini-batches."""
    if batch_size is None:
        return landscape
    if sampler != "sgld":
        raise ArgumentError(f"batch_size: got {batch_size} with sampler {sampler!r}; only 'sgld' takes batches")
    return BatchedLandscape(landscape, batch_size, seed)


def _unbiased(target: Localised, run: Series, sampler: str) -> LearningCoefficient:
    mean = _mean(run.loss)
    one = np.array([np.nan]), np.array([mean.value]), np.array([mean.error])
    return _result(target, sampler, run, mean, *one, ())


def _extrapolated(target: Localised, eps: float, runs: list[Series]) -> LearningCoefficient:
    """To step 0 along the line through eps and eps / 2; what is left is of the order of the square of the change."""
    coarse, fine = (_mean(run.loss) for run in runs)
    change = coarse.value - fine.value
    value = 2 * fine.value - coarse.value
    noise = float(np.hypot(2 * fine.error, coarse.error))
    # V (1 + b + b^2): the line leaves -b^2 / 2, and the change is b / 2.
    left = 2 * change**2 / abs(value) if value else abs(change)
    warnings: tuple[str, ...] = ()
    if abs(change) > 0.1 * abs(value):
        warnings = (
            f"step_size {eps:g}: halving it changes the value by {-change:.3g}, {abs(change / value):.0%} of it, so "
            f"about {left:.2g} of bias is left after extrapolation; take a smaller step, or sampler='mala'",
        )
    mean = _Mean(value, float(np.hypot(noise, left)), 2 * fine.per_chain - coarse.per_chain)
    steps = np.array([eps, eps / 2])
    values, errors = np.array([coarse.value, fine.value]), np.array([coarse.error, fine.error])
    return _result(target, "sgld", runs[1], mean, steps, values, errors, warnings)


def _mean(loss: np.ndarray) -> _Mean:
    """Mean of s (K - K*), (chains, draws), and its error: from the spread of many chains, else autocorrelation."""
    per_chain = loss.mean(axis=1)
    count = len(per_chain)
    if count >= CHAINS_ENOUGH:
        error = per_chain.std(ddof=1) / np.sqrt(count)
    else:
        tau = integrated_time(loss, warn=False).tau_int
        error = loss.std() * np.sqrt(2 * float(tau) / loss.size)
    return _Mean(float(per_chain.mean()), float(error), per_chain)


def _result(
    target: Localised, sampler, run: Series, mean: _Mean, steps, values, errors, warnings
) -> LearningCoefficient:
    agreement, effective = float(r_hat(run.loss)), float(ess(run.loss))
    said = [*warnings, *_doubts(run, agreement, effective, mean)]
    return LearningCoefficient(
        mean.value, mean.error, mean.per_chain, target.reference, target.s, target.g, sampler, run.step_size,
        run.acceptance, agreement, effective, steps, values, errors, tuple(said),
    )  # fmt: skip


def _doubts(run: Series, agreement: float, effective: float, mean: _Mean):
    """What is not as it should be."""
    if agreement > AGREEMENT:
        yield f"chains disagree: R-hat {agreement:.3f}, above {AGREEMENT}; take more sweeps, or a larger localisation"
    if effective < FEW:
        yield f"{effective:.3g} effective samples, below {FEW}: the error is not to be trusted; take more sweeps"
    refused = int((run.acceptance < ACCEPTED_LEAST).sum())
    if refused:
        yield f"{refused} of {run.acceptance.size} chains accept below {ACCEPTED_LEAST:.0%} of proposals; tune longer"
    lowest = float(run.loss.min())
    if lowest < -4.9 * mean.error - 1e-9 * (1.0 + abs(mean.value)):
        yield f"reference: no minimum, s (K - K*) fell to {lowest:.3g}; descend further first, or the value is too low"
