"""Figures of "network-noise": spectra, numbers along training, temperature, alignment, beside what was published."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.network_noise_results import drawn
from runs.figures import MARKERS, PAGE_WIDTH, THEORY, Drawing, colours, new_figure, save

if TYPE_CHECKING:
    import xarray

LINES: dict[str, Any] = {"epoch": "-", "without": "-.", "with": "--"}
PALETTE = ("#0072B2", "#56B4E9", "#009E73", "#D55E00", "#E69F00", "#CC79A7", "#000000")
"""Okabe & Ito's colours, for as many step sizes and batches."""
SHOWN = 300
"""Eigenvalues drawn of a spectrum, evenly on the logarithmic axis."""
FLOOR = 1e-12
"""Eigenvalues below this share of the largest are rounding."""


def draw(results: "xarray.Dataset", out: Path) -> list[Drawing]:
    """All figures that the results allow."""
    if "trace" not in results or not _ways(results):
        return []
    return [_spectra(results, out), _along(results, out), _temperature(results, out), _aligned(results, out),
            _beside_published(results, out)]  # fmt: skip


def _ways(results: "xarray.Dataset") -> list[tuple["xarray.Dataset", dict[str, Any]]]:
    """Each way of training that has results, with its look: colour by step size and batch, line by replacement.

    Those that ended above the loss of guessing are none.
    """
    pairs = [(i, j) for i in range(results.sizes["step_size"]) for j in range(results.sizes["batch"])]
    palette = PALETTE if len(pairs) <= len(PALETTE) else colours(len(pairs))
    found = []
    for place, (i, j) in enumerate(pairs):
        for k, kind in enumerate(results["replacement"].values):
            cell = results.isel(step_size=i, batch=j, replacement=k)
            if np.isfinite(cell["trace"]).any() and cell["untrained"] != 1:
                found.append((cell, {"color": palette[place], "linestyle": LINES[str(kind)]}))
    return found


def _keys(figure: Any, results: "xarray.Dataset", marker: str | None = None) -> None:
    """Legend above the panels: colours for step size and batch, lines for replacement."""
    from matplotlib.lines import Line2D

    handles, seen = [], set()
    for cell, look in _ways(results):
        name = rf"$\eta={float(cell['step_size']):g}$, $b={int(cell['batch'])}$"
        if name not in seen:
            seen.add(name)
            handles.append(Line2D([], [], color=look["color"], label=name))
    for kind in results["replacement"].values:
        handles.append(
            Line2D([], [], color="0.3", linestyle=LINES[str(kind)], marker=marker or "", label=drawn(str(kind)))
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def _epochs(ax: Any, results: "xarray.Dataset") -> None:
    """Passes on a logarithmic axis that has a place for 0."""
    from matplotlib.ticker import NullLocator

    epochs = results["epoch"].values
    ax.set_xscale("symlog", linthresh=1.0, linscale=0.5)
    ax.set_xticks(epochs, [str(int(epoch)) for epoch in epochs])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("epochs")


def _about(results: "xarray.Dataset") -> str:
    said = results.attrs
    side = f" averaged to {said['side']} x {said['side']} pixels" if said["side"] else ""
    return (
        f"a fully connected {said['activation']} network, hidden {said['hidden']}, d = {said['dim']} weights, on "
        f"{said['samples']} samples of {said['data_name']}{side}"
    )


def _shared(results: "xarray.Dataset") -> str:
    """What errors do not hold, and what is not drawn."""
    lost = int((results["untrained"] == 1).sum())
    left_out = f" Left out: {lost} ways of training whose loss ends above that of guessing." if lost else ""
    return " Training and test samples, one split, are the same for all seeds." + left_out


def _hardly_trained(results: "xarray.Dataset") -> str:
    """The way of training with the fewest steps, and its loss."""
    cell = min((cell for cell, _ in _ways(results)), key=lambda cell: (-int(cell["batch"]), float(cell["step_size"])))
    b, epochs = int(cell["batch"]), int(cell["epoch"][-1])
    steps = epochs * (int(results.attrs["samples"]) // b)
    return (
        f" At equal epochs large batches take few steps: b = {b} with eta = {float(cell['step_size']):g} takes {steps} "
        f"and ends at a loss of {float(cell['loss'][-1]):.2g} ({results.attrs['chance']:.2g} by guessing)."
    )


def _spectra(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.3, ncols=2, sharey=True)
    first = _ways(results)[0][0]
    epochs = first["epoch"].values
    for place, colour in enumerate(colours(epochs.size)):
        _spectrum(left, first.isel(epoch=place), {"color": colour, "label": f"{int(epochs[place])}"})
    at = rf"$\eta={float(first['step_size']):g}$, $b={int(first['batch'])}$"
    left.set_title(f"(a) along training, {at}", loc="left")
    left.legend(title="epochs", loc="lower left", ncols=2)
    for cell, look in _ways(results):
        _spectrum(right, cell.isel(epoch=-1), look)
    right.set_title(f"(b) after {int(epochs[-1])} epochs, all ways of training", loc="left")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(r"rank $i$ of the eigenvalue")
    left.set_ylabel(r"eigenvalue $\lambda_i$ of $D$")
    _keys(figure, results)
    largest = max(float(np.nanmax(cell["eigenvalue_of_d"].isel(eigenvalue=0))) for cell, _ in _ways(results))
    left.set_ylim(bottom=max(left.get_ylim()[0], 1e-11 * largest))
    caption = (
        f"Eigenvalues of D, the covariance of the gradients of single samples, of {_about(results)}: mean over "
        f"{results.sizes['seed']} seeds. D has at most {results.sizes['eigenvalue']} eigenvalues other than 0. Dots: "
        "where a curve passes lambda_max d eps of float32, the threshold by which arXiv:1710.11029 counts the rank; "
        f"what lies below is not 0. (a) At the least step size and batch, {drawn(str(first['replacement'].item()))}. "
        + _colours_said() + _shared(results)
    )  # fmt: skip
    return save(figure, out, "spectra", caption)


def _colours_said() -> str:
    return (
        "Colours: step size eta and batch size b; lines: how batches are drawn (epochs: a random order of all samples "
        "is cut into batches)."
    )


def _spectrum(ax: Any, cell: "xarray.Dataset", look: dict[str, Any]) -> None:
    values = cell["eigenvalue_of_d"].values
    known = np.flatnonzero(values > FLOOR * values[0]) if np.isfinite(values[0]) else np.array([], int)
    if not known.size:
        return
    shown = np.unique(np.geomspace(1, known[-1] + 1, SHOWN).round().astype(int)) - 1
    (line,) = ax.plot(1 + shown, values[shown], **{"linewidth": 1.0, **look})
    threshold = values[0] * int(cell.attrs["dim"]) * float(np.finfo(np.float32).eps)
    rank = int((values > threshold).sum())
    ax.plot([rank], [values[rank - 1]], marker="o", color=line.get_color(), markersize=3.5, linestyle="none")


PANELS = (
    ("loss", "training loss", True),
    ("training_error", "training error", False),
    ("test_error", "test error", False),
    ("trace", r"$\mathrm{Tr}\,D$", True),
    ("participation_ratio", r"participation ratio of $D$", True),
    ("rank_float32", r"rank of $D$ / $d$ (float32)", True),
)


def _along(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 4.8, nrows=2, ncols=3)
    for letter, ax, (name, label, logarithmic) in zip("abcdef", axes.flat, PANELS, strict=True):
        _curves(ax, results, name, label, letter, logarithmic)
        ax.tick_params(axis="x", labelsize=7)
    _keys(figure, results)
    caption = (
        f"Along the training of {_about(results)}: means over {results.sizes['seed']} seeds, bands one standard error. "
        "(a) Mean loss of the training samples. (b, c) Wrong fractions of the training and of the test samples. (d) "
        "Trace of D: the mean squared distance of a sample's gradient from the mean one. (e) Participation ratio (sum "
        "of eigenvalues)^2 / sum of squares: directions that carry the noise. (f) Share of eigenvalues above "
        "lambda_max d eps of float32, the rank as arXiv:1710.11029 counts it. "
        + _colours_said() + _hardly_trained(results) + _shared(results)
    )  # fmt: skip
    return save(figure, out, "along_training", caption)


def _curves(ax: Any, results: "xarray.Dataset", name: str, label: str, letter: str, logarithmic: bool = False) -> None:
    for cell, look in _ways(results):
        x, y = cell["epoch"].values, cell[name].values
        error = np.nan_to_num(cell[f"{name}_error"].values)
        ax.plot(x, y, marker="o", markersize=2, **look)
        ax.fill_between(x, y - error, y + error, color=look["color"], alpha=0.15, linewidth=0)
    _epochs(ax, results)
    if logarithmic:
        from runs.figures import log_axis

        log_axis(ax)
    ax.set_ylabel(label)
    ax.set_title(f"({letter})", loc="left")


def _temperature(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.0, ncols=2)
    n = int(results.attrs["samples"])
    share = np.linspace(0, 1, 200)
    left.plot(share, np.ones(share.size), **{**THEORY, "linestyle": "--"}, label="with replacement: 1")
    left.plot(share, 1 - share, **{**THEORY, "linestyle": "-"}, label=r"without: $1-b/N$")
    kinds = [str(kind) for kind in results["replacement"].values]
    marks = dict(zip(LINES, MARKERS, strict=False))
    # Points of other step sizes would lie on each other.
    etas = sorted({float(cell["step_size"]) for cell, _ in _ways(results)})
    aside = {eta: 0.012 * (place - 0.5 * (len(etas) - 1)) for place, eta in enumerate(etas)}
    for cell, look in _ways(results):
        eta, b = float(cell["step_size"]), int(cell["batch"])
        kind = str(cell["replacement"].item())
        how = {"color": look["color"], "marker": marks[kind], "linestyle": "none",
               "markerfacecolor": "white" if kind == "with" else look["color"], "markersize": 4.5}  # fmt: skip
        unit = eta / (2 * b)
        x = b / n + aside[eta]
        measured, error = float(cell["measured_temperature"]), float(cell["measured_temperature_error"])
        left.errorbar(x, measured / unit, error / unit, **how)
        over, error_over = (float(cell[f"epoch_temperature{end}"]) for end in ("", "_error"))
        small = {**how, "marker": "x" if kind == "epoch" else "+", "color": look["color"], "markersize": 5}
        left.errorbar(x, over / unit, error_over / unit, **small)
        right.errorbar(unit, measured, error, **how)
    right.set_xscale("log")
    right.set_yscale("log")
    units = [float(cell["step_size"]) / (2 * int(cell["batch"])) for cell, _ in _ways(results)]
    line = np.array([min(units) / 2, max(units) * 2])
    right.plot(line, line, **THEORY, zorder=0, label=r"with replacement: $\eta/(2b)$")
    if set(kinds) - {"with"}:
        _without(right, results, n)
    right.legend(loc="upper left")
    right.set_xlabel(r"$\eta/(2b)$")
    right.set_ylabel(r"covariance of one batch $\times\,\eta/2$", fontsize=8)
    left.set_xlabel(r"$b/N$")
    left.set_ylabel(r"covariance of one batch $\times\,b$", fontsize=8)
    left.set_xlim(-0.03, 1.03)
    left.set_ylim(-0.05, 1.25)
    for mark, said in (("x", "epochs"), ("+", "other ways")):
        if mark == "x" or set(kinds) - {"epoch"}:
            left.plot([], [], mark, color="0.3", markersize=5, label=f"sum over an epoch, {said}")
    left.legend(loc="lower left", bbox_to_anchor=(0.0, 0.04))
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_title(f"({letter})", loc="left")
    _temperature_keys(figure, results, marks, kinds)
    caption = (
        f"Covariance of one batch, Tr Cov(gradient of a batch) / Tr D, measured on batches "
        f"drawn at every snapshot, mean over snapshots and seeds, bars one standard error, of {_about(results)}. (a) "
        "In units of 1 / b, with the laws of arXiv:1710.11029: 1 with replacement, 1 - b / N without (exactly "
        f"(N - b) / (N - 1), which is {n / (n - 1):.6g} times that). The ratio knows b / N alone: points of other step "
        "sizes stand side by side, so that they can be seen. Crosses: the same for the sum of the gradients of an "
        "epoch at fixed weights, over its steps (x: epochs, +: other ways). In epochs successive batches are "
        "anticorrelated, and the sum has no noise at all where every sample comes up: 1 - b / N is then not the "
        "temperature that the trajectory feels. "
        "(b) Times eta / 2, the temperature if batches were independent, against eta / (2 b); solid: 1 - b / N times "
        "that, a line for each batch size over its step sizes. Bars follow from D and from fourth powers of the "
        "gradients, exactly: late in training few samples carry D, and the spread of the batches drawn would be too "
        "small an error." + _shared(results)
    )
    return save(figure, out, "temperature", caption)


def _without(ax: Any, results: "xarray.Dataset", n: int) -> None:
    """What theory says without replacement: a line for each batch size, over its step sizes."""
    etas, batches = results["step_size"].values, sorted({int(cell["batch"]) for cell, _ in _ways(results)})
    look = {**THEORY, "linestyle": "-", "zorder": 0}
    for b in batches:
        line = np.array([etas[0] / 1.5, etas[-1] * 1.5]) / (2 * b)
        if b < n:
            ax.plot(line, (1 - b / n) * line, **look)
    ax.plot([], [], **look, label=r"without: $(1-b/N)\,\eta/(2b)$")


def _temperature_keys(figure: Any, results: "xarray.Dataset", marks: dict[str, str], kinds: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles, seen = [], set()
    for cell, look in _ways(results):
        name = rf"$\eta={float(cell['step_size']):g}$, $b={int(cell['batch'])}$"
        if name not in seen:
            seen.add(name)
            handles.append(Line2D([], [], color=look["color"], marker="o", linestyle="none", label=name))
    handles += [
        Line2D([], [], color="0.3", marker=marks[kind], linestyle="none", label=drawn(kind),
               markerfacecolor="white" if kind == "with" else "0.3")
        for kind in kinds
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def _aligned(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, axes = new_figure(PAGE_WIDTH, 4.8, nrows=2, ncols=2)
    top, dim = int(results.attrs["top"]), int(results.attrs["dim"])
    panels = (
        ("cosine", r"$\mathrm{Tr}(HD)\,/\,|H||D|$", False),
        ("anisotropy", r"$d\,\mathrm{Tr}(HD)\,/\,\mathrm{Tr}H\,\mathrm{Tr}D$", True),
        ("noise_in_top", rf"share of $\mathrm{{Tr}}\,D$ in top {top} of $H$", False),
        ("overlap", rf"overlap of top {top} of $D$ and $H$", False),
    )
    for letter, ax, (name, label, logarithmic) in zip("abcd", axes.flat, panels, strict=True):
        _curves(ax, results, name, label, letter, logarithmic)
        if not logarithmic:
            ax.set_ylim(0, 1.02)
    for ax, said in zip(axes[1], ("isotropic noise", "random directions"), strict=True):
        ax.axhline(top / dim, **{**THEORY, "linestyle": ":"})
        # Below 0, so that the line is not the axis.
        ax.set_ylim(-0.08, 1.02)
        ax.annotate(f"{said}: {top / dim:.2g}", (0.98, 0.02 + top / dim), ha="right", va="bottom", fontsize=7,
                    xycoords=("axes fraction", "data"))  # fmt: skip
    _keys(figure, results)
    caption = (
        f"Alignment of D with the Hessian H along the training of {_about(results)}: means over "
        f"{results.sizes['seed']} seeds, bands one standard error. (a) Cosine of the two matrices. (b) Tr(H D) in "
        "units of isotropic noise of the same trace, which has 1 (arXiv:1803.00195). (c) Share of the noise in the "
        f"directions of the {top} largest eigenvalues of H. (d) Overlap of the directions of the {top} largest "
        "eigenvalues of D and of H, 1 for the same subspace. "
        + _colours_said() + _hardly_trained(results) + _shared(results)
    )  # fmt: skip
    return save(figure, out, "alignment", caption)


def _beside_published(results: "xarray.Dataset", out: Path) -> Drawing:
    figure, (left, right) = new_figure(PAGE_WIDTH, 3.3, ncols=2)
    for cell, look in _ways(results):
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        for ax, y in ((left, cell["spread"].values), (right, 100 * cell["rank_float32"].values)):
            ax.plot(cell["mean"].values, y, linewidth=0.7, **line)
            # Above the stars, which are larger.
            ax.plot(cell["mean"].values[-1:], y[-1:], marker="o", markersize=4, zorder=5, **line)
    for place in range(results.sizes["published"]):
        name = str(results["published_name"].values[place])
        x = float(results["published_mean"][place])
        for ax, of in ((left, "spread"), (right, "rank")):
            height = float(results[f"published_{of}"][place]) * (100 if of == "rank" else 1)
            ax.plot([x], [height], marker="*", color="black", markersize=8, linestyle="none", zorder=4)
            ends = x > 0.05
            ax.annotate(name, (x, height), textcoords="offset points", xytext=(-6 if ends else 6, -3), fontsize=7,
                        ha="right" if ends else "left", zorder=3,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})  # fmt: skip
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel(r"mean eigenvalue of $D$")
    left.set_ylabel(r"standard deviation of the eigenvalues")
    right.set_ylabel(r"rank of $D$ / $d$ (float32), %")
    for letter, ax in zip("ab", (left, right), strict=True):
        ax.set_title(f"({letter})", loc="left")
    _keys(figure, results)
    caption = (
        f"Beside the published figures: (a) mean and standard deviation of all d eigenvalues of D, and (b) the rank by "
        f"float32's threshold, along the training of {_about(results)}, means over seeds; all lines begin in one "
        "point, the untrained network, and end in a dot, the last snapshot. Stars: published for trained networks, "
        "arXiv:1710.11029, section 4.1. Its small-fc is of this kind, with batch normalisation and on all of MNIST, "
        f"where the rank is a matter of the threshold alone; here at most {results.sizes['eigenvalue']} eigenvalues "
        "differ from 0." + _hardly_trained(results) + _shared(results)
    )
    return save(figure, out, "published", caption)
