"""Packages that only some landscapes need, imported when those are asked for."""

from importlib import import_module
from typing import Any

from mcmc.errors import LandscapeError

INSTALL = "pip install 'entroscape[networks]'"


def optional_module(name: str, needed_by: str) -> Any:
    """The module `name`. Raises LandscapeError, with the install command, when it is not there."""
    try:
        return import_module(name)
    except ImportError as error:
        package = {"sklearn": "scikit-learn"}.get(name.split(".")[0], name.split(".")[0])
        raise LandscapeError(f"{needed_by}: {package} is not installed; {INSTALL}") from error
