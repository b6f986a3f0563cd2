"""Grids of points: axes written as a list or as {start, stop, num}, and what a point is called.

A point's file name and seed follow from its own parameters: a grid can grow without touching what is done.
"""

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from runs.spec import Says, Section

Item = TypeVar("Item", int, float)

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Size = Annotated[int, Field(ge=2)]


class Range(Section, Generic[Item]):
    """Evenly spaced values, ends included."""

    start: Item
    stop: Item
    num: Annotated[int, Field(ge=2)]
    spacing: Literal["linear", "geometric"] = "linear"


@dataclass(frozen=True)
class Point:
    """One task of a run: what it is called (its file is points/<name>.h5) and where on the grid it lies."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def points(axes: Mapping[str, Sequence[Any]]) -> list[Point]:
    """The product of the axes, last axis fastest, each point named by its parameters."""
    names = list(axes)
    combinations = itertools.product(*axes.values())
    return [point(**dict(zip(names, values, strict=True))) for values in combinations]


def point(**parameters: Any) -> Point:
    """A point named by its parameters: `size-16_temperature-0.9`."""
    name = "_".join(f"{key.replace('_', '-')}-{_short(value)}" for key, value in parameters.items())
    return Point(name or "all", parameters)


def point_seed(seed: int, name: str) -> int:
    """Seed in [0, 2^64) of one point, from the run's seed and the point's name.

    Points must not share random numbers: sizes run with one seed would be correlated with each other.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _short(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, (list, dict)) else [value]


def _form(value: Any) -> str:
    return "range" if isinstance(value, (dict, Range)) else "list"


def _expand(value: Any) -> list[Any]:
    """Values of an axis, ascending. Raises ValueError for repeated values and for a range without them."""
    values = _range_values(value) if isinstance(value, Range) else list(value)
    repeated = next((item for item in values if values.count(item) > 1), None)
    if repeated is not None:
        raise ValueError(f"has {_short(repeated)} more than once; each value of an axis stands once")
    return sorted(values)


def _range_values(axis: Range) -> list[Any]:
    start, stop, steps = axis.start, axis.stop, axis.num - 1
    if axis.spacing == "geometric":
        if not start * stop > 0:
            raise ValueError("geometric spacing needs start and stop of one sign, neither zero")
        values = [start * (stop / start) ** (i / steps) for i in range(axis.num)]
    else:
        values = [start + (stop - start) * i / steps for i in range(axis.num)]
    # Twelve digits make 0.1 steps read 0.3, not 0.30000000000000004, in file names and coordinates.
    values = [float(f"{value:.12g}") for value in values]
    if isinstance(start, int) and isinstance(stop, int):
        if not all(math.isclose(value, round(value)) for value in values):
            raise ValueError(f"gives values that are not whole numbers: {', '.join(map(_short, values))}")
        return [round(value) for value in values]
    return values


if TYPE_CHECKING:
    Positives = list[float]
    NonNegatives = list[float]
    Sizes = list[int]
else:
    Positives = Annotated[
        Annotated[list[Positive], Field(min_length=1), Tag("list")] | Annotated[Range[Positive], Tag("range")],
        Discriminator(_form),
        BeforeValidator(_as_list),
        AfterValidator(_expand),
        Says("numbers > 0: a list, or {start, stop, num}"),
    ]
    NonNegatives = Annotated[
        Annotated[list[NonNegative], Field(min_length=1), Tag("list")] | Annotated[Range[NonNegative], Tag("range")],
        Discriminator(_form),
        BeforeValidator(_as_list),
        AfterValidator(_expand),
        Says("numbers >= 0: a list, or {start, stop, num}"),
    ]
    Sizes = Annotated[
        Annotated[list[Size], Field(min_length=1), Tag("list")] | Annotated[Range[Size], Tag("range")],
        Discriminator(_form),
        BeforeValidator(_as_list),
        AfterValidator(_expand),
        Says("integers >= 2: a list, or {start, stop, num}"),
    ]

Temperatures = Positives
