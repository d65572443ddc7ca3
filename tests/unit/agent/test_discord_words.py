"""What is said at Discord, and what its menu offers: nothing that a text holds becomes a mark, and all of it fits."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.agent.bot.commands import menu
from noc.agent.bot.transport import Button
from noc.agent.discord.commands import Command
from noc.agent.discord.rendering import MAX_CONTENT, rendered, view
from noc.agent.verbs.table import COMMANDS
from noc.agent.words.message import Message
from noc.agent.words.neutral import JOINER
from noc.lab.services.discord.forms import check_commands, check_message

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=600).filter(lambda text: text.splitlines() == [text])
LIVE_MARK = re.compile(r"(?<!\\)(?:\\\\)*[*_~`|\[\]<>]")


@given(TEXT, st.lists(TEXT, max_size=8), st.text(max_size=3000))
def test_a_message_fits_whatever_it_holds(title: str, lines: list[str], code: str) -> None:
    content = rendered(Message(title, tuple(lines), code))
    assert len(content) <= MAX_CONTENT
    check_message({"content": content}, sends=True)


@given(TEXT)
def test_no_mark_in_a_line_means_anything(line: str) -> None:
    said = rendered(Message("title", (line,))).removeprefix("**title**\n")
    assert not LIVE_MARK.search(said)
    assert not re.match(r"(?:#{1,3}|-|\+|\d+\.|-#)\s", said)


@given(TEXT)
def test_a_line_that_fits_is_whole_once_its_marks_are_read(line: str) -> None:
    said = rendered(Message("title", (line,))).removeprefix("**title**\n")
    assert re.sub(r"\\([^0-9A-Za-z\s])", r"\1", said).replace(f"@{JOINER}", "@") == line


@given(st.text(max_size=1000))
def test_nothing_in_a_block_ends_it(code: str) -> None:
    content = rendered(Message("title", code=f"a{code}"))
    assert content.count("```") == 2
    assert content.endswith("\n```")


def test_no_mark_begins_a_line_within_a_line() -> None:
    said = rendered(Message("one\n# two", ("three\n# four\r- five",)))
    assert said == "**one # two**\nthree\n\\# four\n\\- five"


def test_an_address_of_ours_stays_one() -> None:
    assert "https://hq.example/incidents/12" in rendered(Message("title", ("see https://hq.example/incidents/12",)))


def test_of_a_long_message_the_block_keeps_at_least_a_third() -> None:
    content = rendered(Message("title", ("l" * 5000,), "c" * 5000))
    assert content.count("c") > MAX_CONTENT / 3
    assert content.count("l") > MAX_CONTENT / 3


async def test_buttons_stand_in_one_row_with_what_they_hold() -> None:
    row = view((Button("Approve", "approve:0123", "good"), Button("Deny", "deny:0123", "bad")))
    assert row is not None
    [shown] = row.to_components()
    assert [(one["label"], one["custom_id"], one["style"]) for one in shown["components"]] == [
        ("Approve", "approve:0123", 3),
        ("Deny", "deny:0123", 4),
    ]


@pytest.mark.parametrize(
    ("usage", "given_options", "text"),
    [
        ("NODES VERSION", {"version": "1.4.2", "nodes": "tokyo paris"}, "/do tokyo paris 1.4.2"),
        ("[NODES]", {}, "/do"),
        ("DURATION [NODES]", {"duration": "1h", "nodes": "tokyo"}, "/do 1h tokyo"),
        ("[NODES] REASON", {"reason": "a\n/halt  b"}, "/do a /halt b"),
        ("", {"nodes": "tokyo"}, "/do"),
    ],
)
def test_a_use_stands_for_a_line_of_text(usage: str, given_options: dict[str, str], text: str) -> None:
    options: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in given_options.items()]
    assert Command("do", usage, "title").text(options) == text


def test_the_commands_are_ones_that_discord_takes() -> None:
    commands = check_commands([command.payload() for command in (Command(*each) for each in menu())])
    assert {command["name"] for command in commands} == {*COMMANDS, "help"}


def test_what_may_be_left_out_comes_last_and_a_title_is_cut() -> None:
    check_commands([Command("do", "[NODE...] REASON", "A title " * 40).payload()])


def test_one_of_several_words_is_named_for_what_may_be_many() -> None:
    payload = Command("deploy", "all|NODE... VERSION", "title").payload()
    assert [(option["name"], option["description"]) for option in payload["options"]] == [
        ("nodes", "all|NODE..."),
        ("version", "VERSION"),
    ]


def test_a_word_that_is_said_or_not_is_a_choice() -> None:
    [option] = Command("incidents", "[all]", "title").payload()["options"]
    assert option["choices"] == [{"name": "all", "value": "all"}]
