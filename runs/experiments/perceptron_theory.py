"""Replica theory beside the results of perceptron runs: numbers at each P / n, curves for the figures.

Where the theory has no answer (planted patterns off the Nishimori line, beyond the end of a solution) there is NaN.
"""

import math
from typing import NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from runs.experiments.perceptron_spec import Instances


class Replicas(NamedTuple):
    """Typical values at large n, per weight; nats."""

    energy: float
    entropy: float
    overlap: float


NOTHING = Replicas(math.nan, math.nan, math.nan)


def replicas(patterns: Instances, alpha: float, beta: float = math.inf, energy: str = "errors") -> Replicas:
    """Replica-symmetric state of instances with `alpha` patterns per weight; NaN where there is no theory.

    Random labels: storage, at any margin. Planted labels: teacher-student at margin 0, on the Nishimori line alone,
    where the label noise is exp(-beta) / (1 + exp(-beta)). The flips that `hinge` counts scale with sqrt(n): no theory.
    """
    from perceptron import theory

    if energy != "errors":
        return NOTHING
    try:
        if patterns.planted:
            if patterns.margin != 0.0 or not on_nishimori_line(patterns.label_noise, beta):
                return NOTHING
            found: theory.ReplicaSymmetric | theory.TeacherStudent = theory.teacher_student(
                alpha, beta, branch="equilibrium"
            )
        else:
            found = theory.replica_symmetric(alpha, kappa=patterns.margin, beta=beta)
    except ArgumentError:
        return NOTHING
    return Replicas(float(found.energy), float(found.entropy), float(found.overlap))


def on_nishimori_line(label_noise: float, beta: float) -> bool:
    """Whether sampling at `beta` is Bayes-optimal for labels with this noise."""
    noise = 0.0 if beta == math.inf else math.exp(-beta) / (1.0 + math.exp(-beta))
    return math.isclose(label_noise, noise, rel_tol=1e-9, abs_tol=1e-15)


def physical_entropy(patterns: Instances, alphas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entropy and overlap of solutions at each of `alphas`, NaN from where the entropy would be negative."""
    found = np.array([replicas(patterns, float(alpha))[1:] for alpha in alphas])
    found[~(found[:, 0] >= 0.0)] = np.nan
    return found[:, 0], found[:, 1]


def storage_capacity(patterns: Instances) -> float:
    """Patterns per weight up to which typical instances have solutions; NaN for planted ones, which always have."""
    from perceptron import theory

    if patterns.planted:
        return math.nan
    try:
        return float(theory.capacity(patterns.margin))
    except ArgumentError:
        return math.nan
