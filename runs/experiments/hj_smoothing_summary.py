"""Headline numbers of "hj-smoothing", and what each is held to."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from runs.experiments.hj_smoothing import DYNAMICS
from runs.tables import with_error
from runs.verdict import LARGEST_OF_MANY, Verdict, largest_score

if TYPE_CHECKING:
    import xarray

FIRST_ORDER = 0.7
"""Of an error of first order, with nodes half as far apart; a half and room for terms of higher order."""
ROUNDING = 1e-9
"""In loss: of sums of a few hundred numbers below 100."""


def summary(results: "xarray.Dataset") -> list[str]:
    """Mass near the global minimum and mean f at the end, and how well the checks agree."""
    if "realisations" not in results:
        return ["no realisation of the noise has been done yet"]
    end = results.isel(time=-1)
    lines = [f"at time {float(end.time):g}, mean over {int(results.realisations)} realisations of the noise on f:"]
    for name in DYNAMICS:
        here = end.sel(dynamics=name)
        near = with_error(float(here.near_minimum), float(here.near_minimum_error))
        excess = with_error(float(here.excess_loss), float(here.excess_loss_error))
        on = "f itself (SGD)" if name == "sgd" else f"{name} u"
        lines.append(f"on {on}: mass in the basin of the global minimum {near}, mean f above it {excess}")
    gap, off = results.control_gap, results.control_deviation
    z = (off / results.control_deviation_error).values
    lines.append(
        f"particles against grid: largest |z| = {float(results.largest_score):.2f} of {int(results.scores)}; u by "
        f"optimally controlled paths against Cole-Hopf: z = {', '.join(f'{one:.2f}' for one in z)}, their mean cost is "
        f"{_listed(gap, results.control_gap_error)} above u"
    )
    fine = results.isel(resolution=-1)
    apart = _listed(fine.difference, fine.difference_error)
    lines.append(f"u against monotone finite differences (order 1), at most {apart} off (viscous, non-viscous)")
    excess = with_error(float(results.proximal_excess), float(results.proximal_excess_error))
    lines.append(
        f"proximal point iteration rests {excess} above the global minimum after "
        f"{with_error(float(results.proximal_steps), float(results.proximal_steps_error))} steps; characteristics of "
        f"proximal points miss x by at most {float(results.characteristic):.2g}"
    )
    return lines


def _listed(values: Any, errors: Any) -> str:
    return ", ".join(with_error(float(a), float(b)) for a, b in zip(values, errors, strict=True))


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Particles and controlled paths against the grid, both u against checks, losses with and without smoothing."""
    if "realisations" not in results:
        return []
    count = int(results.scores)
    found = [
        Verdict(f"particles against grid, largest |z| of {count}", float(results.largest_score), None, LARGEST_OF_MANY,
                "Fokker-Planck equation on the grid", "at most"),
        *_of_control(results),
        *_of_smoothing(results),
    ]  # fmt: skip
    end = results.isel(time=-1)
    stuck = end.sel(dynamics="sgd")
    if math.isfinite(float(stuck.excess_loss_error)):
        for name in DYNAMICS[1:]:
            here = end.sel(dynamics=name)
            found.append(
                Verdict(f"final mean f above its minimum, on {name} u", float(here.excess_loss),
                        float(here.excess_loss_error), float(stuck.excess_loss), "the same density on f itself (SGD)",
                        "below", float(stuck.excess_loss_error))
            )  # fmt: skip
    return found


def _of_control(results: "xarray.Dataset") -> list[Verdict]:
    def scores(name: str) -> np.ndarray:
        return (results[name] / results[f"{name}_error"]).values

    below = float(np.max(-scores("control_gap")))
    return [
        *largest_score("value of optimally controlled paths", scores("control_deviation"), "viscous u by Cole-Hopf"),
        *largest_score("alpha* = grad u by controlled paths", scores("control_slope_deviation"),
                       "gradient of u by Cole-Hopf"),
        Verdict("mean cost of controlled paths below u, largest z", below, None, LARGEST_OF_MANY,
                "no control costs less than u", "at most"),
    ]  # fmt: skip


def _of_smoothing(results: "xarray.Dataset") -> list[Verdict]:
    coarse, fine = (results.difference.isel(resolution=k).values for k in (0, 1))
    ratios = zip(results.smooth.values, fine / coarse, strict=True)
    return [
        *(Verdict(f"{name} u, finite differences: error over that with half as many nodes", float(ratio), None,
                  FIRST_ORDER, "first order: 1/2", "at most") for name, ratio in ratios),
        Verdict("characteristics of proximal points, distance from x", float(results.characteristic), None,
                float(results.characteristic_bound), "distance of nodes times 1 + t max|f''|", "at most"),
        Verdict("non-viscous u above f", float(results.above), None, ROUNDING, "Moreau envelope: nowhere", "at most"),
        Verdict("lowest non-viscous u, distance from lowest f", float(results.lowered), None, ROUNDING,
                "Moreau envelope: none", "at most"),
        Verdict("f where proximal points rest, above its minimum", float(results.proximal_excess), None, -ROUNDING,
                "nothing is lower", "at least"),
    ]  # fmt: skip
