"""Every page, as somebody sees it: valid, accessible, at home on a small screen, in one language, and from nowhere else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, Page, Request, ViewportSize, expect

from cir_chassis.pages import COOKIE
from deploy.embedded.demo import until
from deploy.embedded.samples import PEOPLE
from deploy.embedded.stack import Stack
from tests.project.test_words import FOLDERS, dutch

LOTTE, JAN, SOFIE, NADIA = (
    "candidate-85622310269",
    "candidate-85661110467",
    "candidate-86670110605",
    "candidate-75652514667",
)
ELKE, EMMA = "candidate-87631512841", "candidate-90630177175"
OCMW, DIJLEDAL, COUNCIL = "helper-ocmw-leuven", "case_worker-dijledal", "council-dijledal"
WALK = [  # who looks (None: nobody) · service · path (and links to follow from there) · page
    (None, "dossier", "/", "start"),
    (JAN, "dossier", "/", "start"),
    (JAN, "dossier", "/nowhere", "error"),
    (JAN, "dossier", "/dossiers", "dossier"),
    (JAN, "dossier", "/dossiers → main #actions a[href*=contacts]", "answer"),
    (JAN, "dossier", "/dossiers → main #actions a[href*=help]", "answer"),
    (JAN, "dossier", "/dossiers → main #actions a[href$=facts]", "facts"),
    (JAN, "dossier", "/dossiers → main #actions a[href$=audit]", "audit"),
    (JAN, "dossier", "/dossiers → main #actions a[href$=appeal] → main button", "action"),  # with an error
    (JAN, "dossier", "/dossiers → main #actions a[href$=leave]", "action"),
    (JAN, "dossier", "/dossiers → main #actions a[href$=leave] → main button", "action"),  # asked once more
    (SOFIE, "dossier", "/dossiers → main #actions a[href*=contacts]", "answer"),
    (NADIA, "dossier", "/dossiers → main #actions a[href$=facts]", "facts"),
    (NADIA, "dossier", "/dossiers", "dossier"),  # of whom a proof is asked, and who is helped
    (NADIA, "dossier", "/dossiers → main a[href*=member]", "bring"),
    (ELKE, "dossier", "/dossiers", "dossier"),  # who has not confirmed
    (EMMA, "dossier", "/dossiers", "dossiers"),  # who has none
    (OCMW, "dossier", "/dossiers", "helped"),
    (OCMW, "dossier", "/dossiers → main tbody a", "dossier"),
    (None, "dossier", "/companies?municipality=leuven", "companies"),
    (None, "dossier", "/companies?municipality=sint-", "companies"),
    (None, "eligibility", "/check", "check"),
    (None, "eligibility", "/check → main button", "check"),
    (None, "eligibility", "/check → #household → main button", "answer"),
    (EMMA, "dossier", "/start", "begin"),
    (EMMA, "dossier", "/declined", "declined"),
    (None, "priority", "/priorities?municipality=24062", "priorities"),
    (JAN, "priority", "/place", "place"),
    (JAN, "priority", "/place → main a[role=button]", "situation"),
    (NADIA, "priority", "/place", "place"),  # whose request waits
    (EMMA, "priority", "/place", "places"),
    (EMMA, "priority", "/offers", "offers"),
    (LOTTE, "priority", "/offers", "offers"),
    (LOTTE, "priority", "/offers → main li a", "offer"),  # that is open
    (LOTTE, "priority", "/offers → main li a → main a[role=button]", "offer_act"),
    (LOTTE, "priority", "/offers → main li a → main a[role=button] → main button", "offer_act"),  # with an error
    (LOTTE, "priority", "/offers → main li a → main a[role=button] → #answer → main button", "offer_act"),  # once more
    (DIJLEDAL, "priority", "/vacancies", "vacancies"),
    (DIJLEDAL, "priority", "/announce", "announce"),
    (DIJLEDAL, "priority", "/vacancies/24062-0001.2024-03-20", "vacancy"),
    (DIJLEDAL, "priority", "/vacancies/24062-0001.2024-03-20/propose", "vacancy_act"),
    (DIJLEDAL, "priority", "/vacancies/24062-0001.2024-03-20/withdraw → main button", "vacancy_act"),  # with an error
    (COUNCIL, "priority", "/council", "council"),
    (DIJLEDAL, "priority", "/waiting-list?municipality=24062", "waiting_list"),
    (DIJLEDAL, "priority", "/situations", "situations"),
    (DIJLEDAL, "priority", "/situations → main li a", "review"),
    (DIJLEDAL, "dossier", "/desk", "desk"),
    (DIJLEDAL, "dossier", "/desk/search?status=under_investigation", "desk_search"),
    (DIJLEDAL, "dossier", "/desk/search?q=maertens → main li a → main #documents a", "desk_document"),
    (DIJLEDAL, "dossier", "/desk/search?q=maertens → main li a → main #documents a → main button", "desk_document"),
    (DIJLEDAL, "dossier", "/desk/search?q=smets → main li a → main a[href*=uphold]", "desk_decision"),
    (DIJLEDAL, "dossier", "/desk/search?q=a", "desk_search"),
    (DIJLEDAL, "dossier", "/desk/search?q=85661110467", "desk_search"),
    (DIJLEDAL, "dossier", "/desk/2024.03.20.0001 → main #change", "application"),
    (DIJLEDAL, "dossier", "/desk/2024.03.20.0001 → main #change → main a[href*=incomes]", "answers"),
    (DIJLEDAL, "dossier", "/desk/start → main button", "begin"),  # with errors
    (DIJLEDAL, "dossier", "/desk/2024.03.20.0001", "desk_dossier"),
    (DIJLEDAL, "dossier", "/desk/2024.03.20.0001/audit", "audit"),
    (DIJLEDAL, "dossier", "/desk/2024.03.20.0001 → main #actions a", "desk_decision"),
    (JAN, "notifications", "/messages", "messages"),
    (EMMA, "notifications", "/messages", "messages"),
    (DIJLEDAL, "notifications", "/messages", "fates"),
    (None, "notifications", "/confirm?token=x", "wrong"),
    (None, "mails", "/", "mails"),
    (None, "mails", "/ → main li a", "mail"),
    (None, "login", "/oauth2/authorize?client_id=cir", "login"),
]
WIDE: ViewportSize = {"width": 1280, "height": 720}
ENGLISH = {said for folder in FOLDERS for said, text in dutch(folder).items() if said != text}
AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
    "preload": False,
}
VIOLATED = """options => axe.run(document, options).then(found =>
  found.violations.map(one => [one.id, one.nodes.map(node => node.html.slice(0, 120))]))"""  # all else is 0.3 s a page
TEXTS = """() => {
  const walk = document.createTreeWalker(document, NodeFilter.SHOW_TEXT), found = [];
  while (walk.nextNode()) found.push(walk.currentNode);
  return found.filter(one => !one.parentElement?.closest('[lang]:not(html)')).map(one => one.data?.trim() ?? one);
}"""
WIDER = """() => [document.documentElement, ...document.querySelectorAll('body *')].filter(one => !one.closest('.cir-scroll')
  && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80))"""


@asynccontextmanager
async def opened(browser: Browser, person: str | None, stack: Stack, **options: Any) -> AsyncIterator[BrowserContext]:
    """A browser of its own, logged in by the start page."""
    async with await browser.new_context(**options) as context:
        if person:
            page = await context.new_page()
            await page.goto(str(stack.addresses["pages"]))
            await page.click(f'[data-person="{person}"]')
            await expect(page.locator('header a[href="/logout"]')).to_be_visible()
            await page.close()
        yield context


async def letter(page: Page, stack: Stack, to: str, subject: str, says: str) -> str:
    """Open a letter in the mailbox once it came; its text."""
    mail = page.locator("main li", has_text=to).filter(has_text=subject)

    async def came() -> bool:
        await page.goto(stack.url("mails"))
        return await mail.count() > 0

    await until(came, f"no letter comes to {to}: {subject}")
    await mail.first.locator("a").click()
    await expect(page.locator(".cir-letter")).to_contain_text(says)
    return await page.locator(".cir-letter").inner_text()


async def test_every_page(browser: Browser, stack: Stack, seen: Path) -> None:
    few = asyncio.Semaphore(3)  # browsers at once: two cores are shared with everything that answers
    many = Counter(person for person, *_ in WALK)
    async with asyncio.TaskGroup() as group:
        for person, _ in many.most_common():  # the longest way first
            group.create_task(walk(person, few, browser, stack, seen))


async def walk(person: str | None, few: asyncio.Semaphore, browser: Browser, stack: Stack, seen: Path) -> None:
    """Look at every page of one person, in both languages, with one login."""
    async with few, opened(browser, person, stack, locale="nl-BE") as context:
        page = await context.new_page()
        for language in ("nl", "en"):
            await context.add_cookies([{"name": COOKIE, "value": language, "url": stack.url("dossier")}])
            for n, (_, service, path, name) in ((n, one) for n, one in enumerate(WALK) if one[0] == person):
                place, asked = f"{language} {name} {path} as {person}", list[Request]()
                await page.set_viewport_size(WIDE)
                page.on("request", listener := partial(note, asked))
                address, *clicks = path.split(" → ")
                if service not in stack.services:  # the demo's own programs keep no cookie
                    address += f"{'&' if '?' in address else '?'}lang={language}"
                answer = await page.goto(stack.url(service) + address)
                for selector in clicks:
                    if selector.startswith("#"):  # of a choice
                        await page.check(selector)
                        continue
                    async with page.expect_navigation() as navigated:
                        await page.click(selector)
                    answer = await navigated.value
                assert answer
                page.remove_listener("request", listener)
                assert await page.locator("main").get_attribute("data-page") == name, place
                assert {urlsplit(one.url).netloc for one in asked} <= {urlsplit(stack.url(service)).netloc, ""}, place
                if service in stack.services and not clicks:
                    weights = {
                        one.url: (await one.sizes())["responseBodySize"] for one in asked if one.url[:4] == "http"
                    }
                    styled = any(weight for url, weight in weights.items() if url.endswith(".css"))
                    assert sum(weights.values()) <= (25_000 if styled else 5_000), (place, weights)
                (seen / f"{n}.{name}.{language}.html").write_bytes(await answer.body())
                await look(page, language, place)


def note(requests: list[Request], request: Request) -> None:
    requests.append(request)


async def look(page: Page, language: str, place: str) -> None:
    """Whoever reads it reads it in one language, with whatever aid, and at 320 px without scrolling sideways."""
    assert await page.locator("html").get_attribute("lang") == language, place
    assert await page.locator(f'[hreflang="{"en" if language == "nl" else "nl"}"]').count() == 1, place
    await page.evaluate(AXE_SCRIPT)
    assert await page.evaluate(VIOLATED, AXE) == [], place
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate(WIDER) == [], place
    # A long word has no box of its own.
    assert await page.evaluate("document.documentElement.scrollWidth") == 320, place
    if language == "nl":
        assert ENGLISH & set(await page.evaluate(TEXTS)) == set(), place


async def test_everybody_is_one_click_away_without_javascript(browser: Browser, stack: Stack) -> None:
    async with opened(browser, None, stack, java_script_enabled=False, locale="nl-BE") as context:
        page = await context.new_page()
        for subject, person in PEOPLE.items():
            await page.goto(str(stack.addresses["pages"]))
            await page.click(f'[data-person="{subject}"]')
            await expect(page.locator(".cir-header__tools li").first).to_have_text(person["name"])
            await page.click("aside a >> nth=0")  # be somebody else
            await expect(page.locator("main")).to_have_attribute("data-page", "start")
        await page.click('[hreflang="en"]')
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.goto(stack.url("dossier"))
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.click('a[href="/logout"]')
        await expect(page.locator("main")).to_have_attribute("data-page", "start")
        await expect(page.locator('a[href="/logout"]')).to_have_count(0)
        assert [cookie for cookie in await context.cookies() if cookie.get("name") == "cir"] == []
        await page.click("aside a >> nth=1")
        await expect(page).to_have_url(stack.url("mails") + "/")
        await page.click("header a >> nth=0")
        await expect(page.locator("main")).to_have_attribute("data-page", "start")


async def test_a_candidate_reads_where_his_dossier_stands(browser: Browser, stack: Stack) -> None:
    async with opened(browser, JAN, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + "/dossiers")
        await expect(page.locator("#status")).to_have_text("U bent ingeschreven sinds 20 maart 2024.")
        await expect(page.locator("#timeline li").last).to_contain_text("Het dossier is begonnen")
        await expect(page.locator('nav [aria-current="page"]')).to_have_text("Mijn dossier")
        pdf = await context.request.get(page.url + "/certificate")
        assert (pdf.status, (await pdf.body())[:5]) == (200, b"%PDF-")
        his = page.url
    async with opened(browser, NADIA, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + "/dossiers")
        await expect(page.locator("main")).to_contain_text("De aanvrager – tegen 19 april 2024")
        await expect(page.locator("main")).to_contain_text("de beslissing over de collectieve schuldenregeling")
        await expect(page.locator("main")).to_contain_text("CAW Oost-Brabant")
        await expect(page.locator("#why")).to_contain_text("€ 34.000,00. De grens is €")
        for path in ("", "/certificate"):
            answer = await page.goto(his + path)
            assert answer
            assert answer.status == 404, "somebody else's dossier does not exist"
            await expect(page.locator("main")).to_have_attribute("data-page", "error")
    async with opened(browser, ELKE, stack, locale="nl-BE") as context:
        page = await context.new_page()
        await page.goto(stack.url("dossier") + "/dossiers")
        await expect(page.locator("main")).to_contain_text("Wij vragen u om te bevestigen dat u meedoet")
        await expect(page.locator("#timeline")).to_have_count(0)
