"""The door and the kernel: real processes of real logins, in a mount namespace whose accounts are HQ's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ACCOUNTS = {"noc-runner": 3990, "noc-watch": 3991, "noc-agent": 3992, "noc-bot": 3993}
PEOPLE = {"anna": 3801, "vera": 3803, "mallory": 3804}
GROUPS = "noc:x:3990:anna,vera\nnoc-operators:x:3994:anna\n"
VOUCHED: dict[str, Any] = {"for": {"channel": "telegram", "id": "4711"}}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("anna", {"op": "whoami"}),
    ("vera", {"op": "whoami"}),
    ("mallory", {"op": "whoami"}),
    ("noc-agent", {"op": "whoami"}),
    ("noc-agent", {"op": "approve", "request": "last"}),
    ("noc-agent", {"op": "whoami", **VOUCHED}),
    ("noc-bot", {"op": "whoami", **VOUCHED}),
    ("noc-watch", {"op": "whoami", **VOUCHED}),
    ("noc-watch", {"op": "whoami", "for": {"channel": "page", "person": "anna"}}),
    ("noc-runner", {"op": "list"}),
]
DRIVER = """
import json, os, pwd, socket, sys
from pathlib import Path

place, asked = Path(sys.argv[1]), json.loads(sys.argv[3])


def client(login, request, go):
    # Another process, forked before the runner has a thread, that becomes somebody else and asks once it may.
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return reading
    account = pwd.getpwnam(login)
    os.initgroups(login, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.read(go, 1)
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(30)
            door.connect(str(place / "sock"))
            door.sendall(json.dumps(request).encode() + b"\\n")
            answer = door.makefile("rb").readline()
    except PermissionError:
        answer = json.dumps({"error": {"code": "EACCES"}}).encode()
    os.write(writing, answer)
    os._exit(0)


waiting, go = os.pipe()
clients = [client(login, request, waiting) for login, request in asked]
sys.path[:0] = json.loads(sys.argv[2])
from noc.runs.admission.caller import check_known
from noc.runs.paths import Paths
from principal_kit import PEOPLE, Hall
from runner_house import House
from runs_kit import write_fleet

for name in ("fleet", "runs", "releases"):
    (place / name).mkdir()
write_fleet(place / "fleet")
with (place / "fleet" / "fleet.toml").open("a") as file:
    file.write(PEOPLE)
paths = Paths(fleet=place / "fleet", runs=place / "runs", releases=place / "releases", runner_socket=place / "sock")
house = House(paths, permit=check_known)
Hall(house).link("anna", "4711")
os.write(go, b"." * len(asked))
said = [json.loads(os.fdopen(each, "rb").readline()) for each in clients]
house.close()
print(json.dumps(said))
"""


def is_allowed() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, timeout=10, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not is_allowed(), reason="needs root and unshare(1) to be several people")


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], Any]:
    """What each of ASKED was answered, by login and request."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        users = "".join(f"{login}:x:{uid}:3990::/:/bin/sh\n" for login, uid in ACCOUNTS.items())
        users += "".join(f"{login}:x:{uid}:3999::/:/bin/sh\n" for login, uid in PEOPLE.items())
        (place / "passwd").write_text(Path("/etc/passwd").read_text() + users)
        (place / "group").write_text(Path("/etc/group").read_text() + GROUPS + "people:x:3999:\n")
        binds = "mount --bind $0/passwd /etc/passwd && mount --bind $0/group /etc/group"
        argv = [sys.executable, "-c", DRIVER, name, json.dumps(sys.path), json.dumps(ASKED)]
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", f'{binds} && exec "$@"', name, *argv],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
    return {(login, json.dumps(request)): answer for (login, request), answer in zip(ASKED, said, strict=True)}


def code(answers: dict[tuple[str, str], Any], login: str, **request: Any) -> str:
    return str(answers[login, json.dumps(request)].get("error", {}).get("code", ""))


def test_the_kernel_says_who_is_there(answers: dict[tuple[str, str], Any]) -> None:
    assert answers["anna", '{"op": "whoami"}'] == {"person": "anna", "role": "approver", "channel": "socket"}
    assert answers["noc-agent", '{"op": "whoami"}'] == {"person": "noc-agent", "role": "agent", "channel": "socket"}


def test_who_may_knock_and_is_nobody_of_the_operators_is_refused(answers: dict[tuple[str, str], Any]) -> None:
    assert code(answers, "vera", op="whoami") == "NOC-E501"


def test_who_is_not_in_the_group_does_not_even_knock(answers: dict[tuple[str, str], Any]) -> None:
    assert code(answers, "mallory", op="whoami") == "EACCES"


def test_the_services_get_what_their_tables_say(answers: dict[tuple[str, str], Any]) -> None:
    assert answers["noc-bot", json.dumps({"op": "whoami", **VOUCHED})]["person"] == "anna"
    page = {"op": "whoami", "for": {"channel": "page", "person": "anna"}}
    assert answers["noc-watch", json.dumps(page)]["channel"] == "page"
    assert code(answers, "noc-agent", op="approve", request="last") == "NOC-E501"
    assert code(answers, "noc-runner", op="list") == "NOC-E501"


@pytest.mark.parametrize("login", ["noc-agent", "noc-watch"])
def test_another_service_does_not_speak_for_a_chat(answers: dict[tuple[str, str], Any], login: str) -> None:
    assert code(answers, login, op="whoami", **VOUCHED) == "NOC-E501"
