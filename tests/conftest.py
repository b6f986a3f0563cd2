"""Seeds and the --validate switch shared by every test."""

import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--validate", action="store_true", help="also run the long statistical suites")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--validate"):
        return
    skip = pytest.mark.skip(reason="long statistical suite: add --validate")
    for item in items:
        if item.get_closest_marker("validate"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def seed():
    """Base seed of the statistical tests; ENTROSCAPE_TEST_SEED rotates it."""
    return int(os.environ.get("ENTROSCAPE_TEST_SEED", "2026"))
