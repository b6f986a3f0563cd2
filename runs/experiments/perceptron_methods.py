"""Solvers as run files name them: methods and their options."""

import difflib
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationError, ValidationInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from mcmc.errors import ArgumentError, LandscapeError, MemoryLimitError
from perceptron.solvers import METHODS, options
from runs.spec import Says

if TYPE_CHECKING:
    from perceptron.solvers import Solution

UNITS = {
    "reinforced_bp": "sweeps",
    "focusing_bp": "sweeps",
    "max_sum": "sweeps",
    "sbpi": "presentations",
    "cpr": "presentations",
    "annealing": "sweeps",
    "replicated_annealing": "sweeps",
    "entropy_driven": "sweeps",
    "replicated_sgd": "presentations",
    "sgd": "presentations",
}
"""What `Solution.work` of each method counts."""

LENGTHS = ("sweeps", "max_sweeps", "max_epochs")
"""Options that say how long a search may take: cut to FEW where a method is tried out."""

FEW = 10


def passes(found: "Solution", n: int, p: int) -> float:
    """Work of a search in one measure for all methods: n flips tried, or p presentations, or every message updated.

    Flips and presentations are of one weight vector: those of all replicas count.
    """
    if "attempts" in found.history:
        return float(found.history["attempts"][-1]) / n
    return found.work / {"sweeps": 1, "presentations": p}[found.work_unit]


def known_method(value: str) -> str:
    """The name of a method. Raises ValueError with the nearest."""
    if value not in METHODS:
        raise ValueError(f"no such solver; {_nearest(value, METHODS)}known: {', '.join(METHODS)}")
    return value


def _distinct(value: list[str]) -> list[str]:
    repeated = next((item for item in value if value.count(item) > 1), None)
    if repeated is not None:
        raise ValueError(f"has {repeated} more than once; each value of an axis stands once")
    return value


def checked_options(tables: Any, info: ValidationInfo) -> dict[str, dict[str, Any]]:
    """Options by method, as a validator of the table `solver`. Raises ValidationError with every fault.

    Methods and options must exist, and values have the type of the default; their ranges the solver itself checks, on
    an instance of three weights.
    """
    kind = getattr(info.data.get("patterns"), "kind", "binary")
    if not isinstance(tables, Mapping):
        raise ValueError("needs a table of options for each method, as in [solver.sbpi]")
    faults = _Faults()
    for method, table in tables.items():
        if method not in METHODS:
            faults.add((method,), table, f"no such solver; {_nearest(method, METHODS)}known: {', '.join(METHODS)}")
        elif not isinstance(table, Mapping):
            faults.add((method,), table, f"needs a table of options, as in [solver.{method}]")
        else:
            known = options(method)
            for name, value in table.items():
                if name not in known:
                    said = f"no option of {method}; {_nearest(name, known)}its options: {', '.join(known)}"
                    faults.add((method, name), value, said)
                elif needed := _wrong_type(value, known[name]):
                    faults.add((method, name), value, f"needs {needed}")
            if not faults.of(method) and table and (refused := _refusal(method, table, kind)):
                name, said = refused
                faults.add((method, name) if name else (method,), table.get(name, dict(table)), said)
    faults.tell()
    return {method: dict(table) for method, table in tables.items()}


def check_limits(tables: Mapping[str, Mapping[str, Any]], methods: Sequence[str], shared: Sequence[str]) -> None:
    """Raises ValidationError, in a validator of the table `solver`, for other methods and for options set elsewhere."""
    faults = _Faults()
    for method, table in tables.items():
        if method not in methods:
            faults.add((method,), table, f"is not run here; known: {', '.join(methods)}")
        for name in shared:
            if name in table:
                faults.add((method, name), table[name], "is set for all methods by [search]; leave it out")
    faults.tell()


class _Faults:
    """Faults inside one key, each with a place of its own."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    def add(self, place: tuple[str, ...], value: Any, text: str) -> None:
        fault = PydanticCustomError("value_error", "{error}", {"error": text})
        self._found.append(InitErrorDetails(type=fault, loc=place, input=value))

    def of(self, method: str) -> bool:
        return any(fault.get("loc", ())[:1] == (method,) for fault in self._found)

    def tell(self) -> None:
        if self._found:
            raise ValidationError.from_exception_data("solver", self._found)


if TYPE_CHECKING:
    MethodNames = list[str]
    SolverOptions = dict[str, dict[str, Any]]
else:
    MethodNames = Annotated[
        list[Annotated[str, AfterValidator(known_method)]],
        Field(min_length=1),
        AfterValidator(_distinct),
        Says("names of solvers"),
    ]
    SolverOptions = Annotated[
        dict[str, Any], PlainValidator(checked_options), Says("a table of options for each method")
    ]


def options_text(method: str, given: Mapping[str, Any]) -> str:
    """All options that a method runs with, as JSON: what a file of solutions was made with."""
    return json.dumps({**options(method), **given}, sort_keys=True, default=str)


def _refusal(method: str, table: Mapping[str, Any], kind: Any) -> tuple[str, str] | None:
    """Option that the method refuses (empty where it names none) and why; None where it takes them all."""
    from perceptron import random_patterns, solve

    known = options(method)
    given = dict(table)
    for name in LENGTHS:
        length = given.get(name, known.get(name))
        if isinstance(length, int) and length > FEW:
            given[name] = FEW
    try:
        with warnings.catch_warnings(action="ignore"):
            solve(random_patterns(3, p=1, kind=kind), method, **given)
    except (ArgumentError, LandscapeError, MemoryLimitError) as error:
        name, _, said = str(error).partition(": ")
        # Message and place both have the value: `got -5; a number ...`.
        return (name, said.partition("; ")[2] or said) if name in table else ("", str(error))
    return None


def _wrong_type(value: Any, default: Any) -> str | None:
    """What is needed in place of `value`; None when it will do."""
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if isinstance(default, int):
        return None if isinstance(value, int) and not isinstance(value, bool) else "an integer"
    if isinstance(default, float):
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "a number"
    if isinstance(default, str):
        return None if isinstance(value, str) else "text"
    # No text option of any method is left out by default.
    return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "a number"


def _nearest(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""
