"""Minima of the XY energy: relaxed to rounding, planted, and how wide they are by their small oscillations.

Around a minimum x of energy f with Hessian H the smoothed free energy (mcmc.local_entropy) is, for small oscillations,
u(x, t) = f(x) + ln det(1 + t H) / (2 beta). Angles are taken on the whole real line: the Gaussian window around x
picks the copy. Without a field a turn of all angles together costs nothing, and along it the Gaussian integrates to 1:
it adds exactly 0 to u at every t and beta, and u is the same at every turned copy of x.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError, LandscapeError

if TYPE_CHECKING:
    import scipy.sparse

    from mcmc.landscapes.xy.model import XYModel

GRADIENT = 1e-9
NEWTON_BELOW = 1e-3
NEWTON_STEPS = 50
LARGEST_DENSE = 4096


class Minimum(NamedTuple):
    """Where descents ended, one row for each start."""

    angles: np.ndarray
    """(starts, sites) float64, not reduced to (-pi, pi]."""
    energy: np.ndarray
    """(starts,) float64: total energy."""
    gradient_norm: np.ndarray
    """(starts,) float64: Euclidean norm of the gradient."""


def relax(model: "XYModel", angles: Any, *, tolerance: float = GRADIENT) -> Minimum:
    """Nearby minima of the energy from angles (starts, sites) or (sites,), by L-BFGS and at the end Newton steps.

    A start on a saddle stays there: `spectrum` tells. A norm of the gradient above `tolerance` (units of energy) in the
    answer means that the descent did not get there; rounding alone leaves about 1e-14 sites. Raises ArgumentError for
    other shapes, angles that are not finite or a tolerance that is not above 0.
    """
    if not isinstance(tolerance, (int, float, np.number)) or not tolerance > 0:
        raise ArgumentError(f"tolerance: got {tolerance!r}; a norm of the gradient above 0 is needed")
    starts = _rows(model, angles)
    found = np.stack([_descend(model, row, float(tolerance)) for row in starts])
    return Minimum(found, model.energy(found), np.linalg.norm(model.gradient(found), axis=1))


def hessian(model: "XYModel", angles: Any) -> "scipy.sparse.csr_array":
    """Second derivatives of the energy at angles (sites,), a sparse (sites, sites) float64 array."""
    import scipy.sparse

    theta = _one(model, angles)
    first, second, strength, phase = model.bonds
    stiffness = strength * np.cos(theta[first] - theta[second] - phase)
    diagonal = np.bincount(first, stiffness, model.sites) + np.bincount(second, stiffness, model.sites)
    diagonal += model.field * np.cos(theta)
    site = np.arange(model.sites)
    rows, columns = np.concatenate([first, second, site]), np.concatenate([second, first, site])
    values = np.concatenate([-stiffness, -stiffness, diagonal])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(model.sites, model.sites))


def spectrum(model: "XYModel", angles: Any) -> np.ndarray:
    """Eigenvalues of the Hessian at angles (sites,), ascending, (sites,) float64, from a dense matrix.

    Without a field one of them, that of the turn of all angles, is 0 up to rounding. Raises LandscapeError for more
    than 4096 sites.
    """
    if model.sites > LARGEST_DENSE:
        raise LandscapeError(
            f"spectrum: {model.sites} sites need a dense matrix of that many rows, {LARGEST_DENSE} are taken at most; "
            "use mcmc.local_entropy.laplace"
        )
    return np.linalg.eigvalsh(hessian(model, angles).toarray())


def oscillation_width(eigenvalues: np.ndarray, scale: Any, beta: float = 1.0) -> np.ndarray:
    """ln det(1 + t H) / (2 beta) = u - f for small oscillations at each scale t, (points,), units of energy.

    Raises ArgumentError where 1 + t H is not positive.
    """
    t = np.atleast_1d(np.asarray(scale, dtype=np.float64))
    stretched = t[:, None] * np.asarray(eigenvalues)[None, :]
    if not (stretched > -1.0).all():
        raise ArgumentError(
            f"scale: got {t[(stretched <= -1.0).any(axis=1)][0]:g}; 1 + t H has a negative eigenvalue there, "
            "the point is no minimum: relax it, or take smaller scales"
        )
    return np.log1p(stretched).sum(axis=1) / (2.0 * beta)


def spin_wave(model: "XYModel", winding: Any = 0) -> np.ndarray:
    """Angles 2 pi sum_a winding_a x_a / L_a of a periodic lattice, (sites,) float64; 0 is the ground state for J > 0.

    A number stands for a winding along the first axis. Stationary for equal couplings, and a minimum while no bond
    turns by pi / 2 or more. Raises LandscapeError for a graph that is no periodic lattice.
    """
    size = _torus(model, "spin_wave")
    turns = np.zeros(len(size))
    given = np.atleast_1d(np.asarray(winding))
    if given.ndim != 1 or given.size > len(size) or given.dtype.kind not in "iu":
        raise ArgumentError(f"winding: got {winding!r}; whole numbers, at most one for each of {len(size)} axes")
    turns[: given.size] = given
    return model.graph.coordinates @ (2.0 * np.pi * turns / np.array(size))


def spin_wave_eigenvalues(model: "XYModel", winding: Any = 0) -> np.ndarray:
    """Closed form of the spectrum at `spin_wave(model, winding)`, (sites,) float64, ascending.

    lambda_k = J sum_b 2 cos(delta_b) (1 - cos k.b) over the forward bonds b of a site, delta_b the turn along the bond,
    k the wave vectors of the torus. Raises LandscapeError for couplings that differ, phases or a field.
    """
    size = _torus(model, "spin_wave_eigenvalues")
    if np.ndim(model.coupling) or model.phase is not None or model.field:
        raise LandscapeError("spin_wave_eigenvalues: waves are eigenvectors for one coupling J, no phases and no field")
    turn = spin_wave(model, winding)
    bonds = turn[model.graph.edges[:, 0]] - turn[model.graph.edges[:, 1]]
    cosines = np.cos(bonds).reshape(len(model.graph.offsets), -1)[:, 0]
    k = 2.0 * np.pi * model.graph.coordinates / np.array(size)
    waves = 2.0 * (1.0 - np.cos(k @ np.array(model.graph.offsets, dtype=np.float64).T))
    return np.sort(float(model.coupling) * waves @ cosines)


def vortex_pair(model: "XYModel", separation: Any) -> np.ndarray:
    """Angles with a vortex and an antivortex `separation` = (steps in x, in y) apart, (sites,) float64; not relaxed.

    For the periodic square lattice: the harmonic field, sum over bonds of (theta_j - theta_i - 2 pi n)^2 least, where
    n = 1 on the bonds that a string from one plaquette to the other crosses. A number stands for steps in x. A pair
    too close for the lattice to pin it vanishes when relaxed: count the observable `vortices`. Raises LandscapeError
    for another graph, ArgumentError for a separation of 0 or outside the box.
    """
    import scipy.sparse
    from scipy.sparse.linalg import splu

    size = _torus(model, "vortex_pair")
    if model.graph.name != "square":
        raise LandscapeError(f"vortex_pair: the graph is {model.graph.name}; pairs are planted on the square lattice")
    steps = np.atleast_1d(np.asarray(separation))
    steps = np.append(steps, 0) if steps.shape == (1,) else steps
    if steps.shape != (2,) or steps.dtype.kind not in "iu" or not steps.any() or (np.abs(steps) >= size).any():
        raise ArgumentError(f"separation: got {separation!r}; whole steps, not both 0, within {size} are needed")
    jump = 2.0 * np.pi * _string(model, steps)
    first, second = model.graph.edges.T
    count, bond = model.sites, np.arange(len(first))
    ends = np.concatenate([second, first]), np.concatenate([bond, bond])
    signs = np.repeat([1.0, -1.0], len(first))
    gradient = scipy.sparse.csr_array((signs, ends), shape=(count, len(first)))
    # A turn of all angles is free: the small stiffness holds it, and does no more since jumps sum to 0.
    stiffness = gradient @ gradient.T + 1e-10 * scipy.sparse.eye_array(count)
    return splu(stiffness.tocsc()).solve(gradient @ jump)


def _string(model: "XYModel", steps: np.ndarray) -> np.ndarray:
    """Signed crossings of each bond, (E,), by a path of plaquettes along x, then along y."""
    size = np.array(model.graph.size)
    crossed = np.zeros((2, *size))
    corner = size // 4
    for axis in (0, 1):
        sign = 1 if steps[axis] > 0 else -1
        for _ in range(abs(int(steps[axis]))):
            step = np.array([sign, 0]) if axis == 0 else np.array([0, sign])
            low = np.maximum(corner, corner + step) % size
            # A step in x crosses the bond along y between the two plaquettes, a step in y one along x.
            crossed[1 - axis, low[0], low[1]] += sign if axis == 0 else -sign
            corner = (corner + step) % size
    return crossed.reshape(2, -1)[[int(np.argmax(offset)) for offset in model.graph.offsets]].reshape(-1)


def _descend(model: "XYModel", start: np.ndarray, tolerance: float) -> np.ndarray:
    from scipy.optimize import minimize

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(model.energy(x[None])[0]), model.gradient(x[None])[0]

    x, goal = start, min(NEWTON_BELOW, 0.1)
    for _ in range(4):
        options = {"maxiter": 20_000, "maxfun": 40_000, "gtol": goal / np.sqrt(model.sites), "ftol": 0.0, "maxcor": 20}
        x = minimize(value, x, jac=True, method="L-BFGS-B", options=options).x
        x, norm = _newton(model, x, tolerance)
        if norm <= tolerance:
            break
        goal *= 0.01
    return x


def _newton(model: "XYModel", x: np.ndarray, tolerance: float) -> tuple[np.ndarray, float]:
    """Newton steps while they shorten the gradient and meet no downward curvature."""
    import scipy.sparse
    from scipy.sparse.linalg import splu

    gradient = model.gradient(x[None])[0]
    norm = float(np.linalg.norm(gradient))
    for _ in range(NEWTON_STEPS):
        if norm <= tolerance:
            break
        matrix = hessian(model, x)
        # The turn of all angles has no stiffness, and the gradient no part along it.
        shift = 1e-9 * max(float(np.abs(matrix.diagonal()).max()), 1e-300)
        step = splu((matrix + shift * scipy.sparse.eye_array(model.sites)).tocsc()).solve(gradient)
        if not np.isfinite(step).all() or step @ gradient <= 0:
            break
        trial = x - step
        new = model.gradient(trial[None])[0]
        shorter = float(np.linalg.norm(new))
        if not shorter < norm:
            break
        x, gradient, norm = trial, new, shorter
    return x, norm


def _torus(model: "XYModel", name: str) -> tuple[int, ...]:
    if not (model.graph.periodic and model.graph.size):
        raise LandscapeError(f"{name}: the graph is {model.graph.name}; a periodic lattice is needed")
    return model.graph.size


def _rows(model: "XYModel", angles: Any) -> np.ndarray:
    try:
        values = np.array(angles, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"angles: got {angles!r}; angles (starts, {model.sites}) are needed") from None
    rows = np.atleast_2d(values)
    if rows.ndim != 2 or rows.shape[1] != model.sites:
        raise ArgumentError(f"angles: got shape {values.shape}; ({model.sites},) or (starts, {model.sites}) is needed")
    if not np.isfinite(rows).all():
        raise ArgumentError(f"angles: {rows[~np.isfinite(rows)][0]} among them; finite numbers are needed")
    return rows


def _one(model: "XYModel", angles: Any) -> np.ndarray:
    rows = _rows(model, angles)
    if len(rows) != 1:
        raise ArgumentError(f"angles: got {len(rows)} configurations; one, ({model.sites},), is needed")
    return rows[0]
