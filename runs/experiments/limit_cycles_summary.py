"""Headline numbers of "limit-cycles", each beside its exact value."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.limit_cycles_model import FASTEST
from runs.tables import with_error
from runs.verdict import UNLIKELY, Verdict, detailed_balance, largest_score

if TYPE_CHECKING:
    import xarray

SECOND_ORDER = 0.35
"""Of an error of second order, with cells half as wide: a quarter and room for terms of higher order."""
CLOSE = 1e-3
"""Share of it within which the circulation of the grid is exact."""
NOTHING = 1e-6
"""What rounding of null vectors leaves of what is 0, where the density is present."""
LEAST_EXPECTED = 100
"""Samples that a bin must expect to be compared."""


def scores(results: "xarray.Dataset") -> np.ndarray:
    """(share - exact) / error of the bins with enough samples, (strengths, bins) and NaN elsewhere."""
    exact = results["exact_share"].transpose("bin_x", "bin_y").values
    value, error = (results[f"share{end}"].transpose("strength", "bin_x", "bin_y").values for end in ("", "_error"))
    held = exact * results.attrs["samples"] >= LEAST_EXPECTED
    z = np.where(held & (error > 0), (value - exact) / np.where(error > 0, error, 1.0), np.nan)
    return z.reshape(len(z), -1)


def summary(results: "xarray.Dataset") -> list[str]:
    """Law, circulation and detailed balance of each lambda; critical points and fastest points; orbits."""
    lines = []
    sampled = scores(results) if "share" in results else None
    for k, strength in enumerate(results["strength"].values):
        at, said = results.isel(strength=k), f"lambda = {strength:g}"
        known = float(at["exact_circulation"])
        if sampled is not None and np.isfinite(sampled[k]).any():
            z = sampled[k][np.isfinite(sampled[k])]
            lines.append(
                f"{said}: law of {results.attrs['samples']} samples against exp(-Phi) / Z: z over {z.size} bins has "
                f"root mean square {np.sqrt((z**2).mean()):.3f}, largest {np.abs(z).max():.2f}"
            )
            lines.append(
                f"{said}: circulation {with_error(float(at['circulation']), float(at['circulation_error']))}, exact "
                f"{known:.6f} (at step {results.attrs['step']:g}: {float(at['circulation_step']):.5f}); detailed "
                f"balance {'rejected' if at['p_value'] < UNLIKELY else 'not rejected'}, p = {float(at['p_value']):.2g}"
            )
        coarse, fine = at["distance"].values
        lines.append(
            f"{said}: density on the grid off by {fine:.2e} in all (half as many cells: {coarse:.2e}, order "
            f"{np.log2(coarse / fine):.2f}), circulation {float(at['grid_circulation'][-1]):.6f}, exact {known:.6f}"
        )
        coarse, fine = at["identity_residual"].values
        lines.append(
            f"{said}: largest |Q_12| {float(np.abs(at['antisymmetric']).max()):.4f}; (D + Q) grad Phi - div(D + Q) is "
            f"grad f within {fine:.1e} (half as many cells: {coarse:.1e})"
        )
        lines.append(_of_points(at, said))
        if strength > 0:
            lines.append(_of_orbits(at, said))
    return lines


def _of_points(at: "xarray.Dataset", said: str) -> str:
    well = np.hypot(*at["current_at_critical"].values[-1])
    zeros = ", ".join(f"({x:.3f}, {y:.3f})" for x, y in at["zero"].values if np.isfinite(x))
    likely = at["likeliest"].values
    text = f"{said}: most likely cell ({likely[0]:.2f}, {likely[1]:.2f}), |j| = {well:.4f} in the wells (+-1, 0); "
    if "fastest" in at and np.isfinite(at["fastest"].values).all():
        fast = at["fastest"].values
        text += f"|j| largest at ({fast[0]:.2f}, {fast[1]:.2f}) on the grid, exactly (0, +-1.272), where it is "
        text += f"{float(at['largest_current']):.4f}; "
    return text + f"drift 0 at {zeros}"


def _of_orbits(at: "xarray.Dataset", said: str) -> str:
    periods = ", ".join(f"{float(p):.3f} at r = {float(r):g}" for r, p in zip(at["radius"], at["period"], strict=True))
    text = f"{said}: orbits of xdot = j close to {float(at['closing'].max()):.1e}, periods {periods}; "
    ratio = at["return_ratio"].values
    if np.isfinite(ratio).all() and (ratio < 1).all():
        middle = at["eigenvalue"].values[0]
        return text + (
            f"the drift itself has no limit cycle: each turn ends {ratio.min():.3f} to {ratio.max():.4f} as far out as "
            f"it began, a weak focus (eigenvalues {abs(middle[0, 0]):.1g} +- {abs(middle[0, 1]):.3f} i)"
        )
    if np.isnan(ratio).all():
        return text + "paths of the drift itself end in its wells, none turns"
    return text + f"paths of the drift turn with ratios {np.nanmin(ratio):.3f} to {np.nanmax(ratio):.3f}"


def _of_grid(at: "xarray.Dataset", said: str) -> list[Verdict]:
    """Law, current and Q of the grid beside exact ones."""
    known = float(at["exact_circulation"])
    off = abs(float(at["grid_circulation"][-1]) - known)
    bound = CLOSE * known if known else NOTHING
    found = [Verdict(f"{said}: grid's circulation, distance", off, None, bound, "2 pi lambda / Z", "at most")]
    converging = {
        "distance": ("density", "exp(-Phi) / Z"),
        "identity_residual": ("grad f = (D + Q) grad Phi - div(D + Q)", "A-type form"),
    }
    if known:
        converging |= {
            "current_distance": ("current j", "exact: lambda exp(Phi - r^4 / 4) (-x2, x1)"),
            "antisymmetric_distance": ("Q of the A-type form", "exact: lambda pi^(1/2) / 2 erfc(r^2 / 2) exp(Phi)"),
        }
        fast = np.abs(np.abs(at["fastest"].values) - [0.0, FASTEST])
        cell = float(at["x"][1] - at["x"][0]), float(at["y"][1] - at["y"][0])
        share = float((fast / cell).max())
        found.append(
            Verdict(
                f"{said}: |j| largest, cells from (0, +-1.272)", share, None, 1.0, "exact: maximum of |j|", "at most"
            )
        )
    else:
        least = float(np.abs(at["antisymmetric"]).max())
        found.append(Verdict(f"{said}: largest |Q|", least, None, NOTHING, "detailed balance: 0", "at most"))
    for name, (what, source) in converging.items():
        coarse, fine = at[name].values
        text = f"{said}: {what}, error over that with cells twice as wide"
        found.append(Verdict(text, float(fine / coarse), None, SECOND_ORDER, source, "at most"))
    return found


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Histograms, circulation and time reversal."""
    found: list[Verdict] = []
    sampled = scores(results) if "share" in results else None
    for k, strength in enumerate(results["strength"].values):
        at, said = results.isel(strength=k), f"lambda = {strength:g}"
        known = float(at["exact_circulation"])
        found += _of_grid(at, said)
        if sampled is None or not np.isfinite(sampled[k]).any():
            continue
        found += largest_score(f"{said}: histogram", sampled[k], "exp(-Phi) / Z")
        error = float(at["circulation_error"])
        found.append(Verdict(f"{said}: circulation", float(at["circulation"]), error, known, "2 pi lambda / Z"))
        found.append(detailed_balance(said, float(at["p_value"]), strength == 0))
    return found
