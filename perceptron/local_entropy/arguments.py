"""What the perceptron's own estimators take: an instance with its energy, and a reference that is fit for beta."""

from typing import Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.local_entropy.lattice import require_beta, require_solution
from perceptron.landscape import BinaryPerceptron, SymmetricPerceptron
from perceptron.patterns import Patterns

Model = BinaryPerceptron | SymmetricPerceptron


class Question(NamedTuple):
    """A checked model, reference and temperature."""

    model: Model
    reference: np.ndarray
    """(n,) int8 of +-1."""
    energy: float
    """E of the reference; 0 when beta is infinite."""
    beta: float


def question(model_or_patterns: Any, reference: Any, beta: Any, margin: Any) -> Question:
    """All arguments checked together.

    Raises ArgumentError for another kind of model, a margin beside a model that has its own, a beta that is no number
    above 0, a reference of another length or entries, and one that is no solution when beta is infinite.
    """
    model = checked_model(model_or_patterns, margin)
    beta = require_beta(beta)
    landscape = model.with_reference(reference)
    return Question(model, landscape.reference, require_solution(landscape, beta), beta)


def checked_model(model_or_patterns: Any, margin: Any) -> Model:
    """The landscape asked about; patterns alone count `errors` at `margin`. Raises ArgumentError."""
    if isinstance(model_or_patterns, Patterns):
        return BinaryPerceptron(model_or_patterns, margin=margin)
    if type(model_or_patterns) not in (BinaryPerceptron, SymmetricPerceptron):
        raise ArgumentError(
            f"model_or_patterns: got {type(model_or_patterns).__name__}; Patterns, a BinaryPerceptron or a "
            "SymmetricPerceptron is needed"
        )
    if not isinstance(margin, (int, float)) or margin != 0:
        raise ArgumentError(f"margin: got {margin!r} beside a model, which says its own; leave it out")
    return model_or_patterns
