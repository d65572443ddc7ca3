"""Somebody leaves: what they could do by HQ ends, step by step; each step looks first, and may be taken again."""

import grp
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from noc.fleet.checks import CHECKS
from noc.fleet.document import read_document, validate
from noc.fleet.errors import FleetProblems
from noc.fleet.files import replace
from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.fleet.people import without_person
from noc.fleet.repository import FLEET_FILE, commit_edit
from noc.hub.asuser import run_as_owner
from noc.hub.errors import LastApprover, NotAPerson, StillAnswers
from noc.hub.system import run
from noc.runs.runner.client import Client
from noc.watch.server.client import ask

GROUPS = ("noc-operators", "noc")
_FIRST_PERSON = 1000
"""Debian gives people uids from here on (adduser.conf(5), FIRST_UID)."""


@dataclass(frozen=True)
class Step:
    """One matter that ends.

    Attributes:
        name: what it is about.
        work: ends it, and returns what changed, in words; nothing where nothing was left.
    """

    name: str
    work: Callable[[], list[str]]


class Offboarding:
    """One person who leaves."""

    def __init__(self, person: str, directory: Path, *, delete_login: bool = False) -> None:
        """Prepare.

        Args:
            person: the login on HQ.
            directory: HQ's fleet directory.
            delete_login: the login goes as well; its home stays.

        Raises:
            NotAPerson: root, or an account of a service.
            LastApprover: nobody else approves.
            StillAnswers: the fleet file does not hold without the person.
            FleetProblems: it does not hold now.
        """
        self.person, self._directory, self._delete_login = person, directory, delete_login
        check_person(person)
        check_approvers(load(directory), person)
        self._text = run_as_owner(directory, text_without, directory, person)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Nothing new begins; nothing that waits goes on; no key opens; then the login."""
        return (
            Step("groups", self.groups),
            Step("chats", self.chats),
            Step("approvals", self.approvals),
            Step("fleet file", self.fleet_file),
            Step("sessions and tokens", self.keys),
            Step("login", self.login),
        )

    def groups(self) -> list[str]:
        """Out of the groups that reach runner and watch; the runner asks for them at each request."""
        found = [name for name in GROUPS if self.person in _members(name)]
        for name in found:
            run("gpasswd", "--delete", self.person, name)
        return [f"no more in {name}" for name in found]

    def chats(self) -> list[str]:
        """What their chats say is said by nobody."""
        gone = Client().ask("unlink", person=self.person)["unlinked"]
        return [f"{each['channel']} {each['id']} unlinked" for each in gone]

    def approvals(self) -> list[str]:
        """Deny what waits in their name, and what they agreed to and has not begun."""
        client, changed = Client(), list[str]()
        for request in client.ask("pending")["requests"]:
            given = (request["approval"] or {}).get("by")
            if self.person in (request["requester"], given):
                client.ask("deny", request=request["digest"], reason=f"{self.person} has left")
                changed.append(f"denied: {request['what']} ({request['phrase']})")
        return changed

    def fleet_file(self) -> list[str]:
        """Out of `[[people]]`, as a commit; what was edited before and not committed gets a commit of its own."""
        changed = run_as_owner(self._directory, put_text, self._directory, self._text, self.person)
        if changed:
            ask("/api/v1/reload", method="POST")
        return changed

    def keys(self) -> list[str]:
        """Pages are signed out, tokens open nothing."""
        path = f"/api/v1/people/{quote(self.person, safe='')}/keys"
        held: dict[str, Any] = ask(path, method="DELETE")
        sessions = [f"sessions ended: {held['sessions']}"] if held["sessions"] else []
        return [*sessions, *(f"token {name} revoked" for name in held["tokens"])]

    def login(self) -> list[str]:
        """End what runs under the login, since it keeps the groups that it began with; and the login where asked."""
        if not _exists(self.person):
            return []
        ended = run("loginctl", "terminate-user", self.person, check=False).returncode == 0
        told = ["open logins ended"] if ended else []
        if self._delete_login:
            run("userdel", "--force", self.person)
            told.append("login deleted; its home stays")
        return told


def check_person(person: str) -> None:
    """Refuse accounts that are nobody's. Raises NotAPerson."""
    uid = pwd.getpwnam(person).pw_uid if _exists(person) else _FIRST_PERSON
    if uid < _FIRST_PERSON:
        raise NotAPerson(f"{person} is no person", why=f"its uid is {uid}", fix="noc offboard PERSON")


def check_approvers(fleet: Fleet, person: str) -> None:
    """Keep the last approver. Raises LastApprover."""
    approvers = [each.name for each in fleet.people if each.role == "approver"]
    if approvers == [person]:
        fix = 'make somebody else approver in [[people]] of fleet.toml (role = "approver")'
        raise LastApprover(f"{person} is the last approver", fix=fix)


def text_without(directory: Path, person: str) -> str:
    """The fleet file without a person, checked as a whole. Raises StillAnswers, PeopleNotEditable."""
    path = directory / FLEET_FILE
    changed = without_person(read_document(path), path.read_text(), person)
    trial = path.with_name(f".{FLEET_FILE}.offboard")
    replace(trial, changed)
    try:
        document = read_document(trial)
        _, problems = validate(document, Fleet)
        problems += [problem for check in CHECKS for problem in check(document)]
    finally:
        trial.unlink(missing_ok=True)
    if problems:
        raise StillAnswers(f"{person} still answers for something", why=str(FleetProblems(path, problems)))
    return changed


def put_text(directory: Path, text: str, person: str) -> list[str]:
    """Let the fleet file be this text, and commit it; as its owner."""
    path = directory / FLEET_FILE
    if path.read_text() == text:
        return []
    commit_edit(directory, "fleet.toml as it was found")
    replace(path, text)
    revision = commit_edit(directory, f"{person} has left")
    return [f"out of [[people]], commit {(revision or '')[:12]}"]


def _members(group: str) -> list[str]:
    try:
        return grp.getgrnam(group).gr_mem
    except KeyError:
        return []


def _exists(login: str) -> bool:
    try:
        pwd.getpwnam(login)
    except KeyError:
        return False
    return True
