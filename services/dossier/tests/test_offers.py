"""A home is offered to who meets the conditions today, each check ends, and what became of an offer has its consequences once."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from cir_schemas import (
    CandidacyRecorded,
    DecisionTaken,
    HouseholdRecorded,
    LeaseSigned,
    LeaseUndone,
    OfferAnswered,
    OfferConfirmed,
    OfferDeclined,
    OfferEnded,
    OfferJudged,
    OfferProposed,
    ProofAsked,
    StatusChanged,
)
from cir_schemas.envelope import Event
from dossier.__main__ import print_offers
from dossier.handlers import EVENTS
from dossier.register.appeals import TERMS
from dossier.register.store import with_every_dossier

from .authentic import Authentic, until, working
from .conftest import ANNA, BRAM, STRANGER, Register, applicant, partner, person, serving
from .test_decisions import WHY, under_investigation
from .test_stories import newest

E = TypeVar("E", bound=Event)
AT = datetime(2024, 3, 20, 9, tzinfo=UTC)
MET = {"outcome": "met", "effect": "bar"}


def offer(kind: type[E], id_: str, of: UUID, hours: int = 0, **changed: Any) -> E:
    """One event of an offer, so many hours after it was proposed."""
    given = {"dossier": id_, "number": "2024.03.20.0001", "offer": of, "company": "dijledal"} | changed
    return kind.model_validate(given).model_copy(update={"at": AT + timedelta(hours=hours)})


def proposed(id_: str, of: UUID) -> OfferProposed:
    return offer(OfferProposed, id_, of)


def answered(id_: str, of: UUID, answer: str, hours: int = 1) -> OfferAnswered:
    return offer(OfferAnswered, id_, of, hours, answer=answer, by="candidate", on="2024-03-20")


def judged(id_: str, of: UUID, *, well_founded: bool, hours: int = 2, on: str = "2024-03-20") -> OfferJudged:
    return offer(OfferJudged, id_, of, hours, well_founded=well_founded, refused_on=on, unfounded=1)


def ended(id_: str, of: UUID, hours: int = 3, was: str = "checking") -> OfferEnded:
    return offer(OfferEnded, id_, of, hours, was=was, now="withdrawn")


def signed(id_: str, of: UUID) -> LeaseSigned:
    return offer(LeaseSigned, id_, of, 9, signed_on="2024-03-20")


async def hear(register: Register, *events: Any) -> None:
    """Let one batch take effect, as the consumer does."""
    async with register.service.database.work() as work:
        await work.load({event.dossier for event in events})
        for kind, handler in EVENTS.items():
            if of_kind := [event for event in events if type(event) is kind]:
                handler(of_kind, work)


async def answers(register: Register) -> list[tuple[UUID, Any]]:
    """Every answer to priority: the offer, and why not."""
    said = [event for event in await register.said() if isinstance(event, OfferConfirmed | OfferDeclined)]
    return [(event.offer, getattr(event, "reasons", None)) for event in said]


async def kinds(register: Register, id_: str) -> list[str]:
    return [act["kind"] for act in await register.get(f"/{id_}/history", await register.case_worker())]


async def test_who_meets_the_conditions_today_is_confirmed_once_and_stays_registered(register: Register) -> None:
    id_, one = await register.registered(), uuid4()
    await hear(register, proposed(id_, one), proposed(id_, one))
    test = (await register.recorded(id_)).test
    assert test
    assert (test.moment, str(test.reference_date), str(test.registered_on)) == (
        "allocation", "2024-03-20", "2024-03-20",
    )  # fmt: skip
    assert await answers(register) == []
    await register.assess(id_, "met")
    await register.assess(id_, "met")
    assert await answers(register) == [(one, None)]
    assert (await register.recorded(id_)).test is None
    said = len(await register.said())
    await hear(register, proposed(id_, one))
    assert len(await register.said()) == said
    assert ((await register.read(id_))["status"], (await kinds(register, id_))[-2:]) == (
        "registered", ["check_offer", "offer_confirmed"],
    )  # fmt: skip
    # the next one is another offer
    await hear(register, proposed(id_, two := uuid4()))
    await register.assess(id_, "met")
    assert await answers(register) == [(one, None), (two, None)]


UNKNOWN = {"outcome": "to_investigate", "effect": "bar"}
RANGE = {"balances": ["0.00", None], "limit": ["29515.00", "31987.00"]}


@pytest.mark.parametrize(
    ("outcome", "conditions", "asks", "reasons"),
    [
        ("met", {"income": MET, "language": UNKNOWN | {"effect": "duty"}}, [], None),
        ("not_met", {"income": MET | {"outcome": "not_met"}, "property": UNKNOWN}, [], ("income", "property")),
        ("not_met", {"means": MET | {"outcome": "not_met"}, "income": MET}, ["balances"], ("means",)),
        ("to_investigate", {"means": UNKNOWN, "income": MET}, ["balances"], None),
        ("to_investigate", {"means": UNKNOWN | {"figures": RANGE}}, ["balances", "recognised_handicap"], None),
        ("to_investigate", {"means": UNKNOWN | {"figures": RANGE}}, ["recognised_handicap"], ("means",)),
        # of the partner they are unknown, and the applicant's are above one of the limits already
        (
            "to_investigate",
            {"means": UNKNOWN | {"figures": RANGE | {"balances": ["30000.00", None]}}},
            ["balances", "recognised_handicap"],
            ("means",),
        ),
        ("to_investigate", {"means": UNKNOWN, "income": UNKNOWN}, ["balances"], ("income",)),
        ("to_investigate", {"means": UNKNOWN}, [], ("means",)),  # a figure of the law is missing
    ],
)
async def test_only_conditions_that_are_not_met_decline_and_they_are_tested_before_the_status_moves(
    register: Register, outcome: str, conditions: Any, asks: list[str], reasons: Any
) -> None:
    id_ = await register.registered()
    await hear(register, proposed(id_, one := uuid4()))
    asked = [{"condition": "means", "person": "p1", "fact": fact, "proofs": ["account_statements"]} for fact in asks]
    await register.assess(id_, outcome, conditions=conditions, asks=asked)
    assert await answers(register) == [(one, reasons)]
    test = (await register.recorded(id_)).test
    assert (test and test.moment) == ("update" if reasons else None)
    assert (await register.read(id_))["status"] == "registered"
    if reasons:
        await register.assess(id_, outcome, conditions=conditions)
        assert (await register.read(id_))["status"] == "under_investigation"


async def test_who_may_get_no_offer_is_declined_at_once(register: Register) -> None:
    worker, anna = await register.case_worker(), await register.candidate()
    under = await under_investigation(register)
    id_ = await register.registered(applicant(number=BRAM), key="k2")
    bram = await register.candidate(BRAM)
    newly = person("c1", "co_resident", STRANGER)
    found = []

    async def why() -> None:
        await hear(register, proposed(id_, uuid4()))
        found.append((await answers(register))[-1][1])

    await register.change(id_, applicant(number=BRAM), newly, who=bram)
    await why()
    await register.change(id_, applicant(number=BRAM), who=bram, version=2)
    await register.act(id_, bram, "hold")
    await why()
    await register.act(id_, bram, "wake")
    await hear(register, judged(id_, uuid4(), well_founded=False))
    await why()
    await register.act(id_, bram, "wake")
    await register.assess(id_, "not_met")  # for information
    await why()
    await register.act(id_, worker, "strike", reasons=WHY)
    await why()
    await hear(register, proposed(under, uuid4()))
    assert (await answers(register))[-1][1] == ("not_registered",)
    assert found == [("confirmation",), ("on_hold",), ("paused",), ("test_open",), ("closed",)]
    assert {one.test.moment for one in await register.said() if isinstance(one, HouseholdRecorded) and one.test} == {
        "registration", "update",
    }  # fmt: skip
    draft = (await register.start(key="k3", who=await register.candidate(STRANGER),
                                  members=[applicant(number=STRANGER)])).json()["id"]  # fmt: skip
    for stranger in (draft, str(uuid4())):
        await hear(register, proposed(stranger, uuid4()), ended(stranger, uuid4()))
        assert (await answers(register))[-1][1] == ("not_registered",)
    assert (await register.read(under, anna))["status"] == "under_investigation"


async def test_what_happens_while_an_offer_is_checked_ends_the_check(register: Register) -> None:
    """A hold, an adult who joins, a withdrawal; and of two offers the second waits for no test of the first."""
    id_ = await register.registered(applicant(), partner())
    worker, anna, bram = await register.case_worker(), await register.candidate(), await register.candidate(BRAM)
    first, second = uuid4(), uuid4()
    await hear(register, proposed(id_, first), proposed(id_, second))
    assert await answers(register) == [(second, ("test_open",))]
    await register.act(id_, worker, "hold", reasons=WHY)
    assert (await answers(register))[-1] == (first, ("on_hold",))
    await register.act(id_, worker, "wake", reasons=WHY)
    await hear(register, proposed(id_, third := uuid4()))
    await register.change(id_, applicant(), partner(), person("c1", "co_resident", STRANGER))
    assert (await answers(register))[-1] == (third, ("confirmation",))
    await register.decline(id_, "c1", await register.candidate(STRANGER))
    # a partner who leaves changes the household: it is tested as it is then
    await hear(register, proposed(id_, fourth := uuid4()))
    before = await register.recorded(id_)
    await register.decline(id_, "p2", bram)
    await register.assess(id_, "met", facts_version=before.facts_version)
    assert (await answers(register))[-1] == (third, ("confirmation",))
    await register.assess(id_, "met")
    assert (await answers(register))[-1] == (fourth, None)
    await hear(register, proposed(id_, fifth := uuid4()))
    await register.act(id_, anna, "withdraw")
    assert (await answers(register))[-1] == (fifth, ("closed",))
    # it is reinstated as it was before, without the test of that offer
    await register.act(id_, worker, "reinstate", reasons=WHY)
    assert ((await register.read(id_))["status"], (await register.recorded(id_)).test) == ("registered", None)
    assert len(await answers(register)) == 5


async def test_an_offer_that_ended_is_answered_no_more_and_closes_its_test(register: Register) -> None:
    id_, one, two = await register.registered(), uuid4(), uuid4()
    await hear(register, proposed(id_, one))
    await hear(register, ended(id_, two))  # of another offer, whose proposal comes later
    assert (await register.recorded(id_)).test
    await hear(register, ended(id_, one), proposed(id_, two))
    assert (await register.recorded(id_)).test is None
    await register.assess(id_, "met")
    await hear(register, proposed(id_, one), ended(id_, one))
    assert (await answers(register), (await register.recorded(id_)).test) == ([], None)
    # in one batch, whatever the order of the types: the end of one, and the next one
    await hear(register, proposed(id_, three := uuid4()))
    await hear(register, ended(id_, three), proposed(id_, four := uuid4()))
    await register.assess(id_, "met")
    assert await answers(register) == [(four, None)]


async def test_the_sources_are_asked_again_and_what_they_answer_counts(asking: Register, authentic: Authentic) -> None:
    known = {"born_on": "1985-02-23", "residence": "population_register", "real_rights": []}
    await authentic.know(ANNA, **known)
    id_ = await asking.started()
    await asking.submit(id_)
    await asking.confirm(id_, "p1", await asking.candidate())
    await until(lambda: _has(asking, id_, "real_rights"))
    await asking.assess(id_, "met")
    house = {"right": "full_ownership", "object": "dwelling", "country": "BE"}
    await authentic.know(ANNA, **known | {"real_rights": [house]})
    await hear(asking, proposed(id_, one := uuid4()))
    await asking.assess(id_, "met")  # of the facts from before: it waits for the sources
    assert await answers(asking) == []
    await until(lambda: _has(asking, id_, "real_rights", [house]))
    await asking.assess(id_, "not_met", conditions={"property": MET | {"outcome": "not_met"}})
    assert await answers(asking) == [(one, ("property",))]


async def _has(register: Register, id_: str, fact: str, value: Any = None) -> bool:
    [member] = (await register.recorded(id_)).household.model_dump(mode="json", exclude_none=True)["members"]
    waits = (await register.read(id_))["pending"]
    return fact in member and "sources" not in waits and (value is None or member[fact] == value)


async def test_sources_that_never_answer_hold_an_offer_up_for_their_patience_alone(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    url = await database_of("dossier")
    patience = timedelta(seconds=1)
    async with (
        serving(url, login, sources=authentic.address, sources_patience=patience) as register,
        working(register),
    ):
        await authentic.know(ANNA, born_on="1985-02-23", residence="population_register")
        id_ = await register.started()
        await register.submit(id_)
        await register.confirm(id_, "p1", await register.candidate())
        await until(lambda: _has(register, id_, "residence"))
        await register.assess(id_, "met")
        await authentic.stop()
        await hear(register, proposed(id_, one := uuid4()))
        await register.assess(id_, "met")
        assert ((await register.read(id_))["pending"], await answers(register)) == (["sources"], [])
        await until(lambda: answers(register))
        assert await answers(register) == [(one, None)]


STATEMENTS = ("account_statements",)


async def test_with_acceptance_statements_are_asked_as_far_as_they_are_not_proven(register: Register) -> None:
    id_ = await register.registered(applicant(balances="1.00"), partner())
    anna, worker = await register.candidate(), await register.case_worker()
    one = uuid4()
    await hear(register, proposed(id_, one))
    await register.assess(id_, "met")
    await hear(register, answered(id_, one, "accepted"))
    asked = [event.asks for event in await register.said() if isinstance(event, ProofAsked)]
    assert [[(ask.role, ask.proofs, str(ask.by)) for ask in asks] for asks in asked] == [
        [("applicant", STATEMENTS, "2024-04-19"), ("partner", STATEMENTS, "2024-04-19")]
    ]
    found = await register.read(id_)
    assert (found["status"], [(paper["member"], paper["fact"]) for paper in found["papers"]]) == (
        "registered", [("p1", "balances"), ("p2", "balances")],
    )  # fmt: skip
    document = await register.uploaded(id_, anna, fact="balances")
    queue = (await register.http.get("/v1/queue", headers=worker)).json()
    assert [item["kind"] for item in queue] == ["document"]
    assert [ask["role"] for ask in (await register.read(id_))["asked"]] == ["partner"]
    url = f"/v1/dossiers/{id_}/documents/{document}/interpretation"
    body = {"decision": "accepted", "reasons": WHY, "facts": {"balances": "1.00"}}
    answer = await register.http.post(url, headers=worker, json=body)
    assert answer.status_code == 200, answer.text
    assert [ask["role"] for ask in (await register.read(id_))["asked"]] == ["partner"]
    # refused after all, though the acceptance comes once more
    await hear(register, answered(id_, one, "refused", hours=5))
    await hear(register, answered(id_, one, "accepted"))
    assert (await register.read(id_))["asked"] == []
    assert (await kinds(register, id_))[-1] == "offer_refused"


async def pause(register: Register, id_: str) -> tuple[str | None, bool]:
    found = await newest(register, CandidacyRecorded)
    assert found.key == id_
    return found.paused_until and str(found.paused_until), found.on_hold


async def queue(register: Register) -> list[str]:
    found = await register.http.get("/v1/queue", headers=await register.case_worker())
    return [item["kind"] for item in found.json()]


def test_the_pause_is_of_the_law() -> None:
    assert TERMS[0].after_refusal.after(date(2024, 11, 30)) == date(2025, 2, 28)


async def test_a_first_unfounded_refusal_pauses_and_a_second_waits_for_a_person(register: Register) -> None:
    id_ = await register.registered()
    anna, worker, one, two = await register.candidate(), await register.case_worker(), uuid4(), uuid4()
    # the judgement before the answer, and both twice
    first = judged(id_, one, well_founded=False, on="2024-03-01")
    for _ in range(2):
        await hear(register, answered(id_, one, "refused"), first)
    assert (await pause(register, id_), await queue(register)) == (("2024-06-01", False), [])
    # on hold apart from that
    await register.act(id_, worker, "hold", reasons=WHY)
    assert await pause(register, id_) == ("9999-12-31", True)
    await register.act(id_, worker, "wake", reasons=WHY)
    assert await pause(register, id_) == ("2024-06-01", False)
    # replaced, and replaced again; what is older changes nothing
    await hear(register, judged(id_, one, well_founded=True, hours=5))
    await hear(register, first)
    assert await pause(register, id_) == (None, False)
    assert "wake" not in (await register.read(id_))["actions"]
    await hear(register, judged(id_, one, well_founded=False, hours=6))
    assert await pause(register, id_) == ("2024-06-20", False)
    # the counter, for him
    assert (await register.act(id_, worker, "wake", reasons=WHY)).status_code == 201
    assert await pause(register, id_) == (None, False)
    # judged the same once more changes nothing; otherwise, and back again, does
    await hear(register, judged(id_, one, well_founded=False, hours=7))
    assert await pause(register, id_) == (None, False)
    await hear(register, judged(id_, one, well_founded=True, hours=8))
    await hear(register, judged(id_, one, well_founded=False, hours=9))
    assert await pause(register, id_) == ("2024-06-20", False)
    # he asks otherwise
    assert (await register.act(id_, anna, "wake")).status_code == 201
    assert await pause(register, id_) == (None, False)
    assert isinstance((await register.said())[-1], DecisionTaken)
    await hear(register, judged(id_, two, well_founded=False))
    assert (await pause(register, id_), await queue(register)) == ((None, False), ["refusals"])
    assert (await register.read(id_))["status"] == "registered"
    await hear(register, judged(id_, two, well_founded=True, hours=9))
    assert await queue(register) == []
    early = await register.act(id_, worker, "strike", reasons=WHY, ground="second_refusal")
    assert (early.status_code, "One refusal or silence" in early.json()["detail"]) == (409, True)
    assert (await register.read(id_))["status"] == "registered"
    await hear(register, judged(id_, two, well_founded=False, hours=10))
    # struck by a person; an appeal that is upheld opens it again, and nobody is asked to strike for the same once more
    await register.act(id_, worker, "strike", reasons=WHY, ground="second_refusal")
    await register.act(id_, anna, "appeal", ground="struck")
    await register.act(id_, worker, "answer_appeal", reasons=WHY, upheld=True)
    await hear(register, judged(id_, two, well_founded=False, hours=11))
    assert ((await register.read(id_))["status"], await queue(register)) == ("registered", [])
    await hear(register, judged(id_, uuid4(), well_founded=False))
    assert await queue(register) == ["refusals"]


async def test_a_refusal_that_is_taken_back_counts_no_more_nor_does_one_that_was_answered_otherwise(
    register: Register,
) -> None:
    id_, one, two, three = await register.registered(), uuid4(), uuid4(), uuid4()
    worker = await register.case_worker()
    await hear(register, judged(id_, one, well_founded=False, on="2024-03-01"))
    await hear(register, judged(id_, two, well_founded=False, on="2024-03-10"))
    assert (await pause(register, id_), await queue(register)) == (("2024-06-01", False), ["refusals"])
    await hear(register, ended(id_, one, was="refused"))
    assert (await pause(register, id_), await queue(register)) == (("2024-06-10", False), [])
    await hear(register, judged(id_, one, well_founded=False, hours=1))  # of before, and late
    assert (await register.act(id_, worker, "strike", reasons=WHY, ground="second_refusal")).status_code == 409
    # a silence, whose answer on paper came in time
    await hear(register, answered(id_, two, "accepted", hours=5))
    assert await pause(register, id_) == (None, False)
    # and who was struck for both stays so until a person reinstates him
    await hear(register, *(judged(id_, of, well_founded=False, hours=6) for of in (two, three)))
    assert (await register.act(id_, worker, "strike", reasons=WHY, ground="second_refusal")).status_code == 201
    await hear(register, ended(id_, three, was="no_answer"))
    assert (await register.read(id_))["status"] == "struck"
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).status_code == 201
    assert (await pause(register, id_), await queue(register)) == (("2024-06-20", False), [])


@pytest.mark.parametrize("ground", ["second_refusal", "no_response"])
async def test_who_is_struck_for_a_refusal_that_counts_no_more_waits_for_a_person(
    register: Register, ground: str
) -> None:
    id_, one, two = await register.registered(), uuid4(), uuid4()
    worker, anna = await register.case_worker(), await register.candidate()
    await hear(register, *(judged(id_, of, well_founded=False) for of in (one, two)))
    assert (await register.act(id_, worker, "strike", reasons=WHY, ground=ground)).status_code == 201
    assert await queue(register) == []
    await hear(register, judged(id_, two, well_founded=True, hours=5))
    assert ((await register.read(id_))["status"], await queue(register)) == (
        "struck", ["struck"] if ground == "second_refusal" else [],
    )  # fmt: skip
    if ground != "second_refusal":
        return
    await hear(register, judged(id_, two, well_founded=False, hours=6))
    assert await queue(register) == [], "judged unfounded after all"
    await hear(register, ended(id_, two, hours=7, was="refused"))
    # a person lets it stand with reasons, once, until still fewer count; and then opens it
    path = f"/v1/queue/{id_}.struck/dismissal"
    assert (await register.http.post(path, json={"reasons": WHY}, headers=anna)).status_code == 403
    assert (await register.http.post(path, json={"reasons": []}, headers=worker)).status_code == 422
    sent = [await register.http.post(path, json={"reasons": WHY}, headers=worker) for _ in range(2)]
    assert ([one.status_code for one in sent], await queue(register)) == ([204, 404], [])
    assert ((await register.read(id_))["status"], (await kinds(register, id_))[-1]) == ("struck", "keep_struck")
    await hear(register, judged(id_, one, well_founded=True, hours=8))
    assert await queue(register) == ["struck"]
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).status_code == 201
    assert ((await register.read(id_))["status"], await queue(register)) == ("registered", [])


async def test_a_candidate_answers_an_open_offer_before_he_puts_his_dossier_on_hold(register: Register) -> None:
    """Else its term would end as a hold, and no refusal would be judged; the company's hold is another matter."""
    id_ = await register.registered()
    anna, worker, one = await register.candidate(), await register.case_worker(), uuid4()
    await hear(register, proposed(id_, one))
    await register.assess(id_, "met")
    held = await register.act(id_, anna, "hold")
    assert (held.status_code, "answer it first" in held.json()["detail"]) == (409, True)
    assert (await register.act(id_, worker, "hold", reasons=WHY)).status_code == 201
    await hear(register, answered(id_, one, "refused"))
    assert (await register.act(id_, anna, "hold")).status_code == 201


async def test_a_lease_closes_the_dossier_as_housed_and_its_candidates_are_free(register: Register) -> None:
    id_ = await register.registered()
    anna, worker, one, other = await register.candidate(), await register.case_worker(), uuid4(), uuid4()
    await hear(register, proposed(id_, one))
    await register.assess(id_, "met")
    await hear(register, answered(id_, one, "accepted"))
    # struck for it, it would lapse before the lease
    struck = await register.act(id_, worker, "strike", reasons=WHY, ground="dwelling_accepted")
    assert (struck.status_code, "lease" in struck.json()["detail"]) == (409, True)
    assert (await register.read(id_))["status"] == "registered"
    await hear(register, proposed(id_, other))
    for _ in range(2):
        await hear(register, signed(id_, one), proposed(id_, other))
    found = await register.read(id_)
    assert (found["status"], found["actions"], found["asked"]) == ("housed", ["appeal", "change_contacts"], [])
    assert (await answers(register))[-1] == (other, ("closed",))
    assert (await register.recorded(id_)).test is None
    moved = [event for event in await register.said() if isinstance(event, StatusChanged)]
    assert [(event.now, event.by) for event in moved][-1] == ("housed", "case_worker")
    assert (await kinds(register, id_)).count("lease") == 1
    assert (await register.start(key="k2")).status_code == 201
    assert "reinstate" in (await register.read(id_, worker))["actions"]
    assert (await register.act(id_, anna, "appeal", ground="other_preferred")).status_code == 201
    # who withdrew while it was signed has a home as well
    bram = await register.candidate(BRAM)
    crossed = await register.registered(applicant(number=BRAM), key="k3")
    await register.act(crossed, bram, "withdraw")
    await hear(register, signed(crossed, uuid4()))
    assert (await register.read(crossed, bram))["status"] == "housed"


async def test_each_offer_is_printed_as_it_is_known_here(
    register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    id_, one, two = await register.registered(), uuid4(), uuid4()
    about = {"dossier": id_, "number": "2024.03.20.0001", "company": "kanvaz", "on": "2024-03-20"}

    async def printed() -> dict[str, str]:
        many = await with_every_dossier(register.service.database, print_offers)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert len(lines) == many
        assert all({**about, "offer": line["offer"], "state": line["state"]} == line for line in lines)
        return {line["offer"]: line["state"] for line in lines}

    await hear(register, offer(OfferProposed, id_, two, company="kanvaz"))
    await hear(register, ended(id_, two), offer(OfferProposed, id_, one, company="kanvaz"))
    assert await printed() == {str(two): "withdrawn", str(one): "checking"}
    await register.assess(id_, "met")
    for state, event in (
        ("open", None),
        ("accepted", answered(id_, one, "accepted")),
        ("refused", answered(id_, one, "refused", 2)),
        ("refused", judged(id_, one, well_founded=False, hours=3)),
        ("withdrawn", ended(id_, one, 4, was="refused")),
    ):
        await hear(register, *[event] if event else [])
        assert (await printed())[str(one)] == state
    assert (await register.read(id_))["asked"] == [], "the candidate is free for another home"
    await hear(register, offer(LeaseSigned, id_, three := uuid4(), company="kanvaz", signed_on="2024-03-20"))
    assert (await printed())[str(three)] == "signed"


async def test_two_programs_find_and_end_an_offer_that_priority_forgot(
    register: Register, database_of: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    """As an operator does after a restore, with nothing between them but a file."""
    id_, one, url = await register.registered(), uuid4(), register.service.database.engine.url
    await hear(register, offer(OfferProposed, id_, one, company="kanvaz"))
    databases = {
        "dossier": url.set(drivername="postgresql").render_as_string(hide_password=False),
        "priority": await database_of("priority"),
    }
    settings = {"CIR_KAFKA": "127.0.0.1:1", "CIR_PORT": "1", "CIR_ISSUER": "http://127.0.0.1:1", "CIR_AUDIENCE": "cir"}
    settings["CIR_PERSON_KEY"] = "k" * 32
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIR_")} | settings

    async def run(service: str, *asked: str) -> str:
        command, its = [sys.executable, "-m", service, *asked], environment | {"CIR_DATABASE_URL": databases[service]}
        return await asyncio.to_thread(subprocess.check_output, command, text=True, timeout=60, env=its)

    (file := tmp_path / "offers").write_text(await run("dossier", "offers"))
    found = f"2024.03.20.0001 {one}: checking at dossier, unknown here, ended\n"
    assert await run("priority", "forgotten", str(file), "--end") == found
    priority = create_async_engine(databases["priority"].replace("postgresql:", "postgresql+asyncpg:"))
    async with priority.connect() as connection:
        [told] = await connection.scalars(sa.text("SELECT value FROM outbox"))
    await priority.dispose()
    await hear(register, OfferEnded.model_validate_json(told))
    (file := tmp_path / "offers").write_text(await run("dossier", "offers"))
    assert await run("priority", "forgotten", str(file)) == "", "it has ended, and counts for nothing"


async def test_what_an_undo_takes_back_is_no_offer(register: Register) -> None:
    """A judgement of a paper that is undone undoes what was assessed since, and nothing of an offer."""
    id_ = await under_investigation(register)
    worker, anna = await register.case_worker(), await register.candidate()
    document = await register.uploaded(id_, anna)
    income = [{"year": 2023, "jointly_taxable": "9.00"}]
    url = f"/v1/dossiers/{id_}/documents/{document}/interpretation"
    body = {"decision": "accepted", "reasons": WHY, "facts": {"incomes": income}}
    assert (await register.http.post(url, headers=worker, json=body)).status_code == 200
    await register.assess(id_, "met")
    await hear(register, proposed(id_, one := uuid4()))
    assert (await register.act(id_, worker, "undo", reasons=WHY)).status_code == 201
    assert (await answers(register)) == [(one, ("not_registered",))]
    test = (await register.recorded(id_)).test
    assert (test and test.moment) == "registration"
    assert (await register.read(id_))["status"] == "under_investigation"


async def test_a_lease_that_is_taken_back_opens_the_dossier_as_it_was(register: Register) -> None:
    """Once, in any order of arrival; the sources are asked again, statements are asked as before, and it can be signed later."""
    id_, one = await register.registered(), uuid4()
    worker = await register.case_worker()
    undone, again = offer(LeaseUndone, id_, one, 10), offer(LeaseSigned, id_, one, 11, signed_on="2024-03-20")
    await hear(register, proposed(id_, one))
    await register.assess(id_, "met")
    await hear(register, answered(id_, one, "accepted"))
    asked = (await register.read(id_))["asked"]
    await hear(register, signed(id_, one))
    for events in ((undone,), (undone, signed(id_, one)), (signed(id_, one),)):
        await hear(register, *events)
        found = await register.read(id_)
        assert (found["status"], found["asked"], found["number"]) == ("registered", asked, "2024.03.20.0001")
    moved = [event for event in await register.said() if isinstance(event, StatusChanged)]
    assert [(one.was, one.now, one.decision) for one in moved][-2:] == [
        ("registered", "housed", None), ("housed", "registered", "reinstated"),
    ]  # fmt: skip
    assert (await kinds(register, id_))[-2:] == ["lease", "lease_undone"]
    candidacies = [event.status for event in await register.said() if isinstance(event, CandidacyRecorded)]
    assert candidacies[-1] == "registered"
    assert (await register.start(key="k2")).status_code == 409, "its applicant takes part in it again"
    struck = await register.act(id_, worker, "strike", reasons=WHY, ground="dwelling_accepted")
    assert struck.status_code == 409, "the offer is accepted"
    await hear(register, again)
    assert (await register.read(id_))["status"] == "housed"


async def test_a_lease_that_is_taken_back_with_the_end_of_its_offer_frees_the_candidate(register: Register) -> None:
    id_, one, worker = await register.registered(), uuid4(), await register.case_worker()
    await hear(register, judged(id_, uuid4(), well_founded=False), judged(id_, uuid4(), well_founded=False))
    await hear(register, answered(id_, one, "accepted"), signed(id_, one))
    assert (await register.read(id_))["status"] == "housed"
    await hear(register, offer(LeaseUndone, id_, one, 10), ended(id_, one, 11, was="accepted"))
    assert (await register.read(id_))["asked"] == []
    assert await queue(register) == ["refusals"], "nobody weighed them"
    # who was reinstated already by a person stays so
    await hear(register, two := offer(LeaseSigned, id_, three := uuid4(), 12, signed_on="2024-03-20"))
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).status_code == 201
    await hear(register, two, offer(LeaseUndone, id_, three, 13))
    assert (await register.read(id_))["status"] == "registered"


async def test_who_is_in_another_dossier_since_a_lease_leaves_one_of_both(register: Register) -> None:
    id_, one, anna = await register.registered(), uuid4(), await register.candidate()
    await hear(register, signed(id_, one))
    draft = (await register.start(key="k2")).json()["id"]
    await hear(register, offer(LeaseUndone, id_, one, 10))
    assert (await register.read(id_))["status"] == "registered"
    assert (await register.act(id_, anna, "hold")).status_code == 409
    assert (await register.http.delete(f"/v1/dossiers/{draft}", headers=anna)).status_code == 204
    assert (await register.act(id_, anna, "hold")).status_code == 201
