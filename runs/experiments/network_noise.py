"""Experiment "network-noise": the covariance D of stochastic gradients along training, beside the published spectra.

A small fully connected network on 7 x 7 images, as in arXiv:1710.11029, is trained by SGD with and without replacement
at several step sizes and batch sizes. At snapshots D's whole spectrum is taken exactly, its alignment with the Hessian,
and the scatter of batches' gradients as it is, from which follows the temperature of the noise.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_spec import OnNetworks
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, Sizes, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from mcmc.landscapes.network import MLP
    from runs.figures import Drawing
    from runs.verdict import Verdict

NUMBERS = {
    "trace": "trace of D",
    "participation_ratio": "(sum of D's eigenvalues)^2 / sum of squares",
    "mean": "mean of all eigenvalues of D",
    "spread": "standard deviation of all eigenvalues of D",
    "rank_float64": "share of eigenvalues of D above lambda_max dim eps of float64",
    "rank_float32": "share of eigenvalues of D above lambda_max dim eps of float32",
    "cosine": "Tr(H D) / (|H| |D|)",
    "anisotropy": "dim Tr(H D) / (Tr H Tr D): 1 for isotropic noise",
    "noise_in_top": "share of Tr D in the first directions of the Hessian",
    "overlap": "overlap of the first directions of D and of the Hessian",
    "hessian_trace": "trace of the Hessian",
    "share": "measured covariance of a batch's gradient over D, by their traces",
    "epoch_share": "measured covariance of the sum of the gradients of an epoch over D and its steps, by their traces",
    "loss": "mean loss of the training samples",
    "training_error": "wrong fraction of the training samples",
    "test_error": "wrong fraction of the test samples",
}
"""What a snapshot is described by, each a number."""

WITH_ERRORS = ("cosine", "anisotropy", "hessian_trace", "share", "epoch_share")
"""Numbers with an error of their own."""


class Measured(Section):
    """How each snapshot is looked at."""

    top: Annotated[int, Field(ge=1, le=200)] = Field(
        10, description="first directions of D and of the Hessian compared"
    )
    probes: Annotated[int, Field(ge=8)] = Field(32, description="random vectors for traces with the Hessian")
    batches: Annotated[int, Field(ge=8)] = Field(
        100, description="batches drawn to measure how their gradients scatter"
    )
    sums: Annotated[int, Field(ge=2)] = Field(
        8, description="epochs drawn to measure how the sum of their gradients scatters at fixed weights"
    )


class NoiseGrid(Section):
    """How the network is trained, and when it is looked at."""

    step_size: Positives = Field([0.1], description="step sizes eta of SGD")
    batch: Sizes = Field([32], description="batch sizes b")
    replacement: list[Literal["epoch", "without", "with"]] = Field(
        ["epoch", "with"],
        min_length=1,
        description="how batches are drawn: epoch (orders of all samples cut up), without, with replacement",
    )
    epochs: list[Annotated[int, Field(ge=0)]] = Field(
        [0, 1, 3, 10, 30, 100], min_length=1, description="snapshots, passes through the data, rising"
    )
    seeds: Annotated[int, Field(ge=2)] = Field(4, description="runs of each, from other weights and batches")

    @field_validator("replacement")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("has a way of drawing more than once; each stands once")
        return value

    @field_validator("epochs")
    @classmethod
    def _rising(cls, value: list[int]) -> list[int]:
        if sorted(set(value)) != value:
            raise ValueError("needs rising numbers of epochs")
        return value


class NetworkNoiseSpec(OnNetworks):
    """The network, its training, and what is measured."""

    measured: Measured = Field(default_factory=lambda: Measured.model_validate({}), validate_default=True)
    grid: NoiseGrid

    @field_validator("measured")
    @classmethod
    def _directions_fit(cls, value: Measured, info: ValidationInfo) -> Measured:
        data, network = info.data.get("data"), info.data.get("network")
        if data is not None and network is not None and 2 * value.top > network.weights(data):
            most = network.weights(data)
            raise ValueError(f"top = {value.top}: at most half of the {most} weights of the network can be compared")
        return value

    @field_validator("grid")
    @classmethod
    def _batches_fit(cls, value: NoiseGrid, info: ValidationInfo) -> NoiseGrid:
        data = info.data.get("data")
        if data is not None and value.batch[-1] > data.training_samples:
            raise ValueError(f"batch = {value.batch[-1]}: there are {data.training_samples} training samples")
        return value


class NetworkNoise(Experiment):
    """Spectra of the covariance of SGD's gradients along training."""

    Spec = NetworkNoiseSpec
    extendable = ("grid.step_size", "grid.batch", "grid.replacement", "grid.seeds")
    uses_bins = False

    def fixed(self, spec: NetworkNoiseSpec) -> Mapping[str, str]:
        """Snapshots of a run follow each other in a file."""
        return {"grid.epochs": "snapshots stand between those of other seeds; raise grid.seeds, or begin another run"}

    def points(self, spec: NetworkNoiseSpec) -> list[Point]:
        """A point for each way of training."""
        grid = spec.grid
        return points({"step_size": grid.step_size, "batch": grid.batch, "replacement": grid.replacement})

    def draws(self, spec: NetworkNoiseSpec, point: Point) -> int:
        """Snapshots of all seeds."""
        return spec.grid.seeds * len(spec.grid.epochs)

    def cost(self, spec: NetworkNoiseSpec, point: Point) -> float:
        """Sample gradients of the training, and of a snapshot as many as of hundreds of epochs."""
        return spec.grid.seeds * (spec.grid.epochs[-1] + 300.0 * len(spec.grid.epochs))

    def memory(self, spec: NetworkNoiseSpec, point: Point) -> int:
        """A few matrices over the samples or over the weights, whichever is fewer."""
        samples, weights = spec.data.training_samples, spec.network.weights(spec.data)
        widths = [spec.data.inputs, *spec.network.hidden, spec.data.outputs]
        smaller = min(samples, weights)
        # D and its copy for the eigenvalues; factors of layers; chunks of sample gradients; products with 64 vectors.
        return int(32 * smaller**2 + 8 * samples * (3 * sum(widths) + 64 * max(widths[1:])) + 4096 * weights + 2**27)

    def run_point(self, spec: NetworkNoiseSpec, point: Point, path: Path, control: Control) -> bool:
        """Snapshot after snapshot; one that was interrupted is taken again, after training anew to it."""
        from runs.experiments.network_noise_draw import Training, snapshot

        landscape = spec.landscape()
        training = Training(spec, point, landscape)

        def measure(draw: int) -> Mapping[str, Any] | None:
            seed, place = divmod(draw, len(spec.grid.epochs))
            x = training.weights(seed, spec.grid.epochs[place], control.stop)
            return None if x is None else snapshot(spec, point, landscape, x, draw)

        file = _file(spec, point, path, landscape)
        return run_draws(file, self.draws(spec, point), measure, point_seed(spec.seed, point.name), control)

    def assemble(self, spec: NetworkNoiseSpec, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Every snapshot, and means over seeds, which are independent: `bins` has nothing to do."""
        from runs.experiments.network_noise_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Spectra, numbers along training, temperature, alignment, and the published figures."""
        from runs.experiments.network_noise_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """The last snapshot of each way of training, and what was published."""
        from runs.experiments.network_noise_results import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Measured temperatures beside exact ones."""
        from runs.experiments.network_noise_results import verdicts

        return verdicts(results)


def eigenvalue_count(landscape: "MLP") -> int:
    """Eigenvalues of D that are kept: those that may differ from 0."""
    return min(int(landscape.data_size or 1) - 1, landscape.dim)


def _file(spec: NetworkNoiseSpec, point: Point, path: Path, landscape: "MLP") -> DrawFile:
    columns = {
        "seed_number": Column(np.int64, "run"),
        "epoch": Column(np.int64, "passes through the data before the snapshot"),
        **{name: Column(np.float64, text) for name, text in NUMBERS.items()},
        **{f"{name}_own": Column(np.float64, f"standard error of: {NUMBERS[name]}") for name in WITH_ERRORS},
        "eigenvalues": Column(np.float64, "eigenvalues of D, falling", "1", ("eigenvalue",)),
        "hessian_top": Column(np.float64, "largest eigenvalues of the Hessian, falling", "1", ("direction",)),
        "seconds": Column(np.float64, "processor time of the measurement", "s"),
    }
    lengths = {"eigenvalue": eigenvalue_count(landscape), "direction": spec.measured.top}
    made = {
        "data": spec.data.model_dump(mode="json") | {"name": landscape.data.name},
        "network": spec.network.model_dump(mode="json"),
        "measured": spec.measured.model_dump(mode="json"),
        "epochs": spec.grid.epochs,
    }
    attributes = {"dim": landscape.dim, "samples": int(landscape.data_size or 0), "data_name": landscape.data.name}
    return DrawFile(path, columns, lengths, attributes, json.dumps(made, sort_keys=True))
