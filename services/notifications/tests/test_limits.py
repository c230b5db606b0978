"""No stranger is flooded by somebody who names his address, and no family stays untold because of that."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from conftest import counted
from notifications import tables
from notifications.domain.recipients import PROVOKED

from .conftest import (
    ANNA,
    BERT,
    HELPER,
    OFFICE,
    MailServer,
    Notifications,
    answered,
    asked,
    contacts,
    helped,
    invited,
    left,
    members,
    moved,
    reviewed,
)


async def states(notifications: Notifications) -> list[tuple[str, str]]:
    """(kind, state) of every message, in the order in which things happened."""
    return [(row.kind, row.state) for row in sorted(await notifications.rows(), key=lambda row: row.happened_at)]


async def pass_time(notifications: Notifications, hours: float) -> None:
    """Everything on record lies so much longer ago."""
    earlier = {name: tables.messages.c[name] - timedelta(hours=hours) for name in ("at", "due_at", "happened_at")}
    async with notifications.service.database.engine.begin() as connection:
        await connection.execute(tables.messages.update().values(earlier))


async def send_all(notifications: Notifications) -> None:
    while await notifications.sender.send_due():
        pass


async def test_what_is_asked_is_mailed_once_it_stayed_the_same_for_ten_minutes(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()))
    for proofs in (["pay_slips"], ["tax_assessment"], ["pay_slips"]):
        await notifications.hear(asked(dossier, *proofs))
        await send_all(notifications)
    assert server.told == []
    await pass_time(notifications, 9.9 / 60)
    await send_all(notifications)
    assert server.told == []
    await pass_time(notifications, 0.2 / 60)
    await send_all(notifications)
    assert sorted(server.told) == [ANNA, HELPER]
    assert await states(notifications) == [
        *[("proof_asked", "superseded")] * 4,
        *[("proof_asked", "sent")] * 2,
    ]
    assert len({(row.event, row.audience, row.channel) for row in await notifications.rows()}) == 6


async def test_of_asks_in_one_batch_or_out_of_order_the_newest_is_mailed(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    first, second, third = (asked(dossier, proof) for proof in ("pay_slips", "tax_assessment", "account_statements"))
    await notifications.hear(contacts(dossier), third, first)
    await notifications.hear(second)
    await pass_time(notifications, 1)
    await send_all(notifications)
    assert [mail["Message-ID"] for _, mail in server.mails] == [f"<{third.id}.candidate.email@cir.example>"]


async def test_a_status_carries_the_newest_asks_so_older_ones_are_not_mailed_any_more(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    other = uuid4()
    await notifications.hear(contacts(dossier), contacts(other), asked(dossier, "pay_slips"), asked(other, "pay_slips"))
    await notifications.hear(moved(dossier, "under_investigation"), reviewed(dossier), reviewed(other))
    await send_all(notifications)
    await pass_time(notifications, 1)
    await send_all(notifications)
    found = {(row.dossier == dossier, row.kind): row.state for row in await notifications.rows()}
    assert found == {
        (True, "proof_asked"): "superseded",
        (True, "under_investigation"): "sent",
        (True, "situation_forwarded"): "sent",
        (False, "proof_asked"): "sent",
        (False, "situation_forwarded"): "sent",
    }


async def test_a_claim_that_goes_to_and_fro_does_not_flood_the_two_addresses_it_names(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    for _ in range(16):
        for now in ("registered", "under_investigation"):
            await notifications.hear(moved(dossier, now), asked(dossier, "pay_slips"))
            await send_all(notifications)
    assert {to: server.told.count(to) for to in server.told} == {ANNA: 3, HELPER: 3}


async def test_what_waits_is_sent_three_a_day_and_nothing_is_dropped(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier))
    events = [moved(dossier, now) for now in ("submitted", *["registered", "under_investigation"] * 3)]
    await notifications.hear(*events)
    for sent in (3, 6, 7):
        await send_all(notifications)
        assert server.ids == [f"<{event.id}.candidate.email@cir.example>" for event in events[:sent]]
        await pass_time(notifications, 23.9)
        await send_all(notifications)
        assert len(server.mails) == sent
        await pass_time(notifications, 0.2)
    assert {state for _, state in await states(notifications)} == {"sent"}


async def test_the_limit_is_the_addresss_whatever_dossier_names_it_and_however_it_is_written(
    notifications: Notifications, server: MailServer
) -> None:
    for number in range(5):
        written = (ANNA, ANNA.upper(), ANNA.replace("@", f"+{number}@"))[number % 3]
        await notifications.hear(contacts(dossier := uuid4(), email=written), moved(dossier))
    await send_all(notifications)
    assert len(server.mails) == 3
    await notifications.hear(contacts(dossier := uuid4(), email="bert@candidates.example"), moved(dossier))
    await send_all(notifications)
    assert server.told[3:] == ["bert@candidates.example"]


async def test_another_address_of_the_same_domain_each_time_makes_no_more_mails(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    for version in range(1, 6):
        await notifications.hear(contacts(dossier, version, email=f"v{version}@x.example"), moved(dossier))
        await send_all(notifications)
    assert len(server.mails) == 3


async def test_two_replicas_together_keep_to_the_limit(notifications: Notifications, server: MailServer) -> None:
    for _ in range(60):
        await notifications.hear(contacts(dossier := uuid4()), moved(dossier))
    replicas = [notifications.sender, notifications.replica()]
    await asyncio.gather(*(replica.send_due() for replica in replicas))
    for _ in range(3):
        await notifications.now_due()
        await asyncio.gather(*(replica.send_due() for replica in replicas))
    assert len(server.mails) == 3


@pytest.mark.parametrize("kind", ["refused", "struck"])
async def test_what_somebody_else_decided_never_waits_and_never_counts(
    notifications: Notifications, server: MailServer, dossier: UUID, kind: str
) -> None:
    await notifications.hear(contacts(dossier))
    for _ in range(4):
        await notifications.hear(moved(dossier, kind), reviewed(dossier), answered(dossier))
    await send_all(notifications)
    assert server.told.count(ANNA) == 12
    await notifications.hear(*[moved(dossier) for _ in range(4)])
    await send_all(notifications)
    assert server.told.count(ANNA) == 12 + 3
    await notifications.hear(moved(dossier, kind), reviewed(dossier), answered(dossier))
    await send_all(notifications)
    assert server.told.count(ANNA) == 12 + 3 + 3


def test_only_what_a_candidate_can_bring_about_himself_waits() -> None:
    by_role = {f"{role}_{why}" for role in ("applicant", "partner", "co_resident") for why in ("left", "removed")}
    household = {"member_invited", "removed"} | by_role
    decided = {"on_hold", "woken", "appealed", "appealed_late", "corrected", "document_replaced"}
    moved = {"submitted", "registered", "under_investigation", "withdrawn", "proof_asked"}
    assert household | decided | moved == PROVOKED


async def test_who_is_named_and_removed_again_and_again_gets_three_mails_a_day_and_the_candidate_too(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    for version in range(1, 11):
        there = contacts(dossier, version, members=members(p2=BERT))
        await notifications.hear(there, invited(dossier), left(dossier, "removed"))
        await send_all(notifications)
    assert sorted(server.told) == [ANNA] * 3 + [BERT] * 3
    assert {state for _, state in await states(notifications)} == {"sent", "waiting"}


async def test_a_large_family_is_invited_at_once_but_no_end_of_members(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    named = {f"c{number}": f"c{number}@x.example" for number in range(20)}
    await notifications.hear(contacts(dossier, members=members(**named)), *[invited(dossier, who) for who in named])
    await send_all(notifications)
    assert len(server.mails) == 15


@pytest.mark.parametrize(("by", "sent"), [("case_worker", 6), ("register", 3), ("candidate", 3), (None, 3)])
async def test_what_a_case_worker_did_never_waits_and_never_counts(
    notifications: Notifications, server: MailServer, dossier: UUID, by: str | None, sent: int
) -> None:
    events = [moved(dossier, "under_investigation", by=by) for _ in range(6)]
    await notifications.hear(*events)
    await notifications.hear(contacts(dossier))
    await send_all(notifications)
    assert len(server.mails) == sent
    await notifications.hear(moved(dossier, by="candidate"))
    await send_all(notifications)
    assert len(server.mails) == {3: 3, 6: 7}[sent]
    await notifications.hear(*[moved(dossier, by="candidate") for _ in range(3)], moved(dossier, by="case_worker"))
    await send_all(notifications)
    assert len(server.mails) == {3: 3, 6: 9}[sent] + 1


async def test_what_is_asked_and_changes_all_the_time_is_mailed_after_an_hour(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()))
    for hour in (1, 2):
        for _ in range(11):
            assert len(server.mails) == 2 * (hour - 1)
            await notifications.hear(asked(dossier, "pay_slips"))
            await send_all(notifications)
            await pass_time(notifications, 5.9 / 60)
        newest = asked(dossier, "tax_assessment")
        await notifications.hear(newest)
        await send_all(notifications)
        assert {f"<{newest.id}.{who}.email@cir.example>" for who in ("candidate", "helper")} == set(server.ids[-2:])
        assert len(server.mails) == 2 * hour


@pytest.mark.parametrize(
    ("given", "to"),
    [
        ({"confirmed": [ANNA]}, ANNA),
        ({"confirmed": [ANNA.upper()]}, ANNA),
        ({"email": None, "help": helped(email=OFFICE)}, OFFICE),
    ],
)
async def test_an_address_of_the_counter_or_of_a_known_organisation_waits_for_nothing(
    notifications: Notifications, server: MailServer, dossier: UUID, given: dict[str, Any], to: str
) -> None:
    await notifications.hear(contacts(dossier, **given), *[moved(dossier) for _ in range(5)])
    await send_all(notifications)
    assert server.told == [to] * 5


async def test_an_address_that_one_dossier_confirmed_is_not_confirmed_in_anothers(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(uuid4(), confirmed=[ANNA]), contacts(dossier))
    await notifications.hear(*[moved(dossier) for _ in range(5)])
    await send_all(notifications)
    assert len(server.mails) == 3


async def test_who_is_held_back_holds_nobody_else_up_and_raises_no_alarm(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), *[moved(dossier) for _ in range(50)])
    await notifications.hear(contacts(other := uuid4(), email="bert@candidates.example"), moved(other))
    await send_all(notifications)
    assert server.told == [ANNA] * 3 + ["bert@candidates.example"]
    assert counted("cir_oldest_unsent_message_seconds") == 0
    async with notifications.service.database.engine.connect() as connection:
        query = sa.select(sa.func.max(tables.messages.c.tries))
        assert await connection.scalar(query) == 0
