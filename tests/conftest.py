"""What holds for every test: no figure of time decides, so hypothesis times no example either."""

from hypothesis import HealthCheck, settings

settings.register_profile("noc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noc")
