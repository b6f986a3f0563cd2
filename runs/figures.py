"""How every figure looks and is saved: one style, one colour per size, PNG and PDF side by side."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMN_WIDTH = 3.4
"""Inches: one column of a two-column journal page."""

PAGE_WIDTH = 7.0
"""Inches: both columns."""

PNG_DOTS_PER_INCH = 200

STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.family": "serif",
    # STIX comes with matplotlib: the same letters on every machine, in text and formulas.
    "font.serif": ["STIXGeneral"],
    "font.size": 9,
    "mathtext.fontset": "stix",
    "axes.titlesize": 9,
    "axes.labelsize": 10,
    "axes.linewidth": 0.7,
    "axes.grid": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 1.4,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.2,
    "errorbar.capsize": 1.5,
    # Type 42 keeps the text of a PDF selectable and is what journals ask for.
    "pdf.fonttype": 42,
    "savefig.bbox": "standard",
}

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

THEORY = {"color": "0.25", "linestyle": "--", "linewidth": 1.0}
"""Line style of an exact or published result laid over the data."""


class Drawing(NamedTuple):
    """One figure on disk, and what the report says under it."""

    png: Path
    pdf: Path
    caption: str


@contextlib.contextmanager
def style() -> Iterator[None]:
    """The publication style, on a backend that needs no display."""
    import matplotlib

    settings: Any = {**STYLE, "backend": "agg"}
    with matplotlib.rc_context(settings):
        yield


def new_figure(width: float = COLUMN_WIDTH, height: float | None = None, **subplots: Any) -> tuple[Any, Any]:
    """A figure and its axes as `plt.subplots` gives them, in inches, outside pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height if height is not None else 0.75 * width))
    return figure, figure.subplots(**subplots)


def colours(count: int) -> list[Any]:
    """Colours of an ordered family of curves, dark to light; their order survives colour blindness and print."""
    import matplotlib

    palette = matplotlib.colormaps["viridis"]
    return [palette(0.82 * i / max(count - 1, 1)) for i in range(count)]


def by_size(sizes: Sequence[int], symbol: str = "L") -> dict[int, dict[str, Any]]:
    """Keyword arguments of `errorbar` for each size: its colour, marker and label, which calls it `symbol`."""
    palette = colours(len(sizes))
    return {
        int(size): {"color": palette[i], "marker": MARKERS[i % len(MARKERS)], "label": f"${symbol} = {int(size)}$"}
        for i, size in enumerate(sizes)
    }


def log_axis(ax: Any) -> None:
    """Logarithmic ordinate; below two decades its ticks are labelled 1, 2, 5 and in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if high < 100.0 * low:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def save(figure: "Figure", out: Path, name: str, caption: str) -> Drawing:
    """Write `<out>/<name>.png` and `.pdf`. Raises StoreError when the folder cannot be written."""
    from mcmc.errors import StoreError

    drawing = Drawing(out / f"{name}.png", out / f"{name}.pdf", caption)
    try:
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(drawing.png, dpi=PNG_DOTS_PER_INCH)
        # No creation date: the same numbers give the same bytes.
        figure.savefig(drawing.pdf, metadata={"CreationDate": None})
    except OSError as error:
        raise StoreError(f"{out}: the figure {name} cannot be written: {error.strerror or error}") from error
    return drawing
