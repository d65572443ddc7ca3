"""Whether a channel can be relied on, by its settings: what fails, what warns, and what mends it."""

from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.watch.alerts.channels.apprise import AppriseChannel
from noc.watch.alerts.channels.making import make_channels
from noc.watch.alerts.channels.ntfy import NtfyChannel
from noc.watch.alerts.checks import findings, guessable, ntfy_findings

PLAN = Path(__file__).parents[3] / "fleet"
PUBLIC = NtfyChannel("ntfy", "https://ntfy.sh", "clavitor-alerts", "ntfy_token")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


@pytest.fixture(autouse=True)
def _credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))


def states(channel: NtfyChannel, *, has_token: bool) -> list[str]:
    return [finding.state for finding in ntfy_findings(channel, has_token=has_token)]


@pytest.mark.parametrize(
    ("url", "topic", "has_token", "expected"),
    [
        ("https://ntfy.sh", "clavitor-alerts", False, ["fail"]),
        ("https://ntfy.sh", "alerts-Zq8Yt1Lw0Xc7Vb3N", False, ["warn"]),
        ("https://ntfy.sh", "clavitor-alerts", True, []),
        ("http://ntfy.example", "clavitor-alerts", True, ["fail"]),
        ("http://127.0.0.1:8080", "clavitor-alerts", False, []),
        ("http://10.0.0.7", "clavitor-alerts", False, ["fail"]),
    ],
)
def test_a_bare_guessable_topic_fails_unless_a_token_protects_it(
    url: str, topic: str, has_token: bool, expected: list[str]
) -> None:
    assert states(NtfyChannel("ntfy", url, topic, "ntfy_token"), has_token=has_token) == expected


@pytest.mark.parametrize("topic", ["alerts", "clavitor-alerts-2026", "a1" * 7, "operationsalertsforall", "1" * 20])
def test_a_topic_of_words_and_years_can_be_guessed(topic: str) -> None:
    assert guessable(topic)


def test_the_plans_fleet_fails_until_hq_has_its_token(tmp_path: Path) -> None:
    [channel] = make_channels(load(PLAN), PLAN)
    assert [finding.state for finding in findings(channel)] == ["fail"]
    (tmp_path / "ntfy_token").write_text("tk_secret")
    (tmp_path / "ntfy_token").chmod(0o400)
    assert [finding.state for finding in findings(channel)] == ["ok"]


def test_a_token_that_every_login_can_read_fails(tmp_path: Path) -> None:
    (tmp_path / "ntfy_token").write_text("tk_secret")
    (tmp_path / "ntfy_token").chmod(0o644)
    [finding] = findings(PUBLIC)
    assert (finding.state, "every login" in finding.what) == ("fail", True)


def test_an_address_that_apprise_cannot_use_fails_without_being_told(tmp_path: Path) -> None:
    (tmp_path / "mail_url").write_text("json://hooks.example/very-secret")
    (tmp_path / "mail_url").chmod(0o400)
    [finding] = findings(AppriseChannel("mail", "mail_url"))
    assert finding.state == "fail"
    assert "very-secret" not in str(finding)
