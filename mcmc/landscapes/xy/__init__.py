"""The XY model on any graph."""

from mcmc.landscapes.xy.model import XYModel

__all__ = ["XYModel"]
