"""What the pages' tests share: a watch on loopback, a page that fails when its console complains, axe's judgement."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page

from watch_kit import Server, free_port

AXE = Path(__file__).parents[2] / "build" / "axe.min.js"
TELEMETRY = b'{"ram_mb": 41.5, "disk_pct": 93, "cpu_pct": 2, "req_1h": 200, "err_1h": 3, "active_sessions": 4}'


class TcpServer(Server):
    """A server whose local listener is on loopback, for a browser to reach."""

    def __init__(self, directory: Path, fleet: Path) -> None:
        super().__init__(directory, fleet)
        self.local = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.local}/"


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    height: int = 900,
    script: bool = True,
    scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[Page]:
    """A page in a window of its own; leaving fails if the console complained."""
    context = await browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=script, color_scheme=scheme
    )
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(url)
    yield page
    await context.close()
    assert complaints == []


async def faults(page: Page) -> list[str]:
    """What axe-core finds wrong with a page: contrast, labels, landmarks, headings, each with where."""
    if not AXE.exists():
        pytest.skip("axe-core is not here: sh tools/axe.sh")
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("axe.run()")
    return [f"{each['id']}: {node['target'][0]}" for each in found["violations"] for node in each["nodes"]]
