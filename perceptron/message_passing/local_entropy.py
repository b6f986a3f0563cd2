"""Local entropy of one instance around a reference configuration, by belief propagation in a field.

The field h_i = gamma r_i on a reference r favours configurations close to it. With p = sum_i r_i m_i / N the typical
distance is d = (1 - p) / 2 and the entropy there S(d) = phi - gamma p + beta e, dS/dp = -gamma. Without patterns it is
the binary entropy -d ln d - (1 - d) ln(1 - d). arXiv:1605.06444; Huang & Kabashima 2014, arXiv:1408.1784.
"""

import math
import warnings
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning
from perceptron.arguments import require_patterns
from perceptron.message_passing.belief_propagation import belief_propagation
from perceptron.patterns import Patterns, checked_weights

OPTIONS = ("damping", "tolerance", "max_sweeps", "messages", "seed", "precision")
"""What is passed on to belief propagation."""


class LocalEntropy(NamedTuple):
    """Curves over gamma; arrays (gammas,). Entropies and energies are per weight, in nats."""

    gamma: np.ndarray
    """Coupling to the reference, as given."""
    distance: np.ndarray
    """d = (1 - overlap) / 2, the normalised Hamming distance."""
    overlap: np.ndarray
    """p = sum_i r_i m_i / N."""
    entropy: np.ndarray
    """S(d) = free_entropy - gamma overlap + beta energy."""
    free_entropy: np.ndarray
    """phi, the field included."""
    energy: np.ndarray
    """Mean errors over N; 0 at beta = inf."""
    converged: np.ndarray
    """bool: False where the curve is not to be trusted."""
    sweeps: np.ndarray
    """Sweeps taken at this gamma, from the messages of the one before."""


def checked_couplings(name: str, values: Any) -> np.ndarray:
    """Couplings (count,) float64 from a number or a list. Raises ArgumentError."""
    try:
        couplings = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name}: got {values!r}; one or more finite couplings are needed") from None
    if couplings.ndim != 1 or couplings.size == 0:
        raise ArgumentError(f"{name}: got shape {couplings.shape}; one or more finite couplings are needed")
    if not np.isfinite(couplings).all():
        wrong = couplings[~np.isfinite(couplings)][0]
        raise ArgumentError(f"{name}: got {wrong}; one or more finite couplings are needed")
    return couplings


def local_entropy_bp(
    patterns: Patterns,
    reference: Any,
    gammas: Any,
    *,
    beta: float = math.inf,
    margin: float = 0.0,
    method: str = "gaussian",
    **options: Any,
) -> LocalEntropy:
    """Scan the coupling to `reference` (n,) +-1 in the order given, each from the messages of the one before.

    `options` are those of `belief_propagation`. A ConvergenceWarning names the couplings that did not converge: near
    a solution beyond the transition of its typical neighbours they will not. Raises ArgumentError.
    """
    require_patterns(patterns)
    for name in options:
        if name not in OPTIONS:
            raise ArgumentError(f"{name}: no option of belief propagation; known are {', '.join(OPTIONS)}")
    target = checked_weights(reference, patterns.n, "reference").astype(np.float64)
    if target.ndim != 1:
        raise ArgumentError(f"reference: got shape {target.shape}; one configuration of {patterns.n} weights is needed")
    couplings = checked_couplings("gammas", gammas)
    found, messages = [], options.pop("messages", None)
    for gamma in couplings:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            at = belief_propagation(
                patterns, beta, gamma * target, margin=margin, method=method, messages=messages, **options
            )
        messages = at.messages
        found.append(at)
    overlap = np.array([float(target @ at.magnetization) / target.size for at in found])
    converged = np.array([at.converged for at in found])
    if not converged.all():
        failed = ", ".join(f"{gamma:.4g}" for gamma in couplings[~converged][:8])
        warnings.warn(
            f"local entropy: not converged at gamma = {failed}; take more sweeps or damping",
            ConvergenceWarning,
            stacklevel=2,
        )
    return LocalEntropy(
        couplings,
        (1.0 - overlap) / 2.0,
        overlap,
        np.array([at.entropy for at in found]),
        np.array([at.free_entropy for at in found]),
        np.array([at.energy for at in found]),
        converged,
        np.array([at.sweeps for at in found]),
    )
