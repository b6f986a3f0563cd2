"""What `sample` records: the layout of a sampler's measurements, and the record that keeps them in memory."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError

if TYPE_CHECKING:
    import xarray

STATISTICS = {
    "acceptance": "accepted fraction of the updates tried",
    "clusters": "clusters per sweep",
    "energy_drift": "largest |carried - recomputed energy|",
    "round_trips": "journeys cold - hot - cold of all replicas",
    "settled_at": "sweep at which the quench settled",
    "step_size": "step size",
    "swap_rate": "accepted fraction of swaps with the next hotter temperature",
}
"""Long names of what samplers count; a sampler with other meanings says so in `statistic_names`."""


class Variable(NamedTuple):
    """A measured variable, one value per draw."""

    dims: tuple[str, ...]
    """Without `draw`; the first is `chain`."""
    shape: tuple[int, ...]
    dtype: np.dtype


class Layout(NamedTuple):
    """Names, dimensions and types of what is recorded."""

    chain: np.ndarray
    """(chains,) uint32."""
    lengths: dict[str, int]
    """Length of each dimension but `draw`."""
    coords: dict[str, np.ndarray]
    """Coordinates along dimensions of the same name."""
    series: dict[str, Variable]
    statistics: dict[str, tuple[str, ...]]
    """Dimensions of each of the sampler's statistics."""
    attributes: dict[str, dict[str, str]]
    """`long_name` and `units` of every variable that has them."""


def measured_layout(sampler: Any, state: Any, measure: Callable, chain: np.ndarray) -> Layout:
    """The layout of what `measure` returns. Raises ArgumentError for names or shapes that do not fit."""
    lengths = {"chain": chain.size, **{dim: len(sampler.coords[dim]) for dim in sampler.dims}}
    shape, dims = tuple(lengths.values()), tuple(lengths)
    series = {}
    for name, value in measure(sampler, state).items():
        array = np.asarray(value)
        if array.shape[: len(shape)] != shape or array.dtype.kind not in "biuf":
            raise ArgumentError(
                f"observe: {name} is {array.dtype} of shape {array.shape}; "
                f"numbers of shape {shape} ({', '.join(dims)}) are needed"
            )
        extra = {f"{name}_dim_{i}": length for i, length in enumerate(array.shape[len(shape) :])}
        lengths |= extra
        series[name] = Variable((*dims, *extra), array.shape, np.dtype("i1") if array.dtype == bool else array.dtype)
    if not series:
        raise ArgumentError("observe: nothing is measured; name at least one observable")
    statistics = {name: dims[: np.ndim(value)] for name, value in sampler.statistics(state).items()}
    if clash := sorted(set(series) & {*statistics, *lengths, "draw"}):
        raise ArgumentError(f"observe: {clash[0]} names a dimension or a statistic of the sampler; take another name")
    known = sampler.attributes()
    attributes = {name: dict(known[name]) for name in series if name in known}
    said = {**STATISTICS, **getattr(sampler, "statistic_names", {})}
    attributes |= {name: {"long_name": said.get(name, name), "units": "1"} for name in statistics}
    return Layout(chain, lengths, {"chain": chain, **sampler.coords}, series, statistics, attributes)


class MemoryRecord:
    """Draws in arrays (chain, draw, ...)."""

    finished = False

    def __init__(self, sampler: Any, plan: Any, layout: Layout, attributes: Mapping[str, Any]):
        self.sampler, self.plan, self.layout, self.attributes = sampler, plan, layout, attributes
        self.drawn = 0
        self.values = {
            name: np.empty((variable.shape[0], plan.draws, *variable.shape[1:]), variable.dtype)
            for name, variable in layout.series.items()
        }
        self.statistics: Mapping[str, np.ndarray] = {}

    def __enter__(self) -> "MemoryRecord":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, values: Mapping[str, Any]) -> None:
        """One draw."""
        for name, array in self.values.items():
            array[:, self.drawn] = values[name]
        self.drawn += 1

    def save(self, state: Any) -> None:
        """Keep the statistics."""
        self.statistics = self.sampler.statistics(state)

    def finish(self, complete: bool, seconds: Mapping[str, float]) -> None:
        """Nothing is left to do."""

    def where_to_resume(self) -> str:
        """For the message of an error."""
        return "nothing was saved; give `path` to keep draws and checkpoints"

    def dataset(self) -> "xarray.Dataset":
        """Dims (chain, draw, ...)."""
        import xarray

        layout = self.layout
        variables: dict[str, tuple] = {
            name: (("chain", "draw", *variable.dims[1:]), self.values[name][:, : self.drawn])
            for name, variable in layout.series.items()
        }
        variables |= {name: (dims, self.statistics[name]) for name, dims in layout.statistics.items()}
        described = {name: (*entry, layout.attributes.get(name, {})) for name, entry in variables.items()}
        coords = {**layout.coords, "draw": np.arange(self.drawn)}
        return xarray.Dataset(described, coords, dict(self.attributes))
