"""What a zone's own name servers answer: no cache lies between, so what they do not say, nobody will hear."""

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from noc.cloud.dns.plan import Change
from noc.cloud.errors import DnsUnreachable

if TYPE_CHECKING:
    import dns.message

TIMEOUT_S: Final = 3.0
POLL_S: Final = 0.5
PORT: Final = 53

Answers = frozenset[str]


class Authority:
    """The name servers of one zone."""

    def __init__(self, domain: str, servers: Sequence[str] = ()) -> None:
        """Take the zone.

        Args:
            domain: its name.
            servers: `ADDRESS:PORT`, IPv6 in brackets; those that the zone itself names where none is given.
        """
        self._domain, self._servers = domain, tuple(servers)

    async def ask(self, name: str, kind: str) -> Answers:
        """What all servers agree on for a name and a type; nothing where they disagree.

        Raises:
            DnsUnreachable: a server does not answer, or nobody knows who they are.
        """
        answers = await self._each(name, kind)
        return answers[0] if len(set(answers)) == 1 else frozenset()

    async def shows(self, change: Change, within_s: float) -> bool:
        """Wait until the servers answer as a change wants it.

        Args:
            change: what was changed. A record that the provider proxies only has to be answered at all.
            within_s: seconds to wait; whoever does not answer until then does not show it.
        """
        record = change.after or (change.before.record if change.before else None)
        assert record is not None
        end = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                there = await self.ask(record.name, record.type)
            except DnsUnreachable:
                there = None
            if there is not None and _as_wanted(change, there):
                return True
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(POLL_S)

    async def leads(self, name: str, addresses: Collection[str], within_s: float) -> bool:
        """Wait until every server leads a name to some of these IPv4 addresses and to no other; see `shows`.

        A balancer answers each time with those that it takes for the best, so that servers need not agree.
        """
        end = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                if all(each and each <= set(addresses) for each in await self._each(name, "A")):
                    return True
            except DnsUnreachable:
                pass
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(POLL_S)

    async def shows_text(self, name: str, value: str, within_s: float) -> bool:
        """Wait until every server has a text at a name; see `shows`."""
        end = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                if f'"{value}"' in await self.ask(name, "TXT"):
                    return True
            except DnsUnreachable:
                pass
            if asyncio.get_running_loop().time() >= end:
                return False
            await asyncio.sleep(POLL_S)

    async def _each(self, name: str, kind: str) -> list[Answers]:
        """What each server answers."""
        self._servers = self._servers or await self._found()
        return await asyncio.gather(*(self._one(server, name, kind) for server in self._servers))

    async def _one(self, server: str, name: str, kind: str) -> Answers:
        import dns.asyncquery  # noqa: PLC0415 - only these commands pay for it
        import dns.exception  # noqa: PLC0415
        import dns.message  # noqa: PLC0415

        host, _, port = server.rpartition(":")
        query = dns.message.make_query(name, kind)
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(query, host.strip("[]"), TIMEOUT_S, int(port))
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise DnsUnreachable(f"the name server {server} did not answer", why=type(error).__name__) from None
        return _texts(answer, kind)

    async def _found(self) -> tuple[str, ...]:
        """The addresses of the servers that the zone names, by this machine's resolver."""
        import dns.asyncresolver  # noqa: PLC0415
        import dns.exception  # noqa: PLC0415

        try:
            names = await dns.asyncresolver.resolve(self._domain, "NS", lifetime=TIMEOUT_S)
            each = [await dns.asyncresolver.resolve(row.target, "A", lifetime=TIMEOUT_S) for row in names]
        except (dns.exception.DNSException, OSError) as error:
            why = type(error).__name__
            raise DnsUnreachable(f"the name servers of {self._domain} were not found", why=why) from None
        return tuple(f"{row.address}:{PORT}" for rows in each for row in rows)


def _texts(answer: "dns.message.Message", kind: str) -> Answers:
    from dns.rdatatype import from_text  # noqa: PLC0415

    return frozenset(
        row.to_text().rstrip(".") for rows in answer.answer if rows.rdtype == from_text(kind) for row in rows
    )


def _as_wanted(change: Change, there: Answers) -> bool:
    if change.after is None:
        assert change.before is not None
        return change.before.record.content not in there
    return bool(there) if change.after.proxied else there == {change.after.content}
