"""Whoever reads or changes a dossier is on record, in the transaction in which he does; what is refused shows nothing."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from cir_chassis.audit import AUDIT

from .conftest import BRAM, STRANGER, Register, applicant, partner, person

FILE = "GET /v1/dossiers/{dossier}/file"
SEARCH = "GET /v1/dossiers"


async def rows(register: Register, id_: str | None = None) -> list[Any]:
    query = sa.select(AUDIT).order_by(AUDIT.c.id)
    async with register.service.database.engine.connect() as connection:
        return list(await connection.execute(query.where(AUDIT.c.dossier == id_) if id_ else query))


async def test_every_reading_and_change_is_on_record_by_whom_and_on_what_ground(register: Register) -> None:
    himself, worker = await register.candidate(), await register.case_worker()
    id_ = await register.started(wants=["24062", "12025"], help=None)
    await register.submit(id_)
    await register.confirm(id_, "p1", himself)
    await register.read(id_, worker)
    await register.read(id_, await register.case_worker("kanvaz"))
    await register.get(f"/{id_}/file", worker)
    await register.get("", himself)
    assert (await register.act(id_, worker, "withdraw", reasons=["He wrote us a letter."])).status_code == 201
    found = [(row.role, row.works_for, row.relation, row.call, row.detail) for row in await rows(register, id_)]
    one = "/v1/dossiers/{dossier}"
    assert found == [
        ("candidate", None, "applicant", "POST /v1/dossiers", None),
        ("candidate", None, "applicant", f"POST {one}/submission", None),
        ("candidate", None, "applicant", f"POST {one}/members/{{member}}/confirmation", None),
        ("case_worker", "dijledal", "treating", f"GET {one}", None),
        ("case_worker", "kanvaz", "wanted", f"GET {one}", None),
        ("case_worker", "dijledal", "treating", FILE, None),
        ("candidate", None, "applicant", "GET /v1/dossiers", None),
        ("case_worker", "dijledal", "treating", f"POST {one}/actions", "withdraw"),
    ]
    entries = await rows(register, id_)
    assert len({row.subject for row in entries}) == 3
    assert "He wrote" not in str(entries)


async def test_a_search_that_finds_nobody_is_on_record(register: Register) -> None:
    """Else a case worker could ask of anybody whether he is registered, and nobody would know."""
    worker = await register.case_worker()
    found = await register.http.get("/v1/dossiers", params={"q": "85.02.23-997.03"}, headers=worker)
    assert (found.status_code, found.json()) == (200, [])
    [entry] = await rows(register)
    assert (entry.dossier, entry.role, entry.call, entry.detail) == (None, "case_worker", SEARCH, "found nothing")
    assert "997" not in str(entry)


async def test_a_call_that_is_refused_shows_nothing_and_is_not_on_record(register: Register) -> None:
    id_ = await register.registered(applicant(), person("c1", "co_resident", BRAM))
    before = len(await rows(register))
    refused = [
        await register.http.get(f"/v1/dossiers/{id_}/file", headers=await register.candidate(STRANGER)),
        await register.http.get(f"/v1/dossiers/{id_}/audit", headers=await register.candidate(BRAM)),
        await register.http.get(f"/v1/dossiers/{id_}/audit", headers=await register.case_worker("kanvaz")),
        await register.http.delete(f"/v1/dossiers/{id_}", headers=await register.candidate()),
        await register.change(id_, applicant(), version=0),
    ]
    assert [answer.status_code for answer in refused] == [404, 403, 404, 409, 412]
    assert len(await rows(register)) == before


CUT_OFF = (
    """CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END$$""",
    "CREATE TRIGGER cut_off BEFORE INSERT ON audit EXECUTE FUNCTION cut_off()",
)


async def test_what_is_rolled_back_is_not_on_record_and_what_is_on_record_took_place(register: Register) -> None:
    id_ = await register.started()
    before = len(await rows(register))

    async with register.service.background.engine.connect() as connection:
        for statement in CUT_OFF:
            await connection.execute(sa.text(statement))
    assert (await register.http.get(f"/v1/dossiers/{id_}/file", headers=await register.candidate())).status_code == 503
    assert (await register.submit(id_)).status_code == 503
    async with register.service.background.engine.connect() as connection:
        await connection.execute(sa.text("DROP TRIGGER cut_off ON audit"))
    assert len(await rows(register)) == before
    assert (await register.read(id_))["status"] == "draft"


async def test_the_audit_is_never_changed_nor_deleted(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    before = await rows(register)
    for statement in ("UPDATE audit SET subject = 'another'", "DELETE FROM audit"):
        async with register.service.database.engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError, match="the audit is never changed or deleted"):
                await connection.execute(sa.text(statement))
    assert await rows(register) == before


async def test_a_candidate_and_the_treating_company_read_it_without_anybodys_login(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(), wants=["24062", "12025"])
    worker = await register.case_worker()
    await register.get(f"/{id_}/file", worker)
    for who in (await register.candidate(), await register.candidate(BRAM), worker):
        audit = await register.get(f"/{id_}/audit", who)
        last = next(one for one in audit if one["call"] == FILE)
        assert last == {
            "id": last["id"], "at": last["at"], "by": "case_worker", "works_for": "dijledal", "relation": "treating",
            "call": FILE, "detail": None,
        }  # fmt: skip
        assert [one["id"] for one in audit] == sorted((one["id"] for one in audit), reverse=True)
        assert not {row.subject for row in await rows(register)} & {
            str(value) for one in audit for value in one.values()
        }
    assert [one["call"] for one in audit[:2]] == ["GET /v1/dossiers/{dossier}/audit"] * 2  # who read the audit, too
    page = await register.get(f"/{id_}/audit?most=2&before={audit[1]['id']}", worker)
    assert [one["id"] for one in page] == [one["id"] for one in audit[2:4]]
    wanted = await register.http.get(f"/v1/dossiers/{id_}/audit", headers=await register.case_worker("kanvaz"))
    assert wanted.status_code == 403


async def test_a_draft_that_is_erased_leaves_no_entry(register: Register) -> None:
    himself = await register.candidate()
    kept = await register.started(who=await register.candidate(BRAM), members=[applicant(number=BRAM)], key="k2")
    id_ = await register.started()
    await register.read(id_, await register.case_worker())
    await register.get("", himself)
    assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=himself)).status_code == 204
    assert {str(row.dossier) for row in await rows(register)} == {kept}


async def test_all_who_read_at_once_are_on_record(register: Register) -> None:
    id_ = await register.started()
    before = len(await rows(register, id_))
    await asyncio.gather(*(register.read(id_) for _ in range(9)))
    assert len(await rows(register, id_)) == before + 9
