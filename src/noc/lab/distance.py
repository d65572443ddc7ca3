"""Distance: a relay that holds every frame of a machine back for half a round trip, each way.

The kernel's netem would do the same and is not in every kernel. A machine's port moves to a switch of its own, which
two TAP devices join to the public one (https://docs.kernel.org/networking/tuntap.html); what comes out of one goes
into the other, later.
"""

import asyncio
import contextlib
import fcntl
import math
import os
import struct
from collections import deque

from noc.lab.commands import run
from noc.lab.machines import Machine
from noc.lab.network import SWITCH

EARTH_KM = 6371.0
FIBRE_KM_PER_MS = 200.0
"""Light in glass: two thirds of its speed in vacuum."""
FRAME_BYTES = 65536
QUEUE_FRAMES = 10_000
_TUNSETIFF = 0x400454CA
_IFF_TAP_NO_PI = 0x1002


def round_trip_ms(one: Machine, other: Machine) -> float:
    """The round trip in milliseconds that light in glass takes along the great circle: no real path is shorter."""
    lat1, lon1, lat2, lon2 = map(math.radians, (one.latitude, one.longitude, other.latitude, other.longitude))
    half_chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * (2 * EARTH_KM * math.asin(math.sqrt(half_chord))) / FIBRE_KM_PER_MS


class Lane:
    """One direction: frames wait in order of arrival; beyond 10,000 of them the newest are lost, as in a full router.

    Args:
        source: file descriptor to read frames from, non-blocking.
        sink: file descriptor to write them to.
        delay_s: seconds that a frame waits.
    """

    def __init__(self, source: int, sink: int, delay_s: float) -> None:
        self._source, self._sink, self._delay_s = source, sink, delay_s
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(source, self._take)

    def close(self) -> None:
        """Stop; what waits is lost."""
        self._loop.remove_reader(self._source)
        if self._timer is not None:
            self._timer.cancel()

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame = os.read(self._source, FRAME_BYTES)
                if len(self._waiting) < QUEUE_FRAMES:
                    self._waiting.append((self._loop.time() + self._delay_s, frame))
                self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._give)

    def _give(self) -> None:
        self._timer = None
        while self._waiting and self._waiting[0][0] <= self._loop.time():
            # A switch that is being taken away, or a full one, loses frames: that is what networks do.
            with contextlib.suppress(OSError):
                os.write(self._sink, self._waiting.popleft()[1])
        self._arm()


class Distance:
    """A machine's distance from the lab's switch; made by `stretch`, ended by `close`."""

    def __init__(self, machine: Machine, round_trip_s: float) -> None:
        number = machine.port.removeprefix("port")
        self.switch, near, far = f"hop{number}", f"near{number}", f"far{number}"
        self._taps = {near: _tap(near), far: _tap(far)}
        self._masters = {near: SWITCH, far: self.switch}
        self._machine = machine
        self._lanes = (
            Lane(self._taps[near], self._taps[far], round_trip_s / 2),
            Lane(self._taps[far], self._taps[near], round_trip_s / 2),
        )

    async def stretch(self) -> None:
        """Put the relay between the machine and the switch."""
        commands = [
            f"link add {self.switch} type bridge forward_delay 0",
            f"link set {self.switch} up",
            *(f"link set {tap} master {master} up" for tap, master in self._masters.items()),
            f"link set {self._machine.port} master {self.switch}",
        ]
        await run("ip", "-batch", "-", stdin="\n".join(commands) + "\n")

    async def close(self) -> None:
        """Put the machine back next to the switch."""
        await run("ip", "link", "set", self._machine.port, "master", SWITCH)
        for lane in self._lanes:
            lane.close()
        for descriptor in self._taps.values():
            os.close(descriptor)
        await run("ip", "link", "delete", self.switch)


def _tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _IFF_TAP_NO_PI))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
