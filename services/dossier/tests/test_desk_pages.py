"""The desk in a browser: nobody sees or does there what the API refuses him, and nothing that was typed is lost."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from dossier.application.screens import SCREENS
from dossier.desk.pages import place

from .conftest import ANNA, BRAM, KEY, PDF, STRANGER, Register, applicant, partner, serving
from .test_application import HOME, Browser, as_, form_of, item
from .test_desk import investigated, queue, stated
from .test_documents import BARS, CLAIM, PAPERS, SLIPS, asked, listed, version
from .test_interpretation import recent_income
from .test_offers import ended, hear, judged

MARKUP = "<b>Els</b> & co"
INCOME = {"year": 2023, "jointly_taxable": "21000.00"}


@pytest.fixture
async def register(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Register]:
    pages: dict[str, Any] = {"public": {"dossier": "http://127.0.0.1:9"}, "session_key": KEY}
    documents = (tmp_path / "documents").as_uri()
    async with serving(await database_of("dossier"), login, documents=documents, **pages) as register:
        yield register


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
            "€1,234.56",
            "a@example.org",
            "Leuven",
            "waits to be judged",
            "by you",
        ):
            assert text in unescape(html), text
        assert "not established" in html  # the income that he declared
        assert "Declared: 2023: Jointly taxable income €21,000.00" in html
    assert "A case worker wrote a note" in await desk.get(f"/desk/{id_}/audit")


async def test_a_search_says_what_it_found(register: Register, desk: Browser) -> None:
    id_ = await register.started(members=[applicant(first_name="Anaïs")])
    for q, page in (("anaïs", 200), (ANNA, 200), ("x", 422), ("nobody of that name", 200), ("", 200)):
        html = await desk.get(f"/desk/search?q={q}", page)
        assert (f'href="/desk/{id_}"' in html) == (q in ("anaïs", ANNA)), q
        assert ('id="none"' in html) == q.startswith("nobody"), q
        assert ("two characters" in html) == (q == "x"), q
        assert f'value="{q}"' in html or not q
    assert 'value="&lt;b&gt;' in await desk.get("/desk/search?q=<b>Els")
    [under] = re.findall(r'href="(/desk/search\?status[^"]+)"', await desk.get("/desk"))
    assert 'id="none"' in await desk.get(under)
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "to_investigate", asks=[SLIPS], conditions=BARS)
    assert f'href="/desk/{id_}"' in await desk.get(under)
    await desk.get("/desk/search?status=x", 422)
    other = Browser(register, await register.case_worker("kanvaz"))
    for query in (f"q={ANNA}", "status=under_investigation"):
        assert 'id="none"' in await other.get(f"/desk/search?{query}")


async def test_a_second_refusal_leads_to_where_a_strike_is_decided(register: Register, desk: Browser) -> None:
    strike = place(f"{await register.registered()}.refusals")
    assert re.search(r'value="second_refusal" checked', html := await desk.get(strike)), html


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
    given = {"decision": "accepted", "reasons": WHY, **typed}
    checked = unescape(await desk.post(path, 200, **given))
    for text in ('id="check"', "5400,50", "is accepted", "helper who may read along", "How it is undone", WHY):
        assert text in checked, text
    assert "condition Income: met" in await desk.post(path, 200, decision="accepted", reasons=WHY)
    assert "It does not give your reasons" in await desk.post(path, 200, decision="rejected", reasons=WHY)
    assert 'value="5400,50"' in await desk.post(path, 200, **given, step="change")
    assert await version(register, id_) == before
    assert await desk.post(path, **given, step="do") == path
    file = await register.get(f"/{id_}/file", await register.case_worker())
    claim = {"months": 3, "amount": "5400.50", "proof": "interpreted"}
    assert file["household"]["members"][0]["recent_income"] == claim
    assert "accepted" in (html := await desk.get(path))
    assert WHY in html
    assert "by you" in html
    assert 'action="/desk/next?' in html
    assert [one["judged_by"] for one in await listed(register, id_)] == [None]  # colleagues alone read who it was
    again = await colleague.post(path, 409, decision="rejected", step="do", reasons="I know better than he does.")
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
    before = await version(register, id_)
    for step in (
        "check",
        "do",
    ):  # what is left out is refused before it is looked at once more, and nothing typed is lost
        html = await desk.post(tax, 422, decision="accepted", step=step, reasons=WHY)
        assert 'href="#facts.incomes">Fill in what the document shows<' in html
        assert (WHY in html, 'value="accepted" checked' in html, 'id="check"' in html) == (True, True, False)
        html = await desk.post(tax, 422, decision="accepted", step=step, reasons=WHY, **{"facts.incomes.year": "2023"})
        assert 'href="#facts.incomes.jointly_taxable"' in html  # left out is not nil
        assert 'value="2023"' in html
        later = {"facts.incomes.year": "2024", "facts.incomes.jointly_taxable": "21000"}
        html = await desk.post(tax, 422, decision="accepted", step=step, reasons=WHY, **later)
        assert ('href="#facts.incomes.year"' in html, 'value="21000"' in html, 'id="check"' in html) == (
            True,
            True,
            False,
        )
    typed = {"facts.incomes.year": "2023", "facts.incomes.jointly_taxable": "21000"}
    assert 'id="check"' in await desk.post(tax, 200, decision="accepted", reasons=WHY, **typed)
    assert (await version(register, id_), len(await queue(register))) == (before, 2), "looked at is not done"
    assert await desk.post(tax, decision="accepted", step="do", reasons=WHY, **typed) == tax
    now = await version(register, id_)
    changed = applicant(recent_income={"months": 3, "amount": "1.00"})
    assert (await register.change(id_, changed, version=now)).status_code == 200
    path = f"/desk/{id_}/documents/{slips}"
    html = await desk.get(path)
    assert "The claim was changed" in html
    assert "€6,000.00 in 3 months" in html
    assert "€1.00 in 3 months" in html
    for step in ("check", "do"):
        html = await desk.post(path, 409, decision="accepted", step=step, reasons=WHY)
        assert ('name="decision"' in html, WHY in html) == (True, True)
    assert (
        await desk.post(path, decision="rejected", step="do", reasons=WHY, **{"facts.recent_income.months": "3"})
        == path
    )
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
    await desk.post(f"/desk/{id_}/documents/{document}", 409, decision="rejected", step="do", reasons=WHY)


async def test_a_note_is_written_once_with_its_errors(register: Register, desk: Browser) -> None:
    id_ = await register.started()
    assert "Write the note" in await desk.post(f"/desk/{id_}/notes", 422, text=" ")
    form = form_of(await desk.get(f"/desk/{id_}"))
    for _ in range(2):  # a double click
        assert await desk.post(f"/desk/{id_}/notes", text=MARKUP, key=form["key"]) == f"/desk/{id_}"
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
        for path in (f"/desk/{id_}/documents/{document}", f"/desk/{id_}/actions/refuse"):
            await one.get(path, status)
            await one.post(path, status, decision="accepted", reasons=WHY, step="do")
    assert (await register.read(id_))["status"] == "under_investigation"


async def test_a_case_worker_establishes_what_he_changed_and_nothing_of_what_was_declared(
    register: Register, desk: Browser
) -> None:
    low = {"year": 2023, "jointly_taxable": "1.00"}
    lies = {"incomes": [low], "recognised_handicap": True, "residence": "population_register", "balances": "5.00"}
    child = {"id": "c1", "role": "co_resident", "born_on": "2015-05-01", "dependant": True}
    right = {"right": "full_ownership", "object": "dwelling", "country": "BE", "exception": "expropriation"}
    anna = applicant(**lies, recent_income=CLAIM, real_rights=[right], home=HOME, email="anna@example.org")
    id_ = await investigated(register, members=[anna, child])
    home = f"/dossiers/{id_}/application"
    assert f'href="{home}"' in await desk.get(f"/desk/{id_}")

    async def file() -> dict[str, Any]:
        found: dict[str, Any] = await register.get(f"/{id_}/file", await register.case_worker())
        return found

    before = await file()
    for name, one in SCREENS.items():  # what is sent as it is shown says nothing, and establishes nothing
        path = f"{home}/{name}" + "/p1" * (one.part == "person")
        if name in ("reach", "help"):
            continue
        keys = re.findall(r'\?item=(\w+)"', await desk.get(path)) if one.many else []
        for page in [f"{path}?item={key}" for key in keys if key != "new"] if one.many else [path]:
            shown = form_of(html := await desk.get(page))
            await desk.post(path, **({"made": "false"} if 'name="made"' in html else {}) | shown)
    assert await file() == before
    assert 'value="5,00"' in await desk.get(home + "/balances/p1")  # declared, and counts
    html = await desk.get(home + "/incomes/p1")
    assert ("Declared, and not established" in html, "€1.00" in html, "item=new" in html) == (True, True, True)
    assert "Declared, and not established" in await desk.get(home + "/situation/p1")
    await desk.fill(home + "/situation/p1", language="known")
    after = await file()
    origins = after["origins"]["p1"]
    assert origins.pop("language")["origin"] == "counter"
    assert origins == {key: one for key, one in before["origins"]["p1"].items() if key != "language"}
    assert after["origins"]["c1"] == before["origins"]["c1"]
    assert {one["origin"] for one in origins.values()} == {"none", "declaration"}
    [now, unchanged], [then, _] = after["household"]["members"], before["household"]["members"]
    assert (now, unchanged) == (then | {"language": "known"}, before["household"]["members"][1])

    tab = form_of(await desk.get(home + "/incomes/p1?item=new")) | {"year": "2022", "jointly_taxable": "20000,50"}
    changed = applicant(balances="7.00", recent_income=CLAIM, real_rights=[right])
    assert (await register.change(id_, changed, child, version=after["facts_version"])).status_code == 200
    html = await desk.post(home + "/incomes/p1", 412, **tab)
    assert ("changed meanwhile" in html, 'value="20000,50"' in html) == (True, True)
    await desk.post(home + "/incomes/p1", **form_of(html))
    one = (await file())["household"]["members"][0]
    assert [(income["year"], income["jointly_taxable"]) for income in one["incomes"]] == [(2022, "20000.50")]
    assert (one["balances"], one["language"]) == ("7.00", "known")
    assert "So says the housing company" in await (await as_(register)).get(home + "/incomes/p1")
    await desk.fill(home + "/incomes/p1?item=" + item(await desk.get(home + "/incomes/p1")), remove="1")
    assert "incomes" not in (await file())["household"]["members"][0]  # taken back: unknown, and not nil
    # a claim whose proof was accepted: another amount has another proof
    await register.assess(id_, "to_investigate", asks=[SLIPS], conditions=BARS)
    document = await register.uploaded(id_, await register.candidate(), fact="recent_income.proof")
    judged = {"step": "do", "decision": "accepted", "reasons": WHY}
    await desk.post(f"/desk/{id_}/documents/{document}", **judged)
    assert (await file())["household"]["members"][0]["recent_income"]["proof"] == "interpreted"
    await desk.fill(home + "/recent_income/p1", amount="1,00")
    claim = (await file())["household"]["members"][0]["recent_income"]
    assert (claim["amount"], claim.get("proof")) == ("1.00", None)


async def test_a_whole_dossier_is_entered_at_the_counter(register: Register, desk: Browser) -> None:
    form = form_of(await desk.get("/desk/start")) | {"number": ANNA, "first_name": MARKUP, "language": "nl"}
    form |= {"municipality": "24062", "email": "anna@example.org"}
    for wrong, field in (
        ({"number": "1"}, "number"),
        ({"number": ""}, "number"),
        ({"municipality": ""}, "municipality"),
    ):
        html = await desk.post("/desk/start", 422, **form | wrong)
        assert f'href="#{field}"' in html, field
        assert "&lt;b&gt;Els" in html
    assert 'value="24020"' not in html  # another company's
    await desk.post("/desk/start", 403, **form | {"municipality": "24020"})
    home = await desk.post("/desk/start", **form)
    assert await desk.post("/desk/start", **form) == home, "a form sent twice is one dossier"
    at, id_ = f"/desk/{home.split('/')[2]}", home.split("/")[2]
    for path, typed in {
        "/household?item=new": {"role": "co_resident", "first_name": "Jef", "born_on": "1/5/2015"},
        "/contacts": {"phone": "016 00 00 00"},
        "/incomes/p1?item=new": {"year": "2023", "jointly_taxable": "21.000,50"},
        "/set_aside/p1": {"made": "true", "ground": "budget_guidance"},
        "/real_rights/p1?item=new": {"right": "full_ownership", "object": "dwelling", "exception": "expropriation"},
        "/wants?item=new": {"municipality": "12025"},
    }.items():
        await desk.fill(home + path, **typed)
    file = await register.get(f"/{id_}/file", await register.case_worker())
    [anna, jef] = file["household"]["members"]
    assert (jef["born_on"], anna["set_aside"]["ground"]) == ("2015-05-01", "budget_guidance")
    assert anna["real_rights"][0]["exception"] == "expropriation"
    assert (file["wishes"]["wants"], file["contacts"]["phone"]) == (["24062", "12025"], "016 00 00 00")
    assert {one["origin"] for one in file["origins"]["p1"].values()} <= {"counter", "none"}
    for action, given in (("submit", {}), ("confirm", {"member": "p1"})):
        assert await desk.post(f"{at}/actions/{action}", **given) == at
    assert 'id="status">sent' in await desk.get(at)
    candidate = await as_(register)  # who reads what the counter entered, and does not tell it once more
    assert "Known to us already" in await candidate.get(home + "/check")
    assert "So says the housing company" in await candidate.get(home + "/set_aside/p1")
    await register.assess(id_, "to_investigate", asks=[{**SLIPS, "fact": "set_aside.proof"}], conditions=BARS)
    [paper] = re.findall(r'href="([^"]+/documents/new[^"]+)"', await desk.get(at))
    [action] = re.findall(r'action="([^"]+)"', await desk.get(unescape(paper)))
    answer = await register.http.post(
        unescape(action), data={"member": "p1", "fact": "set_aside.proof"}, files={"file": PDF}, headers=desk.headers
    )
    assert (answer.status_code, [one["state"] for one in await listed(register, id_)]) == (303, ["uploaded"])
    for who, status in (
        (await register.as_("helper", organisation="OCMW Leuven"), 403),
        (await register.case_worker("woontrots"), 404),
        (await register.as_("case_worker", company="dijledal", person=ANNA), 403),
    ):
        await Browser(register, who).get(f"{home}/incomes/p1", status)
        await Browser(register, who).post(f"{home}/incomes/p1", status, version="1")


async def test_a_contradiction_is_shown_with_both_words_and_dismissed_once(register: Register, desk: Browser) -> None:
    id_ = await register.registered()
    await stated(register, id_, interpretation=True, source=False)
    [item] = await queue(register)
    path = await desk.post(f"/desk/queue/{item['item']}/claim")
    assert f'href="{path}"' in await desk.get(f"/desk/{id_}")
    html = await desk.get(path)
    assert html.count("As the document was read: yes") == 1
    assert "An authority: no" in html
    assert re.search(r'value="p1" checked', html)
    form = {"member": "p1", "reasons": WHY}
    assert 'href="#reasons"' in await desk.post(path, 422, **form | {"reasons": "no!"})
    assert await desk.post(path, **form) == f"/desk/{id_}"
    assert 'id="not-now"' in await desk.post(path, 409, **form)
    assert await queue(register) == []


async def test_a_striking_for_a_refusal_that_counts_no_more_is_opened_again_or_stands(
    register: Register, desk: Browser
) -> None:
    id_, one, two = await register.registered(), uuid4(), uuid4()
    await hear(register, *(judged(id_, of, well_founded=False) for of in (one, two)))
    await register.act(id_, await register.case_worker(), "strike", reasons=WHY, ground="second_refusal")
    keep = f"/desk/{id_}/actions/keep_struck"
    assert 'id="not-now"' in await desk.get(keep, 409)
    await hear(register, ended(id_, two, was="refused"))
    assert "Struck for a refusal that no longer counts" in await desk.get("/desk")
    [item] = await queue(register)
    path = await desk.post(f"/desk/queue/{item['item']}/claim")
    assert path == f"/desk/{id_}/actions/reinstate"
    assert ('id="too-much"' in (html := await desk.get(path)), f'href="{keep}"' in html) == (True, True)
    assert await desk.post(keep, reasons=WHY) == f"/desk/{id_}"
    assert ("It stays struck, although a refusal" in await desk.get(f"/desk/{id_}"), await queue(register)) == (
        True,
        [],
    )
    assert 'id="too-much"' not in await desk.get(path)


async def test_a_dossier_is_struck_on_a_ground_and_an_upheld_appeal_opens_it(register: Register, desk: Browser) -> None:
    id_ = await register.registered()
    path, form = f"/desk/{id_}/actions", {"reasons": WHY, "step": "do"}
    assert 'href="#ground"' in await desk.post(f"{path}/strike", 422, **form)
    html = await desk.post(f"{path}/strike", 200, ground="no_response", reasons=WHY)
    assert "no response at the update" in html
    for step in ("check", "do"):
        await desk.post(f"{path}/strike", 409, ground="second_refusal", reasons=WHY, step=step)  # there was none
    await desk.post(f"{path}/strike", ground="no_response", **form)
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
