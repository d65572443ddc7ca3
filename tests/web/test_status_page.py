"""The public page in a browser: legible for everybody, whole without script, pale when it cannot be read again."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from noc.watch.public.facts import MaintenanceFacts
from noc.watch.public.site import site
from unit.watch.test_public_site import EVERYWHERE, HOUR, NOW, facts, outage
from web.looking import faults, opened


class Quiet(SimpleHTTPRequestHandler):
    """A plain file server for the files that Caddy would serve."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep the test's output quiet."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a fleet of 21 nodes with something of everything."""
    down = outage(1, "node02", severity="SEV1"), outage(2, "node05"), outage(3, "node07", ended=NOW - HOUR // 2)
    planned = [MaintenanceFacts(["node09"], NOW, NOW + HOUR)]
    found = facts(*down, places=EVERYWHERE, pending=["node11"], maintained=["node09"], maintenance=planned)
    for name, content in site(found).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def served(folder: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
async def test_it_has_contrast_labels_and_landmarks(
    browser: Browser, served: ThreadingHTTPServer, scheme: Literal["light", "dark"], width: int
) -> None:
    async with opened(browser, url(served), scheme=scheme, width=width) as page:
        assert await faults(page) == []


@pytest.mark.parametrize("width", [1920, 1280, 390])
async def test_it_fits_every_window(browser: Browser, served: ThreadingHTTPServer, width: int) -> None:
    async with opened(browser, url(served), width=width) as page:
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_it_is_whole_without_script(browser: Browser, served: ThreadingHTTPServer) -> None:
    async with opened(browser, url(served), script=False) as page:
        await expect(page.locator("tbody tr")).to_have_count(21)
        await expect(page.get_by_text("Outage: node02")).to_be_visible()
        await expect(page.get_by_text("Some nodes are disrupted")).to_be_visible()


async def test_it_turns_pale_once_its_time_is_over(browser: Browser, folder: Path, served: ThreadingHTTPServer) -> None:
    page_file = folder / "index.html"
    page_file.write_text(page_file.read_text().replace('data-max-age="90"', 'data-max-age="2"'))
    async with opened(browser, url(served)) as page:
        await expect(page.locator(".old")).to_be_hidden()
        await expect(page.locator(".old")).to_be_visible(timeout=15_000)
        await expect(page.locator("body")).to_have_class("stale")
