"""Figures of "network-trajectories": spectrum and memory beside fitted processes; what turns, beside theory."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_trajectories_summary import SAID
from runs.figures import PAGE_WIDTH, THEORY, Drawing, new_figure, save

if TYPE_CHECKING:
    import xarray

LOOK = {"with": ("#D55E00", "o"), "epoch": ("#0072B2", "s"), "isotropic": ("#009E73", "^")}
"""Colour and marker of each noise."""
TITLES = {"with": "SGD, with replacement", "epoch": "SGD, each once an epoch", "isotropic": "Langevin, isotropic"}
NULL = "0.55"


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Two figures."""
    return [_spectra(results, out), _circulation(results, out)]


def _spectra(results: "xarray.Dataset", out: Path) -> Drawing:
    noises = [str(noise) for noise in results["noise"].values]
    figure, axes = new_figure(PAGE_WIDTH, 4.8, nrows=2, ncols=len(noises), squeeze=False)
    batch = results.attrs["spectra_batch"]
    for column, noise in enumerate(noises):
        at = results.sel(noise=noise).isel(seed=0)
        for row, (name, x) in enumerate((("power", "frequency"), ("correlation", "lag"))):
            _beside_null(axes[row, column], at, name, x, LOOK[noise])
            letter = "abcdef"[row * len(noises) + column]
            axes[row, column].set_title(f"({letter}) {TITLES[noise]}" if row == 0 else f"({letter})", loc="left")
        axes[0, column].set(xscale="log", yscale="log", xlabel="frequency (1 / epoch)")
        axes[1, column].set_xscale("symlog", linthresh=1)
        axes[1, column].set(xlabel="time between records (epochs)", xlim=(0, None))
        axes[1, column].axhline(0.0, color="0.8", linewidth=0.6, zorder=0)
    axes[0, 0].set_ylabel("power of increments")
    axes[1, 0].set_ylabel("autocorrelation of weights")
    caption = (
        f"One run of each kind around the same minimum, batches of {batch}, a record an epoch, in the planes that turn "
        "fastest. Top: power spectrum of the increments x(k+1) - x(k), mean over coordinates. Bottom: autocorrelation "
        "of the weights. Bars are one standard error; grey line and band: mean and central 95 % of Ornstein-Uhlenbeck "
        "processes fitted to the run; p: probability of a spectrum, or memory, as far from such a process. Dotted: "
        "white noise of the same power, which is no null for increments."
    )
    return save(figure, out, "spectra", caption)


def _beside_null(ax: Any, at: "xarray.Dataset", name: str, x: str, look: tuple[str, str]) -> None:
    place, colour = at[x].values, look[0]
    ax.fill_between(place, at[f"{name}_low"], at[f"{name}_high"], color=NULL, alpha=0.35, linewidth=0)
    ax.plot(place, at[f"{name}_null"], color=NULL, label="fitted process")
    ax.errorbar(
        place, at[name], at[f"{name}_error"], fmt=look[1], color=colour, markersize=2.4, linewidth=0.7,
        label=f"run, p = {float(at[f'{name}_p_value']):.2g}",
    )  # fmt: skip
    if name == "power":
        # Ordinates are as many as frequencies up to one half: bands weigh by their width.
        width = np.gradient(place)
        ax.axhline(float((at[name].values * width).sum() / width.sum()), color="k", linestyle=":", linewidth=0.8)
    ax.legend(loc="lower right" if name == "power" else "upper right", fontsize=7)


def _circulation(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 2.9, ncols=3)
    _swept(axes[0], results)
    _turning(axes[1], results)
    _p_values(axes[2], results)
    for letter, ax in zip("abc", axes, strict=True):
        ax.set_title(f"({letter})", loc="left")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(handles))
    batch = results["batch"].values[-1]
    caption = (
        f"(a) Area swept so far in the plane that turns fastest, one line a run, batches of {batch}, over what Hessian "
        "and D at the minimum sweep in 1000 epochs (with isotropic noise: over what SGD with replacement would); "
        "dashed: that theory. (b) Circulation in all planes over theory's against the temperature of the noise, mean "
        "over runs with one standard error; dashed: theory, for SGD 1 in the limit of cold noise, for isotropic noise "
        "0. Open symbol: extrapolated. Where each sample comes once an epoch noise cancels in the lowest order, and "
        "what theory leaves out is of the order of what is left. (c) Probability in detailed balance of what turns, by "
        "reversing blocks of each run in time, one point a run; 1/1000 is the least that 999 reversals can give."
    )
    return save(figure, out, "circulation", caption)


def _swept(ax: Any, results: "xarray.Dataset") -> None:
    batch = results["batch"].values[-1]
    for noise in results["noise"].values:
        for curve in results["swept"].sel(noise=noise, batch=batch).values:
            ax.plot(results["moment"] / 1000, curve / 1000, color=LOOK[str(noise)][0], linewidth=0.7)
    last = float(results["moment"][-1]) / 1000
    ax.plot([0, last], [0, last], **THEORY)
    ax.set(xlabel="time (1000 epochs)", ylabel="area swept / theory's in 1000 epochs")


def _turning(ax: Any, results: "xarray.Dataset") -> None:
    temperature = results.attrs["step_size"] / (2.0 * results["batch"].values)
    for level in (0.0, 1.0):
        ax.axhline(level, **THEORY)
    for noise in results["noise"].values:
        at, (colour, marker) = results.sel(noise=noise), LOOK[str(noise)]
        ax.errorbar(temperature, at["turning"], at["turning_error"], fmt=marker, color=colour, label=SAID[str(noise)])
        if noise == "with" and "cold_turning" in results:
            ax.errorbar(
                [0.0], [float(at["cold_turning"])], [float(at["cold_turning_error"])], fmt=marker, color=colour,
                fillstyle="none",
            )  # fmt: skip
    ax.set(xlabel=r"temperature $\eta / 2b$", ylabel="circulation / theory's")
    ax.margins(x=0.12, y=0.12)


def _p_values(ax: Any, results: "xarray.Dataset") -> None:
    batches = results["batch"].values
    offsets = np.linspace(-0.25, 0.25, results.sizes["noise"])
    for offset, noise in zip(offsets, results["noise"].values, strict=True):
        colour, marker = LOOK[str(noise)]
        found = results["seed_p_value"].sel(noise=noise).transpose("batch", "seed").values
        place = np.repeat(np.arange(len(batches))[:, None] + offset, found.shape[1], axis=1)
        # Runs with the same p stand side by side.
        place = place + np.linspace(-0.06, 0.06, found.shape[1])
        ax.plot(place.ravel(), found.ravel(), marker, color=colour, linestyle="none", fillstyle="none")
    ax.set_xticks(np.arange(len(batches)), [str(batch) for batch in batches])
    ax.tick_params(axis="x", which="minor", bottom=False, top=False)
    ax.set(yscale="log", xlabel="batch size $b$", ylabel="$p$ of detailed balance", xlim=(-0.5, len(batches) - 0.5))
