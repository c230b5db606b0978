"""The whole way in a browser, as everybody who has a part in it: from the start page to the certificate."""

import re

from playwright.async_api import Browser
from playwright.async_api import expect as see

from deploy.embedded.demo import Register, expect
from deploy.embedded.samples import national_number
from deploy.embedded.stack import Stack

from .test_application import KNOWN, fill
from .test_desk import reaches
from .test_pages import DIJLEDAL, OCMW, letter, opened

ROBERT, RITA = "candidate-58691488211", national_number("1961-02-03", 911)
WHY = "De beslissing van de rechtbank over de schuldenregeling is leesbaar."


async def test_two_candidates_a_helper_and_a_case_worker_come_to_a_certificate(browser: Browser, stack: Stack) -> None:
    known = KNOWN | {"born_on": "1961-02-03", "incomes": [{"year": 2023, "jointly_taxable": "41000.00"}]}
    async with Register(stack.addresses) as register:
        expect(await register.call("PUT", "sources", f"/persons/{RITA}", json=known), 204)
    async with opened(browser, ROBERT, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + "/dossiers")
        await page.click("main a[role=button]")
        await fill(page, municipality="24062", email="robert@example.org")
        home = page.url
        await page.goto(f"{home}/household?item=new")
        await fill(page, first_name="Rita", role="partner", number=RITA)
        await page.goto(home)
        rita = str(await page.locator('main a[href*="/reach/"]').get_attribute("href")).split("/")[-1]
        for screen, typed in {
            "reach": {"email": "rita@example.org"},
            "set_aside": {"made": "true", "ground": "collective_debt_settlement"},
            "balances": {"balances": "1.200,50"},
        }.items():
            await page.goto(f"{home}/{screen}/{rita}")
            await fill(page, **typed)
        await page.goto(f"{home}/balances/p1")
        await fill(page, balances="0")
        await page.goto(f"{home}/help")
        await fill(page, made="true", kind="ocmw", organisation="OCMW Leuven", email="hulp@ocmw.example", inform="true")
        await page.goto(f"{home}/check")
        await page.click("main form button")
        await see(page.locator(".govuk-panel")).to_contain_text("2024.03.20.")
        dossier = home.removesuffix("/application")
    async with await browser.new_context(locale="nl-BE") as context:  # by the link in her mail
        page = await context.new_page()
        link = re.search(r"http\S+/confirmation", await letter(page, stack, "rita@example.org", "", "/confirmation"))
        assert link
        await page.goto(stack.url("dossier") + f"/login?person=candidate-{RITA}")
        await page.goto(link[0])
        await fill(page, answer="confirm")
        await reaches(page, dossier, "#status", "onderzoekt")
        await see(page.locator("main")).to_contain_text("schuldenregeling")
        await see(page.locator("main")).not_to_contain_text("loonfiches")
    async with opened(browser, OCMW, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(dossier)
        await page.click("main a[href*='fact=set_aside']")
        await page.set_input_files("#file", {"name": "b.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n"})
        await page.click("main button")
        await see(page.locator("#documents")).to_contain_text("wacht op beoordeling")
    async with opened(browser, DIJLEDAL, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + "/desk")
        await page.click(f'form[action*="{dossier.split("/")[-1]}.document"] button')
        await see(page.locator("#forecast")).to_contain_text("Als u aanvaardt")
        await page.check('[name="decision"][value="accepted"]')
        await page.fill("#reasons", WHY)
        await page.click("main form button")
        await page.click('[name="step"][value="do"]')
        await see(page.locator("#state")).to_contain_text("door u")
    async with opened(browser, ROBERT, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await reaches(page, dossier, "#status", "U bent ingeschreven sinds 20 maart 2024.")
        pdf = await context.request.get(f"{dossier}/certificate")
        assert (pdf.status, (await pdf.body())[:5]) == (200, b"%PDF-")
        await reaches(page, stack.url("priority") + "/place", "main", "Leuven")
        await reaches(page, stack.url("notifications") + "/messages", "main", "ingeschreven")
        await reaches(page, stack.url("priority") + "/priorities?municipality=24062", "main", "OCMW Leuven")
    async with Register(stack.addresses) as register:  # the login that helped refers as well
        helper = {"helper": "ocmw-leuven"}
        listed = await register.get("dossier", "/v1/dossiers", **helper)
        [number] = [one["number"] for one in listed if one["id"] == dossier.split("/")[-1]]
        where = {"company": "dijledal", "municipality": "24062", "group": "bad_housing"}
        body = {"dossier": number, **where, "reasons": "No heating.", "guidance_plan": "A visit a week."}
        expect(await register.call("POST", "priority", "/v1/referrals", json=body, **helper), 201)
