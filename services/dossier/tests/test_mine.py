"""My dossier in a browser, for who cheats, errs or is unlucky: no page shows more than the API, and a form counts once."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from cir_schemas import ContactsRecorded
from conftest import session
from deploy.token import citizen, log_in
from dossier import tables
from dossier.documents.scanner import clamd_at
from dossier.documents.use_cases import MOST

from .conftest import ANNA, BRAM, KEY, PDF, STRANGER, Register, applicant, numbered, partner, person, serving
from .test_documents import CLAIM, SLIPS, asked, kept
from .test_interpretation import judge
from .test_scanner import VIRUS, clamd

HOME = "https://register.example"
CARL, DORA = numbered("906501001"), numbered("916501001")
HELP = {"kind": "ocmw", "organisation": "OCMW Leuven", "email": "help@ocmw.example", "inform": True}
NEW = "/documents/new?member=p1&fact=recent_income.proof"


class Pages:
    """The register's pages as somebody's browser has them."""

    def __init__(self, register: Register) -> None:
        self.register = register

    async def of(self, role: str | None, **relation: str) -> httpx.AsyncClient:
        if role:
            return self.by((await self.register.as_(role, **relation))["Authorization"].removeprefix("Bearer "))
        return self.by(None)

    def by(self, token: str | None) -> httpx.AsyncClient:
        """The browser in which somebody with that token logged in."""
        headers = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
        cookies = {"__Host-cir": session(token, KEY)} if token else {}
        transport = httpx.ASGITransport(app=self.register.service.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=HOME, headers=headers, cookies=cookies)

    async def candidate(self, number: str = ANNA) -> httpx.AsyncClient:
        return await self.of("candidate", person=number)

    async def helper(self, organisation: str = "ocmw-leuven") -> httpx.AsyncClient:
        return await self.of("helper", organisation=organisation)


@pytest.fixture
async def pages(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Pages]:
    told: dict[str, Any] = {
        "documents": (tmp_path / "documents").as_uri(),
        "public": {"dossier": HOME},
        "session_key": KEY,
    }
    async with serving(await database_of("dossier"), login, **told) as register:
        yield Pages(register)


def page_of(answer: httpx.Response) -> str:
    found = re.search(r'data-page="(\w+)"', answer.text)
    assert found, answer.text
    return found[1]


def once(answer: httpx.Response) -> str:
    """The address that the form of a page is sent to."""
    found = re.search(r'<form method="post"[^>]* action="([^"]+)"', answer.text)
    assert found, answer.text
    return found[1].replace("&amp;", "&")


def key_of(answer: httpx.Response) -> str:
    """Of the form of a page, which counts once."""
    return str(re.findall(r'name="key" value="(\w+)"', answer.text)[0])


async def sent(
    browser: httpx.AsyncClient, address: str, content: bytes = PDF, name: str = "slip.pdf", **changed: str
) -> httpx.Response:
    form = {"member": "p1", "fact": "recent_income.proof"} | changed
    return await browser.post(address, data=form, files={"file": (name, content)})


async def brought(pages: Pages, id_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await pages.register.get(f"/{id_}/documents", await pages.register.case_worker())
    return found


async def slips_asked(pages: Pages, **changed: Any) -> str:
    return await asked(pages.register, SLIPS, members=[applicant(recent_income=CLAIM, first_name="Anna")], **changed)


async def test_what_is_asked_is_brought_and_read_again(pages: Pages) -> None:
    id_, anna = await slips_asked(pages), await pages.candidate()
    shown = await anna.get(f"/dossiers/{id_}")
    assert f"/dossiers/{id_}/documents/new?member=p1&amp;fact=recent_income.proof" in shown.text
    assert "by 19 April 2024" in shown.text
    form = await anna.get(f"/dossiers/{id_}{NEW}")
    assert (form.status_code, page_of(form)) == (200, "bring")
    assert "pay slips" in form.text
    for _ in range(2):  # a double click
        done = await sent(anna, once(form), name="<b>slip</b>.pdf")
        assert (done.status_code, done.headers["location"]) == (303, f"/dossiers/{id_}")
    (document,) = await brought(pages, id_)
    shown = await anna.get(f"/dossiers/{id_}")
    assert "waits to be judged" in shown.text
    assert "<b>" not in shown.text
    file = await anna.get(f"/dossiers/{id_}/documents/{document['id']}")
    assert (file.status_code, file.content, file.headers["content-disposition"][:10]) == (200, PDF, "attachment")
    assert file.headers["x-content-type-options"] == "nosniff"
    again = await sent(anna, once(form), PDF + b"another")  # the back button
    assert (again.status_code, "You sent this form before" in again.text) == (422, True)
    assert (await sent(anna, once(again), PDF + b"another")).status_code == 303
    assert [one["state"] for one in await brought(pages, id_)] == ["replaced", "uploaded"]
    newest = (await brought(pages, id_))[-1]["id"]
    await judge(pages.register, id_, newest, "rejected", reasons="The <i>second</i> page is missing.")
    shown = await anna.get(f"/dossiers/{id_}")
    assert "The &lt;i&gt;second&lt;/i&gt; page is missing." in shown.text


async def test_a_file_that_cannot_be_taken_is_an_error_at_the_field(pages: Pages, tmp_path: Path) -> None:
    id_, anna = await slips_asked(pages), await pages.candidate()
    address = once(await anna.get(f"/dossiers/{id_}{NEW}"))
    for content, words in (
        (PDF + b"x" * 11_000_000, "too large"),
        (PDF + b"x" * 13_000_000, "too large"),
        (b"<html>", "Choose a file that is a PDF"),
        (b"", "Choose a file that is a PDF"),
    ):
        refused = await sent(anna, address, content)
        assert (page_of(refused), words in refused.text, 'href="#file"' in refused.text) == ("bring", True, True), words
    changed: dict[str, str]
    for changed in ({"fact": "real_rights[9].proof"}, {"fact": "stays"}, {"member": "p9"}, {"member": "<b>"}):
        refused = await sent(anna, address, PDF, "x", **changed)
        assert (refused.status_code, "cannot be taken for this person" in refused.text) == (422, True), changed
    nothing = await anna.post(address, data={"member": "p1"})
    assert (nothing.status_code, page_of(nothing)) == (422, "bring")
    async with clamd(tmp_path / "clamd") as (scanner, child):
        pages.register.service.app.state.clamd = clamd_at(scanner)
        assert "A virus was found" in (await sent(anna, address, PDF + VIRUS)).text
        await child.stop()
        assert "cannot be checked or kept now" in (await sent(anna, address)).text
    assert (await brought(pages, id_), list(kept(tmp_path))) == ([], [])
    for query in ("member=p9&fact=recent_income.proof", "member=p1&fact=incomes", "member=p1&fact=%3Cb%3E"):
        assert (await anna.get(f"/dossiers/{id_}/documents/new?{query}")).status_code == 404
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await anna.post(address, data={}, files={"file": PDF}, headers=foreign)).status_code == 403
    ended = await sent(await pages.of(None), address)
    assert (ended.status_code, page_of(ended)) == (401, "login_ended")
    assert await brought(pages, id_) == []


BROUGHT_AS_WELL = (
    """INSERT INTO documents SELECT one.* FROM documents, generate_series(1, :many) AS n,
        jsonb_populate_record(documents, jsonb_build_object('id', md5(n::text)::uuid)) AS one""",
    """INSERT INTO acts OVERRIDING USER VALUE SELECT one.* FROM acts, generate_series(1, :many) AS n,
        jsonb_build_object('document', md5(n::text)::uuid) AS of,
        jsonb_populate_record(acts, jsonb_build_object('id', gen_random_uuid(), 'refers', acts.refers || of)) AS one
        WHERE acts.kind = 'upload'""",
)


async def test_a_dossier_that_is_full_takes_no_document_and_says_where_to_go(pages: Pages) -> None:
    id_, anna = await slips_asked(pages), await pages.candidate()
    assert (await sent(anna, once(await anna.get(f"/dossiers/{id_}{NEW}")))).status_code == 303
    async with pages.register.service.database.work() as work:
        for statement in BROUGHT_AS_WELL:
            await work.connection.execute(sa.text(statement), {"many": MOST - 2})
    assert (await sent(anna, once(await anna.get(f"/dossiers/{id_}{NEW}")))).status_code == 303
    assert len(await brought(pages, id_)) == MOST
    full = await sent(anna, once(await anna.get(f"/dossiers/{id_}{NEW}")))
    assert ("This dossier is full" in full.text, len(await brought(pages, id_))) == (True, MOST)


async def test_a_helper_lists_reads_and_brings_and_sees_no_more(pages: Pages) -> None:
    id_ = await slips_asked(pages, help=HELP)
    without = await pages.register.started(
        key="k2",
        members=[applicant(number=BRAM)],
        who=await pages.register.candidate(BRAM),
        help=HELP | {"inform": False},
    )
    helper, other = await pages.helper(), await pages.helper("CAW Oost-Brabant")
    assert (await helper.get(f"/dossiers/{without}")).status_code == 404
    mine = await helper.get("/dossiers")
    assert (page_of(mine), id_ in mine.text, without in mine.text) == ("helped", True, False)
    assert id_ not in (await other.get("/dossiers")).text
    found = await pages.register.get("", await pages.register.as_("helper", organisation="OCMW Leuven"))
    assert [(one["id"], one["by"]) for one in found] == [(id_, "2024-04-19")]
    form = await helper.get(f"/dossiers/{id_}{NEW}")
    own = await pages.register.uploaded(
        id_, await pages.register.candidate(), fact="recent_income.proof", name="hers.pdf"
    )
    assert (await helper.get(f"/dossiers/{id_}{NEW}")).status_code == 404  # she brought it
    came = unescape((await helper.get(f"/dossiers/{id_}")).text)
    assert "income of the last months: a paper came, and waits" in came
    assert ("hers.pdf" in came, own in came) == (False, False)
    assert (await sent(helper, once(form), name="ours.pdf")).status_code == 303
    shown = await helper.get(f"/dossiers/{id_}")
    assert page_of(shown) == "dossier"
    for hers in ("hers.pdf", "anna@", "Anna", "What happened", "How we reach you", "6000"):
        assert hers not in shown.text
    assert (await helper.get(f"/dossiers/{id_}/documents/{own}")).status_code == 404
    audit = await pages.register.get(f"/{id_}/audit", await pages.register.case_worker())
    assert {"GET /dossiers", "GET /dossiers/{dossier}"} <= {one["call"] for one in audit if one["by"] == "helper"}


@pytest.mark.parametrize("named", ["OCMW Leuven", "ocmw leuven", "ocmw-leuven"])
async def test_an_organisation_is_one_however_it_was_named(pages: Pages, named: str) -> None:
    """By the id of the directory, as the council's agreements know it: so one login helps, and refers at priority."""
    register, helper = pages.register, await pages.helper("ocmw-leuven")
    id_ = await register.registered(help=HELP | {"organisation": named})
    assert id_ in (await helper.get("/dossiers")).text
    file = await register.get(f"/{id_}/file", await register.candidate())
    assert file["contacts"]["help"]["organisation"] == "OCMW Leuven"
    contacts = [one for one in await register.said() if isinstance(one, ContactsRecorded) and one.help]
    assert {one.help.organisation for one in contacts if one.help} == {"ocmw-leuven"}


async def test_who_helps_by_a_record_of_before_there_were_ids_still_does(pages: Pages, login: str) -> None:
    old_claims = citizen("helper", organisation="OCMW Leuven")  # a name, where logins now hold the id
    by_name, helper = pages.by(await asyncio.to_thread(log_in, login, *old_claims)), await pages.helper()
    id_ = await slips_asked(pages, help=HELP)
    async with pages.register.service.database.work() as work:
        await work.connection.execute(tables.dossiers.update().values(help=HELP))
    form = await by_name.get(f"/dossiers/{id_}{NEW}")
    assert (await sent(by_name, once(form), name="ours.pdf")).status_code == 303
    assert id_ in (await helper.get("/dossiers")).text
    assert "waits" in (await helper.get(f"/dossiers/{id_}")).text
    assert (await (await pages.helper("CAW Oost-Brabant")).get(f"/dossiers/{id_}")).status_code == 404


PAGES = [
    *(
        "",
        "/facts",
        "/audit",
        "/application/contacts",
        "/actions/withdraw",
        "/actions/hold",
        "/actions/appeal",
        "/actions/leave",
    ),
    *(NEW, "/documents/{document}", "/certificate"),
]
NAMED = "200 200 403 403 409 409 409 409 409 403 403"
SEEN = {  # who → the status of each page
    "applicant": "200 200 200 200 409 200 200 200 404 200 200",
    "partner": "200 200 200 200 409 200 200 409 404 200 200",
    "co_resident": NAMED,
    "named": NAMED,
    "helper": "200 403 403 403 403 403 403 403 404 404 403",
    "another helper": "404 403 403 403 403 403 403 403 404 404 403",
    "treating": "303 403 403 200 403 403 403 403 404 403 403",
    "wanted": "303 403 403 403 403 403 403 403 409 403 403",
    "another company": "303 403 403 404 403 403 403 403 404 403 403",
    "stranger": "404 404 404 404 404 404 404 404 404 404 404",
    "nobody": "303 303 303 303 303 303 303 303 303 303 303",
}
SECRETS = (
    "anna@",
    "bram@",
    "Kerkstraat",
    "41000",
    "Anna",
    "Bram",
    "016 11",
    "a debt that is open",
    "hers.pdf",
    "OCMW Leuven",
)


async def test_a_page_shows_nobody_more_than_the_api(pages: Pages) -> None:
    register, worker = pages.register, await pages.register.case_worker()
    home = {"street": "Kerkstraat", "house_number": "1", "postal_code": "3000", "place": "Leuven"}
    incomes = [{"year": 2023, "jointly_taxable": "41000.00"}]
    anna = applicant(first_name="Anna", home=home, incomes=incomes)
    bram = partner(first_name="Bram", email="bram@example.org")
    carl = person("c1", "co_resident", CARL, born_on="1990-05-01", first_name="Carl")
    dora = person("c2", "co_resident", DORA, born_on="1991-05-01", first_name="Dora")
    told = {"help": HELP, "phone": "016 11 11 11", "wants": ["24062", "12025"]}
    id_ = await register.registered(anna, bram, carl, **told)
    assert (await register.change(id_, anna, bram, carl, dora)).status_code == 200
    document = await register.uploaded(id_, await register.candidate(), fact="incomes", name="hers.pdf")
    assert (await register.act(id_, worker, "hold", reasons="There is a debt that is open.")).status_code == 201
    who = {
        "applicant": await pages.candidate(),
        "partner": await pages.candidate(BRAM),
        "co_resident": await pages.candidate(CARL),
        "named": await pages.candidate(DORA),
        "helper": await pages.helper(),
        "another helper": await pages.helper("CAW Halle"),
        "treating": await pages.of("case_worker", company="dijledal"),
        "wanted": await pages.of("case_worker", company="kanvaz"),
        "another company": await pages.of("case_worker", company="woontrots"),
        "stranger": await pages.candidate(STRANGER),
        "nobody": await pages.of(None),
    }
    for name, browser in who.items():
        found = [await browser.get(f"/dossiers/{id_}" + path.format(document=document)) for path in PAGES]
        assert " ".join(str(one.status_code) for one in found) == SEEN[name], name
        for link in re.findall(r'href="(/dossiers/[^"#]+)"', found[0].text):
            assert (await browser.get(unescape(link))).status_code in (200, 303), f"{link} is offered to the {name}"
        if name not in ("applicant", "partner"):
            counter = name == "treating"  # reads and changes how they are reached, as the applicant and the partner do
            seen = found[:3] + found[4:] if counter else found
            assert [secret for secret in SECRETS for one in seen if secret in one.text] == [], name
            before = await register.get(f"/{id_}/history", worker)
            for path in ("/actions/hold", "/actions/withdraw", NEW, *([] if counter else ["/application/contacts"])):
                sent = await browser.post(
                    f"/dossiers/{id_}{path}", data={"sure": "true", "language": "en", "version": "2"}
                )
                assert sent.status_code in (401, 403, 404, 409, 422), (name, path)
            assert await register.get(f"/{id_}/history", worker) == before, name
    shown = await who["applicant"].get(f"/dossiers/{id_}")
    assert "a debt that is open" in shown.text
    known = await who["applicant"].get(f"/dossiers/{id_}/facts")
    assert "€41,000.00" in known.text
    assert "what was declared is to be proven" in known.text
    audit = await who["applicant"].get(f"/dossiers/{id_}/audit")
    assert "Case worker, Dijledal" in audit.text
    assert "candidate-8562" not in audit.text
    for cursor in ("0", "-1", "99999999999999999999", "x"):
        assert (await who["applicant"].get(f"/dossiers/{id_}/audit?before={cursor}")).status_code in (200, 422), cursor


async def test_who_was_named_or_is_out_sees_his_part(pages: Pages) -> None:
    register, worker = pages.register, await pages.register.case_worker()
    id_ = await register.started(members=[applicant(first_name="Anna"), partner(first_name="Bram")], help=HELP)
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    document = await register.uploaded(id_, await register.candidate(), name="hers.pdf")
    bram, anna = await pages.candidate(BRAM), await pages.candidate()

    async def statuses(browser: httpx.AsyncClient) -> str:
        found = [await browser.get(f"/dossiers/{id_}" + path.format(document=document)) for path in PAGES]
        if browser is bram:
            assert [one for one in SECRETS if one != "Bram" for page in found if one in page.text] == []
        return " ".join(str(one.status_code) for one in found)

    assert await statuses(bram) == NAMED
    assert (await register.act(id_, worker, "refuse", reasons="The papers never came.")).status_code == 201
    assert await statuses(bram) == " ".join(["404"] * len(PAGES))
    assert await statuses(anna) == "200 200 200 200 409 409 200 409 409 200 409"


async def test_how_a_household_is_reached_is_changed_from_its_dossier(pages: Pages) -> None:
    id_ = await pages.register.registered(applicant(), partner())
    anna, bram = await pages.candidate(), await pages.candidate(BRAM)
    contacts, helps = (f"/dossiers/{id_}/application/{screen}" for screen in ("contacts", "help"))
    shown = await anna.get(f"/dossiers/{id_}")
    assert (f'href="{contacts}?then=dossier"' in shown.text, f'href="{helps}?then=dossier"' in shown.text) == (
        True,
        True,
    )
    form = await anna.get(f"{helps}?then=dossier")
    assert '<option value="OCMW Leuven">' in form.text
    given = {
        "made": "true",
        "kind": "ocmw",
        "organisation": "ocmw leuven",
        "email": "help@ocmw.example",
        "inform": "true",
    }
    typed = {"version": "1", "then": "dossier"} | given
    refused = await anna.post(helps, data=typed | {"email": ""})
    assert (refused.status_code, 'name="then" value="dossier"' in refused.text) == (422, True)
    done = await anna.post(helps, data=typed)
    assert (done.status_code, done.headers["location"]) == (303, f"/dossiers/{id_}")
    # it is chosen by the name that its login has, or else is named freely
    assert (await (await pages.helper()).get(f"/dossiers/{id_}")).status_code == 200
    again = await anna.post(helps, data=typed | {"version": "2", "organisation": "OCMW <b>Leuven"})
    assert (again.status_code, (await (await pages.helper()).get(f"/dossiers/{id_}")).status_code) == (303, 404)
    assert "OCMW &lt;b&gt;Leuven" in (await anna.get(f"/dossiers/{id_}")).text
    # a partner does not lead the applicant's mail elsewhere
    his = {"version": "3", "language": "nl", "email": "bram@example.org"}
    refused = await bram.post(contacts, data=his)
    assert (refused.status_code, "Only the applicant changes this address" in refused.text) == (422, True)
    assert (await bram.post(contacts, data=his | {"email": "anna@example.org"})).status_code == 303


async def test_an_action_says_what_it_does_and_counts_once(pages: Pages) -> None:
    id_, anna, keys = await pages.register.registered(applicant()), await pages.candidate(), dict[str, str]()

    async def form(action: str) -> str:
        shown = await anna.get(f"/dossiers/{id_}/actions/{action}")
        assert (shown.status_code, page_of(shown)) == (200, "action"), action
        keys[once(shown)] = key_of(shown)
        return once(shown)

    async def twice(address: str, **typed: str) -> None:
        typed |= {"key": keys[address]}
        for _ in range(2):
            done = await anna.post(address, data=typed)
            assert (done.status_code, done.headers["location"]) == (303, f"/dossiers/{id_}"), done.text

    async def kinds() -> list[str]:
        history = await pages.register.get(f"/{id_}/history", await pages.register.candidate())
        return [one["kind"] for one in history][4:]

    await twice(await form("hold"))
    assert (await anna.get(f"/dossiers/{id_}/actions/hold")).status_code == 409
    assert (await anna.post(f"/dossiers/{id_}/actions/hold")).status_code == 409  # in another tab
    undo = await form("undo")
    short = await anna.post(undo, data={"reasons": "<b>no"})
    assert (short.status_code, "at least ten characters" in short.text, "&lt;b&gt;no" in short.text) == (
        422,
        True,
        True,
    )
    assert (await anna.post(undo)).status_code == 422
    await twice(await form("undo"), reasons="It was a <b>mistake</b> of mine.")
    shown = await anna.get(f"/dossiers/{id_}")
    assert ("It was a &lt;b&gt;mistake" in shown.text, "On hold since" in shown.text) == (True, False)
    await twice(await form("hold"))
    await twice(await form("wake"))
    appeal = await form("appeal")
    for typed, words in (
        ({}, "Choose what your appeal is about"),
        ({"ground": "false_statements"}, "Choose what your appeal is about"),
        ({"ground": "struck"}, "a decision that stands in this dossier"),
        ({"ground": "no_premium", "notified_on": "2024-03-21"}, "has not come yet"),
        ({"ground": "no_premium", "notified_on": "yesterday"}, "Give a day"),
        ({"ground": "no_premium", "upheld": "true"}, "Error"),
    ):
        refused = await anna.post(appeal, data=typed)
        assert (refused.status_code, words in refused.text) == (422, True), typed
    await twice(appeal, ground="no_premium", notified_on="2024-01-02")
    again = await anna.post(appeal, data={"ground": "struck"})  # the back button, and something else
    assert (again.status_code, "a decision that stands in this dossier" in again.text) == (422, True)
    assert (await anna.post(await form("appeal"), data={"ground": "no_premium"})).status_code == 409
    assert "It came too late" in (await anna.get(f"/dossiers/{id_}")).text
    assert await kinds() == ["hold", "undo", "hold", "wake", "appeal"]
    foreign = {"Sec-Fetch-Site": "cross-site"}
    withdraw = await form("withdraw")
    assert (await anna.post(withdraw, data={"sure": "true"}, headers=foreign)).status_code == 403
    ended = await (await pages.of(None)).post(withdraw, data={"sure": "true"})
    assert (ended.status_code, page_of(ended)) == (401, "login_ended")
    check = await anna.post(withdraw, data={"reasons": "I found <b>a house</b>."})
    assert (check.status_code, "Check: Withdraw" in check.text) == (200, True)
    assert 'name="reasons" value="I found &lt;b&gt;a house&lt;/b&gt;."' in check.text
    assert (await kinds())[-1] == "appeal"
    keys[withdraw] = key_of(check)
    await twice(withdraw, reasons="I found <b>a house</b>.", sure="true")
    assert (await kinds())[-1] == "withdraw"
    assert (await anna.get(f"/dossiers/{id_}/actions/strike")).status_code == 422


async def test_who_was_struck_reads_why_and_appeals_in_time(pages: Pages) -> None:
    id_, anna = await pages.register.registered(applicant()), await pages.candidate()
    worker = await pages.register.case_worker()
    why = {"reasons": "No answer to two <b>letters</b>.", "ground": "no_response"}
    assert (await pages.register.act(id_, worker, "strike", **why)).status_code == 201
    shown = await anna.get(f"/dossiers/{id_}")
    for words in ("No answer to two &lt;b&gt;letters", "About: there was no answer to letters", "until 19 April 2024"):
        assert words in shown.text
    address = once(await anna.get(f"/dossiers/{id_}/actions/appeal"))
    assert (await anna.post(address, data={"ground": "struck"})).status_code == 303
    answer = {"reasons": "The letters went to an old address.", "upheld": True}
    assert (await pages.register.act(id_, worker, "answer_appeal", **answer)).status_code == 201
    assert "You are right." in (await anna.get(f"/dossiers/{id_}")).text
    assert [(await anna.get(f"/dossiers/{id_}{path}")).status_code for path in ("/application/contacts", "/audit")] == [
        200,
        200,
    ]


async def test_who_leaves_is_told_what_he_loses(pages: Pages) -> None:
    id_, anna = await pages.register.registered(applicant(), partner()), await pages.candidate()
    address = f"/dossiers/{id_}/actions/leave"
    check = await anna.post(once(await anna.get(address)))
    assert "You cannot take this back." in check.text
    gone = await anna.post(once(check), data={"sure": "true"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/dossiers")
    assert (await anna.get(f"/dossiers/{id_}")).status_code == 404


async def test_a_draft_is_deleted_after_a_second_question(pages: Pages) -> None:
    id_, anna = await pages.register.started(members=[applicant(recent_income=CLAIM)]), await pages.candidate()
    await pages.register.uploaded(id_, await pages.register.candidate(), fact="recent_income.proof")
    address = f"/dossiers/{id_}/actions/erase"
    check = await anna.post(once(await anna.get(address)))
    assert (check.status_code, "Check: Delete" in check.text) == (200, True)
    gone = await anna.post(once(check), data={"sure": "true"})
    assert (gone.status_code, gone.headers["location"]) == (303, "/dossiers")
    assert (await anna.post(once(check), data={"sure": "true"})).status_code == 404
    assert page_of(await anna.get("/dossiers")) == "dossiers"


async def test_anyone_finds_his_company_by_the_name_of_his_municipality(pages: Pages) -> None:
    nobody = await pages.of(None)
    for typed, words in (
        (" leuven ", ("Voorbeeldstraat 1, 3000 Leuven", "016 00 00 01", "inschrijvingen@dijledal.example")),
        ("24062", ("Dijledal",)),
        ("MECHELEN", ("Kanvaz",)),
        ("mechel", ("Which one do you mean?", "Maasmechelen")),
        ("sint-", ("Which one do you mean?", "Sint-Truiden")),
        ("Brussel", ("We know no municipality",)),
        ("<b>", ("We know no municipality", 'value="&lt;b&gt;"')),
        ("Antwerpen", ("lets homes here",)),
        ("", ("Find your housing company",)),
    ):
        found = await nobody.get("/companies", params={"municipality": typed})
        assert (found.status_code, page_of(found)) == (200, "companies")
        assert [one for one in words if one not in found.text] == [], typed
