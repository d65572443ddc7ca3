"""Requirement 18: no change at the dashboard without session, the form's own token and our origin; names that are not
ours are refused, so that a page which resolves to the loopback gets nothing."""

import getpass
import http.client
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from watch_kit import Server, write_fleet

HOST = "noc.clavitor.test"
PEOPLE = f'\n[[people]]\nname = "{getpass.getuser()}"\nrole = "approver"\n'
ACT = "/incidents/1/acknowledge"
APPROVE = f"/approvals/{'a' * 64}/approve"


@dataclass
class Answer:
    status: int
    text: str
    cookie: str


@dataclass
class Dashboard:
    """A watch, and the socket at which the proxy speaks to it for browsers."""

    server: Server
    web: Path

    def ask(self, method: str, path: str, *, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """One request as the proxy passes it on, from a browser on our own page; "" leaves a header out."""
        named = {"host": HOST, "x-forwarded-for": "198.51.100.7", "accept": "text/html"}
        if method == "POST":
            named |= {"origin": f"https://{HOST}", "content-type": "application/x-www-form-urlencoded"}
        named = {name: value for name, value in (named | headers).items() if value}
        connection = http.client.HTTPConnection(named.pop("host"), timeout=20)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(self.web))
        try:
            connection.request(method, path, urlencode(form or {}) if method == "POST" else None, named)
            answer = connection.getresponse()
            cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
            return Answer(answer.status, answer.read().decode(), cookie)
        finally:
            connection.close()

    def sign_in(self) -> str:
        """The cookie of a new session."""
        link = self.server.ask("/api/v1/links", "POST")[1]["url"]
        answer = self.ask("POST", "/login", form={"key": link})
        assert answer.status == 303, answer.text
        return answer.cookie

    def form_token(self, cookie: str) -> str:
        """What a form of the incident's page carries for this session."""
        found = re.search(r'name="form" value="([0-9a-f]{64})"', self.ask("GET", "/incidents/1", cookie=cookie).text)
        assert found is not None
        return found[1]

    def changes(self) -> int:
        return len(self.server.events("acknowledged"))


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    fleet = write_fleet(folder / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write(PEOPLE)
    server = Server(folder, fleet)
    server.more = ["--web", str(folder / "web.sock")]
    with server:
        server.push("frankfurt", "status=down&msg=killed-KILL")
        yield Dashboard(server, folder / "web.sock")


@pytest.mark.parametrize("path", [ACT, APPROVE], ids=["acknowledge", "approve"])
@pytest.mark.parametrize(
    ("left_out", "status"),
    [
        ("session", 401),
        ("form", 403),
        ("another session's form", 403),
        ("origin", 403),
        ("our origin", 403),
        ("an origin that has a name", 403),
        ("our name", 421),
        ("a name that resolves to the loopback", 421),
        ("a person's address", 403),
    ],
)
def test_without_each_of_them_nothing_is_changed(dashboard: Dashboard, path: str, left_out: str, status: int) -> None:
    cookie = dashboard.sign_in()
    form, headers = {"form": dashboard.form_token(cookie)}, {"cookie": cookie}
    headers |= {
        "session": {"cookie": ""},
        "origin": {"origin": ""},
        "our origin": {"origin": "https://evil.example"},
        "an origin that has a name": {"origin": "null"},
        "our name": {"host": "evil.example"},
        "a name that resolves to the loopback": {"host": "localhost"},
        "a person's address": {"x-forwarded-for": "127.84.0.12"},
    }.get(left_out, {})
    if left_out == "form":
        form = {}
    if left_out == "another session's form":
        form = {"form": dashboard.form_token(dashboard.sign_in())}
    assert (dashboard.ask("POST", path, form=form, **headers).status, dashboard.changes()) == (status, 0)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"])
def test_at_the_socket_of_this_machine_a_name_of_somebody_elses_is_refused(dashboard: Dashboard, host: str) -> None:
    connection = dashboard.server._connection()
    try:
        connection.request("POST", "/api/v1/reload", headers={"Host": host})
        assert connection.getresponse().status == 403
    finally:
        connection.close()


def test_with_all_of_them_it_is(dashboard: Dashboard) -> None:
    cookie = dashboard.sign_in()
    answer = dashboard.ask("POST", ACT, form={"form": dashboard.form_token(cookie)}, cookie=cookie)
    assert (answer.status, dashboard.changes()) == (303, 1)
