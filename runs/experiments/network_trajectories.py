"""Experiment "network-trajectories": SGD's weights once an epoch, beside fitted processes and detailed balance.

Around a minimum of a small network SGD goes on for ever. Looked at once an epoch its weights have a spectrum and a
memory, beside those of an Ornstein-Uhlenbeck process fitted to the same run; and they turn: noise that does not commute
with the Hessian breaks detailed balance (arXiv:1710.11029, section 4). How fast each plane turns follows from the
Hessian and D at the minimum in the limit of cold noise. Langevin dynamics with isotropic noise as strong turns nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from runs.experiments import Control, Experiment
from runs.experiments.network_spec import OnNetworks
from runs.grid import Point, Positive, Sizes, point_seed, points
from runs.spec import Section

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

Noise = Literal["with", "epoch", "isotropic"]
MOST_WEIGHTS = 1500
FEWEST_EPOCHS = 400
MOST_LAGS = 300


class Trajectories(Section):
    """How the weights move."""

    step_size: Positive = Field(0.5, description="eta")
    burn_in: Annotated[int, Field(ge=1)] = Field(500, description="epochs from the minimum before the first record")
    epochs: Annotated[int, Field(ge=FEWEST_EPOCHS)] = Field(
        5000, description="epochs recorded, one record each, a total: raising it later extends the run"
    )
    seeds: Annotated[int, Field(ge=2)] = Field(4, description="minima, from other first weights, and a run at each")


class Looked(Section):
    """How the trajectories are looked at."""

    planes: Annotated[int, Field(ge=1, le=6)] = Field(3, description="planes: those that theory says turn fastest")
    surrogates: Annotated[int, Field(ge=39)] = Field(99, description="paths of each fitted process")


class TrajectoryGrid(Section):
    """Which noise."""

    noise: list[Noise] = Field(
        ["with", "epoch", "isotropic"],
        min_length=1,
        description="batches drawn with replacement; cut from orders of all samples (epoch); or Langevin dynamics with "
        "isotropic noise as strong as that of batches drawn with replacement",
    )
    batch: Sizes = Field([20], description="batch sizes b")

    @field_validator("noise")
    @classmethod
    def _once(cls, value: list[Noise]) -> list[Noise]:
        if len(set(value)) < len(value):
            raise ValueError("has a kind of noise more than once; each stands once")
        return value


class NetworkTrajectoriesSpec(OnNetworks):
    """The network, how it moves, and what is measured."""

    trajectories: Trajectories = Field(default_factory=lambda: Trajectories.model_validate({}))
    measured: Looked = Field(default_factory=lambda: Looked.model_validate({}), validate_default=True)
    grid: TrajectoryGrid = Field(default_factory=lambda: TrajectoryGrid.model_validate({}), validate_default=True)

    @field_validator("network")
    @classmethod
    def _held_and_small(cls, value: Any, info: ValidationInfo) -> Any:
        data = info.data.get("data")
        if value.weight_decay <= 0:
            raise ValueError("weight_decay = 0: some is needed, else no minimum holds the weights in all directions")
        if data is not None and value.weights(data) > MOST_WEIGHTS:
            raise ValueError(f"has {value.weights(data)} weights: whole Hessians are taken of {MOST_WEIGHTS} at most")
        return value

    @field_validator("measured")
    @classmethod
    def _planes_fit(cls, value: Looked, info: ValidationInfo) -> Looked:
        data, network = info.data.get("data"), info.data.get("network")
        if data is not None and network is not None and 2 * value.planes > network.weights(data):
            raise ValueError(f"planes = {value.planes}: there are {network.weights(data)} weights, two a plane")
        return value

    @field_validator("grid")
    @classmethod
    def _batches_fit(cls, value: TrajectoryGrid, info: ValidationInfo) -> TrajectoryGrid:
        data = info.data.get("data")
        if data is not None and 2 * value.batch[-1] > data.training_samples:
            raise ValueError(
                f"batch = {value.batch[-1]}: at most half of the {data.training_samples} training samples, so that an "
                "epoch has two steps"
            )
        return value


class NetworkTrajectories(Experiment):
    """Spectra, memory and circulation of weights under SGD and under isotropic noise."""

    Spec = NetworkTrajectoriesSpec
    extendable = ("trajectories.epochs", "grid.noise", "grid.batch")
    uses_bins = False

    def fixed(self, spec: NetworkTrajectoriesSpec) -> Mapping[str, str]:
        """Runs at all minima advance together."""
        return {"trajectories.seeds": "runs at all minima advance together in a file; raise trajectories.epochs"}

    def points(self, spec: NetworkTrajectoriesSpec) -> list[Point]:
        """One for each noise and batch size."""
        return points({"noise": spec.grid.noise, "batch": spec.grid.batch})

    def draws(self, spec: NetworkTrajectoriesSpec, point: Point) -> int:
        """Records."""
        return spec.trajectories.epochs

    def cost(self, spec: NetworkTrajectoriesSpec, point: Point) -> float:
        """Steps, and what a gradient of all samples costs besides."""
        steps = spec.data.training_samples // point.parameters["batch"]
        return spec.trajectories.epochs * (2.0 + steps * (3.0 if point.parameters["noise"] == "isotropic" else 1.0))

    def memory(self, spec: NetworkTrajectoriesSpec, point: Point) -> int:
        """Hessians and D of all minima, and activations."""
        weights = spec.network.weights(spec.data)
        return 2**27 + 8 * (6 * spec.trajectories.seeds + 8) * weights**2

    def analysis_memory(self, spec: NetworkTrajectoriesSpec) -> int:
        """Coordinates at all lags."""
        each = 16 * spec.measured.planes * spec.trajectories.epochs
        return 2**27 + each * MOST_LAGS + 8 * 60 * spec.network.weights(spec.data) ** 2

    def run_point(self, spec: NetworkTrajectoriesSpec, point: Point, path: Path, control: Control) -> bool:
        """Sample the point into its file."""
        from mcmc.samplers import sample
        from mcmc.store.provenance import Provenance
        from runs.experiments.network_trajectories_minima import coordinates, sampler

        epoch = spec.data.training_samples // point.parameters["batch"]
        seed = point_seed(spec.seed, point.name)
        drawn = sample(
            sampler(spec, point),
            spec.trajectories.epochs * epoch,
            chains=spec.trajectories.seeds,
            seed=seed,
            burn_in=spec.trajectories.burn_in * epoch,
            thin=epoch,
            observe=coordinates(spec, point.parameters["batch"]),
            progress=control.progress,
            path=path,
            stop=control.stop,
            provenance=Provenance.collect(control.spec_text, seed, control.device),
        )
        return drawn.sizes["draw"] >= spec.trajectories.epochs

    def assemble(
        self, spec: NetworkTrajectoriesSpec, files: Mapping[str, Path], bins: int | None = None
    ) -> "xarray.Dataset":
        """Spectra, memory and circulation of each run; blocks are chosen by the memory: `bins` has nothing to do."""
        from runs.experiments.network_trajectories_results import assemble

        return assemble(spec, self.points(spec), files)

    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Spectra and memory beside their nulls; what turns."""
        from runs.experiments.network_trajectories_figures import draw

        return draw(results, out)

    def summary(self, results: "xarray.Dataset") -> list[str]:
        """What turns, and what is no Ornstein-Uhlenbeck process."""
        from runs.experiments.network_trajectories_summary import summary

        return summary(results)

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Circulation against theory and against detailed balance."""
        from runs.experiments.network_trajectories_summary import verdicts

        return verdicts(results)
