"""A plan is approved from far away: a session, the real proxy with HQ's own Caddyfile, the watch, the real runner."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import BrowserContext, async_playwright, expect

from page_runner_kit import POLICY, PageRunner, page_runner
from watch_kit import write_fleet
from web.conftest import ARGUMENTS, CHROMIUM
from web.front import HOST, Front

ROOT = '[[people]]\nname = "root"\nrole = "approver"\n'


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageRunner]:
    folder = tmp_path_factory.mktemp("runner")
    with pytest.MonkeyPatch.context() as patch, page_runner(folder / "hq", patch, POLICY + ROOT) as made:
        yield made


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, runner: PageRunner) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("front")
    made = Front(directory, write_fleet(directory / "fleet"))
    made.watch.more += ["--runner", str(runner.socket_of("noc-watch"))]
    with made as front:
        front.employ("approver")
        yield front


@pytest.fixture
async def context(front: Front) -> AsyncIterator[BrowserContext]:
    """A Chromium that finds the proxy under its public name."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    rule = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{front.https}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, rule])
        yield await browser.new_context(ignore_https_errors=True)
        await browser.close()


async def test_who_has_signed_in_approves_through_the_proxy(
    context: BrowserContext, front: Front, runner: PageRunner
) -> None:
    wanted = runner.wanted()
    page = await context.new_page()
    await page.goto(front.link())
    await expect(page.locator("#approvals")).to_contain_text(wanted["phrase"])
    await page.get_by_role("link", name="Look and decide").click()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("#facts")).to_contain_text("approved by root; run")
    entries = runner.client.ask("audit")["entries"]
    (given,) = [each for each in entries if each["what"].startswith("approve") and each["kind"] == "intent"]
    assert (given["by"], given["detail"]["channel"]) == ("root", "page")


async def test_a_session_that_is_taken_back_decides_nothing(
    context: BrowserContext, front: Front, runner: PageRunner
) -> None:
    runner.let_go()
    wanted = runner.wanted(action="keygen")
    page = await context.new_page()
    await page.goto(front.link())
    await expect(page.locator("#nodes tbody tr")).to_have_count(3)
    await page.goto(f"{front.url}approvals/{wanted['digest']}")
    front.employ(None)
    await page.get_by_role("button", name="Approve").click()
    await expect(page.get_by_label("Link or key")).to_be_visible()
    assert runner.client.ask("pending", request=wanted["digest"])["request"]["state"] == "pending"
