"""What happens to people: each story ends where the law and the register's promises say, over the register's own API."""

from typing import Any

import pytest
import sqlalchemy as sa

from cir_chassis.pseudonym import pseudonym
from cir_schemas import (
    ApplicantReplaced,
    CandidacyRecorded,
    ContactsRecorded,
    HouseholdErased,
    HouseholdRecorded,
    MemberInvited,
    MemberLeft,
    StatusChanged,
)
from dossier import tables

from .conftest import ANNA, BRAM, KEY, STRANGER, Register, applicant, numbered, partner, person

WHY = "As they wrote in their letter."


def grown_up(**changed: Any) -> dict[str, Any]:
    return {"id": "c1", "role": "co_resident", "born_on": "1990-05-01", "number": numbered("906501001")} | changed


GROWN_UP = numbered("906501001")


async def newest(register: Register, kind: Any) -> Any:
    return [event for event in await register.said() if isinstance(event, kind)][-1]


async def listed(register: Register, number: str) -> list[str]:
    return [one["id"] for one in await register.get("", await register.candidate(number))]


async def test_a_couple_of_whom_one_never_confirms_is_never_registered(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner(email="bram@example.org")])
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "met")
    found = await register.read(id_)
    assert (found["status"], found["pending"], found["registered_on"]) == ("submitted", ["confirmation:p2"], None)
    invited = [event.member for event in await register.said() if isinstance(event, MemberInvited)]
    assert invited == ["p2"]
    contacts = await newest(register, ContactsRecorded)
    assert (contacts.partner_email, [one.email for one in contacts.members]) == (None, ["bram@example.org"])
    readers = [(one.role, one.person, one.bound) for one in contacts.readers]
    assert readers == [("applicant", pseudonym(ANNA, KEY), True), ("partner", pseudonym(BRAM, KEY), False)]
    # he is not locked in either: he starts his own, and can then no longer confirm here
    bram = await register.candidate(BRAM)
    assert (await register.start(bram, key="own", members=[applicant(number=BRAM)])).status_code == 201
    assert (await register.confirm(id_, "p2", bram)).status_code == 409
    assert (await register.read(id_))["status"] == "submitted"


async def test_a_partner_who_leaves_under_investigation_starts_his_own(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.submit(id_)
    for member, number in (("p1", ANNA), ("p2", BRAM)):
        await register.confirm(id_, member, await register.candidate(number))
    ask = {"condition": "income", "person": "p2", "fact": "incomes", "proofs": ["assessment_notice"]}
    income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
    await register.assess(id_, "to_investigate", asks=[ask], conditions=income)
    assert (await register.read(id_))["status"] == "under_investigation"
    bram = await register.candidate(BRAM)
    assert (await register.decline(id_, "p2", bram)).status_code == 204
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=bram)).status_code == 404
    assert await listed(register, BRAM) == []
    left = await newest(register, MemberLeft)
    assert (left.role, left.why) == ("partner", "left")
    found = await register.read(id_)
    assert (found["status"], found["pending"], found["facts_version"]) == ("under_investigation", ["assessment"], 2)
    # an assessment of before, which names him, hurts nobody
    await register.assess(id_, "to_investigate", facts_version=1, asks=[ask], conditions=income)
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"
    assert (await register.start(bram, key="own", members=[applicant(number=BRAM)])).status_code == 201


async def test_a_household_may_change_while_it_is_examined(register: Register) -> None:
    id_ = await register.started(members=[applicant(), person("c1", "co_resident", None, born_on="2015-05-01")])
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    ask = {"condition": "income", "person": "c1", "fact": "recognised_handicap", "proofs": ["handicap_certificate"]}
    await register.assess(
        id_, "to_investigate", asks=[ask], conditions={"income": {"outcome": "to_investigate", "effect": "bar"}}
    )
    assert (await register.change(id_, applicant())).status_code == 200
    assert (await register.read(id_))["status"] == "under_investigation"


async def test_an_adult_child_joins_a_registered_household_and_declines(register: Register) -> None:
    id_ = await register.registered(wants=["24062"])
    await register.assess(id_, "met")
    joined = await register.change(id_, applicant(), grown_up(email="child@example.org"))
    assert joined.status_code == 200
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("registered", ["confirmation:c1", "assessment"])
    candidacy = await newest(register, CandidacyRecorded)
    assert (candidacy.status, str(candidacy.paused_until)) == ("registered", "9999-12-31")
    assert (await newest(register, MemberInvited)).member == "c1"
    # neither a worse assessment nor a better one moves anything before everybody said yes
    await register.assess(id_, "not_met")
    assert (await register.recorded(id_)).test is None
    child = await register.candidate(GROWN_UP)
    assert await listed(register, GROWN_UP) == [id_]
    assert (await register.decline(id_, "c1", child)).status_code == 204
    await register.assess(id_, "met")
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("registered", [])
    candidacy = await newest(register, CandidacyRecorded)
    assert (candidacy.persons, candidacy.paused_until) == (1, None)
    assert await listed(register, GROWN_UP) == []


async def test_an_adult_child_joins_a_registered_household_and_confirms(register: Register) -> None:
    id_ = await register.registered()
    await register.change(id_, applicant(), grown_up())
    assert (await register.confirm(id_, "c1", await register.candidate())).status_code == 403
    assert (await register.confirm(id_, "c1", await register.candidate(GROWN_UP))).status_code == 204
    assert (await newest(register, CandidacyRecorded)).paused_until is None
    # a person who starts to move in is asked as well, and again after he came back
    await register.change(id_, applicant(), grown_up(moves_in=False), version=2)
    await register.change(id_, applicant(), grown_up(), version=3)
    assert "confirmation:c1" in (await register.read(id_))["pending"]


async def test_a_child_that_comes_of_age_later_pauses_nobody_and_one_that_joins_as_an_adult_does(
    register: Register,
) -> None:
    child = person("c1", "co_resident", None, born_on="2006-03-21")  # 17 on the day of application
    id_ = await register.registered(applicant(), child)
    assert "confirmation:c1" not in (await register.read(id_))["pending"]
    await register.change(id_, applicant(), child | {"born_on": "2006-03-20"})
    assert "confirmation:c1" in (await register.read(id_))["pending"]


async def test_a_widow_keeps_number_and_date_and_no_letter_goes_to_the_dead(register: Register) -> None:
    help_ = {"kind": "ocmw", "organisation": "OCMW", "email": "ocmw@example.org", "inform": True}
    widow = partner(email="bram@example.org", phones=["+32 16 00 00 00"])
    id_ = await register.registered(applicant(), widow, help=help_)
    worker, number = await register.case_worker(), (await register.read(id_))["number"]
    assert (await register.act(id_, await register.candidate(BRAM), "deceased", member="p1")).status_code == 409
    assert (await register.act(id_, worker, "deceased", member="p1")).status_code == 422  # without reasons
    died = await register.act(id_, worker, "deceased", member="p1", on="2024-03-18", reasons=WHY)
    assert (died.status_code, died.json()["status"]) == (201, "registered")
    bram = await register.candidate(BRAM)
    found, file = await register.read(id_, bram), await register.get(f"/{id_}/file", bram)
    assert (found["number"], found["registered_on"]) == (number, "2024-03-20")
    assert [(one["id"], one["role"]) for one in file["declared"]["members"]] == [("p2", "applicant")]
    assert file["contacts"] == {"language": "nl", "email": "bram@example.org", "phone": "+32 16 00 00 00", "help": None}
    contacts = await newest(register, ContactsRecorded)
    assert (contacts.email, contacts.partner_email, contacts.help) == ("bram@example.org", None, None)
    assert contacts.applicant == "p2"
    assert [(one.role, one.person, one.bound) for one in contacts.readers] == [
        ("applicant", pseudonym(BRAM, KEY), True)
    ]
    assert (await newest(register, ApplicantReplaced)).why == "died"
    assert await listed(register, ANNA) == []
    # it was a mistake: everything is as before
    undone = await register.act(id_, worker, "undo", reasons="The wrong person was taken for dead.")
    assert (undone.status_code, undone.json()["status"]) == (201, "registered")
    file = await register.get(f"/{id_}/file", await register.candidate())
    assert [(one["id"], one["role"]) for one in file["declared"]["members"]] == [("p1", "applicant"), ("p2", "partner")]
    assert file["contacts"]["email"] == "anna@example.org"
    assert file["contacts"]["help"] == help_
    assert "confirmation" not in str((await register.read(id_))["pending"])
    again = await register.act(id_, worker, "undo", reasons="The wrong person was taken for dead.")
    assert (again.status_code, "undo" in again.json()["available"]) == (409, False)
    kinds = [one["kind"] for one in await register.get(f"/{id_}/history", worker)]
    assert kinds == ["start", "submit", "confirm", "confirm", "assessed", "deceased", "undo"]


async def test_the_dossier_of_somebody_who_dies_alone_is_closed_and_writes_to_nobody(register: Register) -> None:
    id_ = await register.registered()
    worker = await register.case_worker()
    await register.change(id_, applicant(), grown_up(email="child@example.org"))
    assert len((await newest(register, ContactsRecorded)).members) == 1
    died = await register.act(id_, worker, "deceased", member="p1", reasons=WHY)
    assert (died.status_code, died.json()["status"]) == (201, "withdrawn")
    contacts = await newest(register, ContactsRecorded)
    assert (contacts.email, contacts.help) == (None, None)
    assert [event.by for event in await register.said() if isinstance(event, StatusChanged)] == [
        "candidate",  # submitted
        "register",  # an assessment arrived
        "case_worker",
    ]
    said = [type(event) for event in await register.said()]
    assert said.index(ContactsRecorded) < len(said) - said[::-1].index(StatusChanged)
    assert (await register.read(id_, worker))["actions"] == ["appeal", "undo", "change_contacts", "decline"]
    undone = await register.act(id_, worker, "undo", reasons="The wrong person was taken for dead.")
    assert undone.json()["status"] == "registered"
    assert (await newest(register, ContactsRecorded)).email == "anna@example.org"
    assert (await register.start(key="k2")).status_code == 409  # she is bound again


async def test_a_separation_leaves_the_dossier_to_the_partner_and_the_date_to_both(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(email="bram@example.org"))
    anna, bram, worker = await register.candidate(), await register.candidate(BRAM), await register.case_worker()
    number = (await register.read(id_))["number"]
    withdrawn = await register.act(id_, anna, "withdraw")
    assert (withdrawn.status_code, "leave" in withdrawn.json()["available"]) == (409, True)
    assert (await register.decline(id_, "p1", anna)).json()["available"] == [
        "change_household", "change_contacts", "change_wishes", "upload", "hold", "appeal", "leave"
    ]  # fmt: skip
    assert (await register.act(id_, anna, "leave")).status_code == 201
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=anna)).status_code == 404
    found = await register.read(id_, bram)
    assert (found["number"], found["registered_on"], found["status"]) == (number, "2024-03-20", "registered")
    assert (await newest(register, ApplicantReplaced)).why == "left"
    # Anna starts anew, years later; a case worker lets her keep the date that was hers
    async with register.service.database.work() as work:
        older = sa.func.jsonb_set(tables.dossiers.c.standing, sa.text("'{kept_date}'"), sa.text("'\"2019-05-06\"'"))
        await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    own = await register.started(key="k2")
    await register.submit(own)
    await register.confirm(own, "p1", anna)
    assert (await register.act(own, anna, "keep_date", of=number)).status_code == 409
    other = await register.registered(applicant(number=STRANGER), key="k3")
    not_hers = (await register.read(other, worker))["number"]
    assert (await register.act(own, worker, "keep_date", of=not_hers, reasons=WHY)).status_code == 422
    assert (await register.act(own, worker, "keep_date", of=number, reasons=WHY)).status_code == 201
    await register.assess(own, "met")
    assert (await register.read(own))["registered_on"] == "2019-05-06"


async def test_who_withdraws_is_free_and_still_reads_what_was(register: Register) -> None:
    id_ = await register.registered()
    assert (await register.act(id_, await register.candidate(), "withdraw", reasons="")).json()["status"] == "withdrawn"
    found = await register.read(id_)
    assert (found["status"], found["pending"], found["actions"]) == ("withdrawn", [], ["appeal", "change_contacts"])
    assert (await register.change(id_, applicant(balances="1.00"))).status_code == 409
    assert (await register.recorded(id_)).test is None
    assert (await newest(register, CandidacyRecorded)).status == "withdrawn"
    assert (await register.start(key="k2")).status_code == 201


async def test_an_action_that_cannot_have_happened_is_refused_with_its_field(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker = await register.case_worker()
    for action, about, field in (
        ("withdraw", {"on": "1850-01-01"}, "on"),
        ("withdraw", {"on": "2024-03-21"}, "on"),
        ("withdraw", {"member": "p1"}, "member"),
        ("withdraw", {"of": "2019.01.01.0001"}, "of"),
        ("deceased", {"member": "p2", "on": "1986-06-30"}, "on"),
        ("deceased", {"member": "p9"}, "member"),
        ("deceased", {}, "member"),
    ):
        answer = await register.act(id_, worker, action, reasons=WHY, **about)
        assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [field]), about
    assert (await register.act(id_, worker, "deceased", reasons=WHY, member="p2", on="2024-01-05")).status_code == 201


async def test_a_case_worker_withdraws_a_couple_on_their_written_request(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker = await register.case_worker()
    assert (await register.act(id_, worker, "withdraw")).status_code == 422
    assert (await register.act(id_, worker, "withdraw", reasons="no")).status_code == 422
    assert (await register.act(id_, worker, "withdraw", reasons=WHY)).status_code == 201
    for number in (ANNA, BRAM):
        assert (await register.read(id_, await register.candidate(number)))["status"] == "withdrawn"


async def test_a_partner_who_is_removed_is_told_himself(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(email="bram@example.org"))
    await register.change(id_, applicant())
    contacts, left = await newest(register, ContactsRecorded), await newest(register, MemberLeft)
    assert (left.why, left.member, [(one.member, one.email) for one in contacts.members]) == (
        "removed", "p2", [("p2", "bram@example.org")]
    )  # fmt: skip
    assert await listed(register, BRAM) == []


async def test_a_draft_is_erased_by_its_applicant_and_leaves_nothing(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    for who in (await register.candidate(BRAM), await register.candidate(STRANGER)):
        assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=who)).status_code in (403, 404)
    assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=await register.candidate())).status_code == 204
    async with register.service.database.engine.connect() as connection:
        for table in (tables.dossiers, tables.members, tables.acts, tables.candidates):
            assert (await connection.scalar(sa.select(sa.func.count()).select_from(table))) == 0
    [*_, recorded, erased] = await register.said()
    assert isinstance(recorded, HouseholdRecorded)
    assert isinstance(erased, HouseholdErased)
    assert erased.version > recorded.version
    await register.assess(id_, "met")  # arrives late, and is of nobody
    id_ = await register.started(key="k2")
    await register.submit(id_)
    answer = await register.http.delete(f"/v1/dossiers/{id_}", headers=await register.candidate())
    assert (answer.status_code, answer.json()["available"][-1]) == (409, "withdraw")


async def test_an_act_is_never_changed_nor_deleted(register: Register) -> None:
    await register.registered()
    for statement in ("UPDATE acts SET kind = 'start'", "DELETE FROM acts"):
        with pytest.raises(sa.exc.DBAPIError, match="never changed or deleted"):
            async with register.service.database.engine.connect() as connection:
                await connection.execute(sa.text(statement))
