"""Headline numbers of "perceptron-to-network" in words."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.perceptron_labels import LABELS
from runs.experiments.perceptron_to_network_figures import shown
from runs.tables import with_error
from runs.verdict import Verdict

if TYPE_CHECKING:
    import xarray

CLAIM = "claim: wider means fewer test errors"


def summary(results: "xarray.Dataset") -> list[str]:
    """Means of each source and of each way to train, and rank correlations."""
    return [*_solutions(results), *_networks(results)]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """The claim on solutions, on networks by either width and from each start; annealing ends in typical solutions."""
    found = []
    if "solution_correlation" in results:
        cells = results.isel(distance=shown(results, "distance"))
        for i in range(results.sizes["alpha"]):
            at = cells.isel(alpha=i)
            where = f"alpha = {float(at['alpha']):g}"
            found += _claimed(at, "solution_correlation", f"S and test error, solutions, {where}")
            found += _typical(at, where)
    if "network_correlation" in results:
        found += _claimed_of_networks(results.isel(displacement=shown(results, "displacement")))
    return found


def _claimed(at: "xarray.Dataset", name: str, said: str) -> list[Verdict]:
    """A rank correlation beside the claim, whatever its sign."""
    value, error = float(at[name]), float(at[f"{name}_error"])
    return [Verdict(f"rank correlation of {said}", value, error, 0.0, CLAIM, "below")] * bool(np.isfinite(value))


def _claimed_of_networks(at: "xarray.Dataset") -> list[Verdict]:
    found = []
    for name, width in _widths(at).items():
        said = f"{width} and test error, networks"
        for i, wrong in enumerate(at["wrong"].values):
            found += _claimed(at.isel(wrong=i), f"{name}_correlation", f"{said} {_start(float(wrong))}")
        if at.sizes["wrong"] > 1:
            found += _claimed(at, f"{name}_correlation_all", f"{said} from all starts")
    return found


def _widths(at: "xarray.Dataset") -> dict[str, str]:
    """The two ways to choose how far to look around a network."""
    share, scale = float(at["displacement"]), float(at.attrs["scale"])
    return {"network": f"local entropy at {share:g} |x|", "fixed": f"local entropy at t = {scale:g} for all"}


def _typical(at: "xarray.Dataset", where: str) -> list[Verdict]:
    if "annealing" not in at["source"].values or not at.sel(source="annealing")["solved"] > 1:
        return []
    ends, source = at.sel(source="annealing"), "exact at large N: replica theory of typical solutions"
    value, error = float(ends["test_error"]), float(ends["test_error_error"])
    return [Verdict(f"test error of annealing, {where}", value, error, float(at["typical_test_error"]), source)]


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
            f"correlation of S and test error between solvers on one instance {_said(cells, 'solution_correlation')}, "
            f"within a solver over instances {_said(cells, 'solution_correlation_within')}"
        )
    return lines


def _networks(results: "xarray.Dataset") -> list[str]:
    if "mean_entropy" not in results:
        return []
    k, lines = shown(results, "displacement"), []
    for i, j in np.ndindex(results.sizes["wrong"], results.sizes["recipe"]):
        at = results.isel(wrong=i, recipe=j, displacement=k)
        if at["trained"] > 1:
            lines.append(
                f"networks {_start(float(at['wrong']))}, {at['recipe'].item()} ({int(at['trained'])}): local entropy "
                f"{_said(at, 'mean_entropy')} nats per weight, test error {_said(at, 'mean_test_error')}, trace of the "
                f"Hessian {_said(at, 'mean_hessian_trace')}, |x| {_said(at, 'mean_length')}, training loss "
                f"{_said(at, 'mean_training_loss')}"
            )
    at = results.isel(displacement=k)
    ratio = at["network_laplace"].values / at["network_entropy"].values
    if np.isfinite(ratio).any():
        lines.append(
            f"Laplace over integration at a displacement of {float(at['displacement']):g}: {np.nanmin(ratio):.3g} to "
            f"{np.nanmax(ratio):.3g} of {int(np.isfinite(ratio).sum())} networks; largest relative error of "
            f"integration {np.nanmax(np.abs(at['network_own_error'].values / at['network_entropy'].values)):.2g}"
        )
    return [*lines, *_network_correlations(at)]


def _network_correlations(at: "xarray.Dataset") -> list[str]:
    """By start, and between starts, where weights differ in length: measures of width then disagree."""
    names = {**_widths(at), "trace": "minus the trace of the Hessian"}
    lines = []
    for i in range(at.sizes["wrong"]):
        cells = at.isel(wrong=i)
        said = ", ".join(f"{text} {_said(cells, f'{name}_correlation')}" for name, text in names.items())
        lines.append(f"networks {_start(float(cells['wrong']))}, rank correlation with test error: {said}")
    said = ", ".join(f"{text} {_said(at, f'{name}_correlation_all')}" for name, text in names.items())
    return [*lines, f"networks, between all starts and recipes: {said}", _length(at)]


def _length(at: "xarray.Dataset") -> str:
    """What the length of the weights alone says of test errors: a share of it knows that too."""
    starts = [at.isel(wrong=i) for i in range(at.sizes["wrong"])]
    said = ", ".join(f"{_said(cells, 'length_correlation')} {_start(float(cells['wrong']))}" for cells in starts)
    return (
        f"networks, minus the length |x| of the weights alone: rank correlation with test error "
        f"{_said(at, 'length_correlation_all')} between all starts and recipes ({said}); a width at a share of |x| has "
        "the length in it, and between starts the two are not told apart"
    )


def _start(wrong: float) -> str:
    return f"after {100 * wrong:g} % wrong labels" if wrong > 0 else "from fresh weights"


def _said(cells: "xarray.Dataset", name: str) -> str:
    value, error = float(cells[name]), float(cells[f"{name}_error"])
    if np.isfinite(value) and not np.isfinite(error):
        return f"{value:.4g} (no error bar)"
    return with_error(value, error) if error > 0 else f"{value:.4g}"
