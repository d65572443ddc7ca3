"""One machine of the lab: a systemd-nspawn container with a disk, a network card and a power switch."""

import asyncio
import contextlib
import os
import shutil
import time
from asyncio.subprocess import Process
from enum import StrEnum
from pathlib import Path

from noc.lab import cgroups, network
from noc.lab.commands import last_words, run
from noc.lab.distance import Distance
from noc.lab.errors import BootFailed
from noc.lab.machines import Machine

REBOOT = 133
"""What systemd-nspawn ends with when the machine asked for a reboot."""
POWER_OFF_S = 10
_JOIN = 'for group in $GROUPS_TO_JOIN; do echo 0 > "$group/cgroup.procs"; done; exec "$@"'


class State(StrEnum):
    """What a machine is doing."""

    OFF = "off"
    RUNNING = "running"
    CUT = "cut"


class Host:
    """A machine that the supervisor owns.

    Args:
        machine: what it is.
        lab: the lab's identity.
        image: directory of its image, shared and never written.
        room: directory for its disk: the layer above the image.
        console: file for what it writes on its console.
        shares: directories of this machine that it sees read-only, by their path inside.
    """

    def __init__(
        self, machine: Machine, *, lab: str, image: Path, room: Path, console: Path, shares: dict[str, Path]
    ) -> None:
        self.machine = machine
        self.root = room / "root"
        self.groups = cgroups.make(lab, machine.name)
        self.delay_ms: float = 0
        self.rate_mb_s: float | None = None
        self._distance: Distance | None = None
        self.is_cut = False
        self._image, self._room, self._console, self._shares = image, room, console, shares
        self._process: Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._booted_at = 0.0
        self._is_wanted_off = False

    @property
    def state(self) -> State:
        """What it is doing."""
        if self._process is None:
            return State.OFF
        return State.CUT if self.is_cut else State.RUNNING

    @property
    def uptime_s(self) -> float | None:
        """Seconds since it was last switched on; None while off."""
        return None if self._process is None else time.monotonic() - self._booted_at

    @property
    def boot_id(self) -> str | None:
        """The kernel's name for this boot, as the machine reads it; None while off."""
        if (pid := cgroups.first_process(self.groups)) is None:
            return None
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/root/proc/sys/kernel/random/boot_id").read_text().strip()
        return None

    async def insert_disk(self) -> None:
        """Mount its root: the image below, its own layer above."""
        for part in ("upper", "work", "root"):
            (self._room / part).mkdir(parents=True, exist_ok=True)
        layers = f"lowerdir={self._image},upperdir={self._room / 'upper'},workdir={self._room / 'work'}"
        await run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))

    async def eject_disk(self) -> None:
        """Take its disk away with all that is on it; nothing happens where there is none."""
        if self._room.exists():
            await run("umount", str(self.root))
            await asyncio.to_thread(shutil.rmtree, self._room)

    async def boot(self) -> None:
        """Switch it on; does not wait until it is up. Nothing happens where it is on."""
        if self._process is None:
            self._is_wanted_off = False
            await self._power_on()
            self._watcher = asyncio.create_task(self._watch(), name=f"watch {self.machine.name}")

    async def kill(self) -> None:
        """Pull the power plug: every process dies at once, the disk stays as it is.

        Raises:
            BootFailed: it is still there after 10 s.
        """
        if self._watcher is None:
            return
        self._is_wanted_off = True
        deadline = time.monotonic() + POWER_OFF_S
        while not self._watcher.done():
            if time.monotonic() > deadline:
                raise BootFailed(f"{self.machine.name} does not power off", why=f"alive after {POWER_OFF_S} s")
            cgroups.kill(self.groups)
            await asyncio.wait({self._watcher}, timeout=0.05)
        self._watcher.result()

    async def cable(self, *, plugged: bool) -> None:
        """Pull its network cable, or plug it in again."""
        await network.cable(self.machine, plugged=plugged)
        self.is_cut = not plugged

    async def move(self, round_trip_ms: float, rate_mb_s: float | None = None) -> None:
        """Put it so far away that a packet and its answer take this much longer, on a line of so many MB/s each way.

        0 and no rate bring it back.
        """
        if self._distance is not None:
            await self._distance.close()
            self._distance = None
        if round_trip_ms or rate_mb_s:
            bytes_per_s = rate_mb_s * 1e6 if rate_mb_s else None
            self._distance = Distance(self.machine, round_trip_ms / 1000, bytes_per_s)
            await self._distance.stretch()
        self.delay_ms, self.rate_mb_s = round_trip_ms, rate_mb_s

    async def wait_up(self, deadline_s: float) -> None:
        """Wait until its systemd has started everything.

        Raises:
            BootFailed: not within `deadline_s`.
        """
        end = time.monotonic() + deadline_s
        while not await self._is_up():
            if time.monotonic() > end:
                raise BootFailed(f"{self.machine.name} is not up after {deadline_s:g} s", why=self.last_words())
            await asyncio.sleep(0.05)

    def last_words(self) -> str:
        """The last line on its console."""
        return last_words(self._console.read_text(errors="replace")) if self._console.exists() else "no console"

    async def _is_up(self) -> bool:
        if (pid := cgroups.first_process(self.groups)) is None:
            return False
        asked = await asyncio.create_subprocess_exec(
            "nsenter", "-t", str(pid), "-a", "systemctl", "is-system-running", "--wait",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            answer, _ = await asyncio.wait_for(asked.communicate(), 10)
        except TimeoutError:
            asked.kill()
            return False
        return answer.strip() in {b"running", b"degraded"}

    async def _power_on(self) -> None:
        await network.plug(self.machine, self._distance.switch if self._distance else network.SWITCH)
        self.is_cut = False
        shares = [f"--bind-ro={source}:{inside}" for inside, source in self._shares.items()]
        with self._console.open("ab") as console:
            self._process = await asyncio.create_subprocess_exec(
                "sh", "-c", _JOIN, "sh",
                "systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot",
                f"--machine={network.namespace(self.machine.name)}",
                f"--network-namespace-path={network.namespace_path(self.machine.name)}",
                "--register=no", "--keep-unit", "--bind=/dev/net/tun", "--capability=CAP_NET_ADMIN",
                "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no", *shares,
                stdin=asyncio.subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                env={
                    "PATH": os.defpath + ":/usr/sbin:/sbin",
                    "GROUPS_TO_JOIN": " ".join(map(str, self.groups)),
                    # A machine sets its own network's sysctls (forwarding, rp_filter); its namespace is its own.
                    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
                },
            )  # fmt: skip
        self._booted_at = time.monotonic()

    async def _watch(self) -> None:
        """Start the machine again when it reboots; remember it as off when it ends otherwise."""
        while self._process is not None:
            if await self._process.wait() == REBOOT and not self._is_wanted_off:
                await self._power_on()
            else:
                self._process = None
