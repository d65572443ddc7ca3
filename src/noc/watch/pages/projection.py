"""Where a place lies on the map: the Natural Earth projection, on a picture of 1,000 units' width.

Tom Patterson's projection in the polynomial form of B. Šavrič, B. Jenny, T. Patterson, D. Petrovič and L. Hurni, "A
polynomial equation for the Natural Earth projection", Cartography and Geographic Information Science 38 (2011).
"""

from functools import lru_cache
from math import pi, radians
from typing import Final

WIDTH: Final = 1000
NORTH: Final = 84.0
SOUTH: Final = -56.0
"""Degrees of latitude between which the picture shows the world; nobody runs a node in Antarctica."""

_SCALE: Final = WIDTH / (2 * pi * 0.8707)


@lru_cache(maxsize=4096)
def project(latitude: float, longitude: float) -> tuple[float, float]:
    """A place (degrees) as x and y on the picture; y grows southwards from the northern edge."""
    x, y = _plane(latitude, longitude)
    return WIDTH / 2 + x * _SCALE, (_plane(NORTH, 0)[1] - y) * _SCALE


def _plane(latitude: float, longitude: float) -> tuple[float, float]:
    phi, lam = radians(latitude), radians(longitude)
    across = 0.8707 - 0.131979 * phi**2 - 0.013791 * phi**4 + 0.003971 * phi**10 - 0.001529 * phi**12
    up = phi * (1.007226 + 0.015085 * phi**2 - 0.044475 * phi**6 + 0.028874 * phi**8 - 0.005916 * phi**10)
    return lam * across, up


HEIGHT: Final = round(project(SOUTH, 0)[1])
