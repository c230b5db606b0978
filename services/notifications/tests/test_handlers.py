"""What becomes a message, for whom, and that it becomes one once."""

import asyncio
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from cir_schemas import (
    LeaseSigned,
    LeaseUndone,
    OfferAnswered,
    OfferEnded,
    OfferJudged,
    OfferOpened,
    OfferReminded,
    ReferralHeldUp,
    ReferralRetracted,
    StatusChanged,
)
from cir_schemas.priority import Answer, Decision
from notifications import tables
from notifications.handlers import notify, record_contacts

from .conftest import (
    ANNA,
    BERT,
    CEES,
    HELPER,
    NUMBER,
    MailServer,
    Notifications,
    answered,
    asked,
    company,
    contacts,
    helped,
    moved,
    offered,
    reviewed,
    until,
)

DAY = "2024-03-20"
ANSWERS = ("accepted", "refused", "no_answer")


async def test_a_move_is_told_to_the_candidate_and_to_the_helper_he_agreed_to(
    notifications: Notifications, dossier: UUID
) -> None:
    event = moved(dossier)
    await notifications.hear(contacts(dossier, help=helped()), event)
    rows = {row.audience: row for row in await notifications.rows()}
    assert set(rows) == {"candidate", "helper"}
    assert {(row.event, row.kind, row.channel, row.state) for row in rows.values()} == {
        (event.id, "submitted", "email", "waiting")
    }
    assert rows["helper"].message_id == f"<{event.id}.helper.email@cir.example>"


async def test_a_helper_is_not_told_without_consent_and_his_address_is_not_kept(
    notifications: Notifications, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped(inform=False)), moved(dossier))
    assert await notifications.states() == {"candidate": "waiting"}
    assert [row.helper_email for row in await notifications.rows(tables.contacts)] == [None]


async def test_who_has_no_address_is_on_record_as_not_reached(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier, email=None), moved(dossier))
    assert [(row.state, row.message_id) for row in await notifications.rows()] == [("no_address", None)]


async def test_one_address_for_both_gets_one_mail(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier, help=helped(email=ANNA)), moved(dossier))
    assert await notifications.states() == {"candidate": "waiting"}


@pytest.mark.parametrize("status", ["registered", "under_investigation"])
async def test_a_decision_that_moves_a_dossier_has_one_letter(
    notifications: Notifications, dossier: UUID, status: str
) -> None:
    event = moved(dossier, status, was="struck", decision="reinstated", by="case_worker")
    await notifications.hear(contacts(dossier, help=helped()), event, event)
    found = sorted((row.kind, row.audience) for row in await notifications.rows())
    assert found == [("reinstated", "candidate"), ("reinstated", "helper")]


async def test_nobody_is_told_of_a_draft(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier), moved(dossier, "draft"))
    assert await notifications.rows() == []


async def test_what_is_asked_is_kept_with_the_message(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier), asked(dossier, "pay_slips"))
    assert [(row.kind, row.asks) for row in await notifications.rows()] == [
        ("proof_asked", [{"role": "applicant", "proofs": ["pay_slips"], "by": None}])
    ]


@pytest.mark.parametrize("decision", get_args(Decision))
async def test_a_review_of_a_situation_is_told_to_candidate_and_helper(
    notifications: Notifications, dossier: UUID, decision: str
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), reviewed(dossier, decision))
    assert await notifications.states() == {"candidate": "waiting", "helper": "waiting"}
    assert {(row.kind, row.organisation) for row in await notifications.rows()} == {(f"situation_{decision}", None)}


@pytest.mark.parametrize("answer", get_args(Answer))
async def test_the_answer_to_a_referral_is_told_once_also_to_who_referred(
    notifications: Notifications, dossier: UUID, answer: str
) -> None:
    event = answered(dossier, answer)
    await notifications.hear(contacts(dossier, help=helped()), event, event)
    await notifications.hear(event)
    rows = {row.audience: row for row in await notifications.rows()}
    assert len(await notifications.rows()) == 3
    assert {(row.kind, row.state) for row in rows.values()} == {(f"referral_{answer}", "waiting")}
    assert {audience: row.organisation for audience, row in rows.items()} == {
        "candidate": None,
        "helper": None,
        "referrer": "diletti",
    }


async def test_who_referred_is_told_whatever_the_candidate_agreed_to_for_his_helper(
    notifications: Notifications, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, email=None, help=helped(inform=False)), answered(dossier))
    assert await notifications.states() == {"candidate": "no_address", "referrer": "waiting"}


async def test_what_priority_says_before_the_contacts_waits_for_them(
    notifications: Notifications, dossier: UUID
) -> None:
    first, second = reviewed(dossier), answered(dossier)
    await notifications.hear(first, second)
    assert await notifications.rows() == []
    await notifications.hear(contacts(dossier))
    await notifications.hear(first, second)
    assert sorted((row.kind, row.audience, row.organisation) for row in await notifications.rows()) == [
        ("referral_accepted", "candidate", None),
        ("referral_accepted", "referrer", "diletti"),
        ("situation_forwarded", "candidate", None),
    ]
    assert await notifications.rows(tables.waiting) == []


async def test_an_event_heard_again_is_told_once(notifications: Notifications, dossier: UUID) -> None:
    event = moved(dossier)
    await notifications.hear(contacts(dossier, help=helped()), event, event)
    await notifications.hear(event)
    await asyncio.gather(*(notifications.hear(event) for _ in range(5)))
    assert len(await notifications.rows()) == 2


async def test_a_repeat_does_not_undo_that_a_mail_was_sent(notifications: Notifications, dossier: UUID) -> None:
    """Not even from a work that did not look first: the key of the row sees to it."""
    event = moved(dossier)
    await notifications.hear(contacts(dossier), event)
    async with notifications.service.database.engine.begin() as connection:
        await connection.execute(tables.messages.update().values(state="sent"))
    async with notifications.service.database.work() as work:
        record_contacts([contacts(dossier)], work)
        notify([event], work)
    assert await notifications.states() == {"candidate": "sent"}


async def test_a_replay_does_not_tell_a_new_helper_of_old_news(notifications: Notifications, dossier: UUID) -> None:
    event = moved(dossier)
    await notifications.hear(contacts(dossier), event)
    await notifications.hear(contacts(dossier, 2, help=helped()))
    await notifications.hear(event)
    assert await notifications.states() == {"candidate": "waiting"}


async def test_what_comes_before_its_contacts_waits_for_them(notifications: Notifications, dossier: UUID) -> None:
    first, second = moved(dossier), asked(dossier, "pay_slips")
    await notifications.hear(first, second)
    await notifications.hear(first)
    assert await notifications.rows() == []
    assert len(await notifications.rows(tables.waiting)) == 2
    await notifications.hear(contacts(dossier))
    assert {row.event for row in await notifications.rows()} == {first.id, second.id}
    assert await notifications.rows(tables.waiting) == []


async def test_contacts_that_arrive_at_the_same_moment_do_not_pass_it_by(
    notifications: Notifications, dossier: UUID
) -> None:
    """The happening is in the hands of one replica, not yet committed, while another hears the contacts."""
    locks = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")

    async def they_wait() -> bool:
        async with notifications.service.database.engine.connect() as connection:
            return hearing.done() or bool(await connection.scalar(locks))

    async with notifications.service.database.work() as work:
        await work.load([dossier])
        hearing = asyncio.create_task(notifications.hear(contacts(dossier)))
        await until(they_wait)
        notify([moved(dossier)], work)
    await hearing
    assert await notifications.states() == {"candidate": "waiting"}
    assert await notifications.rows(tables.waiting) == []


async def test_newer_contacts_count_whatever_the_order_of_arrival(notifications: Notifications, dossier: UUID) -> None:
    await notifications.hear(contacts(dossier, 5, email="new@x.example"))
    await notifications.hear(contacts(dossier, 4, help=helped()))
    await notifications.hear(contacts(dossier, 3), moved(dossier))
    assert [(row.version, row.email) for row in await notifications.rows(tables.contacts)] == [(5, "new@x.example")]
    assert await notifications.states() == {"candidate": "waiting"}


async def test_of_two_contacts_in_one_batch_the_newer_counts(notifications: Notifications, dossier: UUID) -> None:
    async with notifications.service.database.work() as work:
        await work.load([dossier])
        record_contacts([contacts(dossier, 2, help=helped()), contacts(dossier, 1)], work)
    assert [row.helper_email for row in await notifications.rows(tables.contacts)] == [HELPER]


@pytest.mark.parametrize(
    ("event", "about", "kind"),
    [
        (OfferOpened, {}, "offer_opened"),
        (OfferReminded, {}, "offer_reminded"),
        *((OfferAnswered, {"answer": one, "by": "register", "on": DAY}, f"offer_{one}") for one in ANSWERS),
        (OfferJudged, {"well_founded": True, "refused_on": DAY, "unfounded": 1}, "offer_founded"),
        (OfferJudged, {"well_founded": False, "refused_on": DAY, "unfounded": 1}, "offer_unfounded"),
        (OfferJudged, {"well_founded": False, "refused_on": DAY, "unfounded": 2}, "offer_unfounded_again"),
        (OfferEnded, {"was": "open", "now": "withdrawn"}, "offer_withdrawn"),
        (OfferEnded, {"was": "accepted", "now": "lapsed"}, "offer_lapsed"),
        (OfferEnded, {"was": "checking", "now": "withdrawn"}, None),
        (OfferEnded, {"was": "refused", "now": "withdrawn"}, "offer_undone"),
        (OfferEnded, {"was": "no_answer", "now": "withdrawn"}, "offer_undone"),
        (LeaseSigned, {"signed_on": DAY}, "offer_signed"),
        (LeaseUndone, {}, "offer_lease_undone"),
        (StatusChanged, {"was": "registered", "now": "housed"}, None),  # the lease has a letter
    ],
)
async def test_an_offer_is_told_once_to_candidate_partner_and_helper_with_consent(
    notifications: Notifications, server: MailServer, dossier: UUID, event: Any, about: Any, kind: str | None
) -> None:
    """It names the company that lets the home, whichever treats the dossier."""
    told = offered(dossier, event, **about)
    first = contacts(dossier, help=helped(), partner_email=BERT)
    await notifications.hear(company("kanvaz", name="Kanvaz", phone="015"), company(), first, told, told)
    await notifications.hear(told)
    audiences = ["candidate", "helper", "partner"] if kind else []
    assert sorted((row.kind, row.audience) for row in await notifications.rows()) == [(kind, one) for one in audiences]
    await notifications.hear(contacts(other := uuid4(), help=helped(inform=False)), offered(other, event, **about))
    assert [row.audience for row in await notifications.rows() if row.dossier == other] == ["candidate"] * bool(kind)
    await notifications.sender.send_due()
    sent = [mail for to, mail in server.mails if to == ANNA]
    assert bool(sent) == bool(kind)
    assert all("Kanvaz, tel. 015" in str(mail.get_body(("plain",))) for mail in sent)


@pytest.mark.parametrize("event", [OfferOpened, OfferReminded])
@pytest.mark.parametrize("unread", ["no_address", "address_gone", "failed", "stopped", "sent"])
async def test_a_term_that_does_not_reach_the_candidate_is_told_once_to_the_company_that_lets_the_home(
    notifications: Notifications, server: MailServer, dossier: UUID, event: Any, unread: str
) -> None:
    told, state = offered(dossier, event), "no_address" if unread == "address_gone" else unread
    email = None if unread == "no_address" else ANNA
    await notifications.hear(
        company("kanvaz", name="Kanvaz", mailbox=CEES), contacts(dossier, email=email, help=helped())
    )
    await notifications.hear(told)
    if unread == "failed":
        server.refuses[ANNA] = "550 nobody here"
    if unread == "address_gone":
        await notifications.hear(contacts(dossier, 2, email=None, help=helped()))
    if unread == "stopped":
        async with notifications.service.database.work() as work:
            await work.judge(dossier, work.pseudonym(ANNA), "not_mine")
    for _ in range(2):
        while await notifications.sender.send_due():
            pass
        await notifications.hear(told)
    also = {} if unread == "sent" else {"company": "sent"}
    assert await notifications.states() == {"candidate": state, "helper": "sent"} | also
    bodies = [mail.get_body(("plain",)) for to, mail in server.mails if to == CEES]
    letters = [body.get_content() for body in bodies if body]
    assert len(letters) == len(await notifications.told()) - 2
    assert all("ten laatste op 4 april 2024" in one and "verhuurt: Kanvaz" in one for one in letters)


@pytest.mark.parametrize(
    ("event", "told"), [(ReferralHeldUp, ["referrer"]), (ReferralRetracted, ["candidate", "referrer"])]
)
async def test_what_becomes_of_a_referral_is_told_to_who_referred(
    notifications: Notifications, dossier: UUID, event: Any, told: list[str]
) -> None:
    happened = event.model_validate(
        {"dossier": dossier, "number": NUMBER, "referral": uuid4(), "organisation": "diletti"}
    )
    await notifications.hear(contacts(dossier), happened, happened)
    assert sorted(row.audience for row in await notifications.rows()) == told
