"""The noise of stochastic gradients: its covariance D(x), temperature, alignment with the Hessian, stationary laws.

Names are imported when first used: `from mcmc.gradient_noise import gradient_noise, lyapunov`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.gradient_noise.circulation_matrix import Circulation, circulation
    from mcmc.gradient_noise.circulation_theory import LinearCirculation, linear_circulation
    from mcmc.gradient_noise.diffusion import GradientNoise, gradient_noise
    from mcmc.gradient_noise.hessian_alignment import Alignment, alignment
    from mcmc.gradient_noise.linear_regression import regression_covariance
    from mcmc.gradient_noise.spectra_of_increments import TrajectorySpectra, trajectory_spectra
    from mcmc.gradient_noise.stationary_covariance import MeasuredCovariance, measured_covariance
    from mcmc.gradient_noise.stationary_law import StationaryLaw, lyapunov
    from mcmc.gradient_noise.trajectory_figure import plot_circulation, plot_spectra

# Files are not named after their functions: importing a file binds its name in the package.
_FILES = {
    "Alignment": "hessian_alignment",
    "Circulation": "circulation_matrix",
    "GradientNoise": "diffusion",
    "LinearCirculation": "circulation_theory",
    "MeasuredCovariance": "stationary_covariance",
    "StationaryLaw": "stationary_law",
    "TrajectorySpectra": "spectra_of_increments",
    "alignment": "hessian_alignment",
    "circulation": "circulation_matrix",
    "gradient_noise": "diffusion",
    "linear_circulation": "circulation_theory",
    "lyapunov": "stationary_law",
    "measured_covariance": "stationary_covariance",
    "plot_circulation": "trajectory_figure",
    "plot_spectra": "trajectory_figure",
    "regression_covariance": "linear_regression",
    "trajectory_spectra": "spectra_of_increments",
}

__all__ = [
    "Alignment",
    "Circulation",
    "GradientNoise",
    "LinearCirculation",
    "MeasuredCovariance",
    "StationaryLaw",
    "TrajectorySpectra",
    "alignment",
    "circulation",
    "gradient_noise",
    "linear_circulation",
    "lyapunov",
    "measured_covariance",
    "plot_circulation",
    "plot_spectra",
    "regression_covariance",
    "trajectory_spectra",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
