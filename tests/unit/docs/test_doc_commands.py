"""Every command that a page shows exists, with its options and its number of arguments."""

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest
import typer

from doc_pages import PAGES, ROOT, Command, commands, spans
from noc.cli.commands import COMMANDS
from noc.cli.explain import catalogue
from noc.hosts.node.activator import VERBS

UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer exports only this kind of it
NOC = commands("noc")
MAKE = commands("make")
GLOBAL = ("--help", "--version")


def parse(words: Sequence[str], *, whole: bool) -> None:
    """Parse words after `noc` as typer would, and run nothing. Raises UsageError."""
    name, *rest = words
    if name in GLOBAL:
        return
    if name not in COMMANDS:
        raise UsageError(f"no command {name}")
    command: Any = typer.main.get_command(import_module(COMMANDS[name][0]).app)
    while hasattr(command, "commands"):
        alone = command.invoke_without_command
        if alone and rest and rest[0].startswith("-"):
            break
        if not rest:
            if whole and not alone:
                raise UsageError(f"{name} is a group")
            return
        if rest[0] not in command.commands:
            raise UsageError(f"{name} has no command {rest[0]}")
        command, rest = command.commands[rest[0]], rest[1:]
    try:
        command.make_context(name, list(rest))
    except typer.Exit:
        return
    except typer.BadParameter as error:
        missing = type(error).__name__ == "MissingParameter"
        if (missing and whole) or not (missing or "does not exist" in str(error)):
            raise


def test_the_pages_show_most_commands() -> None:
    shown = {command.words[1] for command in NOC if command.whole and len(command.words) > 1}
    assert set(COMMANDS) - shown <= {"demo", "watch"}


@pytest.mark.parametrize("command", NOC, ids=str)
def test_a_command_is_understood(command: Command) -> None:
    if command.words[1:] and command.words[1] != "…":
        parse(command.words[1:], whole=command.whole)


@pytest.mark.parametrize(
    "words",
    [
        ("nods",),
        ("lab", "explode"),
        ("deploy",),
        ("health", "--frobnicate"),
        ("render", "extra"),
        ("keygen", "virginia", "frankfurt"),
        ("provision", "virginia", "--ip"),
        ("audit", "--frobnicate"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_would_be_found(words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        parse(words, whole=True)


@pytest.mark.parametrize("command", MAKE, ids=str)
def test_a_target_and_its_variables_exist(command: Command) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for word in command.words[1:]:
        name, equals, _ = word.partition("=")
        assert f"$({name})" in makefile if equals else name in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_an_error_code_exists(page: object) -> None:
    known = catalogue()
    text = next(each for each in PAGES if each == page).read_text()
    assert set(re.findall(r"\bE\d{3}\b", text)) <= set(known)


def test_an_environment_variable_is_read_somewhere() -> None:
    named = {name for page in PAGES for name in re.findall(r"\b(?:NOC|CLAVITOR)_[A-Z_]+\b", " ".join(spans(page)))}
    source = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert {name for name in named if name not in source} == set()


def test_the_architecture_shows_exactly_the_activators_verbs() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("## Contract: the activator")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`(?: / `.+?`)*) \|", section, re.MULTILINE)
    assert {verb for row in rows for verb in re.findall(r"`(\w+)", row)} == set(VERBS)
