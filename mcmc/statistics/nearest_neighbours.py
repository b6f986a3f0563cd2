"""Differential entropy of a density from independent draws of it, by distances to nearest neighbours.

    H = psi(N) - psi(k) + log V_d + (d / N) sum_i log r_i,

r_i the distance of draw i from its k-th neighbour, V_d the volume of the unit ball (Kozachenko & Leonenko 1987, Probl.
Inf. Transm. 23, 95; Kraskov, Stoegbauer & Grassberger 2004, arXiv:cond-mat/0305641). Its bias falls as (k / N)^(2/d):
in more than a few dimensions, or near walls, more draws do not help.
"""

import math
from typing import Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.statistics.jackknife import Estimate
from mcmc.statistics.series import positive_integer

MOST_DIMENSIONS = 4


def differential_entropy(draws: Any, *, neighbours: int = 4) -> Estimate:
    """Entropy in nats and its standard error, from independent `draws` (count, dim), no two of them alike.

    The error takes the draws' terms as independent, which is right to a few per cent from the third neighbour on.
    Raises ArgumentError for other shapes, numbers not finite, draws that coincide, more than 4 dimensions, or no more
    draws than `neighbours`.
    """
    from scipy.spatial import cKDTree
    from scipy.special import digamma

    x = np.asarray(draws)
    if x.ndim != 2 or x.dtype.kind not in "fiu" or not x.size or not np.isfinite(x).all():
        raise ArgumentError(f"draws: got shape {x.shape}, {x.dtype}; finite numbers (count, dim) are needed")
    count, dim = x.shape
    if dim > MOST_DIMENSIONS:
        raise ArgumentError(f"draws: got {dim} dimensions; up to {MOST_DIMENSIONS} serve, more hide the density")
    k = positive_integer(neighbours, "neighbours", 1)
    if count <= k:
        raise ArgumentError(f"draws: got {count}; more than neighbours = {k} are needed")
    distance = cKDTree(x).query(x, k=[k + 1])[0][:, 0]
    if not (distance > 0).all():
        raise ArgumentError(
            f"draws: {int((distance == 0).sum())} coincide with {k} others; a density has no such draws"
        )
    ball = 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim + 1.0)
    terms = dim * np.log(distance)
    value = digamma(count) - digamma(k) + ball + terms.mean()
    return Estimate(np.asarray(value), np.asarray(terms.std(ddof=1) / math.sqrt(count)))
