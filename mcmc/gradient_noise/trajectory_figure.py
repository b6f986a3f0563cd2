"""Pictures of trajectories: spectrum and autocorrelation beside their null, and the test for circulation."""

from typing import Any

from mcmc.errors import ArgumentError
from mcmc.gradient_noise.circulation_matrix import Circulation
from mcmc.gradient_noise.spectra_of_increments import TrajectorySpectra

NULL = {"color": "0.55"}
MEASURED = {"color": "C0", "fmt": "o", "ms": 3.5, "lw": 0.9, "capsize": 2, "zorder": 3}


def plot_spectra(spectra: TrajectorySpectra, *, axes: Any = None) -> Any:
    """Draw power of increments over frequency, and autocorrelation over time; returns the two matplotlib axes.

    Bars are one standard error; the line and the grey band are mean and central 95 % of the Ornstein-Uhlenbeck
    surrogates. `axes` are two axes to draw in, new ones when None. Raises ArgumentError for anything else.
    """
    if not isinstance(spectra, TrajectorySpectra):
        raise ArgumentError(f"spectra: got {type(spectra).__name__}; what `trajectory_spectra` returns is needed")
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained")[1]
    first, second = axes
    power, correlation = spectra.power_null, spectra.correlation_null
    _draw(first, spectra.frequency, spectra.power, spectra.power_error, power, spectra.power_p_value)
    _draw(second, spectra.lag, spectra.correlation, spectra.correlation_error, correlation, spectra.correlation_p_value)
    first.set(
        xscale="log",
        yscale="log",
        xlabel="frequency (cycles per unit of time)",
        ylabel="power of increments per weight",
    )
    second.set_xscale("symlog", linthresh=spectra.lag[1])
    second.set(xlabel="time between draws", ylabel="autocorrelation of the weights")
    return axes


def plot_circulation(found: Circulation, *, ax: Any = None) -> Any:
    """Draw the statistic among those of detailed balance; returns the matplotlib axes.

    `ax` is the axes to draw in, a new figure when None. Raises ArgumentError for anything else than a Circulation.
    """
    if not isinstance(found, Circulation):
        raise ArgumentError(f"found: got {type(found).__name__}; what `circulation` returns is needed")
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(5.4, 3.8), layout="constrained")[1]
    ax.hist(found.null, bins="auto", density=True, label=f"detailed balance ({found.method})", **NULL)
    ax.axvline(found.statistic, color="C3", label=f"this run, p = {found.p_value:.2g}")
    ax.set(xlabel="circulation in units of its error", ylabel="density")
    ax.legend(frameon=False, fontsize="small")
    return ax


def _draw(ax, x, y, error, null, p_value):
    ax.fill_between(x, null.low, null.high, alpha=0.3, lw=0, **NULL)
    ax.plot(x, null.mean, lw=1.0, label="fitted Ornstein-Uhlenbeck process", **NULL)
    ax.errorbar(x, y, error, label=f"run, p = {p_value:.2g}", **MEASURED)
    ax.legend(frameon=False, fontsize="small")
