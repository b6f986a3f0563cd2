"""The figure of a continuous transition: dimensionless ratios of several sizes that cross at T_c."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.landscapes.xy import theory
from runs.experiments.xy_figures import model_name
from runs.figures import PAGE_WIDTH, Drawing, by_size, new_figure, save
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

OURS = "#c03a2b"


def draw_crossings(results: "xarray.Dataset", out: Path) -> Drawing:
    """Binder cumulant, correlation length over L and helicity modulus times L over T, each against temperature."""
    figure, axes = new_figure(PAGE_WIDTH, 2.55, ncols=3)
    size = results["size"].values[:, None].astype(np.float64)
    temperature = results["temperature"].values
    value = {name: results[name].values for name in ("binder_cumulant", "correlation_length", "helicity_modulus")}
    error = {name: results[f"{name}_error"].values for name in value}
    scale = {"binder_cumulant": 1.0, "correlation_length": 1.0 / size, "helicity_modulus": size / temperature}
    labels = {
        "binder_cumulant": r"$U = 1-\langle M^4\rangle/2\langle M^2\rangle^2$",
        "correlation_length": r"correlation length $\xi/L$",
        "helicity_modulus": r"helicity modulus $\Upsilon L/k_BT$",
    }
    for letter, ax, name in zip("abc", axes, labels, strict=True):
        _mark(ax, results)
        for i, (_, look) in enumerate(by_size(results["size"].values.tolist()).items()):
            y, bar = (value[name] * scale[name])[i], (error[name] * scale[name])[i]
            ax.errorbar(temperature, y, bar, linewidth=0.8, **look)
        ax.set_xlabel(r"temperature $k_BT/J$")
        ax.set_ylabel(labels[name])
        ax.text(0.04, 0.05, f"({letter})", transform=ax.transAxes)
    handles, texts = axes[0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside upper center", ncols=len(handles))
    caption = (
        f"{model_name(results)}: the continuous transition. Curves of all sizes cross at T_c: (a) Binder cumulant, (b) "
        "second-moment correlation length over L, (c) helicity modulus times L over T. Error bars: one standard error, "
        f"jackknife. Red: T_c = {with_error(float(results['t_c']), float(results['t_c_error']))} from the crossings of "
        f"the two largest sizes. Grey: published 1/beta_c = {1.0 / theory.CUBIC_BETA_C:.5f} J/k_B."
    )
    return save(figure, out, "transition", caption)


def _mark(ax: Any, results: "xarray.Dataset") -> None:
    coupling = float(results.attrs["coupling"])
    middle, error = float(results["t_c"]), float(results["t_c_error"])
    ax.axvspan(middle - error, middle + error, color=OURS, alpha=0.25, linewidth=0, zorder=0)
    ax.axvline(middle, color=OURS, linewidth=0.8, zorder=0, label=r"$T_c$")
    ax.axvline(coupling / theory.CUBIC_BETA_C, color="0.5", linewidth=0.8, linestyle="--", zorder=0, label="published")
