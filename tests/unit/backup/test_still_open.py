"""Whom backups from before still open to, once the list of recipients is another."""

from datetime import timedelta
from pathlib import Path

from noc.runs.rotation.lists import still_open
from unit.backup.backup_kit import NOW, RECIPIENTS, keep, repository


def test_a_withdrawn_recipient_is_named_with_what_it_opens(tmp_path: Path) -> None:
    backups = repository(tmp_path).node("virginia")
    keep(backups, at=NOW)
    keep(backups, at=NOW + timedelta(hours=1))
    says = still_open(backups, frozenset({"age1other"}))
    newest = f"{NOW + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    assert says.startswith(f"{RECIPIENTS[0][:12]}… opens 2 of its backups, the newest of {newest}")


def test_who_is_a_recipient_still_is_not_named(tmp_path: Path) -> None:
    backups = repository(tmp_path).node("virginia")
    keep(backups)
    assert still_open(backups, frozenset(RECIPIENTS)) == ""


def test_a_node_without_backups_opens_to_nobody(tmp_path: Path) -> None:
    assert still_open(repository(tmp_path).node("virginia"), frozenset()) == ""
