"""An application by two people of the test's own, from an empty browser to a number, JavaScript off; then every page of it."""

import re
from pathlib import Path

from playwright.async_api import Browser, Page
from playwright.async_api import expect as see

from deploy.embedded.demo import Register, expect
from deploy.embedded.samples import national_number
from deploy.embedded.stack import Stack
from dossier.application.screens import SCREENS

from .test_pages import WIDE, letter, look

GREET, HUGO = national_number("1988-04-12", 721), national_number("1987-09-30", 723)
KNOWN = {
    "residence": "population_register",
    "recognised_handicap": False,
    "real_rights": [],
    "language": "known",
    "stays": [],
}


async def fill(page: Page, **typed: str) -> None:
    """Type in the fields of a page, and save."""
    for name, value in typed.items():
        field = page.locator(f'[name="{name}"]')
        if await field.first.get_attribute("type") == "radio":
            await page.check(f'[name="{name}"][value="{value}"]')
        elif await field.evaluate("one => one.tagName") == "SELECT":
            await field.select_option(value)
        else:
            await field.fill(value)
    await page.click("main form button >> nth=0")


async def test_two_people_apply_without_javascript(browser: Browser, stack: Stack, seen: Path) -> None:
    async with Register(stack.addresses) as register:
        for number, amount in ((GREET, "19000.00"), (HUGO, "15000.00")):
            born = {GREET: "1988-04-12", HUGO: "1987-09-30"}[number]
            known = KNOWN | {"born_on": born, "incomes": [{"year": 2023, "jointly_taxable": amount}]}
            expect(await register.call("PUT", "sources", f"/persons/{number}", json=known), 204)
    async with await browser.new_context(java_script_enabled=False, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + f"/login?to=/dossiers&person=candidate-{GREET}")
        await page.click("main a[role=button]")
        await fill(page, municipality="24062", email="greet@example.org")
        await see(page.locator("h1")).to_have_text("Uw aanvraag")
        home = page.url
        await page.click("main a:has-text('Wie in de woning')")
        await page.click("main a:has-text('Toevoegen')")
        await fill(page, first_name="Hugo", role="partner", number=HUGO[:-1])
        await see(page.locator(".govuk-error-summary")).to_contain_text("rijksregisternummer van elf cijfers")
        await fill(page, number=HUGO)
        await page.click("main a:has-text('Verder')")
        await fill(page, phone="016 12 34 56")
        await see(page.locator("h1")).to_have_text("Uw aanvraag")
        await page.click("main a:has-text('Hugo') >> nth=0")
        await fill(page, email="hugo@example.org")
        await fill(page, street="Naamsestraat", house_number="1", postal_code="3000", place="Leuven")
        for _ in ("stay", "post"):
            await fill(page, made="false")
        await fill(page)  # his situation is for the sources to tell
        for screen, typed in {
            "/incomes/": {"year": "2023", "jointly_taxable": "19.000,00"},
            "/balances/": {"balances": "1.234"},
        }.items():
            await page.goto(home)
            await page.click(f'main a[href*="{screen}p1"]')
            if screen == "/incomes/":
                await see(page.locator("main")).to_contain_text("de belastingdienst")
                await page.click("main a:has-text('Verder')")
                continue
            await fill(page, **typed)
            await see(page.locator("#balances-error")).to_contain_text("duizendtallen of centen")
            await fill(page, balances="1.234,00")
        await page.click("main a:has-text('Kijk uw antwoorden na')")
        await see(page.locator("main")).to_contain_text("1.234,00")
        await see(page.locator("main")).to_contain_text("Wij weten het al")
        await page.click("main form button")
        await see(page.locator(".govuk-panel")).to_contain_text("2024.03.20.")
        await see(page.locator("main")).to_contain_text("Hugo")
        # the partner comes by the link of his mail
        found = re.search(r"http\S+/confirmation", await letter(page, stack, "hugo@example.org", "", "/confirmation"))
        assert found
        invited = found[0]
        await context.clear_cookies()
        await page.goto(stack.url("dossier") + f"/login?person=candidate-{HUGO}")
        await page.goto(invited)
        await see(page.locator("h1")).to_have_text("Doet u mee?")
        await fill(page)
        await see(page.locator(".govuk-error-summary")).to_contain_text("Kies wat u wilt")
        await fill(page, answer="confirm")
        await see(page.locator("h1")).to_contain_text("Mijn dossier")
    places = ["", "/check", "/sent", *(f"/{name}{'/p1' * (one.part == 'person')}" for name, one in SCREENS.items())]
    lists = [f"{place}?item=new" for place in places if (one := SCREENS.get(place.split("/")[-1])) and one.many]
    people = [f"/{name}/p1?item=new" for name in ("incomes", "real_rights")]
    addresses = [invited, *(home + one for one in [*places, *lists, *people] if not one.startswith("/reach"))]

    async with await browser.new_context(locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + f"/login?person=candidate-{HUGO}")
        for language in ("nl", "en"):
            for n, address in enumerate(addresses):
                await page.set_viewport_size(WIDE)
                answer = await page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}")
                assert answer
                assert answer.status == 200, address
                (seen / f"application.{n}.{language}.html").write_bytes(await answer.body())
                await look(page, language, address)
