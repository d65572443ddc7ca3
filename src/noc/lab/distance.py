"""Distance: a relay that holds every frame of a machine back for half a round trip, and lets so many bytes a second by.

The kernel's netem would do the same and is not in every kernel. A machine's port moves to a switch of its own, which
two TAP devices join to the public one (https://docs.kernel.org/networking/tuntap.html); what comes out of one goes
into the other, later. Frames keep the kernel's virtio header, so that one read carries up to 64 KiB of a TCP stream.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
from collections import deque

from noc.lab.commands import run
from noc.lab.machines import Machine
from noc.lab.network import SWITCH

HEADER_BYTES = 10
"""struct virtio_net_hdr (linux/virtio_net.h): how a frame is to be cut, and what of its checksum is missing."""
FRAME_BYTES = HEADER_BYTES + 65536 + 64
QUEUE_FRAMES = 10_000
QUEUE_S = 0.1
READS = 256
"""Frames taken in a row before the other machines' lanes have their turn."""
_TUNSETIFF = 0x400454CA
_TUNSETOFFLOAD = 0x400454D0
_IFF_TAP_NO_PI_VNET_HDR = 0x5002
_TUN_F_CSUM_TSO4_TSO6 = 0x07


class Pace:
    """When frames leave a line that carries so many bytes a second, and holds them for a while.

    Args:
        delay_s: seconds that a frame is under way.
        bytes_per_s: what the line carries; None for no limit.
    """

    def __init__(self, delay_s: float, bytes_per_s: float | None) -> None:
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s
        self._free_at = 0.0

    def leaves(self, now: float, size: int) -> float | None:
        """When a frame of `size` bytes that comes now leaves; None where a tenth of a second's bytes wait already."""
        if self._bytes_per_s is None:
            return now + self._delay_s
        begins = max(now, self._free_at)
        if begins - now > QUEUE_S:
            return None
        self._free_at = begins + size / self._bytes_per_s
        return self._free_at + self._delay_s


class Lane:
    """One direction: frames wait in order of arrival; those for which there is no room are lost, as in a full router.

    Args:
        source: file descriptor to read frames from, non-blocking.
        sink: file descriptor to write them to.
        pace: when they leave.
    """

    def __init__(self, source: int, sink: int, pace: Pace) -> None:
        self._source, self._sink, self._pace = source, sink, pace
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
        now = self._loop.time()
        with contextlib.suppress(BlockingIOError):
            for _ in range(READS):
                frame = os.read(self._source, FRAME_BYTES)
                leaves = self._pace.leaves(now, len(frame) - HEADER_BYTES)
                if leaves is not None and len(self._waiting) < QUEUE_FRAMES:
                    self._waiting.append((leaves, frame))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._give)

    def _give(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            # A switch that is being taken away, or a full one, loses frames: that is what networks do.
            with contextlib.suppress(OSError):
                os.write(self._sink, self._waiting.popleft()[1])
        self._arm()


class Distance:
    """A machine's distance from the lab's switch; made by `stretch`, ended by `close`.

    Args:
        machine: whose.
        round_trip_s: seconds that a frame and its answer take longer.
        bytes_per_s: what its line carries each way; None for no limit.
    """

    def __init__(self, machine: Machine, round_trip_s: float, bytes_per_s: float | None = None) -> None:
        number = machine.port.removeprefix("port")
        self.switch, near, far = f"hop{number}", f"near{number}", f"far{number}"
        self._taps = {near: _tap(near), far: _tap(far)}
        self._masters = {near: SWITCH, far: self.switch}
        self._machine = machine
        self._lanes = tuple(
            Lane(self._taps[source], self._taps[sink], Pace(round_trip_s / 2, bytes_per_s))
            for source, sink in ((near, far), (far, near))
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
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH14x", name.encode(), _IFF_TAP_NO_PI_VNET_HDR))
        fcntl.ioctl(descriptor, _TUNSETOFFLOAD, _TUN_F_CSUM_TSO4_TSO6)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
