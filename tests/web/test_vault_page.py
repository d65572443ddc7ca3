"""The vault's page in a real browser, against the real service."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, Request, expect

from clavitor_service import Service

PASSWORD = "correct horse battery staple"
NAME = "johan"
SECRETS = {"title": "Bank of Zürich", "username": "kunde-8841", "password": "hunter2-really", "notes": "PIN is 4711"}
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "vault-format.md"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    service.start()
    service.wait_healthy()
    yield service
    service.close()


class Traffic:
    """Everything that a page sends: addresses, headers, bodies."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.hosts: set[str] = set()
        self.problems: list[str] = []

    def watch(self, page: Page) -> None:
        page.on("request", self._record)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _record(self, request: Request) -> None:
        if request.url.startswith("blob:"):
            return
        self.sent += [request.url, json.dumps(request.headers), request.post_data or ""]
        self.hosts.add(re.sub(r"^\w+://([^/]+).*", r"\1", request.url))


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.fixture
async def page(browser: Browser, service: Service, traffic: Traffic) -> AsyncIterator[Page]:
    context = await browser.new_context(base_url=f"http://127.0.0.1:{service.port}")
    page = await context.new_page()
    page.set_default_timeout(15_000)
    traffic.watch(page)
    yield page
    await context.close()


async def sign_up(page: Page, service: Service) -> None:
    code = service.command("invite").stdout.split()[0]
    await page.goto(f"/#invitation={code}")
    form = page.locator("#sign-up")
    await form.get_by_label("Name").fill(NAME)
    await form.get_by_label("Password", exact=True).fill(PASSWORD)
    await form.get_by_label("Password again").fill(PASSWORD)
    await form.get_by_role("button", name="Create vault").click()
    await expect(page.locator("#vault")).to_be_visible()


async def unlock(page: Page, password: str = PASSWORD) -> None:
    form = page.locator("#unlock")
    await form.get_by_label("Name").fill(NAME)
    await form.get_by_label("Password").fill(password)
    await form.get_by_role("button", name="Unlock").click()


async def add(page: Page, fields: dict[str, str] = SECRETS) -> None:
    await page.get_by_role("button", name="Add entry").click()
    dialog = page.locator("#entry")
    for name, value in fields.items():
        await dialog.locator(f"[name={name}]").fill(value)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_be_hidden()


async def change_notes(page: Page, notes: str) -> None:
    await page.get_by_role("button", name=re.compile("Bank of")).first.click()
    await page.locator("#entry [name=notes]").fill(notes)
    await page.locator("#entry").get_by_role("button", name="Save").click()


def disguises(secret: str) -> list[str]:
    """The forms in which a secret could slip out."""
    data = secret.encode()
    return [secret, quote(secret), json.dumps(secret)[1:-1], urlsafe_b64encode(data).decode().rstrip("="), data.hex()]


async def test_neither_password_nor_clear_text_leaves_the_browser(
    page: Page, service: Service, traffic: Traffic
) -> None:
    await sign_up(page, service)
    await add(page)
    await change_notes(page, SECRETS["notes"] + "!")
    await expect(page.locator("#entry")).to_be_hidden()
    await page.get_by_role("button", name="Lock").click()
    await unlock(page)
    await expect(page.get_by_text(SECRETS["title"])).to_be_visible()
    await page.get_by_role("button", name="Export").click()
    async with page.expect_download():
        await page.get_by_role("button", name="Download encrypted copy").click()
    async with page.expect_download():
        await page.get_by_role("button", name="Download readable CSV").click()
    sent = "\n".join(traffic.sent)
    leaks = [form for secret in (PASSWORD, *SECRETS.values()) for form in disguises(secret) if form in sent]
    stored = b"".join(file.read_bytes() for file in service.database.parent.glob("vault.db*"))
    kept = [secret for secret in (PASSWORD, *SECRETS.values()) if secret.encode() in stored]
    assert (leaks, kept, traffic.hosts, traffic.problems) == ([], [], {f"127.0.0.1:{service.port}"}, [])
    assert "authentication_key" in sent  # the recorder does see the bodies


async def test_a_wrong_password_is_told_and_opens_nothing(page: Page, service: Service) -> None:
    await sign_up(page, service)
    await page.get_by_role("button", name="Lock").click()
    await unlock(page, "something else entirely")
    await expect(page.locator("#unlock .error")).to_have_text("Name or password is wrong.")
    await expect(page.locator("#vault")).to_be_hidden()


async def test_locking_leaves_no_clear_text_in_the_page(page: Page, service: Service) -> None:
    await sign_up(page, service)
    await add(page)
    await page.get_by_role("button", name="Lock").click()
    await expect(page.locator("#door")).to_be_visible()
    fields = "document.documentElement.outerHTML + [...document.querySelectorAll('input,textarea')].map(f => f.value)"
    shown = await page.evaluate(fields)
    assert [secret for secret in SECRETS.values() if secret in shown] == []


async def test_the_vault_locks_by_itself_after_five_idle_minutes(page: Page, service: Service) -> None:
    await page.clock.install()
    await sign_up(page, service)
    await page.clock.fast_forward(4 * 60 * 1000)
    await expect(page.locator("#vault")).to_be_visible()
    await page.clock.fast_forward(61 * 1000)
    await expect(page.locator("#door")).to_be_visible()


async def test_a_change_made_elsewhere_is_not_overwritten_unseen(page: Page, service: Service) -> None:
    await sign_up(page, service)
    await add(page)
    other = await page.context.new_page()
    await other.goto("/")
    await unlock(other)
    await change_notes(other, "from the other tab")
    await expect(other.locator("#entry")).to_be_hidden()
    await change_notes(page, "from this tab")
    await expect(page.locator("#entry .error")).to_contain_text("changed elsewhere")


async def test_the_password_can_be_changed(page: Page, service: Service) -> None:
    await sign_up(page, service)
    await add(page)
    await page.get_by_role("button", name="Account").click()
    form = page.locator("#account form")
    await form.locator("[name=current]").fill(PASSWORD)
    await form.locator("[name=password]").fill("a new and longer one")
    await form.locator("[name=again]").fill("a new and longer one")
    await form.get_by_role("button", name="Change password").click()
    await expect(page.locator("#account")).to_be_hidden()
    await page.get_by_role("button", name="Lock").click()
    await unlock(page, "a new and longer one")
    await expect(page.get_by_text(SECRETS["title"])).to_be_visible()


async def test_the_page_can_be_used_with_the_keyboard_alone(page: Page, service: Service) -> None:
    await sign_up(page, service)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.keyboard.type("By keyboard")
    await page.keyboard.press("Enter")
    await expect(page.locator("#entry")).to_be_hidden()
    await expect(page.locator(".row-title")).to_have_text("By keyboard")


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_is_wider_than_the_window(page: Page, service: Service, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await sign_up(page, service)
    await add(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_pages_code_makes_the_documented_vectors(page: Page) -> None:
    vectors: dict[str, Any] = json.loads(DOCUMENT.read_text().partition("```json\n")[2].partition("```")[0])
    await page.goto("/")
    made = await page.evaluate(
        """async (v) => {
          const box = await import("/crypto.js");
          const b = box.fromBase64url;
          const keys = await box.derive(v.password, b(v.salt), v.iterations);
          const wrapped = await box.wrapVaultKey(keys.wrapping, b(v.vault_key), b(v.vault_key_nonce));
          const key = await box.importVaultKey(await box.unwrapVaultKey(keys.wrapping, b(v.wrapped_key)));
          const blob = await box.sealEntry(key, v.id, v.version, v.fields, b(v.entry_nonce));
          return {
            authentication_key: box.toBase64url(keys.authentication),
            wrapped_key: box.toBase64url(wrapped),
            blob: box.toBase64url(blob),
            fields: await box.openEntry(key, v.id, v.version, b(v.blob)),
          };
        }""",
        vectors,
    )
    assert made == {name: vectors[name] for name in made}


async def test_a_service_that_asks_for_a_cheap_derivation_is_refused(page: Page) -> None:
    await page.goto("/")
    refusal = await page.evaluate(
        """import("/crypto.js")
          .then((box) => box.derive("p", new Uint8Array(16), 1000))
          .then(() => "", (error) => error.message)"""
    )
    assert "unsafe" in refusal
