"""Laplace approximation of u(x, t): f expanded to second order around one point, the Gaussian integral done exactly.

With y0 the point, H the Hessian there and r = grad f(y0) + (y0 - x) / t the gradient of f(y) + |x - y|^2 / (2 t),

    u(x, t) = f(y0) + |x - y0|^2 / (2 t) - (t / 2) r' (I + t H)^-1 r + log det(I + t H) / (2 beta),

exact for every x and y0 when f is quadratic. The determinant of few coordinates is that of all eigenvalues; of many it
comes from stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38, 1075), one Lanczos
run for all t. What f adds beyond the expansion is measured with draws from the Gaussian itself.
"""

from typing import Any, NamedTuple

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.hessian_products import HessianAt, HessianVector
from mcmc.local_entropy.lanczos import (
    EPS,
    Spectrum,
    from_eigenvalues,
    from_lanczos,
    functions_of,
    lanczos,
    signs,
)
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.proximal_point import Proximal, descend, lowest_minima
from mcmc.local_entropy.result import SCALE, LocalEntropy
from mcmc.local_entropy.smooth_arguments import (
    checked_choice,
    checked_landscape,
    checked_point,
    checked_scales,
    energies,
    gradients,
)
from mcmc.random import Stream, normals
from mcmc.statistics.series import positive_integer

EXPANSIONS = ("reference", "minimum", "proximal")
SEARCHED = 256
"""Coordinates up to which descents look for other minima."""
STARTS = 4
"""Descents towards the proximal point of each scale."""
DRAWS = 32
"""Gaussian draws, with their mirror images, that measure what f adds to its expansion."""
ANHARMONIC = 0.1
"""Warn when that is more than so many 1 / beta."""
NEAR = 5.0
"""Other minima higher than the value by so many 1 / beta, each by its own expansion, are left alone."""
SINGULAR = 1e-6
"""Eigenvalues of I + t H below this count as none above 0: differences of gradients do not tell."""


def laplace(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float = 1.0,
    seed: int = 0,
    at: str = "reference",
    probes: int = 32,
    steps: int = 64,
    hessian_vector: HessianVector | None = None,
    exact_below: int = 256,
) -> LocalEntropy:
    """u(x, t) at x = `reference` (dim,) for each t of `scale`, with f expanded to second order.

    `at` is the point of the expansion: x itself ("reference"), the minimum of f below x ("minimum"), or the proximal
    point of each t ("proximal"), the best where f is not quadratic. Up to `exact_below` coordinates all eigenvalues are
    found; above, `probes` random signs with `steps` Hessian-vector products each. Products come from `hessian_vector`
    (points and vectors (chains, dim)), else from the landscape's method of that name, else from central differences.

    The error holds the spread over probes, the truncation of the Lanczos quadrature, the error of differences, and
    `anharmonic`, the size of what f adds beyond second order where that Gaussian reaches (two cumulants; a warning
    above 0.1 / beta). Other minima that a few descents meet (up to 256 coordinates) are in the error, with a
    warning, not in the value; wells that none meets are in neither. Where I + t H is not positive definite the integral
    does not exist: NaN, and a warning. `more` has `log_determinant` and its error,
    `lowest_eigenvalue` and `highest_eigenvalue` of H (as far as Lanczos saw them), `trace` and its error, `anharmonic`
    and `point`. Raises ArgumentError for bad arguments.
    """
    return laplace_and_spectra(
        landscape, reference, scale, beta=beta, seed=seed, at=at, probes=probes, steps=steps,
        hessian_vector=hessian_vector, exact_below=exact_below,
    )[0]  # fmt: skip


def laplace_and_spectra(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float,
    seed: int,
    at: str = "reference",
    probes: int,
    steps: int,
    hessian_vector: HessianVector | None = None,
    exact_below: int,
) -> tuple[LocalEntropy, list[Spectrum]]:
    """What `laplace` gives, and the Hessian's spectrum at each point of expansion: one, or one for each proximal."""
    landscape = checked_landscape(landscape)
    x = checked_point(reference, landscape.dim)
    scales = checked_scales(scale)
    beta = require_beta(beta, infinite=False)
    checked_choice("at", at, EXPANSIONS)
    for name, value, least in (("probes", probes, 2), ("steps", steps, 1), ("exact_below", exact_below, 0)):
        positive_integer(value, name, least)
    points = _points(landscape, x, scales, at, seed)
    alone = 1 if at == "proximal" else scales.size
    found: list[_Value] = []
    spectra: list[Spectrum] = []
    for k in range(0, scales.size, alone):
        point = points[k]
        product = HessianAt(landscape, point, hessian_vector)
        expansion = _Expansion(landscape, x, point, product, scales[k : k + alone], beta, seed)
        found += expansion.values(probes, steps, exact_below)
        spectra.append(expansion.spectrum)
    if landscape.dim <= min(exact_below, SEARCHED):
        minima = lowest_minima(landscape, x, scales, STARTS, seed)
        for k, t in enumerate(scales.tolist()):
            others = [m for m in minima[k] if _apart(landscape, x, t, beta, points[k], m, hessian_vector)]
            found[k] = _with_others(landscape, t, beta, found[k], others, hessian_vector)
    return _result(x, scales, beta, points, found), spectra


def _pulled_hessian(landscape, point, t: float, hessian_vector) -> np.ndarray:
    """I + t H at a point."""
    return np.eye(point.size) + t * HessianAt(landscape, point, hessian_vector).dense()[0]


def _apart(landscape, x, t: float, beta: float, point, other: Proximal, hessian_vector) -> bool:
    """Whether a minimum is another than the one below the point of the expansion, by more than its own width."""
    away = other.point - descend(landscape, x, t, point).point
    if not away.any():
        return False
    return float(away @ _pulled_hessian(landscape, other.point, t, hessian_vector) @ away) * beta / t > 1.0


def _with_others(landscape, t: float, beta: float, found: "_Value", others: list, hessian_vector) -> "_Value":
    """The value with what other minima would add in its error, and a warning of them, where it is not little."""
    gains = []
    for other in others:
        sign, log_det = np.linalg.slogdet(_pulled_hessian(landscape, other.point, t, hessian_vector))
        if sign > 0 and np.isfinite(found.value):
            gains.append(-beta * (other.value - found.value) - 0.5 * log_det)
    if not gains or max(gains) < -NEAR:
        return found
    lower = float(np.logaddexp.reduce([0.0, *gains])) / beta
    said = (
        f"scale {t:g}: {len(gains)} other minima within reach, u is lower by about {lower:.2g}; "
        "take a smaller scale, or integration"
    )
    return found._replace(
        error=float(np.hypot(found.error, lower)), warning="; ".join(filter(None, [found.warning, said]))
    )


def hessian_spectrum(
    landscape: SmoothLandscape,
    point: Any,
    *,
    seed: int = 0,
    probes: int = 32,
    steps: int = 64,
    hessian_vector: HessianVector | None = None,
    exact_below: int = 256,
) -> Spectrum:
    """Spectrum of the Hessian at `point` (dim,): density, extremes, traces; exact up to `exact_below` coordinates."""
    landscape = checked_landscape(landscape)
    product = HessianAt(landscape, checked_point(point, landscape.dim), hessian_vector)
    if landscape.dim <= exact_below:
        return from_eigenvalues(np.linalg.eigvalsh(product.dense()[0]))
    positive_integer(probes, "probes", 2)
    return from_lanczos(
        lanczos(product, signs(probes, landscape.dim, seed), positive_integer(steps, "steps")), landscape.dim
    )


class _Seen(NamedTuple):
    """What is known of the Hessian."""

    lowest: float
    highest: float
    trace: float
    trace_error: float


class _Value(NamedTuple):
    value: float
    error: float
    log_determinant: float
    log_determinant_error: float
    seen: _Seen
    anharmonic: float
    warning: str


class _Expansion:
    """f to second order around one point, at several scales."""

    def __init__(self, landscape, x, point, product: HessianAt, scales, beta, seed):
        self.landscape, self.x, self.point, self.product = landscape, x, point, product
        self.scales, self.beta, self.seed = scales, beta, seed
        self.energy = float(energies(landscape, point[None])[0])
        self.gradient = gradients(landscape, point[None])[0]
        self.residual = self.gradient + (point - x) / scales[:, None]
        """(points,): gradient of f + |x - .|^2 / (2 t)."""

    def values(self, probes: int, steps: int, exact_below: int) -> list[_Value]:
        dim = self.x.size
        if dim <= exact_below:
            solved: _Dense | _Sampled = _Dense(self.product, self.residual)
        else:
            solved = _Sampled(self.product, self.residual, probes, steps, self.seed)
        self.spectrum: Spectrum = solved.spectrum
        lowest, highest = self.spectrum.extremes()
        normal = normals(self.seed, Stream.LANCZOS, np.arange((dim + 1) // 2), 1, np.arange(DRAWS)[:, None])
        z = normal.reshape(DRAWS, -1)[:, :dim]
        stable = 1.0 + self.scales * min(lowest, solved.lowest) > SINGULAR
        beyond = np.full(self.scales.size, np.nan)
        if stable.any():
            beyond[stable] = self._anharmonic(solved.moved(z, self.residual, self.scales, stable), stable)
        trace = self.spectrum.trace(lambda v: v)
        trace_error = float(np.hypot(trace.error, solved.wrong_trace))
        found = []
        for k, t in enumerate(self.scales.tolist()):
            seen = _Seen(min(lowest, solved.lowest), highest, trace.value, trace_error)
            found.append(self._value(solved, k, t, seen, float(beyond[k])) if stable[k] else self._missing(t, seen))
        return found

    def _value(self, solved: "_Dense | _Sampled", k: int, t: float, seen: "_Seen", anharmonic: float) -> _Value:
        log_det = solved.spectrum.trace(lambda v: np.log1p(t * v))
        form, form_error = solved.form(k, t)
        off = solved.differences_error(t)
        shift = self.x - self.point
        value = self.energy + shift @ shift / (2 * t) - 0.5 * t * form + log_det.value / (2 * self.beta)
        size = abs(self.energy) + shift @ shift / (2 * t) + 0.5 * t * abs(form) + abs(log_det.value) / (2 * self.beta)
        log_det_error = float(np.hypot(log_det.error, off))
        terms = (log_det_error / (2 * self.beta), 0.5 * t * form_error, anharmonic, 8 * EPS * size)
        warning = ""
        if anharmonic > ANHARMONIC / self.beta:
            warning = (
                f"scale {t:g}: f departs from its expansion by about {anharmonic:.2g}, above {ANHARMONIC:g} / beta; "
                "take another point `at`, a smaller scale, or integration"
            )
        error = float(np.sqrt(sum(term**2 for term in terms)))
        return _Value(float(value), error, log_det.value, log_det_error, seen, anharmonic, warning)

    def _missing(self, t: float, seen: "_Seen") -> _Value:
        warning = (
            f"scale {t:g}: the Hessian has an eigenvalue {seen.lowest:.4g}, at or below -1/t = {-1 / t:.4g}: to second "
            "order the integral does not exist; take another point `at`, a smaller scale, or integration"
        )
        return _Value(np.nan, np.nan, np.nan, np.nan, seen, np.nan, warning)

    def _anharmonic(self, moved: np.ndarray, stable: np.ndarray) -> np.ndarray:
        """Size of <f - q> and of the variance under the Gaussian, (points,), from the moves w (draws, dim) of each t.

        A draw and its mirror image are y0 + c +- sqrt(t / beta) (I + t H)^-1/2 z, c the way to the Gaussian's centre.
        """
        result = []
        for (centre, spread), t in zip(moved, self.scales[stable], strict=True):
            steps = np.concatenate([centre + spread * np.sqrt(t / self.beta), centre - spread * np.sqrt(t / self.beta)])
            curved = np.einsum("pi,pi->p", steps, self.product(steps))
            # Infinite where a draw meets a wall: no expansion holds there.
            beyond = energies(self.landscape, self.point + steps) - self.energy - steps @ self.gradient - 0.5 * curved
            rounding = 8 * EPS * (abs(self.energy) + np.abs(curved).max())
            with np.errstate(invalid="ignore"):
                size = abs(beyond.mean()) + 0.5 * self.beta * beyond.var()
            size = size if np.isfinite(size) else np.inf
            result.append(0.0 if size < rounding else size)
        return np.array(result)


class _Dense:
    """All eigenvalues of the Hessian."""

    def __init__(self, product: HessianAt, residual: np.ndarray):
        matrix, self.wrong = product.dense()
        self.eigenvalues, self.vectors = np.linalg.eigh(matrix)
        self.spectrum = from_eigenvalues(self.eigenvalues)
        self.lowest = float(self.eigenvalues[0])
        self.wrong_trace = float(np.trace(self.wrong))
        self.residual = residual @ self.vectors

    def form(self, k: int, t: float) -> tuple[float, float]:
        """r' (I + t H)^-1 r and its error."""
        solved = self.residual[k] / (1.0 + t * self.eigenvalues)
        back = np.abs(self.vectors @ solved)
        return float(self.residual[k] @ solved), float(t * back @ self.wrong @ back)

    def differences_error(self, t: float) -> float:
        """Of log det(I + t H), from the error of each element."""
        if self.eigenvalues.size > SEARCHED:
            # The product of the norms, a bound above the sum below: the inverse takes as long as all eigenvalues.
            return float(t * np.linalg.norm(1.0 / (1.0 + t * self.eigenvalues)) * np.linalg.norm(self.wrong))
        inverse = (self.vectors / (1.0 + t * self.eigenvalues)) @ self.vectors.T
        return float(t * np.sum(np.abs(inverse) * self.wrong))

    def moved(self, z, residual, scales, stable):
        """The way to the Gaussian's centre, (dim,), and (I + t H)^-1/2 z, for each stable t."""
        for k in np.flatnonzero(stable):
            factor = 1.0 / (1.0 + scales[k] * self.eigenvalues)
            centre = -scales[k] * self.vectors @ (factor * self.residual[k])
            yield centre, ((z @ self.vectors) * np.sqrt(factor)) @ self.vectors.T


class _Sampled:
    """The Hessian as random probes and the residual gradients see it."""

    def __init__(self, product: HessianAt, residual: np.ndarray, probes: int, steps: int, seed: int):
        self.product, self.steps = product, steps
        probe = signs(probes, residual.shape[1], seed)
        rows, self.row = np.unique(residual, axis=0, return_inverse=True)
        self.row = self.row.reshape(-1)
        both = lanczos(product, np.concatenate([probe, rows]), steps)
        self.spectrum = from_lanczos(type(both)(*(a[:probes] for a in both)), residual.shape[1])
        rest = type(both)(*(a[probes:] for a in both))
        taken = both.diagonal.shape[1]
        self.measures = [rest.measure(), rest.truncated(max(1, taken // 2)).measure()]
        self.lowest = min(self.spectrum.extremes()[0], float(self.measures[0][0].min()))
        self.wrong_trace = product.trace_error(probe)

    def form(self, k: int, t: float) -> tuple[float, float]:
        """r' (I + t H)^-1 r and its error."""
        row = self.row[k]
        fine, coarse = (float((w[row] / (1.0 + t * v[row])).sum()) for v, w in self.measures)
        off = t * abs(fine) * self.wrong_trace / self.product.point.size / min(1.0, 1.0 + t * self.lowest)
        return fine, abs(fine - coarse) + off

    def differences_error(self, t: float) -> float:
        """Of log det(I + t H), from the error of the trace."""
        return t * self.wrong_trace / min(1.0, 1.0 + t * self.lowest)

    def moved(self, z, residual, scales, stable):
        """The way to the Gaussian's centre, (dim,), and (I + t H)^-1/2 z, for each stable t."""
        chosen = np.flatnonzero(stable)
        roots = [lambda v, t=scales[k]: 1.0 / np.sqrt(np.maximum(1.0 + t * v, EPS)) for k in chosen]
        inverses = [lambda v, t=scales[k]: 1.0 / np.maximum(1.0 + t * v, EPS) for k in chosen]
        spread = functions_of(self.product, z, self.steps, roots)
        towards = functions_of(self.product, residual[chosen], self.steps, inverses)
        for place, k in enumerate(chosen):
            yield -scales[k] * towards[place, place], spread[place]


def _points(landscape, x, scales, at, seed) -> np.ndarray:
    """Where f is expanded for each scale, (points, dim)."""
    if at == "proximal":
        return np.array([minima[0].point for minima in lowest_minima(landscape, x, scales, STARTS, seed)])
    point = x if at == "reference" else descend(landscape, x, np.inf, x).point
    return np.repeat(point[None], scales.size, axis=0)


def _result(x, scales, beta, points, found: list[_Value]) -> LocalEntropy:
    seen = np.array([f.seen for f in found])

    def column(name):
        return np.array([getattr(f, name) for f in found])

    more: dict[str, Any] = {
        "log_determinant": (("scale",), column("log_determinant"), "log det(I + t H)"),
        "log_determinant_error": (
            ("scale",),
            column("log_determinant_error"),
            "one standard error of log det(I + t H)",
        ),
        "lowest_eigenvalue": (("scale",), seen[:, 0], "lowest eigenvalue of the Hessian seen"),
        "highest_eigenvalue": (("scale",), seen[:, 1], "highest eigenvalue of the Hessian seen"),
        "trace": (("scale",), seen[:, 2], "trace of the Hessian"),
        "trace_error": (("scale",), seen[:, 3], "one standard error of the trace"),
        "anharmonic": (("scale",), column("anharmonic"), "size of what the landscape adds beyond second order"),
        "point": (("scale", "coordinate"), points, "point of the expansion"),
    }
    warnings = tuple(f.warning for f in found if f.warning)
    return LocalEntropy(
        SCALE, scales, column("value"), column("error"), "laplace", x, beta, 1 / scales, warnings=warnings, more=more
    )
