"""Numbers of "network-optimizers" in words: ends, paired differences and whether chance explains them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_methods import METHODS
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

LEVEL = 0.05
"""Probability by chance, corrected for the number of comparisons, below which a difference is called one."""

CHANCE = f"a probability below {LEVEL:g} by chance (Student's t; Holm's correction"
SURVIVING = (
    f"{CHANCE} over the optimisers, for each quantity by itself), and all step sizes of an optimiser, the chosen one "
    "and those tried next to it, on one side of all those of the first"
)
"""When a difference is told: `lower` or `higher` in the summary, a star in figures, bold in the table."""

LOWER, HIGHER = "lower", "higher"
UNDONE = "within the spread over step sizes"
"""Beyond chance at the step sizes chosen, but not at those next to them."""
UNTRIED = "beyond chance, but known at no step size next to the chosen one"
UNPAIRED = "not compared, fewer than two seeds in common"

COMPARED = (
    ("test error", "final_test_error", 100.0, " %"),
    ("test error at equal training loss", "matched_test_error", 100.0, " %"),
    ("local entropy u - f at equal training loss (lower is wider)", "matched_entropy", 1.0, ""),
)
"""What differences are told of: words, variable, factor and unit. The loss at the end follows the step size: not it."""

ESTIMATED = {"laplace": "Laplace (to second order)", "integration": "integration"}
UNKNOWN = "\N{EN DASH}"
NO_ERROR = f"({UNKNOWN}): one run, no error"
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
        f"u - f: local entropy, {how(at)}; {NO_ERROR}",
        f"lower, higher: {SURVIVING}",
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
            lines.append(f"{label(name)}: {ESTIMATED[str(estimator)]} at t = {results['scale'].values[k]:g} warned in "
                         f"{int(count)} of {runs} runs")  # fmt: skip
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
            parts.append(f"{float(here['near_step_size'].values[k]):g}{chosen} {measured(width, error)}, {tested}")
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
    estimator = at["estimator"].item()
    by = HOW_INTEGRATED if estimator == "integration" else ESTIMATED[estimator]
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
    return f"{measured(100.0 * value, 100.0 * error)} %"


def measured(value: float, error: float) -> str:
    """A number with its error in brackets: see NO_ERROR where the error is NaN; 0 where all runs have the same."""
    if not np.isfinite(value) or error > 0:
        return with_error(value, error)
    return f"{value:.3g}({0 if error == 0 else UNKNOWN})"


def matched(here: "xarray.Dataset") -> str:
    """Local entropy of one optimiser where its runs first reach the loss asked for, and how many of them do."""
    reached, looked, loss = int(here["matched"]), int(here["looked"]), f"f = {here.attrs['matched_loss']:g}"
    if not looked:
        return f"at {loss} not looked at"
    counted = f"{loss} reached by {reached} of {looked} runs looked at"
    width = measured(float(here["matched_entropy"]), float(here["matched_entropy_error"]))
    return f"at {loss} {width} ({counted})" if reached else counted


def _end(here: "xarray.Dataset") -> str:
    def of(name: str) -> str:
        return measured(float(here[name]), float(here[f"{name}_error"]))

    edge = " (first or last tried)" if here["at_edge"] else ""
    lost = f"; {int(here['diverged'])} diverged" if here["diverged"] else ""
    error = percent(float(here["final_test_error"]), float(here["final_test_error_error"]))
    return (
        f"{label(here['optimizer'].item())}: step size {float(here['step_size']):g}{edge}, {int(here['runs'])} seeds"
        f"{lost}: test error {error}, training loss f {of('final_training_loss')}, u - f {of('local_entropy')}, "
        f"{matched(here)}; Hessian: trace {of('hessian_trace')}, eigenvalues from {of('hessian_lowest')} to "
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
                parts.append(f"{said} {measured(value, error)}{unit} ({deviations(value, error)}, p = {chance:.2g})")
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
        groups: dict[str, list[str]] = {LOWER: [], HIGHER: []}
        for optimizer in at["optimizer"].values[1:]:
            groups.setdefault(judged(at, name, optimizer), []).append(label(optimizer))
        if any(groups.values()):
            parts = [f"{group}: {_listed(names)}" for group, names in groups.items()]
            lines.append(f"{said} against {first}, at {100 * LEVEL:g} %: {'; '.join(parts)}")
    return lines


def judged(at: "xarray.Dataset", name: str, optimizer: object) -> str:
    """What is said of a difference to the first: see SURVIVING."""
    here, outlives = at.sel(optimizer=optimizer), f"survives_{name}"
    if not np.isfinite(here[f"difference_{name}"]):
        return UNPAIRED
    said = significance(*(float(here[f"{part}_{name}"]) for part in ("difference", "probability", "pairs")))
    if said not in (LOWER, HIGHER) or (outlives in at and here[outlives] == 1):
        return said
    return UNDONE if outlives in at and here[outlives] == 0 else UNTRIED


def significance(difference: float, probability: float, seeds: float) -> str:
    """LOWER or HIGHER beyond chance; else the seeds that did not do to tell, which is not to say that there is none."""
    if probability < LEVEL:
        return LOWER if difference < 0 else HIGHER
    return f"not significant with {int(seeds)} seeds"


def told(at: "xarray.Dataset", name: str, optimizer: object) -> bool:
    """Whether a difference to the first is beyond chance, and neighbouring step sizes do not undo it."""
    return judged(at, name, optimizer) in (LOWER, HIGHER)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "none"
