"""How old secrets are, by what the inventory says and by the fleet directory's history."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noc.fleet.inventory import HubRecord, Inventory, Life, NodeRecord, load_inventory, save_inventory
from noc.fleet.model import Fleet
from noc.fleet.origins import origins, read_log
from noc.fleet.repository import commit
from noc.hosts.trust import KeyPair, generate_key
from noc.runs.doctor.ages import age_lines, file_lines, rotation_lines
from noc.runs.doctor.care import Care
from noc.runs.doctor.doctor import examine
from noc.runs.doctor.line import Line
from noc.runs.paths import Paths
from runs_kit import HUB_KEY

NOW = datetime(2027, 3, 1, tzinfo=UTC)
KEY = "v" * 42 + "g="
OLD, NEW = generate_key("noc@zurich"), generate_key("noc@zurich")
TOKEN, OTHER = "a" * 64, "b" * 64
AGE = "age1" + "q" * 58


def care_of(paths: Paths, fleet: Fleet, now: datetime = NOW, hub: HubRecord | None = None, **nodes: NodeRecord) -> Care:
    save_inventory(paths.fleet, Inventory(hub=hub or HubRecord(wireguard_key=HUB_KEY), nodes=nodes))
    paths.signers.with_name("recipients").write_text(f"# operator\n{AGE}\n# recovery\n{AGE}x\n")
    return Care(fleet, load_inventory(paths.fleet), paths, now)


def of(lines: Iterator[Line], subject: str, what: str) -> Line:
    (found,) = (line for line in lines if (line.subject, line.what) == (subject, what))
    return found


def live(**more: object) -> NodeRecord:
    return NodeRecord.model_validate({"life": Life.LIVE, "push_token_sha256": TOKEN, **more})


@pytest.mark.parametrize(("days", "state"), [(364, "ok"), (365, "due"), (366, "due")])
def test_a_token_is_due_after_the_fleets_days(paths: Paths, fleet: Fleet, days: int, state: str) -> None:
    record = live(rotated={"push-token": NOW - timedelta(days=days)})
    line = of(age_lines(care_of(paths, fleet, virginia=record)), "virginia", "push-token")
    assert (line.state, line.due) == (state, NOW + timedelta(days=365 - days))


def test_a_secret_that_was_never_rotated_counts_from_the_commit_that_brought_it(paths: Paths, fleet: Fleet) -> None:
    care = care_of(paths, fleet, datetime.now(UTC) + timedelta(days=1, hours=1), virginia=live())
    commit(paths.fleet, "virginia is live")
    line = of(age_lines(care), "virginia", "push-token")
    assert line.at is not None
    assert abs(line.at - datetime.now(UTC)) < timedelta(hours=1)
    assert (line.state, line.says.split(",")[0]) == ("ok", "1 days old")


def test_where_nothing_tells_the_age_it_is_due(paths: Paths, fleet: Fleet) -> None:
    line = of(age_lines(care_of(paths, fleet, virginia=live())), "virginia", "push-token")
    assert (line.state, line.at) == ("due", None)
    assert line.fix == "noc rotate push-token virginia"


def test_nodes_that_are_not_live_have_no_age(paths: Paths, fleet: Fleet) -> None:
    record = NodeRecord(life=Life.PROVISIONED, push_token_sha256=TOKEN)
    assert {line.subject for line in age_lines(care_of(paths, fleet, virginia=record))} == {"zurich"}


def test_a_rotation_that_is_not_through_is_due_and_says_what_goes_on(paths: Paths, fleet: Fleet) -> None:
    record = live(push_token_sha256_before=OTHER, ssh_key="ssh-ed25519 AAAA noc@zurich")
    lines = list(rotation_lines(care_of(paths, fleet, virginia=record)))
    assert [(line.what, line.state) for line in lines] == [("push-token rotation", "due"), ("ssh rotation", "due")]
    assert "sudo noc rotate ssh" in lines[1].fix


def test_a_node_that_lacks_the_list_of_signers_is_shown(paths: Paths, fleet: Fleet) -> None:
    hub = HubRecord(wireguard_key=HUB_KEY, rotated={"signer": NOW})
    records: dict[str, Any] = {
        "virginia": live(rotated={"signer": NOW - timedelta(days=1)}),
        "frankfurt": live(rotated={"signer": NOW}),
    }
    lines = rotation_lines(care_of(paths, fleet, hub=hub, **records))
    assert [(line.subject, line.what) for line in lines] == [("virginia", "signer rotation")]


def lay(paths: Paths, name: str, pair: KeyPair) -> None:
    path = paths.credentials / name
    path.write_bytes(pair.private)
    path.chmod(0o600)


@pytest.mark.parametrize("needed", [True, False])
def test_a_key_from_before_that_no_node_needs_is_due_to_go(paths: Paths, fleet: Fleet, *, needed: bool) -> None:
    hub = HubRecord(wireguard_key=HUB_KEY, ssh_key=NEW.public)
    care = care_of(paths, fleet, hub=hub, virginia=live(ssh_key=OLD.public if needed else None))
    lay(paths, "ssh_key", NEW)
    lay(paths, "ssh_key.before", OLD)
    assert [line.what for line in file_lines(care)] == ([] if needed else ["ssh files"])


def test_a_new_key_that_has_not_taken_its_place_is_due(paths: Paths, fleet: Fleet) -> None:
    care = care_of(paths, fleet, hub=HubRecord(wireguard_key=HUB_KEY, host_ca=NEW.public))
    lay(paths, "host_ca", OLD)
    lay(paths, "host_ca.next", NEW)
    assert [(line.what, line.state) for line in file_lines(care)] == [("ca files", "due")]


def test_a_key_that_others_may_read_is_wrong(paths: Paths, fleet: Fleet) -> None:
    care = care_of(paths, fleet)
    lay(paths, "ssh_key", NEW)
    (paths.credentials / "ssh_key").chmod(0o644)
    assert [(line.what, line.state) for line in file_lines(care)] == [("ssh files", "wrong")]


def test_one_recipient_is_too_few(paths: Paths, fleet: Fleet) -> None:
    care = care_of(paths, fleet)
    paths.signers.with_name("recipients").write_text(f"{AGE}\n")
    assert of(age_lines(care), "zurich", "recipients").state == "wrong"


def test_a_list_is_as_old_as_its_last_change(paths: Paths, fleet: Fleet) -> None:
    care = care_of(paths, fleet)
    changed = NOW - timedelta(days=1_000)
    os.utime(paths.signers, (changed.timestamp(), changed.timestamp()))
    assert of(age_lines(care), "zurich", "signer").state == "ok"
    assert of(age_lines(replace(care, now=NOW + timedelta(days=100))), "zurich", "signer").state == "due"


def test_what_is_wrong_stands_first(paths: Paths, fleet: Fleet) -> None:
    def some(_: Care) -> list[Line]:
        return [Line("a", "x", state, "") for state in ("ok", "due", "wrong")]

    found = examine(care_of(paths, fleet), (some, some))
    assert [line.state for line in found] == ["wrong", "wrong", "due", "due", "ok", "ok"]


def test_a_value_that_came_back_counts_from_its_return() -> None:
    line = f'push_token_sha256 = "{TOKEN}"'
    log = f"@10\n+{line}\n@20\n-{line}\n@30\n+{line}\n"
    assert read_log(log, {TOKEN}) == {TOKEN: datetime.fromtimestamp(30, UTC)}


def test_without_a_history_nothing_is_known(tmp_path: Path) -> None:
    assert origins(tmp_path, {TOKEN}) == {}
