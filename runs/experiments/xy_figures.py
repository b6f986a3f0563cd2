"""Figures of an XY run, drawn from its results alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmc.statistics.convergence import AGREEMENT
from runs.figures import PAGE_WIDTH, THEORY, Drawing, by_size, log_axis, new_figure, save

if TYPE_CHECKING:
    import xarray

MOST_COLUMNS = 3
PANEL_HEIGHT = 2.15


class Panel(NamedTuple):
    """One quantity against temperature."""

    name: str
    label: str
    log: bool = False


THERMODYNAMICS = (
    Panel("energy_per_site", r"energy per site $\langle E\rangle/NJ$"),
    Panel("specific_heat", r"specific heat per site $C/Nk_B$"),
    Panel("susceptibility", r"susceptibility $J\langle M^2\rangle/NT$", log=True),
    Panel("helicity_modulus", r"helicity modulus $\Upsilon/J$"),
    Panel("magnetization", r"magnetisation $\langle|M|\rangle/N$"),
    Panel("binder_cumulant", r"$U = 1-\langle M^4\rangle/2\langle M^2\rangle^2$"),
    Panel("vortex_density", "vortices per plaquette"),
    Panel("correlation_length", r"correlation length $\xi$ (spacings)", log=True),
)
GLASS = (
    Panel("energy_per_site", r"energy per site $[\langle E\rangle]/NJ$"),
    Panel("specific_heat", r"specific heat per site $[C]/Nk_B$"),
    Panel("helicity_modulus", r"helicity modulus $[\Upsilon]/J$"),
    Panel("current_squared", r"rms current $I_{\rm rms}/J$", log=True),
)
CONVERGENCE = (
    Panel("tau_int_energy", r"$\tau_{\rm int}$ of the energy (sweeps)"),
    Panel("swap_rate", "swap rate with next hotter"),
    Panel("r_hat", r"largest $\hat R$"),
)


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """Every figure that these results allow; the transition first."""
    drawings = []
    if "t_bkt" in results and np.isfinite(results["t_bkt"]):
        from runs.experiments.xy_figure_bkt import draw_transition

        drawings.append(draw_transition(results, out))
    if "t_c" in results:
        from runs.experiments.xy_figure_critical import draw_crossings

        drawings.append(draw_crossings(results, out))
    if results.attrs.get("phase", "none") == "none":
        drawings.append(draw_thermodynamics(results, out))
    else:
        drawings.append(draw_glass(results, out))
    return [*drawings, draw_convergence(results, out)]


def draw_thermodynamics(results: "xarray.Dataset", out: Path) -> Drawing:
    """Energy, specific heat, susceptibility and the rest against temperature."""
    from runs.experiments.xy_overlays import overlays

    panels = [panel for panel in THERMODYNAMICS if panel.name in results]
    figure, axes = _panels(len(panels))
    theory = overlays(results)
    for panel, ax in zip(panels, axes, strict=False):
        plot_panel(ax, results, panel)
        for line in theory.get(panel.name, []):
            ax.plot(line.temperature, line.value, **{**THEORY, **line.style}, label=line.label, zorder=1)
        if theory.get(panel.name):
            _legend_of_theory(ax)
    share_legend(figure, axes, results, len(panels))
    caption = f"{model_name(results)}: thermodynamics against temperature; {errors_said(results)}."
    if theory:
        caption += (
            " Dashed: " + "; ".join(dict.fromkeys(line.said for lines in theory.values() for line in lines)) + "."
        )
    return save(figure, out, "thermodynamics", caption)


def draw_glass(results: "xarray.Dataset", out: Path) -> Drawing:
    """A model with phases: disorder averages where they are random."""
    random = "instances" in results
    panels = [panel for panel in GLASS if panel.name in results]
    figure, axes = _panels(len(panels))
    for panel, ax in zip(panels, axes, strict=False):
        plot_panel(ax, results, panel if random else panel._replace(label=_of_one(panel.label)))
        if panel.name == "helicity_modulus":
            ax.axhline(0.0, color="0.6", linewidth=0.6, zorder=0)
    share_legend(figure, axes, results, len(panels))
    averages = "averages over the disorder, [...]," if random else "thermodynamics"
    caption = f"{model_name(results)}: {averages} against temperature; {errors_said(results)}."
    if "current_squared" in results:
        mean = "the root of [<I>^2], the current that a realisation" if random else "|<I>|, the current that the model"
        caption += f" I_rms is {mean} carries without a twist."
    return save(figure, out, "disorder_averages" if random else "thermodynamics", caption)


def _of_one(label: str) -> str:
    """A label without the brackets of the average over disorder, for there is none."""
    return label.replace("[", "").replace("]", "")


def draw_convergence(results: "xarray.Dataset", out: Path) -> Drawing:
    """How far the numbers can be trusted: autocorrelation, exchange, agreement of chains."""
    panels = [panel for panel in CONVERGENCE if panel.name in results]
    figure, axes = _panels(len(panels))
    for panel, ax in zip(panels, axes, strict=False):
        plot_panel(ax, results, panel)
        if panel.name == "r_hat":
            ax.axhline(AGREEMENT, **THEORY)
            place = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "bottom", "fontsize": 8}
            ax.text(0.97, AGREEMENT, f"{AGREEMENT:g}", **place)
            ax.set_ylim(top=max(ax.get_ylim()[1], 1.0 + 1.15 * (AGREEMENT - 1.0)))
    share_legend(figure, axes, results, len(panels))
    caption = (
        "Convergence: integrated autocorrelation time (1/2 + sum of rho, so thinning sets its floor), exchange of "
        "neighbouring temperatures, and largest rank-normalised split R-hat of energy, |M|^2 and helicity modulus, "
        "which should stay below 1.01."
    )
    return save(figure, out, "convergence", caption)


def plot_panel(ax: Any, results: "xarray.Dataset", panel: Panel) -> None:
    """One quantity with its error bars, a curve for each size."""
    temperature = results["temperature"].values
    value = results[panel.name].values
    error = results[f"{panel.name}_error"].values if f"{panel.name}_error" in results else None
    if panel.name == "current_squared":
        value, error = root(value, error)
    for i, look in _sizes(results):
        there = np.isfinite(value[i]) & ((value[i] > 0) if panel.log else True)
        if there.any():
            bars = None if error is None else error[i][there]
            ax.errorbar(temperature[there], value[i][there], bars, linewidth=0.8, **look)
    if panel.log:
        log_axis(ax)
    ax.set_xlabel(r"temperature $k_BT/J$")
    ax.set_ylabel(panel.label)


def root(value: np.ndarray, error: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Square root with its error; NaN where the value is within two errors of zero or below."""
    positive = value > (0.0 if error is None else 2.0 * error)
    found = np.sqrt(np.where(positive, value, np.nan))
    return found, None if error is None else 0.5 * error / found


def errors_said(results: "xarray.Dataset") -> str:
    """What the error bars are."""
    if "instances" in results:
        count = int(np.nanmin(results["instances"].values))
        if count > 1:
            return f"error bars from the spread of {count} realisations or more"
    return "error bars: one standard error, jackknife over binned data"


def model_name(results: "xarray.Dataset") -> str:
    """The model in words."""
    lattice = str(results.attrs["lattice"]).replace("_", " ")
    if results.attrs.get("phase", "none") != "none":
        return (
            f"XY gauge glass on the {lattice} lattice"
            if results.attrs["phase"] == "uniform"
            else (f"XY model with phases on the {lattice} lattice")
        )
    return f"XY model on the {lattice} {'graph' if lattice in ('complete', 'random regular') else 'lattice'}"


def share_legend(figure: Any, axes: Any, results: "xarray.Dataset", used: int) -> None:
    """One legend of the sizes: in the first free panel, or above all."""
    handles, labels = axes[0].get_legend_handles_labels()
    chosen = [(h, text) for h, text in zip(handles, labels, strict=True) if text.startswith(("$L", "$N"))]
    kept, texts = [h for h, _ in chosen], [text for _, text in chosen]
    if used < len(axes):
        for ax in axes[used:]:
            ax.set_axis_off()
        axes[used].legend(kept, texts, loc="center", title=model_name(results).replace(" on ", "\non "), ncols=1)
    else:
        figure.legend(kept, texts, loc="outside upper center", ncols=len(kept))


def _legend_of_theory(ax: Any) -> None:
    handles, labels = ax.get_legend_handles_labels()
    chosen = [(h, text) for h, text in zip(handles, labels, strict=True) if not text.startswith(("$L", "$N"))]
    if chosen:
        ax.legend([h for h, _ in chosen], [text for _, text in chosen], loc="best")


def _sizes(results: "xarray.Dataset") -> Iterator[tuple[int, dict[str, Any]]]:
    sizes = [int(size) for size in results["size"].values]
    symbol = "N" if results.attrs["lattice"] in ("chain", "ring", "complete", "random_regular") else "L"
    for i, (size, look) in enumerate(by_size(sizes).items()):
        yield i, {**look, "label": f"${symbol} = {size}$"}


def _panels(count: int) -> tuple[Any, Any]:
    columns = 2 if count == 4 else min(count, MOST_COLUMNS)
    rows = -(-count // columns)
    figure, axes = new_figure(PAGE_WIDTH, 0.25 + PANEL_HEIGHT * rows, nrows=rows, ncols=columns, squeeze=False)
    return figure, axes.reshape(-1)
