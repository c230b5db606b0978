"""The certificate of a registered dossier: for whom, what it says, and whether its code still holds."""

import asyncio
import re
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from dossier.certificates.pdf import Certificates
from dossier.certificates.use_cases import certify

from .conftest import ANNA, BRAM, Register, applicant, partner, person

NAMED = {"first_name": "Anna", "last_name": "Peeters"}
HELD: dict[str, Any] = {
    "language": "nl", "number": "2024.03.20.0001", "registered_on": "2024-03-20", "made_on": "2024-03-21",
    "company": "Dijledal, 016 00 00 01", "code": "ABCDE-FGHJK", "who": [{"role": "applicant", "name": "Anna Peeters"}],
}  # fmt: skip


async def certificate(register: Register, id_: str, who: dict[str, str]) -> httpx.Response:
    return await register.http.get(f"/v1/dossiers/{id_}/certificate", headers=who)


async def held(register: Register, id_: str) -> dict[str, Any]:
    """What the certificate says."""
    who = await register.service.app.state.login.caller((await register.candidate())["Authorization"].split()[1])
    async with register.service.database.work() as work:
        return await certify(UUID(id_), who, work)


async def valid(register: Register, code: str) -> dict[str, bool]:
    answer = await register.http.get(f"/v1/certificates/{code}")
    assert answer.status_code == 200, answer.text
    found: dict[str, bool] = answer.json()
    return found


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_a_registered_dossier_has_a_certificate_in_its_language(register: Register, language: str) -> None:
    id_ = await register.registered(applicant(**NAMED), language=language)
    number = (await register.read(id_))["number"]
    for who in (await register.candidate(), await register.case_worker()):
        answer = await certificate(register, id_, who)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.headers["content-disposition"] == f'attachment; filename="{number}.pdf"'
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == (
            "nosniff",
            "private, no-store",
        )
        title = {"nl": "Attest van inschrijving", "en": "Certificate of registration"}[language]
        assert answer.content.startswith(b"%PDF-1.7")
        assert f">{title} {number}</rdf:li>".encode() in answer.content
        assert b"<pdfuaid:part>1</pdfuaid:part>" in answer.content
        assert f"/Lang({language})".encode() in answer.content


async def test_it_names_the_candidates_who_confirmed_as_on_their_sheet_and_nobody_else(register: Register) -> None:
    child = person("c1", "co_resident", None, born_on="2015-05-01", first_name="Cas")
    id_ = await register.registered(applicant(**NAMED), child)
    said = await held(register, id_)
    assert said["who"] == [{"role": "applicant", "name": "Anna Peeters"}]
    version = (await register.read(id_))["facts_version"]
    assert (await register.change(id_, applicant(), partner(first_name="Bram"), version=version)).status_code == 200
    await register.assess(id_, "met")
    assert (await held(register, id_))["who"] == said["who"]
    await register.confirm(id_, "p2", await register.candidate(BRAM))
    await register.assess(id_, "met")
    assert (await held(register, id_))["who"] == [*said["who"], {"role": "partner", "name": "Bram"}]


async def test_who_may_not_see_the_whole_dossier_gets_none_and_a_draft_has_none(register: Register) -> None:
    himself = await register.candidate()
    id_ = await register.started(wants=["24062", "12025"])
    assert (await certificate(register, id_, himself)).status_code == 409
    await register.submit(id_)
    assert (await certificate(register, id_, himself)).status_code == 409
    assert (await certificate(register, id_, await register.case_worker("kanvaz"))).status_code == 403
    assert (await certificate(register, id_, await register.case_worker("woontrots"))).status_code == 404
    assert (await certificate(register, id_, {})).status_code == 401


async def test_a_code_holds_as_long_as_the_registration_does_and_says_nothing_else(register: Register) -> None:
    id_ = await register.registered()
    code = (await held(register, id_))["code"]
    assert re.fullmatch(r"([2-9A-HJ-NP-Z]{5}-){4}[2-9A-HJ-NP-Z]{5}", code)
    assert (await held(register, id_))["code"] == code
    for written in (code, code.lower().replace("-", ""), code.replace("-", " ")):
        assert await valid(register, written) == {"valid": True}
    for wrong in (
        code[:-1],
        code[:-1] + ("2" if code[-1] != "2" else "3"),
        id_,
        "2024.03.20.0001",
        "%27;--",
        "%00"[:2],
    ):
        assert await valid(register, wrong) == {"valid": False}
    assert (await register.http.get("/v1/certificates/" + "A" * 61)).status_code == 422
    assert (await register.act(id_, await register.candidate(), "withdraw")).status_code == 201
    assert await valid(register, code) == {"valid": False}


async def test_a_code_is_of_one_registration_and_each_has_its_own(register: Register) -> None:
    id_ = await register.registered()
    codes = {one["code"] for one in await asyncio.gather(*(held(register, id_) for _ in range(5)))}
    assert len(codes) == 1
    async with register.service.database.engine.connect() as connection:
        moved = "UPDATE dossiers SET standing = standing || CAST(:standing AS jsonb)"
        await connection.execute(sa.text(moved), {"standing": '{"kept_date": "2020-01-02"}'})
    assert await valid(register, codes.pop()) == {"valid": False}
    again = await held(register, id_)
    assert (again["registered_on"], await valid(register, again["code"])) == (
        date(2020, 1, 2).isoformat(),
        {"valid": True},
    )


NAMES = (
    '#panic("x")',
    "*a* $x$ `b` <c> @d",
    "\\u{1F600}",
    "Łukasz Дмитрий",
    "محمد",
    "张伟",
    "a\x00b",
    "😀",
    "x" * 3000,
    None,
)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_name_is_it_is_no_markup_and_keeps_nobody_from_his_certificate(name: str | None) -> None:
    for language in ("nl", "en"):
        made = Certificates().write(HELD | {"language": language, "who": [{"role": "applicant", "name": name}]})
        assert made.startswith(b"%PDF-")


def test_a_certificate_is_made_of_data_alone_and_differs_with_it() -> None:
    written = Certificates()
    assert written.write(HELD)[-4000:] != written.write(HELD | {"number": "2024.03.20.0002"})[-4000:]
    assert ANNA.encode() not in written.write(HELD)
