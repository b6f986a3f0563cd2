"""The binary perceptron and its kin: instances, landscapes, enumeration, message passing, solvers, replica theory.

Names are imported when first used: `from perceptron import random_patterns, BinaryPerceptron, theory`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceptron import theory
    from perceptron.clusters import solution_clusters
    from perceptron.coupled import Replicated, WithReference
    from perceptron.cuda_model import device_model
    from perceptron.enumeration import enumerate_configurations
    from perceptron.landscape import BinaryPerceptron, SymmetricPerceptron
    from perceptron.message_passing import belief_propagation
    from perceptron.patterns import Patterns, from_arrays, planted_patterns, random_patterns
    from perceptron.smooth import SmoothPerceptron
    from perceptron.solvers import solve

_FILES = {
    "BinaryPerceptron": "landscape",
    "Patterns": "patterns",
    "Replicated": "coupled",
    "SmoothPerceptron": "smooth",
    "SymmetricPerceptron": "landscape",
    "WithReference": "coupled",
    "belief_propagation": "message_passing",
    "device_model": "cuda_model",
    "enumerate_configurations": "enumeration",
    "from_arrays": "patterns",
    "planted_patterns": "patterns",
    "random_patterns": "patterns",
    "solution_clusters": "clusters",
    "solve": "solvers",
}

__all__ = [
    "BinaryPerceptron",
    "Patterns",
    "Replicated",
    "SmoothPerceptron",
    "SymmetricPerceptron",
    "WithReference",
    "belief_propagation",
    "device_model",
    "enumerate_configurations",
    "from_arrays",
    "planted_patterns",
    "random_patterns",
    "solution_clusters",
    "solve",
    "theory",
]


def __getattr__(name: str):
    if name == "theory":
        return import_module("perceptron.theory")
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
