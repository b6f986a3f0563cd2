"""Theory of the results of "perceptron-local-entropy" over distances, and exact means around teachers."""

import math

import numpy as np

from runs.experiments.perceptron_local_entropy import FLIPS, LocalEntropySpec, flips_of
from runs.experiments.perceptron_local_entropy_theory import (
    around_teacher,
    around_teacher_annealed,
    around_typical,
    densest,
    mean_solutions_around_teacher,
)
from runs.experiments.perceptron_spec import pattern_count

NEAREST, FARTHEST, CURVE_POINTS = 1e-3, 0.499, 32

SAID = {
    "bound": "binary entropy of d: all configurations",
    "densest": "bound on S(d) around any reference, from groups of y -> infinity solutions",
    "typical": "S(d) around a typical solution (Franz-Parisi)",
    "teacher": "S(d) around the teacher of a planted instance",
    "teacher_annealed": "ln of the mean number of solutions around the teacher, per weight",
}


def theory_variables(spec: LocalEntropySpec) -> dict[str, tuple]:
    """Curves at large n over (alpha, theory_distance), at the distances asked for and those between."""
    from perceptron.theory import binary_entropy

    places = np.geomspace(NEAREST, FARTHEST, CURVE_POINTS)
    d = np.unique(np.concatenate([places, [min(x, FARTHEST) for x in spec.grid.distance]]))
    margin, rows = spec.patterns.margin, []
    for alpha in spec.grid.alpha:
        nothing = np.full(d.size, math.nan)
        planted = margin == 0.0 and "planted" in spec.grid.source
        rows.append({
            "bound": np.asarray(binary_entropy(d)),
            "densest": densest(alpha, d.tolist(), margin),
            "typical": around_typical(alpha, d[d >= NEAREST].tolist(), margin),
            "teacher": around_teacher(alpha, d.tolist()) if planted else nothing,
            "teacher_annealed": around_teacher_annealed(alpha, d.tolist()) if planted else nothing,
        })  # fmt: skip
        rows[-1]["typical"] = np.concatenate([np.full(int((d < NEAREST).sum()), math.nan), rows[-1]["typical"]])
    found = {
        f"theory_{name}": (("alpha", "theory_distance"), np.array([row[name] for row in rows]),
                           {"long_name": said, "units": "nats per weight"})
        for name, said in SAID.items()
    }  # fmt: skip
    coordinate = (("theory_distance",), d, {"long_name": "distance of the theory", "units": "1"})
    return {"theory_distance": coordinate, **found}


def exact_variables(spec: LocalEntropySpec) -> dict[str, tuple]:
    """Mean number of solutions around a teacher at finite n, exact; NaN where no formula is known (Gaussian entries).

    Over (n, alpha, distance) up to the sizes that are enumerated, and over (n, alpha, flips) at all sizes.
    """
    grid = spec.grid
    counts = np.full((len(grid.n), len(grid.alpha), len(grid.distance)), math.nan)
    near = np.full((len(grid.n), len(grid.alpha), len(FLIPS)), math.nan)
    if spec.patterns.kind == "binary" and "planted" in grid.source:
        for i, n in enumerate(grid.n):
            flips = flips_of(grid.distance, n)
            kept = flips > 0
            tie = spec.patterns.tie if n % 2 == 0 else None
            for j, alpha in enumerate(grid.alpha):
                at = n, pattern_count(n, alpha)
                near[i, j] = mean_solutions_around_teacher(*at, FLIPS, spec.patterns.margin, tie)
                if n <= spec.local_entropy.exact_up_to:
                    counts[i, j, kept] = mean_solutions_around_teacher(*at, flips[kept], spec.patterns.margin, tie)
    said = "exact mean number of solutions around the teacher of a planted instance"
    return {
        "teacher_count": (("n", "alpha", "distance"), counts, {"long_name": f"{said}, at d", "units": "1"}),
        "teacher_neighbours": (("n", "alpha", "flips"), near, {"long_name": f"{said}, at so many flips", "units": "1"}),
    }
