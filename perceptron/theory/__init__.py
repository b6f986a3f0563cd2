"""Replica theory of the binary perceptron: oracles for tests, curves for figures, each number with its error.

Names are imported when first used. Entropies and energies are per weight, in nats; numbers are `Estimate`s.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceptron.theory.estimate import Estimate, NoSolution
    from perceptron.theory.franz_parisi import franz_parisi
    from perceptron.theory.large_deviations import (
        large_deviations,
        large_deviations_finite_y,
        monotonicity_threshold,
    )

_FILES = {
    "Estimate": "estimate",
    "NoSolution": "estimate",
    "franz_parisi": "franz_parisi",
    "large_deviations": "large_deviations",
    "large_deviations_finite_y": "large_deviations",
    "monotonicity_threshold": "large_deviations",
}

__all__ = [
    "Estimate",
    "NoSolution",
    "franz_parisi",
    "large_deviations",
    "large_deviations_finite_y",
    "monotonicity_threshold",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
