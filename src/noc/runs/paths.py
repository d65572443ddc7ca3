"""Where the runner finds and keeps things, with an environment variable for each."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Paths:
    """Every path that this room uses. The defaults are HQ's.

    Attributes:
        fleet: the fleet directory (`NOC_FLEET`).
        runs: one directory a run, and the fence (`NOC_RUNS`).
        releases: the release store (`NOC_RELEASES`).
        signers: release signers in `allowed_signers` format (`NOC_SIGNERS`).
        runner_socket: the runner's door (`NOC_RUNNER_SOCKET`).
        watch_socket: the watch's local API (`NOC_WATCH_SOCKET`).
        tunnels_socket: answers each connection with the hub's tunnel counters (`NOC_TUNNELS_SOCKET`).
        credentials: the directory of `ssh_key` and `host_ca` (`CREDENTIALS_DIRECTORY`, filled by systemd).
    """

    fleet: Path = Path("/etc/noc")
    runs: Path = Path("/var/lib/noc/runs")
    releases: Path = Path("/var/lib/noc/releases")
    signers: Path = Path("/etc/noc-trust/signers")
    runner_socket: Path = Path("/run/noc-runner/runner.sock")
    watch_socket: Path = Path("/run/noc-watch/watch.sock")
    tunnels_socket: Path = Path("/run/noc-tunnels.sock")
    credentials: Path = Path("/run/credentials/noc-runner.service")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The defaults, each replaced by its variable where that is set and not empty."""
        named = {
            "fleet": "NOC_FLEET",
            "runs": "NOC_RUNS",
            "releases": "NOC_RELEASES",
            "signers": "NOC_SIGNERS",
            "runner_socket": "NOC_RUNNER_SOCKET",
            "watch_socket": "NOC_WATCH_SOCKET",
            "tunnels_socket": "NOC_TUNNELS_SOCKET",
            "credentials": "CREDENTIALS_DIRECTORY",
        }
        return cls(**{field: Path(environment[name]) for field, name in named.items() if environment.get(name)})

    @property
    def lease(self) -> Path:
        """The lease of the run that changes the fleet, beside the runs."""
        return self.runs.with_name("lease.json")

    @property
    def fence(self) -> Path:
        """The last fence number that was given."""
        return self.runs / "fence"

    @property
    def halt(self) -> Path:
        """It is there while the fleet is halted."""
        return self.runs.with_name("halt.json")

    @property
    def restored(self) -> Path:
        """It is there from a restore of HQ until every node was asked for its fence."""
        return self.runs.with_name("restored.json")

    @property
    def superseded(self) -> Path:
        """It is there where nodes have seen the fences of another HQ."""
        return self.runs.with_name("superseded.json")

    @property
    def outgoing(self) -> Path:
        """Root's: HQ's own backups that wait for the second place, and how it went last."""
        return self.runs.parent.with_name("noc-outgoing")

    @property
    def hub_key_asked(self) -> Path:
        """Where the runner asks root for HQ's next tunnel key."""
        return self.runs.with_name("hub-key.json")

    @property
    def hub_key_told(self) -> Path:
        """Where root tells which tunnel keys HQ has, in public halves."""
        return self.tunnels_socket.with_name("noc-tunnel") / "hub-key.json"

    @property
    def tenants(self) -> Path:
        """Which tenant was placed where."""
        return self.runs.with_name("tenants.db")

    @property
    def directory_public_key(self) -> Path:
        """The public half of what signs the directory of tenants; it is there once HQ was brought to `[placement]`."""
        return self.signers.with_name("directory_key.pub")

    @property
    def audit(self) -> Path:
        """Who did what, over all runs."""
        return self.runs.with_name("audit") / "audit.jsonl"

    @property
    def backups(self) -> Path:
        """Where backups lie, a file or a directory each."""
        return self.runs.with_name("backups")

    @property
    def requests(self) -> Path:
        """Plans that wait for somebody to agree."""
        return self.runs.with_name("requests")

    @property
    def identities(self) -> Path:
        """Which chats are whose."""
        return self.runs.with_name("identities.json")

    @property
    def doors(self) -> Path:
        """The nodes whose cloud may have a rule for 22, by name."""
        return self.runs.with_name("doors.json")

    @property
    def locks(self) -> Path:
        """Locks of nixpkgs that are not the fleet's yet, each with the flake that it belongs to."""
        return self.runs.with_name("locks")

    @property
    def closures(self) -> Path:
        """Links to the systems of NixOS nodes in HQ's store."""
        return self.runs.with_name("closures")

    @property
    def certificates(self) -> Path:
        """Copies of nodes' certificates, sealed, and a list of all that were seen."""
        return self.runs.with_name("certificates")

    @property
    def reviews(self) -> Path:
        """Reports of milestones, with the decisions on them."""
        return self.runs.with_name("reviews")
