"""Whoever reads or decides about a dossier at priority is on record, on what ground; and nobody changes that."""

from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from cir_chassis.audit import AUDIT

from .conftest import CANDIDATE, Priority, candidacy

ID = uuid4()


async def rows(priority: Priority) -> list[tuple[Any, ...]]:
    query = sa.select(
        *(AUDIT.c[name] for name in ("role", "works_for", "relation", "call", "detail", "dossier"))
    ).order_by(AUDIT.c.id)
    async with priority.service.database.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def test_who_reads_and_who_decides_is_on_record(priority: Priority) -> None:
    await priority.hear(
        candidacy("2019.04.02.0007", dossier=ID), candidacy("2019.04.02.0008", dossier=(other := uuid4()))
    )
    await priority.agreed()
    before = await rows(priority)
    made = await priority.post(
        "/v1/situations", {"dossier": str(ID), "text": "It rains in."}, "candidate", person=CANDIDATE
    )
    await priority.post("/v1/situations", {"dossier": str(other), "text": "It burned."}, "candidate", person=CANDIDATE)
    await priority.get("/v1/situations")
    await priority.post(f"/v1/situations/{made.json()['id']}/review", {"decision": "refused", "reasons": "No ground."})
    await priority.refer("2019.04.02.0008")
    assert (await priority.ask()).status_code == 200
    async with priority.service.database.engine.connect() as connection:
        assert CANDIDATE not in str(list(await connection.execute(sa.select(AUDIT))))
    worker, caw = ("case_worker", "dijledal"), ("helper", "caw")
    assert before == []
    assert await rows(priority) == [
        ("candidate", None, "own dossier", "POST /v1/situations", None, ID),
        ("candidate", None, "own dossier", "POST /v1/situations", None, other),
        (*worker, "company", "GET /v1/situations", None, ID),
        (*worker, "company", "GET /v1/situations", None, other),
        (*worker, "dossier of the company", "POST /v1/situations/{id}/review", None, ID),
        (*caw, "organisation", "POST /v1/referrals", None, other),
        (*worker, "company", "GET /v1/waiting-list", "24062", None),
    ]


@pytest.mark.parametrize("statement", ["UPDATE audit SET dossier = NULL", "DELETE FROM audit"])
async def test_the_audit_is_never_changed_nor_deleted(priority: Priority, statement: str) -> None:
    assert (await priority.ask()).status_code == 200
    async with priority.service.database.engine.connect() as connection:
        with pytest.raises(sa.exc.DBAPIError, match="the audit is never changed or deleted"):
            await connection.execute(sa.text(statement))
    assert len(await rows(priority)) == 1
