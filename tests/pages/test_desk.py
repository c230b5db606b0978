"""The way of a case worker with people of the test's own: from the queue to a decision, and what the family reads of it."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page
from playwright.async_api import expect as see

from deploy.embedded.demo import Register, expect, until
from deploy.embedded.samples import SAMPLES, national_number
from deploy.embedded.stack import Stack

from .test_pages import WIDE, letter, look, opened

PDF, WHY = b"%PDF-1.7\n", "Drie loonfiches na elkaar, <b>alle drie</b> leesbaar."


async def brought(stack: Stack, serial: int) -> tuple[str, str, str]:
    """Somebody who brought the pay slips that were asked of him: his number, his dossier, and that document."""
    post = next(one for one in SAMPLES if one.name == "21_recent_income").post
    member = post["household"]["members"][0] | {"number": (number := national_number("1992-07-11", serial))}
    member |= {"first_name": "Els", "last_name": f"Van de test {serial}", "born_on": "1992-07-11"}
    names = ("born_on", "residence", "recognised_handicap", "incomes", "real_rights", "language")
    who: dict[str, Any] = {"candidate": number}
    async with Register(stack.addresses) as register:

        async def sent(method: str, service: str, path: str, **request: Any) -> Any:
            return expect(await register.call(method, service, path, **request), 200, 201, 202, 204)

        await sent("PUT", "sources", f"/persons/{number}", json={name: member[name] for name in names})
        post = post | {"email": f"els.{serial}@example.org"}
        body, key = post | {"household": {"members": [member]}}, {"Idempotency-Key": number}
        id_ = (await sent("POST", "dossier", "/v1/dossiers", json=body, headers=key, **who)).json()["id"]
        for step in ("submission", "members/p1/confirmation"):
            await sent("POST", "dossier", f"/v1/dossiers/{id_}/{step}", **who)

        async def read() -> dict[str, Any]:
            found: dict[str, Any] = await register.get("dossier", f"/v1/dossiers/{id_}", **who)
            return found

        async def is_asked() -> bool:
            return "pay_slips" in str((await read())["asked"])

        await until(is_asked, "no pay slips are asked")
        form = {"data": {"member": "p1", "fact": "recent_income.proof"}, "files": {"file": ("slips.pdf", PDF)}}
        document = (await sent("POST", "dossier", f"/v1/dossiers/{id_}/documents", **form, **who)).json()["id"]

        async def is_assessed() -> bool:
            return "interpreted" in str((await read())["assessment"]["asks"]) and not (await read())["pending"]

        await until(is_assessed, "no forecast comes")
    return number, id_, document


async def reaches(page: Page, url: str, selector: str, text: str) -> None:
    """A page without script is looked at again until it says so."""

    async def says() -> bool:
        await page.goto(url)
        return text in (await page.locator(selector).text_content() or "")

    await until(says, f"{url} never says {text}")


async def test_a_case_worker_works_off_the_queue_without_javascript(browser: Browser, stack: Stack) -> None:
    desk = stack.url("dossier") + "/desk"
    ids = dict[str, str]()
    async with opened(browser, "case_worker-dijledal", stack, java_script_enabled=False, locale="nl-BE") as context:
        page = await context.new_page()
        for decision, serial in (("accepted", 811), ("rejected", 813)):
            number, ids[decision], _ = await brought(stack, serial)
            await page.goto(desk)
            await page.click(f'form[action*="{ids[decision]}.document"] button')
            await see(page.locator("main")).to_have_attribute("data-page", "desk_document")
            await see(page.locator("#forecast")).to_contain_text("Als u aanvaardt")
            await see(page.locator("#forecast")).to_contain_text("voorwaarde Inkomen: voldaan")
            await page.check(f'[name="decision"][value="{decision}"]')
            await page.fill("#reasons", "kort")
            await page.click("main form button")
            await see(page.locator(".govuk-error-summary")).to_contain_text("tien tekens")
            await see(page.locator("#reasons")).to_have_value("kort")
            await page.fill("#reasons", WHY)
            await page.click("main form button")
            await see(page.locator("#check + dl")).to_contain_text("voorwaarde Inkomen: ")
            await see(page.locator("#check + dl")).to_contain_text("Elke kandidaat-huurder krijgt vandaag een brief")
            await page.click('[name="step"][value="do"]')
            await see(page.locator("#state")).to_contain_text("door u")
            await page.click('form[action^="/desk/next"] button')
            await see(page.locator("main")).not_to_have_attribute("data-page", "error")
        good, bad = ids.values()
        await reaches(page, f"{desk}/{good}", "#status", "ingeschreven –")
        second = await context.new_page()
        for tab in (second, page):
            await tab.goto(f"{desk}/{bad}")
            await tab.click('#actions a[href$="/refuse"]')
            await tab.fill("#reasons", WHY)
            await tab.click("main form button")
            await see(tab.locator("#check + dl")).to_contain_text("Elke kandidaat-huurder krijgt vandaag een brief")
        await page.click('[name="step"][value="do"]')
        await see(page.locator("#status")).to_contain_text("geweigerd")
        mails = await context.new_page()  # as the pages said before: today, and without the reasons
        for serial, subject, says in (
            (811, "een document is aanvaard", "Ze aanvaardt het."),
            (811, "u bent ingeschreven", "U wacht nu op een sociale woning."),
            (813, "een document is niet aanvaard", "U kunt een ander document binnenbrengen."),
            (813, "geweigerd", "verhaal vragen"),
        ):
            assert "loonfiches" not in await letter(mails, stack, f"els.{serial}@example.org", subject, says)
        await second.click('[name="step"][value="do"]')
        await see(second.locator("#not-now")).to_be_visible()
        await second.click('a[href$="/undo"]')
        await see(second.locator('[name="act"]')).to_have_count(1)
    async with await browser.new_context(java_script_enabled=False, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + f"/login?to=/dossiers/{bad}&person=candidate-{number}")
        await see(page.locator("main")).to_contain_text(WHY)


async def test_its_pages_are_accessible(browser: Browser, stack: Stack, seen: Path) -> None:
    _, id_, document = await brought(stack, 815)
    pages = (f"documents/{document}", "actions/refuse")
    async with opened(browser, "case_worker-dijledal", stack, locale="nl-BE") as context:
        page = await context.new_page()
        for language in ("nl", "en"):
            for path in pages:
                for step in ("form", "errors", "check"):
                    await page.set_viewport_size(WIDE)
                    if step == "form":
                        await page.goto(f"{stack.url('dossier')}/desk/{id_}/{path}?lang={language}")
                    elif step == "check":
                        if path.startswith("documents"):
                            await page.check('[name="decision"][value="rejected"]')
                        await page.fill("#reasons", WHY)
                    if step != "form":
                        await page.click("main form button")
                    await look(page, language, f"{path}, {step}")
                    (seen / f"desk.{path.split('/')[0]}.{step}.{language}.html").write_text(await page.content())
