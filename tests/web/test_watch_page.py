"""The watch's page in a real browser, on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from watch_kit import NAMES, write_fleet, write_lives
from web.looking import TELEMETRY, TcpServer, opened


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TcpServer]:
    """Virginia and frankfurt are live and push; singapore is planned."""
    server = TcpServer(tmp_path, write_fleet(tmp_path / "fleet", live=NAMES[:2]))
    with server:
        for name in NAMES[:2]:
            server.push(name, "status=up&seq=1&boot=b1&v=1.0.0", body=TELEMETRY)
        yield server


async def test_a_node_that_dies_moves_to_the_top_without_a_reload(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await expect(page.locator("#nodes tbody tr").first).to_have_id("node-virginia")
        server.push("frankfurt", "status=down&msg=killed-KILL")
        await expect(page.locator("#nodes tbody tr").first).to_have_id("node-frankfurt")
        await expect(page.locator("#node-frankfurt .state")).to_have_text("✗ down SEV2")
        await expect(page.locator("#incidents")).to_contain_text("the service was killed by SIGKILL")
        await expect(page).to_have_title("✗ 1 down · clavitor fleet")


async def test_the_page_tells_states_in_the_words_of_the_api(browser: Browser, server: TcpServer) -> None:
    server.push("frankfurt", "status=down&msg=killed-KILL")
    async with opened(browser, server.url) as page:
        for node in server.ask("/api/v1/nodes")[1]["nodes"]:
            await expect(page.locator(f"#node-{node['name']} .state")).to_contain_text(node["state"])


async def test_a_reload_of_the_fleet_shows_without_a_reload_of_the_page(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await expect(page.locator("#node-singapore .beats")).to_have_text("planned")
        write_lives(server.fleet, dict.fromkeys(NAMES, "live"))
        server.ask("/api/v1/reload", "POST")
        server.push("singapore", "status=up&v=2.0.0")
        await expect(page.locator("#node-singapore .version")).to_have_text("2.0.0")


async def test_what_a_node_says_is_text_and_never_markup(browser: Browser, server: TcpServer) -> None:
    server.push("frankfurt", "status=down&msg=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    async with opened(browser, server.url) as page:
        await expect(page.locator("#incidents")).to_contain_text("<img src=x onerror=alert(1)>")
        await expect(page.locator("main img")).to_have_count(0)


@pytest.mark.parametrize("width", [1920, 1280, 390])
async def test_the_page_fits_its_window(browser: Browser, server: TcpServer, width: int) -> None:
    async with opened(browser, server.url, width=width) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_a_row_is_20_to_24_pixels_high(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        box = await page.locator("#node-virginia").bounding_box()
        assert box is not None
        assert 20 <= box["height"] <= 24.5


async def test_the_page_works_without_script(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url, script=False) as page:
        await expect(page.locator("#nodes tbody tr")).to_have_count(3)
        await expect(page.locator("#node-virginia .ram_mb")).to_have_text("41.5 MiB")


async def test_a_value_to_look_at_has_a_sign_beside_its_colour(browser: Browser, server: TcpServer) -> None:
    async with opened(browser, server.url) as page:
        await expect(page.locator("#node-virginia .disk_pct")).to_have_text("93 % !")


async def test_the_keyboard_moves_through_the_nodes_and_stays_when_a_row_is_swapped(
    browser: Browser, server: TcpServer
) -> None:
    async with opened(browser, server.url) as page:
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await expect(page.locator("#node-frankfurt")).to_be_focused()
        server.push("frankfurt", "status=up&seq=2&boot=b1&v=1.0.1")
        await expect(page.locator("#node-frankfurt .version")).to_have_text("1.0.1")
        await expect(page.locator("#node-frankfurt")).to_be_focused()


async def test_data_that_no_longer_arrives_looks_stale(browser: Browser, server: TcpServer) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.clock.install()
    await page.goto(server.url)
    await expect(page.locator("#stamp")).to_contain_text("data as of")
    server.kill()
    await page.clock.run_for(20_000)
    await expect(page.locator("#stamp")).to_contain_text("! no data for")
    await expect(page.locator("body")).to_have_class("stale")
    await context.close()
