"""Entropy-driven Monte Carlo: weights w~ move in the landscape of the local entropy around them.

The law is exp(y N F(w~, gamma)), N F = ln sum_w exp(-beta E(w) + gamma w~.w), which belief propagation in the field
gamma w~ gives as Bethe's free entropy: of the patterns only solutions near w~ count, and w~ need not be one itself. The
landscape is smooth where that of the energy is rugged.

Flipping w~_i multiplies the sum by <exp(-2 gamma w~_i w_i)>, so the marginals m_i = tanh H_i around w~ say what each
flip would gain, g_i = ln(cosh 2 gamma - w~_i m_i sinh 2 gamma), positive exactly where the cavity field
H_i - gamma w~_i disagrees with w~_i. That first guess decides which flips are worth a run of belief propagation, and
the free entropy found there decides again, so that the product of both keeps detailed balance (delayed acceptance,
Christen & Fox 2005, J. Comput. Graph. Stat. 14, 795). For a law, y finite, belief propagation starts from no messages
around every w~, so that F is a function of w~ alone even where there are several fixed points; with y infinite it
starts from those of the chain, which takes fewer sweeps. Baldassi, Ingrosso, Lucibello, Saglietti & Zecchina 2016,
J. Stat. Mech. 023301 (arXiv:1511.05634), where y is infinite: a flip is kept unless F falls.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, ConvergenceWarning
from mcmc.landscape import chain_ids
from mcmc.random import Stream, split_seed, uniforms
from mcmc.samplers.sweeping import sweep_count
from perceptron.arguments import checked_count, checked_number
from perceptron.patterns import Patterns, checked_weights

OPTIONS = ("beta", "margin", "damping", "tolerance", "max_sweeps", "precision")
"""What EntropyDriven takes besides gamma and y."""


class Surroundings(NamedTuple):
    """What belief propagation says of the configurations around some weights."""

    free_entropy: float
    """N F, in nats; the field's energy is in it."""
    entropy: float
    """Local entropy per weight, in nats."""
    overlap: float
    """Mean overlap of w~ and the configurations around it."""
    field: np.ndarray
    """(n,) whole fields H_i, that of w~ included."""
    messages: np.ndarray
    """(p, n): where the next run starts."""
    sweeps: int
    """Sweeps over the messages."""
    converged: bool


class LocalFreeEntropy:
    """F(w~, gamma) of an instance by belief propagation; the options are those of `belief_propagation`."""

    def __init__(
        self,
        patterns: Patterns,
        beta: float = math.inf,
        margin: float = 0.0,
        *,
        damping: float = 0.3,
        tolerance: float = 1e-6,
        max_sweeps: int = 500,
        precision: str | None = None,
    ):
        from perceptron.message_passing.update import check_options

        check_options(patterns, "gaussian", beta, damping, precision)
        checked_number("tolerance", tolerance, 1e-14, 1.0, "a change of magnetisations from 1e-14 to 1 is needed")
        checked_count("max_sweeps", max_sweeps)
        patterns.least_stability(margin)
        self.patterns, self.beta, self.margin = patterns, float(beta), float(margin)
        self.options: dict[str, Any] = {
            "damping": damping,
            "tolerance": tolerance,
            "max_sweeps": max_sweeps,
            "precision": precision,
        }

    def around(self, weights: np.ndarray, gamma: float, messages: np.ndarray | None = None) -> Surroundings:
        """Run from `messages`, or from none, in the field gamma w~."""
        from perceptron.message_passing.belief_propagation import belief_propagation

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = belief_propagation(
                self.patterns, self.beta, gamma * weights, margin=self.margin, messages=messages, **self.options
            )
        n = weights.size
        overlap = float(weights @ found.magnetization) / n
        return Surroundings(
            n * found.free_entropy, found.entropy, overlap, found.field, found.messages, found.sweeps, found.converged
        )


def flip_gains(weights: np.ndarray, field: np.ndarray, gamma: float) -> np.ndarray:
    """Change g_i of N F when w~_i flips, (n,), from the whole fields H_i around w~ (see the module)."""
    along = 2.0 * weights * field
    return np.logaddexp(2.0 * gamma - np.logaddexp(0.0, along), -2.0 * gamma - np.logaddexp(0.0, -along))


class EntropyDrivenState(NamedTuple):
    """State of the chains."""

    weights: np.ndarray
    """(chains, n) int8 of +-1: w~."""
    free_entropy: np.ndarray
    """(chains,) float64: N F."""
    entropy: np.ndarray
    """(chains,) float64: local entropy per weight."""
    overlap: np.ndarray
    """(chains,) float64: mean overlap with the configurations around."""
    field: np.ndarray
    """(chains, n) float64: whole fields H_i around w~."""
    messages: np.ndarray
    """(chains, p, n) floats: fixed point around w~."""
    accepted: np.ndarray
    """(chains,) int64: flips kept by `step`."""
    tried: np.ndarray
    """(chains,) int64: flips for which `step` ran belief propagation."""
    message_sweeps: np.ndarray
    """(chains,) int64: sweeps over the messages so far."""
    measured: np.ndarray
    """() int64: sweeps done by `step`."""
    sweep: np.ndarray
    """() int64: sweeps done so far, n flips attempted in each."""
    chain: np.ndarray
    """(chains,) uint32: identity of each chain in the random numbers."""
    seed: np.ndarray
    """() uint64."""


class EntropyDrivenInfo(NamedTuple):
    """What happened during a call."""

    accepted: np.ndarray
    """(chains,) int64: flips kept."""
    tried: np.ndarray
    """(chains,) int64: flips for which belief propagation ran."""


class EntropyDriven:
    """Single flips of w~ at random sites with the law exp(y N F); y may be infinite, which only climbs.

    A flip around whose result belief propagation does not converge is refused. `beta` and `margin` are those of the
    patterns' energy. Raises ArgumentError for gamma not above 0 and finite, or y not above 0.
    """

    dims: tuple[str, ...] = ()

    def __init__(self, patterns: Patterns, gamma: float, y: float = math.inf, **options: Any):
        for name, value, most in (("gamma", gamma, 1e3), ("y", y, math.inf)):
            needed = f"a number above 0 and at most {most:g} is needed"
            checked_number(name, value, 0.0, most, needed, above=True)
        for name in options:
            if name not in OPTIONS:
                raise ArgumentError(f"{name}: no option of belief propagation here; known are {', '.join(OPTIONS)}")
        self.free_entropy = LocalFreeEntropy(patterns, **options)
        self.patterns, self.gamma, self.y = patterns, float(gamma), float(y)
        self.options = options
        self.stationary = math.isfinite(self.y)
        self.coords: dict[str, np.ndarray] = {}

    def init(self, chains: int | Sequence[int], seed: int) -> EntropyDrivenState:
        """Random weights; `chains` is a count or chain ids, `seed` an integer in [0, 2^64)."""
        ids = chain_ids(chains)
        drawn = uniforms(seed, Stream.INITIAL, np.arange(self.patterns.n), 0, ids[:, None])[..., 0]
        return self.state_from(np.where(drawn < 0.5, 1, -1), ids.tolist(), seed)

    def state_from(self, weights: Any, chains: int | Sequence[int] | None = None, seed: int = 0) -> EntropyDrivenState:
        """State of given weights (chains, n). Raises ArgumentError where belief propagation does not converge."""
        rows = np.atleast_2d(checked_weights(weights, self.patterns.n))
        if rows.ndim != 2:
            raise ArgumentError(f"weights: got shape {rows.shape}; (chains, {self.patterns.n}) is needed")
        ids = chain_ids(rows.shape[0] if chains is None else chains)
        split_seed(seed)
        if ids.size != rows.shape[0]:
            raise ArgumentError(f"chains: got {ids.size} ids for {rows.shape[0]} configurations")
        found = [self.free_entropy.around(row, self.gamma) for row in rows]
        if not all(one.converged for one in found):
            raise ArgumentError("gamma: belief propagation does not converge around the start; take a smaller gamma")
        zeros, sweeps = np.zeros(ids.size, np.int64), np.array([one.sweeps for one in found], np.int64)
        return EntropyDrivenState(
            rows.copy(),
            np.array([one.free_entropy for one in found]),
            np.array([one.entropy for one in found]),
            np.array([one.overlap for one in found]),
            np.array([one.field for one in found]),
            np.array([one.messages for one in found]),
            zeros.copy(),
            zeros.copy(),
            sweeps,
            np.zeros((), np.int64),
            np.zeros((), np.int64),
            ids,
            np.array(seed, np.uint64),
        )

    def step(self, state: EntropyDrivenState, n: int) -> tuple[EntropyDrivenState, EntropyDrivenInfo]:
        """Advance by n sweeps; returns the state, its arrays reused, and what happened."""
        state, info = self.thermalize(state, n)
        np.add(state.accepted, info.accepted, out=state.accepted)
        np.add(state.tried, info.tried, out=state.tried)
        np.add(state.measured, sweep_count(n), out=state.measured)
        return state, info

    def thermalize(self, state: EntropyDrivenState, n: int) -> tuple[EntropyDrivenState, EntropyDrivenInfo]:
        """Advance by n sweeps that no statistic counts."""
        accepted, tried = np.zeros_like(state.accepted), np.zeros_like(state.tried)
        for _ in range(sweep_count(n)):
            for c in range(accepted.size):
                more = self._sweep(state, c)
                accepted[c] += more[0]
                tried[c] += more[1]
            np.add(state.sweep, 1, out=state.sweep)
        return state, EntropyDrivenInfo(accepted, tried)

    def energy(self, state: EntropyDrivenState) -> np.ndarray:
        """-N F as carried, (chains,) float64: what y multiplies."""
        return -state.free_entropy

    def recompute_energy(self, state: EntropyDrivenState) -> np.ndarray:
        """-N F by belief propagation anew, (chains,) float64; with infinite y from the messages carried."""
        return np.array([-self._around(state, c, row).free_entropy for c, row in enumerate(state.weights)])

    def observables(self, state: EntropyDrivenState) -> dict[str, np.ndarray]:
        """`energy`, `errors` of w~, `local_entropy`, `overlap`, `message_sweeps`; each (chains,) float64."""
        return {
            "energy": self.energy(state),
            "errors": self.patterns.errors(state.weights, self.free_entropy.margin).astype(np.float64),
            "local_entropy": state.entropy.copy(),
            "overlap": state.overlap.copy(),
            "message_sweeps": state.message_sweeps.astype(np.float64),
        }

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """`long_name` and `units` of each observable."""
        said = {
            "energy": "minus the free entropy around the weights",
            "errors": "patterns in error",
            "local_entropy": "local entropy per weight",
            "overlap": "overlap with the configurations around",
            "message_sweeps": "sweeps over the messages so far",
        }
        return {name: {"long_name": text, "units": "1"} for name, text in said.items()}

    def statistics(self, state: EntropyDrivenState) -> dict[str, np.ndarray]:
        """`acceptance` since measuring began, out of n attempts a sweep, (chains,) float64."""
        attempted = int(state.measured) * self.patterns.n
        return {"acceptance": state.accepted / attempted if attempted else np.full(state.accepted.shape, np.nan)}

    def log_acceptance(self, change: float, gain: float, gain_back: float) -> float:
        """Log of the probability that a flip which passed the first guess is kept.

        `change` is that of N F, `gain` the guess for the flip, `gain_back` that for its reverse.
        """
        if math.isinf(self.y):
            return 0.0 if change >= 0 else -math.inf
        return self.y * change + min(0.0, self.y * gain_back) - min(0.0, self.y * gain)

    def _around(self, state, c, weights) -> Surroundings:
        """What is around weights of chain c; a law needs it to depend on them alone."""
        start = state.messages[c] if math.isinf(self.y) else None
        return self.free_entropy.around(weights, self.gamma, start)

    def _sweep(self, state, c):
        """n attempts of chain c; returns (kept, tried)."""
        n, kept, tried, begin = self.patterns.n, 0, 0, 0
        counters = (int(state.seed), Stream.SOLVER, np.arange(n), int(state.sweep), int(state.chain[c]))
        place, first = np.moveaxis(uniforms(*counters), -1, 0)
        second = np.log(uniforms(*counters, draw=1)[:, 0])
        sites, first = (place * n).astype(np.int64), np.log(first)
        while True:
            gains = flip_gains(state.weights[c], state.field[c], self.gamma)
            guess = np.where(gains >= 0, 0.0, self.y * np.minimum(gains, -1e-300))
            passed = np.flatnonzero(first[begin:] < guess[sites[begin:]])
            if not passed.size:
                return kept, tried
            attempt = begin + int(passed[0])
            begin, tried = attempt + 1, tried + 1
            kept += self._flip(state, c, int(sites[attempt]), gains, second[attempt])

    def _flip(self, state, c, site, gains, log_uniform) -> int:
        """Try one flip; returns whether it was kept."""
        weights = state.weights[c].copy()
        weights[site] = -weights[site]
        found = self._around(state, c, weights)
        state.message_sweeps[c] += found.sweeps
        back = flip_gains(weights, found.field, self.gamma)[site]
        change = found.free_entropy - state.free_entropy[c]
        if not found.converged or not log_uniform < self.log_acceptance(change, gains[site], back):
            return 0
        state.weights[c] = weights
        state.free_entropy[c], state.entropy[c], state.overlap[c] = found[:3]
        state.field[c], state.messages[c] = found.field, found.messages
        return 1
