"""What samplers with an acceptance step on smooth landscapes share: counts, and a step size tuned while thermalising.

The step size moves towards a target acceptance at the ends of blocks, in `thermalize` only: `step` leaves exp(-beta f)
exactly as it is.
"""

from typing import Any, ClassVar

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.samplers.adaptation import BLOCK, blocks, rescale
from mcmc.samplers.landscape_calls import energy_and_gradient
from mcmc.samplers.number_checks import number_within
from mcmc.samplers.smooth import SmoothSampler
from mcmc.samplers.sweeping import sweep_count


class AdjustedSampler(SmoothSampler):
    """Chains whose proposals are accepted or refused; subclasses say how, in `_advance`.

    Raises ArgumentError for beta not positive and finite, a step size not above 0, or a target outside (0, 1).
    """

    info: ClassVar[Any]
    """The sampler's own Info, of one field `acceptance`."""
    usual_target: ClassVar[float]
    temperature_fields: ClassVar[tuple[str, ...]] = ("beta", "step_size", "accepted", "block_accepted")

    def __init__(self, landscape: SmoothLandscape, beta: Any, *, step_size: Any, target: float):
        super().__init__(landscape, beta, step_size=step_size)
        if not np.isfinite(np.asarray(beta, dtype=np.float64)).all():
            name = type(self).__name__
            raise ArgumentError(f"beta: got {beta}; {name} needs finite beta (Langevin takes infinity: descent)")
        self.target = number_within("target", target, 0.0, 1.0)
        if self.target == 0.0:
            usual = f"{self.usual_target:g} is usual"
            raise ArgumentError(f"target: got {target}; an acceptance between 0 and 1 is needed, {usual}")

    def step(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n proposals; returns the state, its arrays reused, and what happened."""
        n = sweep_count(n)
        accepted = self._advance(state, n)
        np.add(state.accepted, accepted, out=state.accepted)
        np.add(state.measured, n, out=state.measured)
        return state, self._share(accepted, n)

    def thermalize(self, state: Any, n: int) -> tuple[Any, Any]:
        """Advance by n proposals, tuning the step size at the ends of blocks."""
        n = sweep_count(n)
        total = np.zeros(state.beta.size, np.int64)
        for length, complete in blocks(int(state.sweep), n):
            accepted = self._advance(state, length)
            total += accepted
            np.add(state.block_accepted, accepted, out=state.block_accepted)
            if complete:
                block = int(state.sweep) // BLOCK
                rescale(state.step_size, state.block_accepted, BLOCK, self.target, block, 1e-12, 1e12)
        return state, self._share(total, n)

    def statistics(self, state: Any) -> dict[str, np.ndarray]:
        """`acceptance` since measuring began and `step_size`, each (chains,) float64."""
        acceptance = self._share(state.accepted, int(state.measured)).acceptance
        return {"acceptance": acceptance, "step_size": state.step_size.copy()}

    def _at_start(self, chains, seed) -> dict[str, np.ndarray]:
        """The fields of a state, by name, at the start."""
        fresh = self._fresh(chains, seed)
        count = fresh["beta"].size
        energy, gradient = energy_and_gradient(self.landscape, fresh["x"])
        counts = {name: np.zeros(count, np.int64) for name in ("accepted", "block_accepted")}
        copies = {"energy": energy.copy(), "gradient": gradient.copy()}
        return {**fresh, **copies, "measured": np.zeros((), np.int64), **counts}

    def _share(self, accepted, n):
        return self.info(accepted / n if n else np.full(accepted.shape, np.nan))

    def _advance(self, state: Any, n: int) -> np.ndarray:
        """n proposals, in place; the accepted ones, (chains,) int64."""
        raise NotImplementedError
