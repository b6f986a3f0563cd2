"""How fast densities come to rest: the slowest eigenvalues of the Fokker-Planck operator and its spectral gap.

Where detailed balance holds the operator is symmetric in the scale of sqrt(rho_ss), with the off-diagonal entries
sqrt(rate there rate back), and Lanczos steps find real rates; elsewhere Arnoldi steps find pairs of complex ones. Both
invert shift - L, so that eigenvalues nearest the shift come first.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.continuum.sparse_solver import Factored
from mcmc.errors import ArgumentError, ConvergenceWarning

if TYPE_CHECKING:
    import xarray

    from mcmc.continuum.fokker_planck import FokkerPlanck

NOUGHT = 1e-9
"""Beside a frequency, eigenvalues are 0 below this share of the others."""


@dataclass(frozen=True)
class Relaxation:
    """Slowest modes of one operator, by rising decay rate."""

    eigenvalues: np.ndarray
    """(count,) complex128, of L, without the 0 at rest: modes decay as exp(Re t) and turn by Im a unit of time."""
    modes: np.ndarray
    """(count, *grid.shape) complex128: what decays, largest modulus 1."""
    symmetric: bool
    """Whether detailed balance holds, and all rates are real."""
    grid: Any

    @property
    def gap(self) -> float:
        """Spectral gap: the smallest decay rate -Re of those found, at which densities come to rest at last."""
        return float(-self.eigenvalues.real.max())

    def to_xarray(self) -> "xarray.Dataset":
        """Decay rates, frequencies and modes over dims mode, x (and y)."""
        import xarray

        dims = ("mode", *self.grid.dims)
        return xarray.Dataset(
            {
                "decay_rate": ("mode", -self.eigenvalues.real, {"long_name": "decay rate"}),
                "frequency": ("mode", self.eigenvalues.imag, {"long_name": "angular frequency"}),
                "mode_real": (dims, self.modes.real, {"long_name": "mode, real part"}),
                "mode_imaginary": (dims, self.modes.imag, {"long_name": "mode, imaginary part"}),
            },
            coords=self.grid.coordinates(),
            attrs={"gap": self.gap, "symmetric": int(self.symmetric)},
        )


def relaxation(process: "FokkerPlanck", count: int = 6, *, frequency: float = 0.0) -> Relaxation:
    """The `count` eigenvalues nearest i `frequency`, 0 itself left out.

    Without detailed balance a slow mode that turns fast lies far from 0: where the drift circulates at angular velocity
    w, look at `frequency` w too, the gap is the smaller of both. Raises ArgumentError for counts the grid cannot give.
    """
    whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
    if not whole or not 1 <= count <= process.grid.size // 3:
        raise ArgumentError(f"count: got {count!r}; a whole number from 1 to a third of the cells is needed")
    if not isinstance(frequency, (int, float, np.number)) or not np.isfinite(frequency):
        raise ArgumentError(f"frequency: got {frequency!r}; a finite angular velocity is needed")
    grid = process.grid
    # The rate of diffusion across the whole box: below every gap but those of barriers.
    noise = float(np.trace(process.diffusion, axis1=1, axis2=2).mean()) / process.beta
    scale = noise / float(((grid.high - grid.low) ** 2).sum())
    if process.log_balance is not None:
        values, vectors = _symmetric(process, count + 1, scale)
        half = process.log_balance / 2
        vectors = vectors * np.exp(half - half.max())[:, None]
    else:
        values, vectors = _arnoldi(process, count + 1, scale + 1j * frequency)
    # The shift is beside 0, so that 0 is found; with a frequency it may be.
    sizes = np.abs(values)
    away = np.arange(len(values)) != np.argmin(sizes) if frequency == 0 else sizes > NOUGHT * sizes.max()
    values, vectors = values[away], vectors[:, away]
    order = np.argsort(-values.real, kind="stable")[:count]
    rounding = 4 * np.finfo(np.float64).eps * float(-process.generator.diagonal().min())
    if values.real[order[0]] > -rounding:
        warnings.warn(
            f"gap: got {-values.real[order[0]]:.3g}, which rounding ({rounding:.2g}) hides; wells exchange nothing "
            "that this grid can tell, lower beta or take a smaller box",
            ConvergenceWarning, stacklevel=3,
        )  # fmt: skip
    modes = vectors[:, order] / np.abs(vectors[:, order]).max(axis=0)
    shape = (len(order), *grid.shape)
    return Relaxation(
        values[order].astype(np.complex128), modes.T.reshape(shape).astype(np.complex128),
        process.log_balance is not None, grid,
    )  # fmt: skip


def _symmetric(process: "FokkerPlanck", count: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse import coo_array, eye_array
    from scipy.sparse.linalg import LinearOperator, eigsh

    size, pairs = process.grid.size, process.pairs
    # forward backward underflows where one of them does; their geometric mean does not.
    between = [np.sqrt(p.forward) * np.sqrt(p.backward) for p in pairs]
    rows = np.concatenate([np.concatenate([p.first, p.second]) for p in pairs])
    columns = np.concatenate([np.concatenate([p.second, p.first]) for p in pairs])
    entries = np.concatenate([np.concatenate([b, b]) for b in between])
    here = np.arange(size)
    places = (np.concatenate([rows, here]), np.concatenate([columns, here]))
    matrix = coo_array((np.concatenate([entries, process.generator.diagonal()]), places), shape=(size, size)).tocsc()
    factors = Factored(process.grid, (shift * eye_array(size, format="csc") - matrix).tocsc(), process.reach)
    inverse = LinearOperator((size, size), matvec=lambda v: -factors.solve(v.ravel()), dtype=np.float64)
    return eigsh(matrix, k=count, sigma=shift, OPinv=inverse, v0=np.ones(size) + 0.5 * np.cos(here), tol=1e-12)


def _arnoldi(process: "FokkerPlanck", count: int, shift: complex) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import LinearOperator, eigs

    size = process.grid.size
    generator = process.generator
    if shift.imag:
        generator = generator.astype(np.complex128)
    else:
        shift = shift.real
    factors = Factored(process.grid, (shift * eye_array(size, format="csc") - generator).tocsc(), process.reach)
    # Eigenvalues of the inverse itself: eigs with a complex sigma on real matrices expects another operator.
    inverse = LinearOperator((size, size), matvec=lambda v: factors.solve(v.ravel()), dtype=generator.dtype)
    start = (np.ones(size) + 0.5 * np.cos(np.arange(size))).astype(generator.dtype)
    values, vectors = eigs(inverse, k=count, which="LM", v0=start, tol=1e-12)
    return shift - 1 / values, vectors
