"""Packages that only some landscapes need, imported when those are asked for."""

from importlib import import_module
from typing import Any

from mcmc.errors import LandscapeError

EXTRAS = {"cupy": "cuda"}
"""The extra of Entroscape that has a package, where it is not `networks`."""


def optional_module(name: str, needed_by: str) -> Any:
    """The module `name`. Raises LandscapeError, with the install command, when it is not there."""
    try:
        return import_module(name)
    except ImportError as error:
        root = name.partition(".")[0]
        package, extra = {"sklearn": "scikit-learn"}.get(root, root), EXTRAS.get(root, "networks")
        raise LandscapeError(f"{needed_by}: {package} is not installed; pip install 'entroscape[{extra}]'") from error
