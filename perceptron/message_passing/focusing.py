"""Focusing belief propagation: messages that concentrate where solutions are dense, until they decide.

Focusing: y replicas are tied to a traced-out centre with coupling gamma; by symmetry one set of messages suffices and
each weight feels an extra field, the message of its centre,
u_i = c(gamma, (y - 1) c(gamma, h_i)), tanh c(gamma, h) = tanh(gamma) tanh(h), h_i the field of patterns alone,
H_i = h_i + u_i. Baldassi, Borgs, Chayes, Ingrosso, Lucibello, Saglietti & Zecchina 2016, arXiv:1605.06444.
With gamma = inf, y = 1/(1 - r) the fixed points are those of reinforced belief propagation.
"""

import math

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.arguments import checked_count, checked_number
from perceptron.message_passing.bethe import log_2cosh
from perceptron.message_passing.protocols import FocusingProtocol, PseudoReinforcement
from perceptron.message_passing.search import Search, search
from perceptron.message_passing.update import make_update, random_fields
from perceptron.patterns import Patterns


def through_coupling(gamma: float, field: np.ndarray) -> np.ndarray:
    """c with tanh c = tanh(gamma) tanh(field), for any size of either; gamma may be inf."""
    if math.isinf(gamma):
        return field
    # The smaller of the two in absolute value bounds the result, which keeps infinite fields finite.
    bounded = np.clip(field, -1e6, 1e6)
    return 0.5 * (log_2cosh(gamma + bounded) - log_2cosh(gamma - bounded))


def centre_field(field: np.ndarray, gamma: float, y: float) -> np.ndarray:
    """Field u_i that the centre and the other y - 1 replicas put on each weight, given the fields of the patterns."""
    seen = through_coupling(gamma, field)
    if math.isinf(y):
        return gamma * np.sign(seen)
    return through_coupling(gamma, (y - 1.0) * seen)


def focusing_bp(
    patterns: Patterns,
    *,
    seed: int = 0,
    margin: float = 0.0,
    protocol: FocusingProtocol | None = None,
    sweeps_per_step: int = 1,
    method: str = "tap",
    damping: float = 0.3,
    start: float = 0.01,
) -> Search:
    """Follow a protocol (pseudo-reinforcement by default) from random fields of size `start` until all is right.

    `sweeps_per_step` sweeps are made at each (gamma, y); the field of the centre is damped as the messages are.
    `method` and `damping` as for `belief_propagation`. Raises ArgumentError, MemoryLimitError.
    """
    checked_count("sweeps_per_step", sweeps_per_step)
    checked_number("start", start, 0.0, 1e6)
    if not callable(getattr(PseudoReinforcement if protocol is None else protocol, "steps", None)):
        raise ArgumentError(f"protocol: got {protocol!r}; one with steps of (gamma, y) is needed, such as Scoping")
    precision = None if method == "exact" else "single"
    update = make_update(patterns, method, margin=margin, damping=damping, precision=precision)
    centre = np.zeros(patterns.n)

    def next_field(fields, before, stage):
        centre[:] = damping * centre + (1.0 - damping) * centre_field(fields, stage["gamma"], stage["y"])
        return fields + centre

    steps = (PseudoReinforcement() if protocol is None else protocol).steps()
    stages = ({"gamma": gamma, "y": y} for gamma, y in steps for _ in range(sweeps_per_step))
    return search(update, patterns, margin, random_fields(patterns.n, seed, start), stages, next_field)
