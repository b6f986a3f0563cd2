"""Unadjusted Langevin steps and mini-batches in the tilted law, and what they cost: the bias, measured by halving.

A step eta changes every mean by an amount of order eta, and so does the noise of mini-batches, which grows as eta too
(Roberts & Tweedie 1996, Bernoulli 2, 341; Welling & Teh 2011, ICML). A run with eta and one with eta / 2 differ by the
bias that the second still has, to leading order.
"""

from typing import Any

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.result import LocalEntropy
from mcmc.local_entropy.smooth_chains import LadderChains
from mcmc.samplers.minibatches import Minibatches

STEP_SHARE = 0.25
"""Of MALA's step, for the longer of the two runs."""


class BatchedLandscape:
    """A landscape whose gradient looks at `batch_size` samples, drawn anew with replacement for each chain and call.

    A SmoothLandscape with the energy of all data. Raises ArgumentError for a landscape without data, or another size.
    """

    def __init__(self, landscape: SmoothLandscape, batch_size: int, seed: int):
        self._batches = Minibatches(landscape.data_size, batch_size, replacement=True)
        self.landscape, self.dim, self.data_size = landscape, landscape.dim, landscape.data_size
        self.seed, self.calls = seed, 0

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy of all data, (chains,) float64."""
        return self.landscape.energy(x, batch)

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient over a batch, (chains, dim): unbiased."""
        self.calls += 1
        chain = np.arange(len(x), dtype=np.uint32)
        return self.landscape.gradient(x, self._batches.indices(self.calls, chain, self.seed))


def unadjusted(tuned: LadderChains, landscape: SmoothLandscape, share: float) -> LadderChains:
    """Langevin chains from where MALA's stand, with `share` of its steps, one for all chains of a rung."""
    return LadderChains(
        landscape, tuned.reference, tuned.scales, tuned.strengths, tuned.beta, int(tuned.state.seed),
        start=tuned.x.copy(), step_size=np.tile(share * tuned.step_size.mean(axis=0), (tuned.chains, 1)),
        sweep=int(tuned.state.sweep), adjusted=False,
    )  # fmt: skip


def with_bias(half: LocalEntropy, whole: LocalEntropy, name: str) -> LocalEntropy:
    """The result at half the step, with the bias that the other shows: in `more`, and said in the warnings."""
    from dataclasses import replace

    bias = whole.value - half.value
    error = np.hypot(whole.error, half.error)
    worst = int(np.abs(bias).argmax())
    said = (
        f"{name}: steps are not adjusted; halving them moved u at t = {half.scale[worst]:.6g} by {-bias[worst]:.3g} +- "
        f"{error[worst]:.2g}, and about as much bias is left (sampler 'mala' has none)"
    )
    more: dict[str, Any] = {
        **half.more,
        "discretisation_bias": (("scale",), bias, "u minus what steps of length 0 would give, from halving the steps"),
        "discretisation_bias_error": (("scale",), error, "one standard error of the bias"),
    }
    return replace(half, more=more, warnings=(said, *half.warnings), method=f"integration ({name})")
