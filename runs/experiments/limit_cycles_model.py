"""The two-dimensional example of arXiv:1710.11029, section 4: its field, its exact law, its orbits."""

import numpy as np

PARTITION_SUM = 7.6234684446728
"""Z of exp(-Phi); the density at rest is exp(-Phi) / Z for every lambda."""
CRITICAL = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
"""Where grad Phi = 0: two wells and the saddle between them."""
FASTEST = float(np.sqrt((1.0 + np.sqrt(5.0)) / 2.0))
"""|j| is largest at (0, +-FASTEST)."""
LOW, HIGH = np.array([-2.25, -3.0]), np.array([2.25, 3.0])
BINS = (18, 24)
"""Histogram of the samples: bins of 1/4 by 1/4."""


def potential(x: np.ndarray) -> np.ndarray:
    """Phi at x (..., 2)."""
    return (x[..., 0] ** 2 - 1.0) ** 2 / 4.0 + x[..., 1] ** 2 / 2.0


def gradient(x: np.ndarray) -> np.ndarray:
    """grad Phi at x (..., 2), (..., 2)."""
    return np.stack([x[..., 0] ** 3 - x[..., 0], x[..., 1]], axis=-1)


def current(x: np.ndarray, strength: float) -> np.ndarray:
    """j at x (..., 2), (..., 2)."""
    a, b = x[..., 0] ** 2, x[..., 1] ** 2
    # Phi - r^4 / 4 with the fourth powers of x1, which cancel, left out.
    size = strength * np.exp(0.25 - 0.5 * a + 0.5 * b - 0.5 * a * b - 0.25 * b * b)
    return np.stack([-size * x[..., 1], size * x[..., 0]], axis=-1)


def drift(x: np.ndarray, strength: float) -> np.ndarray:
    """b = -grad Phi + j at x (..., 2), (..., 2)."""
    return current(x, strength) - gradient(x)


def exact_circulation(strength: float) -> float:
    """<x1 b2 - x2 b1> = 2 pi lambda / Z: grad Phi turns nothing, and int r^2 exp(-r^4 / 4) over the plane is 2 pi."""
    return 2.0 * np.pi * strength / PARTITION_SUM


def exact_antisymmetric(x: np.ndarray, strength: float) -> np.ndarray:
    """Q_12 of the A-type form at x (..., 2): the stream function of j exp(-Phi), int_r^oo s exp(-s^4 / 4) ds, over it.

    lambda (pi^(1/2) / 2) erfc(r^2 / 2) exp(Phi); it falls to 0 far out.
    """
    from scipy.special import erfcx

    squared = (x**2).sum(axis=-1)
    return strength * np.sqrt(np.pi) / 2.0 * erfcx(squared / 2.0) * np.exp(potential(x) - squared**2 / 4.0)


def bin_edges() -> tuple[np.ndarray, np.ndarray]:
    """Edges of the histogram along x1 and x2."""
    first, second = (np.linspace(low, high, count + 1) for low, high, count in zip(LOW, HIGH, BINS, strict=True))
    return first, second


def exact_shares() -> np.ndarray:
    """Probability of each bin, `BINS`: Phi is a sum, the integrals are those of one variable."""
    from scipy.special import ndtr

    first, second = bin_edges()
    nodes, weights = np.polynomial.legendre.leggauss(12)
    half = np.diff(first)[:, None] / 2
    x = (first[:-1, None] + first[1:, None]) / 2 + half * nodes
    along = (half * weights * np.exp(-((x**2 - 1.0) ** 2) / 4.0)).sum(axis=1)
    return along[:, None] * (np.diff(ndtr(second)) * np.sqrt(2.0 * np.pi))[None, :] / PARTITION_SUM


def rest_points(strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Where the drift is 0: points (count, 2), and the eigenvalues of its derivative there (count, 2) complex."""
    from scipy.optimize import root

    found: list[np.ndarray] = []
    for start in np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 13), np.linspace(-1.5, 1.5, 13)), axis=-1).reshape(-1, 2):
        answer = root(lambda x: drift(x, strength), start, tol=1e-12)
        x = np.where(np.abs(answer.x) < 1e-9, 0.0, answer.x)
        if np.abs(drift(x, strength)).max() < 1e-9 and not any(np.abs(x - other).max() < 1e-5 for other in found):
            found.append(x)
    found.sort(key=lambda x: (round(float(x[0]), 6), round(float(x[1]), 6)))
    return np.array(found), np.array([np.linalg.eigvals(_derivative(x, strength)).astype(complex) for x in found])


def _derivative(x: np.ndarray, strength: float) -> np.ndarray:
    step = 1e-5 * np.eye(2)
    columns = [(drift(x + e, strength) - drift(x - e, strength)) / 2e-5 for e in step]
    return np.stack(columns, axis=-1)


def return_ratios(strength: float, radii: np.ndarray) -> np.ndarray:
    """Radius at which xdot = b comes round to the positive x1 axis again, over the one it left; NaN: it does not."""
    from scipy.integrate import solve_ivp

    def crossing(t, x):
        return x[1] if t > 1e-3 else 1.0

    crossing.direction = 1.0  # type: ignore[attr-defined]
    crossing.terminal = True  # type: ignore[attr-defined]
    if strength == 0:
        # Nothing turns: paths along the x1 axis stay on it.
        return np.full(len(radii), np.nan)
    found = []
    for radius in radii:
        path = solve_ivp(lambda t, x: drift(x, strength), (0.0, 60.0), [radius, 0.0], events=crossing, rtol=1e-9,
                         atol=1e-12)  # fmt: skip
        at = path.y_events[0]
        found.append(at[0, 0] / radius if len(at) and at[0, 0] > 1e-3 * radius else np.nan)
    return np.array(found)


def loop(radius: float, strength: float, count: int = 200) -> tuple[np.ndarray, float, float]:
    """The orbit of xdot = j through (radius, 0): points (count, 2), its period, and how far off it closes."""
    from scipy.integrate import solve_ivp

    angle = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    circle = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # j is tangent to circles: the period is the mean of 2 pi r / |j|, exact to rounding by the trapezium rule.
    period = float((2.0 * np.pi * radius / np.hypot(*current(circle, strength).T)).mean())
    path = solve_ivp(lambda t, x: current(x, strength), (0.0, period), [radius, 0.0],
                     t_eval=np.linspace(0.0, period, count), rtol=1e-10, atol=1e-12)  # fmt: skip
    return path.y.T, period, float(np.abs(path.y[:, -1] - path.y[:, 0]).max())
