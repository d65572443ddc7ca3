"""A zone on a name server of its own: read by a transfer, changed by dynamic updates (RFC 2136), signed (RFC 8945).

An address record has no room for a mark, so that stands beside it: a TXT record `_noc.NAME` that names the fleet and
the type of the record that is meant, `noc=clavitor A`. Each change says what it was planned on as its prerequisite, so
that a zone that has moved since refuses all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from noc.cloud.dns.plan import Change, Found
from noc.cloud.dns.records import TYPES, Record
from noc.cloud.errors import DnsRefused, DnsUnreachable, NoDnsToken

if TYPE_CHECKING:
    import dns.message
    import dns.name
    import dns.tsig
    import dns.zone

TIMEOUT_S: Final = 10
MOST_RECORDS: Final = 5_000
MARK: Final = "_noc"
MARK_TTL: Final = 300
TEXT_TTL: Final = 60


class NameServerZone:
    """The zone of a domain at a name server. Implements Zone."""

    def __init__(self, domain: str, fleet: str, server: str, tsig: str) -> None:
        """Take whose zone it is.

        Args:
            domain: the zone's name.
            fleet: the fleet's name, which the mark carries.
            server: `ADDRESS:PORT`, IPv6 in brackets.
            tsig: `NAME ALGORITHM SECRET`, the secret in base64.

        Raises:
            NoDnsToken: the key is not written so.
        """
        self._domain, self._fleet = domain, fleet
        host, _, port = server.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._key = _key(tsig)

    async def records(self) -> Sequence[Found]:
        """See Zone; read over TCP by AXFR, so it is the server's own view and no cache's."""
        zone = await self._transferred()
        marks = {(name.removeprefix(f"{MARK}."), text) for name, _, text in _rows(zone, "TXT")}
        found = [
            Found(Record(name, kind, text.rstrip("."), ttl), "", (name, self._mark(kind)) in marks)
            for kind in TYPES
            for name, ttl, text in _rows(zone, kind)
        ]
        if len(found) > MOST_RECORDS:
            raise DnsRefused(f"the zone {self._domain} has more than {MOST_RECORDS} address records")
        return found

    async def apply(self, changes: Sequence[Change]) -> None:
        """See Zone; one update message is one transaction (RFC 2136, 3.7)."""
        if changes:
            await self._send(self._update(changes))

    @asynccontextmanager
    async def text(self, name: str, value: str) -> AsyncIterator[None]:
        """See Zone."""
        import dns.update  # noqa: PLC0415

        made, gone = (dns.update.UpdateMessage(self._domain, keyring=self._key) for _ in range(2))
        made.add(f"{name}.", TEXT_TTL, "TXT", f'"{value}"')
        gone.delete(f"{name}.", "TXT", f'"{value}"')
        await self._send(made)
        try:
            yield
        finally:
            await self._send(gone)

    def _update(self, changes: Sequence[Change]) -> "dns.message.Message":
        import dns.update  # noqa: PLC0415 - only these commands pay for it

        update = dns.update.UpdateMessage(self._domain, keyring=self._key)
        added = {change.after.key for change in changes if change.after is not None}
        removed = {change.before.record.key for change in changes if change.before is not None}
        for name, kind in sorted(added - removed):
            update.absent(f"{name}.", kind)
            update.absent(f"{name}.", "CNAME")
        for change in changes:
            at, mark = f"{change.name}.", f"{MARK}.{change.name}."
            if change.before is not None:
                gone = change.before.record
                update.present(at, gone.type, gone.content)
                update.delete(at, gone.type, gone.content)
                if gone.key not in added:
                    update.delete(mark, "TXT", self._mark(gone.type))
            if change.after is not None:
                update.add(at, change.after.ttl, change.after.type, change.after.content)
                update.add(mark, MARK_TTL, "TXT", self._mark(change.after.type))
        return update

    def _mark(self, kind: str) -> str:
        """The mark's text as a zone file has it."""
        return f'"noc={self._fleet} {kind}"'

    async def _send(self, message: "dns.message.Message") -> None:
        import dns.asyncquery  # noqa: PLC0415
        import dns.exception  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415
        import dns.tsig  # noqa: PLC0415

        try:
            answer = await dns.asyncquery.tcp(message, self._host, TIMEOUT_S, self._port)
        except dns.tsig.PeerError as error:
            raise self._key_refused(error) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise self._unreachable(error) from None
        if answer.rcode() != dns.rcode.NOERROR:
            word = dns.rcode.to_text(answer.rcode())
            raise DnsRefused(f"{self._host} refused the update of {self._domain}", why=word, fix=_fix(word))

    async def _transferred(self) -> "dns.zone.Zone":
        import dns.exception  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415
        import dns.tsig  # noqa: PLC0415
        import dns.xfr  # noqa: PLC0415

        try:
            return await asyncio.wait_for(asyncio.to_thread(self._transfer), 2 * TIMEOUT_S)
        except dns.xfr.TransferError as error:
            word = dns.rcode.to_text(error.rcode)
            raise DnsRefused(f"{self._host} refused a transfer of {self._domain}", why=word, fix=_fix(word)) from None
        except dns.tsig.PeerError as error:
            raise self._key_refused(error) from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise self._unreachable(error) from None

    def _transfer(self) -> "dns.zone.Zone":
        import dns.query  # noqa: PLC0415
        import dns.zone  # noqa: PLC0415

        zone = dns.zone.Zone(self._domain)
        query, _ = dns.xfr.make_query(zone, keyring=self._key)
        dns.query.inbound_xfr(self._host, zone, query, port=self._port, timeout=TIMEOUT_S, lifetime=TIMEOUT_S)
        return zone

    def _key_refused(self, error: "dns.tsig.PeerError") -> DnsRefused:
        why = type(error).__name__.removeprefix("Peer")
        return DnsRefused(f"{self._host} does not accept the key of dns_tsig", why=why, fix=_fix(why.upper()))

    def _unreachable(self, error: Exception) -> DnsUnreachable:
        where = f"{self._host} port {self._port}"
        return DnsUnreachable(f"the name server {where} did not answer", why=f"{type(error).__name__}: {error}"[:300])


def _rows(zone: "dns.zone.Zone", kind: str) -> Iterator[tuple[str, int, str]]:
    """Full name, TTL and text of every record of a type."""
    for name, ttl, data in zone.iterate_rdatas(kind):
        full = name.derelativize(zone.origin) if zone.origin else name
        yield str(full).rstrip(".").lower(), ttl, data.to_text()


def _key(text: str) -> "dict[dns.name.Name, dns.tsig.Key]":
    import dns.name  # noqa: PLC0415
    import dns.tsig  # noqa: PLC0415

    fix = "write NAME ALGORITHM SECRET in it, as tsig-keygen prints them"
    try:
        name, algorithm, secret = text.split()
        key = dns.tsig.Key(name, secret, dns.name.from_text(algorithm))
    except ValueError:
        raise NoDnsToken("the credential dns_tsig cannot be read", fix=fix) from None
    if key.algorithm not in dns.tsig.mac_sizes:
        raise NoDnsToken("the credential dns_tsig names an algorithm that is none", fix=fix)
    return {key.name: key}


def _fix(word: str) -> str:
    if word in {"YXRRSET", "NXRRSET", "YXDOMAIN", "NXDOMAIN"}:
        return "the zone has moved since the plan was made: give the command again"
    if word == "BADTIME":
        return "the clocks of HQ and of the name server differ: set them right"
    return "see that the key may transfer and update this zone"
