"""The run in hand on the watch's page, in a real browser, on a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from watch_kit import NAMES, write_fleet
from web.looking import TcpServer, opened

RUN = "20260301T120000000-00aa"
NOW = datetime.now(UTC)


class RunServer(TcpServer):
    """A server that is told of runs, as the runner tells it."""

    def show(self, run: str = RUN, **changes: Any) -> int:
        """Tell it of a run, as the runner does."""
        return self.ask(f"/api/v1/runs/{run}", "PUT", document(**changes))[0]


def node(name: str, kind: str = "waiting", **more: Any) -> dict[str, Any]:
    word = {"in-hand": "in hand", "done": "confirmed", "failed": "rolled-back"}.get(kind, kind)
    return {"node": name, "wave": 1, "kind": kind, "word": word, "before": "1.0.0 (1)", "target": "1.1.0 (2)", **more}


def document(**changes: Any) -> dict[str, Any]:
    known = {
        "what": "deploy 1.1.0 (build 2) to 3 nodes",
        "phrase": "spring gift carpet west",
        "by": "james",
        "begun": (NOW - timedelta(seconds=70)).isoformat(),
        "notice": "canary: virginia",
        "progress": "0 of 3 done, 0 failed · about 40 s left",
        "nodes": [node("virginia", "in-hand", wave=0, step="prove", since=NOW.isoformat()), *map(node, NAMES[1:])],
    }
    return {**known, **changes}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunServer]:
    """One server for all: what a test shows, the next replaces."""
    directory = tmp_path_factory.mktemp("watch")
    with RunServer(directory, write_fleet(directory / "fleet", live=NAMES[:2])) as server:
        yield server


async def test_a_run_appears_moves_on_and_fades_to_one_line_without_a_reload(
    browser: Browser, server: RunServer
) -> None:
    async with opened(browser, server.url) as page:
        await expect(page.locator("#runs")).to_be_hidden()
        assert server.show() == 204
        panel = page.get_by_role("article", name="deploy 1.1.0 (build 2) to 3 nodes")
        await expect(panel).to_contain_text("by james · spring gift carpet west")
        await expect(panel.locator("tbody tr").first).to_contain_text("in hand")
        server.show(nodes=[node("virginia", "done", wave=0), *map(node, NAMES[1:])], notice="wave 1: frankfurt")
        await expect(panel.locator("tbody tr").first).to_contain_text("✓ confirmed")
        await expect(panel).to_contain_text("wave 1: frankfurt")
        server.show(ended=NOW.isoformat(), good=True, progress="3 of 3 done, 0 failed · took 41 s", nodes=[])
        await expect(page.locator("#runs article")).to_have_count(0)
        await expect(page.locator("#runs .ended")).to_contain_text("3 of 3 done, 0 failed · took 41 s")


async def test_the_time_in_a_step_grows_by_itself(browser: Browser, server: RunServer) -> None:
    server.show(begun=(datetime.now(UTC) - timedelta(hours=2)).isoformat())
    async with opened(browser, server.url) as page:
        await expect(page.locator("#runs article p time").first).to_contain_text("2 h")


async def test_what_a_node_says_in_a_run_is_text_and_never_markup(browser: Browser, server: RunServer) -> None:
    server.show(nodes=[node("virginia", "failed", says="<img src=x onerror=alert(1)>")], notice="<b>loud</b>")
    async with opened(browser, server.url) as page:
        await expect(page.locator("#runs .says").last).to_have_text("<img src=x onerror=alert(1)>")
        await expect(page.locator("#runs img, #runs .progress b")).to_have_count(0)


@pytest.mark.parametrize("width", [1920, 1280, 390])
async def test_the_page_fits_its_window_while_a_run_is_shown(browser: Browser, server: RunServer, width: int) -> None:
    says = "HTTPS answers 502, no heartbeat of the new process, " * 20
    server.show(nodes=[node(f"node-{number:03}", "failed", says=says) for number in range(244)])
    async with opened(browser, server.url, width=width) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        height = await page.evaluate("document.querySelector('#runs .scroll').getBoundingClientRect().height")
        assert height <= 900 * 0.4 + 1


async def test_the_run_is_there_without_script(browser: Browser, server: RunServer) -> None:
    server.show()
    async with opened(browser, server.url, script=False) as page:
        await expect(page.locator("#runs tbody tr")).to_have_count(3)


async def test_every_state_of_a_node_has_a_sign_and_a_word_beside_its_colour(
    browser: Browser, server: RunServer
) -> None:
    kinds = ("waiting", "in-hand", "done", "failed", "skipped")
    server.show(nodes=[node(f"node-{kind}", kind) for kind in kinds])
    async with opened(browser, server.url) as page:
        cells = page.locator("#runs tbody td:first-child")
        await expect(cells).to_have_text(["· waiting", "→ in hand", "✓ confirmed", "✗ rolled-back", "· skipped"])


async def test_a_table_that_is_scrolled_and_focused_stays_so_when_it_is_swapped(
    browser: Browser, server: RunServer
) -> None:
    nodes = [node(f"node-{number:03}") for number in range(100)]
    server.show(nodes=nodes)
    async with opened(browser, server.url) as page:
        table = page.get_by_role("region", name="Nodes of the run")
        await table.focus()
        await table.evaluate("part => { part.scrollTop = 500 }")
        server.show(nodes=nodes, notice="moved on")
        await expect(page.locator("#runs .progress")).to_contain_text("moved on")
        await expect(table).to_be_focused()
        assert await table.evaluate("part => part.scrollTop") == 500


def test_what_is_no_run_is_refused_and_the_page_goes_on(server: RunServer) -> None:
    status, answer = server.ask(f"/api/v1/runs/{RUN}", "PUT", {"what": "nothing"})
    assert (status, answer["error"]["code"]) == (422, "NOC-E607")
    assert server.show(nodes=[node("virginia", says="x" * 2_000)] * 300) == 413
    assert server.show() == 204
