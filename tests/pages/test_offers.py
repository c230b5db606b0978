"""A home, from the board of vacancies to a signed lease, without JavaScript: the case worker, the candidate, the council."""

from typing import Any

from playwright.async_api import Browser
from playwright.async_api import expect as see

from deploy.embedded.demo import Register, expect, until
from deploy.embedded.samples import SAMPLES, national_number
from deploy.embedded.stack import Stack

from .test_application import fill
from .test_desk import reaches
from .test_pages import COUNCIL, DIJLEDAL, letter, opened

BIERBEEK = "24011"  # nobody else wants to live there, so he is first
NOEL, MAIL, WHY = national_number("1985-02-23", 777), "noel@offers.example", "De keuken is te klein."


async def registered(stack: Stack) -> str:
    """He applies, and is registered; his dossier."""
    sample = next(one for one in SAMPLES if one.name.startswith("01_"))
    member = sample.members[0] | {"number": NOEL, "first_name": "Noël", "last_name": "Aerts"}
    post = sample.post | {"household": {"members": [member]}}
    post |= {"email": MAIL, "municipality": BIERBEEK, "wants": [BIERBEEK]}
    who: dict[str, Any] = {"candidate": NOEL}
    async with Register(stack.addresses) as register:
        known = next(iter(sample.known.values()))
        expect(await register.call("PUT", "sources", f"/persons/{NOEL}", json=known), 204)
        key = {"Idempotency-Key": NOEL}
        id_ = str(
            expect(await register.call("POST", "dossier", "/v1/dossiers", json=post, headers=key, **who), 201).json()[
                "id"
            ]
        )
        for step in ("submission", "members/p1/confirmation"):
            expect(await register.call("POST", "dossier", f"/v1/dossiers/{id_}/{step}", **who), 202, 204)

        async def is_registered() -> bool:
            return str((await register.get("dossier", f"/v1/dossiers/{id_}", **who))["status"]) == "registered"

        await until(is_registered, "he is never registered")
    return id_


async def test_a_home_is_offered_accepted_and_let(browser: Browser, stack: Stack) -> None:
    await registered(stack)
    priority = stack.url("priority")
    async with (
        opened(browser, DIJLEDAL, stack, java_script_enabled=False, locale="nl-BE") as desk,
        await browser.new_context(java_script_enabled=False, locale="nl-BE") as home,
        opened(browser, COUNCIL, stack, java_script_enabled=False, locale="nl-BE") as council,
    ):
        worker, noel, member = await desk.new_page(), await home.new_page(), await council.new_page()
        await worker.goto(f"{priority}/vacancies")
        await worker.click("main a[role=button]")
        await fill(worker, rent="veel")
        await see(worker.locator(".govuk-error-summary")).to_contain_text("Geef een bedrag in euro")
        size = {"bedrooms": "1", "min_persons": "1", "max_persons": "2"}
        await fill(worker, dwelling="24011-7", municipality=BIERBEEK, rent="498,75", **size)
        vacancy = worker.url
        await reaches(worker, vacancy, "main", "Voorstellen aan 2024.03.20.")
        await see(worker.locator("#first")).to_contain_text("datum van inschrijving")
        await worker.click("main a[role=button]")
        await see(worker.locator("main")).to_contain_text("Wat er vertrekt")
        await worker.click("main form button")
        await see(worker.locator("main")).to_contain_text("Voorgesteld; de voorwaarden worden getoetst")
        await letter(noel, stack, MAIL, "wij bieden u een woning aan", "4 april 2024")
        await noel.goto(f"{stack.url('dossier')}/login?person=candidate-{NOEL}")
        await noel.goto(f"{priority}/place")
        await noel.click("#offers a")
        await noel.click("main li a")
        await see(noel.locator("main")).to_contain_text("498,75")
        await see(noel.locator("#until")).to_contain_text("4 april 2024")
        await noel.click("main a[role=button]")
        answer = noel.url
        await fill(noel)
        await see(noel.locator(".govuk-error-summary")).to_contain_text("Kies een antwoord")
        await fill(noel, answer="refuse", reason=WHY)
        await see(noel.locator("main")).to_contain_text("Alleen de woonmaatschappij kan een weigering terugnemen")
        await noel.click("main form button >> nth=1")  # change
        await see(noel.locator("#reason")).to_have_value(WHY)
        await fill(noel, answer="accept")
        await noel.click("main form button >> nth=0")
        await see(noel.locator("#state")).to_contain_text("U neemt deze woning")
        await noel.goto(answer)
        await see(noel.locator("main")).to_contain_text("Toch weigeren")
        await reaches(worker, f"{priority}/vacancies", "main", "wacht op rekeninguittreksels")
        await worker.goto(vacancy)
        await worker.click("main a[href$='/sign']")
        await fill(worker)
        await see(worker.locator(".govuk-error-summary")).to_contain_text("rekeninguittreksels hebt gezien")
        await worker.check("[name=statements_seen]")
        await worker.click("main form button")
        await see(worker.locator("main")).to_contain_text("de beurt is definitief")
        await worker.click("main form button >> nth=0")
        await see(worker.locator("#ended")).to_contain_text("Verhuurd")
        for subject, says in (
            ("u aanvaardt de woning", "u neemt de woning die wij u aanboden"),
            ("uw huurovereenkomst is getekend", "Uw dossier is gesloten"),
        ):
            await letter(noel, stack, MAIL, subject, says)
        await reaches(noel, f"{priority}/offers", "main", "Uw huurovereenkomst is getekend")
        await reaches(noel, f"{stack.url('dossier')}/dossiers", "#status", "U hebt een woning")
        await member.goto(f"{priority}/council")
        await see(member.locator("#turns")).to_contain_text("verhuurd")
        await see(member.locator("main")).not_to_contain_text("2024.03.20.")
