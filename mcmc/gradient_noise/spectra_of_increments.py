"""Power spectrum of the increments of a trajectory, and autocorrelation of the weights, beside their right null.

White noise is not what to compare with: weights that only fluctuate around a minimum are remembered, and the
increments of an Ornstein-Uhlenbeck process have a spectrum that rises with the frequency. Here such a process is fitted
to the same run (see `mcmc.gradient_noise.ornstein_uhlenbeck`), and surrogates drawn from it go through the same
estimators: they give the null's mean and band. The statistics are distances of the estimates from what the fit says,
sum_b n_b (P_b / E_b - 1)^2 over the bands of frequency b of n_b ordinates and sum_t (rho(t) - r(t))^2 over the lags;
each surrogate is fitted anew before its distance is taken, so that what a fit takes away is in the null (Stute,
Gonzalez-Manteiga & Presedo-Quindimil 1993, Metrika 40, 243). A small p-value says that the run is no Ornstein-Uhlenbeck
process; whether it is out of equilibrium is another question, see `circulation`. Spectra of increments of networks are
in arXiv:1710.11029, without this null.

A run of SGD, recorded once an epoch, after burn-in and at a constant step size. Chains of a network settle in wells of
their own, which are no one stationary law: look at them one at a time.

>>> from mcmc.gradient_noise import circulation, trajectory_spectra
>>> from mcmc.landscapes.network import mlp, teacher_student
>>> from mcmc.samplers.sample import sample
>>> from mcmc.samplers.sgd import SGD
>>> data = teacher_student(3, 64, seed=1)
>>> sgd = SGD(mlp(data, (4,)), step_size=0.1, batch_size=16)
>>> epoch = 4
>>> run = sample(
...     sgd, 300 * epoch, chains=1, burn_in=200 * epoch, thin=epoch,
...     observe=lambda sampler, state: {"weights": sampler.weights(state)},
... )
>>> spectra = trajectory_spectra(run["weights"], interval=epoch, components=3, surrogates=99)
>>> round_trip = circulation(run["weights"], interval=epoch, components=3)
>>> 0 < spectra.power_p_value <= 1 and 0 < round_trip.p_value <= 1
True
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.ornstein_uhlenbeck import OrnsteinUhlenbeck, fitted
from mcmc.gradient_noise.trajectory_coordinates import coordinates, whole_sweeps
from mcmc.memory import require_memory
from mcmc.random import split_seed
from mcmc.statistics.autocorrelation import autocovariance, integrated_time
from mcmc.statistics.jackknife import replicates
from mcmc.statistics.series import positive_integer

if TYPE_CHECKING:
    import xarray

BANDS = 32
FEWEST_ORDINATES = 8
"""Ordinates of a band of frequencies, all chains together: its power is then known to a third."""
MOST_LAGS = 40
TIMES = 5.0
"""Lags go up to this many autocorrelation times, and a quarter of a chain at most."""


class Null(NamedTuple):
    """What surrogates of the fitted process give for an estimate of n points."""

    mean: np.ndarray
    """(n,) float64."""
    low: np.ndarray
    """(n,) float64: quantile 2.5 %."""
    high: np.ndarray
    """(n,) float64: quantile 97.5 %."""
    statistic: np.ndarray
    """(surrogates,) float64: distance of each surrogate from the process fitted to it."""


@dataclass(frozen=True)
class TrajectorySpectra:
    """Spectrum and autocorrelation of k coordinates, each beside an Ornstein-Uhlenbeck process fitted to the run."""

    frequency: np.ndarray
    """(bands,) float64: mean frequency of a band, in cycles per unit of time."""
    power: np.ndarray
    """(bands,) float64: periodogram of the increments, mean over coordinates and chains; its mean over all frequencies
    is the mean squared increment of a coordinate."""
    power_error: np.ndarray
    """(bands,) float64: one standard error, that of a Gaussian process."""
    power_null: Null
    power_statistic: float
    lag: np.ndarray
    """(lags,) float64: in units of time."""
    correlation: np.ndarray
    """(lags,) float64: autocorrelation, coordinates weighted with their variances."""
    correlation_error: np.ndarray
    """(lags,) float64: one standard error, by jackknife; 0 at lag 0."""
    correlation_null: Null
    correlation_statistic: float
    process: OrnsteinUhlenbeck
    """The fit, in the coordinates."""
    basis: np.ndarray
    """(k, dim) float64: directions of the coordinates in the space of weights."""
    share: float
    """Share of the weights' variance in these coordinates."""
    interval: float
    """Time between two draws."""

    @property
    def power_p_value(self) -> float:
        """Probability of a spectrum as far from the fit, were the run an Ornstein-Uhlenbeck process."""
        return _share_above(self.power_null.statistic, self.power_statistic)

    @property
    def correlation_p_value(self) -> float:
        """Probability of an autocorrelation as far from the fit, were the run an Ornstein-Uhlenbeck process."""
        return _share_above(self.correlation_null.statistic, self.correlation_statistic)

    def to_xarray(self) -> "xarray.Dataset":
        """Dims (frequency), (lag), (surrogate) and (coordinate, weight)."""
        import xarray

        said = {"power": ("frequency", "power of increments", "weight^2"), "correlation": ("lag", "correlation", "1")}
        variables: dict[str, Any] = {}
        for name, (dim, text, units) in said.items():
            null = getattr(self, f"{name}_null")
            variables[name] = (dim, getattr(self, name), {"long_name": text, "units": units})
            errors = {"long_name": f"one standard error of the {text}", "units": units}
            variables[f"{name}_error"] = (dim, getattr(self, f"{name}_error"), errors)
            for part, words in (("mean", "mean"), ("low", "quantile 2.5 %"), ("high", "quantile 97.5 %")):
                described = {"long_name": f"{words} of the {text} of surrogates", "units": units}
                variables[f"{name}_null_{part}"] = (dim, getattr(null, part), described)
            variables[f"{name}_null_statistic"] = ("surrogate", null.statistic, {"units": "1"})
        variables["basis"] = (("coordinate", "weight"), self.basis, {"units": "1"})
        variables["matrix"] = (("coordinate", "other"), self.process.matrix, {"units": "1"})
        kept = ("power_statistic", "power_p_value", "correlation_statistic", "correlation_p_value", "share", "interval")
        coords = {
            "frequency": ("frequency", self.frequency, {"long_name": "frequency", "units": "1 / time"}),
            "lag": ("lag", self.lag, {"long_name": "time between draws", "units": "time"}),
        }
        return xarray.Dataset(variables, coords, {name: getattr(self, name) for name in kept})


def trajectory_spectra(
    x: Any,
    *,
    interval: float = 1.0,
    components: int | None = None,
    coupled: bool = True,
    lags: int | None = None,
    surrogates: int = 199,
    seed: int = 0,
) -> TrajectorySpectra:
    """Spectrum and autocorrelation of a trajectory x, (draws, dim) or (chains, draws, dim), at rest from its start.

    Chains must share one law, and so one well. `interval` is the time between two draws: `thin` in sweeps. `components`
    principal components are looked at; None takes the weights themselves, or the first 12 components of more than 12.
    `coupled` fits one process to all coordinates together, False one to each by itself; only the former is a fit of
    linear drift whose directions are not those of the covariance. Autocorrelations go up to `lags` draws, None for 5
    autocorrelation times. Warns with ConvergenceWarning when chains are shorter than 50 tau_int. Raises ArgumentError
    for arguments out of range.
    """
    found = coordinates(x, components)
    number = isinstance(interval, (int, float, np.number)) and not isinstance(interval, bool)
    if not number or not 0 < interval < np.inf:
        raise ArgumentError(f"interval: got {interval!r}; a finite time above 0 is needed")
    surrogates = positive_integer(surrogates, "surrogates")
    split_seed(seed)
    values = found.values
    chains, draws, _ = values.shape
    lag = _lags(values, lags, whole_sweeps(interval))
    require_memory(8.0 * chains * draws * lag.size, "products of draws at all lags", "ask for fewer lags")
    bands = _bands(draws - 1, chains)
    process = fitted(values, coupled=coupled)
    own = _estimates(values, bands, lag, coupled)
    made = [_estimates(path, bands, lag, coupled) for path in process.surrogates(surrogates, chains, draws, int(seed))]
    power_error = _power_error(own.power, bands, process, chains, draws)
    frequency = np.add.reduceat(_frequencies(draws - 1), bands[:-1]) / np.diff(bands)
    return TrajectorySpectra(
        frequency / interval, own.power, power_error, _null(made, "power"), own.power_distance, lag * float(interval),
        own.correlation, _correlation_error(values, lag), _null(made, "correlation"), own.correlation_distance, process,
        found.basis, found.share, float(interval),
    )  # fmt: skip


class _Estimates(NamedTuple):
    """Of one trajectory, with the distances from the process fitted to it."""

    power: np.ndarray
    correlation: np.ndarray
    power_distance: float
    correlation_distance: float


def _estimates(values: np.ndarray, bands: np.ndarray, lag: np.ndarray, coupled: bool) -> _Estimates:
    process, draws = fitted(values, coupled=coupled), values.shape[1]
    count = np.diff(bands)
    power = np.add.reduceat(_periodogram(values).mean(axis=0), bands[:-1]) / count
    expected = process.increment_power(_frequencies(draws - 1), draws)
    expected = np.add.reduceat(expected, bands[:-1]) / count
    covariance = autocovariance(values).sum(axis=1)
    correlation = covariance[lag] / covariance[0]
    return _Estimates(
        power,
        correlation,
        float((count * (power / expected - 1.0) ** 2).sum()),
        float(((correlation - process.correlation(lag)) ** 2).sum()),
    )


def _periodogram(values: np.ndarray) -> np.ndarray:
    """|sum_k d_k exp(-2 pi i f k)|^2 / n of the increments d, mean over coordinates, (chains, frequencies > 0)."""
    increments = np.diff(values, axis=1)
    transformed = np.fft.rfft(increments, axis=1)[:, 1:]
    return (transformed.real**2 + transformed.imag**2).mean(axis=2) / increments.shape[1]


def _frequencies(count: int) -> np.ndarray:
    """Above 0, in cycles per draw."""
    return np.fft.rfftfreq(count)[1:]


def _bands(count: int, chains: int) -> np.ndarray:
    """Ends of bands of frequencies (bands + 1,): evenly on a logarithmic axis, none with fewer than 8 ordinates."""
    total, least = count // 2, -(-FEWEST_ORDINATES // chains)
    ends = [0]
    for end in np.geomspace(1, total, BANDS + 1)[1:]:
        if end - ends[-1] >= least:
            ends.append(round(float(end)))
    ends[-1] = total
    return np.array(ends)


def _power_error(
    power: np.ndarray, bands: np.ndarray, process: OrnsteinUhlenbeck, chains: int, draws: int
) -> np.ndarray:
    """Of ordinates that are independent, each with the relative variance tr S^2 / (tr S)^2 of the fit's spectrum S(f).

    What the ends of a run add to the periodogram, about |x_n - x_0|^2 / n, all ordinates of low frequency have in
    common. Errors are scaled to the geometric mean of measured and fitted power: in a band of few ordinates the former
    alone would give a small error just where it came out small.
    """
    frequency = _frequencies(draws - 1)
    shape, endless = (process.increment_power(frequency, length) for length in (draws, np.inf))
    at_ends = np.sqrt(2.0) * np.linalg.norm(process.covariance) / np.trace(process.covariance)
    errors = []
    for measured, (begin, end) in zip(power, pairwise(bands), strict=True):
        part, count = slice(begin, end), end - begin
        matrix = process.spectrum(float(frequency[part].mean()))
        apart = np.linalg.norm(shape[part]) * np.linalg.norm(matrix) / np.trace(matrix).real
        together = at_ends * (shape[part] - endless[part]).sum()
        scale = np.sqrt(measured / (shape[part].sum() / count) / chains)
        errors.append(scale * np.hypot(apart, together) / count)
    return np.array(errors)


def _lags(values: np.ndarray, lags: int | None, thin: int) -> np.ndarray:
    """Draws between what is compared: 0, 1, ... thinned out to at most 41 lags, evenly on a logarithmic axis."""
    slowest = integrated_time(values, thin=thin, name="x")
    longest = max(1, values.shape[1] // 4)
    if lags is None:
        lags = min(longest, max(1, int(np.ceil(TIMES * float(np.max(slowest.tau_int))))))
    elif positive_integer(lags, "lags") > longest:
        raise ArgumentError(f"lags: got {lags} of chains of {values.shape[1]} draws; at most {longest} is possible")
    return np.unique(np.concatenate([[0], np.rint(np.geomspace(1, lags, MOST_LAGS)).astype(np.int64)]))


def _correlation_error(values: np.ndarray, lag: np.ndarray) -> np.ndarray:
    kept = values.shape[1] - int(lag[-1])
    products = [np.einsum("cdk,cdk->cd", values[:, :kept], values[:, t : t + kept]) for t in lag]

    def correlation(mean):
        return mean / mean[..., :1]

    return replicates(correlation, np.stack(products, axis=2), vectorized=True).estimate().error


def _null(made: list[_Estimates], name: str) -> Null:
    values = np.array([getattr(one, name) for one in made])
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    return Null(values.mean(axis=0), low, high, np.array([getattr(one, f"{name}_distance") for one in made]))


def _share_above(null: np.ndarray, statistic: float) -> float:
    return float((1 + np.count_nonzero(null >= statistic)) / (1 + null.size))
