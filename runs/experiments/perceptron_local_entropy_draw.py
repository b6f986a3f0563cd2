"""One draw of "perceptron-local-entropy": an instance, a reference from the source, and what surrounds it."""

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from runs.experiments.perceptron_local_entropy import ESTIMATORS, FLIPS, LocalEntropySpec, flips_of
from runs.experiments.perceptron_local_entropy_sources import Reference, reference_of
from runs.experiments.perceptron_spec import instance_of
from runs.grid import Point, point_seed

FEWEST_EFFECTIVE = 50
"""Independent samples below which an integrated value is left out."""

if TYPE_CHECKING:
    from mcmc.local_entropy.result import LocalEntropy
    from perceptron.patterns import Patterns


def measure_reference(spec: LocalEntropySpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of the draw; NaN where the source gave no solution."""
    from perceptron.packing import pack_signs

    instance = instance_for(spec, point, draw)
    found = reference_of(spec, point, draw, instance)
    weights = np.ones(instance.n, np.int8) if found.weights is None else found.weights
    shape = len(ESTIMATORS), len(spec.grid.distance)
    row: dict[str, Any] = {
        "status": found.status,
        "errors": -1 if found.weights is None else int(instance.errors(weights, spec.patterns.margin)),
        "r_hat": found.r_hat,
        "round_trips": found.round_trips,
        "neighbours": np.full(len(FLIPS), math.nan),
        "entropy": np.full(shape, math.nan),
        "error": np.full(shape, math.nan),
        "warnings": np.zeros(len(ESTIMATORS), np.int64),
        "seconds": np.full(len(ESTIMATORS), math.nan),
        "weights": pack_signs(weights),
    }
    if found.solved:
        row["neighbours"] = neighbours(instance, weights, spec.patterns.margin)
        _fill_curves(row, spec, point, draw, instance, found)
    return row


def instance_for(spec: LocalEntropySpec, point: Point, draw: int) -> "Patterns":
    """The instance of a draw, with labels of a teacher where the source is "planted"."""
    planted = point.parameters["source"] == "planted"
    return instance_of(spec.patterns.model_copy(update={"planted": planted}), spec.seed, point, draw)


def neighbours(instance: "Patterns", weights: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Solutions at exactly 1 and 2 flips from a solution, (2,) float64, from the stabilities: Delta - 2 sum xi w."""
    spare = 0.5 * (instance.stabilities(weights) - instance.least_stability(margin))
    agreement = instance.patterns * weights
    tight = spare < 2.0 * np.abs(agreement).max(axis=1)
    singly, pair_lost = np.zeros(instance.n, bool), np.zeros((instance.n, instance.n), bool)
    for entry, room in zip(agreement[tight], spare[tight], strict=True):
        singly |= entry > room
        # Entries +-1 stay small integers: their sums fit.
        pair_lost |= np.add.outer(entry, entry) > room
    lost = int(np.triu(pair_lost, 1).sum())
    return np.array([instance.n - int(singly.sum()), instance.n * (instance.n - 1) // 2 - lost], np.float64)


def _fill_curves(
    row: dict[str, Any], spec: LocalEntropySpec, point: Point, draw: int, instance: "Patterns", found: Reference
) -> None:
    flips = flips_of(spec.grid.distance, instance.n)
    measured = np.flatnonzero(flips > 0)
    for i, name in enumerate(ESTIMATORS):
        if _wanted(spec, name, instance.n, draw):
            started = time.perf_counter()
            curve = _curve(spec, point, draw, name, instance, found.weights, flips[measured] / instance.n)
            row["seconds"][i] = time.perf_counter() - started
            if curve is None:
                row["warnings"][i] = 1
                continue
            kept = trusted(curve) if name == "integration" else np.full(measured.size, True)
            row["entropy"][i, measured] = np.where(kept, curve.value, np.nan)
            row["error"][i, measured] = np.where(kept, curve.error, np.nan)
            row["warnings"][i] = len(curve.warnings)


def trusted(curve: "LocalEntropy") -> np.ndarray:
    """Where to believe an integration, (points,) bool; distances ascend.

    It starts at the reference: up to a distance, every place before needs enough independent samples too. Chains that
    never leave an isolated reference have met nothing, and know nothing.
    """
    behind = np.minimum.accumulate(np.nan_to_num(np.asarray(curve.effective_samples)))
    return np.isfinite(curve.value) & np.isfinite(curve.error) & (behind >= FEWEST_EFFECTIVE)


def _wanted(spec: LocalEntropySpec, estimator: str, n: int, draw: int) -> bool:
    exact = n <= spec.local_entropy.exact_up_to
    if estimator == "integration":
        return not exact and draw < spec.local_entropy.integrated
    return exact if estimator == "enumeration" else spec.local_entropy.bethe


def _curve(
    spec: LocalEntropySpec, point: Point, draw: int, estimator: str, instance: "Patterns", weights: Any, distance: Any
) -> "LocalEntropy | None":
    """S(d) by one estimator; None where it says that it cannot serve."""
    from perceptron.local_entropy import bethe, enumeration

    margin = spec.patterns.margin
    if estimator == "enumeration":
        return enumeration(instance, weights, distance, margin=margin)
    if estimator == "bethe":
        return bethe(instance, weights, distance, margin=margin)
    from mcmc.local_entropy import integration
    from perceptron import BinaryPerceptron

    model = BinaryPerceptron(instance, "errors", margin)
    seed = point_seed(spec.seed, f"integration {point.name} instance-{draw}")
    asked = spec.local_entropy
    try:
        return integration(model, weights, distance, seed=seed, error=asked.error, budget=asked.budget)
    except ArgumentError:
        # A ladder of couplings without overlap: nothing typical joins the reference to the rest.
        return None
