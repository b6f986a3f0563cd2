"""Numbers of the theory that know their numerical error, and the fault raised where a theory has no solution."""

import math

from mcmc.errors import ArgumentError

ROUNDING = 1e-14
"""Relative error below which no estimate is stated: sums of a few hundred float64 terms."""


class Estimate(float):
    """A float with `.error`, an estimate (no bound) of its absolute numerical error. Arithmetic gives plain floats."""

    error: float

    def __new__(cls, value: float, error: float = 0.0):
        """`error` is taken as its absolute value."""
        number = super().__new__(cls, value)
        number.error = abs(float(error))
        return number

    @classmethod
    def from_refinement(cls, coarse: float, fine: float, scale: float = 1.0) -> "Estimate":
        """The finer of two numbers; its error is their difference plus rounding.

        `scale`: size of the terms that may cancel in it; 0 for a sum of positive terms, of small relative error.
        """
        return cls(fine, abs(fine - coarse) + ROUNDING * max(scale, abs(fine)))

    def __repr__(self) -> str:
        return f"Estimate({float(self)!r}, error={self.error:.1e})"

    def __str__(self) -> str:
        return float.__repr__(self)

    def __getnewargs__(self) -> tuple[float, float]:  # type: ignore[override]
        return float(self), self.error


class NoSolution(ArgumentError):  # noqa: N818 - what happened, not a mistake in the code
    """The equations have no solution at these values, or it could not be reached; says where and what to do."""


def require_finite(name: str, value: float, least: float = -math.inf, infinite: bool = False) -> float:
    """`value` as a float if it is a number >= least (and finite unless `infinite`), else ArgumentError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: got {value!r}; one real number is needed") from None
    if math.isnan(number) or number < least or (math.isinf(number) and not (infinite and number > 0)):
        kind = "a number" if infinite else "a finite number"
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise ArgumentError(f"{name}: got {value!r}; {kind}{bound} is needed")
    return number
