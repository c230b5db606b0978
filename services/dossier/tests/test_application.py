"""An application in a browser: a page takes back and establishes nothing that it did not show, and nobody does it for another."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cir_chassis.session import LIFE
from conftest import session
from dossier.application.screens import SCREENS, as_typed, read_amount

from .authentic import Authentic, until, working
from .conftest import ANNA, BRAM, CHILD, KEY, STRANGER, Register, applicant, partner, person, serving

START = {"municipality": "24062", "language": "nl", "email": "anna@example.org"}
MARKUP = "<b>Ann</b> & co"
HOME = {
    "street": "Bondgenotenlaan",
    "house_number": "1",
    "box": "1.01",
    "postal_code": "3000",
    "place": "Leuven",
    "country": "BE",
}


@pytest.fixture
async def register(database_of: Callable[[str], Awaitable[str]], login: str, tmp_path: Path) -> AsyncIterator[Register]:
    pages: dict[str, Any] = {"public": {"dossier": "http://127.0.0.1:9"}, "session_key": KEY}
    documents = (tmp_path / "documents").as_uri()
    async with serving(await database_of("dossier"), login, documents=documents, **pages) as register:
        yield register


class Browser:
    """A browser in which somebody is logged in, or nobody. It sends a form as it was shown, with what is typed."""

    def __init__(self, register: Register, who: dict[str, str] | None, life: float = LIFE) -> None:
        self.http, self.headers = register.http, {"Accept": "text/html", "Accept-Language": "en"}
        if who:
            self.headers["Cookie"] = f"cir={session(who['Authorization'].removeprefix('Bearer '), KEY, life)}"

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.http.get(path, headers=self.headers)
        assert answer.status_code == status, answer.text
        return str(answer.headers["location"]) if status == 303 else re.sub(r"\s+", " ", answer.text)

    async def post(self, path: str, status: int = 303, headers: dict[str, str] | None = None, /, **form: str) -> str:
        """The page that answers; of a redirect, where it leads."""
        answer = await self.http.post(path, data=form, headers=self.headers | (headers or {}))
        assert answer.status_code == status, answer.text
        return str(answer.headers["location"]) if status == 303 else re.sub(r"\s+", " ", answer.text)

    async def fill(self, path: str, status: int = 303, /, **typed: str) -> str:
        """Open a page, type, and save; what is not typed stays as it was shown."""
        return await self.post(path.split("?")[0], status, **form_of(await self.get(path)) | typed)


def form_of(html: str) -> dict[str, str]:
    found = dict[str, str]()
    for tag in re.findall(r"<input[^>]*>", html):
        of = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if of.get("type") != "radio" or " checked" in tag:
            found[of["name"]] = of.get("value", "")
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', html):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    return found


def page_of(html: str) -> str:
    found = re.search(r'data-page="(\w+)"', html)
    assert found, html
    return found[1]


def item(html: str, nth: int = 0) -> str:
    return str(re.findall(r'\?item=([\w-]+)"', html)[nth])


async def as_(register: Register, number: str = ANNA) -> Browser:
    return Browser(register, await register.candidate(number))


async def declared(register: Register, id_: str, number: str = ANNA) -> dict[str, Any]:
    file = await register.get(f"/{id_}/file", await register.candidate(number))
    return {one["id"]: one for one in file["declared"]["members"]} | {"": file}


async def begun(register: Register, *members: dict[str, Any], **changed: Any) -> tuple[Browser, str, str]:
    id_ = await register.started(members=list(members) or [applicant()], **changed)
    return await as_(register), id_, f"/dossiers/{id_}/application"


async def test_from_an_empty_browser_to_an_application(register: Register) -> None:
    anna = await as_(register)
    assert page_of(await anna.get("/start")) == "begin"
    wrong = await anna.post("/start", 422, municipality="", language="nl", email="x")
    assert "Choose a municipality" in wrong
    assert "Give an email address" in wrong
    assert 'value="x"' in wrong
    assert "problem" in await anna.post("/start", 422, **START | {"municipality": "11001"}), "nobody treats it"
    home = await anna.post("/start", **START)
    id_ = home.split("/")[2]
    assert await anna.post("/start", **START) == home, "a form sent twice is one dossier"
    assert await anna.get("/start", 303) == home
    assert page_of(await anna.get(home)) == "application"
    for path, typed in {
        "/household?item=new": {
            "role": "partner",
            "first_name": "Bram",
            "number": "86.67.01-001.13",
            "moves_in": "true",
        },
        "/household?item=p1": {"first_name": MARKUP},
        "/contacts": {"phone": "016 00 00 00"},
        "/home/p1": HOME,
        "/post/p1": {"made": "false"},
        "/situation/p1": {"residence": "population_register", "recognised_handicap": "false"},
        "/incomes/p1?item=new": {"year": "2023", "jointly_taxable": "21.000,50"},
        "/recent_income/p1": {"made": "true", "months": "3", "amount": "1500"},
        "/set_aside/p1": {"made": "true", "ground": "budget_guidance", "proof": "interpreted"},
        "/no_income_declared/p1": {"made": "true"},
        "/balances/p1": {"balances": "1 200,00"},
        "/real_rights/p1?item=new": {"right": "full_ownership", "object": "dwelling", "exception": "expropriation"},
        "/wants?item=new": {"municipality": "12025"},
        "/residence?item=new": {"member": "p1", "municipality": "24062", "from": "1/5/2012"},
        "/informal_care_in?item=new": {"municipality": "24011"},
        "/help": {
            "made": "true",
            "kind": "ocmw",
            "organisation": "OCMW Leuven",
            "email": "o@ocmw.be",
            "inform": "true",
        },
    }.items():
        assert (await anna.fill(home + path, **typed)).startswith(home), path
    found = await declared(register, id_)
    bram = next(one for one in found if one not in ("p1", ""))
    assert found["p1"] == {
        "id": "p1", "role": "applicant", "moves_in": True, "number": ANNA, "born_on": "1985-02-23", "first_name": MARKUP,
        "home": HOME, "residence": "population_register", "recognised_handicap": False, "balances": "1200.00",
        "incomes": [{"year": 2023, "jointly_taxable": "21000.50"} | dict.fromkeys(
            ("separately_taxable", "replacement_allowance", "living_wage", "foreign_exempt"), "0.00")],
        "recent_income": {"months": 3, "amount": "1500.00"}, "set_aside": {"ground": "budget_guidance"},
        "no_income_declared": {},
        "real_rights": [{"right": "full_ownership", "object": "dwelling", "exception": "expropriation"}],
    }  # fmt: skip
    assert (found[bram]["number"], found[bram]["role"]) == (BRAM, "partner")
    assert found[""]["wishes"]["wants"] == ["24062", "12025"]
    assert found[""]["wishes"]["residence"][0]["from"] == "2012-05-01"
    assert found[""]["contacts"]["help"]["inform"] is True
    assert await anna.get(home + "/sent", 303) == home
    page = await anna.get(home + "/check")
    assert "&lt;b&gt;Ann&lt;/b&gt; &amp; co" in page
    assert "<b>Ann" not in page
    assert await anna.fill(home + "/check") == home + "/sent"
    page = await anna.get(home + "/sent")
    assert "Your number: 2024.03.20.0001" in page
    assert "<li>Bram: we have no email" in page
    assert (await register.read(id_))["pending"][0] == f"confirmation:{bram}"


FULL = [
    applicant(first_name="Anna", email="a@example.org", home=HOME, balances="5.10", set_aside={"ground": "budget_guidance"},
              incomes=[{"year": 2022, "living_wage": "1.00"}, {"year": 2023}], emancipated=True, language="known"),
    partner(phones=["016 00 00 00", "016 11 11 11"], stay=HOME, incomes=[{"year": 2023, "jointly_taxable": "20000.00"}],
            recent_income={"months": 4, "amount": "100.00"}, no_income_declared={}, gives_care_in=["24062"],
            real_rights=[{"right": "long_lease", "object": "dwelling", "country": "FR", "exception": "separation"},
                         {"right": "long_lease", "object": "dwelling", "country": "FR"}]),
    person("c1", "co_resident", CHILD, dependant=True, recognised_handicap=True, last_name="Peeters"),
    person("c2", "co_resident", None, born_on="2024-01-01", moves_in=False),
]  # fmt: skip
TIES = {
    "wants": ["24062", "12025"],
    "residence": [
        {"municipality": "24062", "area": "north", "from": "2012-05-01", "until": "2020-01-01", "member": "p2"}
    ],
    "help": {"kind": "ocmw", "organisation": "OCMW", "email": "o@ocmw.be", "inform": True},
}


async def test_a_page_changes_what_it_asks_and_nothing_else(register: Register) -> None:
    anna, id_, home = await begun(register, *FULL, **TIES)
    before, seen = await declared(register, id_), 0
    for name, one in ((name, one) for name in SCREENS for one in ("", "/p1", "/p2", "/c1", "/c2")):
        path = f"{home}/{name}{one}"
        asks = bool(one) == (SCREENS[name].part == "person") and (name != "reach" or one != "/p1")
        if not asks or ("c" in one and name not in ("reach", "situation")):  # of who moves along no incomes, no rights
            await anna.get(path, 404)
            continue
        rows = [key for key in re.findall(r'\?item=([\w-]+)"', await anna.get(path)) if key != "new"]
        for page in [f"{path}?item={key}" for key in rows] if SCREENS[name].many else [path]:
            shown = form_of(html := await anna.get(page))
            assert await anna.post(path, **({"made": "false"} if 'name="made"' in html else {}) | shown)
            seen += 1
    assert seen == 35
    assert await declared(register, id_) == before, "a page that is sent as it was shown says nothing"
    for path, typed, place in (
        ("/household?item=p2", {"first_name": "Bram"}, ("p2", "first_name")),
        ("/situation/c1", {"dependant": "false"}, ("c1", "dependant")),
        ("/balances/p1", {"balances": ""}, ("p1", "balances")),
        ("/recent_income/p2", {"made": "false"}, ("p2", "recent_income")),
        ("/reach/p2", {"phones": ""}, ("p2", "phones")),
        ("/stay/p2", {"made": "false"}, ("p2", "stay")),
        ("/contacts", {"phone": "016 22 22 22"}, ("", "contacts")),
        ("/help", {"made": "false", "kind": "ocmw"}, ("", "contacts")),
        ("/informal_care_in?item=new", {"municipality": "24011"}, ("", "wishes")),
        (f"/real_rights/p2?item={item(await anna.get(home + '/real_rights/p2'), 1)}", {"remove": "1"}, ("p2", "real_rights")),
        ("/incomes/p1?item=" + item(await anna.get(home + "/incomes/p1")), {"living_wage": "2,00"}, ("p1", "incomes")),
        ("/household?item=c2", {"remove": "1"}, ("c2", None)),
    ):  # fmt: skip
        old = await declared(register, id_)
        await anna.fill(home + path, **typed)
        now = await declared(register, id_)
        files = [one.pop("") for one in (old, now)]
        changed = {(one, key) for one in old for key in {*old[one], *now.get(one, {})}
                   if old[one].get(key) != now.get(one, {}).get(key)}  # fmt: skip
        changed |= {("", part) for part in ("contacts", "wishes") if files[0][part] != files[1][part]}
        assert {(one, key if place[1] else None) for one, key in changed} == {place}, path
    found = await declared(register, id_)
    assert found["p2"]["real_rights"] == FULL[1]["real_rights"][:1], (
        "of two that are alike in kind, the one that was shown"
    )
    assert [one["living_wage"] for one in found["p1"]["incomes"]] == ["2.00", "0.00"]
    assert found["p2"]["gives_care_in"] == ["24062"]


async def test_two_tabs_lose_nothing(register: Register) -> None:
    anna, id_, home = await begun(register, *FULL)
    tab = form_of(await anna.get(home + "/balances/p1"))
    await anna.fill(home + "/balances/p1", balances="7,00")
    page = await anna.post(home + "/balances/p1", 412, **tab | {"balances": "9,00"})
    assert "on record now: <strong>€7.00" in page
    assert 'value="9,00"' in page
    await anna.post(home + "/balances/p1", **form_of(page))
    assert (await declared(register, id_))["p1"]["balances"] == "9.00"
    # a row that went meanwhile is not another one's place
    first = home + "/incomes/p1?item=" + item(await anna.get(home + "/incomes/p1"))
    tab = form_of(await anna.get(first))
    await anna.fill(first, remove="1")
    assert await anna.get(first, 303) == home + "/incomes/p1"
    page = await anna.post(home + "/incomes/p1", 412, **tab | {"living_wage": "3,00"})
    assert form_of(page)["item"] == "new"
    assert "changed meanwhile" in await anna.post(home + "/incomes/p1", 412, **tab | {"remove": "1"})
    await anna.post(home + "/incomes/p1", **form_of(page))
    assert [one["year"] for one in (await declared(register, id_))["p1"]["incomes"]] == [2022, 2023]
    # a form that is sent twice adds one
    tab = form_of(await anna.get(home + "/household?item=new")) | {"role": "co_resident", "born_on": "1/2/2020"}
    for _ in range(2):
        assert await anna.post(home + "/household", **tab) == home + "/household"
    assert len(await declared(register, id_)) == 6
    # one who is not there yet is added once more, knowingly
    page = await anna.post(home + "/household", 412, **tab | {"first_name": "Jef"})
    await anna.post(home + "/household", **form_of(page))
    assert len(await declared(register, id_)) == 7
    # a version that is none
    assert "changed meanwhile" in await anna.post(home + "/incomes/p2", 412, version="9" * 5000, none="1")
    # what is sent is what was seen
    tab = form_of(await anna.get(home + "/check"))
    await anna.fill(home + "/balances/p1", balances="8,00")
    assert "It was not sent" in await anna.post(home + "/check", 412, **tab)
    assert (await register.read(id_))["status"] == "draft"


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("/balances/p1", {"balances": "1.234"}, "Write 1234 or 1234,56"),
    ("/balances/p1", {"balances": "9000000,01"}, "at most 9 000 000"),
    ("/balances/p1", {"balances": "-5"}, "Give an amount"),
    ("/balances/p1", {"balances.x": "1"}, "Give an amount"),
    ("/reach/c1", {"phones.x": "1"}, "Give phone numbers"),
    ("/household?item=c1", {"born_on.x": "1"}, "Give the date of birth"),
    ("/household?item=new", {"number.x": "1"}, "number of eleven digits"),
    ("/household?item=new", {"role": "partner"}, "number of eleven digits"),
    ("/household?item=new", {"role": "partner", "number": "12345678901"}, "number of eleven digits"),
    ("/household?item=new", {"role": "partner", "number": ANNA}, "already belongs to somebody"),
    (
        "/household?item=new",
        {"role": "co_resident", "number": CHILD, "born_on": "1/1/2000"},
        "date of birth that the number",
    ),
    ("/household?item=new", {"role": "co_resident", "born_on": "31/2/2000"}, "Give the date of birth"),
    ("/household?item=new", {"first_name": "X", "born_on": "1/2/2000"}, "Say what this person is"),
    ("/household?item=p1", {"remove": "1"}, "one applicant"),
    ("/incomes/p1?item=new", {"year": "2024"}, "Give a year before"),
    ("/incomes/p1?item=new", {"jointly_taxable": "5"}, "Give a year before"),
    ("/recent_income/p1", {"made": "true"}, "Give 3, 4, 5 or 6 months"),
    ("/recent_income/p1", {"amount": "5"}, "Choose yes or no"),
    ("/help", {"made": "true", "kind": "ocmw", "inform": "true"}, "an email address, and of an organisation"),
    ("/residence?item=new", {"municipality": "24062", "from": "1/1/2020", "until": "1/1/2019"}, "ends after it began"),
    ("/reach/c1", {"email": "not one"}, "Give an email address"),
    ("/reach/c1", {"phones": "016 00 00 00, x"}, "Give phone numbers"),
    ("/stay/p1", {"made": "true"}, "Give the street"),
    ("/set_aside/p1", {"made": "true", "ground": "other"}, "Choose which one"),
]


async def test_what_cannot_be_saved_is_said_at_the_field(register: Register) -> None:
    anna, id_, home = await begun(register, applicant(), person("c1", "co_resident", CHILD))
    before = await declared(register, id_)
    for path, typed, words in WRONG:
        page = await anna.fill(home + path, 422, **typed)
        assert words in page, path
        assert "There is a problem" in page
        assert all(f'value="{value}"' in page for value in typed.values() if value not in ("1", "other")), path
    assert await declared(register, id_) == before


def test_amounts_are_read_in_dutch_and_in_english() -> None:
    for text, amount in {"1.234,56": "1234.56", "1,234.56": "1234.56", "1234.5": "1234.5", "€ 1 234": "1234.00",
                         "1.234.567": "1234567.00", "12": "12.00", "1\xa0234,00": "1234.00"}.items():  # fmt: skip
        assert read_amount(text) == amount
    for text in ("1.234", "1,234", "1.234.56", "12.34.567", "1,2,3", "x", "", "1e5", "1.2345", "١"):
        with pytest.raises(ValueError, match=r"amount|decimals"):
            read_amount(text)
    assert as_typed("1234.50") == "1234,50"


async def test_nobody_does_it_for_another(register: Register) -> None:
    anna, id_, home = await begun(register, applicant(balances="5.00"), partner(), person("c1", "co_resident", CHILD))
    posts = ["/start", home + "/balances/p1", home + "/check", f"/dossiers/{id_}/confirmation"]
    for path in posts:
        await anna.post(path, 403, {"Sec-Fetch-Site": "cross-site"}, answer="confirm", **START)
    stranger, bram, nobody = await as_(register, STRANGER), await as_(register, BRAM), Browser(register, {})
    for path in ("", "/check", "/sent", "/balances/p1", "/household"):
        await stranger.get(home + path, 404)
    assert await bram.get(home, 303) == f"/dossiers/{id_}/confirmation"
    for path in ("/check", "/sent", "/balances/p1", "/household"):  # who was named without knowing
        await bram.get(home + path, 403)
    await bram.post(home + "/balances/p1", 403, version="1", balances="1")
    for path in (
        "/balances/p9",
        "/balances",
        "/household/p1",
        "/incomes/c1",
        "/home/c1",
        "/nothing",
        "/situation/p1/x",
    ):
        await anna.get(home + path, 404)
        await anna.post(home + path, 404, version="1")
    # a login that ended on a form: what was typed is sealed, for this address
    tab = form_of(await anna.get(home + "/incomes/p1?item=new")) | {"year": "2023"}
    assert "sealed" not in await nobody.post(home + "/incomes/p1", 401, **tab), "whose would it be?"
    page = await Browser(register, await register.candidate(), life=-1).post(home + "/incomes/p1", 401, **tab)
    assert page_of(page) == "login_ended"
    await anna.post(home + "/incomes/p2", 200, sealed=form_of(page)["sealed"])
    await anna.post(home + "/incomes/p1", sealed=form_of(page)["sealed"])
    found = await declared(register, id_)
    assert [one["year"] for one in found["p1"]["incomes"]] == [2023]
    assert "incomes" not in found["p2"]


async def test_an_adult_confirms_or_declines(register: Register) -> None:
    members = [
        applicant(first_name=MARKUP, balances="777.00"),
        partner(first_name="Bram"),
        person("c1", "co_resident", STRANGER),
    ]
    anna, id_, home = await begun(register, *members)
    await anna.fill(home + "/check")
    number = (await register.read(id_))["number"]
    bram, stranger = await as_(register, BRAM), await as_(register, STRANGER)
    at = f"/dossiers/{number}/confirmation"
    page = await bram.get(at)
    assert "Applicant" in page
    assert "First name: Bram" in page
    assert "Ann" not in page
    assert "777" not in page
    assert "Look at that dossier first" in await bram.get("/start")
    assert "Choose what you want" in await bram.post(at, 422)
    # who has a dossier of his own leaves that first
    own = await bram.post("/start", **START | {"email": "bram@example.org"})
    assert "Leave that one first" in await bram.post(at, 409, answer="confirm")
    answer = await register.http.delete(f"/v1/dossiers/{own.split('/')[2]}", headers=await register.candidate(BRAM))
    assert answer.status_code == 204
    assert await bram.post(at, answer="confirm") == f"/dossiers/{id_}"
    assert await bram.post(at, answer="confirm") == f"/dossiers/{id_}", "twice is once"
    assert await bram.get("/start", 303) == f"/dossiers/{id_}", "who is partner starts no other"
    assert await bram.post("/start", **START) == f"/dossiers/{id_}"
    assert "777" in await bram.get(home + "/check")
    # after the application the same pages change its facts
    assert "checked anew" in await anna.get(home)
    await bram.fill(home + "/balances/p2", balances="3")
    assert (await declared(register, id_))["p2"]["balances"] == "3.00"
    assert "Only the applicant changes" in await bram.fill(home + "/contacts", 422, email="bram@example.org")
    assert await stranger.post(at, answer="decline") == "/declined"
    assert page_of(await stranger.get("/declined")) == "declined"
    await stranger.get(at, 404)
    assert (await register.read(id_))["pending"] == ["assessment"]


async def test_who_cannot_log_in_is_not_waited_for_in_silence(register: Register) -> None:
    nobody = person("c1", "co_resident", None, born_on=None, first_name="Abebe")
    anna, _, home = await begun(register, applicant(), nobody, person("c2", "co_resident", STRANGER, first_name="Zoe"))
    await anna.fill(home + "/check")
    page = await anna.get(home + "/sent")
    assert "<li>Abebe: we do not know the national register number" in page
    assert "<li>Zoe: we have no email address" in page
    assert "Without it this person counts as an adult" in await anna.get(home + "/household?item=c1")


async def test_who_was_started_at_the_counter_sees_his_own_and_confirms(register: Register) -> None:
    worker = await register.case_worker()
    incomes = [{"year": 2023, "jointly_taxable": "21000.00"}]
    anna_full = applicant(language="known", balances="5.10", incomes=incomes)
    id_ = await register.started(who=worker, members=[anna_full, partner(first_name="Secret")])
    anna = await as_(register)
    assert await anna.get("/start", 303) == f"/dossiers/{id_}/application"
    assert await anna.get(f"/dossiers/{id_}/application", 303) == f"/dossiers/{id_}/confirmation"
    page = await anna.get(f"/dossiers/{id_}/confirmation")
    assert "Secret" not in page
    assert BRAM not in page
    assert "Knowledge of Dutch: Yes" in page
    assert "Known to us already: Year: 2023, Jointly taxable income: €21,000.00" in page
    assert "Known to us already: Together on accounts: €5.10" in page
    await anna.get(f"/dossiers/{id_}/application/check", 403)
    await anna.post(f"/dossiers/{id_}/confirmation", 409, answer="decline")
    await anna.post(f"/dossiers/{id_}/confirmation", answer="confirm")
    assert "Secret" in await anna.get(f"/dossiers/{id_}/application/check")


async def test_what_a_source_knows_is_shown_and_not_asked(
    database_of: Callable[[str], Awaitable[str]], login: str, authentic: Authentic
) -> None:
    told: dict[str, Any] = {
        "public": {"dossier": "http://127.0.0.1:9"},
        "session_key": KEY,
        "sources": authentic.address,
    }
    incomes = [{"year": 2023, "jointly_taxable": "20000.00"}]
    await authentic.know(
        ANNA, residence="population_register", incomes=incomes, real_rights=[], recognised_handicap=True
    )
    async with serving(await database_of("dossier"), login, **told) as register, working(register):
        anna, id_, home = await begun(register, applicant())

        async def answered() -> bool:
            return "sources" not in (await register.read(id_))["pending"]

        await until(answered)
        page = await anna.get(home + "/situation/p1")
        assert "<strong>In the population register</strong>" in page
        assert "So says the national register, on" in page
        assert "open" not in re.findall(r"<details[^>]*>", page)[0]
        before = await declared(register, id_)
        await anna.fill(home + "/situation/p1", language="known")
        found = await declared(register, id_)
        assert found["p1"] == before["p1"] | {"language": "known"}, (
            "what a source knows is not declared by looking at it"
        )
        assert found[""]["origins"]["p1"]["residence"]["origin"] == "source"
        await anna.fill(home + "/situation/p1", residence="reference_address")  # he may say that it is wrong
        found = await declared(register, id_)
        assert found["p1"]["residence"] == "reference_address"
        assert found[""]["origins"]["p1"]["residence"]["to_prove"]
        assert "<strong>€20,000.00</strong>" in await anna.get(home + "/incomes/p1")
        assert 'Nothing is known.</p> <p class="govuk-body-s">So says the land registry' in await anna.get(
            home + "/real_rights/p1"
        )
        assert "Known to the authorities" in await anna.get(home)
