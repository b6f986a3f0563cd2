"""What figures of the perceptron experiments call the model and its solvers, and how each solver looks."""

from typing import TYPE_CHECKING, Any

from perceptron.solvers import METHODS

if TYPE_CHECKING:
    import xarray

ALPHA = r"patterns per weight $\alpha=P/N$"

LABELS = {
    "reinforced_bp": "reinforced BP",
    "focusing_bp": "focusing BP",
    "max_sum": "max-sum",
    "sbpi": "SBPI",
    "cpr": "CP+R",
    "annealing": "annealing",
    "replicated_annealing": "replicated annealing",
    "entropy_driven": "entropy-driven MC",
    "replicated_sgd": "replicated SGD",
    "sgd": "perceptron SGD",
}

_COLOURS = (
    *("#000000", "#009E73", "#CC79A7", "#E69F00", "#8C564B"),
    *("#D55E00", "#0072B2", "#56B4E9", "#7F7F7F", "#9A9A00"),
)
_MARKERS = ("o", "s", "^", "D", "v", "s", "o", "<", ">", "p")


def looks(method: str) -> dict[str, Any]:
    """Keyword arguments of `errorbar` for a method, the same in every figure; the colour-blind can tell them apart."""
    place = list(METHODS).index(method) if method in METHODS else 0
    return {"color": _COLOURS[place], "marker": _MARKERS[place], "label": LABELS.get(method, method)}


def model_name(results: "xarray.Dataset") -> str:
    """The model of a results file, for captions."""
    labels = "planted" if results.attrs["planted"] else "random"
    entries = "Gaussian" if results.attrs["patterns_kind"] == "gaussian" else "±1"
    margin = float(results.attrs["margin"])
    return f"the binary perceptron ({entries} patterns, {labels} labels{f', margin {margin:g}' if margin else ''})"


def instances_said(results: "xarray.Dataset") -> str:
    """`20`, or `20 to 50`: instances of each point."""
    few, many = int(results["instances"].min()), int(results["instances"].max())
    return f"{few}" if few == many else f"{few} to {many}"
