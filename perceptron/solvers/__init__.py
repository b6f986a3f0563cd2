"""Solvers: algorithms that look for weights w_i = +-1 that get every pattern right.

`solve` runs any of them by name; each is one file with `run(patterns, *, seed, margin, ...)`, whose options have
tuned defaults, stated in its docstring with the sweep that found them (`perceptron.solvers.tuning`).
"""

import inspect
import time
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mcmc.errors import ArgumentError
from perceptron.solvers.solution import Solution

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

__all__ = ["METHODS", "Solution", "methods", "options", "solve"]

METHODS = {
    "reinforced_bp": "perceptron.solvers.reinforced_bp:run",
    "focusing_bp": "perceptron.solvers.focusing_bp:run",
    "max_sum": "perceptron.solvers.max_sum:run",
    "sbpi": "perceptron.solvers.sbpi:run",
    "cpr": "perceptron.solvers.cpr:run",
    "annealing": "perceptron.solvers.annealing:run",
    "replicated_annealing": "perceptron.solvers.replicated_annealing:run",
    "entropy_driven": "perceptron.solvers.entropy_driven:run",
    "replicated_sgd": "perceptron.solvers.replicated_sgd:run",
    "sgd": "perceptron.solvers.sgd:run",
}
"""Where each method is: "module:function", imported when it is first asked for."""


def methods() -> tuple[str, ...]:
    """Names that `solve` takes."""
    return tuple(METHODS)


def options(method: str) -> dict[str, Any]:
    """Options of a method with their defaults. Raises ArgumentError for an unknown method."""
    parameters = inspect.signature(_function(method)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in ("seed", "margin")}


def solve(
    patterns: "Patterns", method: str = "focusing_bp", seed: int = 0, *, margin: float = 0.0, **options: Any
) -> Solution:
    """Look for weights with Delta >= margin sqrt(n) for every pattern (Delta > 0 at margin 0).

    `options` are the method's own; what is left out takes its tuned default. The errors of the weights are counted
    anew from the patterns. Not finding a solution is no error: see `Solution.solved`. Raises ArgumentError for an
    unknown method or option, for values out of range, and for a margin that no weights reach on some pattern.
    """
    from mcmc.random import split_seed
    from perceptron.arguments import require_patterns, require_reachable

    require_patterns(patterns)
    function = _function(method)
    check_options(method, options)
    split_seed(seed)
    require_reachable(patterns, margin)
    compiling: list[float] = []
    started = time.perf_counter()
    with _compilation(compiling.append):
        found = function(patterns, seed=int(seed), margin=float(margin), **options)
    seconds = max(0.0, time.perf_counter() - started - sum(compiling))
    return found._replace(errors=int(patterns.errors(found.weights, margin)), seconds=seconds, method=method)


def _compilation(report: Callable[[float], None]):
    """Context that reports the seconds Numba spends on compiling in it."""
    from numba.core.event import install_timer

    return install_timer("numba:compile", report)


def _function(method: str) -> Callable[..., Solution]:
    if not isinstance(method, str) or method not in METHODS:
        raise ArgumentError(f"method: got {method!r}; {_nearest(str(method), METHODS)}known are {', '.join(METHODS)}")
    module, name = METHODS[method].split(":")
    return getattr(import_module(module), name)


def check_options(method: str, given: dict[str, Any]) -> None:
    """Raises ArgumentError, with the nearest names, for an unknown method or an option that it does not have."""
    known = options(method)
    for name in given:
        if name not in known:
            raise ArgumentError(
                f"{name}: no option of {method}; {_nearest(name, known)}its options are {', '.join(known)}"
            )


def _nearest(word: str, known: Any) -> str:
    close = get_close_matches(word.lower(), list(known), 3, 0.5)
    return f"did you mean {' or '.join(close)}? " if close else ""
