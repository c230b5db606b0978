"""Partner, invited and removed members are told, each at his own address; nobody reads what was meant for another."""

import re
from typing import Any
from uuid import UUID

import pytest

from notifications import tables

from .conftest import (
    ANNA,
    BERT,
    CEES,
    COUNTER,
    HELPER,
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
    replaced,
    reviewed,
)


async def mailed(notifications: Notifications, server: MailServer, *events: Any) -> list[str]:
    """To whom mails go when these events are consumed."""
    before = len(server.mails)
    await notifications.hear(*events)
    while await notifications.sender.send_due():
        pass
    return sorted(server.told[before:])


def text(server: MailServer, to: str) -> str:
    """The newest mail to that address."""
    body = next(mail for told, mail in reversed(server.mails) if told == to).get_body(("plain",))
    assert body
    return str(body.get_content())


async def test_a_confirmed_partner_gets_every_mail_at_his_own_address(
    notifications: Notifications, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, partner_email=BERT, help=helped()))
    events = [moved(dossier, "registered"), asked(dossier, "pay_slips"), reviewed(dossier), answered(dossier)]
    for _ in range(2):
        await notifications.hear(*events)
    kinds = ("registered", "proof_asked", "situation_forwarded", "referral_accepted")
    assert await notifications.told() == {
        *((audience, kind, "waiting") for kind in kinds for audience in ("candidate", "partner", "helper")),
        ("referrer", "referral_accepted", "waiting"),
    }


async def test_one_address_of_candidate_and_partner_gets_one_mail(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    assert await mailed(notifications, server, contacts(dossier, partner_email=ANNA.upper()), moved(dossier)) == [ANNA]


async def test_a_mail_for_a_partner_who_is_it_no_longer_is_not_sent(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, partner_email=BERT), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2, partner_email=CEES)) == [ANNA]
    assert await notifications.states() == {"candidate": "sent", "partner": "withdrawn"}


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_a_member_is_invited_once_by_a_mail_that_names_nobody(
    notifications: Notifications, server: MailServer, dossier: UUID, language: str
) -> None:
    there = contacts(dossier, language=language, members=members(p2=BERT, c1=CEES), help=helped())
    first, second = invited(dossier), invited(dossier, "c1")
    assert await mailed(notifications, server, first, second) == []
    assert await mailed(notifications, server, there) == [BERT, CEES]
    assert await mailed(notifications, server, first, second, there) == []
    assert {(row.audience, row.kind, row.member) for row in await notifications.rows()} == {
        ("member", "member_invited", "p2"),
        ("member", "member_invited", "c1"),
    }
    assert await notifications.rows(tables.waiting) == []
    read = re.sub(r"token=\S+", "token=", text(server, BERT))  # in a seal there may be any letters
    assert not any(name in read.lower() for name in ("anna", "bert", "cees", "ocmw", "p2", "partner"))
    assert "/not-mine?token=" in read
    words = {"nl": ["voordat u zelf bevestigt", "mag weigeren"], "en": ["before you confirm yourself", "may decline"]}
    assert all(word in read for word in words[language])


async def test_an_invitation_goes_to_the_newest_address_of_its_member(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, members=members(p2="typo@x.example")), invited(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2, members=members(p2=BERT))) == [BERT]


@pytest.mark.parametrize("together", [True, False])
async def test_who_confirmed_or_left_before_his_invitation_was_sent_gets_none(
    notifications: Notifications, server: MailServer, dossier: UUID, together: bool
) -> None:
    events = [contacts(dossier, members=members(p2=BERT)), invited(dossier), contacts(dossier, 2)]
    if not together:
        await notifications.hear(*events[:2])
    assert await mailed(notifications, server, *events) == []
    assert await notifications.told() == {("member", "member_invited", "withdrawn")}


@pytest.mark.parametrize("why", ["left", "died"])
async def test_candidate_and_another_partner_are_told_who_left_or_died_and_he_is_not(
    notifications: Notifications, server: MailServer, dossier: UUID, why: str
) -> None:
    event = left(dossier, why, "c1", "co_resident")
    there = contacts(dossier, partner_email=BERT, help=helped())
    assert await mailed(notifications, server, there, event, event) == [ANNA, BERT]
    assert await mailed(notifications, server, event) == []
    kind = f"co_resident_{why}"
    assert await notifications.told() == {("candidate", kind, "sent"), ("partner", kind, "sent")}
    assert "iemand die mee zou verhuizen" in text(server, ANNA)


@pytest.mark.parametrize("overtaken", ["never", "same_batch", "later"])
async def test_who_was_removed_is_told_himself_at_the_address_of_that_moment(
    notifications: Notifications, server: MailServer, dossier: UUID, overtaken: str
) -> None:
    event, newer = left(dossier, "removed"), contacts(dossier, 3)
    await notifications.hear(contacts(dossier, partner_email=BERT))
    await notifications.hear(contacts(dossier, 2, members=members(p2=BERT)))
    await notifications.hear(event, *([newer] if overtaken == "same_batch" else []))
    assert [row.email for row in await notifications.rows() if row.audience == "member"] == [BERT]
    assert await mailed(notifications, server, event, *([newer] if overtaken == "later" else [])) == [ANNA, BERT]
    assert await notifications.told() == {("candidate", "partner_removed", "sent"), ("member", "removed", "sent")}
    assert {row.email for row in await notifications.rows()} == {None}
    read = text(server, BERT)
    day = event.at.astimezone().strftime("%Y")
    assert all(word in read for word in (day, "mag zelf een sociale woning aanvragen", "datum ervan te houden"))
    assert "/not-mine?token=" in read


async def test_who_was_removed_and_has_no_address_is_on_record_as_not_reached(
    notifications: Notifications, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), left(dossier, "removed"))
    assert await notifications.told() == {
        ("candidate", "partner_removed", "waiting"),
        ("member", "removed", "no_address"),
    }


@pytest.mark.parametrize("why", ["left", "died"])
async def test_a_new_applicant_is_told_that_he_keeps_number_and_date(
    notifications: Notifications, server: MailServer, dossier: UUID, why: str
) -> None:
    event, now = replaced(dossier, why), contacts(dossier, 2, email=BERT, applicant="p2")
    await notifications.hear(contacts(dossier, partner_email=BERT))
    assert await mailed(notifications, server, now, event, event) == [BERT]
    assert await mailed(notifications, server, event) == []
    assert await notifications.told() == {("candidate", f"replaced_{why}", "sent")}
    assert "U houdt het nummer en de datum" in text(server, BERT)


async def test_where_a_new_applicant_has_no_address_the_company_is_told(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier))
    event = replaced(dossier)
    assert await mailed(notifications, server, contacts(dossier, 2, email=None, applicant="p2"), event) == [COUNTER]
    assert await mailed(notifications, server, event) == []
    assert await notifications.told() == {
        ("candidate", "replaced_died", "no_address"),
        ("company", "unreachable", "sent"),
    }


@pytest.mark.parametrize("address", [BERT, "new@x.example", None])
async def test_what_was_planned_for_a_dead_applicant_goes_neither_to_him_nor_to_the_new_one_as_if_it_were_his(
    notifications: Notifications, server: MailServer, dossier: UUID, address: str | None
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2, email=address, applicant="p2")) == []
    assert await notifications.states() == {"candidate": "withdrawn"}


async def test_a_partner_who_became_applicant_still_reads_what_was_planned_for_him(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, partner_email=BERT), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2, email=BERT, applicant="p2")) == [BERT]
    assert await notifications.states() == {"candidate": "withdrawn", "partner": "sent"}


async def test_a_death_that_closes_the_dossier_sends_nothing_that_waited(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2, email=None), moved(dossier, "withdrawn")) == []
    assert {state for _, _, state in await notifications.told()} == {"no_address", "withdrawn"}


async def test_an_applicant_who_corrects_his_address_gets_what_waited_there(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, email="typo@x.example"), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2)) == [ANNA]
    assert HELPER not in server.told
