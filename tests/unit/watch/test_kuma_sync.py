"""`noc kuma sync` against a stand-in of Uptime Kuma that refuses what the original refuses."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from https_kit import certificate
from kuma_stand_in import CODE, PASSWORD, USER, Kuma, stand_in
from noc.cli.kuma import app
from noc.errors import NocError
from noc.watch.errors import (
    KumaFile,
    KumaForeign,
    KumaLoginRefused,
    KumaRefused,
    KumaUnreachable,
    KumaVersion,
)
from watch_kit import NAMES, write_fleet, write_lives

TAG = "noc-clavitor"


@pytest.fixture
def kuma() -> Iterator[Kuma]:
    with stand_in() as found:
        yield found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = write_fleet(tmp_path / "fleet")
    secret(tmp_path / "login", f'username = "{USER}"\npassword = "{PASSWORD}"\n')
    return directory


def secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def sync(kuma: Kuma, place: Path, *args: str, login: str = "login") -> Result:
    given = ["sync", kuma.url, "-C", str(place), "--login", str(place.parent / login), *args]
    return CliRunner().invoke(app, given)


def done(kuma: Kuma, place: Path, *args: str) -> dict[str, Any]:
    result = sync(kuma, place, "--json", *args)
    assert result.exit_code == 0, result.exception or result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def fails(kuma: Kuma, place: Path, *args: str, login: str = "login") -> NocError:
    error = sync(kuma, place, *args, login=login).exception
    assert isinstance(error, NocError), error
    return error


def test_a_sync_makes_what_the_fleet_needs(kuma: Kuma, place: Path) -> None:
    token = secret(place.parent / "ntfy", "tk_secret\n")
    assert done(kuma, place, "--ntfy-token", str(token))["changed"]
    frankfurt = kuma.monitor("frankfurt")
    settings = {name: frankfurt[name] for name in ("type", "interval", "retryInterval", "maxretries", "active")}
    assert settings == {"type": "push", "interval": 30, "retryInterval": 30, "maxretries": 1, "active": True}
    assert [(tag["name"], tag["value"]) for tag in frankfurt["tags"]] == [(TAG, "frankfurt")]
    (notice,) = kuma.notices.values()
    config = json.loads(notice["config"])
    assert (config["ntfytopic"], config["ntfyaccesstoken"], notice["isDefault"]) == (
        "clavitor-alerts",
        "tk_secret",
        True,
    )
    assert frankfurt["notificationIDList"] == {str(notice["id"]): True}
    (group,) = kuma.groups["clavitor"]
    assert [kuma.monitors[each["id"]]["name"] for each in group["monitorList"]] == [*NAMES]


def test_a_second_sync_changes_nothing(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    kuma.asked.clear()
    assert not done(kuma, place)["changed"]
    assert kuma.asked == []


def test_a_plan_changes_nothing_and_says_that_there_is_work(kuma: Kuma, place: Path) -> None:
    result = sync(kuma, place, "--plan", "--json")
    assert (result.exit_code, kuma.asked) == (3, [])
    kinds = [(step["kind"], step["what"]) for step in json.loads(result.stdout)["steps"]]
    assert kinds == [("create", what) for what in ("tag", "notification", *["monitor"] * 3, "status page")]


def test_a_plan_with_nothing_to_do_ends_with_0(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    assert sync(kuma, place, "--plan").exit_code == 0


def test_what_somebody_changed_is_named_and_put_back(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    kuma.monitor("frankfurt").update(interval=90, maxretries=5)
    (step,) = [
        step for step in json.loads(sync(kuma, place, "--plan", "--json").stdout)["steps"] if step["kind"] == "change"
    ]
    assert (step["name"], step["differences"]) == ("frankfurt", ["interval: 90 → 30", "maxretries: 5 → 1"])
    done(kuma, place)
    assert (kuma.monitor("frankfurt")["interval"], kuma.monitor("frankfurt")["maxretries"]) == (30, 1)


def test_an_edit_keeps_what_is_not_ours_to_say(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    kuma.monitor("frankfurt").update(interval=90, parent=7, keyword="kept", notificationIDList={"1": True, "9": True})
    before = kuma.monitor("frankfurt")["pushToken"]
    done(kuma, place)
    found = kuma.monitor("frankfurt")
    assert (found["parent"], found["keyword"], found["pushToken"]) == (7, "kept", before)
    assert found["notificationIDList"] == {"1": True, "9": True}


def test_monitors_of_others_stay_as_they_are(kuma: Kuma, place: Path) -> None:
    number = kuma.add_monitor("database", type="http", url="https://example.com")
    before = dict(kuma.monitors[number])
    done(kuma, place)
    assert kuma.monitors[number] == before


def test_what_others_put_on_the_page_stays_there(kuma: Kuma, place: Path) -> None:
    number = kuma.add_monitor("database", type="http")
    done(kuma, place)
    (ours,) = kuma.groups["clavitor"]
    ours["monitorList"] = [{"id": number}, *ours["monitorList"][1:]]
    kuma.groups["clavitor"].append({"id": 70, "name": "Theirs", "monitorList": [{"id": number, "sendUrl": True}]})
    done(kuma, place)
    first, second = kuma.groups["clavitor"]
    assert [kuma.monitors[each["id"]]["name"] for each in first["monitorList"]] == [*NAMES, "database"]
    assert second == {"id": 70, "name": "Theirs", "monitorList": [{"id": number, "sendUrl": True}]}


def test_a_push_monitor_with_a_nodes_name_that_is_not_ours_stops_everything(kuma: Kuma, place: Path) -> None:
    kuma.add_monitor("frankfurt")
    assert isinstance(fails(kuma, place), KumaForeign)
    assert kuma.asked == []
    assert sync(kuma, place, "--plan").exit_code == 1


def test_adopt_takes_such_a_monitor_over_with_its_token(kuma: Kuma, place: Path) -> None:
    number = kuma.add_monitor("frankfurt", pushToken="by-hand-0123456789")
    done(kuma, place, "--adopt")
    found = kuma.monitor("frankfurt")
    assert (found["id"], found["pushToken"], found["interval"]) == (number, "by-hand-0123456789", 30)


def test_a_status_page_that_is_not_ours_stops_everything(kuma: Kuma, place: Path) -> None:
    kuma.add_page("Theirs", "clavitor")
    assert isinstance(fails(kuma, place), KumaForeign)
    assert kuma.page("clavitor")["title"] == "Theirs"


def test_a_node_that_is_not_live_has_a_paused_monitor_and_is_not_shown(kuma: Kuma, place: Path) -> None:
    write_lives(place, {"virginia": "live", "frankfurt": "planned"})
    done(kuma, place)
    assert not kuma.monitor("frankfurt")["active"]
    assert [each["id"] for each in kuma.groups["clavitor"][0]["monitorList"]] == [kuma.monitor("virginia")["id"]]


def test_a_paused_monitor_that_is_changed_stays_paused_even_where_an_edit_would_start_it(
    kuma: Kuma, place: Path
) -> None:
    write_lives(place, {"virginia": "live"})
    done(kuma, place)
    kuma.edit_starts = True
    kuma.monitor("frankfurt")["interval"] = 90
    done(kuma, place)
    assert not kuma.monitor("frankfurt")["active"]


def test_a_node_that_became_live_is_resumed(kuma: Kuma, place: Path) -> None:
    write_lives(place, {"virginia": "live"})
    done(kuma, place)
    write_lives(place, dict.fromkeys(NAMES, "live"))
    done(kuma, place)
    assert all(kuma.monitor(name)["active"] for name in NAMES)


def test_the_monitor_of_a_retired_node_is_paused_and_keeps_its_history(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    write_lives(place, {"virginia": "live", "frankfurt": "retired", "singapore": "live"})
    done(kuma, place)
    assert not kuma.monitor("frankfurt")["active"]
    assert not done(kuma, place)["changed"]


def test_what_a_cut_sync_has_made_is_found_by_the_next(kuma: Kuma, place: Path) -> None:
    kuma.refuse["addStatusPage"] = "SQLITE_BUSY: database is locked"
    assert isinstance(fails(kuma, place), KumaRefused)
    kuma.refuse.clear()
    done(kuma, place)
    assert sorted(row["name"] for row in kuma.monitors.values()) == sorted(NAMES)


def test_the_words_of_a_refusal_are_shown(kuma: Kuma, place: Path) -> None:
    kuma.refuse["add"] = "SQLITE_FULL: database or disk is full"
    assert "database or disk is full" in fails(kuma, place).why


def test_an_event_that_is_never_answered_is_not_waited_for_for_ever(
    kuma: Kuma, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kuma.silent.add("getTags")
    monkeypatch.setattr("noc.watch.kuma.wire.Wire.__init__.__kwdefaults__", {"answer_s": 0.5})
    assert isinstance(fails(kuma, place), KumaUnreachable)


def test_each_monitor_gets_a_token_of_its_own_that_is_kept_in_a_file_for_its_owner_alone(
    kuma: Kuma, place: Path
) -> None:
    path = place.parent / "tokens.toml"
    shown = sync(kuma, place, "--tokens", str(path)).output
    kept = tomllib.loads(path.read_text())
    assert kept == {name: kuma.monitor(name)["pushToken"] for name in NAMES}
    assert (len(set(kept.values())), path.stat().st_mode & 0o777) == (3, 0o600)
    assert not any(token in shown for token in kept.values())


def test_tokens_of_a_file_become_those_of_the_monitors(kuma: Kuma, place: Path) -> None:
    done(kuma, place)
    path = secret(place.parent / "tokens.toml", 'frankfurt = "a-token-of-the-node-itself"\n')
    steps = json.loads(sync(kuma, place, "--plan", "--json", "--tokens", str(path)).stdout)["steps"]
    assert [step["differences"] for step in steps if step["name"] == "frankfurt"] == [["its push token"]]
    done(kuma, place, "--tokens", str(path))
    assert kuma.monitor("frankfurt")["pushToken"] == "a-token-of-the-node-itself"


def test_a_token_that_is_too_long_for_its_column_is_refused_in_its_own_words(kuma: Kuma, place: Path) -> None:
    path = secret(place.parent / "tokens.toml", f'frankfurt = "{"t" * 43}"\n')
    assert "Data too long" in fails(kuma, place, "--tokens", str(path)).why


@pytest.mark.parametrize(
    "text", ["not toml", 'frankfurt = "short"', "frankfurt = 7", f'a = "{"t" * 20}"\nb = "{"t" * 20}"']
)
def test_a_file_of_tokens_that_is_none_is_refused(kuma: Kuma, place: Path, text: str) -> None:
    path = secret(place.parent / "tokens.toml", text)
    assert isinstance(fails(kuma, place, "--tokens", str(path)), KumaFile)


def test_a_file_of_tokens_that_could_not_be_written_keeps_everything_as_it_is(kuma: Kuma, place: Path) -> None:
    assert "no directory" in fails(kuma, place, "--tokens", str(place / "missing" / "tokens.toml")).why
    assert kuma.logins == 0


def test_a_secret_that_others_may_read_is_refused(kuma: Kuma, place: Path) -> None:
    (place.parent / "login").chmod(0o640)
    assert isinstance(fails(kuma, place), KumaFile)


def test_a_wrong_password_is_told_in_words_and_without_it(kuma: Kuma, place: Path) -> None:
    secret(place.parent / "bad", f'username = "{USER}"\npassword = "wrong-one"\n')
    error = fails(kuma, place, login="bad")
    assert isinstance(error, KumaLoginRefused)
    assert error.why == "name or password are wrong"


def test_too_many_tries_are_told(kuma: Kuma, place: Path) -> None:
    kuma.logins = 20
    assert fails(kuma, place).why == "Too frequently, try again later"


def test_a_second_factor_is_used_once_for_the_whole_sync(kuma: Kuma, place: Path) -> None:
    kuma.second_factor = True
    assert done(kuma, place, "--code", CODE)["changed"]


def test_a_wrong_code_is_refused(kuma: Kuma, place: Path) -> None:
    kuma.second_factor = True
    assert fails(kuma, place, "--code", "000000").why == "the code is wrong, or was used before"


def test_a_code_that_nobody_can_be_asked_for_is_named(kuma: Kuma, place: Path) -> None:
    kuma.second_factor = True
    assert "--code" in fails(kuma, place).fix


def test_another_version_is_left_alone(kuma: Kuma, place: Path) -> None:
    kuma.version = "1.23.16"
    assert isinstance(fails(kuma, place), KumaVersion)
    assert kuma.asked == []


def test_a_hundred_monitors_are_not_too_many(kuma: Kuma, place: Path) -> None:
    for number in range(100):
        kuma.add_monitor(f"other-{number}", type="http")
    assert done(kuma, place)["changed"]


def test_nobody_there_is_told(kuma: Kuma, place: Path) -> None:
    kuma.url = "http://127.0.0.1:9"
    assert isinstance(fails(kuma, place), KumaUnreachable)


def test_a_certificate_of_an_unknown_authority_is_refused(place: Path, tmp_path: Path) -> None:
    with stand_in(certificate(tmp_path, "localhost")) as kuma:
        error = fails(kuma, place)
    assert isinstance(error, KumaUnreachable)
    assert "certificate verify failed" in error.why
    assert kuma.logins == 0


def test_a_certificate_of_ones_own_authority_is_trusted_where_it_is_named(place: Path, tmp_path: Path) -> None:
    made = certificate(tmp_path, "localhost")
    with stand_in(made) as kuma:
        assert done(kuma, place, "--ca-root", str(made[0]))["changed"]
