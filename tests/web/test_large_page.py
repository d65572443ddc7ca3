"""The page of 2,000 nodes in a real browser: legible at every width, light, what fails first, and every node found."""

import http.client
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.async_api import Browser, Response, expect

from large_fleet import name_of, region_of, write_large
from noc.fleet.shares import MOST_NODES
from noc.watch.clock import now
from noc.watch.store.database import Store
from noc.watch.store.migration import migrate_apart
from noc.watch.store.records import Beat, Incident, IncidentSaved
from watch_kit import HUB
from web.looking import TcpServer, faults, opened

DEAD = next(number for number in range(1500, MOST_NODES) if region_of(number) == "asia-pacific")
WELL = next(number for number in range(1500, MOST_NODES) if region_of(number) == "europe")
PAGES = ("", "?region=europe", f"?q={name_of(WELL)}")
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpServer]:
    """A watch of 2,000 nodes that have pushed, of which one is dead."""
    directory = tmp_path_factory.mktemp("large")
    fleet = write_large(directory / "fleet", hub=HUB)
    database = directory / "watch.db"
    migrate_apart(database)
    store, wall = Store(database), now().wall
    telemetry: dict[str, float | int | str | None] = {"ram_mb": 60.5, "cpu_pct": 12.5, "disk_pct": 40.0}
    numbers = range(1, MOST_NODES + 1)
    store.write([Beat(name_of(n), wall - 60_000, boot="b", version="1.4.2", telemetry=telemetry) for n in numbers])
    store.write([IncidentSaved(Incident(1, name_of(DEAD), "missed", "no push", wall - 600_000, severity="SEV1"))])
    store.close()
    with TcpServer(directory, fleet) as server:
        yield server


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_of_a_large_fleet_fits_every_window(browser: Browser, server: TcpServer, path: str) -> None:
    async with opened(browser, server.url + path) as page:
        for width in (1920, 1280, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("path", "scheme", "width"), [("", "light", 1280), ("?region=europe", "dark", 390)])
async def test_a_page_of_a_large_fleet_has_contrast_labels_and_landmarks(
    browser: Browser, server: TcpServer, path: str, scheme: Literal["light", "dark"], width: int
) -> None:
    async with opened(browser, server.url + path, scheme=scheme, width=width) as page:
        assert await faults(page) == []


async def test_the_first_page_weighs_less_than_100_kilobytes_with_all_that_it_loads(
    browser: Browser, server: TcpServer
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    await page.goto(server.url)
    weights = {each.url: len(await each.body()) for each in answers if "/events" not in each.url}
    assert sum(weights.values()) < MOST_BYTES, weights
    await context.close()


async def test_the_node_that_fails_comes_first_and_so_does_its_region(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await expect(page.locator("#nodes tbody tr").first).to_have_id(f"node-{name_of(DEAD)}")
        await expect(page.locator("#found")).to_contain_text(f"1 of {MOST_NODES} needs a look")
        await expect(page.locator(".regions li").first).to_have_id("region-asia-pacific")
        await expect(page.locator(".regions li").first).to_contain_text("SEV1")


async def test_a_region_opens_into_its_nodes_so_many_at_a_time(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await page.locator("#region-asia-pacific a").first.click()
        await expect(page.locator("#nodes tbody tr")).to_have_count(40)
        await expect(page.locator("#nodes tbody tr").first).to_have_id(f"node-{name_of(DEAD)}")
        await page.get_by_role("link", name="The next 40").click()
        await expect(page.locator("#found")).to_contain_text("41 to 80 are here")


async def test_a_node_is_found_without_script(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url, script=False) as page:
        await page.get_by_label("Find nodes").fill(f"{name_of(WELL)} up")
        await page.get_by_role("button", name="Find").click()
        await expect(page.locator("#nodes tbody tr")).to_have_count(1)
        await expect(page.locator(f"#node-{name_of(WELL)} .version")).to_have_text("1.4.2")
        await expect(page.locator("#found")).to_contain_text("1 node with")


async def test_a_search_finds_while_one_types_and_follows_what_it_found(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await page.keyboard.press("/")
        await page.keyboard.type(name_of(WELL))
        await expect(page.locator("#nodes tbody tr")).to_have_id(f"node-{name_of(WELL)}")
        await expect(page.locator("#filter")).to_be_focused()
        await expect(page).to_have_url(f"{server.url}?q={name_of(WELL)}")
        await expect(page.locator("html")).to_have_attribute("data-stream", f"/events?of=/%3Fq%3D{name_of(WELL)}")
        await page.get_by_label("Find nodes").fill("")
        await expect(page.locator("#nodes tbody tr").first).to_have_id(f"node-{name_of(DEAD)}")


async def test_what_an_open_page_is_sent_stays_small(server: TcpServer) -> None:
    connection = http.client.HTTPConnection(server.local, timeout=30)
    connection.request("GET", "/events?of=/%3Fregion%3Deurope")
    message = connection.getresponse().readline()
    connection.close()
    assert message.startswith(b"data: ")
    assert len(message) < 2 * MOST_BYTES
