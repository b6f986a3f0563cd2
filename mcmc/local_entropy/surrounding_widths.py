"""What surrounds weights: local entropies at several scales, and the Hessian's trace and ends, for several points.

One call for tables of runs: u(x, t) - f(x) to second order (`laplace`) and, where asked for, by chains (`integration`),
which need no expansion. Networks of some thousand weights have all eigenvalues of their Hessians found, in seconds;
above, random probes, with errors. Chaudhari et al. 2017, arXiv:1611.01838; Ghorbani, Krishnan & Xiao 2019,
arXiv:1901.10159.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.coupling_integration import integration
from mcmc.local_entropy.hessian_determinant import laplace_and_spectra
from mcmc.local_entropy.lanczos import Spectrum
from mcmc.local_entropy.result import LocalEntropy
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_scales, energies
from mcmc.statistics.series import positive_integer

if TYPE_CHECKING:
    import xarray

FLAT = 1e-4
"""Eigenvalues nearer to 0 count as flat directions."""


@dataclass(frozen=True)
class Surroundings:
    """Widths around several points, each error one standard error."""

    scale: np.ndarray
    """(scales,) float64: t."""
    beta: float
    energy: np.ndarray
    """(runs,) float64: f(x)."""
    laplace: np.ndarray
    """(runs, scales) float64: u(x, t) - f(x) to second order; NaN where the Gaussian integral does not exist."""
    laplace_error: np.ndarray
    """(runs, scales) float64: with the size of what f adds beyond second order."""
    integration: np.ndarray
    """(runs, scales) float64: u(x, t) - f(x) by chains; NaN where not asked for."""
    integration_error: np.ndarray
    trace: np.ndarray
    """(runs,) float64: of the Hessian of f."""
    trace_error: np.ndarray
    """(runs,) float64: 0, or rounding, where all eigenvalues were found."""
    highest_eigenvalue: np.ndarray
    """(runs,) float64: bounds from inside where probes were used, and so is the lowest."""
    lowest_eigenvalue: np.ndarray
    negative_share: np.ndarray
    """(runs,) float64: share of the eigenvalues below -1e-4."""
    negative_share_error: np.ndarray
    flat_share: np.ndarray
    """(runs,) float64: share of the eigenvalues within 1e-4 of 0; NaN where probes, which do not resolve it, saw it."""
    warnings: tuple[tuple[str, ...], ...]
    """For each run what its estimators warn of."""
    spectra: tuple[Spectrum, ...]
    """For each run the Hessian's spectrum: `density`, `trace` of any function of it."""

    def to_xarray(self) -> "xarray.Dataset":
        """All but spectra and warnings, over dims `run` and `scale`."""
        import xarray

        variables: dict[str, Any] = {"scale": ("scale", self.scale, {"long_name": "scale t"})}
        for name, text in LONG_NAMES.items():
            values = getattr(self, name)
            dims = ("run", "scale") if values.ndim == 2 else ("run",)
            variables[name] = (dims, values, {"long_name": text})
            if hasattr(self, f"{name}_error"):
                one = {"long_name": f"one standard error of the {text}"}
                variables[f"{name}_error"] = (dims, getattr(self, f"{name}_error"), one)
        return xarray.Dataset(variables, attrs={"beta": self.beta})


LONG_NAMES = {
    "energy": "energy",
    "laplace": "local entropy u - f by Laplace's method",
    "integration": "local entropy u - f by integration",
    "trace": "trace of the Hessian",
    "highest_eigenvalue": "highest eigenvalue of the Hessian",
    "lowest_eigenvalue": "lowest eigenvalue of the Hessian",
    "negative_share": f"share of eigenvalues below -{FLAT:g}",
    "flat_share": f"share of eigenvalues within {FLAT:g} of 0",
}


def surroundings(
    landscape: SmoothLandscape,
    points: Any,
    scale: Any,
    *,
    beta: float,
    seed: int = 0,
    integrate: bool = False,
    probes: int = 16,
    steps: int = 64,
    exact_below: int = 3000,
    options: Mapping[str, Any] | None = None,
) -> Surroundings:
    """Local entropies u(x, t) - f(x) at each t of `scale` and the Hessian of f, at each x of `points` (runs, dim).

    `beta` multiplies f as it is: for a mean loss over n samples beta = n is the posterior, and 2 b / eta the
    temperature of SGD. To second order always; `integrate` adds chains, with `options` for `integration` (`sweeps`,
    `chains`, `error` and so on). Up to `exact_below` coordinates all eigenvalues of each Hessian are found; above,
    `probes` random starts of `steps` Lanczos steps. Raises ArgumentError for bad arguments, LandscapeError for energies
    or gradients that are not numbers.
    """
    landscape, t = checked_landscape(landscape), checked_scales(scale)
    x = _checked_points(points, landscape.dim)
    for name, value, least in (("probes", probes, 2), ("steps", steps, 1), ("exact_below", exact_below, 0)):
        positive_integer(value, name, least)
    height = energies(landscape, x)
    found = [
        laplace_and_spectra(
            landscape, point, t, beta=beta, seed=seed, probes=probes, steps=steps, exact_below=exact_below
        )
        for point in x
    ]
    chains: list[LocalEntropy | None] = [None] * len(x)
    if integrate:
        chains = [integration(landscape, point, scale=t, beta=beta, seed=seed, **(options or {})) for point in x]
    return _gathered(t, beta, height, [one for one, _ in found], [spectra[0] for _, spectra in found], chains)


def _checked_points(points: Any, dim: int) -> np.ndarray:
    """Points (runs, dim) float64; a single one (dim,) is taken too."""
    x = np.asarray(points)
    if x.dtype.kind not in "fiu" or x.ndim not in (1, 2) or x.shape[-1] != dim or not x.size:
        raise ArgumentError(f"points: got shape {x.shape}, {x.dtype}; numbers (runs, {dim}) are needed")
    x = np.array(np.atleast_2d(x), dtype=np.float64)
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        raise ArgumentError(f"points: not finite in row {int(np.argmin(finite))}; finite numbers are needed")
    return x


def _gathered(t, beta, height, curves, spectra, chains) -> Surroundings:
    blank = np.full(t.size, np.nan)
    by_chains = np.array([blank if c is None else c.value - f for c, f in zip(chains, height, strict=True)])
    chain_error = np.array([blank if c is None else c.error for c in chains])
    warned = [(*one.warnings, *(() if c is None else c.warnings)) for one, c in zip(curves, chains, strict=True)]

    def seen(name):
        return np.array([one.more[name][1][0] for one in curves])

    negative = [spectrum.share(-np.inf, -FLAT) for spectrum in spectra]
    flat = [spectrum.share(-FLAT, FLAT).value if spectrum.exact else np.nan for spectrum in spectra]
    return Surroundings(
        t,
        float(beta),
        height,
        np.array([one.value for one in curves]) - height[:, None],
        np.array([one.error for one in curves]),
        by_chains,
        chain_error,
        seen("trace"),
        seen("trace_error"),
        seen("highest_eigenvalue"),
        seen("lowest_eigenvalue"),
        np.array([one.value for one in negative]),
        np.array([one.error for one in negative]),
        np.array(flat),
        tuple(warned),
        tuple(spectra),
    )
