"""Numbers of "network-optimizers" in words: ends, paired differences and whether chance explains them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_methods import METHODS
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LEVEL = 0.05
"""Probability by chance, corrected for the number of optimisers, below which a difference is called one."""

WITHIN = "within the spread over step sizes"
"""Beyond chance at the step sizes chosen, but undone at neighbours of them, or not tried there."""

COMPARED = (
    ("test error", "final_test_error", 100.0, " %"),
    ("test error at equal training loss", "matched_test_error", 100.0, " %"),
    ("local entropy u - f at equal training loss (lower is wider)", "matched_entropy", 1.0, ""),
)
"""What differences are told of: words, variable, factor and unit."""

CHOICE = "at the step size chosen; its choice is not in the error bars"
SHARED = "all seeds share the training and test samples, whose choice is not in the errors either"
HOW_INTEGRATED = "integration (reweighted draws of the local Gaussian, chains where these do not do)"


def summary(results: "xarray.Dataset") -> list[str]:
    """A line for each optimiser, its differences to the first, and a verdict for each quantity."""
    if "final_test_error" not in results:
        return ["no optimiser has been run yet"]
    at = shown(results)
    lines = [
        f"{setting(results)}; {CHOICE}; {SHARED}",
        f"u - f: local entropy, {how(at)}",
        f"not tuned: {results.attrs['constants']}",
    ]
    for name in at["optimizer"].values:
        here = at.sel(optimizer=name)
        if np.isfinite(here["final_test_error"]):
            lines.append(_end(here))
    return [*lines, *_warned(results), *_beside(at), *_differences(at), *verdicts(at)]


def _warned(results: "xarray.Dataset") -> list[str]:
    """Runs whose estimators of local entropy warned."""
    lines = []
    for (i, j, k), count in np.ndenumerate(results["warned"].transpose("optimizer", "estimator", "scale").values):
        if count > 0:
            name, estimator = results["optimizer"].values[i], results["estimator"].values[j]
            runs = int(results["runs"].values[i])
            lines.append(f"{label(name)}: {estimator} at t = {results['scale'].values[k]:g} warned in {int(count)} of "
                         f"{runs} runs")  # fmt: skip
    return lines


def _beside(at: "xarray.Dataset") -> list[str]:
    """Widths and test errors at the step sizes next to the chosen ones."""
    lines = []
    for name in at["optimizer"].values:
        here = at.sel(optimizer=name)
        parts = []
        for k in np.flatnonzero(np.isfinite(here["near_matched_entropy"].values)):
            width, error = (float(here[f"near_matched_entropy{part}"].values[k]) for part in ("", "_error"))
            tested = percent(*(float(here[f"near_final_test_error{part}"].values[k]) for part in ("", "_error")))
            chosen = " (chosen)" if here["near"].values[k] == "chosen" else ""
            parts.append(f"{float(here['near_step_size'].values[k]):g}{chosen} {with_error(width, error)}, {tested}")
        if len(parts) > 1:
            loss = at.attrs["matched_loss"]
            lines.append(f"{label(name)}, u - f at f = {loss:g} and test error at step size {'; '.join(parts)}")
    return lines


def shown(results: "xarray.Dataset") -> "xarray.Dataset":
    """Results at the scale t that tables show, local entropies by integration where seeds enough have them."""
    scale = results["scale"].values
    place = int(np.argmin(np.abs(np.log(scale / results.attrs["shown"]))))
    known = results["known"].sel(estimator="integration").isel(scale=place)
    enough = bool(((known >= 2) | np.isnan(known)).all() and (known >= 2).any())
    return results.sel(estimator="integration" if enough else "laplace").isel(scale=place)


def how(at: "xarray.Dataset") -> str:
    """The local entropy that is shown, in words."""
    by = HOW_INTEGRATED if at["estimator"].item() == "integration" else "Laplace"
    return f"t = {float(at['scale']):g}, beta = {at.attrs['beta']:g}, by {by}"


def setting(results: "xarray.Dataset") -> str:
    """What was compared, in one line."""
    a = results.attrs
    shared = "replicas together" if a["counting"] == "total" else "each replica"
    noisy = f", {100 * a['label_noise']:g} % of training labels wrong" if a["label_noise"] else ""
    return (
        f"{a['data']}, {a['training_samples']} training samples{noisy}, {a['test_samples']} for testing, "
        f"{a['weights']} weights; {a['epochs']:g} x {a['training_samples']} sample gradients a run ({shared}), "
        f"batches of {a['batch']}"
    )


def label(name: object) -> str:
    """What a method is called in print."""
    return METHODS[str(name)].label


def percent(value: float, error: float) -> str:
    """A share with its error in percent."""
    return f"{with_error(100.0 * value, 100.0 * error)} %"


def _end(here: "xarray.Dataset") -> str:
    def of(name: str) -> str:
        return with_error(float(here[name]), float(here[f"{name}_error"]))

    edge = " (first or last tried)" if here["at_edge"] else ""
    lost = f"; {int(here['diverged'])} diverged" if here["diverged"] else ""
    error = percent(float(here["final_test_error"]), float(here["final_test_error_error"]))
    matched = f"at f = {here.attrs['matched_loss']:g} {of('matched_entropy')}" if here["matched"] > 1 else "never there"
    return (
        f"{label(here['optimizer'].item())}: step size {float(here['step_size']):g}{edge}, {int(here['runs'])} seeds"
        f"{lost}: test error {error}, training loss f {of('final_training_loss')}, u - f {of('local_entropy')}, "
        f"{matched}; Hessian: trace {of('hessian_trace')}, eigenvalues from {of('hessian_lowest')} to "
        f"{of('hessian_highest')}; D: trace {of('noise_trace')}, participation ratio {of('noise_participation')}"
    )


def _differences(at: "xarray.Dataset") -> list[str]:
    lines, first = [], label(at["optimizer"].values[0])
    for name in at["optimizer"].values[1:]:
        here = at.sel(optimizer=name)
        parts = []
        for said, variable, factor, unit in COMPARED:
            value, error = (factor * float(here[f"difference_{variable}{part}"]) for part in ("", "_error"))
            if np.isfinite(value):
                chance = float(here[f"probability_{variable}"])
                parts.append(f"{said} {with_error(value, error)}{unit} ({deviations(value, error)}, p = {chance:.2g})")
        if parts:
            lines.append(f"{label(name)} minus {first}, seed by seed: {'; '.join(parts)}")
    return lines


def deviations(value: float, error: float) -> str:
    """A difference in standard errors."""
    return f"{value / error:+.1f} standard errors" if error > 0 else "no spread"


def verdicts(at: "xarray.Dataset") -> list[str]:
    """Which optimisers differ from the first beyond chance."""
    lines, first = [], label(at["optimizer"].values[0])
    for said, name, _, _ in COMPARED:
        groups: dict[str, list[str]] = {"lower": [], "higher": [], "no difference seen": [], WITHIN: []}
        for optimizer in at["optimizer"].values[1:]:
            value, p = (float(at[f"{part}_{name}"].sel(optimizer=optimizer)) for part in ("difference", "probability"))
            if np.isfinite(value):
                chosen = "no difference seen" if not p < LEVEL else "lower" if value < 0 else "higher"
                if p < LEVEL and not told(at, name, optimizer):
                    chosen = WITHIN
                groups[chosen].append(label(optimizer))
        if any(groups.values()):
            parts = [f"{group}: {_listed(names)}" for group, names in groups.items()]
            lines.append(f"{said} against {first}, at {100 * LEVEL:g} %: {'; '.join(parts)}")
    return lines


def told(at: "xarray.Dataset", name: str, optimizer: object) -> bool:
    """Whether a difference to the first is beyond chance, and neighbouring step sizes do not undo it."""
    here, outlives = at.sel(optimizer=optimizer), f"survives_{name}"
    return bool(here[f"probability_{name}"] < LEVEL and (outlives not in at or here[outlives] == 1))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
