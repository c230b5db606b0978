"""Whoever reads a mail that is not meant for him ends the mails to his address; whoever it is meant for confirms it."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from cir_chassis.settings import WrongSettings, load
from conftest import counted
from notifications import tables
from notifications.links import Reader
from notifications.settings import NotificationsSettings

from .conftest import (
    ANNA,
    BERT,
    CEES,
    COUNTER,
    HELPER,
    MailServer,
    Notifications,
    answered,
    company,
    contacts,
    helped,
    invited,
    members,
    moved,
    reviewed,
)

PERSON = "85622300105"


async def mailed(notifications: Notifications, server: MailServer, *events: Any) -> list[str]:
    """To whom mails go when these events are consumed."""
    before = len(server.mails)
    await notifications.hear(*events)
    while await notifications.sender.send_due():
        pass
    return server.told[before:]


def link(server: MailServer, to: str, use: str) -> str:
    """The newest link of that use in a mail to that address, as its reader finds it."""
    mail = next(mail for told, mail in reversed(server.mails) if told == to)
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain
    assert rich
    found = re.findall(rf"http://notifications/{use}\?token=[\w.-]+", plain.get_content())
    assert found == re.findall(rf"http://notifications/{use}\?token=[\w.-]+", rich.get_content())
    assert len(found) == 1
    return str(found[0])


def token(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


async def confirm(notifications: Notifications, given: str, role: str = "candidate", **who: str) -> httpx.Response:
    who = who or {"person": PERSON}
    return await notifications.call("POST", "/v1/addresses/confirmation", role, {"token": given}, **who)


async def restore(
    notifications: Notifications, dossier: UUID, audience: str = "candidate", member: str | None = None, **who: str
) -> httpx.Response:
    body = {"dossier": str(dossier), "audience": audience, "member": member}
    who = who or {"company": "dijledal"}
    return await notifications.call("POST", "/v1/addresses/restoration", "case_worker", body, **who)


async def states(notifications: Notifications, dossier: UUID) -> list[str]:
    rows = [row for row in await notifications.rows() if row.dossier == dossier and row.audience != "company"]
    return [row.state for row in sorted(rows, key=lambda row: row.happened_at)]


async def test_to_open_the_link_changes_nothing_and_the_button_ends_all_mail_to_the_address(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    assert await mailed(notifications, server, contacts(dossier), moved(dossier)) == [ANNA]
    url = link(server, ANNA, "not-mine")
    for _ in range(2):
        page = await notifications.http.get(url)
        assert (page.status_code, await notifications.rows(tables.addresses)) == (200, [])
    form = re.search(r'<form method="post" action="([^"]+)">', page.text)
    assert form
    ended = await notifications.http.post(form[1].replace("&amp;", "&"))
    assert (ended.status_code, "U krijgt geen e-mails meer" in ended.text) == (200, True)
    other = uuid4()
    events = [moved(dossier, "registered"), reviewed(dossier), contacts(other, email=ANNA.upper()), moved(other)]
    assert await mailed(notifications, server, *events) == [COUNTER]
    assert await states(notifications, dossier) == ["sent", "stopped", "stopped"]
    assert await states(notifications, other) == ["stopped"]


async def test_the_company_is_told_once_by_mail_by_a_metric_and_by_ids_in_the_log(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    before = counted("cir_addresses_not_mine_total")
    await mailed(notifications, server, contacts(dossier, help=helped()), moved(dossier))
    with capture_logs() as logs:
        for _ in range(3):
            assert (await notifications.http.post(link(server, HELPER, "not-mine"))).status_code == 200
    assert [(line["dossier"], line["audience"]) for line in logs] == [(str(dossier), "helper")]
    assert HELPER not in str(logs)
    assert counted("cir_addresses_not_mine_total") == before + 1
    assert await mailed(notifications, server) == [COUNTER]
    mail = server.mails[-1][1]
    plain = mail.get_body(("plain",))
    assert plain
    assert "wie met het dossier helpt" in plain.get_content()
    assert "http" not in plain.get_content()
    assert mail["Subject"] == "Dossier 2024.03.20.0001: een e-mailadres klopt niet"
    assert [row.kind for row in await notifications.rows() if row.audience == "company"] == ["not_mine_helper"]


async def test_a_mail_to_a_company_waits_until_its_mailbox_is_known_and_ends_where_it_has_none(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    for id_, mailbox in (("late", COUNTER), ("mute", None)):
        started = contacts(other := uuid4(), company=id_, email=f"{id_}@candidates.example"), moved(other)
        await mailed(notifications, server, *started)
        await notifications.http.post(link(server, f"{id_}@candidates.example", "not-mine"))
        assert await mailed(notifications, server) == []
        told = [COUNTER] if mailbox else []
        assert await mailed(notifications, server, company(id_, mailbox=mailbox)) == told
    states = {(row.audience, row.state) for row in await notifications.rows()}
    assert states == {("candidate", "sent"), ("company", "sent"), ("company", "no_address")}


async def test_a_link_of_an_address_of_before_ends_that_one_and_not_the_new_one(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier, email="typo@x.example"), moved(dossier))
    assert await mailed(notifications, server, contacts(dossier, 2), moved(dossier, "registered")) == [ANNA]
    await notifications.http.post(link(server, "typo@x.example", "not-mine"))
    assert await mailed(notifications, server, reviewed(dossier)) == [COUNTER, ANNA]


async def test_where_an_address_was_confirmed_nobody_elses_dossier_ends_its_mails(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    """Else a stranger could have them ended: he names the address, and its owner objects."""
    strangers = uuid4()
    await mailed(notifications, server, contacts(dossier, confirmed=[ANNA]))
    assert await mailed(notifications, server, contacts(strangers), moved(strangers)) == [ANNA]
    await notifications.http.post(link(server, ANNA, "not-mine"))
    assert await mailed(notifications, server, moved(dossier), reviewed(strangers)) == [COUNTER, ANNA]


async def test_what_a_reader_said_outlasts_what_the_counter_said_before(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier, confirmed=[ANNA]), moved(dossier))
    await notifications.http.post(link(server, ANNA, "not-mine"))
    await mailed(notifications, server, contacts(dossier, 2, confirmed=[ANNA]))
    assert await mailed(notifications, server, reviewed(dossier)) == []


async def test_the_counter_restores_an_address_by_dossier_and_audience(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier, help=helped()), moved(dossier))
    for address in (ANNA, HELPER):
        await notifications.http.post(link(server, address, "not-mine"))
    assert (await restore(notifications, dossier, "helper")).status_code == 204
    assert (
        await mailed(notifications, server, *[moved(dossier, "registered") for _ in range(4)])
        == [COUNTER] * 2 + [HELPER] * 4
    )
    assert (await restore(notifications, dossier)).status_code == 204
    assert sorted(await mailed(notifications, server, reviewed(dossier))) == [ANNA, HELPER]


async def test_partner_and_member_end_their_mails_and_the_counter_restores_them(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    there = contacts(dossier, partner_email=BERT, members=members(c1=CEES))
    assert sorted(await mailed(notifications, server, there, moved(dossier), invited(dossier, "c1"))) == [
        ANNA,
        BERT,
        CEES,
    ]
    for address in (BERT, CEES):
        await notifications.http.post(link(server, address, "not-mine"))
    again = moved(dossier, "registered"), invited(dossier, "c1")
    assert sorted(await mailed(notifications, server, *again)) == [ANNA, COUNTER, COUNTER]
    assert {row.kind for row in await notifications.rows() if row.audience == "company"} == {
        "not_mine_partner",
        "not_mine_member",
    }
    assert (await restore(notifications, dossier, "partner")).status_code == 204
    assert (await restore(notifications, dossier, "member")).status_code == 409
    assert (await restore(notifications, dossier, "member", member="c1")).status_code == 204
    assert sorted(await mailed(notifications, server, reviewed(dossier))) == [ANNA, BERT]
    assert await mailed(notifications, server, invited(dossier, "c1")) == [CEES]


async def test_only_the_treating_company_restores_and_only_an_address_that_is_there(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier), moved(dossier))
    await notifications.http.post(link(server, ANNA, "not-mine"))
    other, unknown = await restore(notifications, dossier, company="kanvaz"), await restore(notifications, uuid4())
    assert (other.status_code, other.json()) == (404, unknown.json())
    assert (await restore(notifications, dossier, "helper")).status_code == 409
    assert (await restore(notifications, dossier, "referrer")).status_code == 422
    as_candidate = await notifications.call("POST", "/v1/addresses/restoration", "candidate", {}, person=PERSON)
    assert as_candidate.status_code == 403
    assert await mailed(notifications, server, reviewed(dossier)) == [COUNTER]


async def test_who_logs_in_from_a_mail_confirms_the_address_and_nothing_is_held_back_any_more(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier), *[moved(dossier) for _ in range(5)])
    url = link(server, ANNA, "confirm")
    page = await notifications.http.get(url)
    assert (page.status_code, await notifications.rows(tables.addresses)) == (200, [])
    assert (await notifications.http.post("/v1/addresses/confirmation", json={"token": token(url)})).status_code == 401
    assert (await confirm(notifications, token(url), "case_worker", company="dijledal")).status_code == 403
    assert (await confirm(notifications, token(url))).status_code == 204
    await notifications.now_due()
    assert await mailed(notifications, server) == [ANNA] * 2
    assert "/confirm?" not in str(server.mails[-1][1].get_body(("plain",)))


async def test_a_link_serves_its_own_purpose_alone_and_none_that_was_changed_serves_any(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier), moved(dossier))
    objection, confirmation = (token(link(server, ANNA, use)) for use in ("not-mine", "confirm"))
    head, body, signature = objection.split(".")
    other = notifications.links.token("not-mine", Reader(uuid4(), "candidate", "0" * 32, "nl")).split(".")[1]
    for wrong in (confirmation, f"{head}.{other}.{signature}", f"{head}.{body}.", "", "a.b.c", "\u00e9", "x" * 2000):
        for method in ("GET", "POST"):
            page = await notifications.http.request(method, "/not-mine", params={"token": wrong})
            assert (page.status_code, "Deze link klopt niet" in page.text) == (400, True), wrong
    assert (await notifications.http.get("/confirm", params={"token": objection})).status_code == 400
    refused = await confirm(notifications, objection)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "token")
    assert await notifications.rows(tables.addresses) == []


async def test_a_link_names_no_address_and_another_key_reads_none(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier), moved(dossier))
    given = token(link(server, ANNA, "not-mine"))
    reader = notifications.links.read("not-mine", given)
    assert (reader.dossier, reader.audience, reader.language) == (dossier, "candidate", "nl")
    assert "anna" not in str(reader)
    for table in (tables.messages, tables.addresses):
        assert "anna" not in str(await notifications.rows(table)).lower()


@pytest.mark.parametrize("language", ["nl", "en"])
async def test_a_page_speaks_the_language_of_the_mail_and_has_no_script(
    notifications: Notifications, server: MailServer, dossier: UUID, language: str
) -> None:
    await mailed(notifications, server, contacts(dossier, language=language), moved(dossier))
    other = {"nl": "en", "en": "nl"}[language]
    for use, name in (("not-mine", "not_mine"), ("confirm", "confirm")):
        page = await notifications.http.get(link(server, ANNA, use))
        assert f'<html lang="{language}"' in page.text
        assert f'data-page="{name}"' in page.text
        assert f'hreflang="{other}"' in page.text
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        switch = re.search(r'href="(\?token[^"]+)"', page.text)
        assert switch
        assert (
            f'<html lang="{other}"' in (await notifications.http.get(f"/{use}{switch[1].replace('&amp;', '&')}")).text
        )


async def test_mailboxes_that_operators_configured_get_no_such_link(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    await mailed(notifications, server, contacts(dossier), answered(dossier))
    referrer = next(mail for to, mail in server.mails if to != ANNA)
    assert "token=" not in str(referrer.get_body(("plain",)))


@pytest.mark.parametrize(("key", "why"), [("k" * 31, "at least 32"), (None, "required")])
def test_without_a_key_that_is_long_enough_nothing_starts(
    monkeypatch: pytest.MonkeyPatch, key: str | None, why: str
) -> None:
    if key:
        monkeypatch.setenv("CIR_MAIL_KEY", key)
    with pytest.raises(WrongSettings, match=rf"CIR_MAIL_KEY: .*{why}") as refused:
        load(NotificationsSettings)
    assert key is None or key not in str(refused.value)
