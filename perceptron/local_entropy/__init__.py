"""Local entropy of the binary perceptron by its own means: exact enumeration, and belief propagation in a field.

Names are imported when first used: `from perceptron.local_entropy import enumeration, bethe`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perceptron.local_entropy.by_belief_propagation import bethe
    from perceptron.local_entropy.by_enumeration import enumeration

# Files are not named after their functions: importing a file binds its name in the package.
_FILES = {"bethe": "by_belief_propagation", "enumeration": "by_enumeration"}

__all__ = ["bethe", "enumeration"]


def __getattr__(name: str):
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__():
    return __all__
