"""Covariance of the gradients of single samples, D(x) = (1/N) sum_k g_k g_k' - g g', and what follows from it.

A batch's gradient has covariance D / b when its samples are drawn with replacement, (N - b) / (b (N - 1)) D else
(arXiv:1710.11029, section 2). D has at most min(N - 1, d) eigenvalues that are not 0: those of the Gram matrix of
centred gradients over N, N x N, which for a fully connected network needs no stored gradient. Weight decay is the same
for every sample and adds nothing to D.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.sample_gradients import SampleGradients, sample_gradients
from mcmc.memory import require_memory
from mcmc.samplers.minibatches import Minibatches

if TYPE_CHECKING:
    import xarray

Replacement = bool | Literal["epoch"]


@dataclass(frozen=True)
class Rank:
    """Eigenvalues above a threshold: with noise that is nowhere exactly 0, the number means nothing without it."""

    count: int
    """Eigenvalues above `threshold`."""
    share: float
    """`count` / dim."""
    threshold: float


class Scatter(NamedTuple):
    """Squared length of the sum over some steps of what their batches' gradients differ from the mean one by."""

    mean: float
    variance: float
    """Of one such sum, by draws of the batches."""


class GradientNoise:
    """D(x) at one point; see `gradient_noise`. Eigenvalues are computed when first asked for."""

    def __init__(self, point: np.ndarray, gradients: SampleGradients):
        if not isinstance(gradients, SampleGradients):
            raise ArgumentError("GradientNoise: is made by gradient_noise(landscape, x); call that")
        self.point = point
        """(dim,): where."""
        self.gradients = gradients
        self.samples, self.dim = gradients.size, gradients.dim
        self.route: Literal["gram", "dense"] = "gram" if self.samples <= self.dim else "dense"
        """Whether eigenvalues come from the Gram matrix (samples, samples) or from D (dim, dim): the smaller one."""

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """The min(samples - 1, dim) eigenvalues that may differ from 0, (count,) float64, falling.

        Those that rounding made negative are 0. The other `zeros` eigenvalues are exactly 0.
        """
        from scipy.linalg import eigh

        found = eigh(self._smaller(), eigvals_only=True, overwrite_a=True, check_finite=False, driver="evr")
        return np.maximum(found[::-1][: self.dim - self.zeros], 0.0)

    @property
    def zeros(self) -> int:
        """Eigenvalues that are exactly 0, since N centred gradients span N - 1 directions at most."""
        return max(0, self.dim - (self.samples - 1))

    @cached_property
    def trace(self) -> float:
        """Sum of the eigenvalues: the mean squared distance of a sample's gradient from the mean one."""
        return max(0.0, float(self.gradients.trace()))

    @property
    def mean(self) -> float:
        """Mean of all `dim` eigenvalues."""
        return self.trace / self.dim

    @property
    def spread(self) -> float:
        """Standard deviation of all `dim` eigenvalues, those that are 0 among them."""
        return float(np.sqrt(max(0.0, (self.eigenvalues**2).sum() / self.dim - self.mean**2)))

    @property
    def participation_ratio(self) -> float:
        """(sum of the eigenvalues)^2 / sum of their squares, 1 to dim: how many directions carry the noise.

        Free of thresholds. NaN where D is 0.
        """
        squares = self._squares
        return float(self.eigenvalues.sum()) ** 2 / squares if squares > 0 else np.nan

    def rank(self, threshold: float | Literal["float64", "float32"] | None = None) -> Rank:
        """Eigenvalues above a threshold, with the threshold.

        A number is taken as it is; "float64" and "float32" stand for lambda_max dim eps of that precision: the second
        is what arXiv:1710.11029 used. None takes the precision of the gradients. Raises ArgumentError for others.
        """
        if threshold is None:
            threshold = "float32" if self.gradients.precision is np.float32 else "float64"
        if isinstance(threshold, str):
            if threshold not in ("float64", "float32"):
                raise ArgumentError(f"threshold: got {threshold!r}; a number, 'float64' or 'float32' is needed")
            highest = float(self.eigenvalues[0]) if self.eigenvalues.size else 0.0
            threshold = highest * self.dim * float(np.finfo(threshold).eps)
        limit = _number("threshold", threshold, zero=True)
        count = int((self.eigenvalues > limit).sum())
        return Rank(count, count / self.dim, limit)

    def eigenvectors(self, k: int) -> np.ndarray:
        """Unit vectors in weight space of the k largest eigenvalues, (k, dim).

        Raises ArgumentError unless 1 <= k <= the eigenvalues above the default threshold of `rank`.
        """
        from scipy.linalg import eigh

        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= self.rank().count:
            raise ArgumentError(f"k: got {k!r}; a whole number from 1 to the rank of D, {self.rank().count}, is needed")
        matrix = self._smaller()
        span = (len(matrix) - int(k), len(matrix) - 1)
        vectors = eigh(matrix, subset_by_index=span, overwrite_a=True, check_finite=False)[1].T[::-1]
        if self.route == "gram":
            vectors = self.gradients.combined(vectors - vectors.mean(axis=1, keepdims=True))
            # Rounding leaves a small eigenvalue's vector with a little of the large ones': QR takes it out again.
            orthogonal, upper = np.linalg.qr(vectors.T)
            vectors = (orthogonal * np.sign(np.diag(upper))).T
        return np.ascontiguousarray(vectors)

    def times(self, v: Any) -> np.ndarray:
        """D v, of the shape of v: (dim,) or (vectors, dim)."""
        vectors = self._vectors(v)
        products = self.gradients.combined(self.gradients.along(vectors) / self.samples)
        return products.reshape(np.shape(v))

    def form(self, v: Any) -> np.ndarray | float:
        """v' D v, the variance of g_k.v over the samples: a number, or (vectors,)."""
        found = (self.gradients.along(self._vectors(v)) ** 2).mean(axis=1)
        return float(found[0]) if np.ndim(v) == 1 else found

    def matrix(self) -> np.ndarray:
        """D, (dim, dim) float64. Raises MemoryLimitError when it does not fit."""
        require_memory(16.0 * self.dim**2, f"D of {self.dim} weights", "use `times`, `form` or `eigenvectors`")
        return self._covariance.copy() if self.route == "dense" else self.gradients.covariance()

    def noise_share(self, batch_size: int, replacement: Replacement = "epoch") -> float:
        """Covariance of a batch's gradient in units of D: 1 / b with replacement, (N - b) / (b (N - 1)) without.

        Raises ArgumentError for a batch that is larger than the data.
        """
        return Minibatches(self.samples, batch_size, replacement=replacement).noise_share

    def temperature(self, step_size: float, batch_size: int, replacement: Replacement = "epoch") -> float:
        """1 / beta = eta / (2 b) with replacement, eta / (2 b) (1 - b / N) without (arXiv:1710.11029, equation 5).

        As published, without: eta / 2 times `noise_share` is exact and N / (N - 1) times as much. It goes with D as it
        is: the noise of a step has covariance 2 eta D / beta. Raises ArgumentError for arguments out of range.
        """
        batches = Minibatches(self.samples, batch_size, replacement=replacement)
        without = 1.0 if batches.replacement is True else 1.0 - batch_size / self.samples
        return _number("step_size", step_size) / (2 * batch_size) * without

    def scatter(self, batch_size: int, replacement: Replacement = "epoch", steps: int = 1) -> Scatter:
        """Exact mean and variance of |sum over `steps` batches of (g_B - g)|^2; with "epoch", batches of one order.

        For c_k = g_k - g, |sum of n independent c|^2 has mean n Tr D and variance n (<|c|^4> - (Tr D)^2) + 2 n (n - 1)
        Tr D^2; for n of the N samples see `_of_subset`. Raises ArgumentError for more steps than an order has.
        """
        batches = Minibatches(self.samples, batch_size, replacement=replacement)
        if steps < 1 or (batches.replacement == "epoch" and steps > batches.per_epoch):
            raise ArgumentError(f"steps: got {steps!r}; 1 to the {batches.per_epoch} of an epoch are needed")
        if batches.replacement is True:
            n = steps * batch_size
            mean = n * self.trace
            variance = n * (self._fourth - self.trace**2) + 2.0 * n * (n - 1) * self._squares
        elif batches.replacement == "epoch":
            mean, variance = self._of_subset(steps * batch_size)
        else:
            mean, variance = self._of_subset(batch_size)
            between = batch_size * (self.samples - batch_size) / (self.samples - 1)
            mean, variance = steps * mean, steps * variance + 2.0 * steps * (steps - 1) * between**2 * self._squares
        return Scatter(mean / batch_size**2, max(0.0, variance) / batch_size**4)

    def _of_subset(self, n: int) -> tuple[float, float]:
        """Mean and variance of |sum of c over a random n of the N samples|^2.

        With G_kl = c_k.c_l, whose rows add up to 0, the sums of G_ij G_kl over i, j, k, l all different, or with two or
        three alike, are multiples of sum G_ii^2, (sum G_ii)^2 and sum G_ij^2, and are weighted by the chance that so
        many samples are all chosen, n (n - 1) ... / N (N - 1) ...
        """
        size = self.samples
        one, two, three, four = (
            float(np.prod([(n - i) / (size - i) for i in range(count)])) if n >= count else 0.0 for count in range(1, 5)
        )
        diagonal, whole, pairs = size * self._fourth, (size * self.trace) ** 2, size**2 * self._squares
        mean = (one - two) * size * self.trace
        second = (one - 7 * two + 12 * three - 6 * four) * diagonal + (two - 2 * three + four) * (whole + 2 * pairs)
        return mean, second - mean**2

    def to_xarray(self) -> "xarray.Dataset":
        """Eigenvalues over `eigenvalue`, and the numbers that follow from them."""
        import xarray

        ranks = {name: self.rank(name) for name in ("float64", "float32")}
        values = {
            "trace": (self.trace, "trace of D"),
            "participation_ratio": (self.participation_ratio, "(sum of eigenvalues)^2 / sum of squares"),
            "mean": (self.mean, "mean of all eigenvalues"),
            "spread": (self.spread, "standard deviation of all eigenvalues"),
        }
        variables: dict[str, Any] = {name: ((), value, {"long_name": text}) for name, (value, text) in values.items()}
        for name, rank in ranks.items():
            text = f"eigenvalues above lambda_max dim eps of {name}"
            variables[f"rank_{name}"] = ((), rank.count, {"long_name": text, "threshold": rank.threshold})
        variables["eigenvalue_of_d"] = (("eigenvalue",), self.eigenvalues, {"long_name": "eigenvalues of D, falling"})
        attributes = {"samples": self.samples, "dim": self.dim, "zeros": self.zeros, "route": self.route}
        return xarray.Dataset(variables, attrs=attributes)

    def _smaller(self) -> np.ndarray:
        """Gram matrix over N, or D."""
        size = min(self.samples, self.dim)
        require_memory(
            24.0 * size**2, f"a matrix of {size} x {size}", "take a smaller batch, or use `times` and `form`"
        )
        if self.route == "dense":
            return self._covariance.copy()
        gram = self.gradients.gram()
        gram /= self.samples
        return gram

    @cached_property
    def _fourth(self) -> float:
        """Mean fourth power of the distance of a sample's gradient from the mean one."""
        mean = self.gradients.mean()
        squares = [((self.gradients.rows(part) - mean) ** 2).sum(axis=1) for part in self.gradients.parts()]
        return float((np.concatenate(squares) ** 2).mean())

    @property
    def _squares(self) -> float:
        """Tr D^2."""
        return float((self.eigenvalues**2).sum())

    @cached_property
    def _covariance(self) -> np.ndarray:
        """D, kept where eigenvalues come from it: with many samples it takes longer than its eigenvalues."""
        return self.gradients.covariance()

    def _vectors(self, v: Any) -> np.ndarray:
        vectors = np.atleast_2d(np.asarray(v, dtype=np.float64))
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ArgumentError(f"v: got shape {np.shape(v)}; ({self.dim},) or (vectors, {self.dim}) is needed")
        return vectors


def gradient_noise(landscape: Any, x: Any, *, batch: Any = None) -> GradientNoise:
    """D at one point x, (dim,) or (1, dim), over all samples, or over those of `batch` (samples,), exactly.

    Of a landscape with data: through its `layer_factors(x, batch)` where it has them (the built-in network), else its
    `per_sample_gradients(x, batch)`, else `gradient` on batches of one sample. Float32 gradients are summed in float64.
    Raises ArgumentError for a landscape without data, another shape of x, or samples that are not there.
    """
    size = getattr(landscape, "data_size", None)
    if size is None or not hasattr(landscape, "gradient"):
        raise ArgumentError(
            f"landscape: got {type(landscape).__name__}; one whose energy is a mean over data is needed"
        )
    point = np.asarray(x)
    if point.dtype.kind not in "fiu" or point.shape not in ((landscape.dim,), (1, landscape.dim)):
        raise ArgumentError(f"x: got shape {point.shape} of {point.dtype}; one point ({landscape.dim},) is needed")
    if not np.isfinite(point).all():
        raise ArgumentError("x: some weights are not finite; take the weights of a run that has not diverged")
    point = np.ascontiguousarray(point.reshape(-1), dtype=None if point.dtype == np.float32 else np.float64)
    return GradientNoise(point, sample_gradients(landscape, point, _samples(batch, int(size))))


def _samples(batch: Any, size: int) -> np.ndarray:
    chosen = np.arange(size) if batch is None else np.asarray(batch)
    if chosen.ndim != 1 or chosen.size < 2 or chosen.dtype.kind not in "iu":
        raise ArgumentError(
            f"batch: got shape {chosen.shape} of {chosen.dtype}; 2 or more indices of samples are needed"
        )
    if chosen.min() < 0 or chosen.max() >= size:
        raise ArgumentError(f"batch: got indices {chosen.min()} to {chosen.max()}; there are samples 0 to {size - 1}")
    return chosen.astype(np.int64)


def _number(name: str, value: Any, zero: bool = False) -> float:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ArgumentError(f"{name}: got {value!r}; a finite number {'from 0' if zero else 'above 0'} is needed")
    return float(value)
