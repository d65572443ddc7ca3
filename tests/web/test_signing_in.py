"""Signing in through the real proxy with HQ's own Caddyfile: links, sessions, roles, and who is turned away."""

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from noc.watch.access.doors import COOKIE
from watch_kit import address, write_fleet
from web.conftest import ARGUMENTS, CHROMIUM
from web.front import HOST, Front


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    directory = tmp_path_factory.mktemp("front")
    with Front(directory, write_fleet(directory / "fleet")) as front:
        front.watch.push("frankfurt", "status=down&msg=killed-KILL")
        yield front


@pytest.fixture(autouse=True)
def _employed(front: Front) -> None:
    front.employ("operator")


@pytest.fixture
async def browser(front: Front) -> AsyncIterator[Browser]:
    """A Chromium that finds the proxy under its public name."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    rule = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{front.https}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, rule])
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(ignore_https_errors=True)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext, front: Front) -> Page:
    """A page that was opened by a link, and is signed in."""
    page = await context.new_page()
    await page.goto(front.link())
    await expect(page.locator(".me")).to_contain_text("root operator")
    return page


async def test_a_link_signs_in_once_and_leaves_no_key_in_the_address(context: BrowserContext, front: Front) -> None:
    link = front.link()
    first, second = await context.new_page(), await (await _other(context)).new_page()
    await first.goto(link)
    await expect(first.locator("#nodes tbody tr")).to_have_count(3)
    assert first.url == front.url
    await second.goto(link)
    await expect(second.get_by_role("alert")).to_contain_text("NOC-E647")
    assert link.rpartition("#")[2] not in second.url


async def test_a_key_can_be_pasted_where_no_script_runs(browser: Browser, front: Front) -> None:
    context = await browser.new_context(ignore_https_errors=True, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{front.url}login")
    await page.get_by_label("Link or key").fill(front.link())
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.locator("#nodes tbody tr")).to_have_count(3)
    await context.close()


async def test_the_cookie_is_for_this_host_over_tls_and_for_no_script(
    page: Page, context: BrowserContext, front: Front
) -> None:
    (cookie,) = await context.cookies(front.url)
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, True, "Strict")
    assert await page.evaluate("document.cookie") == ""


async def test_the_page_is_live_through_the_proxy(page: Page, front: Front) -> None:
    front.watch.push("virginia", "status=up&seq=1&boot=b1&v=7.7.7")
    await expect(page.locator("#node-virginia .version")).to_have_text("7.7.7")


async def test_signing_out_ends_the_session_for_good(page: Page, context: BrowserContext, front: Front) -> None:
    (cookie,) = await context.cookies(front.url)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("Link or key")).to_be_visible()
    again = front.request("GET", "/", headers={"cookie": f"{COOKIE}={cookie['value']}"})
    assert again.status_code == 401


async def test_a_person_who_leaves_the_fleet_file_is_signed_out(page: Page, front: Front) -> None:
    front.employ(None)
    await page.reload()
    await expect(page.get_by_label("Link or key")).to_be_visible()


async def test_a_viewer_sees_no_form_and_may_change_nothing(page: Page, front: Front) -> None:
    number = front.watch.incidents()[0]["id"]
    await page.goto(f"{front.url}incidents/{number}")
    await expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    front.employ("viewer")
    answer = page.expect_response("**/acknowledge")
    async with answer as refused:
        await page.get_by_role("button", name="Acknowledge").click()
    assert (await refused.value).status == 403
    await page.goto(f"{front.url}incidents/{number}")
    await expect(page.locator("main form")).to_have_count(0)


async def test_a_form_of_another_session_is_refused(page: Page, front: Front, browser: Browser) -> None:
    number = front.watch.incidents()[0]["id"]
    other = await browser.new_context(ignore_https_errors=True)
    theirs = await other.new_page()
    await theirs.goto(front.link())
    await expect(theirs.locator(".me")).to_contain_text("root")
    await theirs.goto(f"{front.url}incidents/{number}")
    token = await theirs.locator("input[name=form]").first.input_value()
    await page.goto(f"{front.url}incidents/{number}")
    await page.locator("main input[name=form]").first.evaluate("(field, value) => { field.value = value }", token)
    async with page.expect_response("**/acknowledge") as refused:
        await page.get_by_role("button", name="Acknowledge").click()
    assert (await refused.value).status == 403
    assert "E646" in await page.content() or "not of a page" in await page.content()
    await other.close()


@pytest.mark.parametrize("path", ["/", "/nodes/frankfurt", "/incidents", "/incidents/1", "/events?of=/"])
def test_without_a_session_nothing_is_shown(front: Front, path: str) -> None:
    answer = front.request("GET", path)
    assert answer.status_code == 401
    assert "frankfurt" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/nodes"), ("GET", "/api/v1/sessions"), ("POST", "/api/v1/reload"), ("POST", "/api/v1/links")],
)
def test_the_api_needs_a_token_and_a_session_is_none(front: Front, method: str, path: str) -> None:
    signed_in = front.request("POST", "/login", data={"key": front.link()}, headers={"origin": f"https://{HOST}"})
    cookie = signed_in.headers["set-cookie"].partition(";")[0]
    assert front.request("GET", "/", headers={"cookie": cookie}).status_code == 200
    assert front.request(method, path, headers={"cookie": cookie}).status_code == 401


@pytest.mark.parametrize("name", ["frankfurt", "virginia"])
def test_a_node_is_turned_away_whatever_it_brings(front: Front, name: str) -> None:
    forged = {"x-forwarded-for": "198.51.100.7"}
    assert front.request("GET", "/login", source=address(name), headers=forged).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "http://noc.clavitor.test", "null", None])
def test_signing_in_from_another_site_is_refused(front: Front, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    assert front.request("POST", "/login", data={"key": front.link()}, headers=headers).status_code == 403


def test_a_body_that_is_too_large_never_reaches_the_watch(front: Front) -> None:
    headers = {"origin": f"https://{HOST}"}
    assert front.request("POST", "/login", content=b"x" * 70_000, headers=headers).status_code in {413, 422}


def test_who_guesses_is_slowed_down_and_nobody_else_is(front: Front) -> None:
    guess = {"data": {"key": "x" * 43}, "headers": {"origin": f"https://{HOST}"}}
    answers = [front.request("POST", "/login", source="127.0.0.9", **guess).status_code for _ in range(21)]
    assert answers[:10] == [403] * 10
    assert 429 in answers  # ten a minute, and one minute may end meanwhile
    assert front.request("POST", "/login", source="127.0.0.10", **guess).status_code == 403


def test_pages_go_over_tls_alone_and_into_no_frame(front: Front) -> None:
    headers = front.request("GET", "/login").headers
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"


async def _other(context: BrowserContext) -> BrowserContext:
    assert context.browser is not None
    return await context.browser.new_context(ignore_https_errors=True)
