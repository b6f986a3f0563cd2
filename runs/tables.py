"""Numbers as people read them: values with their error in brackets, columns that line up."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import xarray

MOST_TABLES = 40


class Table(NamedTuple):
    """A table of a report: title, one heading per column, rows of ready text."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def with_error(value: float, error: float | None = None) -> str:
    """`0.893(8)`, `0.893(12)`: one digit of error, two when it starts with 1 or 2; no error, no brackets."""
    value = float(value)
    if error is None or not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return plain(value)
    largest = max(abs(value), error)
    if not 1e-4 <= largest < 1e7:
        power = math.floor(math.log10(largest))
        return f"{with_error(value / 10.0**power, error / 10.0**power)}e{power:+03d}"
    leading = math.floor(math.log10(error))
    places = -leading + (1 if error / 10.0**leading < 2.95 else 0)
    if places > 0:
        return f"{value:.{places}f}({round(error * 10**places)})"
    unit = 10**-places
    return f"{round(value / unit) * unit}({round(error / unit) * unit})"


def plain(value: Any) -> str:
    """A number without an error, five digits; whole numbers whole; an en dash where there is none."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float)):
        return str(value)
    if math.isnan(value):
        return "–"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e7 else f"{value:.5g}"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with the columns of `rows` lined up, first column left, numbers right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = [i > 0 and all(_numeric(row[i]) for row in rows[1:]) for i in range(len(widths))]
    return [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def scalars(results: "xarray.Dataset") -> Table | None:
    """The single numbers of a results file, each with its error."""
    names = [name for name in _values(results) if results[name].ndim == 0]
    rows = [[long_name(results, name), _cell(results, name, ()), _units(results, name)] for name in names]
    return Table("Results", ["quantity", "value", "units"], rows) if rows else None


def grids(results: "xarray.Dataset") -> Iterator[Table]:
    """One table per place on the outer dimensions: a row per value of the last one, a column per variable."""
    names = [name for name in _values(results) if results[name].ndim > 0]
    shapes = list(dict.fromkeys(results[name].dims for name in names))
    made = 0
    for dims in shapes:
        columns = [name for name in names if results[name].dims == dims]
        outer = [results[dim].values if dim in results.coords else range(results.sizes[dim]) for dim in dims[:-1]]
        inner = results[dims[-1]].values if dims[-1] in results.coords else range(results.sizes[dims[-1]])
        for place in product(*(range(len(values)) for values in outer)):
            if made >= MOST_TABLES:
                return
            made += 1
            said = [f"{dim} = {plain(_item(outer[i][place[i]]))}" for i, dim in enumerate(dims[:-1])]
            rows = [
                [plain(_item(row)), *(_cell(results, name, (*place, i)) for name in columns)]
                for i, row in enumerate(inner)
            ]
            title = ", ".join(said) or f"Against {dims[-1]}"
            yield Table(title, [_heading(results, str(name)) for name in (dims[-1], *columns)], rows)


def long_name(results: "xarray.Dataset", name: str) -> str:
    """What a variable is called in print."""
    return str(results[name].attrs.get("long_name", name.replace("_", " ")))


def _values(results: "xarray.Dataset") -> list[str]:
    return [
        str(name)
        for name in results.data_vars
        if results[name].dtype.kind in "fiub" and not (str(name).endswith("_error") and str(name)[:-6] in results)
    ]


def _cell(results: "xarray.Dataset", name: str, place: tuple[int, ...]) -> str:
    value = _item(results[name].values[place])
    partner = f"{name}_error"
    if partner not in results or results[partner].shape != results[name].shape:
        return plain(value)
    return with_error(value, float(results[partner].values[place]))


def _heading(results: "xarray.Dataset", name: str) -> str:
    units = _units(results, name) if name in results else ""
    said = long_name(results, name) if name in results else name
    return f"{said} ({units})" if units else said


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _units(results: "xarray.Dataset", name: str) -> str:
    units = str(results[name].attrs.get("units", ""))
    return "" if units in ("1", "dimensionless") else units


def _numeric(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in "-–." or cell == ""
