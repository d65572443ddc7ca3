"""What the tests of HQ share."""

import shutil
from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.fleet.model import Fleet

EXAMPLE = Path(__file__).parents[3] / "fleet"


def example_fleet() -> Fleet:
    return load(EXAMPLE)


def program(name: str) -> str:
    """The path of a program that judges a configuration; the test is left out where it is not installed."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        pytest.skip(f"{name} is not installed here")
    return path
