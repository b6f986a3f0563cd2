"""The perceptron with real weights: a smooth landscape for Langevin samplers and gradient descent, read out by signs.

E(x) = sum_mu l(Delta^mu(v) / sqrt(N) - kappa) + prior(x), Delta^mu(v) = sum_i xi_i^mu v_i, with the losses
- cross_entropy: l(d) = log(1 + exp(-2 lam d));
- hinge: l(d) = 2 lam max(0, -d), which cross-entropy approaches for large lam;
and the priors, s being `strength`,
- gaussian: v = x, s |x|^2 / 2;
- double_well: v = x, s sum_i (x_i^2 - 1)^2 / 4, which favours x_i = +-1;
- spherical: v = sqrt(N) x / |x|, and s (|x| - sqrt(N))^2 / 2 confines the length, on which the loss does not depend:
  the direction of x has exactly the law of weights on the sphere |v|^2 = N;
- none: v = x. There is then no normalisable law at finite temperature: for descent only.
The binary weights are sign x_i. Loss and normalisation: Baldassi, Pittorino & Zecchina 2020, PNAS 117, 161
(arXiv:1905.07833).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from mcmc.compiled import kernel_tied_to, piece
from mcmc.errors import ArgumentError
from mcmc.random import split_seed
from perceptron.arguments import checked_number, one_of
from perceptron.patterns import Patterns

if TYPE_CHECKING:
    import xarray

kernel = kernel_tied_to()

LOSSES = ("cross_entropy", "hinge")
PRIORS = ("gaussian", "double_well", "spherical", "none")


@piece
def loss_of(d, lam, loss):
    """l(d) of one pattern."""
    if loss == 1:
        return 2.0 * lam * max(0.0, -d)
    z = -2.0 * lam * d
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


@piece
def slope_of(d, lam, loss):
    """dl/dd of one pattern; 0 at the kink of the hinge."""
    if loss == 1:
        return -2.0 * lam if d < 0.0 else 0.0
    z = 2.0 * lam * d
    small = math.exp(-abs(z))
    return -2.0 * lam * (small if z > 0.0 else 1.0) / (1.0 + small)


# Sums may be taken in any order, the same one each time: without that they do not vectorise.
@njit(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def scalar_product(row, v):
    """Delta of one pattern, float64."""
    total = 0.0
    for i in range(np.uint64(v.size)):
        total += row[i] * v[i]
    return total


@piece
def scale_to_weights(x, spherical):
    """Factor from x (n,) to the weights v: sqrt(n) / |x| on the sphere, 0 at the origin; else 1."""
    if not spherical:
        return 1.0
    length = math.sqrt(scalar_product(x, x))
    return math.sqrt(x.size) / length if length > 0.0 else 0.0


@piece
def prior_energy(x, prior, strength):
    """Energy of the prior at x (n,), by its place in PRIORS."""
    if prior == 0:
        return 0.5 * strength * scalar_product(x, x)
    if prior == 1:
        total = 0.0
        for i in range(x.size):
            well = x[i] * x[i] - 1.0
            total += well * well
        return 0.25 * strength * total
    if prior == 2:
        stretch = math.sqrt(scalar_product(x, x)) - math.sqrt(x.size)
        return 0.5 * strength * stretch * stretch
    return 0.0


@piece
def add_prior_gradient(x, prior, strength, scale, gradient):
    """Turn the gradient in the weights into one in x, and add that of the prior; arrays (n,)."""
    n = x.size
    if prior == 0:
        for i in range(n):
            gradient[i] += strength * x[i]
    elif prior == 1:
        for i in range(n):
            gradient[i] += strength * x[i] * (x[i] * x[i] - 1.0)
    elif prior == 2:
        square = scalar_product(x, x)
        if square == 0.0:
            gradient[:] = 0.0
            return
        # The loss does not change along x: what its gradient has along x is taken out.
        radial = scale * scalar_product(gradient, x) / square
        confined = strength * (1.0 - math.sqrt(n / square))
        for i in range(n):
            gradient[i] = scale * gradient[i] + (confined - radial) * x[i]


@kernel
def smooth_energy(entries, x, chosen, lam, loss, margin, prior, strength, out):
    """out[c] = the loss at x[c], scaled up from the chosen patterns (chains or 1, batch), and the prior."""
    root = math.sqrt(x.shape[1])
    weight = entries.shape[0] / chosen.shape[1]
    for c in range(x.shape[0]):
        scale = scale_to_weights(x[c], prior == 2)
        mine = chosen[c if chosen.shape[0] > 1 else 0]
        total = 0.0
        for k in range(mine.size):
            total += loss_of(scale * scalar_product(entries[mine[k]], x[c]) / root - margin, lam, loss)
        out[c] = weight * total + prior_energy(x[c], prior, strength)


@kernel
def smooth_gradient(entries, x, chosen, lam, loss, margin, prior, strength, out):
    """out[c] = gradient of `smooth_energy`, (chains, n)."""
    root = math.sqrt(x.shape[1])
    weight = entries.shape[0] / chosen.shape[1]
    for c in range(x.shape[0]):
        position, gradient = x[c], out[c]
        scale = scale_to_weights(position, prior == 2)
        mine = chosen[c if chosen.shape[0] > 1 else 0]
        gradient[:] = 0.0
        for k in range(mine.size):
            entry = entries[mine[k]]
            slope = slope_of(scale * scalar_product(entry, position) / root - margin, lam, loss) * weight / root
            if slope != 0.0:
                for i in range(np.uint64(position.size)):
                    gradient[i] += slope * entry[i]
        add_prior_gradient(position, prior, strength, scale, gradient)


class SmoothPerceptron:
    """A SmoothLandscape over real weights x (chains, n); `lam` sharpens the loss, `margin` is kappa.

    `strength` is that of the prior. A batch of patterns, (batch,) or one for each chain (chains, batch), gives an
    unbiased estimate: its loss times p / batch, plus the whole prior. Raises ArgumentError for an unknown loss or prior
    or values out of range.
    """

    def __init__(
        self,
        patterns: Patterns,
        loss: str = "cross_entropy",
        lam: float = 1.0,
        margin: float = 0.0,
        prior: str = "gaussian",
        strength: float = 1.0,
    ):
        if not isinstance(patterns, Patterns):
            raise ArgumentError(f"patterns: got {type(patterns).__name__}; make them with random_patterns")
        patterns.least_stability(margin)
        self.patterns = patterns
        self.loss = one_of("loss", loss, LOSSES)
        self.prior = one_of("prior", prior, PRIORS)
        self.lam = checked_number("lam", lam, 0.0, 1e6, above=True)
        self.margin = float(margin)
        self.strength = checked_number("strength", strength, 0.0, 1e12, above=True)
        self.dim = patterns.n
        self.data_size: int | None = patterns.p
        self._all = np.arange(patterns.p, dtype=np.int64)[None]

    def identity(self) -> dict[str, str | int | float]:
        """What sets the law. See mcmc.landscape.IdentifiedLandscape."""
        return {
            "landscape": type(self).__name__,
            "energy_name": self.loss,
            "energy_normalisation": "total",
            "lam": self.lam,
            "margin": self.margin,
            "prior": self.prior,
            "strength": self.strength,
            **self.patterns.identity(),
        }

    def to_dataset(self) -> "xarray.Dataset":
        """The patterns, packed; `Patterns.from_dataset` reads them."""
        return self.patterns.to_dataset()

    def energy(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Total energy with the prior, (chains,) float64, of x (chains, n). Raises ArgumentError for a wrong batch."""
        points = self._checked(x)
        out = np.empty(len(points))
        smooth_energy(self.patterns.patterns, points, self._chosen(batch, len(points)), *self._parameters(), out)
        return out

    def gradient(self, x: np.ndarray, batch: np.ndarray | None = None) -> np.ndarray:
        """Gradient of the energy, (chains, n) float64; at the kink of the hinge the loss counts as flat."""
        points = self._checked(x)
        out = np.empty(points.shape)
        smooth_gradient(self.patterns.patterns, points, self._chosen(batch, len(points)), *self._parameters(), out)
        return out

    def initial_x(self, chain: np.ndarray, seed: int) -> np.ndarray:
        """Where chains start, (chains, n): standard normals, with the spherical prior brought to length sqrt(n)."""
        from mcmc.samplers.integrators import fill_normals

        x = np.empty((len(chain), self.dim))
        fill_normals(x, np.asarray(chain, np.uint32), *split_seed(seed))
        return self.weights(x) if self.prior == "spherical" else x

    def weights(self, x: np.ndarray) -> np.ndarray:
        """The real weights v that the loss sees, (chains, n); zeros at the origin, which has no direction."""
        points = self._checked(x)
        if self.prior != "spherical":
            return points.copy()
        length = np.sqrt(np.einsum("ci,ci->c", points, points))
        scale = np.divide(math.sqrt(self.dim), length, out=np.zeros_like(length), where=length > 0)
        return points * scale[:, None]

    def read_out(self, x: np.ndarray) -> np.ndarray:
        """Binary weights sign x, +1 for 0: (chains, n) int8."""
        return np.where(np.asarray(x) >= 0, 1, -1).astype(np.int8)

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Patterns that the binary weights get wrong, (chains,) int64."""
        return self.patterns.errors(self.read_out(x), self.margin)

    def observables(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """`energy`, `errors` of the binary weights, `real_errors` of the real ones, `length` |x|/sqrt(n): (chains,)."""
        points = self._checked(x)
        stability = self.weights(points) @ self.patterns.patterns.T.astype(np.float64) / math.sqrt(self.dim)
        return {
            "energy": self.energy(points),
            "errors": self.errors(points).astype(np.float64),
            "real_errors": (stability < self.margin).sum(axis=1).astype(np.float64),
            "length": np.sqrt(np.einsum("ci,ci->c", points, points) / self.dim),
        }

    def observable_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """For each observable its `long_name` and `units`."""
        names = {
            "energy": "total energy with the prior",
            "errors": "patterns wrong for the signs of the weights",
            "real_errors": "patterns wrong for the real weights",
            "length": "length of the weights over sqrt(n)",
        }
        return {name: {"long_name": said, "units": "1"} for name, said in names.items()}

    def _parameters(self):
        return self.lam, LOSSES.index(self.loss), self.margin, PRIORS.index(self.prior), self.strength

    def _checked(self, x):
        points = np.ascontiguousarray(x, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != self.dim:
            raise ArgumentError(f"x: got shape {points.shape}; (chains, {self.dim}) is needed")
        return points

    def _chosen(self, batch, chains):
        if batch is None:
            return self._all
        chosen = np.asarray(batch)
        fits = chosen.ndim == 1 or (chosen.ndim == 2 and chosen.shape[0] == chains)
        if not fits or chosen.dtype.kind not in "iu" or not chosen.size:
            raise ArgumentError(
                f"batch: got shape {chosen.shape}; pattern numbers (batch,) or (chains, batch) are needed"
            )
        if chosen.min() < 0 or chosen.max() >= self.patterns.p:
            raise ArgumentError(
                f"batch: got numbers {chosen.min()} to {chosen.max()}; 0 to {self.patterns.p - 1} exist"
            )
        return np.ascontiguousarray(np.atleast_2d(chosen), dtype=np.int64)
