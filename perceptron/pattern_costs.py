"""What one pattern costs at each stability: the energies that enumeration knows, in whole numbers.

For binary patterns the cost is a table over the number of agreeing weights a, with Delta = 2 a - n. For Gaussian ones
stabilities are counted in units of 2^-20, in which they are whole numbers, and the cost is whether Delta < least.
"""

import hashlib
import math
from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from perceptron.patterns import GRID, Patterns

ENERGIES = ("errors", "hinge", "symmetric")


class PatternCosts(NamedTuple):
    """An energy of an instance as a sum over patterns."""

    patterns: Patterns
    energy: str
    """"errors", "hinge" or "symmetric"."""
    margin: float
    kappa: float | None
    table: np.ndarray
    """Binary: cost of a pattern that a weights agree with, (n + 1,) int64. Gaussian: empty."""
    entries: np.ndarray
    """Gaussian: (terms, n) int64 in units of 2^-20. Binary: empty."""
    least: int
    """Gaussian: a term costs 1 where its stability is below, in units of 2^-20. Binary: 0."""

    @property
    def highest_energy(self) -> int:
        """No configuration has a higher energy."""
        return self.patterns.p * (1 if self.patterns.kind == "gaussian" else int(self.table.max()))

    @property
    def mirror(self) -> str | None:
        """What flipping all weights does to the energy E, whatever the configuration.

        "same": nothing; "complement": E becomes the highest energy - E; None: neither always holds.
        """
        if self.patterns.kind == "gaussian":
            return "same" if self.energy == "symmetric" else None
        if (self.table == self.table[::-1]).all():
            return "same"
        return "complement" if (self.table + self.table[::-1] == self.table.max()).all() else None

    @property
    def solved(self) -> "PatternCosts":
        """The costs cut at 1: what separates solutions from other configurations."""
        return self._replace(table=np.minimum(self.table, 1))

    def fingerprint(self) -> str:
        """Hash of patterns and energy."""
        digest = hashlib.sha256(np.ascontiguousarray(self.patterns.patterns).tobytes())
        digest.update(self.table.tobytes() + self.entries.shape[0].to_bytes(8, "little"))
        digest.update(f"{self.patterns.kind} {self.patterns.n} {self.least}".encode())
        return digest.hexdigest()


def pattern_costs(instance: Any, energy: str = "errors", margin: float = 0.0, kappa: float | None = None):
    """Costs of `instance`: Patterns, with the energy said by the other arguments, or a landscape on Patterns.

    Raises ArgumentError for an unknown energy, an energy the patterns do not have, or a landscape together with
    another energy.
    """
    if not isinstance(instance, Patterns):
        if not isinstance(getattr(instance, "patterns", None), Patterns) or not hasattr(instance, "energy_name"):
            raise ArgumentError(
                f"patterns: got {type(instance).__name__}; an instance made by random_patterns, planted_patterns or "
                "from_arrays is needed, or a BinaryPerceptron or SymmetricPerceptron"
            )
        if (energy, margin, kappa) != ("errors", 0.0, None):
            raise ArgumentError("energy, margin, kappa: a landscape says its own energy; leave them out")
        energy, margin = instance.energy_name, getattr(instance, "margin", 0.0)
        kappa, instance = getattr(instance, "kappa", None), instance.patterns
    if energy not in ENERGIES:
        raise ArgumentError(f"energy: got {energy!r}; {', '.join(map(repr, ENERGIES))} are known")
    if energy != "symmetric" and kappa is not None:
        raise ArgumentError(f"kappa: got {kappa!r} with energy={energy!r}; it belongs to energy='symmetric'")
    if energy == "symmetric":
        return _symmetric_costs(instance, margin, kappa)
    return _margin_costs(instance, energy, margin)


def _margin_costs(patterns: Patterns, energy: str, margin: float) -> PatternCosts:
    least = patterns.least_stability(margin)
    largest = np.abs(patterns.patterns).sum(axis=1).max()
    if least > largest:
        raise ArgumentError(
            f"margin: got {margin}; no weights reach a stability of {least:g}, the largest here is {largest:g}"
        )
    least = max(least, -2 * largest)
    nothing = np.empty(0, np.int64)
    if patterns.kind == "gaussian":
        if energy == "hinge":
            raise ArgumentError("energy: 'hinge' counts flips of +-1 entries; with Gaussian patterns use 'errors'")
        return PatternCosts(patterns, energy, margin, None, nothing, _whole(patterns), round(least / GRID))
    # The flips that a wrong pattern needs: each adds 2, and Delta has the parity of the least right value.
    flips = np.maximum(0, (int(least) - (2 * np.arange(patterns.n + 1) - patterns.n)) // 2)
    table = flips if energy == "hinge" else np.minimum(flips, 1)
    return PatternCosts(patterns, energy, margin, None, table, nothing, 0)


def _symmetric_costs(patterns: Patterns, margin: float, kappa: Any) -> PatternCosts:
    if isinstance(kappa, bool) or not isinstance(kappa, (int, float, np.number)) or not 0 < kappa < math.inf:
        raise ArgumentError(
            f"kappa: got {kappa!r}; energy='symmetric' needs a finite number above 0, in units of sqrt(n)"
        )
    if margin != 0:
        raise ArgumentError(f"margin: got {margin!r}; energy='symmetric' has kappa instead")
    kappa = float(kappa)
    most, nothing = kappa * math.sqrt(patterns.n), np.empty(0, np.int64)
    if patterns.kind == "gaussian":
        # Delta < -most and -Delta < -most exclude each other: their costs may be added.
        entries, least = _whole(patterns), -math.floor(most / GRID)
        return PatternCosts(patterns, "symmetric", 0.0, kappa, nothing, np.concatenate([entries, -entries]), least)
    stability = 2 * np.arange(patterns.n + 1) - patterns.n
    return PatternCosts(patterns, "symmetric", 0.0, kappa, (np.abs(stability) > most).astype(np.int64), nothing, 0)


def _whole(patterns: Patterns) -> np.ndarray:
    return np.rint(patterns.patterns / GRID).astype(np.int64)
