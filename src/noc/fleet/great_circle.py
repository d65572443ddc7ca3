"""How far apart two places are, and how long light in glass takes for that."""

import math
from typing import Protocol

EARTH_KM = 6371.0
FIBRE_KM_PER_MS = 200.0
"""Light in glass: two thirds of its speed in vacuum."""


class Place(Protocol):
    """Whatever has a latitude and a longitude, in degrees."""

    @property
    def latitude(self) -> float:
        """Degrees north."""

    @property
    def longitude(self) -> float:
        """Degrees east."""


def round_trip_ms(one: Place, other: Place) -> float:
    """The round trip in milliseconds that light in glass takes along the great circle: no real path is shorter."""
    lat1, lon1, lat2, lon2 = map(math.radians, (one.latitude, one.longitude, other.latitude, other.longitude))
    half_chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * (2 * EARTH_KM * math.asin(math.sqrt(min(1.0, half_chord)))) / FIBRE_KM_PER_MS
