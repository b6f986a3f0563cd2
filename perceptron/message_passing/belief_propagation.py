"""Belief propagation on one instance: magnetisations and the Bethe entropy at any temperature, margin and field.

The measure is exp(-beta E(w) + sum_i h_i w_i), E the number of patterns below the margin; beta = inf counts solutions.
"""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ConvergenceWarning
from perceptron.arguments import checked_count, checked_number
from perceptron.message_passing.update import Update, external_field, make_update, random_fields, step
from perceptron.patterns import Patterns

START = 0.5
"""Size of the random fields that a seed starts from."""


ROUNDING = 1e-5
"""What single precision may take from an entropy of 0."""


class BeliefPropagation(NamedTuple):
    """Where belief propagation ended. Entropies and energies are per weight, in nats."""

    entropy: float
    """free_entropy - sum_i h_i m_i / N + beta energy: ln of the number of configurations that are typical."""
    free_entropy: float
    """phi = ln Z / N by Bethe, fields included."""
    energy: float
    """Mean number of errors over N; 0 at beta = inf."""
    magnetization: np.ndarray
    """(n,) mean of each weight."""
    field: np.ndarray
    """(n,) whole field H_i, external included: magnetization = tanh(field)."""
    converged: bool
    """Whether the residual came below the tolerance, and the entropy is one that weights can have."""
    sweeps: int
    """Sweeps over all messages."""
    residual: float
    """Bound of the change of a magnetisation that one more undamped sweep would have made; about it where small."""
    messages: Any
    """To restart from, for the same method: (p, n) fields f_(mu i), or TapMessages."""


def belief_propagation(
    patterns: Patterns,
    beta: float = math.inf,
    field: Any = None,
    *,
    margin: float = 0.0,
    method: str = "gaussian",
    damping: float = 0.2,
    tolerance: float = 1e-6,
    max_sweeps: int = 1000,
    messages: Any = None,
    seed: int | None = None,
    precision: str | None = None,
) -> BeliefPropagation:
    """Iterate to a fixed point and evaluate the Bethe entropy there.

    `field` h_i is a number or (n,); `margin` is in units of sqrt(n). Methods: "gaussian" (one message per edge, 4 or
    8 bytes), "exact" (convolution, binary patterns, O(n^2 p) a sweep), "tap" (memory O(n + p)). `damping` is the weight
    of the old messages. `messages` of an earlier result continue it; with a `seed` magnetisations start random instead
    of 0. `precision` of messages: "single", "double", or None: double up to 2 million of them.
    A ConvergenceWarning says when `max_sweeps` did not bring the residual below `tolerance`, and when at beta = inf the
    entropy is below 0. Raises ArgumentError for values out of range and MemoryLimitError for messages that do not fit.
    """
    update = make_update(patterns, method, beta, margin, damping, precision, messages)
    external = external_field(field, patterns.n)
    checked_number("tolerance", tolerance, 1e-14, 1.0, "a change of magnetisations from 1e-14 to 1 is needed")
    checked_count("max_sweeps", max_sweeps)
    start = np.zeros(patterns.n) if seed is None else random_fields(patterns.n, seed, START)
    return relax(update, external, beta, tolerance, max_sweeps, start)


def relax(
    update: Update, external: np.ndarray, beta: float, tolerance: float, max_sweeps: int, start: Any = 0.0
) -> BeliefPropagation:
    """Sweeps until the residual is at most `tolerance`; `start` is added to the first fields alone."""
    whole = external + update.total + start
    sweeps, residual = 0, math.inf
    while sweeps < max_sweeps and not residual <= tolerance:
        residual = step(update, whole)
        whole = external + update.total
        sweeps += 1
    if not residual <= tolerance:
        warnings.warn(
            f"belief propagation: residual {residual:.2g} above {tolerance:.2g} after {sweeps} sweeps; allow more "
            "sweeps, or raise the damping where it oscillates",
            ConvergenceWarning,
            stacklevel=3,
        )
    found = summary(update, external, whole, beta, sweeps, residual, residual <= tolerance)
    if not math.isinf(beta) or found.entropy >= -ROUNDING:
        return found
    warnings.warn(
        f"belief propagation: Bethe entropy {found.entropy:.3g} per weight, below 0: it sees no solutions; few "
        "undecided weights in a pattern also do this to a Gaussian form, where method='exact' decides",
        ConvergenceWarning,
        stacklevel=3,
    )
    # Below -ln 2 the messages contradict each other: no law on weights +-1 has such an entropy.
    return found._replace(converged=found.converged and found.entropy >= -math.log(2.0))


def summary(
    update: Update, external: np.ndarray, whole: np.ndarray, beta: float, sweeps: int, residual: float, converged: bool
) -> BeliefPropagation:
    """What the messages say now."""
    bethe, n = update.bethe(whole), whole.size
    magnetization = np.tanh(whole)
    free_entropy = bethe.free_entropy(whole) / n
    energy = bethe.errors / n
    thermal = beta * energy if math.isfinite(beta) else 0.0
    entropy = free_entropy - float(external @ magnetization) / n + thermal
    return BeliefPropagation(
        entropy, free_entropy, energy, magnetization, whole, converged, sweeps, residual, update.export()
    )  # fmt: skip
