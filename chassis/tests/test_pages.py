"""Pages in a browser's words: who comes without a login, by somebody else's link or from another site gets nowhere."""

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_urlsafe
from time import time
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from babel import Locale
from fastapi import Depends, Request, Response
from itsdangerous import BadSignature
from pydantic import BaseModel, SecretStr, StrictInt

from cir_chassis.forms import Form, read_form
from cir_chassis.login import Caller, may
from cir_chassis.pages import FORM, _filters
from cir_chassis.service import Service
from cir_chassis.session import LIFE, Seal, logged_in
from conftest import free_port
from deploy.embedded.ports import answers
from deploy.embedded.supervisor import Child, Part
from deploy.token import citizen

from .conftest import CountWork, Open
from .test_http import served, small

ROOT = Path(__file__).parents[2]
ANNA, BRAM, WORKER = "candidate-85622300173", "candidate-87120100237", "case_worker-dijledal"
KEY = SecretStr("a key of tests alone, of 32 characters")


class Owner(BaseModel):
    name: str


class Asked(BaseModel, extra="forbid"):
    email: str
    rooms: StrictInt | None = None
    owner: Owner | None = None


def add_pages(service: Service[CountWork]) -> None:
    pages = service.pages
    assert pages
    router = pages.router()

    @router.get("/things")
    async def show(request: Request, caller: Annotated[Caller, Depends(logged_in("candidate"))]) -> Response:
        return pages.show(request, "thing", form=Form(), on=date(2024, 3, 20))

    @router.post("/things")
    async def send(request: Request, caller: Annotated[Caller, Depends(logged_in("candidate"))]) -> Response:
        form = await read_form(request, Asked)
        service.app.state.sent = form.data
        return pages.show(request, "thing", 200 if form.data else 422, form=form, on=date(2024, 3, 20))

    @service.app.get("/v1/things")
    async def api(caller: Annotated[Caller, Depends(may("candidate"))]) -> str:
        return caller.role

    service.app.include_router(router)


@asynccontextmanager
async def browser(service: Service[CountWork], **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    base = service.settings.public["test"]
    accept = {"Accept": "text/html", "Accept-Language": "fr, en-GB;q=0.8, nl;q=0.5"}
    async with httpx.AsyncClient(
        base_url=base, trust_env=False, timeout=20, headers=accept | headers, follow_redirects=True
    ) as client:
        yield client


@pytest.fixture
async def service(open_database: Open, login: str) -> AsyncIterator[Service[CountWork]]:
    made = small(open_database(), login=login, pages=Path(__file__).with_name("frame"))
    add_pages(made)
    async with served(made):
        yield made


def of(answer: httpx.Response) -> str:
    """Which page it is."""
    found = re.search(r'data-page="(\w+)"', answer.text)
    assert found, answer.text
    return found[1]


async def test_a_page_asks_for_the_login_and_comes_back(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        asked = await one.get("/things?x=1", follow_redirects=False)
        assert (asked.status_code, asked.headers["location"]) == (303, "/login?to=%2Fthings%3Fx%3D1")
        sent = await one.get(asked.headers["location"], follow_redirects=False)
        query = {name: value for name, (value,) in parse_qs(urlsplit(sent.headers["location"]).query).items()}
        assert query.keys() >= {"state", "nonce", "code_challenge"}
        assert query["code_challenge_method"] == "S256"
        page = await one.get(f"/login?to=/things&person={ANNA}")
        assert (page.status_code, of(page), page.url.path) == (200, "thing", "/things")
        assert "A thing" in page.text
        assert "€1,234.50 20 March 2024" in page.text
        held = one.cookies["cir"]
        assert "85622300173" not in page.headers.get("set-cookie", "") + held
        api = await one.get("/v1/things", headers={"Accept": "application/json"})
        assert (api.status_code, api.headers["content-type"]) == (401, "application/problem+json")
        gone = await one.get("/logout", follow_redirects=False)
        assert urlsplit(gone.headers["location"]).path == "/oauth2/end_session"
        assert "id_token_hint" in gone.headers["location"]
        assert (await one.get("/things", follow_redirects=False)).status_code == 303


async def test_services_may_reach_the_login_by_a_name_that_no_browser_knows(
    open_database: Open, tmp_path: Path
) -> None:
    named, seen = f"http://localhost:{(port := free_port())}", f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "deploy.embedded.login", str(tmp_path / "keys"), str(port)]
    told = {**os.environ, "CIR_DEMO_ISSUER": named, "CIR_DEMO_BROWSERS": seen}
    child = Child(Part("login", command, lambda: answers(port), told), tmp_path, lambda line: None, lambda: None)
    await child.start()
    made = small(open_database(), login=named, pages=Path(__file__).with_name("frame"))
    add_pages(made)
    try:
        async with served(made), browser(made) as one:
            begun = await one.get(f"/login?to=/things&person={ANNA}", follow_redirects=False)
            assert begun.headers["location"].startswith(f"{seen}/oauth2/authorize?")
            assert of(await one.get(begun.headers["location"])) == "thing"
            gone = await one.get("/logout", follow_redirects=False)
            assert gone.headers["location"].startswith(f"{seen}/oauth2/end_session?")
    finally:
        await child.stop()


async def test_a_login_that_somebody_else_began_is_refused(service: Service[CountWork], login: str) -> None:
    async with browser(service) as cheat, browser(service) as victim:
        begun = await cheat.get(f"/login?person={ANNA}", follow_redirects=False)
        back = (await cheat.get(begun.headers["location"], follow_redirects=False)).headers["location"]
        assert of(wrong := await victim.get(back)) == "error"
        assert wrong.status_code == 400
        assert (await cheat.get(back.replace("state=", "state=x"))).status_code == 400
        begun = await cheat.get(f"/login?person={ANNA}", follow_redirects=False)
        swapped = re.sub("nonce=[^&]+", "nonce=another", begun.headers["location"])
        back = (await cheat.get(swapped, follow_redirects=False)).headers["location"]
        assert (await cheat.get(back)).status_code == 400
        assert (await cheat.get("/things", follow_redirects=False)).status_code == 303


async def test_each_tab_comes_back_from_the_login_where_it_went(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        tabs = [
            (await one.get(f"/login?to=/things%3Fx={n}&person={ANNA}", follow_redirects=False)).headers["location"]
            for n in range(4)  # one more than are kept
        ]
        back = [(await one.get(tab, follow_redirects=False)).headers["location"] for tab in tabs]
        for n in (2, 1, 3):
            answer = await one.get(back[n], follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/things?x={n}")
            assert len(one.cookies["cir"]) < 4000
        for n in (0, 2):  # one that was too many, and one that came back before: who is logged in stays so
            assert (await one.get(back[n])).status_code == 400
        assert (await one.get("/things", follow_redirects=False)).status_code == 200


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
async def test_a_login_leads_to_a_page_of_ours(service: Service[CountWork], to: str) -> None:
    async with browser(service) as one:
        begun = await one.get("/login", params={"to": to, "person": ANNA}, follow_redirects=False)
        back = (await one.get(begun.headers["location"], follow_redirects=False)).headers["location"]
        assert (await one.get(back, follow_redirects=False)).headers["location"] == "/"


@pytest.mark.parametrize(("more", "status"), [(900, 200), (5000, 500)])
async def test_a_login_fits_a_cookie_or_fails_in_words(
    service: Service[CountWork], login: str, more: int, status: int
) -> None:
    subject, claims = citizen("candidate", person="70610100123")
    async with httpx.AsyncClient(base_url=login, trust_env=False) as provider:
        await provider.put(f"/users/{subject}", json=claims | {"more": token_urlsafe(more)})
    async with browser(service) as one:
        begun = await one.get("/login?to=/things", follow_redirects=False)
        back = await one.post(begun.headers["location"], data={"sub": subject}, follow_redirects=False)
        page = await one.get(back.headers["location"])
        assert (page.status_code, of(page)) == (status, "thing" if status == 200 else "error")
        assert len(one.cookies.get("cir") or "") < 4000


async def test_a_form_is_read_in_the_words_of_the_page(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        await one.get(f"/login?person={ANNA}")
        wrong = await one.post("/things?lang=nl", data={"email": " ", "rooms": "two <b>"})
        assert wrong.status_code == 422
        assert wrong.text.index('<a href="#email">Geef uw adres</a>') < wrong.text.index('href="#rooms"')
        assert 'value="two &lt;b&gt;"' in wrong.text
        assert '<html lang="nl"' in wrong.text
        assert '<a href="?lang=en" hreflang="en" lang="en">English</a>' in wrong.text
        right = await one.post("/things", data={"email": "a@example.org", "rooms": "2"})
        assert (right.status_code, '<html lang="nl"' in right.text) == (200, True)  # as was chosen before
        assert service.app.state.sent == Asked(email="a@example.org", rooms=2)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 200),
    ],
)
async def test_another_site_sends_no_form(service: Service[CountWork], headers: dict[str, str], status: int) -> None:
    async with browser(service) as one:
        await one.get(f"/login?person={ANNA}")
        sent = await one.post("/things", data={"email": "a@example.org"}, headers=headers)
        assert (sent.status_code, hasattr(service.app.state, "sent")) == (status, status == 200)


async def test_another_role_and_an_unknown_page_are_told_in_words(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        await one.get(f"/login?person={WORKER}")
        refused, nowhere = await one.get("/things"), await one.get("/nowhere")
        assert (refused.status_code, of(refused), nowhere.status_code, of(nowhere)) == (403, "error", 404, "error")
        assert (await one.get("/logout", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 403


async def test_what_cannot_be_read_is_not_taken_for_a_login_that_does_not_hold(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        await one.get(f"/login?person={ANNA}")
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Site": "same-origin"}
        broken = await one.post("/things", content=b"no part at all", headers=headers)
        assert (broken.status_code, of(broken), "/login" in broken.text) == (400, "error", False)
        assert "This cannot be read" in broken.text
        wrong = await one.get("/login/back?state=x&code=x")
        assert (wrong.status_code, "This cannot be read" in wrong.text) == (400, False)


async def test_what_was_typed_outlives_the_login_for_who_typed_it_alone(
    service: Service[CountWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"email": "anna@example.org", "rooms": "2"}
    async with browser(service) as one:
        unknown = await one.post("/things", data=typed)
        assert (unknown.status_code, of(unknown), "sealed" in unknown.text) == (401, "login_ended", False)
        await one.get(f"/login?person={ANNA}")
        with monkeypatch.context() as later:
            later.setattr("cir_chassis.session.time", lambda: time() + LIFE)
            ended = await one.post("/things", data=typed)
        assert (ended.status_code, of(ended), "anna@" in ended.text) == (401, "login_ended", False)
        kept = sealed_in(ended)["sealed"]
        await one.get(f"/login?person={BRAM}")  # the next at this computer
        assert (await one.post("/things", data={"sealed": kept})).status_code == 403
        assert not hasattr(service.app.state, "sent")
        await one.get(f"/login?person={ANNA}")
        assert (await one.post("/things", data={"sealed": kept[:-9] + "AAAAAAAAA"})).status_code == 422
        assert (await one.post("/things", data={"sealed": kept})).status_code == 200
        assert service.app.state.sent == Asked(email="anna@example.org", rooms=2)
        one.cookies.set("cir", kept)  # sealed for another use
        assert (await one.get("/things", follow_redirects=False)).status_code == 303
        file = await one.post("/things?x=1", data={"email": "anna@example.org"}, files={"file": b"x" * 1_000_000})
        assert (file.status_code, of(file), "sealed" in file.text) == (401, "login_ended", False)
        assert "/login?to=%2Fthings%3Fx%3D1" in file.text


async def test_a_page_left_open_by_one_is_not_sent_by_the_next(
    service: Service[CountWork], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"email": "anna@example.org"}
    async with browser(service) as one:
        page = await one.get(f"/login?to=/things&person={ANNA}")
        assert "85622300173" not in page.text
        found = re.search(r'action="(/things\?author=\w{32})"', page.text)
        assert found
        hers = found[1]
        await one.get(f"/login?person={BRAM}")  # in another tab
        refused = await one.post(hers, data=typed)
        assert (refused.status_code, of(refused), "anna@" in refused.text) == (403, "login_ended", False)
        assert "shown to somebody else" in refused.text
        again = await one.post(hers, data=sealed_in(refused))  # he tries once more: it stays hers
        assert (again.status_code, sealed_in(again)) == (403, sealed_in(refused))
        file = await one.post(hers, data=typed, files={"file": b"x" * 1_000_000})
        assert (file.status_code, "sealed" in file.text) == (403, False)
        with monkeypatch.context() as later:  # his login ended meanwhile: it stays hers
            later.setattr("cir_chassis.session.time", lambda: time() + LIFE)
            ended = await one.post(hers, data=typed)
            assert ended.status_code == 401
            ended = await one.post("/things", data=sealed_in(ended))
            assert ended.status_code == 401
        for kept in (refused, ended):
            assert (await one.post("/things", data=sealed_in(kept))).status_code == 403
        assert not hasattr(service.app.state, "sent")
        await one.get(f"/login?person={ANNA}")
        for kept in (refused, ended):
            assert (await one.post(hers, data=sealed_in(kept))).status_code == 200
            assert service.app.state.sent == Asked(email="anna@example.org")


def sealed_in(answer: httpx.Response) -> dict[str, str]:
    found = re.search(r'name="sealed" value="([^"]+)"', answer.text)
    assert found
    return {"sealed": found[1]}


TEMPLATES = [*ROOT.glob("services/*/templates/pages/**/*.html"), *ROOT.glob("chassis/src/**/*.html")]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.stem)
def test_each_form_is_marked(template: Path) -> None:
    forms = [one for one in re.findall(r"<form[^>]*>", template.read_text()) if 'method="get"' not in one]
    assert all(map(FORM.match, forms))


async def test_a_form_within_a_form_is_read_and_no_name_breaks_it(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        await one.get(f"/login?person={ANNA}")
        for names in (
            ["owner.name", "owner"],
            ["owner", "owner.name"],
            ["owner.name.x"],
            ["email.x", "owner."],
            [".", ""],
        ):
            sent = await one.post("/things", data={"email": "a@example.org"} | dict.fromkeys(names, "x"))
            assert sent.status_code == 422, names
        sent = await one.post("/things", data={"email": "a@example.org", "owner.name": "Anna"})
        assert (sent.status_code, service.app.state.sent.owner) == (200, Owner(name="Anna"))


def test_a_seal_holds_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal(KEY, "session", 60)
    sealed = seal.sign(b"x")
    assert seal.unsign(sealed) == b"x"
    with pytest.raises(BadSignature):
        Seal(SecretStr("another key, of 32 characters or more"), "session", 60).unsign(sealed)
    monkeypatch.setattr("cir_chassis.session.time", lambda: 1e12)
    with pytest.raises(BadSignature):
        seal.unsign(sealed)


@pytest.mark.parametrize(
    ("today", "told"), [(None, "28 November 2026 11:05"), (date(2024, 3, 20), "20 March 2024 11:05")]
)
def test_a_demo_that_lives_on_one_day_tells_no_other(today: date | None, told: str) -> None:
    moment = _filters(Locale("en"), today)["moment"]
    assert moment(datetime(2026, 11, 28, 10, 5, tzinfo=UTC)) == told


async def test_a_page_is_safe_and_light(service: Service[CountWork]) -> None:
    async with browser(service) as one:
        page = await one.get(f"/login?to=/things&person={ANNA}")
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        (sheet,) = re.findall(r'rel="stylesheet" href="([^"]+)"', page.text)
        style = await one.get(sheet)
        assert "immutable" in style.headers["cache-control"]
        assert style.headers["content-encoding"] == page.headers["content-encoding"] == "gzip"
        assert int(style.headers["content-length"]) + int(page.headers["content-length"]) < 25_000
        assert int(page.headers["content-length"]) < 5_000
        assert "url(" not in style.text
