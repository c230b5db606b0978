"""A candidate reads what was for him, and nothing that was for somebody else; a case worker what became of each message."""

import re
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from cir_chassis.pseudonym import pseudonym
from notifications import tables
from notifications.app import make
from notifications.links import Reader
from notifications.settings import NotificationsSettings

from .conftest import (
    ANNA,
    BERT,
    KEY,
    NUMBER,
    MailServer,
    Notifications,
    asked,
    contacts,
    helped,
    moved,
    replaced,
    reviewed,
    until,
)

APPLICANT, PARTNER, NAMED, FORMER = "85622300138", "86070110605", "87031512841", "90010112313"
ENTERED = "70090911219"  # as applicant, at the counter
ACTORS: dict[str, tuple[str | None, dict[str, str]]] = {
    "the applicant": ("candidate", {"person": APPLICANT}),
    "the partner": ("candidate", {"person": PARTNER}),
    "a partner who has not confirmed": ("candidate", {"person": NAMED}),
    "a former partner": ("candidate", {"person": FORMER}),
    "an applicant who has not confirmed": ("candidate", {"person": ENTERED}),
    "the helper": ("helper", {"organisation": "ocmw"}),
    "the company": ("case_worker", {"company": "dijledal"}),
    "another company": ("case_worker", {"company": "kanvaz"}),
    "its council": ("council", {"company": "dijledal"}),
    "anyone": (None, {}),
}


def people(**numbers: tuple[str, bool]) -> list[dict[str, Any]]:
    return [{"role": role, "person": pseudonym(n, KEY), "bound": bound} for role, (n, bound) in numbers.items()]


async def scene(notifications: Notifications, dossier: UUID) -> None:
    """Submitted with a partner who left; refused a priority after another one confirmed, who has an address of his own."""
    first = people(applicant=(APPLICANT, True), partner=(FORMER, True))
    await notifications.hear(contacts(dossier, 1, readers=first, help=helped()), moved(dossier))
    now = people(applicant=(APPLICANT, True), partner=(PARTNER, True))
    later = contacts(dossier, 2, readers=now, help=helped(), partner_email=BERT)
    await notifications.hear(later, reviewed(dossier, "refused"))
    others = people(applicant=(ENTERED, False), partner=(NAMED, False))
    other = moved(elsewhere := uuid4(), number="2024.03.20.0777")
    await notifications.hear(contacts(elsewhere, readers=others, company="kanvaz"), other)


def subjects(page: httpx.Response) -> list[str]:
    """Of the messages on it, in order."""
    return re.findall(r'<span lang="nl">Dossier [^:]+: ([^<]+)</span></span></summary>', page.text)


SUBMITTED, REFUSED = "wij hebben uw aanvraag gekregen", "u krijgt geen voorrang"
READS = {
    "the applicant": [REFUSED, SUBMITTED],
    "the partner": [REFUSED],
    "a partner who has not confirmed": [],
    "a former partner": [],
    "an applicant who has not confirmed": [],
}
OURS = {"the company": 200, "another company": 404}


@pytest.mark.parametrize("who", ACTORS)
async def test_each_reads_what_was_for_him_alone(notifications: Notifications, dossier: UUID, who: str) -> None:
    await scene(notifications, dossier)
    role, held = ACTORS[who]
    page = await notifications.page("GET", "/messages", role, held=held)
    if role is None:
        assert page.headers["location"] == "/login?to=%2Fmessages"
    elif role == "candidate":
        assert (page.status_code, subjects(page)) == (200, READS[who])
        assert ("0777" in page.text, 'cir-letter" lang="nl"' in page.text) == (False, bool(READS[who]))
        assert [address for address in (ANNA, BERT) if address in page.text] == []
        forced = await notifications.page("GET", f"/messages?dossier={dossier}", role, held=held)
        assert subjects(forced) == READS[who], "the number of another one shows no more"
    for ref in (dossier, NUMBER):
        fates = await notifications.page("GET", f"/messages?dossier={ref}", role, held=held)
        expected = 303 if role is None else 200 if role == "candidate" else OURS.get(who, 403)
        assert fates.status_code == expected, who
        assert ("What became of it" in fates.text) == (who == "the company")
    if who == "the company":
        told = (await notifications.ask(dossier, company="dijledal")).json()
        assert fates.text.count('<tr class="govuk-table__row"><td') == len(told) == 5
        assert (
            await notifications.page("GET", "/messages?dossier=2024.01.01.9999", role, held=held)
        ).status_code == 404
    audited = str(await notifications.rows(tables.audit))
    assert APPLICANT not in audited


async def test_a_message_is_shown_as_it_was_sent(
    notifications: Notifications, server: MailServer, dossier: UUID
) -> None:
    own = people(applicant=(APPLICANT, True))
    await notifications.hear(contacts(dossier, readers=own), moved(dossier))
    await notifications.hear(asked(dossier, "<script>alert(1)</script>"))

    async def sent() -> bool:
        await notifications.now_due()
        await notifications.sender.send_due()
        return await notifications.all_sent()

    await until(sent)
    page = await notifications.page("GET", "/messages", "candidate", held={"person": APPLICANT})
    assert "<script" not in page.text
    for _, mail in server.mails:
        text = mail.get_body(("plain",))
        assert text
        for line in text.get_content().splitlines():
            known = line.replace("<", "&lt;").replace(">", "&gt;")
            assert known in page.text or "token=" in line, line
    assert "token=" not in page.text
    assert page.text.count("Sent by email") == 2


async def test_who_follows_the_applicant_reads_nothing_that_was_for_the_one_before(
    notifications: Notifications, dossier: UUID
) -> None:
    both = people(applicant=(APPLICANT, True), partner=(PARTNER, True))
    await notifications.hear(contacts(dossier, 1, readers=both), moved(dossier))
    alone = people(applicant=(PARTNER, True))
    await notifications.hear(contacts(dossier, 2, readers=alone, applicant="p2"), replaced(dossier))
    his = await notifications.page("GET", "/messages", "candidate", held={"person": PARTNER})
    assert (len(subjects(his)), subjects(his)[1]) == (2, SUBMITTED), "it was for both, and he had no address of his own"
    assert subjects(await notifications.page("GET", "/messages", "candidate", held={"person": APPLICANT})) == []


async def test_a_link_confirms_the_address_of_who_logs_in_and_to_open_it_changes_nothing(
    notifications: Notifications, dossier: UUID
) -> None:
    given = notifications.links.token("confirm", Reader(dossier, "candidate", "0" * 32, "nl"))
    path = f"/confirm?token={given}"
    for who, (role, held) in ACTORS.items():
        page = await notifications.page("GET", path, role, held=held)
        may = role in ("candidate", "helper")
        assert (page.status_code, "<form" in page.text, "/login?to=/confirm%3Ftoken" in page.text) == (
            200,
            may,
            not may,
        ), who
        if not may:
            refused = await notifications.page("POST", path, role, held=held)
            assert refused.status_code == (403 if role else 401), who
    him: dict[str, Any] = {"held": {"person": APPLICANT}}
    foreign = await notifications.page("POST", path, "candidate", headers={"Sec-Fetch-Site": "cross-site"}, **him)
    wrong = await notifications.page("POST", path + "x", "candidate", **him)
    assert (foreign.status_code, wrong.status_code, await notifications.rows(tables.addresses)) == (403, 400, [])
    for _ in range(2):
        assert (await notifications.page("POST", path, "candidate", **him)).status_code == 200
    assert [row.standing for row in await notifications.rows(tables.addresses)] == ["confirmed"]


async def test_links_in_mails_lead_to_pages_where_nobody_logs_in(notifications: Notifications, dossier: UUID) -> None:
    plain = notifications.settings.model_copy(update={"public": {}, "session_key": None})
    service = make(NotificationsSettings.model_validate(plain.model_dump()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://x") as client:
        for use in ("not-mine", "confirm"):
            page = await client.get(
                f"/{use}?token={notifications.links.token(use, Reader(dossier, 'candidate', '0' * 32, 'en'))}"
            )
            assert (page.status_code, '<html lang="en"' in page.text, "/login" in page.text) == (200, True, False)
            style = re.search(r'href="(/style/[^"]+)"', page.text)
            assert style
            assert (await client.get(style[1])).status_code == 200
        assert (await client.get("/messages")).status_code == 404
    await service.dispose()
