"""An offer, from who is first to a signed lease: each way it can end, who hears of it, and whose the next one is."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast
from unittest.mock import ANY
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cir_chassis.driver import transaction
from cir_schemas import OfferConfirmed, OfferDeclined
from priority import rules
from priority.__main__ import cli
from priority.domain.offers import LIVE, REFUSALS
from priority.offers import keep_terms, not_as_here
from priority.requests import OfferAtDossier
from priority.tables import offer_steps

from .conftest import CANDIDATE, DONE, HOME, KEY, Priority, candidacy

FIRST, SECOND, ID = "2018.01.01.0001", "2018.01.01.0002", uuid4()


@pytest.fixture
async def register(priority: Priority) -> Priority:
    await priority.hear(candidacy(FIRST, dossier=ID), candidacy(SECOND))
    await priority.agreed()
    await priority.free("w1")
    return priority


async def later(register: Priority, days: int) -> None:
    """So many days pass, and the register keeps its terms."""
    register.pass_days(days)
    await keep_terms(register.service.background)


async def state(register: Priority, offer: str) -> Any:
    return (await register.get(f"/v1/offers/{offer}")).json()


async def said(register: Priority, *kinds: str) -> list[Any]:
    """What was published about offers since the last `OfferProposed`: the type, and what the type adds."""
    common = {"id", "at", "dossier", "number", "offer", "company", "type"}
    events = [one for one in await register.said() if one["type"] in kinds or not kinds]
    return [(one["type"], {name: value for name, value in one.items() if name not in common}) for one in events]


async def test_from_who_is_first_to_a_signed_lease(register: Priority) -> None:
    made = await register.propose("w1")
    assert (made.status_code, made.json()["state"]) == (201, "checking")
    offer, as_candidate = made.json()["id"], {"role": "candidate", "person": CANDIDATE}
    busy = await register.get("/v1/vacancies/w1/next")
    assert (busy.status_code, "is checking" in busy.text) == (409, True)
    assert (await register.get(f"/v1/offers/{offer}", **as_candidate)).status_code == 404, "he is told nothing yet"
    assert (await register.get(f"/v1/offers?dossier={FIRST}", **as_candidate)).json() == []
    await register.confirm(offer)
    seen = (await register.get(f"/v1/offers/{offer}", **as_candidate)).json()
    assert (seen["state"], seen["answer_by"], seen["dossier"], seen["vacancy"]) == ("open", "2024-06-16", FIRST, "w1")
    assert [one["id"] for one in (await register.get(f"/v1/offers?dossier={ID}", **as_candidate)).json()] == [offer]
    early = await register.act(offer, "lease")
    assert (early[0], "cannot become signed" in early[1]) == (409, True)
    accepted = await register.post(f"/v1/offers/{offer}/answer", {"answer": "accept"}, **as_candidate)
    assert accepted.json()["state"] == "accepted"
    twice = await register.act(offer, "answer")
    assert (twice[0], "cannot become accepted" in twice[1]) == (409, True)
    unproven = await register.act(offer, "lease", statements_seen=False)
    assert (unproven[0], "balances" in unproven[1]) == (409, True)
    assert (await register.act(offer, "lease", signed_on="2024-06-02"))[0] == 422, "it is not signed yet"
    assert (await register.act(offer, "lease", signed_on="1990-01-01"))[0] == 422, "long before the offer"
    assert await register.act(offer, "lease") == (200, "signed")
    home = {"municipality": "24062", "bedrooms": 1, "rent": "410.50", "answer_by": "2024-06-16"}
    answered = {"answer": "accepted", "by": "candidate", "on": "2024-06-01"}
    assert await said(register) == [
        ("OfferProposed", {}), ("OfferOpened", home), ("OfferAnswered", answered), ("LeaseSigned", {"signed_on": "2024-06-01"}),
    ]  # fmt: skip
    assert {(one["offer"], one["number"], one["company"]) for one in await register.said()} == {
        (offer, FIRST, "dijledal")
    }
    assert await register.list() == [SECOND]
    await register.hear(candidacy(FIRST, 2, ID, status="housed"))
    assert (await state(register, offer))["state"] == "signed", "its own lease lapses nothing"
    await register.hear(candidacy(FIRST, 3, ID))
    assert await register.list() == [FIRST, SECOND], "put right: it waits again"


async def test_no_lease_is_of_a_day_before_its_offer_was_open_or_its_candidate_accepted(register: Priority) -> None:
    long_ago = sa.text(
        "UPDATE offers SET proposed_at = '2024-05-31'"
    )  # the hour is of the wall, the days are of the test
    made = (await register.propose("w1")).json()["id"]
    async with transaction(register.service.background.engine) as connection:
        await connection.execute(long_ago)
    register.pass_days(1)
    await register.confirm(made)
    await register.act(made, "answer", on="2024-06-02")
    assert (await register.act(made, "lease", signed_on="2024-06-01"))[0] == 422, "nothing was offered yet"
    assert await register.act(made, "lease", signed_on="2024-06-02") == (200, "signed")
    await register.free("w2")
    second = await register.opened("w2")
    async with transaction(register.service.background.engine) as connection:
        await connection.execute(long_ago)
    register.pass_days(1)
    himself = await register.post(f"/v1/offers/{second}/answer", {"answer": "accept"}, "candidate", person=CANDIDATE)
    assert himself.status_code == 200, himself.text
    assert (await register.act(second, "lease", signed_on="2024-06-02"))[0] == 422, "he had not accepted it"
    assert await register.act(second, "lease", signed_on="2024-06-03") == (200, "signed")


async def test_dossiers_word_counts_once_and_only_while_it_is_checked(register: Priority) -> None:
    offer = (await register.propose("w1")).json()["id"]
    about: dict[str, Any] = {"dossier": ID, "number": FIRST, "offer": offer}
    declined = OfferDeclined.model_validate(about | {"reasons": ["income"]})
    unknown, another = (OfferConfirmed.model_validate(about | {name: uuid4()}) for name in ("offer", "dossier"))
    await register.hear(unknown, another)
    assert (await state(register, offer))["state"] == "checking"
    await register.hear(declined, declined)
    await register.hear(OfferConfirmed.model_validate(about))
    assert (await state(register, offer))["state"] == "declined"
    assert await said(register) == [("OfferProposed", {})], "of what was not offered the candidate hears nothing"
    assert [one["dossier"] for one in (await register.next("w1"))["order"]] == [SECOND]
    assert await steps(register, offer) == [(None, "checking", []), ("checking", "declined", ["income"])]
    other = await register.opened("w1")
    known = (await register.said())[-1]["dossier"]
    await register.hear(OfferConfirmed.model_validate({"dossier": known, "number": SECOND, "offer": other}))
    assert len(await said(register, "OfferOpened")) == 1


async def steps(register: Priority, offer: str) -> list[Any]:
    async with register.service.database.engine.connect() as connection:
        query = sa.text("SELECT was, now, reasons FROM offer_steps WHERE offer = :offer ORDER BY nth")
        return [tuple(row) for row in await connection.execute(query, {"offer": offer})]


WAYS: Mapping[str, tuple[list[tuple[str, dict[str, Any]]], str, bool]] = {
    # what the company does with an open offer; its state; whether the same vacancy is offered to the same dossier again
    "refused": ([("answer", {"answer": "refuse"})], "refused", False),
    "refused by mistake": ([("answer", {"answer": "refuse"}), ("undo", {})], "withdrawn", True),
    "refused after all": ([("answer", {}), ("answer", {"answer": "refuse"})], "refused", False),
    "taken back": ([("withdrawal", {})], "withdrawn", True),
    "taken back after all": ([("answer", {}), ("withdrawal", {})], "withdrawn", True),
}


@pytest.mark.parametrize("way", WAYS)
async def test_an_offer_that_fails_leaves_the_turn_with_its_vacancy(register: Priority, way: str) -> None:
    acts, ended, again = WAYS[way]
    offer = await register.opened("w1")
    for what, body in acts:
        assert (await register.act(offer, what, **body))[0] == 200
    assert (await state(register, offer))["state"] == ended
    for what in DONE.keys() - ({"judgement", "undo"} if ended == "refused" else set()):
        assert (await register.act(offer, what))[0] == 409, "it has ended"
    next_ = await register.next("w1")
    assert (next_["turn"]["turn"], next_["order"][0]["dossier"]) == (1, FIRST if again else SECOND)
    was = "refused" if acts[-1][0] == "undo" else "accepted" if len(acts) > 1 else "open"
    assert (await said(register, "OfferEnded")) == ([("OfferEnded", {"was": was, "now": ended})] if again else [])
    await register.free("w2")
    assert (await register.next("w2"))["order"][0]["dossier"] == FIRST, "another home is another offer"


@pytest.mark.parametrize(
    ("was", "changed", "now"),
    [
        *((was, {"status": status}, "lapsed") for was in LIVE for status in ("struck", "withdrawn", "refused")),
        ("accepted", {"status": "housed"}, None),  # of its lease, which was taken back since
        *((was, {"on_hold": True, "paused_until": "2030-01-01"}, "lapsed") for was in ("checking", "open")),
        ("accepted", {"on_hold": True, "paused_until": "2030-01-01"}, None),
        ("checking", {"on_hold": True, "paused_until": "2030-01-01", "company": "kanvaz"}, "lapsed"),
        ("open", {"on_hold": True, "paused_until": "2030-01-01", "company": "kanvaz"}, None),
        *((was, {"status": "under_investigation"}, None) for was in LIVE),
        *((was, {"paused_until": "2024-07-01"}, None) for was in LIVE),
    ],
)
async def test_what_somebody_did_lapses_an_offer_and_an_assessment_does_not(
    register: Priority, was: str, changed: dict[str, Any], now: str | None
) -> None:
    offer = (await register.propose("w1")).json()["id"]
    if was != "checking":
        await register.confirm(offer)
    if was == "accepted":
        await register.act(offer, "answer")
    changes = candidacy(FIRST, 2, ID, **changed)
    await register.hear(changes)
    await register.hear(changes)
    seen = await state(register, offer)
    assert seen["state"] == (now or was)
    ended = [("OfferEnded", {"was": was, "now": "lapsed"})] if now else []
    assert await said(register, "OfferEnded") == ended
    reasons = {"under_investigation": "under_investigation", "housed": "not_registered"}
    reason = reasons.get(str(changed.get("status")), "paused")
    assert seen["concerns"] == ([] if now else [reason]), "the board is shown it"
    assert (await register.get("/v1/vacancies/w1/next")).status_code == (200 if now else 409)


async def test_silence_is_a_refusal_after_a_reminder_and_what_comes_late_is_kept(register: Priority) -> None:
    offer = await register.opened("w1")
    await later(register, 11)
    assert await said(register, "OfferReminded") == []
    for days in (1, 0, 2):
        await later(register, days)
    assert await said(register, "OfferReminded") == [("OfferReminded", {"answer_by": "2024-06-16"})], "once"
    await later(register, 1)
    assert (await state(register, offer))["state"] == "open", "the last day is in"
    await later(register, 1)
    await later(register, 1)
    silent = ("OfferAnswered", {"answer": "no_answer", "by": "register", "on": "2024-06-17"})
    assert await said(register, "OfferAnswered") == [silent]
    late = await register.post(f"/v1/offers/{offer}/answer", {"answer": "accept", "reason": "Hospital."}, "candidate",
                               person=CANDIDATE)  # fmt: skip
    assert (late.status_code, late.json()["state"]) == (200, "no_answer")
    assert (await register.act(offer, "answer"))[0] == 409
    seen = await state(register, offer)
    assert (seen["state"], seen["late_answer"]) == ("no_answer", "accept")
    assert (await steps(register, offer))[-1] == (None, "no_answer", ["Hospital."])
    assert await said(register, "OfferAnswered") == [silent]
    assert (await register.next("w1"))["order"][0]["dossier"] == SECOND


async def test_an_answer_a_day_late_is_late_also_before_the_register_looked(register: Priority) -> None:
    offer = await register.opened("w1")
    register.pass_days(16)
    assert await register.act(offer, "answer") == (200, "no_answer")
    await later(register, 0)
    assert [one["answer"] for _, one in await said(register, "OfferAnswered")] == ["no_answer"]
    assert (await state(register, offer))["late_answer"] == "accept"


async def test_the_newest_judgement_of_each_refusal_counts_over_all_companies(register: Priority) -> None:
    await register.shared(FIRST, ID)
    await register.hear(candidacy(FIRST, 2, ID))
    offers = [await register.opened("w1")]
    assert (await register.act(offers[0], "judgement"))[0] == 409, "nobody refused it"
    await register.act(offers[0], "answer", answer="refuse")
    assert await register.act(offers[0], "judgement", company="kanvaz") != (200, "refused")
    await register.free("w2")
    offers.append(await register.opened("w2"))
    await register.act(offers[1], "answer", answer="refuse")
    for offer, well_founded in ((0, False), (1, False), (0, False), (0, True), (0, True)):
        assert await register.act(offers[offer], "judgement", well_founded=well_founded) == (200, "refused")
    judged = [one for _, one in await said(register, "OfferJudged")]
    assert [(one["well_founded"], one["unfounded"]) for one in judged] == [
        (False, 1),
        (False, 2),
        (True, 1),
    ], "the same once more is no news"
    assert {one["refused_on"] for one in judged} == {"2024-06-01"}


async def test_a_turn_passes_on_when_nobody_of_its_group_is_left_and_comes_back_when_its_vacancy_is_withdrawn(
    register: Priority,
) -> None:
    await register.let("w1")
    third = "2020.01.01.0001"
    await register.hear(candidacy(third), candidacy("2020.01.01.0002"))
    await register.refer(third)
    await register.free("w2")
    assert (await register.next("w2"))["turn"]["to"] == "homeless"
    await register.act(await register.opened("w2"), "answer", answer="refuse")
    await register.refer("2020.01.01.0002", "young", "mind-the-gap")
    next_ = await register.next("w2")
    assert (next_["turn"]["turn"], next_["turn"]["to"], next_["turn"]["how"]) == (2, "young", "passed")
    offer = await register.opened("w2")
    await register.free("w3")
    assert (await register.next("w3"))["turn"]["turn"] == 3
    await register.act(offer, "answer")
    assert (await register.post("/v1/vacancies/w2/withdrawal", {"reasons": "It burnt down."})).status_code == 204
    assert (await register.post("/v1/vacancies/w2/withdrawal", {"reasons": "It burnt down."})).status_code == 409
    assert (await state(register, offer))["state"] == "withdrawn"
    assert (await register.get("/v1/vacancies/w2/next")).status_code == 409
    [agreement] = (await register.get("/v1/agreements")).json()
    ledger = (await register.get(f"/v1/agreements/{agreement['id']}/ledger")).json()
    assert [(one["turn"], one["to"], one["state"]) for one in ledger["turns"]] == [
        (1, "standard", "live"), (1, "standard", "final"), (2, "homeless", "live"), (2, "young", "live"),
        (2, "young", "returned"),
    ]  # fmt: skip
    assert (ledger["next_turn"], ledger["debts"]) == (2, [])
    back = (await register.next("w3"))["turn"]
    assert (back["turn"], back["to"], back["how"]) == (2, "homeless", "taken"), "he refused another home, not this one"


async def test_a_turn_stays_under_the_agreement_that_drew_it(register: Priority) -> None:
    [earlier] = (await register.get("/v1/agreements")).json()
    offer = await register.opened("w1")
    made = await register.post("/v1/agreements", earlier["agreement"] | {"from": "2024-06-01"}, "council")
    votes = {"votes": [{"member": "Stad Leuven", "municipality": "24062", "vote": "for"}], "ends": earlier["id"]}
    adopted = await register.post(f"/v1/agreements/{made.json()['id']}/adoption", votes, "council")
    assert adopted.status_code == 200
    await register.act(offer, "answer", answer="refuse")
    await register.free("w2")
    assert [(await register.next(id_))["agreement"] for id_ in ("w1", "w2")] == [earlier["id"], made.json()["id"]]
    await register.let("w1")
    ledger = (await register.get(f"/v1/agreements/{earlier['id']}/ledger")).json()
    assert [one["state"] for one in ledger["turns"]] == ["live", "final"]


async def test_a_referrer_is_told_each_time_that_a_dossier_is_held_up_and_may_retract(register: Priority) -> None:
    referral = (await register.refer(FIRST)).json()["id"]
    for version, status in enumerate(("under_investigation", "under_investigation", "registered", "struck"), start=2):
        await register.hear(candidacy(FIRST, version, ID, status=status))
    held = [one for one in await register.said() if one["type"] == "ReferralHeldUp"]
    assert [(one["referral"], one["organisation"]) for one in held] == [(referral, "caw")] * 2
    await register.hear(candidacy(FIRST, 9, ID))
    path, why = f"/v1/referrals/{referral}/retraction", {"reasons": "He found a home."}
    both = [await register.post(path, why, "helper", organisation="caw") for _ in range(2)]
    assert [one.status_code for one in both] == [200, 409]
    assert (await register.said())[-1]["type"] == "ReferralRetracted"
    [agreement] = (await register.get("/v1/agreements")).json()
    assert (await register.get(f"/v1/agreements/{agreement['id']}/ledger")).json()["room"]["homeless"] == 3
    await register.hear(candidacy(FIRST, 10, ID, status="under_investigation"))
    assert (await register.said())[-1]["type"] == "ReferralRetracted", "nobody is told of what is promised no more"


async def test_a_referral_that_ended_in_a_lease_is_retracted_by_nobody(register: Priority) -> None:
    """Whoever moves in gets no letter that a home is certain no more."""
    referral = (await register.refer(SECOND)).json()["id"]
    await register.let("w1")
    await register.free("w2")
    assert (await state(register, await register.let("w2")))["dossier"] == SECOND
    path, why = f"/v1/referrals/{referral}/retraction", {"reasons": "He found a home."}
    [known] = [one["dossier"] for one in await register.said() if one["type"] == "ReferralAnswered"]
    for status in (None, "housed"):
        if status:
            await register.hear(candidacy(SECOND, 2, UUID(known), status=status))
        late = await register.post(path, why, "helper", organisation="caw")
        assert (late.status_code, "lease" in late.text) == (409, True)
    assert [one["type"] for one in await register.said()][-1] == "LeaseSigned"


ROUNDS = [4, pytest.param(1000, marks=pytest.mark.long)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_of_two_at_once_each_offer_has_one_outcome(register: Priority, rounds: int) -> None:
    """Two companies propose to one dossier; a hold or a withdrawal comes under an answer, and a withdrawal under a lease."""
    wants = (await register.shared("2016.01.01.0001")).wants
    await register.post("/v1/vacancies/k1/withdrawal", {"reasons": "It is sold."}, company="kanvaz")
    done = Counter[str]()
    for n in range(rounds):
        number, id_, dossier, treats = f"2015.01.01.{n + 1:04d}", f"r{n}", uuid4(), ("dijledal", "kanvaz")[n % 2]
        await register.hear(candidacy(number, dossier=dossier, wants=wants, company=treats))
        await register.free(id_)
        there = {"id": id_, "dwelling": id_, "company": "kanvaz", "municipality": "12025"}
        assert (await register.post("/v1/vacancies", HOME | there, company="kanvaz")).status_code == 201
        proposed = await asyncio.gather(register.propose(id_), register.propose(id_, company="kanvaz"))
        assert sorted(one.status_code for one in proposed) == [201, 409], number
        company = "dijledal" if proposed[0].status_code == 201 else "kanvaz"
        offer = next(one for one in proposed if one.status_code == 201).json()["id"]
        await register.confirm(offer)
        held = register.hear(candidacy(number, 2, dossier, on_hold=True, company=treats, wants=wants))
        against = register.act(offer, "withdrawal", company) if n % 3 else held
        (answered, _), _ = await asyncio.gather(register.act(offer, "answer", company), against)
        if n % 3:
            await held
        now = (await register.get(f"/v1/offers/{offer}", company)).json()["state"]
        possible = [(200, "withdrawn"), (409, "withdrawn")] if n % 3 else [(200, "accepted"), (409, "lapsed")]
        assert (answered, now) in possible
        if now == "accepted":
            both = await asyncio.gather(
                register.act(offer, "lease", company), register.act(offer, "withdrawal", company)
            )
            assert sorted(status for status, _ in both) == [200, 409]
            now = (await register.get(f"/v1/offers/{offer}", company)).json()["state"]
        done[now] += 1
        await register.hear(candidacy(number, 3, dossier, status="withdrawn", company=treats))
    assert done.total() == rounds
    async with register.service.database.engine.connect() as connection:
        found = await connection.execute(
            sa.text("SELECT offer, count(*) FILTER (WHERE now IN ('signed', 'withdrawn', 'lapsed')) AS ends FROM offer_steps"
                    " GROUP BY offer")
        )  # fmt: skip
        assert {row.ends for row in found} == {1}


async def test_a_case_worker_decides_nothing_about_his_own_dossier(register: Priority) -> None:
    next_ = await register.next("w1")
    himself = {"role": "case_worker", "person": CANDIDATE, "company": "dijledal"}
    mine = {"turn": next_["turn"]["turn"], "dossier": next_["order"][0]["dossier"]}
    assert (await register.post("/v1/vacancies/w1/offers", mine, **himself)).status_code == 403
    offer = await register.opened("w1")
    for what, body in DONE.items():
        assert (await register.post(f"/v1/offers/{offer}/{what}", body, **himself)).status_code == 403, what
    asked = {"dossier": str(ID), "text": "cannot climb the stairs", "documents": []}
    assert (await register.post("/v1/situations", asked, **himself)).status_code == 403
    assert (await state(register, offer))["state"] == "open"


async def test_who_closed_his_dossier_after_a_lease_and_comes_back_waits_again(register: Priority) -> None:
    await register.let("w1")
    await register.hear(candidacy(FIRST, 2, ID, status="withdrawn"))
    await register.hear(candidacy(FIRST, 3, ID))
    assert await register.list() == [FIRST, SECOND]


async def test_a_hold_after_the_term_makes_no_silence_undone(register: Priority) -> None:
    offer = await register.opened("w1")
    register.pass_days(16)
    await register.hear(candidacy(FIRST, 2, ID, on_hold=True))
    assert (await state(register, offer))["state"] == "no_answer"
    assert [answer["answer"] for _, answer in await said(register, "OfferAnswered", "OfferEnded")] == ["no_answer"]


async def decline(register: Priority, vacancy: str, *reasons: str) -> str:
    offer = (await register.propose(vacancy)).json()["id"]
    about = {"dossier": ID, "number": FIRST, "offer": offer, "reasons": reasons}
    await register.hear(OfferDeclined.model_validate(about))
    return str(offer)


async def test_who_was_declined_is_kept_from_that_vacancy_as_long_as_the_reason_lasts(register: Priority) -> None:
    offer = await decline(register, "w1", "on_hold")
    for version, changed, first in (
        (2, {"on_hold": True, "paused_until": "2030-01-01"}, SECOND),
        (3, {"status": "under_investigation"}, SECOND),
        (4, {}, FIRST),
    ):
        await register.hear(candidacy(FIRST, version, ID, **changed))
        assert (await register.next("w1"))["order"][0]["dossier"] == first, changed
    assert (await state(register, offer))["state"] == "lapsed"
    # the end of some reasons nobody tells: a week later it is asked again, and answered
    offer = await decline(register, "w1", "confirmation")
    await later(register, 6)
    assert (await register.next("w1"))["order"][0]["dossier"] == SECOND
    await later(register, 1)
    assert (await register.next("w1"))["order"][0]["dossier"] == FIRST
    assert await said(register, "OfferEnded") == [], "nobody was told of it"


async def test_one_home_that_is_offered_twice_never_makes_two_unfounded_refusals(register: Priority) -> None:
    offers = list[str]()
    for id_, rent in (("w1", "900.00"), ("w2", "400.00")):
        if offers:
            await register.post("/v1/vacancies/w1/withdrawal", {"reasons": "The rent was wrong."})
            assert (await register.free(id_, dwelling="w1", rent=rent, otherwise="It was too dear.")).status_code == 201
        assert (await register.next(id_))["order"][0]["dossier"] == FIRST, (
            "who refused the dear home is offered the cheap one"
        )
        offers.append(await register.opened(id_))
        await register.act(offers[-1], "answer", answer="refuse")
    assert await register.act(offers[1], "judgement") == (200, "refused")
    twice = await register.act(offers[0], "judgement")
    assert (twice[0], "same dwelling" in twice[1]) == (409, True)
    assert await register.act(offers[0], "judgement", well_founded=True) == (200, "refused")
    await register.free("w3")
    other = await register.opened("w3")
    await register.act(other, "answer", answer="refuse")
    assert await register.act(other, "judgement") == (200, "refused"), "another home"
    assert [one["unfounded"] for _, one in await said(register, "OfferJudged")] == [1, 1, 2]


async def test_an_accepted_home_whose_lease_stays_out_is_shown_to_the_company(register: Priority) -> None:
    offer = await register.opened("w1")
    await register.act(offer, "answer")
    for days, shown in ((59, []), (1, ["lease_due"])):
        await later(register, days)
        seen = await state(register, offer)
        assert (seen["state"], seen["concerns"]) == ("accepted", shown)


async def test_an_undone_silence_counts_no_more_and_its_home_stays_with_who_has_it(register: Priority) -> None:
    offer = await register.opened("w1")
    assert (await register.act(offer, "undo"))[0] == 409, "it is open"
    await later(register, 16)
    assert (await register.act(offer, "judgement"))[0] == 200
    other = await register.opened("w1")
    path, why = f"/v1/offers/{offer}/undo", {"reasons": "The letter was never sent."}
    assert (await register.post(path, why, "candidate", person=CANDIDATE)).status_code == 403
    assert (await register.post(path, why, company="kanvaz")).status_code == 404
    assert (await register.post(path, {"reasons": []})).status_code == 422
    assert await register.act(offer, "undo") == (200, "withdrawn")
    assert (await register.act(offer, "undo"))[0] == 409
    seen = await state(register, offer)
    assert (seen["well_founded"], seen["late_answer"]) == (None, None)
    assert (await state(register, other))["state"] == "open"
    assert await said(register, "OfferEnded") == [("OfferEnded", {"was": "no_answer", "now": "withdrawn"})]
    await register.free("w2")
    second = await register.opened("w2")
    assert (await state(register, second))["dossier"] == FIRST
    await register.act(second, "answer", answer="refuse")
    await register.act(second, "judgement")
    assert [one["unfounded"] for _, one in await said(register, "OfferJudged")] == [1, 1]


@pytest.mark.parametrize("what", ["judgement", "undo"])
async def test_a_blank_is_no_reason(register: Priority, what: str) -> None:
    """Else three months without an offer would rest on nothing that the household could appeal against."""
    offer = await register.opened("w1")
    refused = await register.act(offer, "answer", answer="refuse", reason=" ")
    assert (refused[0], "reason" in refused[1]) == (422, True)
    await register.act(offer, "answer", answer="refuse", reason=" Too far.\n")
    assert (await steps(register, offer))[-1] == ("open", "refused", ["Too far."])
    for blank in (" \n", "\u200b\u2060 \ufeff"):
        assert (await register.act(offer, what, reasons=blank))[0] == 422
    assert (await state(register, offer))["well_founded"] is None


async def test_an_answer_on_paper_says_when_it_came_and_a_refusal_why(register: Priority) -> None:
    offer = await register.opened("w1")
    path, refused = f"/v1/offers/{offer}/answer", {"answer": "refuse", "reason": "Too far.", "on": "2024-06-01"}
    for wrong, field in (
        ({"reason": None}, "reason"),
        ({"on": None}, "on"),
        ({"on": "2024-06-02"}, "on"),
        ({"on": "2024-05-31"}, "on"),
    ):
        said_no = await register.post(path, refused | wrong)
        assert (said_no.status_code, [one["path"] for one in said_no.json()["errors"]]) == (422, [field]), wrong
    himself = await register.post(path, refused, "candidate", person=CANDIDATE)
    assert himself.status_code == 422, "his own answer comes as he sends it"
    assert (await state(register, offer))["state"] == "open"
    register.service.clock.fixed = date(2024, 6, 10)
    assert (await register.post(path, refused)).status_code == 200
    assert await said(register, "OfferAnswered") == [
        ("OfferAnswered", {"answer": "refused", "by": "case_worker", "on": "2024-06-01"})
    ]


async def test_an_answer_on_paper_may_come_from_the_day_on_which_the_offer_opened(
    register: Priority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That day is on record: another term of a later law changes it no more."""
    offer = await register.opened("w1")
    monkeypatch.setitem(cast(dict[str, object], rules._DAYS), "answer_days", [(None, 10)])
    register.service.clock.fixed = date(2024, 6, 10)
    assert (await register.act(offer, "answer", on="2024-05-31"))[0] == 422
    assert await register.act(offer, "answer", on="2024-06-01") == (200, "accepted")


async def test_a_refusal_on_paper_that_is_older_than_his_own_acceptance_ends_nothing(register: Priority) -> None:
    """Who wrote first and thought better of it keeps the home that he took."""
    offer = await register.opened("w1")
    accepted = {"answer": "accept", "reason": "After all."}
    register.service.clock.fixed = date(2024, 6, 10)
    await register.post(f"/v1/offers/{offer}/answer", accepted, "candidate", person=CANDIDATE)
    older = await register.act(offer, "answer", answer="refuse", on="2024-06-03")
    assert (older[0], "took the home himself" in older[1]) == (422, True)
    assert (await state(register, offer))["state"] == "accepted"
    async with register.service.database.work() as work:  # in Belgium: half past midnight on 5 June
        at = {"at": datetime(2024, 6, 4, 22, 30, tzinfo=UTC)}
        await work.connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # steps are only added
        await work.connection.execute(sa.update(offer_steps).where(offer_steps.c.what == "accepted").values(at))
    assert (await register.act(offer, "answer", answer="refuse", on="2024-06-04"))[0] == 422
    assert await register.act(offer, "answer", answer="refuse", on="2024-06-05") == (200, "refused")
    # of two letters the day tells nothing: the second one may be put on record first
    second = await register.opened("w1")
    for answer, on in (("accept", "2024-06-12"), ("refuse", "2024-06-11")):
        register.service.clock.fixed = date(2024, 6, 12)
        assert (await register.act(second, "answer", answer=answer, on=on))[0] == 200


@pytest.mark.parametrize("answer", ["accept", "refuse"])
async def test_an_answer_on_paper_that_came_in_time_is_no_silence(register: Priority, answer: str) -> None:
    offer = await register.opened("w1")
    await later(register, 20)
    await register.act(offer, "judgement")
    late = {"answer": "accept", "reason": "I was away."}
    await register.post(f"/v1/offers/{offer}/answer", late, "candidate", person=CANDIDATE)
    now = {"accept": "accepted", "refuse": "refused"}[answer]
    assert await register.act(offer, "answer", answer=answer, on="2024-06-17") == (409, ANY)
    assert await register.act(offer, "answer", answer=answer, on="2024-06-16") == (200, now)
    seen = await state(register, offer)
    assert (seen["state"], seen["late_answer"], seen["well_founded"]) == (now, None, None)
    answered = {"answer": now, "by": "case_worker", "on": "2024-06-16"}
    assert (await said(register, "OfferAnswered"))[1:] == [("OfferAnswered", answered)]
    if answer == "accept":
        assert await register.act(offer, "lease", signed_on="2024-06-21") == (200, "signed")


@pytest.mark.parametrize("since", ["offered to the next one", "withdrawn", "offered another home", "struck"])
async def test_an_acceptance_in_time_of_a_home_that_is_gone_is_put_to_a_person(register: Priority, since: str) -> None:
    offer = await register.opened("w1")
    await later(register, 16)
    await register.act(offer, "judgement")
    if since == "offered to the next one":
        await register.act(await register.opened("w1"), "withdrawal")
    elif since == "withdrawn":
        await register.post("/v1/vacancies/w1/withdrawal", {"reasons": "It burnt down."})
    elif since == "offered another home":
        await register.free("w2")
        await register.opened("w2")
    else:
        await register.hear(candidacy(FIRST, 2, ID, status="struck"))
    assert await register.act(offer, "answer", on="2024-06-03") == (200, "no_answer")
    seen = await state(register, offer)
    assert (seen["late_answer"], seen["well_founded"]) == ("accept", None), (
        "it is to be judged as one that came in time"
    )


@pytest.mark.parametrize("paper", [False, True])
async def test_what_a_refusal_was_for_goes_with_its_judgement(register: Priority, paper: bool) -> None:
    offer = await register.opened("w1")
    await later(register, 16)
    assert await register.act(offer, "judgement", well_founded=True, ground="hospital") == (200, "no_answer")
    if paper:
        assert await register.act(offer, "answer", on="2024-06-03") == (200, "accepted")
    else:
        assert await register.act(offer, "undo") == (200, "withdrawn")
    async with register.service.database.work() as work:
        kept = await work.allocation.offer(UUID(offer))
    assert kept
    assert (kept.well_founded, kept.ground) == (None, None)


def at_dossier(offer: object, state: str) -> OfferAtDossier:
    """As `python -m dossier offers` prints it."""
    about = {"dossier": ID, "number": FIRST, "company": "dijledal", "on": "2024-05-30"}
    return OfferAtDossier.model_validate(about | {"offer": offer, "state": state})


async def test_an_offer_that_was_forgotten_in_a_restore_is_found_and_ended_at_dossier(register: Priority) -> None:
    ours, theirs, refused = await register.opened("w1"), str(uuid4()), str(uuid4())
    known = [at_dossier(theirs, "accepted"), at_dossier(refused, "refused"), at_dossier(ours, "accepted")]
    known.append(at_dossier(uuid4(), "withdrawn"))  # of which nothing is left to do
    for end, published in ((False, []), (True, [theirs])):
        found = await not_as_here(register.service.database, known, end=end)
        assert [(str(one.offer), state) for one, state, _ in found] == [(theirs, None), (refused, None), (ours, "open")]
        assert [todo for *_, todo in found] == [
            "ended" if end else "--end ends it at dossier", "its home may be offered to this dossier again: tell the company",
            "a case worker puts on record once more what dossier knows",
        ]  # fmt: skip
        assert [one["offer"] for one in await register.said() if one["type"] == "OfferEnded"] == published
    assert (await state(register, ours))["state"] == "open"


@pytest.mark.parametrize(
    ("here", "there"),
    [("open", "refused"), ("open", "no_answer"), ("checking", "refused"), ("accepted", "refused"), ("open", "withdrawn"),
     ("checking", "lapsed")],
)  # fmt: skip
async def test_an_offer_that_ended_before_a_restore_ends_here_too_and_nobody_is_asked_again(
    register: Priority, here: str, there: str
) -> None:
    if here == "checking":
        offer = (await register.propose("w1")).json()["id"]
    else:
        offer = await register.opened("w1")
    if here == "accepted":
        await register.act(offer, "answer")
    published = await register.said()
    for end, now, todo in ((False, here, "--end ends it here"), (True, there, "ended")):
        [found] = await not_as_here(register.service.database, [at_dossier(offer, there)], end=end)
        assert (found[1:], (await state(register, offer))["state"]) == ((here, todo), now)
    assert await register.said() == published, "dossier and candidate know it already"
    assert await not_as_here(register.service.database, [at_dossier(offer, there)], end=True) == []
    await keep_terms(register.service.background)
    assert (await state(register, offer))["state"] == there
    if there in REFUSALS:
        first = (await register.next("w1"))["order"][0]["dossier"]
        assert first == SECOND, "he is not asked again"
        assert (await register.act(offer, "judgement"))[0] == 200
        assert (await said(register, "OfferJudged"))[-1][1]["refused_on"] == "2024-05-30"


async def test_what_does_not_follow_here_is_left_to_the_company(register: Priority) -> None:
    offer = await register.opened("w1")
    await register.act(offer, "answer")
    for there, todo in (
        ("signed", "its home is let: the company withdraws the vacancy"),
        ("no_answer", "a case worker puts on record once more what dossier knows"),
    ):
        assert await not_as_here(register.service.database, [known := at_dossier(offer, there)], end=True) == [
            (known, "accepted", todo)
        ]
    assert (await state(register, offer))["state"] == "accepted"


@pytest.mark.parametrize(
    ("written", "exit_code", "says"),
    [
        (None, 2, "Invalid value for 'file'"),
        ("{}\n", 2, "line 1"),
        ("\udcff\n", 2, "line 1"),
        ("", 1, "does the database answer?"),
    ],
)
def test_a_list_of_offers_that_cannot_be_read_or_compared_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str | None, exit_code: int, says: str
) -> None:
    settings = {
        "database_url": "postgresql://x@127.0.0.1:1/x",
        "kafka": "127.0.0.1:1",
        "issuer": "http://x",
        "audience": "x",
    }
    for name, value in {**settings, "port": "1", "person_key": KEY.get_secret_value()}.items():
        monkeypatch.setenv(f"CIR_{name.upper()}", value)
    if written is not None:
        (tmp_path / "offers").write_text(written, errors="surrogateescape")
    told = CliRunner().invoke(cli, ["forgotten", str(tmp_path / "offers")])
    assert (told.exit_code, says in " ".join(told.stderr.split())) == (exit_code, True), told.output
