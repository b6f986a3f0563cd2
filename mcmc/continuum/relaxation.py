"""How fast densities come to rest: the slowest eigenvalues of the Fokker-Planck operator and its spectral gap.

Where detailed balance holds the operator is symmetric in the scale of sqrt(rho_ss), with the off-diagonal entries
sqrt(rate there rate back), and Lanczos steps find real rates; elsewhere Arnoldi steps find pairs of complex ones. Both
invert shift - L, so that eigenvalues nearest the shift come first. A slow mode that turns fast lies far from 0: shifts
go up the imaginary axis, each as far as the disc around the last one holds all modes that are slower than the slowest
found, until the largest angular velocity of the drift is passed.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.continuum.density_checks import WEIGHTY
from mcmc.continuum.sparse_solver import Factored
from mcmc.errors import ArgumentError, ConvergenceWarning

if TYPE_CHECKING:
    import xarray

    from mcmc.continuum.fokker_planck import FokkerPlanck

NOUGHT = 1e-9
"""Beside a frequency, eigenvalues are 0 below this share of the others."""
SAME = 1e-7
"""Eigenvalues of two shifts closer than this share of their size are one."""
FEWEST = 6
"""Modes looked for around each shift of several: with fewer, discs hardly reach beyond the slowest mode."""
MOST_SHIFTS = 10


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


def relaxation(process: "FokkerPlanck", count: int = 6, *, frequency: float | None = None) -> Relaxation:
    """The `count` slowest modes, 0 itself left out; with `frequency` those nearest i `frequency`, and no others.

    Without detailed balance modes are looked for up to the frequency at which the drift turns: its largest vorticity
    over 2 where the density at rest is above 1 % of its peak, and on periodic sides its largest speed around them.
    Warns (ConvergenceWarning) where that took too many shifts, saying how far modes are known. Raises ArgumentError for
    counts the grid cannot give, and for a frequency where detailed balance holds and no mode turns.
    """
    whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
    if not whole or not 1 <= count <= process.grid.size // 3:
        raise ArgumentError(f"count: got {count!r}; a whole number from 1 to a third of the cells is needed")
    number = isinstance(frequency, (int, float, np.integer, np.floating)) and not isinstance(frequency, bool)
    if frequency is not None and not (number and np.isfinite(frequency)):
        raise ArgumentError(f"frequency: got {frequency!r}; a finite angular velocity is needed")
    logs = process.log_balance
    if logs is not None and frequency:
        raise ArgumentError(f"frequency: got {frequency:g}; detailed balance holds and no mode turns, leave it out")
    grid = process.grid
    # The rate of diffusion across the whole box: below every gap but those of barriers.
    noise = float(np.trace(process.diffusion, axis1=1, axis2=2).mean()) / process.beta
    scale = noise / float((np.array(grid.shape) ** 2 * grid.width**2).sum())
    if logs is not None:
        values, vectors = _symmetric(process, count + 1, scale)
        values, vectors = _without_rest(values, vectors * np.exp((logs - logs.max()) / 2)[:, None], True)
    elif frequency is None:
        values, vectors = _swept(process, count, scale)
    else:
        values, vectors = _without_rest(*_arnoldi(process, count + 1, scale + 1j * frequency), frequency == 0)
    order = np.argsort(-values.real, kind="stable")[:count]
    rounding = 4 * np.finfo(np.float64).eps * float(-process.generator.diagonal().min())
    if values.real[order[0]] > -rounding:
        _warn(
            f"gap: got {-values.real[order[0]]:.3g}, which rounding ({rounding:.2g}) hides; wells exchange nothing "
            "that this grid can tell, lower beta or take a smaller box"
        )
    modes = vectors[:, order] / np.abs(vectors[:, order]).max(axis=0)
    shape = (len(order), *grid.shape)
    return Relaxation(
        values[order].astype(np.complex128), modes.T.reshape(shape).astype(np.complex128), logs is not None, grid
    )


def _warn(text: str) -> None:
    warnings.warn(text, ConvergenceWarning, stacklevel=4)


def _without_rest(values: np.ndarray, vectors: np.ndarray, found: bool) -> tuple[np.ndarray, np.ndarray]:
    """Modes without the density at rest, which is `found` around a shift beside 0 and may be around others."""
    sizes = np.abs(values)
    away = np.arange(len(values)) != np.argmin(sizes) if found else sizes > NOUGHT * sizes.max()
    return values[away], vectors[:, away]


def _swept(process: "FokkerPlanck", count: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Modes around shifts scale + i w, w from 0 to the angular velocity of the drift; pairs come both."""
    many = min(max(count, FEWEST), process.grid.size // 3) + 1
    around, vectors = _arnoldi(process, many, complex(scale))
    turn = angular_velocity(process, np.abs(vectors[:, np.argmin(np.abs(around))]))
    radius = float(np.abs(around - scale).max())
    values, vectors = _without_rest(around, vectors, True)
    # Modes slower than the slowest, in the disc, turn by less than half its chord there.
    known = chord = _chord(radius, values)
    for _ in range(MOST_SHIFTS - 1):
        if known >= turn:
            return values, vectors
        at = min(known + max(chord, turn / MOST_SHIFTS), turn)
        shift = scale + 1j * at
        around, others = _arnoldi(process, many, shift)
        radius = float(np.abs(around - shift).max())
        around, others = _without_rest(around, others, False)
        values, vectors = _joined(values, vectors, around, others)
        chord = _chord(radius, values)
        if at - chord <= known:
            known = at + chord
    if known < turn:
        _warn(
            f"gap: modes are known that turn by up to {known:.3g} a unit of time, and the drift turns by up to "
            f"{turn:.3g}; ask for more modes, or look at a frequency"
        )
    return values, vectors


def _chord(radius: float, values: np.ndarray) -> float:
    return float(np.sqrt(max(radius**2 - values.real.max() ** 2, 0.0)))


def _joined(
    values: np.ndarray, vectors: np.ndarray, around: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both sets, and the conjugates of the second, each eigenvalue once."""
    turning = np.abs(around.imag) > SAME * np.abs(around)
    for value, vector in zip(
        np.concatenate([around, around[turning].conj()]), np.concatenate([others, others[:, turning].conj()], 1).T,
        strict=True,
    ):  # fmt: skip
        if np.abs(values - value).min() > SAME * abs(value):
            values, vectors = np.append(values, value), np.column_stack([vectors, vector])
    return values, vectors


def angular_velocity(process: "FokkerPlanck", density: np.ndarray) -> float:
    """Largest angular velocity of the drift where `density` (size,), of any mass, is above 1 % of its peak."""
    grid, drift = process.grid, process.drift_at_cells().reshape(*process.grid.shape, process.grid.dim)
    held = (density >= WEIGHTY * density.max()).reshape(grid.shape)
    speeds = [np.abs(drift[..., k][held]).max() for k in range(grid.dim)]
    lengths = np.array(grid.shape) * grid.width
    turns = [2 * np.pi * speeds[k] / lengths[k] for k in range(grid.dim) if grid.periodic[k]]
    if grid.dim == 2:
        # At least the imaginary part of the eigenvalues of the drift's derivative.
        vorticity = grid.difference(drift[..., 1], 0) - grid.difference(drift[..., 0], 1)
        turns.append(np.abs(vorticity[held]).max() / 2)
    return float(max(turns, default=0.0))


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
