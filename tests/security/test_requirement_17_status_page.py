"""Requirement 17: the public page says nothing private, whatever nodes and people are called and write."""

import json
import re
from pathlib import Path

from noc.hub.publicsite import status_page
from noc.watch.clock import now
from noc.watch.public.publisher import Publisher
from noc.watch.store.records import Beat, Event, Incident, IncidentSaved
from unit.watch.test_public_page import contents
from unit.watch.test_public_site import SHAPE
from watch_kit import token
from watching import watching

HOSTILE = (
    "s3cret-words <script>alert(1)</script> 10.84.0.12 192.168.7.7 i-0abc12345 ip-10-0-0-7.ec2.internal "
    "AGE-SECRET-KEY-1QQQ -----BEGIN OPENSSH PRIVATE KEY----- johan"
)
PRIVATE = re.compile(
    r"\b(?:10|127)\.\d+\.\d+\.\d+|\b192\.168\.|\b192\.0\.2\.|\b172\.(?:1[6-9]|2\d|3[01])\.|\.internal\b|\bi-0"
    r"|SECRET|PRIVATE|s3cret|johan|alert\(|token-of|SIGKILL|clavitor-alerts"
)
ELSEWHERE = re.compile(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//(?!soc\.clavitor\.test)""")


async def published(folder: Path) -> dict[str, str]:
    """Every public file of a watch in which all that others write is hostile."""
    (folder / "public").mkdir()
    async with watching(folder) as watch:
        moment = now()
        await watch.take(Beat("frankfurt", moment.wall, msg=HOSTILE, boot=HOSTILE, version=HOSTILE[:60]), moment)
        incident = Incident(
            1, "frankfurt", "death", HOSTILE, moment.wall - 5_000, acked=moment.wall, acked_by="johan", ack_note=HOSTILE
        )
        await watch.save([IncidentSaved(incident), Event("note", "frankfurt", moment.wall, 1, {"text": HOSTILE})])
        await watch.silence(["virginia"], 30, "johan", HOSTILE)
        await Publisher(watch, folder / "public").publish(moment)
    return contents(folder / "public")


async def test_nothing_private_is_in_any_public_file(tmp_path: Path) -> None:
    files = await published(tmp_path)
    assert "Disruption: frankfurt" in files["index.html"]
    assert [(name, found[0]) for name, text in files.items() if (found := PRIVATE.search(text))] == []
    assert not any(token("frankfurt") in text for text in files.values())


async def test_the_documents_hold_the_allowed_fields_and_no_other(tmp_path: Path) -> None:
    state = json.loads((await published(tmp_path))["status.json"])
    assert set(state) == SHAPE[""]
    assert all(set(each) == SHAPE[part] for part in ("nodes", "incidents", "maintenance") for each in state[part])
    assert state["incidents"]
    assert state["maintenance"]


async def test_nothing_is_fetched_from_elsewhere_and_the_policy_forbids_it(tmp_path: Path) -> None:
    files = await published(tmp_path)
    assert [
        name for name, text in files.items() if name.endswith((".html", ".css", ".js")) and ELSEWHERE.search(text)
    ] == []
    assert not re.search(r"<script(?! src=)|<style| style=| on[a-z]+=", files["index.html"])
    policy = re.search(r'Content-Security-Policy "([^"]+)"', status_page("soc.clavitor.test", "/public"))
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert not re.search(r"unsafe|http|\*", policy[1])
