"""What was decided can be read and decided again, by the rules of then, whatever the rules are now."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from deploy.token import AUDIENCE, token
from eligibility import tables
from eligibility.app import EligibilitySettings, make

from .conftest import Eligibility
from .test_handlers import TEST, recorded


@pytest.fixture
async def author(login: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {await asyncio.to_thread(token, login, 'rule_author')}"}


async def test_every_assessment_can_be_read_with_its_rules(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier, 1, TEST))
    await eligibility.hear(recorded(dossier, 2, TEST, balances="90000.00"), recorded(uuid4()))
    history = (await eligibility.http.get(f"/v1/assessments/{dossier}", headers=author)).json()
    rows = await eligibility.rows()
    mine = [row for row in reversed(rows) if row.dossier == dossier]
    assert [one["facts_version"] for one in history] == [2, 1]
    assert [one["assessment"] for one in history] == [row.assessment for row in mine]
    assert {one["test"] for one in history} == {TEST["id"]}
    [kept] = await eligibility.rows(tables.rulesets)
    assert {one["rules"] for one in history} == {kept.hash}


async def test_rules_are_kept_with_the_first_assessment_they_decide(eligibility: Eligibility, dossier: UUID) -> None:
    assert await eligibility.rows(tables.rulesets) == []
    await asyncio.gather(*(eligibility.hear(recorded(uuid4())) for _ in range(3)))
    [kept] = await eligibility.rows(tables.rulesets)
    assert "29515" in kept.texts["parameters/income_limits.yaml"]
    assert not [name for name in kept.texts if "cases" in name]


async def test_a_past_decision_is_decided_again_by_the_rules_of_then(
    database_of: Callable[[str], Awaitable[str]], login: str, rules: Path, author: dict[str, str], dossier: UUID
) -> None:
    database = await database_of("eligibility")

    def start() -> Eligibility:
        settings = EligibilitySettings(
            database_url=database, kafka="127.0.0.1:1", port=1, issuer=login, audience=AUDIENCE, rules=rules,
            environment="demo", today="2024-03-20",
        )  # fmt: skip
        return Eligibility(make(settings))

    then = await asyncio.to_thread(start)
    await then.hear(recorded(dossier, 1, TEST))
    await then.close()
    limits = rules / "parameters/income_limits.yaml"
    limits.write_text(limits.read_text().replace("44270", "31000"))  # the couple of the contract is now above the limit
    now = await asyncio.to_thread(start)
    await now.hear(recorded(dossier, 2, TEST))
    newest, oldest = (await now.http.get(f"/v1/assessments/{dossier}", headers=author)).json()
    outcomes = [one["assessment"]["conditions"]["income"]["outcome"] for one in (newest, oldest)]
    assert outcomes == ["to_investigate", "met"]  # budget guidance is claimed, and pending
    assert newest["rules"] != oldest["rules"]
    for past in (newest, oldest):
        path = f"/v1/assessments/{dossier}/{past['version']}/again"
        answer = (await now.http.get(path, headers=author)).json()
        assert answer == {"same": True, "assessment": past["assessment"]}
    await now.close()


async def test_rules_that_are_no_longer_read_are_said_to_be(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        older = {"facts.yaml": "conditions: [age]\nfacts: {}\nof_old: true\n", "figures.yaml": "figures: {}\n"}
        await connection.execute(tables.rulesets.update().values(hash="sha256:old", texts=older))
        await connection.execute(tables.assessments.update().values(rules="sha256:old"))
    [past] = (await eligibility.http.get(f"/v1/assessments/{dossier}", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{dossier}/{past['version']}/again", headers=author)
    assert answer.status_code == 409
    assert "facts.yaml:3: unknown key `of_old`" in answer.json()["detail"]


async def test_what_a_newer_release_kept_can_be_read_after_a_rollback(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        assessment = tables.assessments.c.assessment
        more = assessment.op("||")(sa.cast({"told_later": "something"}, assessment.type))
        await connection.execute(tables.assessments.update().values(assessment=more))
    [kept] = (await eligibility.http.get(f"/v1/assessments/{dossier}", headers=author)).json()
    assert kept["assessment"]["outcome"] == "to_investigate"


async def test_facts_that_only_a_newer_release_knows_are_said_to_be(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        household = tables.assessments.c.household
        more = household.op("||")(sa.cast({"told_later": "something"}, household.type))
        await connection.execute(tables.assessments.update().values(household=more))
    [past] = (await eligibility.http.get(f"/v1/assessments/{dossier}", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{dossier}/{past['version']}/again", headers=author)
    assert answer.status_code == 409
    assert "unknown key `told_later`" in answer.json()["detail"]
    assert "something" not in answer.text


async def test_who_may_not_or_knows_no_such_dossier_learns_nothing(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str], login: str
) -> None:
    await eligibility.hear(recorded(dossier))
    other = {"Authorization": f"Bearer {await asyncio.to_thread(token, login, 'case_worker', company='dijledal')}"}
    get = eligibility.http.get
    path = f"/v1/assessments/{dossier}"
    assert [(await get(path, headers=h)).status_code for h in ({}, other, author)] == [401, 403, 200]
    assert (await get(f"/v1/assessments/{uuid4()}", headers=author)).status_code == 404
    answer = await get(f"{path}/1/again", headers=author)
    assert answer.status_code == 404
    assert "read its history first" in json.loads(answer.text)["detail"]
