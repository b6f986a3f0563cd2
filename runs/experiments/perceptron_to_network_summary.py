"""Headline numbers of "perceptron-to-network" in words."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.perceptron_labels import LABELS
from runs.experiments.perceptron_to_network_figures import shown
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray


def summary(results: "xarray.Dataset") -> list[str]:
    """Means of each source and of each way to train, and rank correlations."""
    return [*_solutions(results), *_networks(results)]


def _solutions(results: "xarray.Dataset") -> list[str]:
    if "entropy" not in results:
        return []
    k, lines = shown(results, "distance"), []
    d = float(results["distance"][k])
    for i in range(results.sizes["alpha"]):
        cells = results.isel(alpha=i, distance=k)
        for name in results["source"].values:
            at = cells.sel(source=name)
            if at["solved"] == 0:
                lines.append(
                    f"alpha = {float(cells['alpha']):g}, {LABELS.get(str(name), str(name))}: no solution of "
                    f"{results.sizes['instance']} instances"
                )
            if at["solved"] > 1:
                lines.append(
                    f"alpha = {float(cells['alpha']):g}, {LABELS.get(str(name), str(name))} ({int(at['solved'])}): "
                    f"S({d:.2g}) = {_said(at, 'entropy')} nats per weight, test error {_said(at, 'test_error')}"
                )
        lines.append(
            f"alpha = {float(cells['alpha']):g}, typical solutions in theory: S({d:.2g}) = "
            f"{float(cells['typical_entropy']):.4f}, test error {float(cells['typical_test_error']):.4f}; rank "
            f"correlation of S and test error over solutions of one instance: {_said(cells, 'solution_correlation')}"
        )
    return lines


def _networks(results: "xarray.Dataset") -> list[str]:
    if "mean_entropy" not in results:
        return []
    k, lines = shown(results, "displacement"), []
    for i, j in np.ndindex(results.sizes["wrong"], results.sizes["recipe"]):
        at = results.isel(wrong=i, recipe=j, displacement=k)
        if at["trained"] > 1:
            start = f"after {100 * float(at['wrong']):g} % wrong labels" if at["wrong"] > 0 else "from fresh weights"
            lines.append(
                f"networks {start}, {at['recipe'].item()} ({int(at['trained'])}): local entropy "
                f"{_said(at, 'mean_entropy')} nats per weight, test error {_said(at, 'mean_test_error')}, "
                f"trace of the Hessian {_said(at, 'mean_hessian_trace')}"
            )
    at = results.isel(displacement=k)
    ratio = at["network_laplace"].values / at["network_entropy"].values
    if np.isfinite(ratio).any():
        lines.append(
            f"Laplace over integration at a displacement of {float(at['displacement']):g}: {np.nanmin(ratio):.3g} to "
            f"{np.nanmax(ratio):.3g} of {int(np.isfinite(ratio).sum())} networks; largest relative error of "
            f"integration {np.nanmax(np.abs(at['network_own_error'].values / at['network_entropy'].values)):.2g}"
        )
    for name, said in (("same_start", "from the same start"), ("all", "from all starts")):
        lines.append(
            f"networks, rank correlation with test error {said}: local entropy "
            f"{_said(at, f'network_correlation_{name}')}, minus the trace of the Hessian "
            f"{_said(at, f'trace_correlation_{name}')}"
        )
    return lines


def _said(cells: "xarray.Dataset", name: str) -> str:
    value, error = float(cells[name]), float(cells[f"{name}_error"])
    return with_error(value, error) if np.isfinite(error) and error > 0 else f"{value:.4g}"
