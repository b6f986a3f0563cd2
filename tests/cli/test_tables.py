"""Numbers in print: errors in brackets, columns that line up."""

import numpy as np
import pytest
import xarray as xr

from runs import tables


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.89312, 0.0081, "0.893(8)"),
        (0.89312, 0.0123, "0.893(12)"),
        (-1.5, 0.25, "-1.50(25)"),
        (1234.5, 12.0, "1234(12)"),
        (1234.5, 310.0, "1200(300)"),
        (3.2e-7, 1.1e-8, "3.20(11)e-07"),
        (0.0, 0.004, "0.000(4)"),
        (2.0, 0.0, "2"),
        (0.5, float("nan"), "0.5"),
        (float("nan"), 0.1, "–"),
    ],
)
def test_a_value_with_its_error(value, error, text):
    assert tables.with_error(value, error) == text


def test_columns_line_up():
    lines = tables.align([["name", "mean"], ["energy", "1.25"], ["m", "-10.5"]])
    assert lines == ["name     mean", "energy   1.25", "m       -10.5"]


def test_results_become_tables_over_their_dimensions():
    results = xr.Dataset(
        {
            "t_bkt": ((), 0.8931, {"long_name": "transition temperature", "units": "J"}),
            "t_bkt_error": ((), 0.004),
            "energy": (("size", "temperature"), np.array([[-1.5, -1.0], [-1.4, np.nan]])),
            "energy_error": (("size", "temperature"), np.full((2, 2), 0.02)),
        },
        coords={"size": [8, 16], "temperature": ("temperature", [0.5, 1.0], {"units": "J"})},
    )
    single = tables.scalars(results)
    assert single is not None
    assert single.rows == [["transition temperature", "0.893(4)", "J"]]
    grids = list(tables.grids(results))
    assert [grid.title for grid in grids] == ["size = 8", "size = 16"]
    assert grids[0].rows == [["0.5", "-1.500(20)"], ["1", "-1.000(20)"]]
    assert grids[1].rows[1] == ["1", "–"]
    assert grids[0].headings == ["temperature (J)", "energy"]
