"""Headline numbers of "free-energy-descent"."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.free_energy_descent_heat import FLOWS, FUNCTIONALS
from runs.experiments.free_energy_descent_model import CASES
from runs.verdict import Verdict, largest_score

if TYPE_CHECKING:
    import xarray

HEAT_CLOSE = 0.02
"""Share of its fall within which a functional of the heat equation is exact: tails of half a mass cost half of it."""
OWN = dict(zip(FLOWS, FUNCTIONALS, strict=True))
"""The functional that movements in each distance go down."""
BALANCED = 2e-3
"""Share of F within which its fall is the integral of the Fisher information."""
SAME = 5e-3
"""Energy within which Phi is f."""
CLOSE = 0.02
"""Distance within which points are the same: a parabola through cells finds a minimum no better on coarse grids."""


def scores(results: "xarray.Dataset") -> np.ndarray:
    """(particles - grid) / error, (cases, times)."""
    names = ("particles", "free_energy", "particles_error", "free_energy_error")
    seen, known, error, other = (results[name].transpose("case", "time").values for name in names)
    return (seen - known) / np.hypot(error, other)


def movement_errors(at: "xarray.Dataset") -> np.ndarray:
    """Largest |movements - grid| of one case: at tau, at half of it, and extrapolated, (3,)."""
    off = at["movements"].transpose("tau", "time").values - at["free_energy"].values
    limit = at["movements_limit"].values - at["free_energy"].values
    return np.abs(np.vstack([off, limit])).max(axis=1)


def summary(results: "xarray.Dataset") -> list[str]:
    """For each case: F by three methods, its slope, and where the density is highest."""
    lines = []
    beta = float(results.attrs["beta"])
    z = scores(results) if "particles" in results else None
    for k, name in enumerate(results["case"].values):
        at, said = results.isel(case=k), f"{name} ({CASES[str(name)].told})"
        coarse, fine, limit = at["balance"].values
        first, last = at["free_energy"].values[[0, -1]]
        rise = float(at["largest_rise"])
        lines.append(
            f"{said}: F falls from {first:.4f} to {last:.4f} on the grid, "
            f"{'in every step' if rise < 0 else f'but rises by {rise:.1e}'}; F' = -I within {limit:.1e} of F "
            f"extrapolated to cells of 0 ({fine:.1e} with these cells, {coarse:.1e} with half as many)"
        )
        if "movements" in results and np.isfinite(at["movements"]).all():
            long, short, limit = movement_errors(at)
            lines.append(
                f"{name}: minimising movements off by at most {long:.4f} at tau = {float(at['tau'][0]):g}, {short:.4f} "
                f"at half of it, {limit:.4f} extrapolated"
            )
        if z is not None and np.isfinite(z[k]).any():
            bias = float(np.abs(at["particles_bias"]).max())
            lines.append(
                f"{name}: particles off by at most {float(np.abs(at['particles'] - at['free_energy']).max()):.4f}, "
                f"largest |z| {np.nanmax(np.abs(z[k])):.2f} of {z.shape[1]} (half as many particles change F by up to "
                f"{bias:.4f})"
            )
        lines.append(_of_rest(at, str(name), beta))
    return [*lines, *(_of_heat(results, flow) for flow in FLOWS)]


def heat_errors(results: "xarray.Dataset", flow: str) -> dict[str, float]:
    """Largest distance of each functional from that of the heat kernel, extrapolated, as a share of its fall."""
    found = {}
    for functional in FUNCTIONALS:
        known = results["heat_exact"].sel(functional=functional).values
        off = results["heat_limit"].sel(flow=flow, functional=functional).values - known
        found[functional] = float(np.abs(off).max() / abs(known[0] - known[-1]))
    return found


def _of_heat(results: "xarray.Dataset", flow: str) -> str:
    off, own = heat_errors(results, flow), OWN[flow]
    known = results["heat_exact"].sel(functional=own).values
    return (
        f"heat equation by movements in {flow}: {own} falls from {known[0]:.4f} to {known[-1]:.4f} (heat kernel), off "
        f"by at most {off[own]:.1e} of the fall (the other functional: {max(off[k] for k in off if k != own):.1e}); "
        f"squared speeds add to {float(results['heat_share'].sel(flow=flow, functional=own)):.4f} of it"
    )


def _of_rest(at: "xarray.Dataset", name: str, beta: float) -> str:
    def point(values: np.ndarray) -> str:
        return "(" + ", ".join(f"{x + 0.0:.3f}" for x in np.round(values, 6) if np.isfinite(x)) + ")"

    text = (
        f"{name}: argmin Phi at {point(at['likeliest'].values)}, argmin f at {point(at['lowest'].values)}; Phi - f "
        f"has standard deviation {float(at['departure']) + 0.0:.4f} at rest, {beta * float(at['departure']):.4f} / beta"
    )
    if name == "diagonal":
        text += f"; argmin Phi by quadrature {point(at['known_likeliest'].values)}"
    return text


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Particles against the grid; slopes against the Fisher information; Phi against f."""
    found: list[Verdict] = []
    if "particles" in results:
        found += largest_score("F of particles", scores(results), "Fokker-Planck equation on a grid")
    for k, name in enumerate(results["case"].values):
        at, isotropic = results.isel(case=k), CASES[str(name)].diffusion is None
        found.append(
            Verdict(f"{name}: F' = -I, off by", float(at["balance"][-1]), None, BALANCED, "theorem 5", "at most")
        )
        found.append(
            Verdict(f"{name}: largest rise of F", float(at["largest_rise"]), None, 0.0, "theorem 5", "at most")
        )
        away = float(np.sqrt(np.nansum((at["likeliest"] - at["lowest"]).values ** 2)))
        off = float(at["departure"])
        if isotropic:
            found.append(Verdict(f"{name}: Phi - f, deviation", off, None, SAME, "Phi = f + constant", "at most"))
            found.append(Verdict(f"{name}: argmin Phi from argmin f", away, None, CLOSE, "the same", "at most"))
            if "movements" in results:
                long, short, limit = movement_errors(at)
                said = f"{name}: minimising movements, error at half of tau over that at tau"
                found.append(Verdict(said, short / long, None, 0.7, "first order", "at most"))
                said = f"{name}: minimising movements, error extrapolated over that at half of tau"
                found.append(Verdict(said, limit / short, None, 0.5, "the grid; no error of first order", "at most"))
        else:
            found.append(Verdict(f"{name}: argmin Phi from argmin f", away, None, CLOSE, "not the same", "at least"))
            known = at["known_likeliest"].values
            if np.isfinite(known).all():
                off = float(np.linalg.norm(at["likeliest"].values - known))
                found.append(Verdict(f"{name}: argmin Phi, off by", off, None, CLOSE, "exact: quadrature", "at most"))
    return found + [verdict for flow in FLOWS for verdict in _heat_verdicts(results, flow)]


def _heat_verdicts(results: "xarray.Dataset", flow: str) -> list[Verdict]:
    """Functionals beside those of the heat kernel; the fall of the flow's own beside its squared speed."""
    found = [
        Verdict(f"heat equation, movements in {flow}: {functional}, off by a share of its fall", off, None, HEAT_CLOSE,
                "exact: heat kernel", "at most")
        for functional, off in heat_errors(results, flow).items()
    ]  # fmt: skip
    share = float(results["heat_share"].sel(flow=flow, functional=OWN[flow]))
    said = f"heat equation: fall of {OWN[flow]} less squared speed in {flow}, share of the fall"
    return [*found, Verdict(said, abs(share - 1.0), None, HEAT_CLOSE, "steepest descent: 0", "at most")]
