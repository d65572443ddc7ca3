"""The name server of a stand-in for Cloudflare: it answers who asks with what the stand-in's account says just then.

A load balancer stands before the records of its own name, whatever they are; it answers with its first pool that works,
and with its fallback pool where none does. Near and far are nothing that loopback could tell.
https://developers.cloudflare.com/load-balancing/load-balancers/dns-records/#priority-order
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from cloudflare_stand_in import Account


@dataclass
class NameServer:
    """Where it answers.

    Attributes:
        account: what it answers of.
        down: addresses that the account's monitors see as dead.
        behind: names for which it answers nothing yet, as one that has not heard of a change.
        held: by name, the address that a stranger's own resolver still holds from before.
    """

    account: Account
    port: int
    down: set[str] = field(default_factory=set)
    behind: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def addresses(self, name: str) -> list[str]:
        """What a name leads to."""
        if name in self.behind:
            return []
        for balancer in self.account.balancing.rows["balancers"].values():
            if balancer["name"] == name and balancer["enabled"]:
                return [self._chosen(balancer["default_pools"], balancer["fallback_pool"])]
        return self._rows(name, "A")

    def _rows(self, name: str, kind: str) -> list[str]:
        rows = (row for zone in self.account.rows.values() for row in zone.values())
        return [row["content"] for row in rows if (row["name"], row["type"]) == (name, kind)]

    def _chosen(self, pools: list[str], fallback: str) -> str:
        known = self.account.balancing.rows["pools"]
        addresses = [str(known[id_]["origins"][0]["address"]) for id_ in (*pools, fallback)]
        return next((address for address in addresses[:-1] if address not in self.down), addresses[-1])

    def answer(self, question: bytes) -> bytes:
        """One message; anything but A and TXT has no answer."""
        query = dns.message.from_wire(question)
        told = dns.message.make_response(query)
        told.flags |= dns.flags.AA
        asked = query.question[0]
        name, kind = asked.name.to_text().rstrip(".").lower(), dns.rdatatype.to_text(asked.rdtype)
        found = self.addresses(name) if kind == "A" else self._rows(name, "TXT") if kind == "TXT" else []
        if found:
            told.answer.append(dns.rrset.from_text(asked.name, 30, "IN", kind, *found))
        return told.to_wire()


@contextmanager
def name_server(account: Account) -> Iterator[NameServer]:
    """Answers on a port of loopback while it lasts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        server = NameServer(account, listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", server.port))
            thread.join()


def _serve(listener: socket.socket, server: NameServer) -> None:
    while True:
        question, who = listener.recvfrom(4096)
        if not question:
            return
        try:
            listener.sendto(server.answer(question), who)
        except dns.exception.DNSException:
            continue
