"""Local entropy by thermodynamic integration: over the coupling to a reference (spins), or over the scale (smooth).

Spins: chains at a ladder of couplings gamma, law exp(-beta E + gamma A), replicas exchanged between couplings and,
where chains would else be stuck, between inverse temperatures. One run gives the curve by integration of <A> and, as
`companions["mbar"]`, by MBAR. Baldassi, Ingrosso, Lucibello, Saglietti & Zecchina 2015, arXiv:1509.05753; Huang &
Kabashima 2014, arXiv:1408.1784.
"""

import math
from typing import Any

from mcmc.errors import ArgumentError
from mcmc.local_entropy.result import LocalEntropy


def integration(
    model: Any,
    reference: Any,
    distance: Any = None,
    *,
    scale: Any = None,
    beta: float | None = None,
    seed: int = 0,
    error: float | None = None,
    **options: Any,
) -> LocalEntropy:
    """Local entropy of `model` around `reference`: S(d) at each `distance`, or u(x, t) at each `scale`.

    Give `distance` (fractions of flipped spins) for a spin landscape with a method with_reference, `scale` for a smooth
    landscape. `beta` is the inverse temperature: without it infinity for distances, configurations of energy 0 only,
    and 1 for scales, which need a finite one. `error` is the standard
    error asked for at every point; measuring goes on until it is reached or the budget is used. `options` for
    distances: `gammas`, `betas`, `sweeps`, `chains`, `update` and `budget`, see `integrate_distance`; for scales see
    `mcmc.local_entropy.smooth_integration.integrate_scale`. Raises ArgumentError for bad arguments, and LandscapeError
    for a landscape that cannot serve.
    """
    if (distance is None) == (scale is None):
        given = "neither" if distance is None else "both"
        raise ArgumentError(f"distance, scale: got {given}; give distance for spins or scale for a smooth landscape")
    if error is not None:
        options["error"] = error
    if scale is not None:
        from mcmc.local_entropy.smooth_integration import integrate_scale

        return _called(
            integrate_scale, model, reference, scale, beta=1.0 if beta is None else beta, seed=seed, **options
        )
    from mcmc.local_entropy.spin_integration import integrate_distance

    return _called(
        integrate_distance, model, reference, distance, beta=math.inf if beta is None else beta, seed=seed, **options
    )


def _called(function: Any, *arguments: Any, **options: Any) -> LocalEntropy:
    """The function's result. Raises ArgumentError for an option that it does not have."""
    from inspect import signature

    known = [name for name, one in signature(function).parameters.items() if one.kind is one.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise ArgumentError(f"{name}: no such option here; there are {', '.join(known)}")
    found: LocalEntropy = function(*arguments, **options)
    return found
