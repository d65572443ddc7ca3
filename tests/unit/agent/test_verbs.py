"""The table of verbs: each is a command, each is bounded, and what people type in a chat becomes one."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from noc.agent.errors import BadArguments
from noc.agent.verbs.asking import help_message, read_document, read_words
from noc.agent.verbs.table import BY_NAME, COMMANDS, TOOLS, VERBS
from noc.agent.verbs.verb import AnyVerb
from noc.cli.commands import COMMANDS as CLI
from noc.errors import Usage
from noc.runs.admission.permits import ACTIONS

PEOPLES = {"approve", "deny", "link", "silence", "who", "help"}
"""What no model may have."""


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_verb_is_a_command(verb: AnyVerb) -> None:
    name, *rest = verb.command.split()
    command: Any = typer.main.get_command(import_module(CLI[name][0]).app)
    while rest and not rest[0].startswith("-"):
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for param in command.params for option in param.opts}
    assert set(rest) <= known


def test_names_are_each_their_own() -> None:
    assert len(BY_NAME) == len(VERBS)
    assert len(COMMANDS) == sum(bool(verb.chat) for verb in VERBS)


def test_what_people_decide_is_no_tool() -> None:
    assert PEOPLES & {*TOOLS, *(verb.chat for verb in TOOLS.values())} == set()


def test_a_tool_that_changes_something_says_so() -> None:
    assert {name for name, verb in TOOLS.items() if not verb.reads} == {"run_start", "run_pause", "alert_ack", "halt"}


def test_every_command_of_a_chat_reads_words() -> None:
    assert [verb.name for verb in COMMANDS.values() if verb.parse is None] == []


def test_a_model_may_plan_what_the_runner_lets_it_plan() -> None:
    schema = BY_NAME["plan_create"].params.model_json_schema()
    assert set(schema["properties"]["action"]["enum"]) == ACTIONS


def parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every schema within a schema that says of which type a value is."""
    if "type" in schema:
        yield schema
    for name in ("properties", "$defs"):
        for each in schema.get(name, {}).values():
            yield from parts(each)
    for each in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])):
        yield from parts(each)


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_nothing_that_a_verb_takes_is_without_a_bound(verb: AnyVerb) -> None:
    for part in parts(verb.params.model_json_schema()):
        match part["type"]:
            case "string":
                assert part.keys() & {"maxLength", "pattern", "enum", "const"}, part
            case "array":
                assert "maxItems" in part, part
            case "integer" | "number":
                assert part.keys() & {"maximum", "exclusiveMaximum"}, part
                assert part.keys() & {"minimum", "exclusiveMinimum"}, part
            case "object":
                assert part["additionalProperties"] is False, part


@given(
    st.sampled_from(sorted(TOOLS)),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
)
def test_whatever_a_model_says_is_read_or_refused(name: str, said: Any) -> None:
    verb = TOOLS[name]
    for document in (dict.fromkeys(verb.params.model_fields, said), {"more": said}):
        with suppress(BadArguments):
            read_document(verb, document)


READ: list[tuple[str, dict[str, Any]]] = [
    ("/status", {}),
    ("/health frankfurt", {"nodes": ["frankfurt"]}),
    ("/health", {"nodes": ["all"]}),
    ("/deploy all 1.4.2", {"action": "deploy", "nodes": ["all"], "version": "1.4.2"}),
    ("/deploy virginia frankfurt 1.4.2", {"action": "deploy", "nodes": ["virginia", "frankfurt"], "version": "1.4.2"}),
    ("/rollback", {"action": "rollback", "nodes": ["all"]}),
    ("/rollback frankfurt", {"action": "rollback", "nodes": ["frankfurt"]}),
    ("/deny", {"request": "last", "reason": ""}),
    ("/approve cart unfold cable afford", {"request": "cart unfold cable afford"}),
    ("/approve cart-unfold-cable-afford", {"request": "cart-unfold-cable-afford"}),
    ("/approve 231da47f", {"request": "231da47f"}),
    ("/deny 231da47f not today", {"request": "231da47f", "reason": "not today"}),
    ("/ack 7 on it", {"incident": 7, "note": "on it"}),
    ("/silence 1h", {"nodes": ["all"], "minutes": 60}),
    ("/silence 30m virginia frankfurt", {"nodes": ["virginia", "frankfurt"], "minutes": 30}),
    ("/halt the database is moved", {"reason": "the database is moved"}),
    ("/who", {}),
    ("/link ABCD-EFGH", {"code": "ABCD-EFGH"}),
    ("/runs", {}),
    ("/incidents", {"only_open": True}),
    ("/incidents all", {"only_open": False}),
    ("/incident 7", {"incident": 7}),
    ("/calendar", {}),
]


@pytest.mark.parametrize(("said", "expected"), READ, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_typed_in_a_chat_is_understood(said: str, expected: dict[str, Any]) -> None:
    command, *words = said.removeprefix("/").split()
    found = read_words(COMMANDS[command], words).model_dump(exclude_unset=True)
    assert found | expected == found


MISREAD = [
    *("/deploy", "/deploy all", "/deploy all --override-freeze", "/deploy $(id) 1.4.2", "/status now", "/halt"),
    *("/ack", "/ack x", "/ack -1", "/ack ٣", f"/ack {'9' * 99}", "/silence", "/silence forever", "/silence 8d"),
    *(
        "/silence 1h virginia;id",
        "/approve",
        "/approve last",
        "/approve a b",
        "/approve ../x",
        "/link",
        "/link ABCD",
        "/incident 1 2",
        "/incidents x",
    ),
    "/health Frankfurt",
]


@pytest.mark.parametrize("said", MISREAD)
def test_what_is_typed_amiss_is_refused_with_what_would_be_right(said: str) -> None:
    command, *words = said.removeprefix("/").split()
    with pytest.raises(Usage) as raised:
        read_words(COMMANDS[command], words)
    assert raised.value.fix


@given(st.sampled_from(sorted(COMMANDS)), st.lists(st.text(min_size=1, max_size=30), max_size=400))
def test_whatever_is_typed_is_read_or_refused(command: str, words: list[str]) -> None:
    with suppress(Usage):
        read_words(COMMANDS[command], words)


def test_help_names_what_a_role_may_do_and_no_more() -> None:
    viewer, approver = help_message("viewer").code, help_message("approver").code
    assert "/status" in viewer
    assert "/deploy" not in viewer
    assert "/approve" in approver
    assert len(approver.splitlines()) == len(COMMANDS)
