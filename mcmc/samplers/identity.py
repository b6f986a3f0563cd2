"""Which landscape a file of `sample` belongs to: what it says of itself, found wherever the sampler holds it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmc.errors import ArgumentError
from mcmc.landscape import IdentifiedLandscape
from mcmc.store.schema import RESERVED_ATTRIBUTES

if TYPE_CHECKING:
    import xarray

MEASURED, TOLERANCE = "measured_", "measured_tolerance"


def identified(sampler: Any) -> IdentifiedLandscape | None:
    """The landscape, or data set, with an identity that a sampler works on, also through wrapped samplers."""
    if isinstance(sampler, IdentifiedLandscape):
        return sampler
    if not hasattr(sampler, "step"):
        return None
    found = (identified(value) for name, value in sorted(vars(sampler).items()) if not name.startswith("_"))
    return next((landscape for landscape in found if landscape is not None), None)


def identity_attributes(sampler: Any, taken: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Identity of a sampler's landscape as attributes of a file, empty without one.

    Raises ArgumentError for a name that is `taken` or the store's own, or a value that is no text or number.
    """
    landscape = identified(sampler)
    said: dict[str, str | int | float] = {}
    for name, value in ({} if landscape is None else landscape.identity()).items():
        plain = value.item() if isinstance(value, np.generic) else value
        if name in taken or name in RESERVED_ATTRIBUTES:
            raise ArgumentError(f"identity: {name} is an attribute that sample() writes itself; take another name")
        if not isinstance(plain, (str, int, float)):
            raise ArgumentError(f"identity: {name} is {type(value).__name__}; text or a number is needed")
        said[name] = plain
    return said


def alike(name: str, found: Any, wanted: Any, said: Mapping[str, Any]) -> bool:
    """Whether an attribute of a file is the one `wanted` now; `said` are all of those.

    Numbers whose name begins with `measured_` are floating-point results, and may differ between machines by a share
    `measured_tolerance` of them.
    """
    if not name.startswith(MEASURED) or isinstance(found, str) or name == TOLERANCE:
        return bool(found == wanted)
    return bool(abs(found - wanted) <= said[TOLERANCE] * max(abs(found), abs(wanted)))


def disorder(sampler: Any) -> "xarray.Dataset | None":
    """Quenched disorder of a sampler's landscape, to be kept with its draws; None where it offers none."""
    to_dataset = getattr(identified(sampler), "to_dataset", None)
    return None if to_dataset is None else to_dataset()
