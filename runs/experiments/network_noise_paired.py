"""Training with replacement beside training in epochs: differences seed by seed at the last snapshot.

A seed has the same first weights in both. Significance is that of Student's t, two-sided, with Holm's correction for
all comparisons of the run (Scandinavian J. Stat. 6, 65, 1979).
"""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.network_noise import NUMBERS
from runs.experiments.network_optimizers_results import holm, paired_difference
from runs.tables import with_error

if TYPE_CHECKING:
    import xarray

COMPARED = {
    "loss": "training loss", "trace": "trace of D", "participation_ratio": "participation ratio",
    "cosine": "cosine with the Hessian",
}  # fmt: skip
"""Numbers whose differences are taken, as the summary calls them."""

SIGNIFICANT = 0.05
DIMS = ("step_size", "batch")


def paired(results: "xarray.Dataset") -> dict[str, tuple]:
    """`difference_<name>` over (step_size, batch), errors and probabilities; nothing unless both ways are there.

    `results` has `seed_<name>` (step_size, batch, replacement, epoch, seed) and `untrained` (step_size, batch,
    replacement): ways of training that are compared with nothing.
    """
    if not {"with", "epoch"} <= {str(kind) for kind in results["replacement"].values}:
        return {}
    last = results.isel(epoch=-1)
    lost = (last["untrained"].sel(replacement=["with", "epoch"]) == 1).any("replacement")
    found = np.full((3, len(COMPARED), *lost.shape), np.nan)
    for k, name in enumerate(COMPARED):
        each = last[f"seed_{name}"].where(~lost).transpose("replacement", *DIMS, "seed")
        a, b = (each.sel(replacement=kind).values for kind in ("with", "epoch"))
        for cell in np.ndindex(*lost.shape):
            found[:, k, *cell] = paired_difference(a[cell], b[cell])
    found[2] = holm(found[2].ravel()).reshape(found[2].shape)
    variables: dict[str, tuple] = {}
    for k, name in enumerate(COMPARED):
        said = f"{NUMBERS[name]}, last snapshot: with replacement minus epochs, seed by seed"
        chance = f"{said}: probability of one as large by chance (Student, Holm)"
        texts = {f"difference_{name}": said, f"difference_{name}_error": f"one standard error of: {said}",
                 f"probability_{name}": chance}  # fmt: skip
        for (stem, text), values in zip(texts.items(), found[:, k], strict=True):
            variables[stem] = DIMS, values, {"long_name": text, "units": "1"}
    return variables


def comparison_lines(results: "xarray.Dataset") -> list[str]:
    """A line for each step size and batch, and how many differences are significant."""
    if "difference_loss" not in results:
        return []
    lines, epoch = [], int(results["epoch"][-1])
    for i, j in np.ndindex(*(results.sizes[name] for name in DIMS)):
        cell = results.isel(step_size=i, batch=j)
        told = [_told(cell, name) for name in COMPARED if np.isfinite(cell[f"difference_{name}"])]
        if told:
            how = f"eta = {float(cell['step_size']):g}, b = {int(cell['batch'])}"
            lines.append(f"with replacement minus epochs, {how}, epoch {epoch}: {', '.join(told)}")
    chances = np.stack([results[f"probability_{name}"].values for name in COMPARED])
    known = chances[np.isfinite(chances)]
    if not known.size:
        return []
    lines.append(
        f"{int((known < SIGNIFICANT).sum())} of {known.size} differences are significant at p < {SIGNIFICANT:g} "
        f"(paired by first weights, {results.sizes['seed']} seeds; Student's t, Holm's correction for all of them)"
    )
    return lines


def _told(cell: "xarray.Dataset", name: str) -> str:
    value, error = float(cell[f"difference_{name}"]), float(cell[f"difference_{name}_error"])
    return f"{COMPARED[name]} {with_error(value, error)} (p = {float(cell[f'probability_{name}']):.2g})"
