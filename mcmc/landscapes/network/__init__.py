"""Losses of neural networks as smooth landscapes: a built-in multilayer network, any torch module, data sets.

Names are imported when first used: `from mcmc.landscapes.network import mlp, NetworkLoss, digits`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcmc.landscapes.network.data import Data
    from mcmc.landscapes.network.datasets import digits, from_torch, teacher_student
    from mcmc.landscapes.network.images import fashion_mnist, idx_folder, pooled
    from mcmc.landscapes.network.multilayer import MLP, mlp
    from mcmc.landscapes.network.torch_loss import NetworkLoss

_FILES = {
    "Data": "data",
    "MLP": "multilayer",
    "NetworkLoss": "torch_loss",
    "digits": "datasets",
    "fashion_mnist": "images",
    "from_torch": "datasets",
    "idx_folder": "images",
    "mlp": "multilayer",
    "pooled": "images",
    "teacher_student": "datasets",
}

__all__ = [
    "MLP",
    "Data",
    "NetworkLoss",
    "digits",
    "fashion_mnist",
    "from_torch",
    "idx_folder",
    "mlp",
    "pooled",
    "teacher_student",
]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
