"""One file per kind of experiment: its spec, one point of it, its results, its figures.

A run file names a kind of the registry below, or `module:Class` for an experiment of your own.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mcmc.errors import SpecError
from runs.grid import Point
from runs.spec import RunSpec, nearest

if TYPE_CHECKING:
    import xarray

    from runs.figures import Drawing
    from runs.verdict import Verdict

KINDS: dict[str, str] = {
    "free-energy-descent": "runs.experiments.free_energy_descent:FreeEnergyDescent",
    "hj-smoothing": "runs.experiments.hj_smoothing:HJSmoothing",
    "homogenization": "runs.experiments.homogenization:Homogenization",
    "information-bottleneck": "runs.experiments.information_bottleneck:InformationBottleneck",
    "limit-cycles": "runs.experiments.limit_cycles:LimitCycles",
    "local-entropy-agreement": "runs.experiments.local_entropy_agreement:LocalEntropyAgreement",
    "network-noise": "runs.experiments.network_noise:NetworkNoise",
    "network-optimizers": "runs.experiments.network_optimizers:NetworkOptimizers",
    "network-parle-split": "runs.experiments.network_parle_split:NetworkParleSplit",
    "network-phase-diagram": "runs.experiments.network_phase_diagram:NetworkPhaseDiagram",
    "network-trajectories": "runs.experiments.network_trajectories:NetworkTrajectories",
    "perceptron-annealing": "runs.experiments.perceptron_annealing:PerceptronAnnealing",
    "perceptron-capacity": "runs.experiments.perceptron_capacity:PerceptronCapacity",
    "perceptron-density-map": "runs.experiments.perceptron_density_map:PerceptronDensityMap",
    "perceptron-enumeration": "runs.experiments.perceptron_enumeration:PerceptronEnumeration",
    "perceptron-equilibrium": "runs.experiments.perceptron_equilibrium:PerceptronEquilibrium",
    "perceptron-local-entropy": "runs.experiments.perceptron_local_entropy:PerceptronLocalEntropy",
    "perceptron-to-network": "runs.experiments.perceptron_to_network:PerceptronToNetwork",
    "perceptron-wide-vs-narrow": "runs.experiments.perceptron_wide_narrow:PerceptronWideNarrow",
    "stationary-points": "runs.experiments.stationary_points:StationaryPoints",
    "well-widths": "runs.experiments.well_widths:WellWidths",
    "xy": "runs.experiments.xy:XYPhaseDiagram",
    "xy-local-entropy": "runs.experiments.xy_local_entropy:XYLocalEntropy",
    "xy-quench": "runs.experiments.xy_quench:XYQuench",
}
"""Kind as written in a run file: module and class, imported only when asked for."""


@dataclass(frozen=True)
class Control:
    """What a point is told by the run, and whom it tells how far it is."""

    spec_text: str
    """The resolved run file, for the provenance of every file written."""
    device: str = "cpu"
    stop: Callable[[], bool] = lambda: False
    """True when the point should finish its chunk, write a checkpoint and return False; cheap to ask."""
    progress: Callable[[int, int], None] = lambda done, total: None
    """Called with (draws done, draws in all), as often as convenient."""


class Experiment(ABC):
    """What the batch layer asks of a kind of experiment; stateless, the spec comes with each call."""

    Spec: ClassVar[type[RunSpec]]
    extendable: ClassVar[tuple[str, ...]] = ()
    """Dotted keys that may grow in a folder already begun: a number raised, a list given further values."""
    uses_bins: ClassVar[bool] = True
    """Whether errors come from jackknife bins of series; else from independent repeats, which bins do not change."""

    def may_grow(self, spec: Any) -> tuple[str, ...]:
        """The keys that may grow in a folder of this spec."""
        return self.extendable

    def fixed(self, spec: Any) -> Mapping[str, str]:
        """Why a key may not change in a folder of this spec, where one might expect it."""
        return {}

    @abstractmethod
    def points(self, spec: Any) -> list[Point]:
        """The tasks of a run; each becomes one file points/<name>.h5 written by one process."""

    @abstractmethod
    def draws(self, spec: Any, point: Point) -> int:
        """Draws that the finished file of a point holds (its committed draws reach this number)."""

    def cost(self, spec: Any, point: Point) -> float:
        """Work of a point in any unit: the costliest start first, and the time left is reckoned with it."""
        return float(self.draws(spec, point))

    @abstractmethod
    def memory(self, spec: Any, point: Point) -> int:
        """Peak bytes of one process that runs this point, beyond those of Python and its libraries."""

    def analysis_memory(self, spec: Any) -> int:
        """Peak bytes of `assemble` in the process of the run itself, which comes when the points are done."""
        return 0

    @abstractmethod
    def run_point(self, spec: Any, point: Point, path: Path, control: Control) -> bool:
        """Write `path`, resuming it when it exists. True when finished, False when `control.stop` ended it.

        A finished file has status "done". Its random numbers follow from the seed and the point
        (`runs.grid.point_seed`), never from the order of the points.
        """

    @abstractmethod
    def assemble(self, spec: Any, files: Mapping[str, Path], bins: int | None = None) -> "xarray.Dataset":
        """Results over the grid from the files of the finished points, by point name.

        Each estimate `<name>` is accompanied by `<name>_error`; points without a file are NaN; `bins` is the
        number of jackknife bins (None: the experiment's choice). Variables carry `long_name` and `units`.
        """

    @abstractmethod
    def figures(self, results: "xarray.Dataset", out: Path) -> "list[Drawing]":
        """Draw into the folder `out` from the results alone (their attribute `spec` has the run file)."""

    @abstractmethod
    def summary(self, results: "xarray.Dataset") -> list[str]:
        """The headline numbers with errors, one line each."""

    def verdicts(self, results: "xarray.Dataset") -> "list[Verdict]":
        """Numbers of the results beside published or exact ones; none where there is no reference."""
        return []


def find(kind: str, source: str = "experiment") -> Experiment:
    """The experiment of a kind. Raises SpecError for an unknown kind or a broken `module:Class`."""
    reference = KINDS.get(kind, kind)
    if ":" not in reference:
        close = nearest(kind, list(KINDS))
        hint = f"did you mean '{close}'? " if close else ""
        known = f"known: {', '.join(KINDS)}, or module:Class of your own"
        fault = f'experiment = "{kind}": no such experiment; {hint}{known}'
        raise SpecError(source, [fault])
    module, _, name = reference.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(source, [f'experiment = "{kind}": cannot be imported: {error}']) from error
    if not (isinstance(found, type) and issubclass(found, Experiment)):
        raise SpecError(source, [f'experiment = "{kind}": is not a subclass of runs.experiments.Experiment'])
    return found()
