"""The binary perceptron and the symmetric binary perceptron as energy landscapes.

Krauth & Mezard 1989, J. Physique 50, 3057; symmetric: Aubin, Perkins & Zdeborova 2019, arXiv:1901.00314.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from perceptron.flips import FlipLandscape
from perceptron.layout import ERRORS, HINGE, SYMMETRIC, Layout
from perceptron.patterns import GRID, Patterns

if TYPE_CHECKING:
    from perceptron.coupled import Replicated, WithReference

ENERGIES = {"errors": ERRORS, "hinge": HINGE}


class BinaryPerceptron(FlipLandscape):
    """Weights +-1 and the number of patterns they get wrong, a SpinLandscape.

    `energy` is "errors", the number of patterns with stability below the margin, or "hinge", the number of flips of
    agreeing weights that those patterns need, (|Delta| + 1) / 2 each at margin 0. `margin` kappa asks for
    Delta >= kappa sqrt(n). `visit` and `threads` as in FlipLandscape. Raises ArgumentError, or LandscapeError for
    an energy that the patterns do not have or a margin that no weights reach.
    """

    def __init__(
        self,
        patterns: Patterns,
        energy: str = "errors",
        margin: float = 0.0,
        *,
        visit: str = "systematic",
        threads: int = 1,
    ):
        _require_patterns(patterns)
        if not isinstance(energy, str) or energy not in ENERGIES:
            raise ArgumentError(f"energy: got {energy!r}; 'errors' or 'hinge' is needed")
        layout = Layout(patterns, ENERGIES[energy], patterns.least_stability(margin))
        self.energy_name, self.margin = energy, float(margin)
        super().__init__(layout, visit=visit, threads=threads)

    def with_reference(self, reference: Any) -> "WithReference":
        """Pulled to `reference` (n,) of +-1; see mcmc.landscape.CoupledLandscape."""
        from perceptron.coupled import WithReference

        return WithReference(self, reference)

    def with_replicas(self, y: int) -> "Replicated":
        """`y` replicas coupled in pairs; see mcmc.landscape.ReplicaLandscape."""
        from perceptron.coupled import Replicated

        return Replicated(self, y, coupling="pairs")

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        return {"energy_name": self.energy_name, "margin": self.margin, **super().identity()}

    @property
    def energy_long_name(self) -> str:
        """What the energy counts, for files and figures."""
        counted = "patterns in error" if self.energy_name == "errors" else "flips needed by patterns in error"
        return counted if self.margin == 0 else f"{counted} at margin {self.margin:g}"


class SymmetricPerceptron(FlipLandscape):
    """Weights +-1 and the number of patterns with |Delta| > kappa sqrt(n), a SpinLandscape.

    Raises ArgumentError for a kappa that is not a positive number, LandscapeError when no stability is as small.
    """

    energy_name = "symmetric"

    def __init__(self, patterns: Patterns, kappa: float, *, visit: str = "systematic", threads: int = 1):
        _require_patterns(patterns)
        if isinstance(kappa, bool) or not isinstance(kappa, (int, float, np.number)) or not 0 < kappa < math.inf:
            raise ArgumentError(f"kappa: got {kappa!r}; a finite number above 0, in units of sqrt(n), is needed")
        self.kappa = float(kappa)
        most = self.kappa * math.sqrt(patterns.n)
        if patterns.kind == "gaussian":
            most = math.floor(most / GRID) * GRID
        else:
            most = math.floor(most)
            most -= (most - patterns.n) % 2
        if most < 0:
            raise LandscapeError(
                f"kappa: with kappa = {kappa} and n = {patterns.n} no |Delta| is small enough; take kappa >= "
                f"{1 / math.sqrt(patterns.n):.3g}"
            )
        super().__init__(Layout(patterns, SYMMETRIC, -most, most), visit=visit, threads=threads)

    def with_reference(self, reference: Any) -> "WithReference":
        """Pulled to `reference` (n,) of +-1; see mcmc.landscape.CoupledLandscape."""
        from perceptron.coupled import WithReference

        return WithReference(self, reference)

    def with_replicas(self, y: int) -> "Replicated":
        """`y` replicas coupled in pairs; see mcmc.landscape.ReplicaLandscape."""
        from perceptron.coupled import Replicated

        return Replicated(self, y, coupling="pairs")

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law and the order of the moves. See mcmc.landscape.IdentifiedLandscape."""
        return {"energy_name": self.energy_name, "kappa": self.kappa, **super().identity()}

    @property
    def energy_long_name(self) -> str:
        """What the energy counts, for files and figures."""
        return f"patterns with |stability| above {self.kappa:g} sqrt(n)"


def _require_patterns(patterns):
    if not isinstance(patterns, Patterns):
        raise ArgumentError(
            f"patterns: got {type(patterns).__name__}; an instance made by random_patterns, planted_patterns or "
            "from_arrays is needed"
        )
