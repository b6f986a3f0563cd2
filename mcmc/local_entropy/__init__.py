"""Local entropy: how many good configurations lie at a distance from one, or how wide a smooth landscape is around it.

Names are imported when first used: `from mcmc.local_entropy import integration, laplace`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.local_entropy.coupled_replicas import replicated
    from mcmc.local_entropy.coupling_integration import integration
    from mcmc.local_entropy.figure import plot
    from mcmc.local_entropy.gaussian_smoothing import convolution
    from mcmc.local_entropy.grid_quadrature import quadrature
    from mcmc.local_entropy.hessian_determinant import hessian_spectrum, laplace
    from mcmc.local_entropy.hessian_extremes import extreme_eigenvalues
    from mcmc.local_entropy.perturbed_loss import sharpness
    from mcmc.local_entropy.proximal_point import moreau
    from mcmc.local_entropy.result import Ladder, LocalEntropy
    from mcmc.local_entropy.singular_learning import learning_coefficient
    from mcmc.local_entropy.surrounding_widths import Surroundings, surroundings
    from mcmc.local_entropy.wang_landau import flat_histogram

# Files are not named after their functions: importing a file binds its name in the package.
_FILES = {
    "Ladder": "result",
    "LocalEntropy": "result",
    "Surroundings": "surrounding_widths",
    "convolution": "gaussian_smoothing",
    "extreme_eigenvalues": "hessian_extremes",
    "flat_histogram": "wang_landau",
    "hessian_spectrum": "hessian_determinant",
    "integration": "coupling_integration",
    "laplace": "hessian_determinant",
    "learning_coefficient": "singular_learning",
    "moreau": "proximal_point",
    "plot": "figure",
    "quadrature": "grid_quadrature",
    "replicated": "coupled_replicas",
    "sharpness": "perturbed_loss",
    "surroundings": "surrounding_widths",
}

__all__ = [
    "Ladder",
    "LocalEntropy",
    "Surroundings",
    "convolution",
    "extreme_eigenvalues",
    "flat_histogram",
    "hessian_spectrum",
    "integration",
    "laplace",
    "learning_coefficient",
    "moreau",
    "plot",
    "quadrature",
    "replicated",
    "sharpness",
    "surroundings",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
