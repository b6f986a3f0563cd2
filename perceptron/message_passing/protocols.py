"""Protocols of focusing belief propagation: which coupling gamma and how many replicas y at each step.

Baldassi et al. 2016, arXiv:1605.06444, and its published code (standard reinforcement, scoping, pseudo-reinforcement,
free scoping).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as TypingProtocol

from mcmc.errors import ArgumentError
from perceptron.arguments import checked_number, listed


class FocusingProtocol(TypingProtocol):
    """Anything with steps (gamma, y)."""

    def steps(self) -> Iterator[tuple[float, float]]:
        """Couplings gamma > 0 (inf allowed) and numbers of replicas y >= 1, in order."""


def _rhos(step: float) -> Iterator[float]:
    count = math.ceil(1.0 / step - 1e-9)
    return (k * step for k in range(count))


@dataclass(frozen=True)
class StandardReinforcement:
    """gamma = inf, y = 1/(1 - rho) with rho = 0, step, 2 step ... below 1: the fixed points of reinforced BP."""

    step: float = 0.002

    def __post_init__(self):
        checked_number("step", self.step, 1e-6, 0.5, "an increase of rho from 1e-6 to 0.5 is needed")

    def steps(self) -> Iterator[tuple[float, float]]:
        """(inf, 1/(1 - rho))."""
        return ((math.inf, 1.0 / (1.0 - rho)) for rho in _rhos(self.step))


@dataclass(frozen=True)
class Scoping:
    """gamma rises, y stays."""

    gammas: Sequence[float]
    y: float

    def __post_init__(self):
        if not listed(self.gammas):
            raise ArgumentError(f"gammas: got {self.gammas!r}; a list of couplings is needed")
        if len(self.gammas) == 0:
            raise ArgumentError("gammas: got none; at least one coupling is needed")
        for gamma in self.gammas:
            checked_number("gammas", gamma, 0.0, math.inf, "couplings from 0 to inf are needed")
        checked_number("y", self.y, 1.0, math.inf, "at least 1 replica is needed")

    def steps(self) -> Iterator[tuple[float, float]]:
        """(gamma, y)."""
        return ((float(gamma), float(self.y)) for gamma in self.gammas)


@dataclass(frozen=True)
class PseudoReinforcement:
    """gamma = atanh(rho^x), y = 1 + rho^(1 - 2x) / (1 - rho), rho = 0, step ...; x = 0 is standard reinforcement.

    (y - 1) tanh(gamma)^2 = rho / (1 - rho) for every x: weak fields feel the centre as in reinforcement.
    """

    step: float = 0.002
    x: float = 0.5

    def __post_init__(self):
        checked_number("step", self.step, 1e-6, 0.5, "an increase of rho from 1e-6 to 0.5 is needed")
        checked_number("x", self.x, 0.0, 0.5, "an exponent from 0 (reinforcement) to 1/2 is needed")

    def steps(self) -> Iterator[tuple[float, float]]:
        """(gamma, y)."""
        return (self._at(rho) for rho in _rhos(self.step))

    def _at(self, rho: float) -> tuple[float, float]:
        if rho == 0.0:
            return (0.0, 2.0) if self.x > 0.0 else (math.inf, 1.0)
        gamma = math.inf if self.x == 0.0 else math.atanh(rho**self.x)
        return gamma, 1.0 + rho ** (1.0 - 2.0 * self.x) / (1.0 - rho)


@dataclass(frozen=True)
class FreeScoping:
    """Any list of (gamma, y)."""

    pairs: Sequence[tuple[float, float]]

    def __post_init__(self):
        if not listed(self.pairs):
            raise ArgumentError(f"pairs: got {self.pairs!r}; a list of (gamma, y) is needed")
        if len(self.pairs) == 0:
            raise ArgumentError("pairs: got none; at least one (gamma, y) is needed")
        for pair in self.pairs:
            if not listed(pair) or len(pair) != 2:
                raise ArgumentError(f"pairs: got {pair!r}; a pair (gamma, y) is needed")
            gamma, y = pair
            checked_number("pairs", gamma, 0.0, math.inf, "couplings gamma from 0 to inf are needed")
            checked_number("pairs", y, 1.0, math.inf, "at least 1 replica is needed")

    def steps(self) -> Iterator[tuple[float, float]]:
        """(gamma, y)."""
        return ((float(gamma), float(y)) for gamma, y in self.pairs)


def protocol_named(name: str, step: float) -> FocusingProtocol:
    """A protocol by name: "standard", "pseudo", "scoping". Raises ArgumentError."""
    checked_number("step", step, 1e-6, 0.5, "an increase of rho from 1e-6 to 0.5 is needed")
    if name == "standard":
        return StandardReinforcement(step)
    if name == "pseudo":
        return PseudoReinforcement(step)
    if name == "scoping":
        return Scoping([3.0 * rho for rho in _rhos(step)], 21.0)
    raise ArgumentError(f"protocol: got {name!r}; 'standard', 'pseudo', 'scoping' or a protocol of your own are known")
