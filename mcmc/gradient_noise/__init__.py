"""The noise of stochastic gradients: its covariance D(x), temperature, alignment with the Hessian, stationary laws.

Names are imported when first used: `from mcmc.gradient_noise import gradient_noise, lyapunov`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.gradient_noise.diffusion import GradientNoise, gradient_noise

# Files are not named after their functions: importing a file binds its name in the package.
_FILES = {
    "GradientNoise": "diffusion",
    "gradient_noise": "diffusion",
}

__all__ = [
    "GradientNoise",
    "gradient_noise",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
