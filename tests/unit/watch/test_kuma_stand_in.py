"""The stand-in of Uptime Kuma refuses what the original refuses: docs/stand-ins.md has the sources."""

from typing import Any

import pytest

from kuma_stand_in import Kuma, Refusal

MONITOR: dict[str, Any] = {
    "name": "frankfurt",
    "type": "push",
    "interval": 30,
    "retryInterval": 30,
    "accepted_statuscodes": ["200-299"],
    "conditions": [],
}
PAGE: dict[str, Any] = {"slug": "clavitor", "analyticsType": None, "domainNameList": []}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"accepted_statuscodes": [200]}, "not all strings"),
        ({"interval": 19}, "Interval cannot be less than 20"),
        ({"retryInterval": 1}, "Retry interval cannot be less than 20"),
        ({"interval": 2_073_601}, "cannot be more than"),
        ({"pushToken": "t" * 33}, "Data too long"),
        ({"colour": "red"}, "no column named colour"),
    ],
)
def test_a_monitor_that_it_does_not_take_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        Kuma().add({**MONITOR, **change})


@pytest.mark.parametrize(
    ("missing", "words"), [("accepted_statuscodes", "reading 'every'"), ("conditions", "NOT NULL constraint failed")]
)
def test_a_monitor_without_what_is_needed_is_refused(missing: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        Kuma().add({name: value for name, value in MONITOR.items() if name != missing})


def test_an_edit_forgets_what_it_is_not_given() -> None:
    kuma = Kuma()
    number = kuma.add({**MONITOR, "description": "kept?", "notificationIDList": {"1": True}})["monitorID"]
    kuma.edit({**MONITOR, "id": number})
    assert (kuma.monitors[number]["description"], kuma.monitors[number]["notificationIDList"]) == (None, {})


@pytest.mark.parametrize("slug", ["two words", "-x", "ünï", "a--b"])
def test_a_slug_that_is_none_is_refused(slug: str) -> None:
    with pytest.raises(Refusal, match="Invalid Slug"):
        Kuma().add_page("Title", slug)


def test_a_slug_is_one_pages() -> None:
    kuma = Kuma()
    kuma.add_page("Title", "clavitor")
    with pytest.raises(Refusal, match="UNIQUE constraint"):
        kuma.add_page("Other", "clavitor")


@pytest.mark.parametrize(
    ("slug", "config", "image", "words"),
    [
        ("other", PAGE, "", "No slug?"),
        ("clavitor", {**PAGE, "analyticsType": "other"}, "", "Invalid analytics type"),
        ("clavitor", {"slug": "clavitor", "domainNameList": []}, "", "Invalid analytics type"),
        ("clavitor", {"slug": "clavitor", "analyticsType": None}, "", "Invalid array"),
        ("clavitor", PAGE, None, "not a function"),
    ],
)
def test_a_page_that_it_does_not_take_is_refused(slug: str, config: dict[str, Any], image: Any, words: str) -> None:
    kuma = Kuma()
    kuma.add_page("Title", "clavitor")
    with pytest.raises(Refusal, match=words.replace("?", r"\?")):
        kuma.save_page(slug, config, image, [])


def test_a_group_of_monitors_that_are_not_there_is_refused() -> None:
    kuma = Kuma()
    kuma.add_page("Title", "clavitor")
    with pytest.raises(Refusal, match="FOREIGN KEY"):
        kuma.save_page("clavitor", PAGE, "", [{"name": "Europe", "monitorList": [{"id": 7}]}])


def test_a_tag_of_nothing_and_a_notification_that_is_not_there_are_refused() -> None:
    with pytest.raises(Refusal, match="FOREIGN KEY"):
        Kuma().tag_monitor(1, 1, "x")
    with pytest.raises(Refusal, match="notification not found"):
        Kuma().keep_notice({"name": "x"}, 7)
    with pytest.raises(Refusal, match="do not own"):
        Kuma().switch(7, on=False)
