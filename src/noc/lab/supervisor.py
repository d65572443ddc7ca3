"""The process that owns a lab. It lives in namespaces of its own; when it ends, however it ends, all of it is gone.

Started by `Lab.up` as the first process of a process namespace, with its own mounts and its own network: the kernel
ends every machine, mount and interface below it together with it.
"""

import asyncio
import fcntl
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from noc.fleet.great_circle import round_trip_ms
from noc.lab import cgroups, identity, network
from noc.lab.authority import Authority
from noc.lab.commands import run
from noc.lab.control import listen
from noc.lab.errors import BootFailed, NoSuchMachine
from noc.lab.host import Host
from noc.lab.internet import ACME_ROOTS, HEALTH, OFFERS, REPOSITORY, TLS_NAMES, internet_files
from noc.lab.limits import Limits
from noc.lab.machines import EYE, INTERNET, LabPlan, Machine
from noc.lab.places import Places
from noc.lab.readiness import fetch, greeting, until
from noc.lab.recipe import OFFERS_KEYRING
from noc.lab.repository import publish, signing_key
from noc.lab.standins import STAND_INS

UP_S = 120
BOOT_S = 60


class Supervisor:
    """A lab and its machines.

    Args:
        places: the lab's directories.
        plan: what the lab is to be.
    """

    def __init__(self, places: Places, plan: LabPlan) -> None:
        self.places, self.plan = places, plan
        self.hosts: dict[str, Host] = {}
        self.over = asyncio.Event()
        self.raised: asyncio.Task[None] | None = None
        self._authority = Authority()
        self._offers_key = b""
        self._cloud: asyncio.subprocess.Process | None = None

    async def raise_lab(self) -> None:
        """Lay the network, make the disks, boot everything, and wait until sshd and the internet answer.

        Raises:
            BootFailed: a machine or a service did not answer within two minutes.
            CommandFailed: this machine refused a mount or an interface.
        """
        await self._furnish()
        await asyncio.gather(network.lay(), asyncio.to_thread(self._open_archive))
        for machine in self.plan.machines:
            self.hosts[machine.name] = self._host(machine)
        there = [host for name, host in self.hosts.items() if name not in self.plan.cloud]
        await asyncio.gather(*(self._first_boot(host) for host in there))
        await self._reach_internet()
        if self.plan.cloud:
            await self._open_cloud()

    async def serve(self, request: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON document
        """Do what a request asks: `op`, `name` where it is about one machine, `ms` and `rate_mb_s` for its line."""
        if request["op"] == "ready":
            assert self.raised is not None
            return await asyncio.shield(self.raised)
        if request["op"] == "status":
            return self.status()
        if request["op"] == "down":
            self.over.set()
            return None
        return await self._verb(request, self._find(request["name"]))

    async def _verb(self, request: dict[str, Any], host: Host) -> Any:  # noqa: ANN401
        match request["op"]:
            case "kill":
                await host.kill()
            case "boot":
                await self._boot(host)
            case "cut" | "heal":
                await host.cable(plugged=request["op"] == "heal")
            case "slow":
                ms = request["ms"]
                away = round_trip_ms(self.hosts[self.plan.hub].machine, host.machine) if ms is None else ms
                await host.move(away, request["rate_mb_s"])
                return host.delay_ms
            case "install":
                await self._install(host, identity.handed_files(request["user_data"], request["authorized_key"]))
            case "remove":
                await host.kill()
                await host.eject_disk()
            case op:
                raise ValueError(op)
        return None

    def status(self) -> dict[str, Any]:
        """What each machine is doing; `groups` leads the asker to its process id."""
        rows = [
            {
                "name": host.machine.name,
                "image": host.machine.image,
                "address": str(host.machine.address),
                "state": host.state,
                "boot_id": host.boot_id,
                "uptime_s": host.uptime_s,
                "delay_ms": host.delay_ms,
                "rate_mb_s": host.rate_mb_s,
                "disk": str(host.root),
                "groups": [str(group) for group in host.groups],
            }
            for host in self.hosts.values()
        ]
        return {"lab": self.plan.lab, "hub": self.plan.hub, "machines": rows, "cloud": list(self.plan.cloud)}

    async def lower(self) -> None:
        """Power everything off and remove the control groups; the kernel removes the rest with this process."""
        await asyncio.gather(*(host.kill() for host in self.hosts.values()), return_exceptions=True)
        cgroups.remove(base / f"{cgroups.PREFIX}{self.plan.lab}" for base in cgroups.own_bases())

    async def _furnish(self) -> None:
        """The mounts that this namespace needs; none of them is seen outside."""
        self.places.disks.mkdir(exist_ok=True)
        if not self.plan.disk:
            await run("mount", "-t", "tmpfs", "-o", "mode=0700", "noclab-disks", str(self.places.disks))
        await run("mount", "-t", "tmpfs", "-o", "mode=0755", "noclab-nspawn", "/run/systemd/nspawn")
        # The stranger is a network namespace without a root of its own: names must resolve in the lab for it too.
        resolver = self.places.state / "resolv.conf"
        resolver.write_text(f"nameserver {INTERNET}\noptions timeout:1 attempts:2\n")
        await run("mount", "--bind", str(resolver), "/etc/resolv.conf")

    def _host(self, machine: Machine) -> Host:
        is_internet = machine.image == "internet"
        return Host(
            machine,
            lab=self.plan.lab,
            image=self.plan.images / machine.image,
            room=self.places.disks / machine.name,
            console=self.places.console(machine.name),
            shares=self._archive if is_internet else {},
        )

    @property
    def _archive(self) -> dict[str, Path]:
        return {REPOSITORY: self.plan.images / "repository", OFFERS: self.places.offers}

    def _open_archive(self) -> None:
        """The part of the archive that is this lab's own: empty at first, signed by a key that ends with the lab."""
        self.places.offers.mkdir()
        self._offers_key = signing_key(self.places.offers_key)
        publish(self.places.offers, self.places.offers_key)

    async def _install(self, host: Host, handed: dict[Path, tuple[bytes, int]]) -> None:
        """A machine with an empty disk, as a cloud makes one; it is on its way up, and answers some time later."""
        await host.kill()
        await host.eject_disk()
        await self._furnish_disk(host)
        identity.write_files(host.root, handed)
        await host.boot()

    async def _open_cloud(self) -> None:
        """Start the stand-in for AWS, in this network and as long as this process lives."""
        certificate, key = self._authority.issue("aws.lab", EYE)
        self.places.cloud_certificate.write_bytes(certificate)
        self.places.cloud_key.touch(mode=0o600)
        self.places.cloud_key.write_bytes(key)
        argv = ("-m", "noc.lab.cloud.service", str(self.places.state), str(self.places.cache))
        self._cloud = await asyncio.create_subprocess_exec(
            sys.executable, *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        assert self._cloud.stdout is not None
        async with asyncio.timeout(UP_S):
            if not await self._cloud.stdout.readline():
                raise BootFailed("the stand-in for AWS did not start", why=f"see {self.places.log}")

    async def _furnish_disk(self, host: Host) -> None:
        await host.insert_disk()
        identity.write_files(host.root, identity.identity_files(host.machine, self.plan.authorized_keys))
        identity.write_files(host.root, {Path(str(OFFERS_KEYRING)[1:]): (self._offers_key, 0o644)})

    async def _first_boot(self, host: Host) -> None:
        await self._furnish_disk(host)
        if host.machine.image == "internet":
            self._furnish_internet(host)
        await host.boot()
        await until(partial(greeting, host.machine), UP_S, host.machine.name, host.last_words)

    def _furnish_internet(self, host: Host) -> None:
        certificates = {name: self._authority.issue(name, INTERNET) for name in TLS_NAMES}
        tokens = {each.name: self.places.token(each.name).read_text().strip() for each in STAND_INS}
        key = self.places.dns_key.read_text().strip()
        named = (self.plan.domain, self.plan.machines, certificates, tokens, key)
        identity.write_files(host.root, internet_files(*named, bare_zone=self.plan.bare_zone))

    async def _reach_internet(self) -> None:
        """Wait until the internet's services answer; keep the root that its ACME authority issues under.

        Pebble makes a new root at each start, and tells it over TLS that the lab's own root verifies.
        """
        root, words = self._authority.root_pem, self.hosts["internet"].last_words
        for url in HEALTH:
            await until(partial(fetch, url, root), UP_S, url, words)
        issuing = await until(partial(fetch, ACME_ROOTS, root), UP_S, ACME_ROOTS, words)
        self.places.trust_bundle.write_bytes(root + issuing)

    async def _boot(self, host: Host) -> None:
        await host.boot()
        await host.wait_up(BOOT_S)
        if host.machine.image == "internet":
            await self._reach_internet()

    def _find(self, name: str) -> Host:
        if name not in self.hosts:
            raise NoSuchMachine(f"no machine is called {name}")
        return self.hosts[name]


async def supervise(places: Places) -> None:
    """Own a lab until somebody asks for its end; a lab that could not be raised ends once its owner has been told."""
    supervisor = Supervisor(places, LabPlan.model_validate_json(places.plan.read_bytes()))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.over.set)
    supervisor.raised = asyncio.create_task(supervisor.raise_lab(), name="raise")
    async with await listen(places.socket, supervisor.serve):
        await supervisor.over.wait()
        supervisor.raised.cancel()
        await asyncio.wait({supervisor.raised})
        await supervisor.lower()


def main() -> None:
    """`python -m noc.lab.supervisor STATE CACHE`; holds the lab's lock as long as it lives."""
    places = Places(Path(sys.argv[1]), Path(sys.argv[2]))
    with places.lock.open("w") as lock, Limits().raised():
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        asyncio.run(supervise(places))


if __name__ == "__main__":
    main()
