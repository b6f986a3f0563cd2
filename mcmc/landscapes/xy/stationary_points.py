"""Stationary points of the XY energy: found from many starts, with their index and the families they lie on.

The index is the number of negative eigenvalues of the Hessian. Without a field one eigenvalue is 0 for the turn of all
angles together; zero modes beyond it mark a family of stationary points, or a single degenerate one: `kinds` walks
along them to tell. Nerattini, Kastner, Mehta & Casetti 2013, arXiv:1211.4800.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError
from mcmc.landscapes.newton import Arrival, follow, newton
from mcmc.landscapes.xy.minima import _rows

if TYPE_CHECKING:
    from mcmc.landscapes.xy.model import XYModel

METHODS = ("newton", "eigenvector")
KINDS = ("isolated", "family", "singular")
"""Kinds of stationary points; see `kinds`."""

LARGEST = 128
"""Sites up to which the Hessians of all starts are kept dense."""

STATIONARY = 1e-10
"""Norm of the gradient, in units of `stiffness`, up to which a point counts as stationary."""

GOAL = 1e-13
"""Norm of the gradient, in the same units, at which the search ends: near what rounding leaves."""

ZERO = 1e-5
"""Modulus of an eigenvalue, in units of `stiffness`, up to which it counts as 0: where the gradient vanishes as the
square of the distance, one of 1e-10 leaves eigenvalues of 1e-5."""

WALKS = (0.2, -0.2)
"""Radians walked along a zero mode, all sites together; the second where the first fails, near a singular point."""

LEVEL = 1e-7
"""Change of the energy on such a walk, in units of `stiffness`, up to which it counts as none."""

MODES_TRIED = 4
HASH_DIGITS = 5


@dataclass(frozen=True)
class Indices:
    """Second derivatives at stationary points."""

    eigenvalues: np.ndarray
    """(points, sites) float64, ascending."""
    index: np.ndarray
    """(points,) int64: negative eigenvalues."""
    zero_modes: np.ndarray
    """(points,) int64: eigenvalues that are 0, without that of the turn of all angles."""


def stationary_points(
    model: "XYModel", starts: Any, *, method: str = "newton", index: Any = None, tolerance: float = GOAL
) -> Arrival:
    """Stationary points from angles (starts, sites): `x` (starts, sites) and what is left of the gradient.

    method: "newton" goes to a point of any index near the start, "eigenvector" follows eigenvectors to one of the
    wanted `index`, a number or (starts,), by default 0, 1, ..., sites - 1 in turn, and finishes with Newton steps: it
    may end at another index. The steps end at a gradient of norm `tolerance` in units of `stiffness(model)`; a start
    whose `gradient_norm` stays above 1e-10 of that unit has found nothing (`is_stationary`). Raises ArgumentError for
    other shapes or names, LandscapeError for more than 128 sites.
    """
    rows, scale = _rows(model, starts), stiffness(model)
    if method not in METHODS:
        raise ArgumentError(f"method: got {method!r}; one of {', '.join(METHODS)} is needed")
    if not isinstance(tolerance, (int, float, np.number)) or not 0 < tolerance < np.inf:
        raise ArgumentError(f"tolerance: got {tolerance!r}; a number above 0 is needed")
    matrices = _Hessians(model)
    if method == "eigenvector":
        wanted = _wanted(index, len(rows), model.sites)
        rows = follow(model.gradient, matrices, rows, wanted, _free(model), scale)
    return newton(model.gradient, matrices, rows, float(tolerance) * scale)


def is_stationary(model: "XYModel", arrival: Arrival) -> np.ndarray:
    """Whether each start of `stationary_points` has come to a stationary point, (starts,) bool."""
    return arrival.gradient_norm <= STATIONARY * stiffness(model)


def indices(model: "XYModel", angles: Any, *, tolerance: float = STATIONARY, zero: float = ZERO) -> Indices:
    """Eigenvalues, index and zero modes at stationary points (points, sites).

    `tolerance` and `zero` are in units of `stiffness(model)`. Raises ArgumentError for a point that is not stationary.
    """
    rows, scale = _rows(model, angles), stiffness(model)
    norm = np.linalg.norm(model.gradient(rows), axis=1)
    if len(rows) and norm.max() > tolerance * scale:
        raise ArgumentError(
            f"angles: row {int(norm.argmax())} has a gradient of norm {norm.max():.3g}, above {tolerance * scale:.3g}: "
            "it is no stationary point; leave out what `stationary_points` did not bring to one"
        )
    values = np.linalg.eigvalsh(_Hessians(model)(rows))
    limit = zero * scale
    zeros = (np.abs(values) <= limit).sum(axis=1) - len(_free(model))
    return Indices(values, (values < -limit).sum(axis=1), zeros)


def kinds(model: "XYModel", angles: Any, *, zero: float = ZERO) -> np.ndarray:
    """What each stationary point (points, sites) is, (points,) int64: a place in KINDS.

    "isolated" has no zero modes beyond the turn. "family" can walk along its zero modes: after Newton steps back to
    |g| = 0 it is away, at the same energy and with the same zero modes. "singular" has zero modes and somewhere cannot:
    a degenerate single point, or one where families meet or change. A mixture of all zero modes and three of them are
    tried. Raises ArgumentError for a point that is not stationary.
    """
    rows = _rows(model, angles)
    zero_modes = indices(model, rows, zero=zero).zero_modes
    answer = np.where(zero_modes > 0, KINDS.index("family"), KINDS.index("isolated"))
    for number in range(min(MODES_TRIED, int(zero_modes.max(initial=0)) + 1)):
        left = np.flatnonzero((answer == KINDS.index("family")) & (number <= zero_modes))
        if left.size:
            for length in WALKS:
                left = left[~_walks(model, rows[left], zero_modes[left], number, length, zero)]
            answer[left] = KINDS.index("singular")
    return answer


def _walks(
    model: "XYModel", here: np.ndarray, zero_modes: np.ndarray, number: int, length: float, zero: float
) -> np.ndarray:
    """Whether a walk along zero mode `number`, 0 for a mixture of all, stays on a family, (points,) bool."""
    scale, free, matrices = stiffness(model), _free(model), _Hessians(model)
    values, vectors = np.linalg.eigh(matrices(here) + 10.0 * scale * (free.T @ free))
    order, places = np.abs(values).argsort(axis=1), np.arange(model.sites)
    # Any weights in no simple ratio to each other.
    weights = np.where(places < zero_modes[:, None], np.cos(1.0 + places), 0.0) if number == 0 else places == number - 1
    soft = np.take_along_axis(vectors, order[:, None, :], axis=2)
    mode = (soft * np.broadcast_to(weights, here.shape)[:, None, :]).sum(axis=2)
    mode /= np.linalg.norm(mode, axis=1, keepdims=True)
    end = newton(model.gradient, matrices, here + length * mode, GOAL * scale, stretched=False)
    moved = end.x - here
    away = np.linalg.norm(moved - (moved @ free.T) @ free, axis=1) >= 0.5 * abs(length)
    level = np.abs(model.energy(end.x) - model.energy(here)) <= LEVEL * scale
    same = away & level & is_stationary(model, end)
    same[same] = indices(model, end.x[same], zero=zero).zero_modes == zero_modes[same]
    return same


def distinct(angles: np.ndarray, *, turn: bool = True) -> np.ndarray:
    """Rows of the first of each set of equal points of angles (points, sites), modulo 2 pi: (distinct,) int64.

    With `turn` points that a turn of all angles makes equal count as one.
    """
    rows = np.atleast_2d(np.asarray(angles, dtype=np.float64))
    if turn:
        rows = rows - rows[:, :1]
    # An offset keeps frequent values such as 0 and 1/2 off the edges of the rounding.
    marks = np.round(np.concatenate([np.cos(rows), np.sin(rows)], axis=1) + 0.3e-5, HASH_DIGITS)
    return np.sort(np.unique(marks + 0.0, axis=0, return_index=True)[1])


def stiffness(model: "XYModel") -> float:
    """Largest sum of |J| over the bonds of a site, and the modulus of the field: the scale of second derivatives."""
    first, second, strength, _ = model.bonds
    size = np.abs(strength)
    return float((np.bincount(first, size, model.sites) + np.bincount(second, size, model.sites)).max()) + abs(
        model.field
    )


class _Hessians:
    """Dense Hessians of many configurations, (points, sites, sites): one product with the bonds' squares."""

    def __init__(self, model: "XYModel"):
        if model.sites > LARGEST:
            raise LandscapeError(
                f"stationary_points: {model.sites} sites need dense matrices of that many rows for every start, "
                f"{LARGEST} are taken at most"
            )
        self.model = model
        first, second = model.bonds[:2]
        sides = np.zeros((len(first), model.sites))
        bond = np.arange(len(first))
        sides[bond, first], sides[bond, second] = 1.0, -1.0
        self.squares = (sides[:, :, None] * sides[:, None, :]).reshape(len(first), -1)

    def __call__(self, angles: np.ndarray) -> np.ndarray:
        first, second, strength, phase = self.model.bonds
        sites = self.model.sites
        stiff = strength * np.cos(angles[:, first] - angles[:, second] - phase)
        matrices = (stiff @ self.squares).reshape(len(angles), sites, sites)
        if self.model.field:
            diagonal = np.arange(sites)
            matrices[:, diagonal, diagonal] += self.model.field * np.cos(angles)
        return matrices


def _free(model: "XYModel") -> np.ndarray:
    """Unit vector of the turn of all angles, (1, sites), or (0, sites) with a field."""
    return np.full((0 if model.field else 1, model.sites), model.sites**-0.5)


def _wanted(index: Any, starts: int, sites: int) -> np.ndarray:
    if index is None:
        return np.arange(starts) % sites
    wanted = np.asarray(index)
    if wanted.dtype.kind not in "iu" or wanted.shape not in ((), (starts,)):
        raise ArgumentError(f"index: got {index!r}; a whole number, or one for each of {starts} starts, is needed")
    if wanted.size and (wanted.min() < 0 or wanted.max() >= sites):
        raise ArgumentError(f"index: got {index!r}; from 0 to {sites - 1} is needed")
    return np.broadcast_to(wanted, (starts,))
