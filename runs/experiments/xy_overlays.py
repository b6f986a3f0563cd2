"""Exact results and limits that are laid over the thermodynamics of the pure XY model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.landscapes.xy import theory

if TYPE_CHECKING:
    import xarray

LOW = 0.5
"""Spin waves are drawn up to this share of the largest temperature."""
DOTTED: Mapping[str, Any] = {"linestyle": ":"}


class Overlay(NamedTuple):
    """A curve of theory in one panel."""

    temperature: np.ndarray
    value: np.ndarray
    label: str
    said: str
    """What it is, for the caption."""
    style: Mapping[str, Any] = {}


def overlays(results: "xarray.Dataset") -> dict[str, list[Overlay]]:
    """Curves by the name of the quantity; none for models without a known result."""
    coupling = results.attrs.get("coupling")
    pure = results.attrs.get("phase", "none") == "none" and float(results.attrs.get("field", 0.0)) == 0.0
    if not pure or not isinstance(coupling, (float, int, np.floating)) or not coupling > 0:
        return {}
    measured = results["temperature"].values
    temperature = np.linspace(measured.min(), measured.max(), 200)
    lattice = str(results.attrs["lattice"])
    scale = float(coupling)
    if lattice in ("square", "triangular", "cubic"):
        return _lattice(lattice, temperature, scale)
    sizes = [int(size) for size in results["size"].values]
    exact = {"chain": _chain, "ring": _ring, "complete": _complete}.get(lattice)
    return exact(sizes, temperature, scale) if exact is not None else {}


def _lattice(lattice: str, temperature: np.ndarray, scale: float) -> dict[str, list[Overlay]]:
    bonds = {"square": 2.0, "triangular": 3.0, "cubic": 3.0}[lattice]
    cold = temperature[temperature <= max(LOW * temperature[-1], 0.8 * scale)]
    limits = {"binder_cumulant": [_level(temperature, 0.5, "ordered, 1/2", "1/2, the value of U in full order")]}
    if cold.size < 2:
        return limits
    energy = scale * theory.spin_wave_energy_per_site(cold / scale, bonds)
    said = "spin waves at low temperature"
    return {
        "energy_per_site": [Overlay(cold, energy, "spin waves", said)],
        "specific_heat": [Overlay(cold, np.full(cold.size, 0.5), "spin waves", said)],
        **limits,
    }


def _level(temperature: np.ndarray, value: float, label: str, said: str) -> Overlay:
    return Overlay(temperature, np.full(temperature.size, value), label, said, DOTTED)


def _chain(sizes: list[int], temperature: np.ndarray, scale: float) -> dict[str, list[Overlay]]:
    beta = scale / temperature
    share = 1.0 - 1.0 / max(sizes)
    said = "exact open chain"
    return {
        "energy_per_site": [Overlay(temperature, scale * share * theory.chain_energy_per_bond(beta), "exact", said)],
        "specific_heat": [Overlay(temperature, share * theory.chain_specific_heat_per_bond(beta), "exact", said)],
    }


def _ring(sizes: list[int], temperature: np.ndarray, scale: float) -> dict[str, list[Overlay]]:
    found: dict[str, list[Overlay]] = {"energy_per_site": [], "specific_heat": []}
    for size in sizes:
        exact = theory.ring(size, scale / temperature)
        label = "exact" if size == sizes[0] else "_nolegend_"
        for name, value in zip(found, (scale * exact.energy_per_site, exact.specific_heat_per_site), strict=True):
            found[name].append(Overlay(temperature, value, label, "exact ring of each size"))
    return found


def _complete(sizes: list[int], temperature: np.ndarray, scale: float) -> dict[str, list[Overlay]]:
    magnetization = np.array([theory.mean_field_magnetization(scale / t) for t in temperature])
    limit = Overlay(temperature, magnetization, r"$N\to\infty$", "infinite complete graph")
    found: dict[str, list[Overlay]] = {"magnetization": [limit], "energy_per_site": [], "specific_heat": []}
    for size in sizes:
        exact = [theory.complete_graph(size, scale / t) for t in temperature]
        label = "exact" if size == sizes[0] else "_nolegend_"
        energy = scale * np.array([e.energy_per_site for e in exact])
        heat = np.array([e.specific_heat_per_site for e in exact])
        for name, value in (("energy_per_site", energy), ("specific_heat", heat)):
            found[name].append(Overlay(temperature, value, label, "exact complete graph of each size"))
    return found
