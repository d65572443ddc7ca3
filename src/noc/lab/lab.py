"""The lab, as tests, the pilot and `noc lab` use it."""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from noc.errors import Usage
from noc.fleet.load import load
from noc.lab import cgroups, clock, control, datadisk, identity, launch
from noc.lab.cloud.account import Settings
from noc.lab.cloud.service import write_settings
from noc.lab.errors import BootFailed, LabBusy, MachineOff, NoSuchMachine, RequestRefused
from noc.lab.fleet import SOURCE, Approver, write_fleet
from noc.lab.images import Tell, ensure_images
from noc.lab.machines import ImageName, LabPlan, machines_of
from noc.lab.network import STRANGER_NAMESPACE
from noc.lab.places import Places
from noc.lab.repository import publish
from noc.lab.services import SIDE_ENTRANCE
from noc.lab.standins import NTFY, StandIn

MAX_ROUND_TRIP_MS = 5000
MAX_RATE_MB_S = 1000

Completed = subprocess.CompletedProcess[bytes]


def quiet(_: str) -> None:
    """Tell nobody."""


class Lab:
    """A fleet of real hosts on this machine. Any process of root may hold one: all state is the supervisor's.

    Args:
        places: the lab's directories; the default ones, or NOC_LAB_DIR's, where None.
        source: the fleet directory that is rehearsed.
        tell: where a line of progress goes.
    """

    def __init__(self, places: Places | None = None, *, source: Path = SOURCE, tell: Tell = quiet) -> None:
        self.places = places or Places.default()
        self.source, self._tell = source, tell

    def up(
        self,
        nodes: Sequence[str] = ("virginia", "frankfurt", "singapore"),
        *,
        bare: Iterable[str] = (),
        disk: bool = False,
        authorized_keys: Sequence[str] = (),
        bare_zone: bool = False,
        account: Settings | None = None,
    ) -> None:
        """Make the images where they are missing, and boot HQ and the nodes; return when all of their sshd answer.

        Args:
            nodes: names of the fleet's nodes, or "all".
            bare: machines that start from the image with nothing of ours.
            disk: keep what machines write on disk rather than in memory.
            authorized_keys: public key lines that root accepts on every machine from its first boot on.
            bare_zone: let the fleet's zone begin without a name of the fleet; `noc dns apply` makes them.
            account: let the nodes come and go by a stand-in for AWS, with an account that has this; they are off until
                they are launched. None for nodes that are simply there.

        Raises:
            LabNeeds: not root, or a program is missing.
            LabBusy: a lab is up already, with other machines.
            ImageFailed, BootFailed: what it says.
        """
        launch.check_needs()
        images: Mapping[str, ImageName] = dict.fromkeys(bare, "bare")
        fleet = load(self.source)
        machines = machines_of(fleet, nodes, images)
        if self.is_up():
            self._check_same({(machine.name, machine.image) for machine in machines})
            return
        cloud = () if account is None else tuple(node.name for node in fleet.select(nodes))
        plan = LabPlan(
            lab=secrets.token_hex(4), domain=fleet.domain, hub=fleet.hub.name, machines=machines, disk=disk,
            images=ensure_images(self.places.cache, self._tell), authorized_keys=tuple(authorized_keys),
            bare_zone=bare_zone, cloud=cloud,
        )  # fmt: skip
        self._tell(f"booting {len(machines)} machines")
        launch.start(self.places, plan, account)

    def down(self) -> None:
        """End the lab and remove everything of it; nothing happens where there is none.

        Raises:
            BootFailed: its supervisor is alive after 30 s and a SIGKILL.
        """
        launch.stop(self.places)

    def is_up(self) -> bool:
        """Whether a supervisor is there."""
        return control.process_behind(self.places.socket) is not None

    def status(self) -> dict[str, Any]:
        """What each machine is doing: name, image, address, state, boot_id, uptime_s, delay_ms, rate_mb_s, pid.

        Raises:
            LabDown: there is none.
        """
        status: dict[str, Any] = control.ask(self.places.socket, {"op": "status"})
        for row in status["machines"]:
            row["pid"] = cgroups.first_process(Path(group) for group in row["groups"])
        return status

    def kill(self, name: str) -> None:
        """Pull a machine's power plug. Its disk stays."""
        self._ask("kill", name)

    def boot(self, name: str) -> None:
        """Switch a machine on and wait until its systemd has started everything."""
        self._ask("boot", name)

    def cut(self, name: str) -> None:
        """Pull a machine's network cable."""
        self._ask("cut", name)

    def heal(self, name: str) -> None:
        """Plug a machine's network cable in again."""
        self._ask("heal", name)

    def slow(self, name: str, ms: float | None = None, rate_mb_s: float | None = None) -> float:
        """Put a machine far away from all others, on a narrow line where a rate is given.

        Args:
            name: the machine.
            ms: round trip in milliseconds, at most 5,000; the great circle's from HQ where None; 0 brings it back.
            rate_mb_s: million bytes a second that its line carries each way, at most 1,000; None for no limit.

        Returns:
            The round trip that was set.
        """
        if ms is not None and not 0 <= ms <= MAX_ROUND_TRIP_MS:
            raise Usage(f"{ms:g} ms is no distance", fix=f"give 0 to {MAX_ROUND_TRIP_MS}")
        if rate_mb_s is not None and not 0 < rate_mb_s <= MAX_RATE_MB_S:
            raise Usage(f"{rate_mb_s:g} MB/s is no line", fix=f"give more than 0 and at most {MAX_RATE_MB_S}")
        return float(self._ask("slow", name, ms=ms, rate_mb_s=rate_mb_s))

    def clock(self, name: str, seconds: int) -> None:
        """Set a machine's clock wrong, and start the machine anew, so that all that runs there lives by it.

        See `noc.lab.clock` for what it reaches; what it needs comes from the lab's archive.

        Args:
            name: the machine.
            seconds: how far it is to be ahead of the right time; 0 sets it right.

        Raises:
            RequestRefused: it could not be done; the machine was left as it is.
        """
        done = self.exec(name, "sh", "-euc", clock.script(seconds), timeout_s=120)
        if done.returncode:
            raise RequestRefused(f"the clock of {name} cannot be set", why=done.stderr.decode(errors="replace")[-300:])
        self.exec(name, "sync")
        self.kill(name)
        self.boot(name)

    def data_disk(self, name: str) -> None:
        """Give the service of a machine a file system of its own until its next boot; see `noc.lab.datadisk`.

        Raises:
            RequestRefused: it could not be done.
        """
        done = self.exec(name, "sh", "-euc", datadisk.script())
        if done.returncode:
            raise RequestRefused(f"{name} has no data disk", why=done.stderr.decode(errors="replace")[-300:])

    def offer(self, *packages: Path) -> None:
        """Let the lab's archive offer exactly these packages beside the images' own: to a machine, an update.

        Args:
            packages: `.deb` files; none takes back what was offered.
        """
        self.status()
        for old in self.places.offers.glob("*.deb"):
            old.unlink()
        for package in packages:
            shutil.copy(package, self.places.offers)
        publish(self.places.offers, self.places.offers_key)

    def exec(self, name: str, *argv: str, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        """Run a command as root inside a machine, as at its console: the network is not involved.

        Args:
            name: the machine.
            argv: the program and its arguments.
            stdin: bytes to feed; None for an empty input.
            timeout_s: seconds until it is killed.

        Raises:
            MachineOff: the machine is powered off.
            subprocess.TimeoutExpired: no end within `timeout_s`.
        """
        return _completed(self.console(name, *argv), stdin, timeout_s)

    def console(self, name: str, *argv: str) -> list[str]:
        """The command on this machine that runs a command at a machine's console; a root shell without one."""
        if (pid := self._row(name)["pid"]) is None:
            raise MachineOff(f"{name} is powered off", fix=f"noc lab boot {name}")
        environment = (
            f"PATH={launch.PATH}",
            "HOME=/root",
            "USER=root",
            "LANG=C.UTF-8",
            f"TERM={os.environ.get('TERM', 'dumb')}",
            *clock.environment(self.disk(name)),
        )
        inside = argv or ("/bin/sh", "-c", "cd; exec bash -l")
        return ["nsenter", "-t", str(pid), "-a", "--", "/usr/bin/env", "-i", *environment, *inside]

    def stranger_exec(self, *argv: str, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        """Run a program of this machine on the lab's public network, as somebody who is neither HQ nor a node.

        It sees this machine's files, the lab's network from 198.51.100.3, and the lab's DNS. Raises as `exec`.
        """
        return _completed(self.stranger_console(*argv), stdin, timeout_s)

    def stranger_console(self, *argv: str) -> list[str]:
        """The command on this machine that runs a program as `stranger_exec` does. Raises LabDown."""
        netns = ("ip", "netns", "exec", STRANGER_NAMESPACE)
        return ["nsenter", "-t", str(self._supervisor()), "-m", "-p", "-n", "--", *netns, *argv]

    def address(self, name: str) -> str:
        """A machine's public address."""
        return str(self._row(name)["address"])

    def disk(self, name: str) -> Path:
        """A machine's root directory, as seen from this process; there while the lab is up, whether it runs or not."""
        return Path(f"/proc/{self._supervisor()}/root" + self._row(name)["disk"])

    def host_key(self, name: str) -> str:
        """The fingerprint (`SHA256:…`) of a machine's SSH host key, read from its disk."""
        public = (self.disk(name) / identity.HOST_KEY).with_suffix(".pub")
        return identity.fingerprint(public.read_text())

    def authorize(self, name: str, public_key_line: str) -> None:
        """Let a key log in as root on a machine, as a cloud's console would."""
        identity.authorize(self.disk(name), public_key_line)

    @property
    def trust_bundle(self) -> Path:
        """The certificates that a machine of the lab trusts, PEM: the lab's root, and the root Pebble issues under."""
        return self.places.trust_bundle

    @property
    def ntfy_token(self) -> str:
        """The bearer token of the lab's ntfy."""
        return self.token(NTFY)

    def token(self, service: StandIn) -> str:
        """The token that a stand-in accepts."""
        return self.places.token(service.name).read_text().strip()

    def stand_in(self, service: StandIn, word: str, given: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Act as a person at a stand-in, or see what was sent, by its side entrance; its package says how.

        Args:
            service: one of `noc.lab.standins`.
            word: what to do there.
            given: as JSON; None where it only looks.

        Returns:
            The JSON document of its answer.
        """
        asked = "" if given is None else f"data-binary = {json.dumps(json.dumps(given))}\n"
        done = self.stranger_exec(
            "curl", "--silent", "--show-error", "--fail-with-body", "--config", "-",
            f"{service.url}{SIDE_ENTRANCE}{word}",
            stdin=f'cacert = "{self.trust_bundle}"\nheader = "Content-Type: application/json"\n{asked}'.encode(),
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise RequestRefused(f"{service.host} did not do {word}", why=said[-300:])
        return json.loads(done.stdout)

    @property
    def dns_key(self) -> str:
        """The key by which the fleet's zone is changed, as HQ's credential `dns_tsig` has it."""
        return self.places.dns_key.read_text().strip()

    @property
    def ntfy_topic(self) -> str:
        """The topic that the fleet's alerts go to."""
        return load(self.source).ntfy.topic

    def ntfy_messages(self, topic: str) -> list[dict[str, Any]]:
        """The messages of a topic in order of arrival; each with `received_at`, Unix seconds with milliseconds."""
        done = self.stranger_exec(
            "curl", "--silent", "--show-error", "--fail", "--config", "-", f"{NTFY.url}/{topic}/json?poll=1",
            stdin=f'header = "Authorization: Bearer {self.ntfy_token}"\ncacert = "{self.trust_bundle}"\n'.encode(),
        )  # fmt: skip
        if done.returncode:
            raise BootFailed("the lab's ntfy does not answer", why=done.stderr.decode(errors="replace").strip())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def account(self, settings: Settings) -> None:
        """Let the account at the lab's stand-in for AWS be otherwise, from the next request on."""
        self.status()
        write_settings(self.places.cloud_account, settings)

    def fleet_directory(
        self,
        directory: Path,
        nodes: Sequence[str],
        policy: Mapping[str, float],
        *,
        cloud: bool = False,
        approver: Approver | None = None,
        tables: Mapping[str, Mapping[str, float]] | None = None,
        chats: bool = False,
    ) -> Path:
        """Write the fleet directory of this lab; see `noc.lab.fleet.write_fleet`."""
        return write_fleet(
            directory,
            self.source,
            nodes,
            policy,
            self.trust_bundle,
            cloud=cloud,
            approver=approver,
            tables=tables,
            chats=chats,
        )

    def _ask(self, op: str, name: str, **more: float | None) -> Any:  # noqa: ANN401 - any JSON document
        self._row(name)
        return control.ask(self.places.socket, {"op": op, "name": name, **more}, timeout_s=90)

    def _row(self, name: str) -> dict[str, Any]:
        rows = {row["name"]: row for row in self.status()["machines"]}
        if name not in rows:
            raise NoSuchMachine(f"no machine of the lab is called {name}", why=f"it has {', '.join(rows)}")
        row: dict[str, Any] = rows[name]
        return row

    def _supervisor(self) -> int:
        self.status()
        pid = control.process_behind(self.places.socket)
        assert pid is not None
        return pid

    def _check_same(self, wanted: set[tuple[str, str]]) -> None:
        there = {(row["name"], row["image"]) for row in self.status()["machines"]}
        if there != wanted:
            names = ", ".join(name for name, _ in sorted(there))
            raise LabBusy("a lab is up already", why=f"it has {names}", fix="noc lab down")


def _completed(argv: list[str], stdin: bytes | None, timeout_s: float) -> Completed:
    """Run to the end; at the deadline the whole process group goes, since nsenter leaves its child alone."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout_s)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)
