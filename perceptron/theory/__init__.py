"""Replica theory of the binary perceptron: oracles for tests, curves for figures, each number with its error.

Names are imported when first used. Entropies and energies are per weight, in nats; numbers are `Estimate`s, floats
with `.error`. Where a theory has no solution it raises `NoSolution`, an ArgumentError.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceptron.theory.annealed import annealed, annealed_entropy, binary_entropy, first_moment_capacity
    from perceptron.theory.estimate import Estimate, NoSolution
    from perceptron.theory.first_moments import (
        expected_solutions,
        log2_expected_solutions,
        log_expected_z,
        right_probability,
    )
    from perceptron.theory.franz_parisi import franz_parisi, franz_parisi_curve
    from perceptron.theory.large_deviations import large_deviations
    from perceptron.theory.large_deviations_finite import large_deviations_finite_y
    from perceptron.theory.monotonicity import monotonicity_threshold
    from perceptron.theory.planted import teacher_student, teacher_student_spinodal, teacher_student_transition
    from perceptron.theory.second_moments import expected_pairs, pair_right_probability, solutions_deviation
    from perceptron.theory.spherical import cover_count, cover_probability, spherical_capacity
    from perceptron.theory.storage import capacity, freezing, replica_symmetric
    from perceptron.theory.symmetric import symmetric_capacity, symmetric_energy, symmetric_entropy

_FILES = {
    "Estimate": "estimate",
    "NoSolution": "estimate",
    "annealed": "annealed",
    "annealed_entropy": "annealed",
    "binary_entropy": "annealed",
    "capacity": "storage",
    "cover_count": "spherical",
    "cover_probability": "spherical",
    "expected_pairs": "second_moments",
    "expected_solutions": "first_moments",
    "first_moment_capacity": "annealed",
    "franz_parisi": "franz_parisi",
    "franz_parisi_curve": "franz_parisi",
    "freezing": "storage",
    "large_deviations": "large_deviations",
    "large_deviations_finite_y": "large_deviations_finite",
    "log2_expected_solutions": "first_moments",
    "log_expected_z": "first_moments",
    "monotonicity_threshold": "monotonicity",
    "pair_right_probability": "second_moments",
    "replica_symmetric": "storage",
    "right_probability": "first_moments",
    "solutions_deviation": "second_moments",
    "spherical_capacity": "spherical",
    "symmetric_capacity": "symmetric",
    "symmetric_energy": "symmetric",
    "symmetric_entropy": "symmetric",
    "teacher_student": "planted",
    "teacher_student_spinodal": "planted",
    "teacher_student_transition": "planted",
}

__all__ = [
    "Estimate",
    "NoSolution",
    "annealed",
    "annealed_entropy",
    "binary_entropy",
    "capacity",
    "cover_count",
    "cover_probability",
    "expected_pairs",
    "expected_solutions",
    "first_moment_capacity",
    "franz_parisi",
    "franz_parisi_curve",
    "freezing",
    "large_deviations",
    "large_deviations_finite_y",
    "log2_expected_solutions",
    "log_expected_z",
    "monotonicity_threshold",
    "pair_right_probability",
    "replica_symmetric",
    "right_probability",
    "solutions_deviation",
    "spherical_capacity",
    "symmetric_capacity",
    "symmetric_energy",
    "symmetric_entropy",
    "teacher_student",
    "teacher_student_spinodal",
    "teacher_student_transition",
]


class _FunctionsFirst(ModuleType):
    """Importing a file binds its name in the package; where a function has the same name, the function keeps it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _FILES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FunctionsFirst


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
