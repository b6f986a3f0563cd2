"""What every solver gives back, and how the weights it found are judged."""

from typing import NamedTuple

import numpy as np


class Solution(NamedTuple):
    """The best weights a solver found, and what finding them took."""

    weights: np.ndarray
    """(n,) int8 of +-1."""
    errors: int
    """Patterns whose stability is below the least one that counts as right."""
    work: int
    """What was done, in `work_unit`."""
    work_unit: str
    """sweeps (one update of every weight or message), presentations (of one pattern), or flips (of one weight)."""
    seconds: float
    """Wall time of the search; `solve` measures it and leaves compilation out."""
    history: dict[str, np.ndarray]
    """Series along the search, all of one length; `work` among them says when each value was taken."""
    method: str
    """Name of the method, one of `perceptron.solvers.METHODS`."""

    @property
    def solved(self) -> bool:
        """Whether every pattern is right."""
        return self.errors == 0
