"""Samplers: one file per algorithm; each takes a landscape and never imports one.

Their classes are imported when first used: `from mcmc.samplers import Metropolis, sample`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# At once, and not when first used: the module of the same name would else stand in the function's place.
from mcmc.samplers.sample import sample

if TYPE_CHECKING:
    from mcmc.samplers.adagrad import AdaGrad
    from mcmc.samplers.adam import Adam
    from mcmc.samplers.annealing import Annealing, Schedule, schedule
    from mcmc.samplers.coupling_tempering import CouplingTempering
    from mcmc.samplers.elastic_sgd import ElasticSGD
    from mcmc.samplers.entropy_presets import (
        ENTROPY_SGD_CODE,
        ENTROPY_SGD_LUA,
        ENTROPY_SGD_PAPER,
        PARLE_CODE,
        PARLE_PAPER,
    )
    from mcmc.samplers.entropy_sgd import EntropySGD
    from mcmc.samplers.grid_tempering import GridTempering
    from mcmc.samplers.heat_bath import HeatBath
    from mcmc.samplers.hmc import HMC
    from mcmc.samplers.inner_loop import LoopConventions
    from mcmc.samplers.langevin import Langevin
    from mcmc.samplers.learning_rates import LearningRates, constant_rate, cosine_rates, step_rates, warm_up
    from mcmc.samplers.mala import MALA
    from mcmc.samplers.metropolis import Metropolis
    from mcmc.samplers.over_relaxation import OverRelaxation
    from mcmc.samplers.parle import Parle
    from mcmc.samplers.proximal_point import ProximalPoint
    from mcmc.samplers.quench import Quench
    from mcmc.samplers.rejection_free import RejectionFree
    from mcmc.samplers.replicated import (
        CouplingSchedule,
        ReplicatedAnnealing,
        coupling_schedule,
        geometric_ramp,
        linear_ramp,
    )
    from mcmc.samplers.replicated_sgd import ReplicatedSGD
    from mcmc.samplers.rmsprop import RMSprop
    from mcmc.samplers.saga import SAGA
    from mcmc.samplers.scoping import Scoping, parle_scoping, scale_scoping
    from mcmc.samplers.sgd import SGD
    from mcmc.samplers.sghmc import SGHMC
    from mcmc.samplers.sgld import SGLD
    from mcmc.samplers.svrg import SVRG
    from mcmc.samplers.tempering import Tempering
    from mcmc.samplers.tempering_ladder import pilot_temperatures, place_temperatures
    from mcmc.samplers.wolff import Wolff

_FILES = {
    "ENTROPY_SGD_CODE": "entropy_presets",
    "ENTROPY_SGD_LUA": "entropy_presets",
    "ENTROPY_SGD_PAPER": "entropy_presets",
    "PARLE_CODE": "entropy_presets",
    "PARLE_PAPER": "entropy_presets",
    "HMC": "hmc",
    "MALA": "mala",
    "SAGA": "saga",
    "SGD": "sgd",
    "SGHMC": "sghmc",
    "SGLD": "sgld",
    "SVRG": "svrg",
    "AdaGrad": "adagrad",
    "Adam": "adam",
    "Annealing": "annealing",
    "CouplingSchedule": "replicated",
    "CouplingTempering": "coupling_tempering",
    "ElasticSGD": "elastic_sgd",
    "EntropySGD": "entropy_sgd",
    "GridTempering": "grid_tempering",
    "HeatBath": "heat_bath",
    "Langevin": "langevin",
    "LearningRates": "learning_rates",
    "LoopConventions": "inner_loop",
    "Metropolis": "metropolis",
    "OverRelaxation": "over_relaxation",
    "Parle": "parle",
    "ProximalPoint": "proximal_point",
    "Quench": "quench",
    "RMSprop": "rmsprop",
    "RejectionFree": "rejection_free",
    "ReplicatedAnnealing": "replicated",
    "ReplicatedSGD": "replicated_sgd",
    "Schedule": "annealing",
    "Scoping": "scoping",
    "Tempering": "tempering",
    "Wolff": "wolff",
    "constant_rate": "learning_rates",
    "cosine_rates": "learning_rates",
    "coupling_schedule": "replicated",
    "geometric_ramp": "replicated",
    "linear_ramp": "replicated",
    "parle_scoping": "scoping",
    "pilot_temperatures": "tempering_ladder",
    "place_temperatures": "tempering_ladder",
    "scale_scoping": "scoping",
    "schedule": "annealing",
    "step_rates": "learning_rates",
    "warm_up": "learning_rates",
}

__all__ = [
    "ENTROPY_SGD_CODE",
    "ENTROPY_SGD_LUA",
    "ENTROPY_SGD_PAPER",
    "HMC",
    "MALA",
    "PARLE_CODE",
    "PARLE_PAPER",
    "SAGA",
    "SGD",
    "SGHMC",
    "SGLD",
    "SVRG",
    "AdaGrad",
    "Adam",
    "Annealing",
    "CouplingSchedule",
    "CouplingTempering",
    "ElasticSGD",
    "EntropySGD",
    "GridTempering",
    "HeatBath",
    "Langevin",
    "LearningRates",
    "LoopConventions",
    "Metropolis",
    "OverRelaxation",
    "Parle",
    "ProximalPoint",
    "Quench",
    "RMSprop",
    "RejectionFree",
    "ReplicatedAnnealing",
    "ReplicatedSGD",
    "Schedule",
    "Scoping",
    "Tempering",
    "Wolff",
    "constant_rate",
    "cosine_rates",
    "coupling_schedule",
    "geometric_ramp",
    "linear_ramp",
    "parle_scoping",
    "pilot_temperatures",
    "place_temperatures",
    "sample",
    "scale_scoping",
    "schedule",
    "step_rates",
    "warm_up",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = value
    return value
