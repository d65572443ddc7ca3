"""What holds for every test: no figure of time decides, so hypothesis times no example either.

What a change must pass is the same for every change: there, properties are held to the same examples each time.
"""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("noc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("noc-ci", settings.get_profile("noc"), derandomize=True)
settings.load_profile("noc-ci" if os.environ.get("CI") else "noc")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job that a script starts in the background ignores Ctrl-C, and would hand that on to every process of a test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    # As below nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def signals_are_left_as_they_were() -> Iterator[None]:
    """The activator ignores signals while it turns back; in this process that would go for every later test, too."""
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
