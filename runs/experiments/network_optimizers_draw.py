"""One draw of "network-optimizers": a step size tried by cross-validation, or a run and what surrounds its end."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from runs.experiments.network_methods import StepSizes
from runs.experiments.network_optimizers import (
    ESTIMATORS,
    FEATURES,
    LEVELS,
    MEASURES,
    NEIGHBOUR,
    RUN,
    TRIAL,
    NetworkOptimizersSpec,
    rising_shares,
)
from runs.experiments.network_optimizers_training import Trained, Tuning, choose, train, validated, weights_at_loss
from runs.grid import point_seed


class Trials(dict[float, np.ndarray]):
    """Error and loss held out, (folds, repeats, 2), by step size."""

    @classmethod
    def of(cls, path: Path, tried: int) -> "Trials":
        """Those that a file holds already."""
        from mcmc.store.reader import open_run_file

        found = cls()
        if path.exists():
            data = open_run_file(path, ("step_size", "held_out"))
            for step, held in zip(data["step_size"].values[:tried], data["held_out"].values[:tried], strict=True):
                found[float(step)] = held
        return found


def measure_trial(spec: NetworkOptimizersSpec, method: str, number: int, trials: Trials) -> dict[str, Any]:
    """One step size, tried."""
    begun = time.monotonic()
    step = step_sizes(spec.step_size, spec.tuning, method)[number]
    trials[step] = validated(
        spec.data.draw(), spec.landscape, method, step, spec.options, spec.training, spec.tuning,
        seed=point_seed(spec.seed, "tuning"),
    )  # fmt: skip
    return {**_nothing(spec), "step_size": step, "trial": TRIAL, "held_out": trials[step],
            "seconds": time.monotonic() - begun}  # fmt: skip


def measure_run(spec: NetworkOptimizersSpec, method: str, number: int, trials: Trials) -> dict[str, Any]:
    """One seed trained with the step size chosen, and its surroundings. Raises ArgumentError where none is usable."""
    begun = time.monotonic()
    step = chosen_step(trials, method)
    landscape = spec.landscape()
    run = train(
        landscape, method, step, spec.options, spec.training, budget=spec.training.epochs * spec.data.draw().size,
        chains=[number], seed=point_seed(spec.seed, "training"), places=rising_shares(spec.places),
    )  # fmt: skip
    row = {**_nothing(spec), "step_size": step, "trial": RUN, "work": run.work}
    row |= {name: getattr(run, name)[:, 0] for name in ("test_error", "training_error", "training_loss")}
    row["replicas_error"] = run.replicas_error[0]
    if np.isfinite(run.weights).all():
        row |= _surrounded(spec, landscape, run, number, point_seed(spec.seed, f"surroundings {method} {number}"))
        if number < spec.surroundings.integrated:
            matched = _matched(spec, landscape, method, step, number)
            row |= {**matched, "warned": row["warned"] + matched.get("warned", 0)}
    return {**row, "seconds": time.monotonic() - begun}


def measure_neighbour(spec: NetworkOptimizersSpec, method: str, number: int, trials: Trials) -> dict[str, Any]:
    """One seed with the step size next below (even numbers) or above the chosen one: its test error, and at equal loss.

    Nothing is known where no such step size was tried, or where a trial of it diverged.
    """
    begun = time.monotonic()
    row = {**_nothing(spec), "step_size": np.nan, "trial": NEIGHBOUR}
    usable = sorted(step for step, held in trials.items() if np.isfinite(held).all())
    place, seed = usable.index(chosen_step(trials, method)) + (1 if number % 2 else -1), number // 2
    if 0 <= place < len(usable):
        landscape, step = spec.landscape(), usable[place]
        run = train(
            landscape, method, step, spec.options, spec.training, budget=spec.training.epochs * landscape.data.size,
            chains=[seed], seed=point_seed(spec.seed, "training"),
        )  # fmt: skip
        for name in ("work", "test_error", "training_error", "training_loss"):
            row[name] = np.append(np.full(spec.places, np.nan), getattr(run, name)[-1])
        row |= {"step_size": step, **_matched(spec, landscape, method, step, seed)}
    return {**row, "seconds": time.monotonic() - begun}


def chosen_step(trials: Trials, method: str) -> float:
    """The best of the step sizes tried. Raises ArgumentError where every one diverged."""
    from mcmc.errors import ArgumentError

    step = choose(trials)
    if not np.isfinite(step):
        raise ArgumentError(
            f"step_size.{method}: every step size tried diverged, {', '.join(f'{s:.3g}' for s in trials)}; take a "
            "smaller one"
        )
    return step


def step_sizes(middle: StepSizes, tuning: Tuning, method: str) -> list[float]:
    """Step sizes tried for a method."""
    return [float(f"{factor * getattr(middle, method):.12g}") for factor in tuning.factors]


def _nothing(spec: NetworkOptimizersSpec) -> dict[str, Any]:
    """A row of which nothing is known."""
    along, around = np.full(spec.places + 1, np.nan), np.full((len(ESTIMATORS), len(spec.surroundings.scale)), np.nan)
    return {
        "held_out": np.full((spec.tuning.folds, spec.tuning.seeds, len(MEASURES)), np.nan),
        **dict.fromkeys(("work", "test_error", "training_error", "training_loss"), along),
        "local_entropy": around,
        "own_error": around,
        "matched_loss": np.nan,
        "matched_entropy": np.full(len(spec.surroundings.scale), np.nan),
        "matched_test_error": np.nan,
        "warned": np.zeros((len(ESTIMATORS), len(spec.surroundings.scale)), np.int64),
        **dict.fromkeys(("hessian_above", "hessian_below", "noise_above"), np.full(LEVELS.size, np.nan)),
        **dict.fromkeys(FEATURES, np.nan),
    }


def _matched(spec: NetworkOptimizersSpec, landscape: Any, method: str, step: float, number: int) -> dict[str, Any]:
    """Local entropy where the run first reaches the loss asked for; nothing where it does not."""
    import warnings

    from mcmc.errors import ConvergenceWarning
    from mcmc.local_entropy import integration

    x = weights_at_loss(
        landscape, method, step, spec.options, spec.training, budget=spec.training.epochs * spec.data.draw().size,
        chain=number, seed=point_seed(spec.seed, "training"), loss=spec.surroundings.loss,
    )  # fmt: skip
    if not np.isfinite(x).all():
        return {}
    asked, height = spec.surroundings, float(landscape.energy(x[None])[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = integration(
            landscape, x, scale=asked.scale, beta=inverse_temperature(spec, landscape), sweeps=asked.sweeps,
            chains=asked.chains, tempering=False, seed=point_seed(spec.seed, f"matched {method} {number}"),
        )  # fmt: skip
    return {
        "matched_loss": height, "matched_entropy": found.value - height,
        "matched_test_error": float(landscape.test_error(x[None])[0]),
        "warned": warned_at(found.warnings, asked.scale),
    }  # fmt: skip


def warned_at(said: Sequence[str], scale: Sequence[float]) -> np.ndarray:
    """Warnings by estimator and scale, (estimators, scales) int64; one that names no scale counts for all of them."""
    count = np.zeros((len(ESTIMATORS), len(scale)), np.int64)
    for text in said:
        estimator = ESTIMATORS.index("laplace" if text.startswith("scale ") else "integration")
        named = re.search(r"(?:^scale |t = )([0-9.]+(?:e[+-]?[0-9]+)?)", text)
        near = np.isclose(scale, float(named[1]), rtol=1e-4) if named else np.zeros(len(scale), bool)
        count[estimator, near if near.any() else slice(None)] += 1
    return count


def inverse_temperature(spec: NetworkOptimizersSpec, landscape: Any) -> float:
    """beta of the local entropies: by default the number of training samples."""
    return float(landscape.data_size) if spec.surroundings.beta is None else spec.surroundings.beta


def beyond(spectrum: Any, sign: float = 1.0) -> np.ndarray:
    """Eigenvalues above each of LEVELS, (levels,) float64; with sign -1, below minus each."""

    def above(level: float) -> float:
        return float(spectrum.trace(lambda v: np.where(sign * v > level, 1.0, 0.0)).value)

    return np.array([above(level) for level in LEVELS])


def _surrounded(spec: NetworkOptimizersSpec, landscape: Any, run: Trained, number: int, seed: int) -> dict[str, Any]:
    import warnings

    from mcmc.errors import ConvergenceWarning
    from mcmc.gradient_noise import gradient_noise
    from mcmc.local_entropy import surroundings

    asked, x = spec.surroundings, run.weights
    beta = inverse_temperature(spec, landscape)
    with warnings.catch_warnings():
        # What estimators warn of is counted.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = surroundings(
            landscape, x, asked.scale, beta=beta, seed=seed, integrate=number < asked.integrated, probes=asked.probes,
            exact_below=asked.exact_below, options={"sweeps": asked.sweeps, "chains": asked.chains, "tempering": False},
        )  # fmt: skip
    noise, spectrum = gradient_noise(landscape, x[0]), found.spectra[0]
    negative = spectrum.trace(lambda v: np.minimum(v, 0.0))
    return {
        "local_entropy": np.stack([found.laplace[0], found.integration[0]]),
        "own_error": np.stack([found.laplace_error[0], found.integration_error[0]]),
        "warned": warned_at(found.warnings[0], asked.scale),
        "hessian_above": beyond(spectrum),
        "hessian_below": beyond(spectrum, -1.0),
        "noise_above": (noise.eigenvalues[:, None] > LEVELS).sum(axis=0),
        "hessian_trace": found.trace[0],
        "hessian_highest": found.highest_eigenvalue[0],
        "hessian_lowest": found.lowest_eigenvalue[0],
        "hessian_negative_share": found.negative_share[0],
        "hessian_negative_sum": negative.value,
        "noise_trace": noise.trace,
        "noise_highest": noise.eigenvalues[0],
        "noise_participation": noise.participation_ratio,
        "weight_length": float(np.linalg.norm(x)),
    }
