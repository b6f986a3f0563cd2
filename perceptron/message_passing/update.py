"""The one update that every variant shares: sweeps over the messages of the patterns, in three forms.

A variant (plain, around a reference, reinforced, focusing) decides the whole field H_i = h_i + sum_mu f_(mu i) + own
term; the update turns fields into new messages and their sums. Forms: "gaussian" (a message per edge), "exact"
(convolution, binary patterns), "tap" (reaction terms instead of messages).
"""

import math
from typing import Any, Protocol

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.memory import require_memory
from mcmc.random import Stream, uniforms
from perceptron.arguments import checked_count as checked_count
from perceptron.arguments import checked_number, require_patterns, require_reachable
from perceptron.message_passing.bethe import Bethe
from perceptron.pattern_entries import checked_array
from perceptron.patterns import Patterns

METHODS = ("gaussian", "exact", "tap")

DOUBLE_EDGES = 2_000_000
"""Up to this many edges messages are kept in double precision unless asked otherwise."""


class Update(Protocol):
    """Messages of all patterns, and how a sweep changes them."""

    damping: float
    total: np.ndarray
    """(n,) sum of the fields that the patterns send to each weight."""
    change: np.ndarray
    """(n,) sum over patterns of the squared change of these fields in the last sweep, before damping."""

    def sweep(self, field: np.ndarray) -> None:
        """New messages from the whole fields (n,)."""

    def bethe(self, field: np.ndarray) -> Bethe:
        """Sums of the Bethe free entropy."""

    def export(self) -> Any:
        """Messages to restart from."""


def step(update: Update, field: np.ndarray) -> float:
    """One sweep from the whole fields; returns the residual.

    The residual is the largest change of a magnetisation that an undamped sweep would make, where messages whose
    changes cancel in a field count by their root sum of squares.
    """
    before = update.total.copy()
    update.sweep(field)
    coherent = (update.total - before) / (1.0 - update.damping)
    # Near saturation a linear change says nothing where the sign turns: both are looked at.
    slope = 1.0 / np.cosh(np.minimum(np.abs(field), 300.0)) ** 2
    linear = slope * np.maximum(np.abs(coherent), np.sqrt(update.change))
    return float(np.maximum(linear, np.abs(np.tanh(field + coherent) - np.tanh(field))).max())


def make_update(
    patterns: Patterns,
    method: str = "gaussian",
    beta: float = math.inf,
    margin: float = 0.0,
    damping: float = 0.0,
    precision: str | None = None,
    messages: Any = None,
) -> Update:
    """The update of a form, started from `messages` (zero without them). Raises ArgumentError, MemoryLimitError."""
    check_options(patterns, method, beta, damping, precision)
    miss = math.exp(-float(beta))
    least = require_reachable(patterns, margin) if miss == 0.0 else patterns.least_stability(margin)
    if precision is None:
        precision = "double" if patterns.patterns.size <= DOUBLE_EDGES else "single"
    dtype = np.dtype(np.float64 if precision == "double" or method == "exact" else np.float32)
    # A sum of n steps jumps by 2: the Gaussian's boundary lies midway between the last wrong and the first right value.
    threshold = float(least) - 1.0 if patterns.kind == "binary" else float(least)
    if method == "tap":
        return _tap(patterns, messages, threshold, miss, damping, dtype)
    start = zero_messages(patterns, dtype, 8 * (patterns.n + 1) ** 2 if method == "exact" else 0)
    if messages is not None:
        start[:] = _checked_messages(patterns, messages)
    if method == "exact":
        from perceptron.message_passing.exact import ExactUpdate

        return ExactUpdate(patterns.patterns, start, int(least), miss, damping)
    from perceptron.message_passing.gaussian import GaussianUpdate

    return GaussianUpdate(patterns.patterns, start, threshold, miss, damping)


def external_field(field: Any, n: int) -> np.ndarray:
    """External fields (n,) from None, a number or an array. Raises ArgumentError for others and for NaN."""
    try:
        values = np.zeros(n) if field is None else np.asarray(field, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"field: got {field!r}; finite numbers, one or n = {n} of them, are needed") from None
    if values.ndim == 0:
        values = np.full(n, float(values))
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ArgumentError(f"field: got shape {values.shape}; finite numbers, one or n = {n} of them, are needed")
    return values.copy()


def random_fields(n: int, seed: int, size: float) -> np.ndarray:
    """Uniform fields (n,) in (-size, size) to start from, which break symmetries; a function of the seed."""
    return size * (2.0 * uniforms(seed, Stream.MESSAGES, np.arange(n), 0, 0)[:, 0] - 1.0)


def zero_messages(patterns: Patterns, dtype: np.dtype, working: int = 0) -> np.ndarray:
    """Messages (p, n) of 0. Raises MemoryLimitError where they, any real entries and `working` bytes do not fit."""
    copies = 1 if patterns.kind == "binary" else 2
    needed = patterns.patterns.size * dtype.itemsize * copies + working
    require_memory(needed, f"a set of {patterns.p} x {patterns.n} messages", "use method='tap', which keeps none")
    return np.zeros((patterns.p, patterns.n), dtype)


def check_options(patterns: Any, method: Any, beta: Any, damping: Any, precision: Any) -> None:
    """Raises ArgumentError for arguments of `make_update` that are out of range."""
    require_patterns(patterns)
    if not isinstance(method, str) or method not in METHODS:
        raise ArgumentError(f"method: got {method!r}; known are {', '.join(METHODS)}")
    if method == "exact" and patterns.kind != "binary":
        raise ArgumentError("method: the exact convolution needs entries +-1; use method='gaussian' for real patterns")
    checked_number("beta", beta, 0.0, math.inf, "an inverse temperature from 0 to inf is needed")
    checked_number("damping", damping, 0.0, 0.999, "a number from 0 to 0.999 is needed, the weight of the old messages")
    if precision is not None and (not isinstance(precision, str) or precision not in ("single", "double")):
        raise ArgumentError(f"precision: got {precision!r}; 'single', 'double' or None are known")
    if method == "exact" and precision == "single":
        raise ArgumentError("precision: got 'single'; the exact convolution is in double precision, leave it out")


def _tap(patterns: Patterns, messages: Any, threshold: float, miss: float, damping: float, dtype: np.dtype) -> Update:
    from perceptron.message_passing.tap import TapMessages, TapUpdate

    start = messages
    if start is None:
        start = TapMessages(np.zeros(patterns.p), np.zeros(patterns.n), np.zeros(patterns.n))
    if (
        not isinstance(start, TapMessages)
        or start.slope.shape != (patterns.p,)
        or start.reaction.shape != (patterns.n,)
    ):
        raise ArgumentError("messages: those of method 'tap' on an instance of this size are needed")
    return TapUpdate(patterns.patterns, start, threshold, miss, damping, dtype)


def _checked_messages(patterns: Patterns, messages: Any) -> np.ndarray:
    values = checked_array("messages", messages)
    if values.shape != (patterns.p, patterns.n) or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise ArgumentError(
            f"messages: got shape {values.shape} of {values.dtype}; finite fields of shape {(patterns.p, patterns.n)}, "
            "as a result on an instance of this size holds them, are needed"
        )
    return values
