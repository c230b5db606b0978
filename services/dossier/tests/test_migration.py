"""What was on record before acts were becomes acts: status and candidacy are equal before and after, and life goes on."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from cir_chassis.clock import Clock
from cir_chassis.database import Database, alembic_config
from cir_schemas import CandidacyRecorded
from deploy.embedded.postgres import create_databases
from dossier.app import MIGRATIONS, fill_queue
from dossier.domain.acts import standing
from dossier.register.public import publish_candidacy
from dossier.register.register import Register
from dossier.register.store import RegisterWork, read_standing

from .conftest import ANNA, BRAM, KEY, LEUVEN

HOUSE = {"right": "full_ownership", "object": "dwelling", "country": "BE"}
MEMBERS: list[dict[str, Any]] = [
    {
        **{"id": "p1", "role": "applicant", "moves_in": True, "born_on": "1985-02-23", "emancipated": False},
        "incomes": [{"year": 2022, "jointly_taxable": "9.00"}, {"year": 2023, "jointly_taxable": "21000.00"}],
        "real_rights": [HOUSE | {"exception": "separation", "proof": "interpreted"}, HOUSE],
        "recent_income": {"months": 3, "amount": "6000.00", "proof": "interpreted"},
        "balances": "5.00",
    },
    {"id": "p2", "role": "partner", "moves_in": True, "born_on": "1986-07-01", "incomes": [], "real_rights": []},
    {"id": "c1", "role": "co_resident", "moves_in": True, "born_on": "2015-05-01", "dependant": True},
]
STAYS = [{"municipality": "24062", "area": None, "from": "2012-01-01", "until": None}]
TEST = {"id": str(uuid4()), "moment": "registration", "reference_date": "2024-03-20"}
ANSWER: dict[str, Any] = {"rules": "sha256:0", "conditions": {}, "asks": [], "could_claim": []}
BEFORE: list[dict[str, Any]] = [
    {"status": "draft", "confirmed": ["p1"]},
    {"status": "submitted", "confirmed": ["p1"], "submitted": True, "test": TEST},
    {"status": "registered", "confirmed": ["p1", "p2"], "submitted": True, "counted": "met"},
    {"status": "under_investigation", "confirmed": ["p1", "p2"], "submitted": True, "counted": "not_met", "test": TEST},
]


async def put(connection: Any, n: int, case: dict[str, Any]) -> str:
    """A dossier as the release before had it."""
    id_, number = uuid4(), f"2024.03.20.{n:04d}" if case.get("submitted") else None
    await connection.execute(
        "INSERT INTO dossiers (id, municipality, company, language, wants, residence, informal_care_in, household, facts_version,"
        " version, number, submitted_on, must_confirm, test, heard_version, assessment, assessed_version, counted, status, asked,"
        " started_at) VALUES ($1, '24062', 'dijledal', 'nl', '[\"24062\"]', $11, '[\"12025\"]', $2, 3, 9, $3, $4, $5, $6, 7, $7,"
        " 3, $8, $9, '[]', $10)",
        id_, json.dumps(MEMBERS), number, datetime(2024, 3, 20, tzinfo=UTC).date() if number else None,
        json.dumps(["p1", "p2"] if number else []), json.dumps(case["test"]) if case.get("test") else None,
        json.dumps(ANSWER | {"outcome": case.get("counted") or "met"}), case.get("counted"), case["status"],
        datetime(2024, 3, 1, 12, tzinfo=UTC), json.dumps(STAYS),
    )  # fmt: skip
    for member, number_ in (("p1", f"{ANNA[:-1]}{n}"), ("p2", f"{BRAM[:-1]}{n}"), ("c1", None), ("gone", None)):
        at = datetime(2024, 3, 21, tzinfo=UTC) if member in case["confirmed"] else None
        await connection.execute(
            "INSERT INTO members VALUES ($1, $2, $3, $4, $5, $6)",
            id_, member, {"p1": "applicant", "p2": "partner"}.get(member, "co_resident"), number_, at, at and "himself",
        )  # fmt: skip
        if member in ("p1", "p2"):
            await connection.execute("INSERT INTO candidates VALUES ($1, $2)", number_, id_)
    return str(id_)


@pytest.fixture
async def migrated(postgres: int) -> tuple[str, list[str]]:
    """The database's address and the dossiers put there before its newest migration."""
    name = f"before_{uuid4().hex[:8]}"
    await create_databases(postgres, (name,))
    url = f"postgresql://postgres@127.0.0.1:{postgres}/{name}"
    config = alembic_config(url, MIGRATIONS)
    await asyncio.to_thread(command.upgrade, config, "0001")
    connection = await asyncpg.connect(url)
    ids = [await put(connection, n, case) for n, case in enumerate(BEFORE)]
    await connection.close()
    await asyncio.to_thread(command.upgrade, config, "head")
    return url, ids


async def test_status_and_candidacy_are_as_before(migrated: tuple[str, list[str]]) -> None:
    url, ids = migrated
    work_on = partial(RegisterWork, clock=Clock(), organisations=LEUVEN, person_key=KEY)
    database: Database[RegisterWork] = Database(url, work_on)
    await fill_queue(database)
    async with database.work() as work:
        rows = {id_: row for id_ in ids if (row := await work.find(UUID(id_), lock=True))}
        for id_, case in zip(ids, BEFORE, strict=True):
            register = Register(rows[id_], work)
            acts = [one.act for one in await work.acts_of(register.row.id)]
            assert standing(acts) == register.standing == read_standing(register.row)
            assert register.standing.status == register.row.status == case["status"]
            assert [*register.row.waits] == ["unconfirmed"] * (case["status"] != "draft" and len(case["confirmed"]) < 2)
            assert set(register.members) == {"p1", "p2", "c1"}
            assert register.unconfirmed == [one for one in ("p1", "p2") if one not in case["confirmed"]]
            test = register.standing.test
            assert (test and test.id) == case.get("test", {}).get("id")
            before = rows[id_]
            # every fact is one that the counter entered: the rules and the order see what they saw
            composed = register.composed()
            assert composed.members == before.household == MEMBERS
            assert composed.residence == [STAYS[0] | {"member": "p1"}]
            assert composed.informal_care_in == before.informal_care_in == ["12025"]
            assert {shown["origin"] for of in composed.origins.values() for shown in of.values()} == {"counter", "none"}
            register.settle()
            assert register.row.status == before.status
            if register.row.number:
                publish_candidacy(register)
    connection = await asyncpg.connect(url)
    told = await connection.fetch("SELECT headers, key, value FROM outbox WHERE topic = 'cir.dossier.v1'")
    bound = {row["number"] for row in await connection.fetch("SELECT number FROM candidates")}
    await connection.close()
    await database.engine.dispose()
    candidacies = [
        json.loads(row["value"]) for row in told if json.loads(row["headers"])["ce_type"] == CandidacyRecorded.type
    ]
    found = {one["dossier"]: (one["status"], one.get("registered_on"), one["persons"]) for one in candidacies}
    assert found == {
        id_: (case["status"], "2024-03-20" if case.get("counted") else None, 3)
        for id_, case in zip(ids, BEFORE, strict=True)
        if case.get("submitted")
    }
    # naming binds nobody: partners who did not confirm are free again
    assert bound == {f"{ANNA[:-1]}{n}" for n in range(4)} | {f"{BRAM[:-1]}{n}" for n in (2, 3)}
