"""The desk in a browser: nobody sees or does there what the API refuses him, and nothing that was typed is lost."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from cir_chassis.session import LIFE, Seal

from .conftest import ANNA, BRAM, KEY, STRANGER, Register, applicant, partner, serving
from .test_desk import investigated, queue
from .test_documents import CLAIM, PAPERS, SLIPS, asked

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

    def __init__(self, register: Register, who: dict[str, str] | None) -> None:
        self.http, self.headers = register.http, {"Accept": "text/html", "Accept-Language": "en"}
        if who:
            session = b64encode(json.dumps({"token": who["Authorization"].removeprefix("Bearer ")}).encode())
            self.headers["Cookie"] = f"cir={Seal(KEY, 'session', LIFE).sign(session).decode()}"

    async def get(self, path: str, status: int = 200) -> str:
        return words(await self.http.get(path, headers=self.headers), status)

    async def post(self, path: str, status: int = 303, headers: dict[str, str] | None = None, **form: str) -> str:
        """The page that answers; of a redirect, where it leads to."""
        answer = await self.http.post(path, data=form, headers=self.headers | (headers or {}))
        return answer.headers["location"] if status == 303 == answer.status_code else words(answer, status)


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
        for text in (f"{MARKUP} came by", ANNA, "1.234,56 €", "a@example.org", "Leuven", "waits to be judged", "by you"):
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
