"""Search by annealing: runs along a schedule, each twice as long as the one before, until any weights are right.

The runs of a search are chains 0, 1, ... of one seed, so that what they find depends on nothing else. A run is looked
at some hundred times: the replicas and the sign of their sum are judged, and it stops at the first solution. What a
schedule of one given length achieves is measured with `doublings=0`.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.samplers.replicated import geometric_ramp, linear_ramp
from perceptron.arguments import checked_count, checked_number, one_of
from perceptron.coupled import Replicated
from perceptron.landscape import BinaryPerceptron
from perceptron.patterns import Patterns
from perceptron.solvers.solution import Solution

RAMPS = {"linear": linear_ramp, "geometric": geometric_ramp}

STAIRS = 128
"""Values of a ramp: the acceptances of each are computed once for a search."""

LOOKS = 200
"""Looks at a run, fewer where LOOK_ATTEMPTS flips take longer than a look."""

LOOK_ATTEMPTS = 20_000
LONGEST_CALL = 50_000_000
"""Flips attempted in one compiled call: about a second, so that an interrupt from the keyboard is heard."""

LEAST_LOOKS = 20
"""Looks at a run, however small the system."""


class Ramp(NamedTuple):
    """A number that changes along a run."""

    first: float
    last: float
    shape: str
    """One of RAMPS."""

    def values(self, sweeps: int) -> np.ndarray:
        """One value a sweep, (sweeps,) float64."""
        return RAMPS[self.shape](self.first, self.last, sweeps, steps=STAIRS)


def checked_ramp(name: str, first: Any, last: Any, shape: Any) -> Ramp:
    """Ramp of the options `<name>_start` and `<name>_end`. Raises ArgumentError for values out of range."""
    shape = one_of("ramp", shape, tuple(RAMPS))
    geometric = shape == "geometric"
    first = checked_number(f"{name}_start", first, 0.0, 1e6, above=geometric)
    last = checked_number(f"{name}_end", last, 0.0, 1e6, above=geometric)
    return Ramp(first, last, shape)


def energy_for(patterns: Patterns, energy: Any) -> str:
    """The energy to anneal; "auto" is "hinge" where the patterns have it. Raises ArgumentError for others."""
    chosen = one_of("energy", energy, ("auto", "hinge", "errors"))
    return chosen if chosen != "auto" else "hinge" if patterns.kind == "binary" else "errors"


class Cooling:
    """One search: runs of a landscape along ramps of beta and, where replicas are coupled, gamma."""

    def __init__(
        self, landscape: BinaryPerceptron | Replicated, margin: float, beta: Ramp, gamma: Ramp | None, update: Any
    ):
        self.landscape, self.patterns = landscape, landscape.patterns
        self.beta, self.gamma = beta, gamma
        self.update = one_of("update", update, landscape.updates)
        self.margin = margin
        self.best, self.fewest = np.ones(self.patterns.n, np.int8), self.patterns.p + 1
        self.history: dict[str, list[float]] = {}
        self.work = 0

    def search(self, seed: int, sweeps: Any, doublings: Any, method: str) -> Solution:
        """Runs of `sweeps`, 2 `sweeps`, ... sweeps until solved, at most 1 + `doublings`."""
        length, more = checked_count("sweeps", sweeps, 1), checked_count("doublings", doublings, 0, 40)
        for run in range(more + 1):
            if self._run(run, seed, length << run):
                break
        history = {name: np.array(values) for name, values in self.history.items()}
        return Solution(self.best, self.fewest, self.work, "sweeps", 0.0, history, method)

    def _run(self, run: int, seed: int, sweeps: int) -> bool:
        state = self.landscape.init([run], seed)
        beta = self.beta.values(sweeps)
        gamma = None if self.gamma is None else self.gamma.values(sweeps)
        chunk = self._chunk(sweeps)
        solved = self._look(state, beta[0], gamma, 0, sweeps)
        done = 0
        while done < sweeps and not solved:
            end = min(done + chunk, sweeps)
            part = None if gamma is None else gamma[done:end]
            self.landscape.sweep_schedule(state, beta[done:end], part, self.update)
            self.work += end - done
            done = end
            solved = self._look(state, beta[done - 1], gamma, done - 1, sweeps)
        return solved

    def _chunk(self, sweeps):
        """Sweeps between two looks."""
        sites = self.landscape.sites
        wanted = max(sweeps // LOOKS, LOOK_ATTEMPTS // sites)
        return max(1, min(wanted, sweeps // LEAST_LOOKS, LONGEST_CALL // sites))

    def _look(self, state, beta, gamma, at, sweeps) -> bool:
        """Judge the weights and note what was seen; returns whether any are right."""
        n = self.patterns.n
        weights = self.landscape.weights(state).reshape(-1, n)
        seen = {"work": self.work, "attempts": self.work * self.landscape.sites, "run_sweeps": sweeps}
        seen |= {"beta": beta, "energy": int(state.cost[0])}
        if isinstance(self.landscape, Replicated):
            weights = np.concatenate([weights, self.landscape.centre(state)])
            pairs = self.landscape.replicas * self.landscape.partners / 2
            seen |= {"gamma": gamma[at], "overlap": state.agreement[0] / (pairs * n)}
        errors = self.patterns.errors(weights, self.margin)
        seen["errors"] = int(errors.min())
        if isinstance(self.landscape, Replicated):
            seen["centre_errors"] = int(errors[-1])
        for name, value in seen.items():
            self.history.setdefault(name, []).append(value)
        if errors.min() < self.fewest:
            self.fewest, self.best = int(errors.min()), weights[errors.argmin()].copy()
        return self.fewest == 0
