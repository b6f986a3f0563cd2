"""u(x, t) of a smooth landscape as a number with an error bar, by integration over the scale.

From t_0, where independent draws give u (`smooth_anchor`), up to the scales asked for chains run in the tilted law
rho(y; x) ~ exp(-beta f(y) - beta |x - y|^2 / (2 t)) at all scales of a ladder at once; integration over t, BAR and MBAR
(`smooth_estimates`) read u off the same draws, gradient and curvature of u come with it (`smooth_moments`). MALA leaves
no bias; unadjusted Langevin steps and mini-batches do, which halving the step measures.

A direction along which f is constant, such as the rotation of all angles of an XY model without field, adds exactly 0
to u at every t: the Gaussian that smooths has integral 1 along it.

Chaudhari et al. 2017, arXiv:1611.01838; Chaudhari, Oberman, Osher, Soatto & Carlier 2018, arXiv:1704.04932.
"""

from typing import Any

import numpy as np

from mcmc.landscape import SmoothLandscape
from mcmc.local_entropy.lattice import require_beta
from mcmc.local_entropy.result import LocalEntropy
from mcmc.local_entropy.smooth_anchor import FEWEST_PAIRS, NUMBERS, anchored, first_scale
from mcmc.local_entropy.smooth_arguments import checked_landscape, checked_point, checked_scales
from mcmc.local_entropy.smooth_chains import STEPS_PER_DRAW
from mcmc.local_entropy.smooth_ladder import tuned_chains
from mcmc.local_entropy.smooth_moments import Moments
from mcmc.local_entropy.smooth_result import Measured, result
from mcmc.statistics.series import positive_integer

MOST_PAIRS = 2**15


def integrate_scale(
    landscape: SmoothLandscape,
    reference: Any,
    scale: Any,
    *,
    beta: float = 1.0,
    seed: int,
    chains: int = 8,
    sweeps: int = 4000,
    burn_in: int = 400,
    ladder: Any = None,
    tempering: bool = True,
) -> LocalEntropy:
    """u(x, t) at each of `scale`, as a LocalEntropy with BAR and MBAR in `companions`."""
    landscape = checked_landscape(landscape)
    x, t, beta = checked_point(reference, landscape.dim), checked_scales(scale), require_beta(beta, infinite=False)
    positive_integer(chains, "chains", 2)
    start = first_scale(landscape, x, 0.5 * float(t.max()), beta, seed)
    pairs = min(MOST_PAIRS, max(8 * FEWEST_PAIRS, NUMBERS // x.size))
    anchor = anchored(landscape, x, np.append(t, start), beta, seed, pairs)
    given = np.empty(0) if ladder is None else checked_scales(ladder)
    breaks = np.unique(np.concatenate([t, [start], given]))
    run = tuned_chains(
        landscape,
        x,
        breaks,
        beta,
        seed,
        start=start,
        chains=chains,
        burn_in=burn_in,
        automatic=ladder is None,
        tempering=tempering,
    )
    moments = Moments(chains, run.scales, t, x)
    draws = run.sample(-(-sweeps // STEPS_PER_DRAW), moments)
    origin = int(np.searchsorted(run.scales, start))
    return result(Measured(run, draws, moments, anchor, origin), x, t)
