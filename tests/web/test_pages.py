"""Every page with a whole fleet: legible for everybody, light to load, safe whatever nodes and people wrote."""

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.async_api import Browser, Response, expect

from web import full_fleet
from web.full_fleet import DEAD, GAPPED, HOSTILE
from web.looking import TcpServer, faults, opened

PAGES = ("", f"nodes/{DEAD}", f"nodes/{GAPPED}?range=1h", "incidents", "incidents/2", "login", "nodes/nowhere")
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TcpServer]:
    """A watch of twenty nodes with two hours behind it."""
    directory = tmp_path_factory.mktemp("full")
    fleet = full_fleet.write(directory / "fleet")
    full_fleet.fill(directory / "watch.db")
    with TcpServer(directory, fleet) as server:
        yield server


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
@pytest.mark.parametrize("path", PAGES[:-1])
async def test_a_page_has_contrast_labels_and_landmarks(
    browser: Browser, server: TcpServer, path: str, scheme: Literal["light", "dark"], width: int
) -> None:
    async with opened(browser, server.url + path, scheme=scheme, width=width) as page:
        assert await faults(page) == []


@pytest.mark.parametrize("path", PAGES[:-1])
async def test_a_page_fits_every_window(browser: Browser, server: TcpServer, path: str) -> None:
    async with opened(browser, server.url + path) as page:
        for width in (1920, 1280, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("path", PAGES[:-1])
async def test_a_page_weighs_less_than_100_kilobytes_with_all_that_it_loads(
    browser: Browser, server: TcpServer, path: str
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    await page.goto(server.url + path)
    weights = {each.url: len(await each.body()) for each in answers if "/events" not in each.url}
    assert sum(weights.values()) < MOST_BYTES, weights
    assert all(url.startswith(server.url) for url in weights)
    await context.close()


@pytest.mark.parametrize("path", PAGES)
async def test_what_nodes_and_people_wrote_is_text(browser: Browser, server: TcpServer, path: str) -> None:
    async with opened(browser, f"{server.url}login") as page:
        answer = await page.request.get(server.url + path, headers={"accept": "text/html"})
        assert HOSTILE not in await answer.text()
        if answer.ok:
            await page.goto(server.url + path)
            await expect(page.locator("img")).to_have_count(0)


async def test_the_hostile_words_are_there_to_be_read(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, f"{server.url}incidents/2") as page:
        await expect(page.locator(".turn-note p")).to_have_text(f"{HOSTILE}\nsecond line")
        await expect(page.locator(".turn-acked p")).to_have_text(HOSTILE)


async def test_the_whole_fleet_is_on_one_screen(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url, width=1920, height=950) as page:
        last = await page.locator("#nodes tbody tr").last.bounding_box()
        world = await page.locator("#map svg").bounding_box()
        assert last is not None
        assert world is not None
        assert last["y"] + last["height"] < 700
        assert world["y"] + world["height"] <= 950


@pytest.mark.parametrize("width", [1920, 1600, 1280])
async def test_every_column_is_to_be_seen(browser: Browser, server: TcpServer, width: int) -> None:
    async with opened(browser, server.url, width=width) as page:
        hidden = await page.locator("#nodes").evaluate("table => table.scrollWidth - table.clientWidth")
        assert hidden == 0


async def test_the_map_says_states_by_shape_and_word(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        dead = page.locator(f"#signs a[href='/nodes/{DEAD}']")
        await expect(dead.locator("title")).to_contain_text(f"{DEAD}, Hong Kong: down")
        up = page.locator("#signs a[href='/nodes/virginia'] path")
        assert await dead.locator("path").get_attribute("d") != await up.get_attribute("d")
        await expect(page.locator("#signs .tunnel.down")).to_have_count(1)


async def test_the_land_comes_from_our_own_file(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        width = await page.locator("#map use").evaluate("land => land.getBBox().width")
        assert width > 800


async def test_the_keyboard_walks_opens_and_explains(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(f"#node-{DEAD}")).to_be_focused()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("/")
        await page.keyboard.type("seoul")
        await expect(page.locator("#nodes tbody tr:visible")).to_have_count(1)
        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**/nodes/{GAPPED}")
        await page.keyboard.press("i")
        await page.wait_for_url("**/incidents")


async def test_a_gap_in_the_telemetry_is_a_gap_in_the_chart(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, f"{server.url}nodes/{GAPPED}?range=1h") as page:
        memory = page.get_by_role("img", name="Memory")
        line = await memory.locator(".mean").get_attribute("d")
        assert line is not None
        assert line.count("M") == 2
        await expect(memory).to_have_accessible_name(re.compile("1 gap"))


async def test_a_node_page_says_what_the_second_witness_saw(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, f"{server.url}nodes/{DEAD}") as page:
        await expect(page.locator("#facts .facts").first).to_contain_text(f"12 ms: {HOSTILE}")
        await expect(page.locator("h1")).to_contain_text("down")


async def test_the_list_is_filtered_by_its_form_and_without_script(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, f"{server.url}incidents", script=False) as page:
        await page.get_by_label("State").select_option("closed")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("#list tbody tr")).to_have_count(1)
        await expect(page.locator("#list tbody th")).to_have_text(GAPPED)


@pytest.mark.parametrize("path", ["nodes/nowhere", "incidents/77", "nowhere", "nodes/virginia?range=2y"])
async def test_an_address_that_is_none_is_told_in_words(browser: Browser, server: TcpServer, path: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    answer = await page.goto(server.url + path)
    assert answer is not None
    assert answer.status in {404, 422}
    await expect(page.get_by_role("link", name="to the nodes")).to_be_visible()
    await context.close()
