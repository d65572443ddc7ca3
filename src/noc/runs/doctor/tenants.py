"""Tenants: whether the directory of them is proven to be the newest, and whether everybody's node is there."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from noc.fleet.inventory import Life
from noc.fleet.placing import Placement
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line
from noc.runs.tenants.errors import RegistryUnusable
from noc.runs.tenants.registry import Issued, Registry

WHAT: Final = "tenants"


def tenant_lines(care: Care) -> Iterator[Line]:
    """A line for the directory, and one for each node that is not live and is the home of tenants.

    A fleet that places nobody has none.
    """
    terms, name = care.fleet.placement, care.fleet.hub.name
    if terms is None:
        return
    if not care.paths.directory_public_key.is_file():
        yield Line(name, WHAT, "due", "the fleet file has [placement], and HQ no keys for it", "sudo noc hub apply")
        return
    if not care.paths.tenants.is_file():
        return
    registry = Registry(care.paths.tenants)
    try:
        issued, counts = registry.issued, registry.counts()
    except RegistryUnusable as error:
        yield Line(name, WHAT, "wrong", f"{error.what}: {error.why}", error.fix)
        return
    yield _directory(care, terms, issued, sum(counts.values()))
    yield from _homeless(care, counts)


def _directory(care: Care, terms: Placement, issued: Issued, tenants: int) -> Line:
    name = care.fleet.hub.name
    if not issued.version:
        return Line(name, WHAT, "due", "no directory was signed yet", "noc tenant list")
    at = datetime.fromtimestamp(issued.at, UTC)
    until = at + timedelta(seconds=terms.fresh_for)
    if care.now > until:
        says = "the directory is not proven to be the newest any more: nobody can sign up"
        return Line(name, WHAT, "wrong", says, "systemctl status noc-runner", at, until)
    return Line(name, WHAT, "ok", f"{tenants} placed, directory version {issued.version}", at=at, due=until)


def _homeless(care: Care, counts: Mapping[str, int]) -> Iterator[Line]:
    for name, count in sorted(counts.items()):
        if care.inventory.record(name).life is not Life.LIVE:
            says = f"{count} tenant(s) live on it, and it is not live"
            yield Line(name, WHAT, "wrong", says, f"noc replace {name}; noc tenant list --node {name}")
