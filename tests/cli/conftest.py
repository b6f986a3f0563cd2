"""Fixtures of the command-line tests."""

from pathlib import Path

import pytest


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are laid out by the experiment but not rendered, which takes most of their time."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"figure"))
