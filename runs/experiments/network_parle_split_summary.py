"""Numbers of "network-parle-split" in words."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_methods import REPLICATED
from runs.experiments.network_optimizers_summary import (
    CHANCE,
    CHOICE,
    LEVEL,
    NO_ERROR,
    SHARED,
    deviations,
    label,
    percent,
    setting,
    significance,
)
from runs.experiments.network_parle_split_results import DIFFERENCES

if TYPE_CHECKING:
    import xarray

PUBLISHED = (
    "published, All-CNN on CIFAR-10 with 25 % of the data per replica (arXiv:1707.00424, not this experiment, for the "
    "direction only): Parle 6.08 %, Elastic-SGD 6.8 %, SGD on all data 6.15 %"
)


def summary(results: "xarray.Dataset") -> list[str]:
    """Test errors, differences to the first optimiser on all samples and on a part, published numbers."""
    if "final_test_error" not in results:
        return ["no optimiser has been run yet"]
    lines = [
        f"{setting(results)}; {int(results.attrs['replicas'])} replicas; {CHOICE}; {SHARED}",
        f"lower, higher: {CHANCE}, for each comparison by itself over all that are compared with the same); {NO_ERROR}",
        f"not tuned: {results.attrs['constants']}", work(results),
    ]  # fmt: skip
    for fraction in results["fraction"].values:
        for name in results["optimizer"].values:
            here = results.sel(optimizer=name, fraction=fraction)
            if np.isfinite(here["final_test_error"]):
                lines.append(_cell(here))
    lines += [line for name in DIFFERENCES for line in differences(results, name)]
    return [*lines, PUBLISHED, *found(results)]


def work(results: "xarray.Dataset") -> str:
    """How the sample gradients are counted."""
    if results.attrs["counting"] != "total":
        return "each replica takes as many sample gradients as SGD (training.counting = per-replica), as published"
    return (
        f"replicas share the sample gradients of a run: each takes 1 / {int(results.attrs['replicas'])} of SGD's; the "
        "published comparison gives each replica all (training.counting = per-replica)"
    )


def found(results: "xarray.Dataset") -> list[str]:
    """Whether Parle on parts was better than SGD on all samples, as published; nothing where it was not run."""
    if "parle" not in results["optimizer"].values:
        return []
    here = results.sel(optimizer="parle").isel(fraction=slice(0, -1))
    better = (here["difference_to_all"].values < 0) & (here["probability_to_all"].values < LEVEL)
    if not np.isfinite(here["difference_to_all"].values).any():
        return []
    seeds = int(here["pairs_to_all"].max())
    said = "found here at the step sizes chosen" if better.any() else f"not found here with {seeds} seeds"
    return [f"the published direction, Parle on parts better than {label(results['optimizer'].values[0])} on all data: "
            f"{said}"]  # fmt: skip


def called(name: object, fraction: float) -> str:
    """An optimiser and what it sees, in words."""
    return f"{label(name)} on all data" if fraction == 1.0 else f"{label(name)} on {100 * fraction:g} %"


def _cell(here: "xarray.Dataset") -> str:
    each = percent(float(here["replicas_error"]), float(here["replicas_error_error"]))
    alone = here["optimizer"].item() in REPLICATED
    edge = " (first or last tried)" if here["at_edge"] else ""
    lost = f"; {int(here['diverged'])} diverged" if here["diverged"] else ""
    return (
        f"{called(here['optimizer'].item(), float(here['fraction']))}: test error "
        f"{percent(float(here['final_test_error']), float(here['final_test_error_error']))}"
        f"{f', single replicas {each}' if alone else ''}; step size {float(here['step_size']):g}{edge}, "
        f"{int(here['runs'])} seeds{lost}"
    )


def differences(results: "xarray.Dataset", name: str) -> list[str]:
    """A line for each cell, of its difference to what `name` of DIFFERENCES says."""
    names, lines = [str(name) for name in results["optimizer"].values], []
    first = next((n for n in names if n in REPLICATED), names[0]) if name == "replicas" else names[0]
    for fraction in results["fraction"].values:
        for optimizer in names:
            here = results.sel(optimizer=optimizer, fraction=fraction)
            value, error, chance = (
                float(here[text]) for text in (f"difference_to_{name}", f"difference_to_{name}_error",
                                               f"probability_to_{name}")
            )  # fmt: skip
            if not np.isfinite(value):
                continue
            other = called(first, 1.0 if name == "all" else float(fraction))
            verdict = significance(value, chance, float(here[f"pairs_to_{name}"]))
            told = f"{verdict} at the step sizes chosen" if chance < LEVEL else verdict
            lines.append(
                f"{called(optimizer, float(fraction))} minus {other}, seed by seed: {percent(value, error)} "
                f"({deviations(value, error)}, p = {chance:.2g}): {told}"
            )
    return lines
