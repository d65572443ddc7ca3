"""A stand-in for AWS of each test's own."""

from collections.abc import Iterator

import pytest

from cloud_kit import Cloud, cloud


@pytest.fixture
def aws() -> Iterator[Cloud]:
    """An account in which everything is allowed."""
    with cloud() as served:
        yield served


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in is there at once; between questions nothing has to be waited for."""
    monkeypatch.setattr("noc.cloud.ec2.launch.POLL_S", 0.01)
    monkeypatch.setattr("noc.cloud.ec2.regions.POLL_S", 0.01)
