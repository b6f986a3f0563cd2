"""The continuum behind the samplers: densities on grids that diffuse and drift, what they settle into, what they lose.

Names are imported when first used: `from mcmc.continuum import FokkerPlanck, Grid`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.continuum.averaging import averaged_drift, averaged_path
    from mcmc.continuum.densities import Evolution, StationaryDensity
    from mcmc.continuum.fokker_planck import FokkerPlanck
    from mcmc.continuum.grid import Grid
    from mcmc.continuum.hamilton_jacobi import ViscousSolution, cole_hopf
    from mcmc.continuum.homogenization import (
        StepMoments,
        TwoScalePaths,
        linear_variance,
        step_moments,
        two_scale_paths,
    )
    from mcmc.continuum.hopf_lax_formula import Characteristic, HopfLaxSolution, characteristic, hopf_lax
    from mcmc.continuum.jko import GridFlow, QuantileFlow, dirichlet_flow, entropic_flow, quantile_flow
    from mcmc.continuum.monotone_differences import FiniteDifferences, finite_differences
    from mcmc.continuum.relaxation import Relaxation
    from mcmc.continuum.steady_state import LinearSteadyState, SteadyState, grid_steady_state, linear_steady_state
    from mcmc.continuum.stochastic_control import CostToGo, OptimalControl, cost_to_go
    from mcmc.continuum.wasserstein import sinkhorn_divergence, wasserstein_distance

# Files are not named after their functions: importing a file binds its name in the package.
_FILES = {
    "Characteristic": "hopf_lax_formula",
    "CostToGo": "stochastic_control",
    "Evolution": "densities",
    "FiniteDifferences": "monotone_differences",
    "FokkerPlanck": "fokker_planck",
    "Grid": "grid",
    "GridFlow": "jko",
    "HopfLaxSolution": "hopf_lax_formula",
    "LinearSteadyState": "steady_state",
    "OptimalControl": "stochastic_control",
    "QuantileFlow": "jko",
    "Relaxation": "relaxation",
    "StationaryDensity": "densities",
    "SteadyState": "steady_state",
    "StepMoments": "homogenization",
    "TwoScalePaths": "homogenization",
    "ViscousSolution": "hamilton_jacobi",
    "averaged_drift": "averaging",
    "averaged_path": "averaging",
    "characteristic": "hopf_lax_formula",
    "cole_hopf": "hamilton_jacobi",
    "cost_to_go": "stochastic_control",
    "dirichlet_flow": "jko",
    "entropic_flow": "jko",
    "finite_differences": "monotone_differences",
    "grid_steady_state": "steady_state",
    "hopf_lax": "hopf_lax_formula",
    "linear_steady_state": "steady_state",
    "linear_variance": "homogenization",
    "quantile_flow": "jko",
    "sinkhorn_divergence": "wasserstein",
    "step_moments": "homogenization",
    "two_scale_paths": "homogenization",
    "wasserstein_distance": "wasserstein",
}

__all__ = [
    "Characteristic",
    "CostToGo",
    "Evolution",
    "FiniteDifferences",
    "FokkerPlanck",
    "Grid",
    "GridFlow",
    "HopfLaxSolution",
    "LinearSteadyState",
    "OptimalControl",
    "QuantileFlow",
    "Relaxation",
    "StationaryDensity",
    "SteadyState",
    "StepMoments",
    "TwoScalePaths",
    "ViscousSolution",
    "averaged_drift",
    "averaged_path",
    "characteristic",
    "cole_hopf",
    "cost_to_go",
    "dirichlet_flow",
    "entropic_flow",
    "finite_differences",
    "grid_steady_state",
    "hopf_lax",
    "linear_steady_state",
    "linear_variance",
    "quantile_flow",
    "sinkhorn_divergence",
    "step_moments",
    "two_scale_paths",
    "wasserstein_distance",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
