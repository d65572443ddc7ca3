"""People, their chats and those who speak for them, at the runner's door."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from noc.errors import NocError
from noc.runs.admission.caller import Caller
from noc.runs.admission.identities import Identities
from noc.runs.admission.often import MOST
from noc.runs.admission.sparing import LINES
from noc.runs.runner import door, principals
from noc.runs.runner.door import MOST_EACH
from principal_kit import NOBODY_ASKED, PEOPLE, ROOT, SERVICE, Hall, person
from runner_house import House

BOT, WATCH, AGENT = SERVICE["noc-bot"], SERVICE["noc-watch"], SERVICE["noc-agent"]
STRANGER, REFUSED, CODE, TAKEN = "E551", "E501", "E552", "E553"


@pytest.fixture
def hall(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    """A runner whose fleet has people, and somebody at its door."""
    path = house.paths.fleet / "fleet.toml"
    path.write_text(path.read_text() + PEOPLE)
    made = Hall(house)
    monkeypatch.setattr(door, "identify", made.identify)
    yield made
    made.there = ROOT


def refusal(hall: Hall, there: Caller, op: str, **fields: Any) -> NocError:
    with pytest.raises(NocError) as raised:
        hall.ask(there, op, **fields)
    return raised.value


def rewrite(hall: Hall, old: str, new: str) -> None:
    path = hall.house.paths.fleet / "fleet.toml"
    path.write_text(path.read_text().replace(old, new))


class TestVouching:
    def test_a_chat_that_was_linked_is_the_person(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        assert hall.bot("4711", "whoami") == {"person": "anna", "role": "approver", "channel": "telegram"}

    def test_who_is_signed_in_at_the_page_is_the_person(self, hall: Hall) -> None:
        assert hall.page("olga", "whoami") == {"person": "olga", "role": "operator", "channel": "page"}

    def test_who_is_logged_in_is_themselves(self, hall: Hall) -> None:
        assert hall.ask(person("james"), "whoami") == {"person": "james", "role": "approver", "channel": "socket"}

    @pytest.mark.parametrize(("number", "channel"), [("4712", "telegram"), ("4711", "discord")])
    def test_another_number_or_another_channel_is_a_stranger(self, hall: Hall, number: str, channel: Any) -> None:
        hall.link("anna", "4711")
        with pytest.raises(NocError) as raised:
            hall.bot(number, "whoami", channel)
        assert (raised.value.code, raised.value.exit_code) == (STRANGER, 5)

    def test_who_is_no_more_in_the_fleet_file_is_a_stranger_again(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        rewrite(hall, 'name = "anna"', 'name = "berta"')
        with pytest.raises(NocError, match="nobody whom"):
            hall.bot("4711", "whoami")

    @pytest.mark.parametrize("name", ["mallory", "", "root", *SERVICE])
    def test_the_page_speaks_for_people_of_the_fleet_file_alone(self, hall: Hall, name: str) -> None:
        with pytest.raises(NocError) as raised:
            hall.page(name, "pending")
        assert raised.value.code == STRANGER

    def test_a_service_is_no_person_also_where_the_fleet_file_says_so(self, hall: Hall) -> None:
        rewrite(hall, 'name = "anna"', 'name = "noc-bot"')
        with pytest.raises(NocError) as raised:
            hall.page("noc-bot", "approve", request="last")
        assert raised.value.code == STRANGER

    @pytest.mark.parametrize("there", [ROOT, person("anna"), AGENT, SERVICE["noc-runner"], WATCH])
    def test_nobody_but_the_bot_speaks_for_a_chat(self, hall: Hall, there: Caller) -> None:
        hall.link("anna", "4711")
        assert refusal(hall, there, "list", **{"for": {"channel": "telegram", "id": "4711"}}).code == REFUSED

    @pytest.mark.parametrize("there", [ROOT, person("anna"), AGENT, SERVICE["noc-runner"], BOT])
    def test_nobody_but_the_watch_speaks_for_who_is_signed_in(self, hall: Hall, there: Caller) -> None:
        assert refusal(hall, there, "list", **{"for": {"channel": "page", "person": "anna"}}).code == REFUSED

    @pytest.mark.parametrize("channel", ["socket", "", "Telegram", "mcp", ["telegram"], None])
    def test_there_is_no_other_channel(self, hall: Hall, channel: Any) -> None:
        for there in (BOT, WATCH):
            said = {"channel": channel, "id": "1", "person": "anna"}
            assert refusal(hall, there, "list", **{"for": said}).code == REFUSED

    @pytest.mark.parametrize(
        "said",
        [
            {"channel": "telegram"},
            {"channel": "telegram", "id": 4711},
            {"channel": "telegram", "id": "04711"},
            {"channel": "telegram", "id": "-4711"},
            {"channel": "telegram", "id": "4711\n"},
            {"channel": "telegram", "id": "\u0661"},
            {"channel": "telegram", "id": "1" * 21},
            {"channel": "telegram", "id": "4711", "person": "james"},
            {"channel": "telegram", "person": "anna"},
        ],
    )
    def test_an_identity_that_is_no_number_of_a_person_is_refused(self, hall: Hall, said: dict[str, Any]) -> None:
        hall.link("anna", "4711")
        assert refusal(hall, BOT, "list", **{"for": said}).code == "E514"

    @pytest.mark.parametrize("said", [None, "anna", [], 7])
    def test_something_else_than_an_object_speaks_for_nobody(self, hall: Hall, said: Any) -> None:
        assert refusal(hall, BOT, "list", **{"for": said}).code == REFUSED

    def test_what_was_asked_for_beyond_the_tables_is_written_down(self, hall: Hall) -> None:
        refusal(hall, AGENT, "approve", request="last")
        entry = hall.audit()[-1]
        assert (entry["kind"], entry["what"], entry["by"]) == ("refusal", "ask for approve", "noc-agent")

    def test_without_the_file_of_identities_nobody_in_a_chat_is_known(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        hall.house.paths.identities.chmod(0o644)
        with pytest.raises(NocError) as raised:
            hall.bot("4711", "whoami")
        assert raised.value.code == "E554"


class TestLinking:
    def code(self, hall: Hall, name: str = "anna", channel: str = "telegram") -> str:
        return str(hall.ask(person(name), "link-code", channel=channel)["code"])

    def test_a_code_that_a_chat_brings_makes_it_the_persons(self, hall: Hall) -> None:
        linked = hall.ask(BOT, "link", channel="telegram", id="4711", code=self.code(hall))["linked"]
        assert linked == {"person": "anna", "role": "approver", "channel": "telegram", "id": "4711"}
        assert hall.bot("4711", "whoami")["person"] == "anna"

    def test_the_code_stands_nowhere(self, hall: Hall) -> None:
        code = self.code(hall)
        hall.ask(BOT, "link", channel="telegram", id="4711", code=code)
        kept = hall.house.paths.audit.read_text() + hall.house.paths.identities.read_text()
        assert code not in kept
        assert code.replace("-", "") not in kept

    def test_an_identity_of_somebody_stays_theirs(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        said = refusal(hall, BOT, "link", channel="telegram", id="4711", code=self.code(hall, "james"))
        assert said.code == TAKEN
        assert hall.bot("4711", "whoami")["person"] == "anna"

    @pytest.mark.parametrize("there", [ROOT, person("mallory"), person("claude")])
    def test_who_is_no_person_of_the_fleet_file_gets_no_code(self, hall: Hall, there: Caller) -> None:
        assert refusal(hall, there, "link-code", channel="telegram").code == TAKEN

    @pytest.mark.parametrize("there", [BOT, WATCH, AGENT, SERVICE["noc-runner"]])
    def test_no_service_gets_a_code(self, hall: Hall, there: Caller) -> None:
        assert refusal(hall, there, "link-code", channel="telegram").code == REFUSED

    def test_who_has_left_meanwhile_is_not_linked(self, hall: Hall) -> None:
        code = self.code(hall)
        rewrite(hall, 'name = "anna"', 'name = "berta"')
        assert refusal(hall, BOT, "link", channel="telegram", id="4711", code=code).code == TAKEN
        assert Identities(hall.house.paths.identities).all() == ()

    def test_wrong_codes_are_written_down_without_what_was_said(self, hall: Hall) -> None:
        assert refusal(hall, BOT, "link", channel="telegram", id="4711", code="AAAA-BBBB").code == CODE
        entry = hall.audit()[-1]
        assert (entry["kind"], entry["detail"]["id"], "AAAA" in str(entry)) == ("refusal", "4711", False)

    def test_an_endless_guesser_fills_no_audit(self, hall: Hall) -> None:
        for number in range(130):
            refusal(hall, BOT, "link", channel="telegram", id=str(number % 7 + 1), code="AAAA-BBBB")
        assert sum(entry["kind"] == "refusal" for entry in hall.audit()) == 100

    def test_both_ends_of_a_link_stand_in_the_audit_as_the_persons(self, hall: Hall) -> None:
        hall.ask(BOT, "link", channel="telegram", id="4711", code=self.code(hall))
        hall.ask(person("anna"), "unlink", channel="telegram")
        found = {(entry["what"], entry["by"]) for entry in hall.audit() if entry["kind"] == "intent"}
        assert {("link telegram to anna", "anna"), ("unlink telegram of anna", "anna")} <= found


class TestUnlinking:
    @pytest.mark.parametrize("there", [person("anna"), person("james"), ROOT])
    def test_the_person_an_approver_and_root_end_a_link(self, hall: Hall, there: Caller) -> None:
        hall.link("anna", "4711")
        gone = hall.ask(there, "unlink", person="anna")["unlinked"]
        assert [(each["channel"], each["id"]) for each in gone] == [("telegram", "4711")]
        with pytest.raises(NocError):
            hall.bot("4711", "whoami")

    @pytest.mark.parametrize("there", [person("olga"), person("vera"), person("claude")])
    def test_nobody_else_does(self, hall: Hall, there: Caller) -> None:
        hall.link("anna", "4711")
        assert refusal(hall, there, "unlink", person="anna").code == REFUSED
        assert hall.bot("4711", "whoami")["person"] == "anna"

    def test_one_of_two_may_go(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        hall.link("anna", "4712")
        hall.ask(person("anna"), "unlink", channel="telegram", id="4712")
        assert hall.bot("4711", "whoami")["person"] == "anna"

    def test_everybody_is_listed_with_their_chats_and_who_has_left_as_well(self, hall: Hall) -> None:
        hall.link("anna", "4711")
        hall.link("olga", "5", "discord")
        rewrite(hall, 'name = "olga"', 'name = "berta"')
        listed = hall.ask(person("vera"), "principals")["principals"]
        rows = {each["person"]: (each["role"], [chat["id"] for chat in each["identities"]]) for each in listed}
        assert rows == {
            "anna": ("approver", ["4711"]),
            "james": ("approver", []),
            "berta": ("operator", []),
            "vera": ("viewer", []),
            "claude": ("agent", []),
            "noc-agent": ("agent", []),
            "olga": (None, ["5"]),
        }


class TestStrangers:
    def test_each_is_written_down_once_a_day(self, hall: Hall) -> None:
        noted = [hall.ask(BOT, "stranger", channel="telegram", id="666")["noted"] for _ in range(3)]
        assert noted == [True, False, False]
        found = [entry for entry in hall.audit() if entry["what"] == "listen to a stranger"]
        assert [(entry["kind"], entry["detail"]["id"]) for entry in found] == [("refusal", "666")]

    def test_beyond_a_hundred_of_a_day_their_number_is_written_down_when_it_is_over(
        self, hall: Hall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(LINES + 7):
            hall.ask(BOT, "stranger", channel="telegram", id=str(1000 + number))
        today = datetime.now(UTC).date()
        monkeypatch.setattr(principals, "_today", lambda: today + timedelta(days=1))
        hall.ask(BOT, "stranger", channel="telegram", id="666")
        counted, first = hall.audit()[-2:]
        assert (counted["detail"]["more"], counted["detail"]["day"]) == (7, str(today))
        assert (first["what"], first["detail"]["id"]) == ("listen to a stranger", "666")

    def test_only_the_bot_tells_of_them(self, hall: Hall) -> None:
        for there in (WATCH, AGENT):
            assert refusal(hall, there, "stranger", channel="telegram", id="666").code == REFUSED


class TestActing:
    """What people do by a chat or a page is theirs, with all that follows from it."""

    @pytest.fixture(autouse=True)
    def chats(self, hall: Hall) -> None:
        rewrite(hall, '[[people]]\nname = "anna"', '[approval]\nlow = "another"\n[[people]]\nname = "anna"')
        for number, name in enumerate(("anna", "james", "olga", "vera"), 1):
            hall.link(name, str(number))
        hall.link("anna", "100")
        hall.link("anna", "1", "discord")

    def requested(self, hall: Hall, number: str = "1") -> str:
        digest = hall.bot(number, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
        return str(hall.bot(number, "start", digest=digest[:12])["approval"]["digest"])

    def test_a_plan_is_asked_for_by_its_digest_and_in_the_persons_name(self, hall: Hall) -> None:
        digest = self.requested(hall)
        (waiting,) = hall.ask(BOT, "pending")["requests"]
        assert (waiting["digest"], waiting["requester"]) == (digest, "anna")
        (entry,) = [each for each in hall.audit() if each["kind"] == "intent"]
        assert (entry["by"], entry["detail"]["channel"], entry["detail"]["id"]) == ("anna", "telegram", "1")

    @pytest.mark.parametrize(("number", "channel"), [("1", "telegram"), ("100", "telegram"), ("1", "discord")])
    def test_no_chat_of_the_requester_is_another_person(self, hall: Hall, number: str, channel: Any) -> None:
        digest = self.requested(hall)
        with pytest.raises(NocError) as raised:
            hall.bot(number, "approve", channel, request=digest)
        assert raised.value.code == "E530"

    def test_the_requesters_login_and_page_are_no_other_person_either(self, hall: Hall) -> None:
        digest = self.requested(hall)
        assert refusal(hall, person("anna"), "approve", request=digest).code == "E530"
        with pytest.raises(NocError) as raised:
            hall.page("anna", "approve", request=digest)
        assert raised.value.code == "E530"

    def test_another_person_agrees_by_chat_and_the_run_begins_in_the_requesters_name(self, hall: Hall) -> None:
        digest = self.requested(hall)
        hall.house.let_go()
        voucher = {"for": {"channel": "telegram", "id": "2"}}
        with hall.asked(BOT, "approve", request=digest, **voucher) as answers:
            assert next(answers)["approved"]["approval"]["by"] == "james"
            told = next(answer for answer in answers if answer.get("step") == "run")
        assert (told["detail"]["by"], told["detail"]["approved_by"]) == ("anna", "james")

    def test_an_approval_by_page_says_so_in_the_audit(self, hall: Hall) -> None:
        digest = self.requested(hall)
        hall.house.let_go()
        hall.page("james", "approve", request=digest)
        entry = next(each for each in hall.audit() if each["what"].startswith("approve"))
        assert (entry["by"], entry["detail"]["channel"]) == ("james", "page")

    @pytest.mark.parametrize("number", ["3", "4"])
    def test_who_is_no_approver_agrees_to_nothing_by_chat(self, hall: Hall, number: str) -> None:
        digest = self.requested(hall)
        with pytest.raises(NocError) as raised:
            hall.bot(number, "approve", request=digest)
        assert raised.value.code == "E530"

    def test_a_viewer_asks_for_nothing_by_chat_and_may_halt(self, hall: Hall) -> None:
        digest = hall.bot("4", "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
        with pytest.raises(NocError) as raised:
            hall.bot("4", "start", digest=digest)
        assert raised.value.code == REFUSED
        assert hall.bot("4", "halt", reason="it smells of smoke")["halt"]["by"] == "vera"
        entry = next(each for each in hall.audit() if each["what"] == "halt")
        assert (entry["by"], entry["detail"]["id"]) == ("vera", "4")

    def test_a_run_that_nobody_has_to_agree_to_has_its_chat_in_the_audit_alone(self, hall: Hall) -> None:
        rewrite(hall, '[approval]\nlow = "another"\n', NOBODY_ASKED)
        digest = hall.bot("1", "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"]
        hall.house.let_go()
        voucher = {"for": {"channel": "telegram", "id": "1"}}
        with hall.asked(BOT, "start", digest=digest, **voucher) as answers:
            first = next(answer for answer in answers if answer.get("step") == "run")
        assert (first["detail"]["by"], "channel" in first["detail"]) == ("anna", False)
        entry = next(each for each in hall.audit() if each["kind"] == "intent")
        assert (entry["by"], entry["detail"]["channel"], entry["detail"]["id"]) == ("anna", "telegram", "1")


class TestStartingByDigest:
    @pytest.fixture
    def digest(self, hall: Hall) -> str:
        return str(hall.ask(ROOT, "plan", action="backup", nodes=["frankfurt"])["plan"]["digest"])

    @pytest.mark.parametrize("digits", [12, 16, 64])
    def test_twelve_digits_or_more_name_a_plan(self, hall: Hall, digest: str, digits: int) -> None:
        hall.house.let_go()
        assert "run" in hall.ask(ROOT, "start", digest=digest[:digits])

    @pytest.mark.parametrize("digits", ["", "0", "a" * 11])
    def test_fewer_digits_name_none(self, hall: Hall, digits: str) -> None:
        assert refusal(hall, ROOT, "start", digest=digits).code == "E001"

    def test_a_plan_that_nobody_has_made_is_refused(self, hall: Hall, digest: str) -> None:
        other = digest[:11] + ("0" if digest[11] != "0" else "1")
        assert refusal(hall, ROOT, "start", digest=other).code == "E504"

    def test_a_plan_of_a_fleet_that_has_moved_is_refused(self, hall: Hall, digest: str) -> None:
        rewrite(hall, 'name = "vera"', 'name = "verena"')
        assert "moved" in refusal(hall, ROOT, "start", digest=digest).what

    def test_who_plans_very_much_makes_the_runner_forget_nobody_elses_plan(self, hall: Hall, digest: str) -> None:
        for _ in range(80):
            hall.ask(AGENT, "plan", action="backup", nodes=["frankfurt"])
        hall.house.let_go()
        assert "run" in hall.ask(ROOT, "start", digest=digest)


def test_a_loop_of_the_agents_ends_and_is_written_down(hall: Hall) -> None:
    said = [refusal(hall, AGENT, "stop", run="nothing").code for _ in range(MOST + 3)]
    assert said == ["E509"] * MOST + ["E556"] * 3
    assert sum(entry["what"] == "ask for stop" for entry in hall.audit()) == 3


def test_who_keeps_very_many_connections_open_keeps_nobody_else_out(hall: Hall) -> None:
    with hall.asked(AGENT, "plan", action="backup", nodes=["frankfurt"]) as answers:
        digest = next(answers)["plan"]["digest"]
    waiting = [hall.asked(AGENT, "start", digest=digest) for _ in range(MOST_EACH)]
    for each in waiting:
        assert "approval" in next(each.__enter__())
    try:
        assert "connections" in refusal(hall, AGENT, "list").what
        assert hall.ask(ROOT, "list") == {"runs": []}
        assert hall.ask(replace(BOT), "list") == {"runs": []}
    finally:
        for each in waiting:
            each.__exit__(None, None, None)
