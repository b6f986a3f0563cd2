"""One run of "perceptron-wide-vs-narrow": where a dynamics ends, and what surrounds that."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from runs.experiments.perceptron_local_entropy import flips_of
from runs.experiments.perceptron_local_entropy_draw import trusted
from runs.experiments.perceptron_spec import instance_of
from runs.experiments.perceptron_wide_narrow import KINDS_OF_ENTROPY, WideNarrowSpec
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.local_entropy.result import LocalEntropy
    from perceptron.patterns import Patterns
    from perceptron.solvers import Solution

COLD = 1e6
"""beta of a quench: no flip upwards is ever accepted."""


def measure_end(spec: WideNarrowSpec, point: Point, draw: int) -> dict[str, Any]:
    """Every column of one run; NaN where an estimator did not converge."""
    from perceptron.packing import pack_signs

    number = draw % spec.grid.instances
    instance = instance_of(spec.patterns, spec.seed, point, number)
    found = end_of(spec, point, draw, instance)
    shape = len(KINDS_OF_ENTROPY), len(spec.grid.distance)
    row: dict[str, Any] = {
        "instance": number,
        "errors": found.errors,
        "attempts": int(found.history["attempts"][-1]),
        "entropy": np.full(shape, math.nan),
        "error": np.full(shape, math.nan),
        "left_out": np.zeros(shape[0], np.int64),
        "seconds": found.seconds,
        "weights": pack_signs(found.weights),
    }
    for i, name in enumerate(KINDS_OF_ENTROPY):
        late = name == "integration" and draw >= spec.surroundings.integrated
        if late or (name == "solutions" and found.errors):
            continue
        value, error, kept = _curve(spec, point, draw, name, instance, found.weights)
        row["entropy"][i], row["error"][i] = np.where(kept, value, math.nan), np.where(kept, error, math.nan)
        row["left_out"][i] = int((~kept).sum())
    return row


def end_of(spec: WideNarrowSpec, point: Point, draw: int, instance: "Patterns") -> "Solution":
    """The weights with the fewest errors that a run looked at; it stops at a solution."""
    from perceptron.solvers import solve

    dynamics, ramps, passes = point.parameters["dynamics"], spec.ramps, point.parameters["passes"]
    seed = point_seed(spec.seed, f"run {point.name} draw-{draw}")
    common: dict[str, Any] = {"margin": spec.patterns.margin, "energy": "errors", "doublings": 0}
    if dynamics == "replicated_annealing":
        common |= {"beta_start": ramps.replicated[0], "beta_end": ramps.replicated[1], "replicas": ramps.replicas}
        common |= {"gamma_start": ramps.coupling[0], "gamma_end": ramps.coupling[1]}
        return solve(instance, dynamics, seed, sweeps=max(1, round(passes / ramps.replicas)), **common)
    cold = {"annealing": ramps.annealing, "rejection_free": ramps.rejection_free, "quench": (COLD, COLD)}[dynamics]
    update = "metropolis" if dynamics == "annealing" else "rejection_free"
    common |= {"beta_start": cold[0], "beta_end": cold[1], "update": update}
    return solve(instance, "annealing", seed, sweeps=max(1, round(passes)), **common)


def _curve(
    spec: WideNarrowSpec, point: Point, draw: int, name: str, instance: "Patterns", weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value, error and whether to believe it, at each distance."""
    from perceptron.local_entropy import bethe

    distance = flips_of(spec.grid.distance, instance.n) / instance.n
    beta, margin, asked = spec.surroundings.beta, spec.patterns.margin, spec.surroundings
    found: LocalEntropy
    if name != "integration":
        found = bethe(instance, weights, distance, beta=beta if name == "bethe" else math.inf, margin=margin)
        assert found.more is not None
        return found.value, found.error, np.isfinite(found.value) & (found.more["converged"][1] > 0)
    from mcmc.local_entropy import integration
    from perceptron import BinaryPerceptron

    seed = point_seed(spec.seed, f"integration {point.name} draw-{draw}")
    try:
        found = integration(
            BinaryPerceptron(instance, "errors", margin), weights, distance, beta=beta, seed=seed, error=asked.error,
            budget=asked.budget,
        )  # fmt: skip
    except ArgumentError:
        # A ladder of couplings without overlap between its rungs.
        nothing = np.full(distance.size, math.nan)
        return nothing, nothing, np.zeros(distance.size, bool)
    return found.value, found.error, trusted(found)
