"""The desk in a browser: nobody sees or does there what the API refuses him, and nothing that was typed is lost."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from cir_chassis.session import LIFE
from cir_schemas.household import Income
from conftest import session

from .conftest import ANNA, BRAM, KEY, STRANGER, Register, applicant, partner, serving
from .test_desk import investigated, queue, stated
from .test_documents import BARS, CLAIM, PAPERS, SLIPS, asked, listed, version
from .test_interpretation import recent_income

AMOUNTS = [name for name in Income.model_fields if name != "year"]
MARKUP = "<b>Els</b> & co"
INCOME = {"year": 2023, "jointly_taxable": "21000.00"}


@pytest.fixture
async def register(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Register]:
    pages: dict[str, Any] = {"public": {"dossier": "http://127.0.0.1:9"}, "session_key": KEY}
    documents = (tmp_path / "documents").as_uri()
    async with serving(await database_of("dossier"), login, documents=documents, **pages) as register:
        yield register


class Browser:
    """A browser in which somebody logged in, if he did."""

    def __init__(self, register: Register, who: dict[str, str] | None, life: float = LIFE) -> None:
        self.http, self.headers = register.http, {"Accept": "text/html", "Accept-Language": "en"}
        if who:
            self.headers["Cookie"] = f"cir={session(who['Authorization'].removeprefix('Bearer '), KEY, life)}"

    async def get(self, path: str, status: int = 200) -> str:
        return words(await self.http.get(path, headers=self.headers), status)

    async def post(self, path: str, status: int = 303, headers: Mapping[str, str] | None = None, /, **form: str) -> str:
        """The page that answers; of a redirect, where it leads to."""
        answer = await self.http.post(path, data=form, headers={**self.headers, **(headers or {})})
        return str(answer.headers["location"]) if status == 303 == answer.status_code else words(answer, status)


def words(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return re.sub(r"\s+", " ", answer.text)


def page_of(html: str) -> str:
    found = re.search(r'data-page="(\w+)"', html)
    assert found, html
    return found[1]


@pytest.fixture
async def desk(register: Register) -> Browser:
    return Browser(register, await register.case_worker())


async def test_the_desk_shows_what_waits_and_all_of_a_dossier_as_text(register: Register, desk: Browser) -> None:
    about = {"first_name": MARKUP, "last_name": "Van den Broucke", "balances": "1234.56", "incomes": [INCOME]}
    id_ = await asked(register, PAPERS, SLIPS, members=[applicant(recent_income=CLAIM, **about)], email="a@example.org")
    assert "Nothing waits" in await desk.get("/desk")
    await register.uploaded(id_, await register.candidate(), fact="recent_income.proof", name=f"{MARKUP}.pdf")
    note = {"text": f"{MARKUP} came by"}
    await register.http.post(f"/v1/dossiers/{id_}/notes", json=note, headers=await register.case_worker())
    waits = await desk.get("/desk")
    assert "A document to judge" in waits
    assert "&lt;b&gt;Els&lt;/b&gt; &amp; co Van den Broucke" in waits
    for path in (id_, (await register.read(id_))["number"]):
        html = await desk.get(f"/desk/{path}")
        assert "<b>Els" not in html
        for text in (
            f"{MARKUP} came by",
            ANNA,
            "1.234,56 €",
            "a@example.org",
            "Leuven",
            "waits to be judged",
            "by you",
        ):
            assert text in unescape(html), text
        assert "not established" in html  # the income that he declared
        assert "Declared: 2023: Jointly taxable income 21.000,00" in html
    assert "<code>POST /v1/dossiers/{dossier}/notes</code>" in await desk.get(f"/desk/{id_}/audit")


async def test_a_search_says_what_it_found(register: Register, desk: Browser) -> None:
    id_ = await register.started(members=[applicant(first_name="Anaïs")])
    for q, page in (("anaïs", 200), (ANNA, 200), ("x", 422), ("nobody of that name", 200), ("", 200)):
        html = await desk.get(f"/desk/search?q={q}", page)
        assert (f'href="/desk/{id_}"' in html) == (q in ("anaïs", ANNA)), q
        assert ('id="none"' in html) == q.startswith("nobody"), q
        assert ("two characters" in html) == (q == "x"), q
        assert f'value="{q}"' in html or not q
    assert 'value="&lt;b&gt;' in await desk.get("/desk/search?q=<b>Els")
    other = Browser(register, await register.case_worker("kanvaz"))
    assert 'id="none"' in await other.get(f"/desk/search?q={ANNA}")


async def test_who_may_not_see_a_dossier_sees_no_more_than_the_api_gives(register: Register) -> None:
    about = {"balances": "1234.56", "first_name": "Anaïs"}
    secrets = ("1.234,56", "Anaïs", ANNA, "anna@example.org", "secretpaper", "Why", "limit")
    id_ = await investigated(register, members=[applicant(**about)], wants=["24062", "24020"])
    await register.uploaded(id_, await register.candidate(), name="secretpaper.pdf")
    other, wanted = [await register.case_worker(company) for company in ("kanvaz", "woontrots")]
    himself = await register.as_("case_worker", company="dijledal", person=ANNA)
    paths = [f"/desk/{id_}{rest}" for rest in ("", "/audit")]
    for who, statuses in (
        (other, (404, 404)),
        (wanted, (200, 403)),
        (himself, (200, 403)),
        (await register.candidate(), (403, 403)),
        (await register.as_("helper", organisation="OCMW Leuven"), (403, 403)),
        (None, (303, 303)),
    ):
        for path, status in zip(paths, statuses, strict=True):
            html = await Browser(register, who).get(path, status)
            assert not [one for one in secrets if one in html], (path, status)


WHY, ANSWERS = "The slips are of three months in a row.", {"interpreted": "met", "rejected": "not_met"}


def outcomes(decision: str) -> dict[str, str]:
    return {"condition": ANSWERS[decision], "outcome": ANSWERS[decision]}


async def test_a_document_is_judged_once_with_what_follows_said_before(register: Register, desk: Browser) -> None:
    id_, document = await recent_income(register)
    colleague = Browser(register, await register.as_("case_worker", company="dijledal", person=STRANGER))
    path, [item] = f"/desk/{id_}/documents/{document}", [one["item"] for one in await queue(register)]
    assert "There is no forecast" in await desk.get(path)
    said = SLIPS | {"answers": {one: outcomes(one) for one in ANSWERS}}
    await register.assess(id_, "to_investigate", asks=[said], conditions=BARS)
    html = await desk.get(path)
    assert 'If you accept</dt><dd class="govuk-summary-list__value">condition Income: met' in html.replace("> <", "><")
    assert await desk.post(f"/desk/queue/{item}/claim") == path
    assert await colleague.post(f"/desk/queue/{item}/claim") == "/desk?taken=true"
    assert "a colleague has taken it" in (page := await colleague.get("/desk?taken=true"))
    assert f"/desk/queue/{item}" not in page  # nor is it his to give back
    for form, wrong in (
        ({"decision": "accepted", "reasons": "no!"}, "reasons"),
        ({"reasons": WHY}, "decision"),
        ({"decision": "accepted", "reasons": WHY, "facts.recent_income.amount": "much"}, "facts.recent_income.amount"),
        ({"decision": "accepted", "reasons": WHY, "facts.recent_income.months": "2"}, "facts.recent_income.months"),
    ):
        html = await desk.post(path, 422, **form)
        assert f'<a href="#{wrong}">' in html, form
        assert all(one in html for one in form.values()), "what was typed is kept"
    before = await version(register, id_)
    for headers in ({"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        await desk.post(path, 403, headers, decision="accepted", reasons=WHY)
    assert await version(register, id_) == before
    typed = {"facts.recent_income.months": "3", "facts.recent_income.amount": "5400,50"}
    assert await desk.post(path, decision="accepted", reasons=WHY, **typed) == path
    file = await register.get(f"/{id_}/file", await register.case_worker())
    claim = {"months": 3, "amount": "5400.50", "proof": "interpreted"}
    assert file["household"]["members"][0]["recent_income"] == claim
    assert "accepted" in (html := await desk.get(path))
    assert WHY in html
    assert "by you" in html
    assert 'action="/desk/next"' in html
    assert [one["judged_by"] for one in await listed(register, id_)] == [None]  # colleagues alone read who it was
    again = await colleague.post(path, 409, decision="rejected", reasons="I know better than he does.")
    assert "by a colleague" in again
    assert 'name="decision"' not in again
    assert await desk.post("/desk/next") == "/desk"  # nothing waits
    assert await colleague.post(f"/desk/queue/{item}/claim") == "/desk?taken=true"


async def test_a_fact_is_taken_from_a_document_and_a_claim_that_changed_is_said(
    register: Register, desk: Browser
) -> None:
    id_ = await asked(register, PAPERS, SLIPS, members=[applicant(recent_income=CLAIM)])
    tax = f"/desk/{id_}/documents/{await register.uploaded(id_, await register.candidate())}"
    slips = await register.uploaded(id_, await register.candidate(), fact="recent_income.proof")
    assert 'href="#facts.incomes"' in await desk.post(tax, 422, decision="accepted", reasons=WHY)
    html = await desk.post(tax, 422, decision="accepted", reasons=WHY, **{"facts.incomes.year": "2023"})
    assert 'href="#facts.incomes.jointly_taxable"' in html  # left out is not nil
    typed = {"facts.incomes.year": "2023", "facts.incomes.jointly_taxable": "21000"}
    assert await desk.post(tax, decision="accepted", reasons=WHY, **typed) == tax
    now = await version(register, id_)
    changed = applicant(recent_income={"months": 3, "amount": "1.00"})
    assert (await register.change(id_, changed, version=now)).status_code == 200
    path = f"/desk/{id_}/documents/{slips}"
    html = await desk.get(path)
    assert "The claim was changed" in html
    assert "6.000,00 € in 3 months" in html
    assert "1,00 € in 3 months" in html
    html = await desk.post(path, 409, decision="accepted", reasons=WHY)
    assert 'name="decision"' in html
    assert WHY in html
    assert await desk.post(path, decision="rejected", reasons=WHY, **{"facts.recent_income.months": "3"}) == path
    file = await register.get(f"/{id_}/file", await register.case_worker())
    assert file["household"]["members"][0]["incomes"][0]["jointly_taxable"] == "21000.00"
    assert file["household"]["members"][0]["recent_income"] == {"months": 3, "amount": "1.00"}


async def test_the_papers_of_who_left_are_shown_and_judged_no_more(register: Register, desk: Browser) -> None:
    paper = PAPERS | {"person": "p2"}
    id_ = await asked(register, paper, members=[applicant(first_name=MARKUP), partner(first_name="Bram")])
    document = await register.uploaded(id_, await register.candidate(), member="p2")
    assert (await register.decline(id_, "p2", await register.candidate(BRAM))).status_code == 204
    assert "no longer needed" in await desk.get(f"/desk/{id_}")
    assert 'name="decision"' not in await desk.get(f"/desk/{id_}/documents/{document}")
    await desk.post(f"/desk/{id_}/documents/{document}", 409, decision="rejected", reasons=WHY)


async def test_a_note_is_written_once_with_its_errors(register: Register, desk: Browser) -> None:
    id_ = await register.started()
    assert "Write the note" in await desk.post(f"/desk/{id_}/notes", 422, text=" ")
    assert await desk.post(f"/desk/{id_}/notes", text=MARKUP) == f"/desk/{id_}"
    other = Browser(register, await register.case_worker("kanvaz"))
    await other.post(f"/desk/{id_}/notes", 404, text=MARKUP)
    assert (await desk.get(f"/desk/{id_}")).count("&lt;b&gt;Els&lt;/b&gt; &amp; co") == 1


async def test_what_was_typed_outlives_the_login(register: Register, desk: Browser) -> None:
    id_ = await investigated(register)
    path, ended = f"/desk/{id_}/actions/refuse", Browser(register, await register.case_worker(), life=-1)
    html = await ended.post(path, 401, reasons=WHY)
    assert WHY not in html
    found = re.search(r'name="sealed" value="([^"]+)"', html)
    assert found
    colleague = Browser(register, await register.as_("case_worker", company="dijledal", person=STRANGER))
    assert WHY not in await colleague.post(path, 403, sealed=found[1], step="do")
    assert WHY in await desk.post(path, 200, sealed=found[1])
    assert (await register.read(id_))["status"] == "under_investigation"


@pytest.mark.parametrize(
    ("action", "form", "wrong"),
    [
        ("refuse", {}, {"reasons": "no!"}),
        ("hold", {}, {"reasons": ""}),
        ("withdraw", {"on": "20/03/2024"}, {"on": "20/03/2034"}),
        ("deceased", {"member": "p2"}, {"member": ""}),
        ("leave", {}, {"on": "yesterday"}),
        ("keep_date", {}, {"of": "2020.01.01.0001"}),
        ("appeal", {"ground": "no_premium"}, {"ground": "dwelling_accepted"}),
    ],
)
async def test_a_decision_has_reasons_and_what_closes_a_dossier_is_looked_at_twice(
    register: Register, desk: Browser, action: str, form: dict[str, str], wrong: dict[str, str]
) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.submit(id_)
    for member, number in (("p1", ANNA), ("p2", BRAM)):
        await register.confirm(id_, member, await register.candidate(number))
    await register.assess(id_, "to_investigate")
    path, given = f"/desk/{id_}/actions/{action}", form | {"reasons": f"{MARKUP}: {WHY}"}
    assert f'href="{path}"' in await desk.get(f"/desk/{id_}")
    before = await register.get(f"/{id_}/history", await register.candidate())
    html = await desk.post(path, 422, **given | wrong | {"step": "do"})
    [field] = wrong
    assert f'href="#{field}"' in html
    assert "<b>Els" not in html
    if action == "keep_date":
        return
    checked = action in ("refuse", "withdraw", "deceased", "leave")
    if checked:
        html = await desk.post(path, 200, **given)
        for text in ('id="check"', "What goes out", "How it is undone", "&lt;b&gt;Els"):
            assert text in html, text
        changing = await desk.post(path, 200, **given, step="change")
        assert "&lt;b&gt;Els" in changing
        assert 'id="check"' not in changing
    assert await register.get(f"/{id_}/history", await register.candidate()) == before
    assert await desk.post(path, **given, step="do" if checked else "") == f"/desk/{id_}"
    history = await register.get(f"/{id_}/history", await register.case_worker())
    assert (history[-1]["kind"], history[-1]["reasons"]) == (action, [given["reasons"]])
    if action in ("appeal", "withdraw"):
        return
    again = await desk.post(path, 422 if action == "deceased" else 409, **given, step="do")
    assert ('id="not-now"' in again) == (action != "deceased")
    if action in ("refuse", "hold"):
        html = await desk.get(f"/desk/{id_}/actions/undo")
        act = re.findall(r'name="act" type="radio" value="([^"]+)"', html)
        assert act == [history[-1]["id"]]
        assert await desk.post(f"/desk/{id_}/actions/undo", act=act[0], reasons=WHY) == f"/desk/{id_}"
        assert (await register.read(id_))["status"] == "under_investigation"
    await Browser(register, await register.case_worker("kanvaz")).post(path, 404, **given, step="do")


async def test_who_may_not_decide_does_not(register: Register) -> None:
    id_, document = await recent_income(register)
    for who, status in (
        (await register.as_("case_worker", company="dijledal", person=ANNA), 403),
        (await register.case_worker("kanvaz"), 404),
        (await register.candidate(), 403),
        (await register.as_("helper", organisation="OCMW Leuven"), 403),
    ):
        one = Browser(register, who)
        for path in (f"/desk/{id_}/documents/{document}", f"/desk/{id_}/actions/refuse", f"/desk/{id_}/facts/p1"):
            await one.get(path, status)
            changes = {"version": "1", "facts.language": "known"}
            await one.post(path, status, decision="accepted", reasons=WHY, step="do", **changes)
    assert (await register.read(id_))["status"] == "under_investigation"


def fields_of(html: str) -> dict[str, str]:
    """What a browser sends of the facts as they are shown."""
    found = {}
    for tag in re.findall(r"<input [^>]+>", html):
        has = {name: unescape(value) for name, value in re.findall(r'([a-z-]+)="([^"]*)"', tag)}
        if has.get("type") != "radio" or " checked" in tag:
            found[has["name"]] = has.get("value", "")
    return {name: value for name, value in found.items() if name.startswith(("facts.", "version"))}


async def test_a_case_worker_establishes_what_he_changed_and_nothing_of_what_was_declared(
    register: Register, desk: Browser
) -> None:
    low = {"year": 2023, "jointly_taxable": "1.00"}
    lies = {"incomes": [low], "recognised_handicap": True, "residence": "population_register", "balances": "5.00"}
    child = {"id": "c1", "role": "co_resident", "born_on": "2015-05-01", "dependant": True}
    right = {"right": "full_ownership", "object": "dwelling", "country": "BE", "exception": "expropriation"}
    id_ = await investigated(register, members=[applicant(**lies, recent_income=CLAIM, real_rights=[right]), child])
    path = f"/desk/{id_}/facts/p1"
    before = await register.get(f"/{id_}/file", await register.case_worker())
    html = await desk.get(path)
    shown = fields_of(html)
    assert shown["facts.balances"] == "5,00"  # declared, and counts
    assert shown["facts.incomes.2023.jointly_taxable"] == ""
    assert "Declared: yes" in html
    assert await desk.post(path, **shown | {"facts.language": "known"}) == f"/desk/{id_}#p1"
    after = await register.get(f"/{id_}/file", await register.case_worker())
    origins = after["origins"]["p1"]
    assert origins.pop("language")["origin"] == "counter"
    assert origins == {key: one for key, one in before["origins"]["p1"].items() if key != "language"}
    assert after["origins"]["c1"] == before["origins"]["c1"]
    assert {one["origin"] for one in origins.values()} == {"none", "declaration"}
    [now, unchanged], [then, _] = after["household"]["members"], before["household"]["members"]
    assert (now, unchanged) == (then | {"language": "known"}, before["household"]["members"][1])

    stale = shown | {"facts.language": "exempt", "facts.incomes.2022.jointly_taxable": "20000"}
    html = await desk.post(path, 422, **stale | {"facts.balances": "much"})
    assert 'value="much"' in html
    await register.change(id_, applicant(balances="7.00"), child, version=after["facts_version"])
    html = await desk.post(path, 412, **stale)
    assert "Incomes 2022, Jointly taxable income: 20000" in html
    assert fields_of(html)["facts.balances"] == "7,00"  # what he had not changed is not put back
    fresh = fields_of(html) | {"facts.incomes.2022.jointly_taxable": "20000,50"}
    assert await desk.post(path, **fresh) == f"/desk/{id_}#p1"
    one = (await register.get(f"/{id_}/file", await register.case_worker()))["household"]["members"][0]
    assert [(income["year"], income["jointly_taxable"]) for income in one["incomes"]] == [(2022, "20000.50")]
    assert (one["balances"], one["language"]) == ("7.00", "known")
    emptied = fields_of(await desk.get(path)) | {"facts.incomes.2022." + name: "" for name in AMOUNTS}
    assert await desk.post(path, **emptied) == f"/desk/{id_}#p1"
    one = (await register.get(f"/{id_}/file", await register.case_worker()))["household"]["members"][0]
    assert "incomes" not in one  # taken back: unknown, and not nil


async def test_a_dossier_is_started_once_at_the_counter(register: Register, desk: Browser) -> None:
    html = await desk.get("/desk/start")
    [key] = re.findall(r'name="key" value="([^"]+)"', html)
    people = {
        "applicant.number": ANNA,
        "applicant.first_name": MARKUP,
        "partner.number": BRAM,
        "others.0.born_on": "2015-05-01",
    }
    form = {"key": key, "rows": "3", "municipality": "24062", "language": "nl", "email": "anna@example.org", **people}
    for wrong, field in (
        ({"applicant.number": "1"}, "applicant.number"),
        ({"partner.number": "", "partner.first_name": "Bram"}, "partner.number"),
        ({"municipality": ""}, "municipality"),
        ({"others.0.born_on": "2034-05-01"}, "others.0.born_on"),
    ):
        html = await desk.post("/desk/start", 422, **form | wrong)
        assert f'<a href="#{field}">' in html, field
        assert "&lt;b&gt;Els" in html
    html = await desk.post("/desk/start", 200, **form, more="yes")
    assert 'name="others.5.number"' in html
    assert "&lt;b&gt;Els" in html
    assert await desk.post("/desk/start", 403, **form | {"municipality": "24020"})
    first = await desk.post("/desk/start", **form)
    assert await desk.post("/desk/start", **form) == first
    assert (await desk.get(f"/desk/search?q={ANNA}")).count(first) == 1
    file = await register.get(f"{first.removeprefix('/desk')}/file", await register.case_worker())
    assert [one["role"] for one in file["household"]["members"]] == ["applicant", "partner", "co_resident"]
    assert {one["origin"] for of in file["origins"].values() for key, one in of.items() if key != "born_on"} == {"none"}
    for action, form in (("submit", {}), ("confirm", {"member": "p1"}), ("confirm", {"member": "p2"})):
        assert await desk.post(f"{first}/actions/{action}", **form) == first
    assert "submitted" in await desk.get(first)
    for who, status in (
        (await register.candidate(), 403),
        (await register.as_("helper", organisation="OCMW Leuven"), 403),
    ):
        await Browser(register, who).get("/desk/start", status)
        await Browser(register, who).get(f"{first}/facts/p1", status)
    for company, status in (("kanvaz", 404), ("woontrots", 404)):
        await Browser(register, await register.case_worker(company)).get(f"{first}/facts/p1", status)


async def test_a_contradiction_is_shown_with_both_words_and_dismissed_once(register: Register, desk: Browser) -> None:
    id_ = await register.registered()
    await stated(register, id_, interpretation=True, source=False)
    [item] = await queue(register)
    path = await desk.post(f"/desk/queue/{item['item']}/claim")
    html = await desk.get(path)
    assert "As the document was read: yes" in html
    assert "An authority: no" in html
    assert re.search(r'value="p1" checked', html)
    form = {"member": "p1", "reasons": WHY}
    assert 'href="#reasons"' in await desk.post(path, 422, **form | {"reasons": "no!"})
    assert await desk.post(path, **form) == f"/desk/{id_}"
    assert 'id="not-now"' in await desk.post(path, 404, **form)
    assert await queue(register) == []


async def test_a_dossier_is_struck_on_a_ground_and_an_upheld_appeal_opens_it(register: Register, desk: Browser) -> None:
    id_ = await register.registered()
    path, form = f"/desk/{id_}/actions", {"reasons": WHY, "step": "do"}
    assert 'href="#ground"' in await desk.post(f"{path}/strike", 422, **form)
    html = await desk.post(f"{path}/strike", 200, ground="second_refusal", reasons=WHY)
    assert "a second offer was refused or not answered" in html
    await desk.post(f"{path}/strike", ground="second_refusal", **form)
    assert (await register.act(id_, await register.candidate(), "appeal", ground="struck")).status_code == 201
    [item] = await queue(register)
    answer = await desk.post(f"/desk/queue/{item['item']}/claim")
    assert answer == f"{path}/answer_appeal"
    assert re.findall(r'name="ground" type="radio" value="(\w+)"', await desk.get(answer)) == ["struck"]
    assert 'href="#upheld"' in await desk.post(answer, 422, ground="struck", **form)
    assert await desk.post(answer, ground="struck", upheld="true", **form) == f"/desk/{id_}"
    html = await desk.get(f"/desk/{id_}")
    assert "An appeal was answered: being struck (upheld)" in html
    assert "registered – registration date" in html
    for action, status in (("wake", 409), ("reinstate", 409), ("answer_appeal", 409), ("fly", 404)):
        await desk.get(f"{path}/{action}", status)
        await desk.post(f"{path}/{action}", status, ground="struck", upheld="true", **form)
