"""One cell of "network-phase-diagram": SGD of one learning rate and batch size, and what surrounds its ends."""

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runs.experiments.network_optimizers_draw import warned_at
from runs.experiments.network_phase_diagram import ENTROPIES, ESTIMATED, NUMBERS, NetworkPhaseDiagramSpec, steps_of
from runs.experiments.network_spec import REPLACEMENT
from runs.grid import Point, point_seed

if TYPE_CHECKING:
    from mcmc.landscapes.network import MLP

STRETCH = 2000
"""Steps between two questions whether to stop."""


class Ends(NamedTuple):
    """Where runs end."""

    x: np.ndarray
    """(chains, dim) float64."""
    steps: np.ndarray
    """(chains,) int64."""
    ended: np.ndarray
    """(chains,) int8: 1 as asked for, 0 loss not reached in time, -1 weights or energy are no numbers."""


def trained(
    spec: NetworkPhaseDiagramSpec, landscape: "MLP", point: Point, chains: range, stop: Callable[[], bool]
) -> Ends | None:
    """Ends of the chains, from weights and batches of their own; None where `stop` ended it before."""
    from mcmc.samplers.sgd import SGD

    eta, batch, training = point.parameters["step_size"], point.parameters["batch"], spec.training
    sampler = SGD(landscape, step_size=eta, batch_size=batch, replacement=REPLACEMENT[training.replacement])
    state = sampler.init(list(chains), point_seed(spec.seed, f"training {point.name}"))
    most = steps_of(training, landscape.data.size, eta, batch)
    waits = training.stop == "loss"
    stretch = max(1, round(1.0 / eta)) if waits else STRETCH
    done, left = np.zeros(len(chains), bool), most
    x, steps = np.array(sampler.weights(state)), np.zeros(len(chains), np.int64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while left and not done.all():
            if stop():
                return None
            state = sampler.step(state, min(stretch, left))[0]
            left -= min(stretch, left)
            x[~done], steps[~done] = sampler.weights(state)[~done], most - left
            if waits:
                done |= np.asarray(state.energy) <= training.loss
        finite = np.isfinite(x).all(axis=1) & np.isfinite(landscape.energy(x))
    return Ends(x, steps, np.where(~finite, -1, done | (not waits)).astype(np.int8))


class Cell:
    """Draws of a cell: the first asks for all that are left to be trained, side by side."""

    def __init__(self, spec: NetworkPhaseDiagramSpec, point: Point, stop: Callable[[], bool]):
        self.spec, self.point, self.stop = spec, point, stop
        self.landscape = spec.landscape()
        self._ends: tuple[int, Ends] | None = None

    def measure(self, draw: int) -> dict[str, Any] | None:
        """Every column of one seed; NaN where a run has no numbers. None when stopped."""
        begun = time.monotonic()
        if self._ends is None:
            ends = trained(self.spec, self.landscape, self.point, range(draw, self.spec.grid.seeds), self.stop)
            if ends is None:
                return None
            self._ends = draw, ends
        first, ends = self._ends
        x = ends.x[draw - first]
        blank = np.full(len(self.spec.measured.scale), np.nan)
        row: dict[str, Any] = {"steps": ends.steps[draw - first], "ended": ends.ended[draw - first]}
        row |= dict.fromkeys(NUMBERS, np.nan)
        row |= dict.fromkeys((*ENTROPIES, "local_entropy_own", "integrated_entropy_own"), blank)
        row |= {f"{name}_warned": np.zeros(blank.size, np.int64) for name in ESTIMATED}
        if row["ended"] >= 0:
            row |= self._surrounded(x, draw)
        return {**row, "seconds": time.monotonic() - begun}

    def _surrounded(self, x: np.ndarray, draw: int) -> dict[str, Any]:
        from mcmc.errors import ConvergenceWarning
        from mcmc.gradient_noise import gradient_noise
        from mcmc.local_entropy import surroundings

        model, asked = self.landscape, self.spec.measured
        beta = float(model.data.size) if asked.beta is None else asked.beta
        with warnings.catch_warnings():
            # They are counted with the run instead.
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = surroundings(
                model, x[None], asked.scale, beta=beta, seed=point_seed(self.spec.seed, f"{self.point.name} {draw}"),
                integrate=draw < asked.integrated, probes=asked.probes, exact_below=asked.exact_below,
                options={"sweeps": asked.sweeps, "chains": 4, "tempering": False},
            )  # fmt: skip
        energy, gradient = model.energy_and_gradient(x[None])
        warned = warned_at(found.warnings[0], asked.scale)
        return {
            "test_error": model.test_error(x[None])[0],
            "training_error": model.training_error(x[None])[0],
            "training_loss": energy[0] - 0.5 * self.spec.network.weight_decay * float(x @ x),
            "hessian_trace": found.trace[0],
            "hessian_highest": found.highest_eigenvalue[0],
            "hessian_lowest": found.lowest_eigenvalue[0],
            "noise_trace": gradient_noise(model, x).trace,
            "gradient_norm": float(np.linalg.norm(gradient[0])),
            "weight_length": float(np.linalg.norm(x)),
            "local_entropy": found.laplace[0],
            "local_entropy_own": found.laplace_error[0],
            "integrated_entropy": found.integration[0],
            "integrated_entropy_own": found.integration_error[0],
            **{f"{name}_warned": count for name, count in zip(ESTIMATED, warned, strict=True)},
            "curvature_entropy": [_curvature(found.spectra[0], t, beta) for t in asked.scale],
        }


def _curvature(spectrum: Any, t: float, beta: float) -> float:
    """logdet(1 + t Hess f) / (2 beta); NaN where the Hessian is as negative as -1 / t."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = spectrum.trace(lambda v: np.where(t * v > -1.0, np.log1p(np.maximum(t * v, -1.0)), np.nan))
    return float(found.value) / (2.0 * beta)
