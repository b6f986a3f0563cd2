"""What run files of the perceptron experiments share: the kind of instance, sizes, alphas, and how instances are named.

An instance belongs to (n, P, instance number) and the seed of the run: experiments with the same seed see the same
patterns, and a grid that grows keeps those it has.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from runs.grid import Point, Positives, Sizes, point_seed
from runs.spec import RunSpec, Section

if TYPE_CHECKING:
    from perceptron.patterns import Patterns

MOST_PATTERNS = 2**24
"""As `perceptron.patterns.MOST`; importing it would slow every command."""


class Instances(Section):
    """How the patterns of an instance are drawn, and when a pattern is right: Delta >= margin sqrt(n)."""

    kind: Literal["binary", "gaussian"] = Field("binary", description="entries +-1, or normal")
    planted: bool = Field(False, description="labels given by random weights (teacher-student) and not at random")
    label_noise: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, validate_default=True, description="probability that a planted label is flipped"
    )
    tie: Literal["error", "correct"] | None = Field(
        None, description="what a stability of 0 counts as; needed by even n of binary patterns"
    )
    margin: float = Field(0.0, description="kappa, in units of sqrt(n)")

    @field_validator("label_noise")
    @classmethod
    def _noise_of_planted(cls, value: float, info: ValidationInfo) -> float:
        if value and info.data.get("planted") is False:
            raise ValueError("belongs to planted = true; random labels have no noise")
        return value

    @field_validator("tie")
    @classmethod
    def _tie_of_binary(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("kind") == "gaussian":
            raise ValueError("belongs to kind = binary; Gaussian stabilities are never 0")
        return value

    def draw(self, n: int, p: int, seed: int) -> "Patterns":
        """One instance; `seed` as `instance_seed` gives it."""
        from perceptron.patterns import planted_patterns, random_patterns

        tie = self.tie if n % 2 == 0 else None
        if self.planted:
            return planted_patterns(n, p=p, seed=seed, kind=self.kind, label_noise=self.label_noise, tie=tie)
        return random_patterns(n, p=p, seed=seed, kind=self.kind, tie=tie)


class InstanceGrid(Section):
    """Where to measure: sizes, patterns per weight, and how many instances of each."""

    n: Sizes = Field(description="weights; odd, unless patterns.tie says what a stability of 0 counts as")
    alpha: Positives = Field(description="patterns per weight; P = alpha n is rounded to a whole number")
    instances: Annotated[int, Field(ge=1)] = Field(
        description="instances of each (n, alpha), a total: raising it later adds to the run"
    )


class OnPatterns(RunSpec):
    """What every experiment on the perceptron has, before its `grid`."""

    patterns: Instances = Field(default_factory=lambda: Instances.model_validate({}))

    @field_validator("device")
    @classmethod
    def _on_the_cpu(cls, value: str) -> str:
        if value != "cpu":
            raise ValueError("the perceptron experiments run on the cpu; leave it out")
        return value


def pattern_count(n: int, alpha: float) -> int:
    """P of n weights at alpha: alpha n rounded half up, as `random_patterns` does."""
    return math.floor(alpha * n + 0.5)


def check_grid(grid: InstanceGrid, patterns: Instances | None) -> InstanceGrid:
    """The grid, for a validator. Raises ValueError for sizes or alphas that make no instances, all faults in one."""
    faults = []
    if patterns is not None and patterns.kind == "binary":
        even = [n for n in grid.n if n % 2 == 0]
        if even and patterns.tie is None:
            faults.append(
                f"n = {even[0]} is even and stabilities can be 0; take n odd, or say what 0 counts as with "
                'patterns.tie = "error" or "correct"'
            )
        if not even and patterns.tie is not None:
            faults.append(f'every n is odd, so no stability is 0; leave out patterns.tie = "{patterns.tie}"')
    for n in grid.n:
        counts = [pattern_count(n, alpha) for alpha in grid.alpha]
        if counts[0] < 1:
            faults.append(f"alpha = {grid.alpha[0]:g} makes no pattern of n = {n}; needs alpha >= {1 / n:.3g}")
        if counts[-1] >= MOST_PATTERNS:
            faults.append(f"alpha = {grid.alpha[-1]:g} makes {counts[-1]} patterns of n = {n}, more than can be held")
        same = next((i for i in range(len(counts) - 1) if counts[i] == counts[i + 1] > 0), None)
        if same is not None:
            a, b = grid.alpha[same : same + 2]
            faults.append(f"alpha = {a:g} and {b:g} both make P = {counts[same]} patterns of n = {n}; leave one out")
    if faults:
        raise ValueError("; ".join(faults))
    return grid


def instance_seed(seed: int, n: int, p: int, instance: int) -> int:
    """Seed of the patterns of one instance in [0, 2^64), from the seed of the run."""
    return point_seed(seed, f"patterns n-{n} p-{p} instance-{instance}")


def instance_of(patterns: Instances, seed: int, point: Point, instance: int | None = None) -> "Patterns":
    """The instance of a point with parameters n, alpha and, unless it is given here, instance."""
    where: Mapping[str, Any] = point.parameters
    n, p = where["n"], pattern_count(where["n"], where["alpha"])
    number = where["instance"] if instance is None else instance
    return patterns.draw(n, p, instance_seed(seed, n, p, number))
