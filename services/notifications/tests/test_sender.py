"""What becomes of a message when mail servers, addresses and processes fail: it is repeated, never lost, never doubled."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiosmtplib import SMTPConnectError, SMTPSenderRefused
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_trace_id
from structlog.testing import capture_logs

from conftest import counted
from notifications import tables

from .conftest import (
    ANNA,
    HELPER,
    REFERRER,
    MailServer,
    Notifications,
    answered,
    company,
    contacts,
    helped,
    interpreted,
    moved,
    organisation,
    until,
)

HIDDEN = b64encode(b"a\r\nBcc: spy@x.example\r\nX: ").decode()
INJECTED = f"::=?utf-8?b?{HIDDEN}?=':x@y.example"


async def test_a_mail_reaches_the_candidate_and_the_helper(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    assert await notifications.sender.send_due()
    assert sorted(server.told) == [ANNA, HELPER]
    mail = dict(server.mails)[ANNA]
    row = next(row for row in await notifications.rows() if row.audience == "candidate")
    assert (mail["From"], mail["To"], mail["Message-ID"]) == ("register@cir.example", ANNA, row.message_id)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Dossier 2024.03.20.0001: wij hebben uw aanvraag gekregen"
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain
    assert rich
    assert "ingediend" in plain.get_content()
    assert "ingediend" in rich.get_content()
    assert await notifications.all_sent()
    assert not await notifications.sender.send_due()
    assert len(server.mails) == 2


async def test_a_mail_about_a_document_names_it(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(interpreted(dossier), contacts(dossier))  # it waits for the contacts, and keeps that
    assert await notifications.sender.send_due()
    [(_, mail)] = server.mails
    assert (text := mail.get_body(("plain",)))
    assert "het inkomen van de laatste maanden (de partner)" in text.get_content()


async def test_a_mail_carries_the_trace_of_what_happened_also_where_that_waited_for_contacts(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    spans, provider = InMemorySpanExporter(), trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    happened, told = (f"00-{uuid4().hex}-00f067aa0ba902b7-01" for _ in range(2))
    await notifications.hear(moved(dossier, trace=happened))
    await notifications.hear(contacts(dossier, trace=told))
    server.refuses[ANNA] = "450 later"
    await notifications.sender.send_due()
    server.refuses.clear()
    await notifications.now_due()
    await notifications.sender.send_due()
    assert server.mails[0][1]["Traceparent"] == happened
    refused, sent = spans.get_finished_spans()
    assert {span.name for span in (refused, sent)} == {"mail submitted"}
    assert {format_trace_id(context.trace_id) for span in (refused, sent) if (context := span.context)} == {
        happened[3:35]
    }
    assert (refused.status.is_ok, sent.status.is_ok) == (False, True)
    assert ANNA not in refused.to_json()


async def test_mails_leave_in_the_order_in_which_things_happened(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    first, second = moved(dossier, "submitted"), moved(dossier, "registered")
    await notifications.hear(contacts(dossier), second, first)
    await notifications.sender.send_due()
    assert server.ids == [f"<{event.id}.candidate.email@cir.example>" for event in (first, second)]


async def test_a_crash_between_sending_and_marking_repeats_the_mail_with_the_same_message_id(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    sending = asyncio.create_task(notifications.sender.send_due())

    async def crash() -> None:
        server.taken = None
        sending.cancel()

    server.taken = crash
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await notifications.states() == {"candidate": "waiting"}
    await notifications.replica().send_due()
    assert len(server.mails) == 2
    assert len(set(server.ids)) == 1
    assert await notifications.all_sent()


async def test_a_server_that_is_away_loses_nothing_and_delays_nothing_when_it_is_back(
    notifications: Notifications, smtp_port: int, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    with pytest.raises(SMTPConnectError):
        await notifications.sender.send_due()
    assert [(row.state, row.tries) for row in await notifications.rows()] == [("waiting", 0)]
    server = MailServer()
    await server.start(smtp_port)
    await notifications.sender.send_due()
    assert server.told == [ANNA]
    await notifications.sender.hang_up()
    await server.stop()


async def test_the_job_goes_on_when_the_server_is_back_and_says_so_once(
    notifications: Notifications, smtp_port: int, dossier: UUID
) -> None:
    tried = 0

    async def unavailable(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.write(b"421 later\r\n")
        writer.close()

    async def tried_often() -> bool:
        return tried >= 5

    away = await asyncio.start_server(unavailable, "127.0.0.1", smtp_port)
    await notifications.hear(contacts(dossier), moved(dossier))
    notifications.sender.LONGEST_PAUSE = 0.01
    stopping = asyncio.Event()
    with capture_logs() as logs:
        job = asyncio.create_task(notifications.sender.run(stopping))
        await until(tried_often)
        away.close()
        await away.wait_closed()
        server = MailServer()
        await server.start(smtp_port)
        await until(notifications.all_sent)
        stopping.set()
        await asyncio.wait_for(job, 5)
    assert [line["event"] for line in logs] == ["mails wait", "sent", "mails go out again"]
    assert server.told == [ANNA]
    await server.stop()


async def test_the_job_is_woken_by_what_is_committed(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    notifications.sender.POLL = 3600
    stopping = asyncio.Event()
    job = asyncio.create_task(notifications.sender.run(stopping))
    await notifications.hear(contacts(dossier), moved(dossier))
    notifications.sender.wake()
    await until(notifications.all_sent)
    stopping.set()
    notifications.sender.wake()
    await asyncio.wait_for(job, 5)


async def test_a_recipient_who_is_refused_for_good_fails_alone(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    server.refuses[ANNA] = "550 5.1.1 nobody here"
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    await notifications.sender.send_due()
    assert await notifications.states() == {"candidate": "failed", "helper": "sent"}
    assert {row.audience: row.reason for row in await notifications.rows()} == {"candidate": "550", "helper": None}
    assert not await notifications.sender.send_due()


@pytest.mark.parametrize("reply", ["450 4.2.1 later", "421 4.3.2 going away", "530 5.7.0 log in first"])
async def test_a_recipient_who_is_refused_for_now_waits_and_the_others_go_on(
    notifications: Notifications, server: MailServer, dossier: UUID, reply: str
) -> None:
    server.refuses[ANNA] = reply
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    while await notifications.sender.send_due():
        pass
    assert await notifications.states() == {"candidate": "waiting", "helper": "sent"}
    server.refuses.clear()
    await notifications.now_due()
    await notifications.sender.send_due()
    assert sorted(server.told) == [ANNA, HELPER]
    assert await notifications.all_sent()


async def test_each_try_that_comes_to_nothing_doubles_the_wait(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    server.refuses[ANNA] = "450 later"
    await notifications.hear(contacts(dossier), moved(dossier))
    for wait in (1, 2, 4, 8, *[None] * 8, 1800, 1800):
        await notifications.now_due()
        before = (await notifications.rows())[0].due_at
        await notifications.sender.send_due()
        due = (await notifications.rows())[0].due_at
        await notifications.now_due()
        after = (await notifications.rows())[0].due_at
        assert wait is None or before <= due - timedelta(seconds=wait) <= after


async def test_a_server_that_refuses_us_halfway_does_not_undo_what_was_sent(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier), moved(dossier, "registered"))
    server.senders = ["250 OK", "452 4.5.3 enough for now"]
    with pytest.raises(SMTPSenderRefused):
        await notifications.sender.send_due()
    assert sorted(row.state for row in await notifications.rows()) == ["sent", "waiting"]
    await notifications.sender.send_due()
    assert len(server.mails) == len(set(server.ids)) == 2


async def test_a_letter_that_cannot_be_written_fails_alone(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    async with notifications.service.database.engine.begin() as connection:  # a contract would refuse it
        his = tables.messages.update().where(tables.messages.c.audience == "candidate")
        await connection.execute(his.values(asks=[{"nobody": "is asked"}]))
    await notifications.sender.send_due()
    assert await notifications.states() == {"candidate": "failed", "helper": "sent"}
    assert {row.audience: row.reason for row in await notifications.rows()}["candidate"] == "KeyError"


async def test_an_address_that_hides_headers_and_a_recipient_reaches_nobody_and_blocks_nobody(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    async with notifications.service.database.engine.begin() as connection:  # the door would refuse it
        await connection.execute(tables.contacts.update().values(email=INJECTED))
    await notifications.hear(contacts(behind := uuid4()), moved(behind))
    assert await notifications.sender.send_due()
    assert server.told == [ANNA]
    assert {row.dossier: (row.state, row.reason) for row in await notifications.rows()} == {
        dossier: ("failed", "HeaderParseError"),
        behind: ("sent", None),
    }
    assert not await notifications.sender.send_due()


@pytest.mark.parametrize(
    "address", ["ann\u00e9@candidates.example", "anna@c\u00e4ndidates.example", "anna(1)@c.example"]
)
async def test_an_address_that_no_server_takes_fails_alone(
    notifications: Notifications, server: MailServer, dossier: UUID, address: str
) -> None:
    await notifications.hear(contacts(dossier, email=address, help=helped()), moved(dossier))
    await notifications.sender.send_due()
    assert await notifications.states() == {"candidate": "failed", "helper": "sent"}


async def test_two_replicas_share_the_work_and_no_mail_goes_out_twice(
    notifications: Notifications, server: MailServer
) -> None:
    for _ in range(30):
        dossier = uuid4()
        await notifications.hear(contacts(dossier, email=f"{dossier}@x.example"), moved(dossier))
    second_is_at_it, at_it = asyncio.Event(), 0

    async def both_at_once() -> None:
        nonlocal at_it
        at_it += 1
        if at_it == 1:  # the first replica's first mail is in hand until the second replica has one in hand as well
            await asyncio.wait_for(second_is_at_it.wait(), 10)
        second_is_at_it.set()

    server.taken = both_at_once
    await asyncio.gather(notifications.sender.send_due(), notifications.replica().send_due())
    assert len(server.mails) == 30
    assert len(set(server.ids)) == 30
    assert await notifications.all_sent()


async def test_a_mail_goes_to_the_newest_address(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), moved(dossier))
    await notifications.hear(contacts(dossier, 2, email="new@candidates.example", language="en"))
    await notifications.sender.send_due()
    assert server.told == ["new@candidates.example"]
    assert "application" in server.mails[0][1]["Subject"]


async def test_a_helper_is_not_told_once_the_candidate_no_longer_agrees(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    await notifications.hear(contacts(dossier, 2, help=helped(inform=False)))
    await notifications.sender.send_due()
    assert server.told == [ANNA]
    assert await notifications.states() == {"candidate": "sent", "helper": "withdrawn"}


async def test_a_new_helper_gets_no_news_of_the_time_of_the_one_before(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, help=helped()), moved(dossier))
    await notifications.hear(contacts(dossier, 2, help=helped(email="new@ocmw.example")))
    await notifications.sender.send_due()
    assert server.told == [ANNA]
    assert await notifications.states() == {"candidate": "sent", "helper": "withdrawn"}
    await notifications.hear(moved(dossier, "registered"))
    await notifications.sender.send_due()
    assert sorted(server.told) == [ANNA, ANNA, "new@ocmw.example"]


async def test_a_referrer_gets_a_letter_of_its_own_in_dutch_at_its_mailbox(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier, language="en"), answered(dossier))
    await notifications.sender.send_due()
    mails = {to: str(mail) for to, mail in server.mails}
    assert set(mails) == {ANNA, REFERRER}
    assert "Diletti heeft dit dossier aangemeld" in mails[REFERRER]
    assert "An organisation referred you" in mails[ANNA]
    assert "diletti" not in mails[ANNA].lower()


async def test_a_referrer_whose_mailbox_is_gone_when_the_mail_leaves_is_not_reached(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await notifications.hear(contacts(dossier), answered(dossier))
    await notifications.hear(organisation("diletti", None, 2))
    await notifications.hear(organisation("diletti", REFERRER))  # an older one comes again
    await notifications.sender.send_due()
    assert server.told == [ANNA]
    assert await notifications.states() == {"candidate": "sent", "referrer": "no_address"}


async def test_an_answer_to_an_organisation_that_is_not_known_yet_waits_for_it_and_holds_nobody_up(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    event = answered(dossier, organisation="late")
    await notifications.hear(contacts(dossier), event)
    assert await notifications.sender.send_due()
    assert not await notifications.sender.send_due()
    assert await notifications.states() == {"candidate": "sent", "referrer": "waiting"}
    assert counted("cir_oldest_unsent_message_seconds") > 0  # operators see that it waits
    await notifications.hear(organisation("late", "late@late.example", name="Laat vzw"))
    await notifications.hear(event)
    await notifications.sender.send_due()
    assert server.told == [ANNA, "late@late.example"]
    assert "Laat vzw heeft dit dossier aangemeld" in str(server.mails[-1][1])


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (None, "uw woonmaatschappij: De Nieuwe."),
        ({"name": "De Nieuwe bv", "phone": None}, "uw woonmaatschappij: De Nieuwe bv."),
        ({"name": "De Nieuwe bv", "phone": "011 1 1 1 1"}, "uw woonmaatschappij: De Nieuwe bv, tel. 011 1 1 1 1."),
    ],
)
async def test_a_mail_names_the_company_and_its_phone_as_far_as_they_are_known(
    notifications: Notifications, server: MailServer, dossier: UUID, known: dict[str, Any] | None, says: str
) -> None:
    if known:
        await notifications.hear(company("de-nieuwe", **known))
    await notifications.hear(contacts(dossier, company="de-nieuwe"), moved(dossier))
    await notifications.sender.send_due()
    [(_, mail)] = server.mails
    for form in ("plain", "html"):
        body = mail.get_body((form,))
        assert body
        text = " ".join(body.get_content().replace("<strong>", "").replace("</strong>", "").split())
        assert says in text
        assert "None" not in text


async def test_metrics_tell_what_became_of_messages_and_how_long_the_oldest_waits(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    before = counted("cir_messages_total", kind="struck", state="sent")
    server.refuses[ANNA] = "450 later"
    await notifications.hear(contacts(dossier), moved(dossier, "struck"))
    await notifications.sender.send_due()
    await notifications.sender.send_due()
    assert counted("cir_oldest_unsent_message_seconds") > 0
    server.refuses.clear()
    await notifications.now_due()
    await notifications.sender.send_due()
    await notifications.sender.send_due()
    assert counted("cir_oldest_unsent_message_seconds") == 0
    assert counted("cir_messages_total", kind="struck", state="sent") == before + 1
