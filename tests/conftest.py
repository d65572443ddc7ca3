"""What holds for every test: no figure of time decides, so hypothesis times no example either."""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("noc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noc")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A job that a script starts in the background ignores Ctrl-C, and would hand that on to every process of a test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
