"""Losses of neural networks as smooth landscapes: a built-in multilayer network, any torch module, data sets.

Names are imported when first used: `from mcmc.landscapes.network import mlp, NetworkLoss, digits`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.landscapes.network.data import Data
    from mcmc.landscapes.network.multilayer import MLP, mlp

_FILES = {"Data": "data", "MLP": "multilayer", "mlp": "multilayer"}

__all__ = ["MLP", "Data", "mlp"]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
