"""The bot's small parts: buttons, commands, pace, logs without secrets, and how Telegram shows a message."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update

from noc.agent.bot.buttons import plan_buttons, read_button, request_buttons
from noc.agent.bot.commands import Command, menu, read_command
from noc.agent.bot.pace import HEARD, MOST, WITHIN_S, Heard, Pace
from noc.agent.bot.serving import WithoutSecrets
from noc.agent.bot.transport import MAX_BUTTON_BYTES, Button
from noc.agent.telegram.reading import read
from noc.agent.telegram.rendering import MAX_TEXT, cut, keyboard, rendered, units
from noc.agent.words.message import Message

DIGEST = "0123456789abcdef" * 4
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def request(**more: Any) -> dict[str, Any]:
    return {"digest": DIGEST, "state": "pending", "signed": False, **more}


def test_a_button_comes_back_as_what_it_is_for() -> None:
    buttons = [*plan_buttons(DIGEST), *request_buttons(request())]
    found = [read_button(button.data) for button in buttons]
    assert [(each.what, each.digits) for each in found if each] == [
        (what, DIGEST[:16]) for what in ("begin", "cancel", "approve", "deny", "plan")
    ]


def test_a_buttons_data_fit_every_chat() -> None:
    data = [button.data for button in (*plan_buttons(DIGEST), *request_buttons(request()))]
    assert max(len(each.encode()) for each in data) <= MAX_BUTTON_BYTES


def test_a_request_that_takes_a_signature_is_not_approved_by_a_button() -> None:
    assert [button.label for button in request_buttons(request(signed=True))] == ["Deny", "Plan"]


@pytest.mark.parametrize("state", ["denied", "used", "expired"])
def test_a_request_that_waits_for_nobody_has_no_button(state: str) -> None:
    assert request_buttons(request(state=state)) == ()


@given(st.text(max_size=80))
def test_whatever_else_is_pressed_is_no_button_of_ours(data: str) -> None:
    found = read_button(data)
    assert found is None or data == f"{found.what}:{found.digits}"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/status", Command("status", ())),
        ("/Deploy  all\n1.4.2", Command("deploy", ("all", "1.4.2"))),
        ("  /halt smoke in  Frankfurt ", Command("halt", ("smoke", "in", "Frankfurt"))),
        ("status", None),
        ("/", None),
        ("", None),
        ("see /status", None),
    ],
)
def test_a_command_is_read(text: str, command: Command | None) -> None:
    assert read_command(text) == command


def test_the_menu_has_every_command_once() -> None:
    names = [name for name, _, _ in menu()]
    assert len(names) == len(set(names))
    expected = {"status", "health", "deploy", "rollback", "approve", "deny", "ack", "silence", "halt", "who", "link"}
    assert expected <= set(names)


def test_an_account_is_heard_so_often_and_then_told_once() -> None:
    pace = Pace()
    heard = [pace.hear("telegram:1", 0.0) for _ in range(HEARD + 3)]
    assert heard == [Heard.YES] * HEARD + [Heard.TOLD, Heard.NO, Heard.NO]
    assert pace.hear("telegram:2", 0.0) is Heard.YES
    assert pace.hear("telegram:1", WITHIN_S) is Heard.YES


def test_very_many_accounts_are_not_all_remembered() -> None:
    pace = Pace()
    for number in range(3 * MOST):
        pace.hear(f"telegram:{number}", 0.0)
    assert len(pace._since) == MOST


def test_a_log_line_holds_no_secret_even_in_a_trace() -> None:
    secret = "4242:" + "s" * 35
    formatter = WithoutSecrets([secret, ""])
    error = ValueError(f"https://api.telegram.org/bot{secret}/getMe")
    trace = (ValueError, error, None)
    line = formatter.format(logging.LogRecord("x", logging.ERROR, "f", 1, "at %s", (secret,), trace))
    assert secret not in line
    assert "getMe" in line


@given(
    st.builds(
        Message, st.text(max_size=6000), st.lists(st.text(max_size=3000), max_size=4).map(tuple), st.text(max_size=6000)
    )
)
def test_every_message_fits_telegram_and_its_marks_lie_within(message: Message) -> None:
    text, entities = rendered(message)
    assert units(text) <= MAX_TEXT
    assert all(each["offset"] >= 0 and each["offset"] + each["length"] <= units(text) for each in entities)


@given(st.text(max_size=300), st.integers(1, 200))
def test_what_is_cut_is_its_beginning(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert units(kept) <= limit
    assert kept == text or text.startswith(kept.removesuffix("…"))


def test_a_title_is_bold_and_code_is_a_block() -> None:
    text, entities = rendered(Message("a 😀", ("b",), "c d"))
    assert text == "a 😀\nb\nc d"
    assert [(each["type"], each["offset"], each["length"]) for each in entities] == [("bold", 0, 4), ("pre", 7, 3)]


def test_buttons_stand_in_one_row() -> None:
    rows = keyboard([Button("Approve", "approve:1", "good"), Button("Deny", "deny:1", "bad"), Button("Plan", "plan:1")])
    assert [[button.get("style", "") for button in row] for row in rows] == [["success", "danger", ""]]
    assert keyboard([]) == []


def update(**message: Any) -> Update:
    """A message as Telegram sends it."""
    said = {
        "message_id": 7,
        "date": int((NOW - timedelta(seconds=30)).timestamp()),
        "chat": {"id": -100, "type": "supergroup", "title": "Operations"},
        "from": {"id": 1001, "is_bot": False, "first_name": "Anna"},
        "text": "/status",
        **message,
    }
    return Update.de_json({"update_id": 1, "message": said})


def test_a_message_is_read_with_its_age() -> None:
    found = read(update(), "noc_bot", NOW)
    assert found is not None
    assert (found.id, found.chat, found.private, found.text, found.age_s) == ("1001", "-100", False, "/status", 30.0)


@pytest.mark.parametrize("text", ["/status@noc_bot", "/status@NOC_Bot"])
def test_a_command_to_us_by_name_is_ours(text: str) -> None:
    found = read(update(text=text), "noc_bot", NOW)
    assert found is not None
    assert found.text == "/status"


PASSED_ON = {"type": "user", "date": 1, "sender_user": {"id": 9, "is_bot": False, "first_name": "Eve"}}


@pytest.mark.parametrize(
    "message",
    [
        {"text": "/status@another_bot"},
        {"from": {"id": 5, "is_bot": True, "first_name": "robot"}},
        {"forward_origin": PASSED_ON},
        {"sender_chat": {"id": -100, "type": "supergroup", "title": "Operations"}},
        {"via_bot": {"id": 5, "is_bot": True, "first_name": "robot"}},
        {"text": None},
        {"from": None},
    ],
    ids=str,
)
def test_what_no_person_has_said_to_us_is_nothing(message: dict[str, Any]) -> None:
    assert read(update(**message), "noc_bot", NOW) is None
