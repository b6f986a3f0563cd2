"""Activation functions with their derivatives in terms of the activation itself, so that nothing else is kept."""

from typing import Any, NamedTuple, Protocol

import numpy as np


class Activation(Protocol):
    """h = a(z), applied in place, with a' and a'' as functions of h."""

    def apply(self, z: Any) -> Any:
        """a(z), in the memory of z."""
        ...

    def slope(self, h: Any) -> Any:
        """a' at the z that gave h."""
        ...

    def curvature(self, h: Any) -> Any:
        """a'' at the z that gave h."""
        ...


class Tanh(NamedTuple):
    """tanh z."""

    def apply(self, z):
        """tanh z."""
        return np.tanh(z, out=z)

    def slope(self, h):
        """1 - h^2."""
        return 1.0 - h * h

    def curvature(self, h):
        """-2 h (1 - h^2)."""
        return -2.0 * h * (1.0 - h * h)


class ReLU(NamedTuple):
    """max(z, 0); at 0 the slope is 0, as torch has it."""

    def apply(self, z):
        """max(z, 0)."""
        return np.maximum(z, 0.0, out=z)

    def slope(self, h):
        """1 where h > 0."""
        return (h > 0).astype(h.dtype)

    def curvature(self, h):
        """0 everywhere but in the kink, where it is left out."""
        return np.zeros_like(h)


class Softplus(NamedTuple):
    """ln(1 + e^z)."""

    def apply(self, z):
        """ln(1 + e^z)."""
        return np.logaddexp(z, 0.0, out=z)

    def slope(self, h):
        """1 - e^-h."""
        return -np.expm1(-h)

    def curvature(self, h):
        """e^-h (1 - e^-h)."""
        return -np.exp(-h) * np.expm1(-h)


class Identity(NamedTuple):
    """z: a linear network."""

    def apply(self, z):
        """z."""
        return z

    def slope(self, h):
        """1."""
        return np.ones_like(h)

    def curvature(self, h):
        """0."""
        return np.zeros_like(h)


ACTIVATIONS: dict[str, Activation] = {
    "tanh": Tanh(),
    "relu": ReLU(),
    "softplus": Softplus(),
    "identity": Identity(),
}
