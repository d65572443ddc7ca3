"""People and their chats at the runner's door: who asks, who is linked to what, and who was not known."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime
from secrets import token_hex
from typing import Any, get_args

from noc.errors import NocError, Usage
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.runs.admission.approval import role_of
from noc.runs.admission.caller import AGENT, SERVICES, Caller
from noc.runs.admission.errors import CodeRefused, LinkRefused, TooOften
from noc.runs.admission.identities import Channel, Identities, Identity
from noc.runs.admission.linkcodes import GOOD_S, LinkCodes
from noc.runs.admission.often import Often
from noc.runs.admission.sparing import Sparing
from noc.runs.admission.vouching import Vouching, checked_number, stranger
from noc.runs.errors import CallerRefused
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner

_EVERY_S = 60.0
_LONGEST_CODE = 32


class Principals:
    """The door's operations about who people are."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner = runner
        self._identities, self._codes = Identities(runner.paths.identities), LinkCodes()
        self._vouching = Vouching(self._identities, self._fleet)
        self._often = Often()
        self._refused = defaultdict[str, Sparing](Sparing)

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

    def admit(self, caller: Caller, request: Mapping[str, Any]) -> Caller:
        """For whom a request is; that somebody asked for what they may not, or too often, is written down.

        Raises:
            TooOften: as `Often`; and as `Vouching.admit`.
        """
        operation = str(request.get("op"))
        try:
            who = self._vouching.admit(caller, request)
            self._often.check(who, operation, time.monotonic())
        except (CallerRefused, TooOften) as error:
            self._note(f"more of {caller.name}", f"ask for {operation[:32]}", caller.name, error)
            raise
        return who

    async def keep(self) -> None:
        """Say of each day that is over how many refusals got no line of their own, until it is cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            self._close_days()

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
        try:
            person = self._codes.take(channel, number, said, time.monotonic())
        except CodeRefused as error:
            self._note("more codes", f"link {channel}", caller.name, error, **about)
            raise
        with self._runner.audit.acting(f"link {channel} to {person}", person, **about):
            role = role_of(person, self._check_person(person))
            self._identities.add(Identity(channel=channel, id=number, person=person, at=datetime.now(UTC)))
        yield {"linked": {"person": person, "role": role, **about}}

    async def _unlink(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        person, channel = str(request.get("person") or caller.name), request.get("channel")
        wanted = None if channel is None else _channel(request)
        number = None if request.get("id") is None else checked_number(request["id"])
        what, about = f"unlink {wanted or 'every chat'} of {person[:64]}", {"id": number} if number else {}
        with self._runner.audit.refusals(what, caller.name, **about):
            self._check_may_unlink(caller, person)
        gone = self._identities.of(person, wanted, number)
        if gone:
            with self._runner.audit.acting(what, caller.name, **about):
                self._identities.remove(person, wanted, number)
        yield {"unlinked": [each.model_dump(mode="json") for each in gone]}

    def _check_may_unlink(self, caller: Caller, person: str) -> None:
        if person != caller.name and caller.uid != 0 and role_of(caller.name, self._fleet()) != "approver":
            raise CallerRefused(
                f"{caller.name} may end no link of {person[:64]}",
                why="only that person, root and approvers may",
                fix=f"ask an approver for: noc unlink --person {person[:64]}",
            )

    async def _principals(self, _request: Mapping[str, Any], _caller: Caller) -> Answers:
        """Everybody of the fleet file, the model, and who is in it no more and still has a chat: their role is None."""
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
                for name in dict.fromkeys([*listed, AGENT, *gone])
            ]
        }

    async def _stranger(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        channel, number = _channel(request), checked_number(request.get("id"))
        about, error = {"channel": channel, "id": number}, stranger(channel)
        key = f"{channel} {number}"
        yield {"noted": self._note("more strangers", "listen to a stranger", caller.name, error, key, **about)}

    def _note(self, kind: str, what: str, by: str, error: NocError, key: str = "", **about: str) -> bool:
        """Write a refusal down, but not more than a day may have of its kind.

        Args:
            kind: which, as the line says that counts the rest of a day.
            what, by, error, about: as the audit takes them.
            key: what gets one line a day; "" for a line each time.

        Returns:
            Whether it got a line.
        """
        self._close_days()
        news = self._refused[kind].is_news(key or token_hex(8), _today())
        if news:
            self._runner.audit.refuse(what, by, error, **about)
        return news

    def _close_days(self) -> None:
        for kind, refused in self._refused.items():
            day = refused.day
            if more := refused.closed(_today()):
                error = CallerRefused(f"{more} {kind} were refused on {day}", why="a day has a hundred lines of a kind")
                self._runner.audit.refuse(f"listen to {kind}", "runner", error, more=more, day=str(day))

    def _check_person(self, name: str) -> Fleet:
        """Let people of the fleet file be linked, and no agent. Returns the fleet; raises LinkRefused."""
        fleet = self._fleet()
        role = role_of(name, fleet)
        if role is None or role == "agent" or name in SERVICES:
            raise LinkRefused(
                f"{name} can have no chat",
                why="its role is agent" if role == "agent" else "[[people]] of fleet.toml does not list that login",
                fix="log in as yourself, and give noc link there",
            )
        return fleet

    def _fleet(self) -> Fleet:
        return load(self._runner.paths.fleet)


def _today() -> date:
    return datetime.now(UTC).date()


def _channel(request: Mapping[str, Any]) -> Channel:
    for channel in get_args(Channel):
        if request.get("channel") == channel:
            found: Channel = channel
            return found
    raise Usage("that is no channel", why=f"{' and '.join(get_args(Channel))} are", fix="noc link telegram")
