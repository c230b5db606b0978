"""What is consumed, and what it does: facts that changed are assessed anew. Read from the table at the foot."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram

from cir_chassis.consumer import Handlers
from cir_schemas import HouseholdAssessed, HouseholdErased, HouseholdRecorded
from eligibility.store import Assessed, EligibilityWork

log = structlog.get_logger()
MILLION = 10**6
ASSESSED = Counter("cir_assessments_total", "Households assessed, by outcome", ["outcome"])
DECIDING = Histogram("cir_deciding_seconds", "What deciding the households of one batch takes")
COMPARED = Counter("cir_compared_total", "Households decided by both matchers, as CIR_COMPARE_SHARE asks")
DIFFERENT = Counter("cir_matchers_differ_total", "Conditions that the two matchers decided differently", ["condition"])
OVER_BOUND = Counter("cir_over_bound_total", "Conditions with more completions than can be looked at")


def assess_households(events: Sequence[HouseholdRecorded], work: EligibilityWork) -> None:
    """Assess every household whose facts changed; say `HouseholdAssessed`, also when the outcome stays.

    Of several snapshots of a dossier in one batch the newest is assessed: it carries its facts whole.
    """
    newest: dict[UUID, HouseholdRecorded] = {}
    for event in events:
        before = work.households.get(event.dossier)
        if not work.is_newer(event, before.version):
            continue
        newest[event.dossier] = event
        kept = {"version", "facts_version", "household", "test"}
        heard = event.model_dump(mode="json", include=kept, exclude_none=True)
        work.households.put(replace(before, **{"test": None} | heard))
    asked = [_asked(event, work) for event in newest.values()]
    with DECIDING.time():
        answers = work.engine.decide(asked)
    for event, household, answer in zip(newest.values(), asked, answers, strict=True):
        facts = work.households.get(event.dossier)
        version = work.next_version(facts.said)
        work.households.put(replace(facts, said=version))
        work.assessments.put(_kept(event, version, household, answer, work))
        said = {"dossier": event.dossier, "version": version, "facts_version": event.facts_version}
        said |= {"test": event.test and event.test.id, "assessment": answer}
        work.publish(HouseholdAssessed.model_validate(said), because_of=event)
        ASSESSED.labels(answer["outcome"]).inc()
    both = zip(newest.values(), asked, strict=True)
    share = int(work.compare_share * MILLION)
    compare([(event, household) for event, household in both if event.id.int % MILLION < share], work)
    OVER_BOUND.inc(work.engine.counts.pop("over_bound", 0))


def erase_households(events: Sequence[HouseholdErased], work: EligibilityWork) -> None:
    """Keep nothing of an erased draft but its version, which no late repeat of its facts can pass."""
    for event in events:
        before = work.households.get(event.dossier)
        if work.is_newer(event, before.version):
            work.households.put(replace(before, version=event.version, household={}, test=None))
            work.erased.add(event.dossier)


def compare(assessed: Sequence[tuple[HouseholdRecorded, dict[str, Any]]], work: EligibilityWork) -> None:
    """Decide by both matchers, and tell where they differ. What durable_rules decided stays: a family waits for no engine."""
    COMPARED.inc(len(assessed))
    for at, condition, by_durable_rules, by_columns in work.engine.compare([household for _, household in assessed]):
        DIFFERENT.labels(condition).inc()
        event, of = assessed[at][0], {"durable_rules": by_durable_rules, "columns": by_columns}
        log.error("matchers_differ", dossier=str(event.dossier), event_id=str(event.id), condition=condition, **of)


def _asked(event: HouseholdRecorded, work: EligibilityWork) -> dict[str, Any]:
    """The household as the domain takes it: on the day and at the moment of its test; without one, for information, today: of a
    registered household as an update."""
    test, registered_on = event.test, event.registered_on
    return {
        **event.household.model_dump(),
        "reference_date": test.reference_date if test else work.clock.today(),
        "moment": test.moment if test else "update" if registered_on else "registration",
        "registered_on": test.registered_on if test else registered_on,
    }


def _kept(
    event: HouseholdRecorded, version: int, asked: dict[str, Any], answer: dict[str, Any], work: EligibilityWork
) -> Assessed:  # fmt: skip
    circumstances = {name: asked[name] for name in ("reference_date", "moment", "registered_on")}
    facts = event.household.model_dump(mode="json", exclude_none=True)
    return Assessed(
        dossier=event.dossier, version=version, facts_version=event.facts_version, test=event.test.id if event.test else None,
        rules=answer["rules"], outcome=answer["outcome"], assessment=answer, assessed_at=work.clock.now(),
        household={name: str(value) for name, value in circumstances.items() if value} | facts,
    )  # fmt: skip


EVENTS: Handlers = {HouseholdRecorded: assess_households, HouseholdErased: erase_households}
"""What is consumed, and what it does."""
