"""My dossier in a browser, by people of the test's own: what is asked is sent and decided about, JavaScript off as well."""

from typing import Any

import pytest
from playwright.async_api import Browser, FilePayload, Page
from playwright.async_api import expect as see

from deploy.embedded.demo import Register, expect, until
from deploy.embedded.samples import SAMPLES, national_number
from deploy.embedded.stack import Stack

PDF = b"%PDF-1.7\n"
HELP = {"kind": "other_organisation", "organisation": "CAW Halle", "email": "help@caw.example", "inform": True}


def file(content: bytes, name: str = "loonfiche.pdf") -> FilePayload:
    return {"name": name, "mimeType": "application/pdf", "buffer": content}


async def applied(stack: Stack, serial: int) -> tuple[str, str]:
    """Somebody of whom pay slips are asked: his number, and his dossier."""
    post = next(one for one in SAMPLES if one.name == "21_recent_income").post
    member = post["household"]["members"][0] | {"number": (number := national_number("1991-09-19", serial))}
    known = {
        name: member[name]
        for name in ("born_on", "residence", "recognised_handicap", "incomes", "real_rights", "language")
    }
    async with Register(stack.addresses) as register:

        async def sent(method: str, service: str, path: str, **request: Any) -> Any:
            return expect(await register.call(method, service, path, **request), 200, 201, 202, 204)

        await sent("PUT", "sources", f"/persons/{number}", json=known)
        body, key = post | {"household": {"members": [member]}, "help": HELP}, {"Idempotency-Key": number}
        who: dict[str, Any] = {"candidate": number}
        id_ = (await sent("POST", "dossier", "/v1/dossiers", json=body, headers=key, **who)).json()["id"]
        for step in ("submission", "members/p1/confirmation"):
            await sent("POST", "dossier", f"/v1/dossiers/{id_}/{step}", **who)

        async def is_asked() -> bool:
            return bool((await register.get("dossier", f"/v1/dossiers/{id_}", **who))["papers"])

        await until(is_asked, "nothing is asked")
    return number, id_


async def logged_in(page: Page, stack: Stack, subject: str) -> None:
    await page.goto(stack.url("dossier") + f"/login?to=/dossiers&person={subject}")


@pytest.mark.parametrize(("javascript", "serial"), [(True, 711), (False, 713)])
async def test_what_is_asked_is_sent(browser: Browser, stack: Stack, javascript: bool, serial: int) -> None:
    number, id_ = await applied(stack, serial)
    async with await browser.new_context(java_script_enabled=javascript, locale="nl-BE") as context:
        page = await context.new_page()
        await logged_in(page, stack, f"candidate-{number}")
        await page.click("main a[href*=member]")
        for content, words in (
            (b"", "PDF of een foto"),
            (b"<html>", "PDF of een foto"),
            (PDF.ljust(11_000_000), "te groot"),
        ):
            await page.set_input_files("#file", file(content) if content else [])
            await page.click("main button")
            await see(page.locator("#file-error")).to_contain_text(words)
        await page.set_input_files("#file", file(PDF.ljust(13_000_000)))
        await page.click("main button")
        await see(page.locator("main")).to_contain_text("te groot")
        await page.goto(stack.url("dossier") + f"/dossiers/{id_}")
        await page.click("main a[href*=member]")
        await page.set_input_files("#file", file(PDF))
        await page.click("main button")
        await see(page.locator("#documents")).to_contain_text("wacht op beoordeling")
        await page.go_back()
        await see(page.locator("main")).to_contain_text("komt in de plaats")
        await logged_in(page, stack, "helper-CAW Halle")
        await page.click("main a")
        await see(page.locator("main")).to_contain_text("Dit dossier is: ingeschreven in onderzoek")
        await see(page.locator("#documents")).to_have_count(0)
        await see(page.locator("main")).to_contain_text("een document is aangekomen en wacht op beoordeling")


async def test_a_candidate_acts_by_a_form_without_javascript(browser: Browser, stack: Stack) -> None:
    number, _ = await applied(stack, 717)
    async with await browser.new_context(java_script_enabled=False, locale="nl-BE") as context:
        page = await context.new_page()
        await logged_in(page, stack, f"candidate-{number}")
        await page.click("#actions a[href*='/application/contacts']")
        await page.fill("#phone", "bel mij")
        await page.click("main button")
        await see(page.locator("#phone-error")).to_contain_text("Geef een telefoonnummer")
        await page.fill("#phone", "016 12 34 56")
        await page.click("main button")
        await see(page.locator("main")).to_contain_text("016 12 34 56")
        await page.click("#actions a[href$=hold]")
        await page.click("main button")
        await see(page.locator("main")).to_contain_text("Gepauzeerd sinds 20 maart 2024")
        await page.go_back()
        await see(page.locator("main")).to_have_attribute("data-page", "error")  # it is on hold already
        await logged_in(page, stack, f"candidate-{number}")
        await page.click("#actions a[href$=withdraw]")
        await page.click("main button")
        await see(page.locator("h1")).to_contain_text("Kijk na")
        await page.click("main button")
        await see(page.locator("#status")).to_have_text("U bent uitgeschreven.")
        await page.click("#actions a[href$=audit]")
        await see(page.locator("tbody tr").first).to_contain_text("Gelezen: hoe het ermee staat")
