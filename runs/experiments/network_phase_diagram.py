"""Experiment "network-phase-diagram": what SGD finds at every learning rate eta and batch size b.

SGD at a constant rate is, at small eta, dx = -grad f ds + sqrt(eta / b) D(x)^(1/2) dW in the time s = eta x steps
(Li, Tai & E 2017, arXiv:1511.06251; Chaudhari & Soatto 2018, arXiv:1710.11029, temperature eta / (2 b)). Runs of the
same s differ then by eta / b alone: the learning rate should scale with the batch size. Whether all that is measured
at the end, errors, losses, local entropies and Hessians, does collapse on eta / b is told with error bars. At equal
epochs small batches take more steps and s is larger by as much as the temperature: both effects come together there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_optimizers import weights_at_most
from runs.experiments.network_spec import OnNetworks
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, Sizes, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

NUMBERS: dict[str, tuple[str, str]] = {
    "test_error": ("wrong fraction of the test samples", "1"),
    "training_error": ("wrong fraction of the training samples", "1"),
    "training_loss": ("mean loss of the training samples, without weight decay", "nats"),
    "hessian_trace": ("trace of the Hessian", "1"),
    "hessian_highest": ("highest eigenvalue of the Hessian", "1"),
    "hessian_lowest": ("lowest eigenvalue of the Hessian", "1"),
    "noise_trace": ("trace of D, the covariance of sample gradients", "1"),
    "gradient_norm": ("length of the gradient of the energy", "1"),
    "weight_length": ("length of the weights", "1"),
}
"""Numbers at the end of a run, with their units."""

ENTROPIES: dict[str, str] = {
    "local_entropy": "local entropy u(x, t) - f(x) to second order",
    "integrated_entropy": "local entropy u(x, t) - f(x) by integration",
    "curvature_entropy": "local entropy, the curvature's part: logdet(1 + t Hess f) / (2 beta)",
}


ESTIMATED = ("local_entropy", "integrated_entropy")
"""Local entropies whose estimators warn, in the order of `warned_at`."""


class Training(Section):
    """When runs end; batches are drawn with replacement unless told otherwise."""

    stop: Literal["time", "epochs", "steps", "loss"] = Field(
        "time",
        description="runs end at equal time eta x steps, epochs or steps, or at a loss reached (or at that time)",
    )
    time: Annotated[float, Field(gt=0)] = Field(300.0, description="eta x steps; with stop = loss, at most")
    epochs: Annotated[float, Field(gt=0)] = Field(100.0, description="passes through the data, with stop = epochs")
    steps: Annotated[int, Field(ge=1)] = Field(10000, description="steps, with stop = steps")
    loss: Annotated[float, Field(gt=0)] = Field(
        0.3,
        description="energy over all training samples at which runs end, with stop = loss; asked once a unit of time",
    )
    replacement: Literal["epoch", "with", "without"] = Field(
        "with", description="mini-batches: drawn with or without replacement, or stretches of a random order"
    )


class Measured(Section):
    """What is measured at the ends."""

    scale: Positives = Field(default_factory=lambda: [0.03, 0.1, 0.3, 1.0], description="scales t of u(x, t)")
    shown: Annotated[float, Field(gt=0)] = Field(0.1, description="scale of maps and tables: the nearest")
    beta: Annotated[float, Field(gt=0)] | None = Field(
        None, description="inverse temperature of u(x, t); left out: the number of training samples"
    )
    integrated: Annotated[int, Field(ge=0)] = Field(1, description="seeds of each cell that are integrated too")
    sweeps: Annotated[int, Field(ge=64)] = Field(200, description="Langevin steps of each chain of the integration")
    exact_below: Annotated[int, Field(ge=0)] = Field(3000, description="weights up to which all eigenvalues are found")
    probes: Annotated[int, Field(ge=2)] = Field(16, description="random starts of Lanczos above that")
    bootstraps: Annotated[int, Field(ge=20)] = Field(
        400, description="resampled sets of seeds, for errors of exponents"
    )


class PhaseGrid(Section):
    """The plane."""

    step_size: Positives = Field(description="learning rates eta")
    batch: Sizes = Field(description="batch sizes b")
    seeds: Annotated[int, Field(ge=2)] = Field(6, description="runs of each cell; raising it later adds runs")


class NetworkPhaseDiagramSpec(OnNetworks):
    """Data, network, when runs end, what is measured, and the plane."""

    training: Training = Field(default_factory=lambda: Training.model_validate({}))
    measured: Measured = Field(default_factory=lambda: Measured.model_validate({}))
    grid: PhaseGrid

    @field_validator("grid")
    @classmethod
    def _runs_take_a_step(cls, value: PhaseGrid, info: ValidationInfo) -> PhaseGrid:
        data, training = info.data.get("data"), info.data.get("training")
        if data is not None and value.batch[-1] > data.training_samples:
            raise ValueError(f"batch = {value.batch[-1]}: there are {data.training_samples} training samples")
        if training is None or data is None:
            return value
        fewest = min(steps_of(training, data.training_samples, eta, value.batch[-1]) for eta in value.step_size)
        if fewest < 1:
            raise ValueError(f"training.{training.stop}: leaves a run of the grid less than one step; train longer")
        return value


class NetworkPhaseDiagram(Experiment):
    """Errors, losses, local entropies, Hessians and noise on the plane of learning rate and batch size."""

    Spec = NetworkPhaseDiagramSpec
    extendable = ("grid.step_size", "grid.batch", "grid.seeds")
    uses_bins = False

    def points(self, spec: NetworkPhaseDiagramSpec) -> list[Point]:
        """A point for each cell: its seeds are chains of one sampler."""
        return points({"step_size": spec.grid.step_size, "batch": spec.grid.batch})

    def draws(self, spec: NetworkPhaseDiagramSpec, point: Point) -> int:
        """Seeds."""
        return spec.grid.seeds

    def cost(self, spec: NetworkPhaseDiagramSpec, point: Point) -> float:
        """Seconds, roughly: gradients, and the Hessian of every end."""
        eta, batch = point.parameters["step_size"], point.parameters["batch"]
        steps = steps_of(spec.training, spec.data.training_samples, eta, batch)
        dim = min(weights_at_most(spec), spec.measured.exact_below)
        return spec.grid.seeds * (steps * (2e-5 + 1e-6 * batch) + 0.1 + 2e-10 * dim**3) + 3 * spec.measured.integrated

    def memory(self, spec: NetworkPhaseDiagramSpec, point: Point) -> int:
        """The dense Hessian and its eigenvectors, gradients of all samples, chains."""
        dim = weights_at_most(spec)
        dense = 8 * 6 * dim**2 if dim <= spec.measured.exact_below else 8 * dim * 64 * spec.measured.probes
        return int(dense + 8 * dim * (spec.data.training_samples + 4 * spec.grid.seeds) + 2**28)

    def run_point(self, spec: NetworkPhaseDiagramSpec, point: Point, path: Path, control: Control) -> bool:
        """All seeds that are left trained side by side, then one after the other measured and kept."""
        from runs.experiments.network_phase_diagram_draw import Cell

        cell, seed = Cell(spec, point, control.stop), point_seed(spec.seed, point.name)
        return run_draws(_file(spec, point, path), spec.grid.seeds, cell.measure, seed, control)

    def assemble(
        self, spec: NetworkPhaseDiagramSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Means over seeds, which are independent (`bins` has nothing to do), and exponents of the collapse."""
        from runs.experiments.network_phase_diagram_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Maps with lines of constant eta / b, all against eta / b, the ratio of exponents, a check."""
        from runs.experiments.network_phase_diagram_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Ratios of exponents with errors, and the best cell."""
        from runs.experiments.network_phase_diagram_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """The exponent of the collapse beside -1."""
        from runs.experiments.network_phase_diagram_summary import verdicts

        return verdicts(results)


def steps_of(training: Training, samples: int, eta: float, batch: int) -> int:
    """Steps of a run of learning rate `eta`, at most."""
    if training.stop == "steps":
        return training.steps
    return round(training.epochs * samples / batch) if training.stop == "epochs" else round(training.time / eta)


def _file(spec: NetworkPhaseDiagramSpec, point: Point, path: Path) -> DrawFile:
    columns = {
        "steps": Column(np.int64, "steps taken"),
        "ended": Column(np.int8, "1: as asked for; 0: loss not reached in time; -1: weights or loss are no numbers"),
        **{name: Column(np.float64, f"{text}, at the end", units) for name, (text, units) in NUMBERS.items()},
        **{name: Column(np.float64, text, "nats", ("scale",)) for name, text in ENTROPIES.items()},
        "local_entropy_own": Column(np.float64, "size of what second order leaves out", "nats", ("scale",)),
        "integrated_entropy_own": Column(np.float64, "standard error of the integration", "nats", ("scale",)),
        **{
            f"{name}_warned": Column(np.int64, f"warnings of: {ENTROPIES[name]}", "1", ("scale",)) for name in ESTIMATED
        },
        "seconds": Column(np.float64, "duration", "s"),
    }
    # What changes no number of a draw may change in a folder.
    made = spec.model_dump(mode="json", exclude={"grid", "experiment", "seed", "device"})
    for name in ("shown", "bootstraps"):
        made["measured"].pop(name)
    lengths = {"scale": len(spec.measured.scale)}
    return DrawFile(path, columns, lengths, dict(point.parameters), json.dumps(made, sort_keys=True))
