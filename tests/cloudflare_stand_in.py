"""A stand-in for Cloudflare's API on loopback: one account's zones, DNS records and balancing, and what it refuses.

Each refusal, its source and the test that provokes it stand in docs/stand-ins.md. It speaks HTTP where the original
speaks HTTPS, knows only the calls that we make, and propagates nothing.
"""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cloudflare_balancing_stand_in import BalancingAccount

GOOD, EXPIRED, NAMES_ALONE = "g" * 40, "e" * 40, "n" * 40
"""Tokens of 40 characters, as the original's are: one that works, one whose time is over, and one that may edit the
zone's records and not balance."""
OWN = "b" * 32
"""The account's identifier."""
MOST_IN_A_BATCH = 200
MOST_IN_A_COMMENT = 100
ORDER = ("deletes", "patches", "puts", "posts")
OBJECT = r"(/(?P<kind>monitors|pools))?(/(?P<id>[0-9a-f]{32}))?"
BALANCING = rf"/(?P<of>zones|accounts)/(?P<owner>[0-9a-f]{{32}})/load_balancers{OBJECT}"

Row = dict[str, Any]
Fault = Callable[[BaseHTTPRequestHandler], None]


class Refusal(Exception):
    """What the original answers in an error's place."""

    def __init__(self, status: int, code: int, message: str, chain: tuple[int, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: Row = {"code": code, "message": message}
        if chain:
            self.error["error_chain"] = [{"code": chain[0], "message": chain[1]}]


def validation(code: int, message: str) -> Refusal:
    return Refusal(400, 1004, "DNS Validation Error", (code, message))


@dataclass
class Account:
    """What the token sees.

    Attributes:
        zones: their names and identifiers.
        rows: the records of each zone, by their identifiers.
        asked: method and path of every request.
        faults: what befalls the next requests in the answer's place; they are not carried out.
        lost: how many of the next requests are carried out without an answer.
        lost_changes: the same of those that change something.
    """

    zones: dict[str, str] = field(default_factory=lambda: {"example.com": "a" * 32})
    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    lost: int = 0
    lost_changes: int = 0
    url: str = ""
    balancing: BalancingAccount = field(default_factory=lambda: BalancingAccount(Refusal))

    def add(self, name: str, content: str, *, kind: str = "A", comment: str | None = None, ttl: int = 300) -> str:
        """A record that is there already; its identifier."""
        row = {"name": name, "type": kind, "content": content, "ttl": ttl, "proxied": False, "comment": comment}
        return self._insert(self.zones["example.com"], row)

    def _insert(self, zone: str, row: Row) -> str:
        id_ = uuid4().hex
        self.rows.setdefault(zone, {})[id_] = {"id": id_, "proxiable": True, "tags": [], "settings": {}, **row}
        return id_

    def records(self) -> set[tuple[str, str, str, int, bool | None, str | None]]:
        """All records of the zone as they are now."""
        there = self.rows.get(self.zones["example.com"], {}).values()
        return {(r["name"], r["type"], r["content"], r["ttl"], r["proxied"], r["comment"]) for r in there}

    def list_zones(self, query: Mapping[str, str]) -> Row:
        """GET /zones: a token sees its own zones, and others as if they were not."""
        found = [
            {"id": id_, "name": name, "account": {"id": OWN, "name": "ours"}}
            for name, id_ in self.zones.items()
            if query.get("name") in (None, name)
        ]
        return _page(found, query)

    def list_records(self, zone: str, query: Mapping[str, str]) -> Row:
        """GET /zones/ZONE/dns_records."""
        rows = [row for row in self.rows.get(zone, {}).values() if query.get("type") in (None, row["type"])]
        return _page(sorted(rows, key=lambda row: str(row["id"])), query)

    def batch(self, zone: str, body: Mapping[str, Any]) -> Row:
        """POST /zones/ZONE/dns_records/batch: all of it in the original's order, or nothing."""
        if sum(len(body.get(part) or ()) for part in ORDER) > MOST_IN_A_BATCH:
            raise Refusal(400, 81000, f"a batch has at most {MOST_IN_A_BATCH} operations on this plan")
        before = {id_: dict(row) for id_, row in self.rows.get(zone, {}).items()}
        try:
            done = {part: [self._one(zone, part, each) for each in body.get(part) or ()] for part in ORDER}
        except Refusal:
            self.rows[zone] = before
            raise
        return {"result": done}

    def _one(self, zone: str, part: str, asked: Row) -> Row:
        rows = self.rows.setdefault(zone, {})
        if part != "posts" and asked.get("id") not in rows:
            raise Refusal(404, 81044, "Record does not exist.")
        if part == "deletes":
            return rows.pop(asked["id"])
        row = {key: asked.get(key) for key in ("name", "type", "content", "ttl", "proxied", "comment")}
        check(row)
        self._check_beside(rows, row, str(asked.get("id", "")))
        if part == "posts":
            return rows[self._insert(zone, row)]
        rows[asked["id"]].update(row)
        return rows[asked["id"]]

    def _check_beside(self, rows: Mapping[str, Row], row: Row, own: str) -> None:
        """What else stands at the name."""
        for id_, other in rows.items():
            if id_ == own or other["name"] != row["name"]:
                continue
            if (other["type"], other["content"]) == (row["type"], row["content"]):
                raise Refusal(400, 81058, "An identical record already exists.")
            if other["type"] == "CNAME":
                raise Refusal(400, 81054, "A CNAME record with that host already exists.")
            if row["type"] == "CNAME":
                raise Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")


def check(row: Row) -> None:
    """What a record must be by itself."""
    kind, content, ttl = row["type"], str(row["content"]), row["ttl"]
    try:
        {"A": IPv4Address, "AAAA": IPv6Address}.get(kind, str)(content)
    except AddressValueError:
        code, version = (9005, 4) if kind == "A" else (9006, 6)
        raise Refusal(400, code, f"Content for {kind} record must be a valid IPv{version} address.") from None
    if not isinstance(ttl, int) or (ttl != 1 and not 60 <= ttl <= 86_400):
        raise validation(9021, "TTL must be between 60 and 86400 seconds, or 1 for Automatic.")
    if row["proxied"] and ttl != 1:
        raise validation(9041, "ttl must be set to 1 when `proxied` is true")
    if len(row["comment"] or "") > MOST_IN_A_COMMENT:
        raise Refusal(400, 9313, "DNS record comment exceeds the maximum length of 100 characters.")


def _page(rows: list[Row], query: Mapping[str, str]) -> Row:
    page, size = int(query.get("page", 1)), int(query.get("per_page", 100))
    shown = rows[(page - 1) * size : page * size]
    return {"result": shown, "result_info": {"page": page, "per_page": size, "total_count": len(rows)}}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    account: Account

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.account.asked.append(f"{self.command} {urlsplit(self.path).path}")
        if self.account.faults:
            self.account.faults.pop(0)(self)
            return
        try:
            told = {"success": True, "errors": [], "messages": [], **self._answer(body)}
            if self._is_lost():
                hangs_up(self)
                return
            self.send(200, json.dumps(told).encode())
        except Refusal as refusal:
            told = {"success": False, "errors": [refusal.error], "messages": [], "result": None}
            self.send(refusal.status, json.dumps(told).encode())

    def _is_lost(self) -> bool:
        if self.account.lost:
            self.account.lost -= 1
            return True
        if self.account.lost_changes and self.command != "GET":
            self.account.lost_changes -= 1
            return True
        return False

    def _answer(self, body: bytes) -> Row:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self._admit(of_zone=parts.path != "/zones")
        if parts.path == "/zones":
            return self.account.list_zones(query)
        if balanced := re.fullmatch(BALANCING, parts.path):
            return self._balance(balanced, body)
        found = re.fullmatch(r"/zones/([0-9a-f]{32})/dns_records(/batch)?", parts.path)
        if found is None or found[1] not in self.account.zones.values():
            raise Refusal(404, 7003, f"Could not route to {parts.path}, perhaps your object identifier is invalid?")
        if not found[2]:
            return self.account.list_records(found[1], query)
        try:
            return self.account.batch(found[1], json.loads(body))
        except ValueError:
            raise Refusal(400, 9207, "Request body is invalid.") from None

    def _balance(self, asked: re.Match[str], body: bytes) -> Row:
        """Monitors and pools are the account's, balancers a zone's."""
        owner, kind, id_ = asked["owner"], asked["kind"] or "balancers", asked["id"]
        known = self.account.zones.values() if asked["of"] == "zones" else [OWN]
        if owner not in known or (kind == "balancers") != (asked["of"] == "zones"):
            raise Refusal(404, 7003, f"Could not route to {self.path}, perhaps your object identifier is invalid?")
        if self._token() == NAMES_ALONE:
            raise Refusal(403, 10_000, "Authentication error")
        return self.account.balancing.serve(kind, id_, self.command, json.loads(body or b"{}"))

    def _token(self) -> str:
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _admit(self, *, of_zone: bool) -> None:
        token = self._token()
        if not re.fullmatch(r"[A-Za-z0-9_-]{40}", token):
            chain = (6111, "Invalid format for Authorization header")
            raise Refusal(400, 6003, "Invalid request headers", chain)
        if token not in {GOOD, NAMES_ALONE}:
            code, message = (10_000, "Authentication error") if of_zone else (9109, "Invalid access token")
            raise Refusal(403, code, message)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """Answer, whatever it is."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def too_often(retry_after: str) -> Fault:
    """429, as for the 1,201st request in five minutes."""
    words = "More than 1200 requests per 300 seconds reached. Please wait and consider throttling your request speed"
    told = json.dumps({"success": False, "errors": [{"code": 971, "message": words}], "result": None}).encode()
    return lambda handler: handler.send(429, told, Retry_After=retry_after)  # type: ignore[attr-defined]


def answers(status: int, body: bytes, content_type: str = "application/json") -> Fault:
    """Any answer."""
    return lambda handler: handler.send(status, body, Content_Type=content_type)  # type: ignore[attr-defined]


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


@contextmanager
def stand_in() -> Iterator[Account]:
    """The account, served on a port of loopback while it lasts."""
    account = Account()
    handler = type("OfThisAccount", (Handler,), {"account": account})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        account.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield account
        finally:
            server.shutdown()
