"""People and their chats at the runner's door: who asks, who is linked to what, and who was not known."""

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from noc.errors import Usage
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.runs.admission.approval import role_of
from noc.runs.admission.caller import SERVICES, Caller
from noc.runs.admission.identities import Channel, Identities, Identity
from noc.runs.admission.linkcodes import GOOD_S, LinkCodes
from noc.runs.admission.principal_errors import LinkRefused, Stranger
from noc.runs.admission.strangers import Strangers
from noc.runs.admission.vouching import Vouching, checked_number, stranger
from noc.runs.errors import CallerRefused
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner

_EVERY_S = 60.0
_LONGEST_CODE = 32


class Principals:
    """The door's operations about who people are.

    Attributes:
        vouching: says for whom a request is.
    """

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner = runner
        self._identities, self._codes, self._strangers = Identities(runner.paths.identities), LinkCodes(), Strangers()
        self.vouching = Vouching(self._identities, self._fleet)

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {
            "whoami": self._whoami,
            "link-code": self._link_code,
            "link": self._link,
            "unlink": self._unlink,
            "principals": self._principals,
            "stranger": self._stranger,
        }

    async def keep(self) -> None:
        """Say of each day that is over how many strangers got no line of their own, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self._close_day()

    async def _whoami(self, _request: Mapping[str, Any], caller: Caller) -> Answers:
        yield {"person": caller.name, "role": role_of(caller.name, self._fleet()), "channel": caller.channel}

    async def _link_code(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        channel = _channel(request)
        with self._runner.audit.acting(f"give a code that links {channel}", caller.name):
            self._check_person(caller.name)
            code = self._codes.give(caller.name, channel, time.monotonic())
        yield {"code": code, "channel": channel, "person": caller.name, "good_s": GOOD_S}

    async def _link(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        channel, number = _channel(request), checked_number(request.get("id"))
        said, about = str(request["code"])[:_LONGEST_CODE], {"channel": channel, "id": number}
        with self._runner.audit.refusals(f"link {channel}", caller.name, **about):
            person = self._codes.take(channel, number, said, time.monotonic())
        with self._runner.audit.acting(f"link {channel} to {person}", person, **about):
            role = role_of(person, self._check_person(person))
            self._identities.add(Identity(channel=channel, id=number, person=person, at=datetime.now(UTC)))
        yield {"linked": {"person": person, "role": role, **about}}

    async def _unlink(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        person, channel = str(request.get("person") or caller.name), request.get("channel")
        wanted = None if channel is None else _channel(request)
        number = None if request.get("id") is None else checked_number(request["id"])
        what = f"unlink {wanted or 'every chat'} of {person[:64]}"
        with self._runner.audit.acting(what, caller.name, **({"id": number} if number else {})):
            if person != caller.name and caller.uid != 0 and role_of(caller.name, self._fleet()) != "approver":
                raise CallerRefused(
                    f"{caller.name} may end no link of {person[:64]}",
                    why="only that person, root and approvers may",
                    fix=f"ask an approver for: noc unlink --person {person[:64]}",
                )
            gone = self._identities.remove(person, wanted, number)
        yield {"unlinked": [each.model_dump(mode="json") for each in gone]}

    async def _principals(self, _request: Mapping[str, Any], _caller: Caller) -> Answers:
        """Everybody of the fleet file, and those who are in it no more and still have a link, whose role is None."""
        fleet, identities = self._fleet(), self._identities.all()
        listed = [person.name for person in fleet.people]
        gone = [each.person for each in identities if each.person not in listed]
        yield {
            "principals": [
                {
                    "person": name,
                    "role": role_of(name, fleet),
                    "identities": [
                        each.model_dump(mode="json", exclude={"person"}) for each in identities if each.person == name
                    ],
                }
                for name in dict.fromkeys([*listed, *gone])
            ]
        }

    async def _stranger(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        channel, number, now = _channel(request), checked_number(request.get("id")), datetime.now(UTC)
        self._close_day()
        noted = self._strangers.is_news(channel, number, now.date())
        if noted:
            self._refuse("listen to a stranger", caller.name, channel, {"channel": channel, "id": number})
        yield {"noted": noted}

    def _close_day(self) -> None:
        day = self._strangers.day
        if more := self._strangers.closed(datetime.now(UTC).date()):
            self._refuse("listen to more strangers", "noc-bot", "chat", {"more": more, "day": str(day)})

    def _refuse(self, what: str, by: str, channel: str, about: Mapping[str, Any]) -> None:
        """Write a refusal down that nobody hears."""
        try:
            with self._runner.audit.refusals(what, by, **about):
                raise stranger(channel)
        except Stranger:
            return

    def _check_person(self, name: str) -> Fleet:
        """Let people of the fleet file be linked, and no agent. Returns the fleet; raises LinkRefused."""
        fleet = self._fleet()
        role = role_of(name, fleet)
        if role is None or role == "agent" or name in SERVICES:
            raise LinkRefused(
                f"{name} is nobody who has a chat",
                why="its role is agent" if role == "agent" else "[[people]] of fleet.toml does not list that login",
                fix="log in as yourself, and give noc link there",
            )
        return fleet

    def _fleet(self) -> Fleet:
        return load(self._runner.paths.fleet)


def _channel(request: Mapping[str, Any]) -> Channel:
    for channel in get_args(Channel):
        if request.get("channel") == channel:
            found: Channel = channel
            return found
    raise Usage("that is no channel", why=f"{' and '.join(get_args(Channel))} are", fix="noc link telegram")
