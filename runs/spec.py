"""Models of run files: strict, nothing unknown, and every fault of a file told at once.

A fault reads `grid.size[2] = -4: needs an integer >= 2`; an unknown key names the nearest known one.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mcmc.errors import SpecError


class Section(BaseModel):
    """A table of a run file: strict types, unknown keys forbidden, finite numbers only."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class RunSpec(Section):
    """What every run file has; each experiment's own model adds its tables."""

    experiment: str = Field(description="kind of experiment, or module:Class of your own")
    seed: Annotated[int, Field(ge=0, lt=2**64)] = Field(0, description="seed of all random numbers")
    device: Literal["cpu", "cuda"] = Field("cpu", description="processor of the sweeps")

    def require(self) -> None:
        """Raise an EntroscapeError, with the install command, where data that the points need are not there."""


Model = TypeVar("Model", bound=BaseModel)


class Says(NamedTuple):
    """Metadata of an annotated type: what it allows, in words, for faults and for `entroscape list`."""

    text: str


class Key(NamedTuple):
    """One key of a run file, as `entroscape list` shows it."""

    path: str
    allowed: str
    default: str
    description: str


def validate(model: type[Model], data: Mapping[str, Any], source: str) -> Model:
    """The model filled from a table of a run file. Raises SpecError with every fault."""
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        faults = [_fault(model, data, dict(item)) for item in error.errors(include_url=False)]
        raise SpecError(source, list(dict.fromkeys(faults))) from None


def keys(model: type[BaseModel], prefix: str = "") -> list[Key]:
    """Every key of a model, tables flattened to dotted paths."""
    found: list[Key] = []
    for name, field in model.model_fields.items():
        tables = list(_tables(field.annotation))
        if tables and not _says(field):
            inner = [key for table in tables for key in keys(table, f"{prefix}{name}.")]
            found.extend({key.path: key for key in reversed(inner)}.values().__reversed__())
            continue
        default = field.get_default(call_default_factory=True, validated_data={})
        text = "needed" if default is PydanticUndefined else show_value(default)
        found.append(Key(prefix + name, allowed(field), text, field.description or ""))
    return found


def allowed(field: FieldInfo) -> str:
    """What a field takes, in words."""
    said = _says(field)
    if said:
        return said
    marks = list(_metadata(field))
    bounds = [
        f"{sign} {getattr(mark, name)}" for mark in marks for name, sign in _BOUNDS.items() if hasattr(mark, name)
    ]
    return f"{_type_name(field.annotation)} {' and '.join(bounds)}".strip()


def nearest(word: str, known: list[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, or None when none comes near (`cutoff`, 0 to 1)."""
    close = difflib.get_close_matches(word.lower(), [item.lower() for item in known], n=1, cutoff=cutoff)
    return next((item for item in known if close and item.lower() == close[0]), None)


def show_value(value: Any) -> str:
    """A value as a run file would write it, cut to 60 characters."""
    text = "none" if value is None else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


_BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}

_WORDS: dict[Any, str] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "true or false",
    type(None): "none",
}

_NEEDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
    "greater_than": "a number > {gt}",
    "greater_than_equal": "a number >= {ge}",
    "less_than": "a number < {lt}",
    "less_than_equal": "a number <= {le}",
    "literal_error": "one of {expected}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
}


def _fault(model: type[BaseModel], data: Mapping[str, Any], error: dict[str, Any]) -> str:
    places, value = _places(error["loc"], data, missing=error["type"] == "missing")
    path = _path(places) or "the file"
    if error["type"] == "extra_forbidden":
        return _unknown(model, places, path)
    if error["type"] == "missing":
        field = _field(model, places)
        return f"{path}: missing; needs {allowed(field) if field else 'a value'}"
    if error["type"] == "value_error":
        return f"{path}{_equals(places, value)}: {error['ctx']['error']}"
    context = {name: _plain(item) for name, item in error.get("ctx", {}).items()}
    template = _NEEDS.get(error["type"])
    needs = template.format(**context) if template else error["msg"].removeprefix("Input should be ")
    hint = ""
    if error["type"] == "literal_error" and isinstance(value, str):
        close = nearest(value, re.findall(r"'([^']*)'", context["expected"]), cutoff=0.7)
        hint = f"; did you mean '{close}'?" if close else ""
    return f"{path}{_equals(places, value)}: needs {needs}{hint}"


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _equals(places: list[str | int], value: Any) -> str:
    return f" = {show_value(value)}" if places and not isinstance(value, Mapping) else ""


def _unknown(model: type[BaseModel], places: list[str | int], path: str) -> str:
    word = str(places[-1])
    tables = list(_walk(model, places[:-1]))
    siblings = list(dict.fromkeys(name for table in tables for name in table.model_fields))
    others = {key.path.rsplit(".", 1)[-1]: key.path for key in keys(model)}
    close = others.get(word) or nearest(word, siblings) or others.get(nearest(word, list(others)) or "")
    hint = f"did you mean {close}? " if close else ""
    return f"{path}: unknown key; {hint}known here: {', '.join(siblings)}"


def _places(location: tuple[str | int, ...], data: Any, missing: bool) -> tuple[list[str | int], Any]:
    """A fault's place in the file itself: pydantic's location without the tags of unions."""
    places: list[str | int] = []
    value = data
    for index, part in enumerate(location):
        if isinstance(part, str) and isinstance(value, Mapping):
            if part in value:
                places.append(part)
                value = value[part]
            elif missing and index == len(location) - 1:
                places.append(part)
        elif isinstance(part, int) and isinstance(value, list) and part < len(value):
            places.append(part)
            value = value[part]
    return places, value


def _path(places: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in places).lstrip(".")


def _walk(model: type[BaseModel], places: list[str | int]) -> Iterator[type[BaseModel]]:
    if not places:
        yield model
    elif isinstance(places[0], int):
        yield from _walk(model, places[1:])
    elif places[0] in model.model_fields:
        for table in _tables(model.model_fields[str(places[0])].annotation):
            yield from _walk(table, places[1:])


def _field(model: type[BaseModel], places: list[str | int]) -> FieldInfo | None:
    fields = (table.model_fields.get(str(places[-1])) for table in _walk(model, places[:-1]))
    return next((field for field in fields if field is not None), None)


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from _tables(part)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    yield from field.metadata
    pending = [field.annotation]
    while pending:
        annotation = pending.pop()
        if get_origin(annotation) is Annotated:
            yield from get_args(annotation)[1:]
            pending.append(get_args(annotation)[0])


def _says(field: FieldInfo) -> str | None:
    return next((item.text for item in _metadata(field) if isinstance(item, Says)), None)


def _type_name(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        said = next((item.text for item in parts[1:] if isinstance(item, Says)), None)
        return said or _type_name(parts[0])
    if origin is Literal:
        return " | ".join(str(part) for part in parts)
    if origin is list:
        return f"list of {_type_name(parts[0])}"
    if origin is Union or str(origin) == "<class 'types.UnionType'>":
        return " or ".join(_type_name(part) for part in parts if part is not type(None))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a table"
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
