"""The store's tests look at what is in files, never at what a power cut would leave."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_medium():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
