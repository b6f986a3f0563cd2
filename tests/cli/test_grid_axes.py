"""Axes of a grid, the names of its points, and their seeds."""

import pytest
from pydantic import TypeAdapter, ValidationError

from runs.grid import Sizes, Temperatures, point, point_seed, points

temperatures = TypeAdapter(Temperatures).validate_python
sizes = TypeAdapter(Sizes).validate_python


def test_a_range_gives_decimals_as_people_write_them():
    assert temperatures({"start": 0.4, "stop": 1.0, "num": 7}) == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_a_list_is_put_in_order_and_a_number_is_a_list_of_one():
    assert temperatures([1.0, 0.5]) == [0.5, 1.0]
    assert temperatures(0.9) == [0.9]


def test_integer_ranges_stay_integers():
    assert sizes({"start": 8, "stop": 64, "num": 4, "spacing": "geometric"}) == [8, 16, 32, 64]
    assert sizes({"start": 4, "stop": 8, "num": 3}) == [4, 6, 8]
    with pytest.raises(ValidationError, match=r"not whole numbers: 4, 5.5, 7"):
        sizes({"start": 4, "stop": 7, "num": 3})


def test_the_grid_is_a_product_named_by_its_parameters():
    grid = points({"size": [8, 16], "temperature": [0.5, 0.9]})
    assert [item.name for item in grid][:3] == [
        "size-8_temperature-0.5",
        "size-8_temperature-0.9",
        "size-16_temperature-0.5",
    ]
    assert grid[3].parameters == {"size": 16, "temperature": 0.9}
    assert point(over_relaxation=4).name == "over-relaxation-4"


def test_seeds_of_points_differ_and_follow_from_the_name_alone():
    seeds = {point_seed(2026, f"size-{size}") for size in range(2, 200)}
    assert len(seeds) == 198
    assert all(0 <= seed < 2**64 for seed in seeds)
    assert point_seed(2026, "size-8") == point_seed(2026, "size-8") != point_seed(2027, "size-8")
