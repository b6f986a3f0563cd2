"""What figures and summaries call the sources of references, and how each looks."""

from typing import Any

from runs.experiments.perceptron_labels import LABELS, looks

SAID = {"enumerated": "uniformly drawn", "sampled": "equilibrium sample", "planted": "planted teacher"}

_LOOKS: dict[str, dict[str, Any]] = {
    "enumerated": {"color": "#A51C30", "marker": "*"},
    "sampled": {"color": "#E377C2", "marker": "X"},
    "planted": {"color": "#6A3D9A", "marker": "P"},
}


def label(source: str) -> str:
    """The name of a source, in words."""
    return SAID.get(str(source)) or LABELS.get(str(source), str(source))


def look(source: str) -> dict[str, Any]:
    """Keyword arguments of `errorbar` for a source, the same in every figure."""
    if source in _LOOKS:
        return {**_LOOKS[source], "label": SAID[source]}
    return looks(source)
