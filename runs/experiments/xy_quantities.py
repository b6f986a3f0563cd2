"""Physical numbers of the XY model from means of its series: one table of names, formulas and units.

k_B = 1. "Per site" divides totals by the number of sites.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mcmc.statistics.derived import (
    binder_cumulant,
    helicity_modulus,
    second_moment_correlation_length,
    specific_heat,
    susceptibility,
)
from runs.experiments.xy_series import WAVE_SPACING, Geometry

Means = Mapping[str, np.ndarray]
"""Means of `moments`, (..., temperatures) each."""


class Label(NamedTuple):
    """How a number is called in print."""

    long_name: str
    units: str = "1"


LABELS = {
    "energy_per_site": Label("energy per site", "J"),
    "specific_heat": Label("specific heat per site", "k_B"),
    "magnetization": Label("magnetisation per site, <|M|>/N"),
    "susceptibility": Label("susceptibility per site, <M^2>/(N T)", "1/J"),
    "connected_susceptibility": Label("connected susceptibility per site, (<M^2> - <|M|>^2)/(N T)", "1/J"),
    "binder_cumulant": Label("Binder cumulant, 1 - <M^4>/(2 <M^2>^2)"),
    "helicity_modulus": Label("helicity modulus per site, mean of the directions", "J"),
    "vortex_density": Label("vortices and antivortices per plaquette"),
    "nearest_neighbour_correlation": Label("nearest-neighbour correlation <cos(theta_i - theta_j)>"),
    "correlation_length": Label("second-moment correlation length", "lattice spacings"),
    "current_squared": Label("squared current <I>^2 per direction, I = sum J sin(theta_i - theta_j - A_ij)/L", "J^2"),
}
"""Every estimate that comes with an error."""


def moments(values: Mapping[str, np.ndarray], shift: np.ndarray, geometry: Geometry) -> dict[str, np.ndarray]:
    """Series whose means the formulas need, (chains, draws, temperatures) each.

    Energies are taken relative to `shift` (temperatures,), which keeps the digits of their squares.
    """
    energy = values["energy"] - shift
    square = values["magnetization_x"] ** 2 + values["magnetization_y"] ** 2
    found = {"e": energy, "e2": energy**2, "m": np.sqrt(square), "m2": square, "m4": square**2}
    found["n"] = values["nearest_neighbour_correlation"]
    if geometry.vortices:
        found["v"] = values["vortices"]
    if geometry.waves:
        found["w"] = values["structure_factor_kmin"]
    for axis in geometry.directions:
        found[f"c{axis}"] = values[f"helicity_cosine_{axis}"]
        sine = values[f"helicity_sine_{axis}"]
        found[f"s{axis}"], found[f"t{axis}"] = sine, sine**2
    return found


def quantities(beta: np.ndarray, mean: Means, shift: np.ndarray, geometry: Geometry, glass: bool) -> dict:
    """Numbers by name from means, each (..., temperatures).

    `glass`: random phases give every instance a current of its own, <S> != 0, which the helicity modulus subtracts.
    """
    sites = geometry.sites
    found = {
        "energy_per_site": (mean["e"] + shift) / sites,
        "specific_heat": specific_heat(beta, mean["e"], mean["e2"], sites),
        "magnetization": mean["m"] / sites,
        "susceptibility": susceptibility(beta, mean["m2"], sites),
        "connected_susceptibility": susceptibility(beta, mean["m2"], sites, mean["m"]),
        "binder_cumulant": binder_cumulant(mean["m2"], mean["m4"], components=2),
        "nearest_neighbour_correlation": mean["n"],
    }
    if geometry.vortices:
        found["vortex_density"] = mean["v"] / geometry.plaquettes
    if geometry.waves:
        found["correlation_length"] = correlation_length(mean, geometry)
    if geometry.directions and geometry.lattice != "chain":
        found["helicity_modulus"] = helicity(beta, mean, geometry, glass)
        if glass:
            currents = [mean[f"s{axis}"] ** 2 / geometry.size**2 for axis in geometry.directions]
            found["current_squared"] = np.mean(currents, axis=0)
    return found


def helicity(beta: np.ndarray, mean: Means, geometry: Geometry, glass: bool = False) -> np.ndarray:
    """Helicity modulus per site, mean of the directions, (..., temperatures)."""
    return np.mean(
        [
            helicity_modulus(
                beta, mean[f"c{axis}"], mean[f"t{axis}"], geometry.sites, mean[f"s{axis}"] if glass else 0.0
            )
            for axis in geometry.directions
        ],
        axis=0,
    )


def helicity_ratio(beta: np.ndarray, mean: Means, geometry: Geometry) -> np.ndarray:
    """f = pi Y / (2 T) with Y per area, 1 at the universal jump, (..., temperatures)."""
    return 0.5 * np.pi * beta * helicity(beta, mean, geometry) / geometry.area


def correlation_length(mean: Means, geometry: Geometry) -> np.ndarray:
    """Second-moment correlation length in lattice spacings, (..., temperatures)."""
    length = second_moment_correlation_length(mean["m2"] / geometry.sites, mean["w"], geometry.smallest_wave)
    return length * WAVE_SPACING.get(geometry.lattice, 1.0)
