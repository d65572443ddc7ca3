"""The requirements' tests use the fleets, runners, nodes and servers of the tests of the rooms that meet them."""

from unit.cloud.conftest import aws, no_waiting
from unit.hosts.conftest import tree
from unit.hosts.test_ssh import start
from unit.runs.conftest import closed_journals, fleet, house, paths, quick_looks, world
from unit.runs.test_certificate_escrow import escrow, person
from unit.runs.test_lease_processes import begin
from unit.watch.test_outbox import _impatient as impatient
from unit.watch.test_outbox import fleet as watched_fleet
from unit.watch.test_outbox import receiver

__all__ = [
    "aws",
    "begin",
    "closed_journals",
    "escrow",
    "fleet",
    "house",
    "impatient",
    "no_waiting",
    "paths",
    "person",
    "quick_looks",
    "receiver",
    "start",
    "tree",
    "watched_fleet",
    "world",
]
