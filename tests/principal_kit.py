"""What the tests of people and services share: a fleet with people, and whoever is at the other end of the socket."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from noc.runs.admission.caller import Caller
from noc.runs.admission.identities import Channel, Identities, Identity
from noc.runs.runner.client import read_answer
from runner_house import House

PEOPLE = """
[[people]]
name = "anna"
role = "approver"
[[people]]
name = "james"
role = "approver"
[[people]]
name = "olga"
role = "operator"
[[people]]
name = "vera"
role = "viewer"
[[people]]
name = "claude"
role = "agent"
"""
NOBODY_ASKED = '[approval]\nlow = "nobody"\nmedium = "nobody"\nhigh = "nobody"\n'
ROOT = Caller(0, "root", frozenset())
SERVICE = {name: Caller(uid, name, frozenset({"noc"})) for uid, name in ((990, "noc-runner"), (991, "noc-watch"))} | {
    name: Caller(uid, name, frozenset({"noc"})) for uid, name in ((992, "noc-agent"), (993, "noc-bot"))
}


def person(name: str) -> Caller:
    """Somebody who is logged in on HQ."""
    return Caller(1000 + sum(map(ord, name)), name, frozenset({"noc", "noc-operators"}))


@dataclass
class Hall:
    """A runner in front of whose door somebody stands, whom a test chooses."""

    house: House
    there: Caller = ROOT

    def identify(self, _connection: socket.socket) -> Caller:
        return self.there

    def ask(self, there: Caller, op: str, **fields: Any) -> dict[str, Any]:
        """Somebody's question, and its first answer. Raises the runner's refusal."""
        with self.asked(there, op, **fields) as answers:
            return next(answers)

    @contextmanager
    def asked(self, there: Caller, op: str, **fields: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """All answers to somebody's question, as they come."""
        self.there = there
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self.house.paths.runner_socket))
            connection.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                yield map(read_answer, lines)

    def bot(self, number: str, op: str, channel: Channel = "telegram", **fields: Any) -> dict[str, Any]:
        """What the bot asks for somebody in a chat."""
        return self.ask(SERVICE["noc-bot"], op, **fields, **{"for": {"channel": channel, "id": number}})

    def page(self, name: str, op: str, **fields: Any) -> dict[str, Any]:
        """What the watch asks for somebody who is signed in."""
        return self.ask(SERVICE["noc-watch"], op, **fields, **{"for": {"channel": "page", "person": name}})

    def link(self, name: str, number: str, channel: Channel = "telegram") -> None:
        """Let an identity be somebody's, as if it had been linked."""
        at = datetime.now(UTC)
        Identities(self.house.paths.identities).add(Identity(channel=channel, id=number, person=name, at=at))

    def audit(self) -> list[dict[str, Any]]:
        """The newest entries, the oldest first."""
        found: list[dict[str, Any]] = self.ask(ROOT, "audit", limit=200)["entries"]
        return found
