"""The front door in a real browser, over TLS and two nodes: from the domain to the own vault, and nothing is said."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

from tenant_directory import DOMAIN, FRANKFURT, VIRGINIA, listed
from web.conftest import ARGUMENTS, CHROMIUM
from web.two_nodes import APEX_NODE, OTHER_NODE, SILENT_NODE, TwoNodes

PASSWORD = "correct horse battery staple"
JOHAN, MIA = "johan-of-frankfurt", "mia-of-virginia"
LIVES = {JOHAN: OTHER_NODE, MIA: APEX_NODE}
APEX, HOME = f"https://{DOMAIN}/", f"https://{OTHER_NODE}.{DOMAIN}/"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoNodes]:
    with TwoNodes(tmp_path_factory.mktemp("nodes")) as nodes:
        nodes.tenants.write(LIVES)
        yield nodes


@pytest.fixture
async def browser(nodes: TwoNodes) -> AsyncIterator[Browser]:
    """A Chromium that finds the nodes under their public names."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, nodes.rules()])
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(ignore_https_errors=True)
    context.set_default_timeout(20_000)
    yield context
    await context.close()


class Traffic:
    """What pages ask for, and what their console complains of."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - playwright marks its listeners
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


async def say_name(page: Page, name: str) -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_role("button", name="Continue").click()


async def sign_up(page: Page, nodes: TwoNodes) -> None:
    """From the link of an invitation at the domain to an open vault."""
    await page.goto(f"{APEX}#invitation={nodes.other.invitation()}")
    await expect(page.locator("h1")).to_have_text("Create your vault")
    await say_name(page, JOHAN)
    form = page.locator("#sign-up")
    await form.get_by_label("Name").fill(JOHAN)
    await form.get_by_label("Password", exact=True).fill(PASSWORD)
    await form.get_by_label("Password again").fill(PASSWORD)
    await form.get_by_role("button", name="Create vault").click()


async def unlock(page: Page, name: str) -> None:
    form = page.locator("#unlock")
    await form.get_by_label("Name").fill(name)
    await form.get_by_label("Password").fill(PASSWORD)
    await form.get_by_role("button", name="Unlock").click()


async def test_an_invitation_leads_from_the_domain_to_a_vault_and_back_to_it(page: Page, nodes: TwoNodes) -> None:
    traffic = Traffic(page)
    await sign_up(page, nodes)
    await expect(page.locator("#vault")).to_be_visible()
    assert page.url == HOME
    assert [cookie.get("domain") for cookie in await page.context.cookies()] == [f"{OTHER_NODE}.{DOMAIN}"]
    await page.get_by_role("button", name="Lock").click()
    await page.goto(APEX)
    await say_name(page, JOHAN)
    await expect(page.locator("#notice")).to_contain_text("Your vault is kept here")
    assert page.url == HOME
    await unlock(page, JOHAN)
    await expect(page.locator("#vault")).to_be_visible()
    assert traffic.complaints == []
    _said_to_whom_it_concerns(traffic)


def _said_to_whom_it_concerns(traffic: Traffic) -> None:
    """The name is in no address and no header; no key of a password, and no cookie, goes anywhere but home."""
    addresses = [json.dumps([each.url, each.headers]) for each in traffic.requests]
    assert [each for each in addresses if JOHAN in each] == []
    keyed = {urlsplit(each.url).hostname for each in traffic.requests if "authentication_key" in (each.post_data or "")}
    assert keyed == {f"{OTHER_NODE}.{DOMAIN}"}
    asked = [each for each in traffic.requests if JOHAN in (each.post_data or "")]
    assert {urlsplit(each.url).path for each in asked if urlsplit(each.url).hostname == DOMAIN} == {
        "/api/v1/front/where"
    }


async def test_on_another_node_than_the_own_one_is_taken_home(page: Page) -> None:
    await page.goto(f"https://{APEX_NODE}.{DOMAIN}/")
    await unlock(page, JOHAN)
    await page.wait_for_url(HOME)
    await expect(page.locator("#notice")).to_contain_text("Your vault is kept here")


async def test_one_who_has_no_vault_is_led_on_and_told_no_more_than_a_wrong_password_is(page: Page) -> None:
    await page.goto(APEX)
    await say_name(page, "nobody-at-all")
    await page.wait_for_url(re.compile(rf"https://\w+\.{DOMAIN}/"))
    await unlock(page, "nobody-at-all")
    await expect(page.locator("#unlock .error")).to_have_text("Name or password is wrong.")


async def test_a_session_from_before_is_taken_away_at_the_domain(page: Page, context: BrowserContext) -> None:
    old = {"name": "__Host-session", "value": "from-before", "url": APEX, "secure": True, "httpOnly": True}
    await context.add_cookies([old])  # type: ignore[list-item]
    assert len(await context.cookies(APEX)) == 1
    await page.goto(APEX)
    assert await context.cookies(APEX) == []


async def test_the_way_to_some_nodes_is_measured_and_nothing_is_sent_along(page: Page, context: BrowserContext) -> None:
    traffic = Traffic(page)
    await page.goto(APEX)
    await page.get_by_text("Which nodes are near me?").click()
    await page.get_by_role("button", name="Measure").click()
    await expect(page.locator("#near li")).to_have_count(3)
    rows = await page.locator("#near li").all_inner_texts()
    assert SILENT_NODE in rows[2]
    assert "no answer" in rows[2]
    assert all(re.search(r"\d+ ms$", row) for row in rows[:2])
    report = await page.get_by_label("To pass on").input_value()
    measured = dict(each.split("=") for each in report.split(" "))
    assert set(measured) == {APEX_NODE, OTHER_NODE}
    assert all(float(ms) > 0 for ms in measured.values())
    assert [each for each in traffic.complaints if "Content Security Policy" in each or "CORS" in each] == []
    echoes = [each for each in traffic.requests if each.url.endswith("/echo") and SILENT_NODE not in each.url]
    assert len(echoes) == 12
    assert [each for each in echoes if {"cookie", "referer"} & set(await each.all_headers())] == []


async def test_those_around_the_nearest_candidate_are_measured_too(page: Page, nodes: TwoNodes) -> None:
    around = [("sydney", -33.9, 151.2), ("mumbai", 19.1, 72.9), ("tokyo", 35.7, 139.7), ("capetown", -33.9, 18.4)]
    nodes.tenants.write(LIVES, nodes=[VIRGINIA, FRANKFURT, *(listed(*each, "XX") for each in around)], version=2)
    try:
        traffic = Traffic(page)
        await page.goto(APEX)
        await page.get_by_text("Which nodes are near me?").click()
        await page.get_by_role("button", name="Measure").click()
        await expect(page.get_by_label("To pass on")).to_have_value(re.compile(f"{OTHER_NODE}="))
        echoes = [urlsplit(each.url).hostname or "" for each in traffic.requests if each.url.endswith("/echo")]
        asked = list(dict.fromkeys(name.partition(".")[0] for name in echoes))
        assert (set(asked[:5]), asked[5:]) == ({APEX_NODE, *(name for name, *_ in around)}, [OTHER_NODE])
        assert "Content Security Policy" not in "".join(traffic.complaints)
    finally:
        nodes.tenants.write(LIVES, version=3)


async def test_a_page_may_ask_no_node_that_is_no_candidate(page: Page) -> None:
    traffic = Traffic(page)
    await page.goto(APEX)
    refused = "fetch('https://noc.clavitor.test/').then(() => 'asked', () => 'refused')"
    assert await page.evaluate(refused) == "refused"
    assert "Content Security Policy" in "".join(traffic.complaints)


async def test_the_door_is_no_wider_than_the_window(page: Page) -> None:
    await page.goto(APEX)
    await page.get_by_text("Which nodes are near me?").click()
    await page.get_by_role("button", name="Measure").click()
    await expect(page.locator("#near li")).to_have_count(3)
    for width in (320, 390, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_door_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    await page.goto(APEX)
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type(JOHAN)
    await page.keyboard.press("Enter")
    await page.wait_for_url(HOME)


async def test_a_door_that_does_not_know_says_so(page: Page, nodes: TwoNodes) -> None:
    await page.goto(APEX)
    await page.route("**/api/v1/front/where", lambda route: route.abort())
    await say_name(page, JOHAN)
    await expect(page.locator("#find .error")).to_contain_text("cannot be reached")
