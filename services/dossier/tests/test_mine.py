"""My dossier in a browser, for who cheats, errs or is unlucky: no page shows more than the API, and a form counts once."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cir_chassis.session import Seal
from dossier.documents.scanner import clamd_at

from .conftest import ANNA, BRAM, KEY, PDF, Register, applicant, numbered, serving
from .test_documents import CLAIM, SLIPS, asked, kept
from .test_interpretation import judge
from .test_scanner import VIRUS, clamd

HOME = "https://register.example"
CARL, DORA, EMIL = numbered("906501001"), numbered("916501001"), numbered("926501001")
HELP = {"kind": "ocmw", "organisation": "OCMW Leuven", "email": "help@ocmw.example", "inform": True}
NEW = "/documents/new?member=p1&fact=recent_income.proof"


class Pages:
    """The register's pages as somebody's browser has them."""

    def __init__(self, register: Register) -> None:
        self.register = register

    async def of(self, role: str | None, **relation: str) -> httpx.AsyncClient:
        headers, cookies = {"Accept": "text/html", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}, {}
        if role:
            token = (await self.register.as_(role, **relation))["Authorization"].removeprefix("Bearer ")
            content = b64encode(json.dumps({"token": token}).encode())
            cookies = {"__Host-cir": Seal(KEY, "session", 3600).sign(content).decode()}
        transport = httpx.ASGITransport(app=self.register.service.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=HOME, headers=headers, cookies=cookies)

    async def candidate(self, number: str = ANNA) -> httpx.AsyncClient:
        return await self.of("candidate", person=number)

    async def helper(self, organisation: str = "OCMW Leuven") -> httpx.AsyncClient:
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


async def test_a_file_that_cannot_be_taken_is_an_error_at_the_field(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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
    monkeypatch.setattr("dossier.documents.use_cases.MOST", 0)
    assert "This dossier is full" in (await sent(anna, address)).text
    monkeypatch.setattr("dossier.documents.use_cases.MOST", 200)
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


async def test_a_helper_lists_reads_and_brings_and_sees_no_more(pages: Pages) -> None:
    id_ = await slips_asked(pages, help=HELP)
    without = await pages.register.started(
        key="k2",
        members=[applicant(number=BRAM)],
        who=await pages.register.candidate(BRAM),
        help=HELP | {"inform": False},
    )
    helper, other = await pages.helper(), await pages.helper("CAW Oost-Brabant")
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
    assert (await sent(helper, once(form), name="ours.pdf")).status_code == 303
    shown = await helper.get(f"/dossiers/{id_}")
    assert page_of(shown) == "dossier"
    for hers in ("hers.pdf", "anna@", "Anna", "What happened", "How we reach you", "6000"):
        assert hers not in shown.text
    assert (await helper.get(f"/dossiers/{id_}/documents/{own}")).status_code == 404
    audit = await pages.register.get(f"/{id_}/audit", await pages.register.case_worker())
    assert {"GET /dossiers", "GET /dossiers/{dossier}"} <= {one["call"] for one in audit if one["by"] == "helper"}
