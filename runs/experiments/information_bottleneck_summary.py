"""Headline numbers of "information-bottleneck" beside exact sums and bounds."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.information_bottleneck_annealing import FEWEST
from runs.tables import with_error
from runs.verdict import LARGEST_OF_MANY, Verdict, largest_score

if TYPE_CHECKING:
    import xarray

MEASURED = {
    "loss": "E[f]",
    "information": "KL(q | p)",
    "functional": "E[f] + KL / beta",
    "free": "E[f] - H / beta",
    "minimum": "minimum by integration",
}


def scores(results: "xarray.Dataset") -> dict[str, np.ndarray]:
    """(sampled - exact) / error of the Gibbs laws of neurons, by quantity: (neurons, betas)."""
    found = {}
    for name in MEASURED:
        if f"gibbs_{name}" not in results:
            continue
        at = results.sel(system=results["neuron"].values)
        known = results[f"known_{name}"].transpose("neuron", "beta").values
        value, error = (at[f"gibbs_{name}{end}"].transpose("system", "beta").values for end in ("", "_error"))
        found[name] = (value - known) / error
    return found


def summary(results: "xarray.Dataset") -> list[str]:
    """Scores against exact sums, how far SGD is from the curve, and the network by two methods."""
    lines = []
    for name, z in scores(results).items():
        known = np.isfinite(z)
        if known.any():
            lines.append(
                f"Gibbs laws of neurons, {MEASURED[name]}: largest |t| {np.abs(z[known]).max():.2f} of "
                f"{int(known.sum())} against exact sums"
            )
    if "excess_loss" in results:
        for name in results["neuron"].values:
            at = results.sel(neuron=name)
            said = ", ".join(
                f"{with_error(float(v), float(e))} at eta = {float(eta):g}"
                for eta, v, e in zip(results["step_size"], at["excess_loss"], at["excess_loss_error"], strict=True)
                if np.isfinite(v) and e > 0
            )
            lines.append(f"SGD on the {_named(str(name))}: loss above the curve at the same information {said}")
    if "gibbs_loss" in results:
        lines += [line for i in range(results.sizes["beta"]) for line in _of_network(results.isel(beta=i))]
    return lines


def _named(system: str) -> str:
    return f"neuron, {system.rpartition('-')[2]} weights"


def _of_network(cells: "xarray.Dataset") -> list[str]:
    at = cells.sel(system="network")
    if not np.isfinite(at["gibbs_loss"]):
        return []
    names = [name for name in ("loss", "information", "minimum", "annealed") if f"gibbs_{name}" in at]
    said = {name: with_error(float(at[f"gibbs_{name}"]), float(at[f"gibbs_{name}_error"])) for name in names}
    text = f"network, beta = {float(at['beta']):g}: E[f] {said['loss']}"
    if "annealed" not in said:
        return [text]
    return [
        f"{text}, KL {said['information']} nats, minimum {said['minimum']} by integration, {said['annealed']} by "
        f"annealed paths worth {float(at['gibbs_effective']):.0f}"
    ]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Gibbs laws beside exact sums, SGD beside the curve that bounds every law, the network by two methods."""
    freedom = int(results.attrs["freedom"])
    found = []
    for name, t in scores(results).items():
        # The integration has errors of its own, from many draws.
        z = t if name == "minimum" else normal_scores(t, freedom)
        found += largest_score(f"Gibbs laws of neurons, {MEASURED[name]}", z, "exact: sums over the weights")
    if "excess_loss" in results:
        found += _of_sgd(results, freedom)
    if "gibbs_annealed" in results:
        found += [_network(results.sel(system="network").isel(beta=i)) for i in range(results.sizes["beta"])
                  if np.isfinite(results["gibbs_annealed"].sel(system="network")[i])]  # fmt: skip
    return found


def _of_sgd(results: "xarray.Dataset", freedom: int) -> list[Verdict]:
    """No law is below the curve; SGD, whose law is no Gibbs law, is above it."""
    found = []
    source = "exact: Gibbs laws bound every law"
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (results["excess_loss"] / results["excess_loss_error"]).values
    z = normal_scores(t[np.isfinite(t)], freedom)
    if z.size:
        below = float(max(-z.min(), 0.0))
        text = f"loss of SGD below the exact curve, largest z of {z.size}"
        found.append(Verdict(text, below, None, LARGEST_OF_MANY, source, "at most"))
    for name in results["neuron"].values:
        for eta in results["step_size"].values:
            at = results.sel(neuron=name, step_size=eta)
            value, error = float(at["excess_loss"]), float(at["excess_loss_error"])
            if np.isfinite(value):
                text = f"SGD on the {_named(str(name))}, eta = {eta:g}: loss above the curve"
                found.append(Verdict(text, value, error, 0.0, source, "above"))
    return found


def _network(at: "xarray.Dataset") -> Verdict:
    effective = float(at["gibbs_effective"])
    doubt = f"annealed paths are worth {effective:.1f}, fewer than {FEWEST:g}" if effective < FEWEST else ""
    return Verdict(
        f"network, beta = {float(at['beta']):g}: minimum by integration", float(at["gibbs_minimum"]),
        float(at["gibbs_minimum_error"]), float(at["gibbs_annealed"]), "annealed importance sampling",
        reference_error=float(at["gibbs_annealed_error"]), undecided=doubt,
    )  # fmt: skip


def normal_scores(t: np.ndarray, freedom: int) -> np.ndarray:
    """Scores of the normal distribution that are as unlikely as Student's t."""
    from scipy import stats

    # Tails below the least double are as far as any score needs to go.
    tail = np.maximum(stats.t.sf(np.abs(t), freedom), 1e-300)
    return np.sign(t) * stats.norm.isf(tail)
