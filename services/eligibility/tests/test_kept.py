"""What was decided can be read and decided again, by the rules of then, whatever the rules are now."""

import asyncio
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


async def test_a_rule_author_reads_what_a_rule_decided_and_of_nobody(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier, 1, TEST))
    await eligibility.hear(recorded(dossier, 2, TEST, balances="90000.00"), recorded(uuid4()))
    newest, *_ = rows = list(reversed(await eligibility.rows()))

    async def numbers(**wanted: str) -> list[int]:
        answer = await eligibility.http.get("/v1/assessments", params=wanted, headers=author)
        return [one["number"] for one in answer.json()]

    above = [row.version for row in rows if row.facts_version == 2]
    assert await numbers() == [row.version for row in rows]
    assert await numbers(rule="means.above_limit") == await numbers(outcome="not_met") == above
    assert await numbers(rule="income.within_limit") == await numbers()
    assert await numbers(rule="income.within_limit", outcome="not_met") == above
    assert await numbers(rule="means.within_limit") == await numbers(rule="nothing") == []
    answer = await eligibility.http.get("/v1/assessments", headers=author)
    assert set(answer.json()[0]) == {
        "number", "assessed_on", "rules", "reference_date", "outcome", "provisional", "conditions",
    }  # fmt: skip
    assert answer.json()[0]["conditions"]["income"] == {
        "outcome": "met", "effect": "bar", "because": ["income.within_limit"],
    }  # fmt: skip
    assert answer.json()[0]["rules"] == newest.rules
    for of_a_person in (str(dossier), '"p1"', '"p2"', "21000", "90000", "41000"):
        assert of_a_person not in answer.text


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
    newest, oldest = (await now.http.get("/v1/assessments", headers=author)).json()
    outcomes = [one["conditions"]["income"]["outcome"] for one in (newest, oldest)]
    assert outcomes == ["to_investigate", "met"]  # budget guidance is claimed, and pending
    assert newest["rules"] != oldest["rules"]
    for past in (newest, oldest):
        answer = await now.http.get(f"/v1/assessments/{past['number']}/again", headers=author)
        assert answer.json() == {"same": True}
    await now.close()


async def test_rules_that_are_no_longer_read_are_said_to_be(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        older = {"facts.yaml": "conditions: [age]\nfacts: {}\nof_old: true\n", "figures.yaml": "figures: {}\n"}
        await connection.execute(tables.rulesets.update().values(hash="sha256:old", texts=older))
        await connection.execute(tables.assessments.update().values(rules="sha256:old"))
    [past] = (await eligibility.http.get("/v1/assessments", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{past['number']}/again", headers=author)
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
    [kept] = (await eligibility.http.get("/v1/assessments", headers=author)).json()
    assert kept["outcome"] == "to_investigate"


async def test_facts_beyond_a_requests_caps_are_decided_again_like_any_other(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier, real_rights=[{"right": "bare_ownership"}] * 21))
    [past] = (await eligibility.http.get("/v1/assessments", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{past['number']}/again", headers=author)
    assert answer.json() == {"same": True}


async def test_facts_that_only_a_newer_release_knows_are_said_to_be(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        household = tables.assessments.c.household
        more = household.op("||")(sa.cast({"told_later": "something"}, household.type))
        await connection.execute(tables.assessments.update().values(household=more))
    [past] = (await eligibility.http.get("/v1/assessments", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{past['number']}/again", headers=author)
    assert answer.status_code == 409
    assert "unknown key `told_later`" in answer.json()["detail"]
    assert "something" not in answer.text


async def test_an_answer_that_differs_from_the_one_of_then_is_seen(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str]
) -> None:
    await eligibility.hear(recorded(dossier))
    async with eligibility.service.database.engine.begin() as connection:
        household = tables.assessments.c.household
        later = household.op("||")(sa.cast({"reference_date": "2025-03-20"}, household.type))
        await connection.execute(tables.assessments.update().values(household=later))
    [past] = (await eligibility.http.get("/v1/assessments", headers=author)).json()
    answer = await eligibility.http.get(f"/v1/assessments/{past['number']}/again", headers=author)
    assert answer.json() == {"same": False}


async def test_assessments_are_for_rule_authors_and_are_not_found_by_dossier(
    eligibility: Eligibility, dossier: UUID, author: dict[str, str], login: str
) -> None:
    await eligibility.hear(recorded(dossier))
    other = {"Authorization": f"Bearer {await asyncio.to_thread(token, login, 'case_worker', company='dijledal')}"}
    get = eligibility.http.get
    for path in ("/v1/assessments", "/v1/assessments/1/again"):
        assert [(await get(path, headers=h)).status_code for h in ({}, other)] == [401, 403]
    assert (await get("/v1/assessments", headers=author)).status_code == 200
    assert (await get(f"/v1/assessments/{dossier}", headers=author)).status_code == 404
    answer = await get("/v1/assessments/1/again", headers=author)
    assert answer.status_code == 404
    assert "GET /v1/assessments gives" in answer.json()["detail"]
