"""What is heard is kept if it is newer, decided on the day of its test, and said; all of it or nothing."""

import asyncio
import json
from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from cir_schemas import HouseholdAssessed, HouseholdErased, HouseholdRecorded
from cir_schemas.types import DossierId
from conftest import counted
from eligibility import tables
from eligibility.domain.decide import Engine, NoRuleInForce
from eligibility.rulefiles import RULES, load

from .conftest import Eligibility
from .test_contract import EXAMPLE
from .test_equal import drop_exception

Plant = Callable[[Engine, pytest.MonkeyPatch], Engine]

TEST = {"id": str(UUID(int=7)), "moment": "registration", "reference_date": "2024-03-20"}


def recorded(dossier: UUID, version: int = 1, test: dict[str, Any] | None = None, **changed: Any) -> HouseholdRecorded:
    """The household of the contract; `changed`: of its applicant."""
    first, *others = json.loads(json.dumps(EXAMPLE["members"]))
    household = {"members": [first | changed, *others]}
    given = {"dossier": dossier, "version": version, "facts_version": version, "household": household, "test": test}
    return HouseholdRecorded.model_validate(given)


async def said(eligibility: Eligibility) -> list[HouseholdAssessed]:
    rows = await eligibility.rows(tables.outbox)
    assert all(row.topic == "cir.eligibility.v1" for row in rows)
    return [HouseholdAssessed.read(row.headers, row.key.encode(), bytes(row.value)) for row in rows]


async def test_facts_are_assessed_and_the_answer_is_said(eligibility: Eligibility, dossier: UUID) -> None:
    await eligibility.hear(recorded(dossier, 5, TEST))
    [row] = await eligibility.rows()
    [event] = await said(eligibility)
    assert (event.dossier, event.version, event.facts_version, event.test) == (dossier, row.version, 5, UUID(int=7))
    assert event.assessment.outcome == row.outcome == "to_investigate"
    assert event.assessment.rules == row.rules == row.assessment["rules"]
    assert row.household["members"][1]["real_rights"][0]["proof"] == "uploaded"


async def test_an_event_says_what_the_answer_is_to_the_letter(eligibility: Eligibility, dossier: UUID) -> None:
    await eligibility.hear(recorded(dossier, 1, TEST, incomes=None, recent_income=None))
    [row] = await eligibility.rows(tables.outbox)
    [kept] = await eligibility.rows()
    assert json.loads(bytes(row.value))["assessment"] == kept.assessment
    assert kept.assessment["conditions"]["income"]["figures"]["income"] == ["20000.00", None]


async def test_the_same_outcome_is_said_again(eligibility: Eligibility, dossier: UUID) -> None:
    await eligibility.hear(recorded(dossier, 1))
    await eligibility.hear(recorded(dossier, 2))
    first, second = await said(eligibility)
    assert first.version < second.version
    assert first.assessment == second.assessment
    assert len(await eligibility.rows()) == 2  # every assessment is kept


async def test_what_is_not_newer_changes_nothing(eligibility: Eligibility, dossier: UUID) -> None:
    await eligibility.hear(recorded(dossier, 2))
    await eligibility.hear(recorded(dossier, 2), recorded(dossier, 1))
    assert len(await said(eligibility)) == 1
    assert [row.version for row in await eligibility.rows(tables.households)] == [2]


async def test_of_a_dossiers_snapshots_in_one_batch_the_newest_is_assessed(eligibility: Eligibility) -> None:
    one, other = uuid4(), uuid4()
    await eligibility.hear(recorded(one, 1), recorded(other, 1), recorded(one, 3, TEST), recorded(one, 2))
    events = await said(eligibility)
    assert {(event.dossier, event.facts_version) for event in events} == {(one, 3), (other, 1)}
    assert len(events) == 2


async def test_two_processes_that_hear_the_same_assess_it_once(eligibility: Eligibility, dossier: UUID) -> None:
    await asyncio.gather(*(eligibility.hear(recorded(dossier, 1)) for _ in range(5)))
    assert len(await said(eligibility)) == 1


async def test_a_test_is_decided_on_its_own_day_and_moment(eligibility: Eligibility) -> None:
    earlier, later = uuid4(), uuid4()
    await eligibility.hear(recorded(earlier, 1, TEST | {"reference_date": "2025-03-20"}))
    update = {"moment": "update", "registered_on": "2020-01-01"}
    await eligibility.hear(recorded(later, 1, TEST | update))
    first, second = await said(eligibility)
    assert str(first.assessment.reference_date) == "2025-03-20"
    assert "means" in first.assessment.conditions
    assert "means" not in second.assessment.conditions


async def test_without_a_test_it_is_decided_for_information_today(eligibility: Eligibility, dossier: UUID) -> None:
    await eligibility.hear(recorded(dossier))
    [event] = await said(eligibility)
    assert (str(event.assessment.reference_date), event.test) == ("2024-03-20", None)


async def test_a_registered_household_without_a_test_is_decided_as_an_update(
    eligibility: Eligibility, dossier: UUID
) -> None:
    since = recorded(dossier).model_copy(update={"registered_on": date(2020, 1, 1)})
    await eligibility.hear(since)
    [event] = await said(eligibility)
    assert event.test is None
    assert "means" not in event.assessment.conditions  # it was registered before they were tested


async def test_of_an_erased_draft_nothing_is_kept_and_nothing_comes_back(
    eligibility: Eligibility, dossier: UUID
) -> None:
    await eligibility.hear(recorded(dossier, 1), recorded(other := uuid4(), 1))
    await eligibility.hear(HouseholdErased(dossier=DossierId(dossier), version=5))
    await eligibility.hear(recorded(dossier, 4))
    assert [row.dossier for row in await eligibility.rows()] == [other]
    kept = {row.dossier: row.household for row in await eligibility.rows(tables.households)}
    assert (kept[dossier], len(kept[other]["members"])) == ({}, 3)


async def test_a_day_without_rules_is_decided_for_nobody(eligibility: Eligibility, dossier: UUID) -> None:
    with pytest.raises(NoRuleInForce):
        await eligibility.hear(recorded(dossier, 1, TEST | {"reference_date": "2015-03-20"}))
    assert await said(eligibility) == []


async def test_the_trace_of_what_was_heard_goes_on(eligibility: Eligibility, dossier: UUID) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    await eligibility.hear(recorded(dossier).model_copy(update={"trace": trace}))
    [row] = await eligibility.rows(tables.outbox)
    assert row.headers["traceparent"].startswith(f"00-{'a' * 32}-")


def rule_lost(engine: Engine, patch: pytest.MonkeyPatch) -> Engine:
    match = engine.matcher.match
    patch.setattr(engine.matcher, "match", lambda facts: {one for one in match(facts) if "means" not in one[2]})
    return engine


def mask_shifted(engine: Engine, patch: pytest.MonkeyPatch) -> Engine:
    condition = next(one for one in engine.rules.conditions if one.id == "means")
    patch.setattr(condition, "bits", condition.bits << 1)
    return engine


def exception_dropped(engine: Engine, patch: pytest.MonkeyPatch) -> Engine:
    drop_exception(patch, "property.separation")
    return Engine(load(RULES))


MEANS: dict[str, Any] = {"balances": "90000.00"}
RIGHT = {"real_rights": [{"right": "full_ownership", "exception": "separation", "proof": "interpreted"}]}
PLANTED = [  # what is planted, of whom, and what then decides a condition otherwise: by durable_rules, and by columns
    (rule_lost, MEANS, "means", "met", [], ["means.above_limit"]),
    (mask_shifted, MEANS, "means", "not_met", ["means.above_limit"], []),
    (exception_dropped, RIGHT, "property", "not_met", ["property.real_right"], ["property.separation"]),
]


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize(("plant", "who", "condition", "decided", "rules", "columns"), PLANTED)
async def test_a_difference_between_the_matchers_is_told_and_holds_up_nobody(
    eligibility: Eligibility, engine: Engine, dossier: UUID, monkeypatch: pytest.MonkeyPatch, share: int, plant: Plant,
    who: dict[str, Any], condition: str, decided: str, rules: list[str], columns: list[str],
) -> None:  # fmt: skip
    planted = plant(engine, monkeypatch)
    before = [counted("cir_compared_total"), counted("cir_matchers_differ_total", condition=condition)]
    with capture_logs() as lines:
        events = recorded(dossier, 1, TEST, **who), recorded(uuid4())
        await eligibility.hear(*events, engine=planted, compare_share=share)
    event, other = sorted(await said(eligibility), key=lambda event: event.dossier != dossier)
    assert event.assessment.conditions[condition].outcome == decided  # by durable_rules, whatever columns say
    assert other.assessment.conditions["means"].outcome == "met"
    now = [counted("cir_compared_total"), counted("cir_matchers_differ_total", condition=condition)]
    assert [n - b for n, b in zip(now, before, strict=True)] == [2 * share, share]
    assert [line["event"] for line in lines] == ["matchers_differ"] * share
    for line in lines:
        assert (line["dossier"], line["condition"]) == (str(dossier), condition)
        assert (line["durable_rules"], line["columns"]) == (rules, columns)
