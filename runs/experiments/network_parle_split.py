"""Experiment "network-parle-split": replicas that each see a part of the data, against SGD on all of it.

Every replica is given its own part of the training samples and meets the others in their centre alone, as when data
are split between machines (arXiv:1707.00424, section 5). The centre of Parle and of Elastic-SGD is held to SGD on all
samples, and to SGD on one part, the control: what the centre gains over that is what replicas tell each other. All
runs get as many sample gradients; step sizes are chosen by cross-validation on the training samples, as in
"network-optimizers". A seed has the same initial weights and the same parts for every optimiser, parts of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_methods import METHODS, REPLICATED, Methods, StepSizes
from runs.experiments.network_optimizers import MEASURES, MethodList, rising_shares
from runs.experiments.network_optimizers_limits import require_enough, require_folds
from runs.experiments.network_optimizers_training import Training, Tuning
from runs.experiments.network_spec import OnNetworks
from runs.experiments.perceptron_draws import Column, DrawFile, run_draws
from runs.grid import Point, Positives, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing


class SplitGrid(Section):
    """What is compared."""

    optimizer: MethodList = Field(
        description=f"optimisers; the others are compared with the first, on all samples: {', '.join(METHODS)}"
    )
    fraction: Positives = Field(description="shares of the training samples that a replica sees; 1 is among them")
    seeds: Annotated[int, Field(ge=2)] = Field(
        10, description="runs of each point, a total: raising it later adds to the run"
    )

    @field_validator("fraction")
    @classmethod
    def _up_to_all(cls, value: list[float]) -> list[float]:
        if value[-1] != 1.0:
            raise ValueError(f"has {value[-1]:g} as its last; shares up to 1, and 1 to compare with, are needed")
        return value


class NetworkParleSplitSpec(OnNetworks):
    """Data, network, optimisers, work."""

    training: Training = Field(default_factory=lambda: Training.model_validate({}))
    tuning: Tuning = Field(default_factory=lambda: Tuning.model_validate({}))
    step_size: StepSizes = Field(default_factory=lambda: StepSizes.model_validate({}))
    options: Methods = Field(default_factory=lambda: Methods.model_validate({}))
    places: Annotated[int, Field(ge=1, le=200)] = Field(12, description="places along the training of the curves")
    grid: SplitGrid

    @field_validator("grid")
    @classmethod
    def _same_replicas(cls, value: SplitGrid, info: ValidationInfo) -> SplitGrid:
        options = info.data.get("options")
        counts = {getattr(options, name).replicas for name in value.optimizer if options and name in REPLICATED}
        if len(counts) > 1:
            raise ValueError(
                f"optimizer: {' and '.join(map(str, sorted(counts)))} replicas are to be compared; give all the same "
                "in options"
            )
        require_enough(info.data, value.optimizer, value.fraction[0])
        return value

    def require(self) -> None:
        """Raise an EntroscapeError where the data are not installed, or a fold of them lacks a class."""
        super().require()
        require_folds(self.data.draw(), self.tuning.folds, point_seed(self.seed, "tuning"))

    @property
    def replicas(self) -> int:
        """Replicas of those optimisers that have some; 1 where none has."""
        return max([1, *(getattr(self.options, name).replicas for name in self.grid.optimizer if name in REPLICATED)])


class NetworkParleSplit(Experiment):
    """Test errors of replicas on parts of the data, of SGD on all of it and on a part."""

    Spec = NetworkParleSplitSpec
    extendable = ("grid.optimizer", "grid.fraction", "grid.seeds")
    uses_bins = False

    def fixed(self, spec: NetworkParleSplitSpec) -> Mapping[str, str]:
        """What the step size was chosen with."""
        return {"tuning.factors": "step sizes are chosen among them before the runs; choose another folder with -o"}

    def points(self, spec: NetworkParleSplitSpec) -> list[Point]:
        """A point for each optimiser and share of the samples."""
        return points({"optimizer": spec.grid.optimizer, "fraction": spec.grid.fraction})

    def draws(self, spec: NetworkParleSplitSpec, point: Point) -> int:
        """Step sizes tried, then seeds."""
        return len(spec.tuning.factors) + spec.grid.seeds

    def cost(self, spec: NetworkParleSplitSpec, point: Point) -> float:
        """Trials take most."""
        return len(spec.tuning.factors) * spec.tuning.folds * spec.tuning.seeds + spec.grid.seeds

    def memory(self, spec: NetworkParleSplitSpec, point: Point) -> int:
        """The samples, and weights of a few runs."""
        return 2**27

    def run_point(self, spec: NetworkParleSplitSpec, point: Point, path: Path, control: Control) -> bool:
        """Trials of step sizes, then seeds; one that was interrupted is made again, with the same random numbers."""
        from runs.experiments.network_optimizers_draw import Trials
        from runs.experiments.network_parle_split_draw import measure_run, measure_trial

        tried = len(spec.tuning.factors)
        trials = Trials.of(path, tried)

        def measure(draw: int) -> Mapping[str, Any]:
            if draw < tried:
                return measure_trial(spec, point, draw, trials)
            return measure_run(spec, point, draw - tried, trials)

        return run_draws(
            _file(spec, point, path), self.draws(spec, point), measure, point_seed(spec.seed, point.name), control
        )

    def assemble(
        self, spec: NetworkParleSplitSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Means over seeds, which are independent (`bins` has nothing to do), and paired differences."""
        from runs.experiments.network_parle_split_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Test errors against the share of the samples, curves along training, step sizes tried."""
        from runs.experiments.network_parle_split_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """Test errors, and differences with standard errors, beside the published ones."""
        from runs.experiments.network_parle_split_summary import summary

        return summary(results)


def _file(spec: NetworkParleSplitSpec, point: Point, path: Path) -> DrawFile:
    along = ("place",)
    columns = {
        "step_size": Column(np.float64, "step size"),
        "trial": Column(np.int8, "1: step size tried by cross-validation; 0: run that is compared"),
        "held_out": Column(np.float64, "error and loss on samples held out", "1", ("fold", "repeat", "measure")),
        "work": Column(np.float64, "sample gradients taken", "1", along),
        "test_error": Column(np.float64, "wrong fraction of the test samples", "1", along),
        "training_error": Column(np.float64, "wrong fraction of all training samples", "1", along),
        "training_loss": Column(np.float64, "energy over all training samples", "nats", along),
        "replicas_error": Column(np.float64, "test error of single replicas at the end, their mean"),
        "seconds": Column(np.float64, "duration", "s"),
    }
    lengths = {
        "fold": spec.tuning.folds, "repeat": spec.tuning.seeds, "measure": len(MEASURES), "place": spec.places + 1,
    }  # fmt: skip
    asked = spec.model_dump(mode="json", exclude={"grid", "experiment", "seed", "device"})
    return DrawFile(path, columns, lengths, dict(point.parameters), str(asked))


def shares(spec: NetworkParleSplitSpec) -> list[float]:
    """Shares of a run at which curves are taken."""
    return rising_shares(spec.places)
