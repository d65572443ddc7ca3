"""Which chats HQ's bot is for: those of the fleet file whose token HQ has."""

from pathlib import Path

import pytest

from noc.fleet.chatting import Discord, Telegram
from noc.fleet.model import Fleet
from noc.hub import chat
from noc.hub.status import Check, chatting
from unit.hub.hub_kit import example_fleet, program

TELEGRAM, DISCORD = Telegram(chat=-1001), Discord(guild=11, channel=12)


def with_chats(telegram: Telegram | None = None, discord: Discord | None = None) -> Fleet:
    return example_fleet().model_copy(update={"telegram": telegram, "discord": discord})


def keep(directory: Path, *names: str) -> Path:
    for name in names:
        (directory / name).write_text("a token\n")
    return directory


@pytest.mark.parametrize(
    ("fleet", "given"),
    [
        (with_chats(), ()),
        (with_chats(TELEGRAM), ("telegram_token",)),
        (with_chats(None, DISCORD), ("discord_token",)),
        (with_chats(TELEGRAM, DISCORD), ("telegram_token", "discord_token")),
    ],
)
def test_the_bot_gets_the_tokens_of_the_fleet_files_chats_alone(
    fleet: Fleet, given: tuple[str, ...], tmp_path: Path
) -> None:
    assert chat.tokens(fleet, keep(tmp_path, "telegram_token", "discord_token", "ntfy_token")) == given


def test_a_chat_without_its_token_is_shut_and_says_how_it_opens(tmp_path: Path) -> None:
    fleet = with_chats(TELEGRAM, DISCORD)
    assert chat.tokens(fleet, keep(tmp_path, "discord_token")) == ("discord_token",)
    [(name, words)] = chat.shut(fleet, tmp_path)
    assert (name, "noc hub secret set telegram_token" in words) == ("telegram", True)


@pytest.mark.parametrize(
    "other",
    [with_chats(Telegram(chat=-1002)), with_chats(TELEGRAM, DISCORD), with_chats(None, DISCORD)],
)
def test_other_chats_are_a_change_of_the_bots_unit(other: Fleet) -> None:
    assert chat.settings(with_chats(TELEGRAM)) != chat.settings(other)


def test_what_else_changes_in_the_fleet_file_leaves_the_bot_running() -> None:
    fleet = with_chats(TELEGRAM)
    assert chat.settings(fleet) == chat.settings(fleet.model_copy(update={"timezone": "UTC"}))


class TestStatus:
    """What `noc hub status` says of the bot and the agent."""

    def test_an_hq_without_chats_has_no_bot_to_look_at(self, tmp_path: Path) -> None:
        assert list(chatting(with_chats(), tmp_path, tmp_path)) == []

    def test_a_bot_that_is_left_when_its_chats_are_gone_is_wrong(self, tmp_path: Path) -> None:
        (tmp_path / chat.BOT).write_text("[Service]\n")
        [check] = chatting(with_chats(), tmp_path, tmp_path)
        assert (check.name, check.ok, "noc hub apply" in check.seen) == (chat.BOT, False, True)

    def test_a_chat_that_lacks_its_token_is_wrong(self, tmp_path: Path) -> None:
        [check] = chatting(with_chats(TELEGRAM), tmp_path, tmp_path)
        assert check == Check("chat telegram", ok=False, seen="HQ has no token: noc hub secret set telegram_token")

    def test_a_token_that_others_can_read_is_wrong(self, tmp_path: Path) -> None:
        program("systemctl")
        (keep(tmp_path, "telegram_token") / "telegram_token").chmod(0o644)
        wrong = [check.name for check in chatting(with_chats(TELEGRAM), tmp_path, tmp_path) if not check.ok]
        assert str(tmp_path / "telegram_token") in wrong

    def test_an_agent_whose_kit_is_here_is_looked_at(self, tmp_path: Path) -> None:
        program("systemctl")
        (tmp_path / "noc-agent.service").write_text("[Service]\n")
        assert [check.name for check in chatting(with_chats(), tmp_path, tmp_path)] == ["noc-agent.service"]
