"""Headline numbers of "stationary-points", beside exact ones."""

from typing import TYPE_CHECKING

import numpy as np

from runs.experiments.stationary_points_results import FAMILY, ISOLATED, SAME_ENERGY
from runs.verdict import Verdict

if TYPE_CHECKING:
    import xarray

STATIONARY = 1e-9
"""Norm of the gradient, in J: searches end at 1e-10 of the stiffness, which is below 10."""


def summary(results: "xarray.Dataset") -> list[str]:
    """Points found of those there are, and zero eigenvalues of those predicted."""
    lines = []
    for case in results.case.values:
        here = results.sel(case=case)
        if "sites" in here and np.isfinite(here.sites):
            lines.append(_said_of_lattice(str(case), here))
        elif "zeros_hessian" in here and np.isfinite(here.zeros_hessian).any():
            lines.append(_said_of_network(str(case), here))
    return lines or ["no stationary point has been looked for yet"]


def verdicts(results: "xarray.Dataset") -> list[Verdict]:
    """Points found beside those there are, and zero eigenvalues beside those that symmetry predicts."""
    found = []
    for case in results.case.values:
        here = results.sel(case=case)
        if "sites" in here and np.isfinite(here.sites):
            found += _of_points(str(case), here)
        for name, said in (("hessian", "the Hessian"), ("noise", "D")):
            if f"zeros_{name}" in here and np.isfinite(here[f"zeros_{name}"].values).any():
                off = np.abs(here[f"zeros_{name}"].values - here[f"predicted_{name}"].values)
                found.append(Verdict(f"{case}: zero eigenvalues of {said} off the number predicted",
                                     float(np.nanmax(off)), None, 0.0, "exact: symmetry", "at most"))  # fmt: skip
    return found


def _of_points(case: str, here: "xarray.Dataset") -> list[Verdict]:
    """Every class that is known completely must be met, none may have too many points; energies have a bound."""
    kind, known, found = here.kind.values, here.points_known.values, here.points_found.values
    starts, single = here.starts_there.values, here.kind.values == ISOLATED
    found = np.where(single, found, np.nan)
    # A start finds one point, or one and its images; of an enumerated class there are no more than are known.
    most = starts * float(here.images)
    if here.all_known:
        most = np.minimum(most, known)
    surplus = float(np.nanmax(np.where(single, found - most, -np.inf), initial=-np.inf))
    verdicts = [
        Verdict(f"{case}: points of a class found beyond those there can be", surplus, None, 0.0,
                "exact: enumeration" if here.all_known else "images of the starts that met it", "at most"),
        Verdict(f"{case}: largest gradient at points found (J)", float(here.slope), None, STATIONARY,
                "stationary: 0", "at most"),
        Verdict(f"{case}: lowest energy found above the ground state (J per site)",
                float(np.abs(here.lowest - here.ground)), None, SAME_ENERGY, "exact: all angles alike", "at most"),
    ]  # fmt: skip
    if here.all_known:
        listed = np.isfinite(known) & (single | (kind == FAMILY))
        # Families have no number of points: they are met by starts.
        met = np.where(single, np.nan_to_num(found) > 0, starts > 0)
        verdicts += [
            Verdict(f"{case}: classes found beyond those known", float(here.unknown), None, 0.0, "exact: enumeration",
                    "at most"),
            Verdict(f"{case}: classes known and met by either method", float((listed & met).sum()), None,
                    float(listed.sum()), "exact: enumeration", "at least"),
        ]  # fmt: skip
    else:
        # Nothing is complete here, and basins differ; but energies alike to SAME_ENERGY are no chance.
        often = here.starts_by_method.transpose("level", "method").values
        shared = float(((often > 0).all(axis=1) & single).sum())
        text = f"{case}: isolated classes that both methods met"
        verdicts.append(Verdict(text, shared, None, 1.0, "the other method", "at least"))
    return verdicts


def _said_of_lattice(case: str, here: "xarray.Dataset") -> str:
    kind, known, found = here.kind.values, here.points_known.values, here.points_found.values
    single, listed = kind == ISOLATED, np.isfinite(known)
    classes, hit = int((single & listed).sum()), int((single & listed & (found > 0)).sum())
    said = f"{case}: {found[single].sum():.0f} isolated points from {int(here.starts)} starts"
    if here.all_known:
        said += f", of {known[single].sum():.0f} there are; {hit} of {classes} classes by energy and index, "
        wrong = int(here.unknown)
        said += (
            f"{wrong} CLASS{'' if wrong == 1 else 'ES'} THAT {'IS' if wrong == 1 else 'ARE'} NOT THERE"
            if wrong
            else ("none that is not there")
        )
    else:
        met = int((single & (found > 0)).sum())
        said += f", images by symmetry counted, in {met} classes by energy and index, {hit} of {classes} known ones"
    by_method = here.starts_by_method.transpose("level", "method").values[single] > 0
    said += f" (Newton steps {by_method[:, 0].sum()}, eigenvector-following {by_method[:, 1].sum()}, "
    said += f"both {by_method.all(axis=1).sum()})"
    families = (kind == FAMILY) & (here.starts_there.values > 0)
    if families.any():
        energies = np.unique(np.round(here.energy_per_site.values[families], 6)) + 0.0
        shown = ", ".join(f"{e:.4g}" for e in energies[:3]) + (" ..." if energies.size > 3 else "")
        said += f"; families at E/N = {shown}"
    return said + (f"; {100 * float(here.stuck):.2g} % came to no stationary point" if here.stuck > 0 else "")


def _said_of_network(case: str, here: "xarray.Dataset") -> str:
    runs = np.isfinite(here.zeros_hessian.values)
    counts = {name: here[name].values[runs] for name in ("zeros_hessian", "zeros_noise")}
    right = (counts["zeros_hessian"] == here.predicted_hessian.values[runs]) & (
        counts["zeros_noise"] == here.predicted_noise.values[runs]
    )
    weights = int(np.isfinite(here.hessian.values[runs][0]).sum())
    said = (
        f"{case}: {_listed(counts['zeros_hessian'])} of {weights} eigenvalues of the Hessian and "
        f"{_listed(counts['zeros_noise'])} of D are 0, "
        f"{'as symmetry predicts' if right.all() else f'as symmetry predicts in {right.sum()} of {right.size} runs'}; "
        f"tangents t of the family ({_listed(here.tangents.values[runs])}): "
        f"|H t|/|H| < {_above(here.hessian_along.values[runs].max())}, "
        f"|D t|/|D| < {_above(here.noise_along.values[runs].max())}"
    )
    change = here.permuted_change.values[runs]
    if np.isfinite(change).all():
        said += f"; permutations of units change the loss by < {_above(change.max())}"
    return said


def _listed(values: np.ndarray) -> str:
    return "/".join(f"{value:.0f}" for value in np.unique(values))


def _above(value: float) -> str:
    """The next power of ten above, 1e-15 at least."""
    return f"1e{int(np.ceil(np.log10(max(value * 1.001, 1e-15)))):d}"
