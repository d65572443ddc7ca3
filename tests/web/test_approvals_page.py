"""Plans that wait for an approval in a real browser, on a real watch beside a real runner."""

import getpass
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from page_runner_kit import POLICY, PageRunner, page_runner
from watch_kit import write_fleet
from web.looking import TcpServer, faults, opened

WIDTHS = (1920, 1280, 390)
ME = getpass.getuser()
APPROVER = f'[[people]]\nname = "{ME}"\nrole = "approver"\n'


class Headquarters:
    """The runner, and the watch beside it, at whose page who runs the tests is an approver."""

    def __init__(self, runner: PageRunner, watch: TcpServer) -> None:
        self.runner, self.watch, self.url = runner, watch, watch.url

    def wanted(self, **plan: Any) -> dict[str, Any]:
        """A plan that waits."""
        return self.runner.wanted(**plan)

    def page_of(self, wanted: dict[str, Any]) -> str:
        return f"{self.url}approvals/{wanted['digest']}"

    def state(self, wanted: dict[str, Any]) -> Any:
        return self.runner.client.ask("pending", request=wanted["digest"])["request"]["state"]

    def clear(self) -> None:
        """Let nothing wait or be halted any more, and every run end."""
        for each in self.runner.client.ask("pending")["requests"]:
            self.runner.client.ask("deny", request=each["digest"], reason="the test is over")
        self.runner.client.ask("lift")
        self.runner.let_go()


@pytest.fixture(scope="module")
def headquarters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headquarters]:
    """One HQ for all."""
    folder = tmp_path_factory.mktemp("hq")
    with pytest.MonkeyPatch.context() as patch, page_runner(folder / "runner", patch, POLICY + APPROVER) as runner:
        fleet = write_fleet(folder / "fleet")
        with (fleet / "fleet.toml").open("a") as file:
            file.write(APPROVER)
        watch = TcpServer(folder, fleet)
        watch.more = ["--runner", str(runner.socket_of("noc-watch"))]
        with watch:
            yield Headquarters(runner, watch)


@pytest.fixture
def hq(headquarters: Headquarters) -> Iterator[Headquarters]:
    """It, with nothing that waits before or afterwards."""
    yield headquarters
    headquarters.clear()


async def looked_up(page: Page, wanted: dict[str, Any]) -> None:
    """Find a plan on the dashboard, and go to its own page."""
    card = page.get_by_role("article").filter(has_text=wanted["phrase"])
    await card.get_by_role("link", name="Look and decide").click()
    await expect(page.locator("#facts")).to_contain_text(wanted["phrase"])


async def test_a_plan_that_waits_appears_and_goes_without_a_reload(browser: Browser, hq: Headquarters) -> None:
    async with opened(browser, hq.url) as page:
        await expect(page.locator("#approvals")).to_be_hidden()
        wanted = hq.wanted()
        panel = page.get_by_role("article", name=wanted["what"])
        await expect(panel).to_contain_text(f"{wanted['phrase']} asked for by olga")
        await expect(panel).to_contain_text("needs an approver other than olga")
        await expect(page.locator("#summary")).to_contain_text("1 to approve")
        hq.clear()
        await expect(page.locator("#approvals")).to_be_hidden()


@pytest.mark.parametrize("script", [True, False])
async def test_an_approver_looks_and_approves(browser: Browser, hq: Headquarters, *, script: bool) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.url, script=script) as page:
        await looked_up(page, wanted)
        await expect(page.locator("#plan tbody tr")).to_have_count(3)
        await page.get_by_role("button", name=f"Approve {wanted['phrase']}").click()
        await expect(page.locator("#facts")).to_contain_text(f"approved by {ME}; run")
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)
    assert hq.state(wanted) == "used"


@pytest.mark.parametrize("script", [True, False])
async def test_an_approver_denies_and_says_why(browser: Browser, hq: Headquarters, *, script: bool) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.page_of(wanted), script=script) as page:
        await page.get_by_label("Why not").fill("not <b>today</b>")
        await page.get_by_role("button", name=f"Deny {wanted['phrase']}").click()
        await expect(page.locator("#facts")).to_contain_text(f"denied by {ME}: not <b>today</b>")
    assert hq.state(wanted) == "denied"


async def test_the_keyboard_alone_is_enough_to_approve(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.page_of(wanted)) as page:
        button = page.get_by_role("button", name="Approve")
        for _ in range(30):
            await page.keyboard.press("Tab")
            if await button.evaluate("button => button === document.activeElement"):
                break
        await expect(button).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#facts")).to_contain_text(f"approved by {ME}")


async def test_a_key_leads_to_what_waits(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    async with opened(browser, f"{hq.url}incidents") as page:
        await page.keyboard.press("a")
        await page.wait_for_url("**/#approvals")
        await expect(page.locator("#approvals")).to_contain_text(wanted["phrase"])


async def test_what_somebody_else_decides_is_told_and_takes_the_forms_away(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.page_of(wanted)) as page:
        await expect(page.get_by_role("button", name="Approve")).to_be_visible()
        hq.clear()
        await expect(page.locator("#facts")).to_contain_text("denied by root: the test is over")
        await expect(page.get_by_role("button", name="Approve")).to_be_hidden()


async def test_who_presses_too_late_is_told_in_words(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(hq.page_of(wanted))
    hq.clear()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("h1")).to_contain_text("was denied")
    await page.get_by_role("link", name="back to where you were").click()
    await expect(page.locator("#facts")).to_contain_text("the test is over")
    await context.close()


async def test_a_signed_plan_shows_the_command_instead_of_a_button(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted(action="os-update")
    async with opened(browser, hq.page_of(wanted)) as page:
        await expect(page.locator(".acts pre")).to_contain_text(
            f"noc approve {wanted['phrase'].replace(' ', '-')} --key"
        )
        await expect(page.get_by_role("button", name="Approve")).to_have_count(0)


async def test_the_time_that_is_left_shrinks_by_itself(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.page_of(wanted)) as page:
        left = page.locator("#facts time[data-until]")
        before = await left.inner_text()
        await expect(left).not_to_have_text(before)
        assert before.startswith(("1 h", "59 min"))


async def test_a_plan_that_was_opened_stays_open_when_the_panel_is_swapped(browser: Browser, hq: Headquarters) -> None:
    first = hq.wanted()
    async with opened(browser, hq.url) as page:
        await page.get_by_role("article").filter(has_text=first["phrase"]).locator("summary").click()
        second = hq.wanted(action="keygen")
        await expect(page.locator("#approvals")).to_contain_text(second["phrase"])
        await expect(
            page.get_by_role("article").filter(has_text=first["phrase"]).locator("tbody tr").first
        ).to_be_visible()
        await expect(
            page.get_by_role("article").filter(has_text=second["phrase"]).locator("tbody tr").first
        ).to_be_hidden()


async def test_what_a_node_wrote_into_a_plan_is_text(browser: Browser, hq: Headquarters) -> None:
    wanted = hq.wanted()
    async with opened(browser, hq.page_of(wanted)) as page:
        await expect(page.locator("#plan .says").last).to_contain_text("<img src=x onerror=alert(1)>")
        await expect(page.locator("main img")).to_have_count(0)


async def test_a_runner_that_is_away_and_comes_back_is_told(browser: Browser, hq: Headquarters) -> None:
    wanted, there = hq.wanted(), hq.runner.socket_of("noc-watch")
    async with opened(browser, hq.url) as page:
        await expect(page.locator("#approvals")).to_contain_text(wanted["phrase"])
        away = there.rename(there.with_suffix(".away"))
        await expect(page.locator("#approvals")).to_contain_text("What waits for an approval is not known here.")
        await expect(page.locator("#nodes tbody tr")).to_have_count(3)
        away.rename(there)
        await expect(page.locator("#approvals")).to_contain_text(wanted["phrase"])


async def test_a_halt_is_told_until_it_is_lifted(browser: Browser, hq: Headquarters) -> None:
    async with opened(browser, hq.url) as page:
        hq.runner.client.ask("halt", reason="the database is being moved")
        await expect(page.locator("#approvals")).to_contain_text("The fleet is halted by root")
        await expect(page.locator("#approvals")).to_contain_text("the database is being moved")
        hq.clear()
        await expect(page.locator("#approvals")).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
async def test_pages_fit_their_window_while_a_plan_waits(browser: Browser, hq: Headquarters, width: int) -> None:
    wanted = hq.wanted(action="os-update")
    hq.runner.client.ask("halt", reason="x" * 400)
    async with opened(browser, hq.url, width=width) as page:
        await page.locator("#approvals summary").click()
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        await page.goto(hq.page_of(wanted))
        assert await page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_pages_have_contrast_labels_and_landmarks_while_plans_wait(
    browser: Browser, hq: Headquarters, scheme: Literal["light", "dark"], width: int
) -> None:
    plain, signed = hq.wanted(), hq.wanted(action="os-update")
    async with opened(browser, hq.url, scheme=scheme, width=width) as page:
        await page.locator("#approvals summary").first.click()
        found = {"/": await faults(page)}
        for wanted in (plain, signed):
            await page.goto(hq.page_of(wanted))
            found[wanted["risk"]] = await faults(page)
    assert found == {"/": [], "medium": [], "high": []}
