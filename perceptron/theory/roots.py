"""Roots of one equation in one unknown: a bracket grown from a guess, then Brent's method."""

import math
from collections.abc import Callable

from scipy.optimize import brentq


def root_from_guess(
    function: Callable[[float], float],
    guess: float,
    step: float,
    low: float = -math.inf,
    high: float = math.inf,
    tolerance: float = 1e-13,
) -> float | None:
    """Root of a function that is positive left of the root and negative right of it; None if none is in (low, high).

    From `guess` the bracket grows by steps that double, towards the side the sign points to, never beyond `low`
    or `high`, where the function is evaluated last of all. `tolerance` is absolute, in the unknown.
    """
    value = function(guess)
    if not math.isfinite(value):
        return None
    if value == 0.0:
        return guess
    direction = 1.0 if value > 0.0 else -1.0
    end = high if value > 0.0 else low
    near = guess
    while near != end:
        far = near + direction * step
        if direction * far >= direction * end:
            far = end
        beyond = function(far)
        if not math.isfinite(beyond):
            return None
        if beyond * value <= 0.0:
            return _between(function, {near: value, far: beyond}, tolerance)
        near, value, step = far, beyond, 2.0 * step
    return None


def _between(function: Callable[[float], float], known: dict[float, float], tolerance: float) -> float:
    # An inner iteration may answer a repeated call differently by rounding, and lose the change of sign.
    return float(brentq(lambda x: known[x] if x in known else function(x), *known, xtol=tolerance, rtol=1e-15))
