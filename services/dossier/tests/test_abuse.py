"""What is tried by who means ill, and met by who is unlucky: the register gives away nothing, and shuts nobody in."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from cir_chassis.login import Caller
from cir_chassis.problems import NotFound
from cir_schemas import ContactsRecorded, MemberInvited, MemberLeft
from dossier import tables
from dossier.register import reading

from .conftest import ANNA, BRAM, Register, applicant, numbered, partner, person
from .test_stories import WHY, listed, newest

HELP = {"kind": "other_person", "email": "neighbour@example.org", "inform": True}


@pytest.mark.parametrize("role", ["case_worker", "helper"])
async def test_a_login_that_names_no_company_or_organisation_is_of_none(register: Register, role: str) -> None:
    id_ = await register.started(help=HELP, wants=["24062", "11001"])  # of no organisation; nor of a company
    await register.submit(id_)
    async with register.service.database.work() as work:
        assert "11001" not in work.companies
        with pytest.raises(NotFound):
            await reading.read(UUID(id_), Caller("somebody", role, {}), work)


async def test_a_named_applicant_leaves_to_the_partner_who_confirmed(register: Register) -> None:
    worker, anna = await register.case_worker(), await register.candidate()
    id_ = await register.started(who=worker, members=[applicant(), partner()])
    await register.submit(id_, worker)
    await register.confirm(id_, "p2", await register.candidate(BRAM))
    refused = await register.decline(id_, "p1", anna)
    assert (refused.status_code, refused.json()["available"]) == (409, ["confirm", "appeal", "leave"])
    assert (await register.act(id_, anna, "leave")).status_code == 201
    assert await listed(register, ANNA) == []
    assert (await register.read(id_, await register.candidate(BRAM)))["number"]


async def test_nobody_takes_a_partner_out_silently(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(email="bram@example.org"))
    # not by writing to somebody else first: who confirmed has his address changed by himself, or at the counter
    silent = await register.change(id_, applicant(), partner(email="anna@example.org"))
    assert (silent.status_code, silent.json()["errors"][0]["path"]) == (422, "members[1].email")
    silent = await register.change(id_, applicant(), partner(email=None))
    assert silent.status_code == 422
    # nor by giving his number to another member
    child = person("c1", "co_resident", None, born_on=None)
    assert (await register.change(id_, applicant(), partner(), child)).status_code == 200
    moved = await register.change(id_, applicant(), child | {"number": BRAM, "email": "anna@example.org"}, version=2)
    assert (moved.status_code, moved.json()["errors"][0]["path"]) == (422, "members[1].email")
    # nor by making him a co-resident, who has no say in it: he is told
    lodger = partner() | {"role": "co_resident"}
    assert (await register.change(id_, applicant(), lodger, version=2)).status_code == 200
    left, contacts = await newest(register, MemberLeft), await newest(register, ContactsRecorded)
    assert (left.member, left.role, left.why) == ("p2", "partner", "removed")
    assert ("p2", "bram@example.org") in [(one.member, one.email) for one in contacts.members]


async def test_a_partner_does_not_lead_the_applicants_mail_elsewhere(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    bram, body = await register.candidate(BRAM), {"language": "nl", "phone": "016 11 11 11", "help": HELP}
    for email in ({"email": "bram@example.org"}, {}):
        refused = await register.put(id_, "contacts", bram, 1, body | email)
        assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "email")
    same = body | {"email": "anna@example.org"}
    assert (await register.put(id_, "contacts", bram, 1, same)).status_code == 200
    for version, who in ((2, await register.candidate()), (3, await register.case_worker())):
        assert (await register.put(id_, "contacts", who, version, body)).status_code == 200
    assert (await register.put(id_, "contacts", bram, 4, same)).status_code == 200  # where there was none


async def test_who_confirmed_has_his_address_changed_by_himself_or_at_the_counter(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(email="bram@example.org"))
    for version, who in ((1, await register.candidate(BRAM)), (2, await register.case_worker())):
        new = partner(email=f"bram{version}@example.org")
        assert (await register.change(id_, applicant(), new, version=version, who=who)).status_code == 200
        assert (await newest(register, ContactsRecorded)).partner_email == f"bram{version}@example.org"


async def test_a_confirmation_on_paper_is_of_nobody_else(register: Register) -> None:
    known = {"first_name": "Dora", "born_on": "1990-05-01"}  # and no number: nothing else tells who she is
    id_ = await register.started(members=[applicant(), person("c1", "co_resident", None) | known])
    await register.confirm(id_, "c1", await register.case_worker(), on_paper=True)
    for another in (known | {"first_name": "Emil"}, known | {"born_on": "1970-05-01"}, known | {"born_on": None}):
        changed = await register.change(id_, applicant(), person("c1", "co_resident", None) | another)
        [path] = [error["path"] for error in changed.json().get("errors", [])]
        assert (changed.status_code, path) == (422, f"members[1].{'first_name' if 'E' in str(another) else 'born_on'}")
    right = person("c1", "co_resident", None) | known | {"last_name": "Maes", "balances": "1.00"}
    assert (await register.change(id_, applicant(), right)).status_code == 200
    counter = await register.change(
        id_, applicant(), right | {"born_on": "1990-05-02"}, version=2, who=await register.case_worker()
    )
    assert counter.status_code == 200
    # who is another takes another id, or comes back after this one went, and confirms himself
    await register.change(id_, applicant(), version=3)
    await register.change(id_, applicant(), person("c1", "co_resident", None, born_on="1970-05-01"), version=4)
    assert "confirmation:c1" in (await register.read(id_))["pending"]


async def test_who_gets_a_national_number_after_a_bis_number_keeps_his_dossier(register: Register) -> None:
    bis, national = numbered("854223001"), numbered("850223002")
    himself = applicant(number=bis, email="anna@example.org")
    id_ = await register.registered(himself, partner())
    before, after = await register.candidate(bis), await register.candidate(national)
    worker, number = await register.case_worker(), (await register.read(id_, before))["number"]
    known = himself | {"number": national}
    assert (
        await register.change(id_, known, partner(), who=before)
    ).status_code == 422  # nobody gives his dossier away
    assert (await register.change(id_, himself, partner(number=ANNA), who=worker)).status_code == 422  # no bis number
    assert (await register.change(id_, known, partner(), who=worker)).status_code == 200
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=before)).status_code == 404
    assert "confirmation:p1" in (await register.read(id_, after))["pending"]
    assert (await register.confirm(id_, "p1", after)).status_code == 204
    found = await register.read(id_, after)
    assert (found["number"], found["status"], found["registered_on"]) == (number, "registered", "2024-03-20")
    assert not [event for event in await register.said() if isinstance(event, MemberLeft)]
    assert (await register.start(before, key="k2", members=[applicant(number=bis)])).status_code == 201


@pytest.mark.parametrize("at_the_counter", [False, True])
async def test_why_somebody_left_is_not_for_who_stays(register: Register, at_the_counter: bool) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, anna = await register.case_worker(), await register.candidate()
    why = "She found shelter, he must not know where."
    assert (await register.act(id_, worker if at_the_counter else anna, "leave", reasons=why)).status_code == 201
    for who, reasons in ((await register.candidate(BRAM), []), (worker, [why])):
        [left] = [one for one in await register.get(f"/{id_}/history", who) if one["kind"] == "leave"]
        assert left["reasons"] == reasons


async def test_the_key_of_an_erased_draft_starts_a_new_one(register: Register) -> None:
    id_, anna = await register.started(), await register.candidate()
    other = await register.started(who=await register.candidate(BRAM), members=[applicant(number=BRAM)])
    assert (await register.http.delete(f"/v1/dossiers/{id_}", headers=anna)).status_code == 204
    again = await register.started()
    assert again != id_
    assert (await register.read(again))["status"] == "draft"
    assert await register.started(who=await register.candidate(BRAM), members=[applicant(number=BRAM)]) == other


async def test_the_counter_vouches_for_no_address_that_it_found_there(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner(email="bram@example.org")])
    await register.submit(id_)
    worker = await register.case_worker()
    await register.change(id_, applicant(), partner(), version=1, who=worker)
    await register.put(id_, "contacts", worker, 2, {"language": "nl", "email": "anna@example.org", "help": HELP})
    assert (await newest(register, ContactsRecorded)).confirmed == ("neighbour@example.org",)


async def test_an_address_that_is_put_right_is_invited(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner(email="brem@example.org")])
    await register.submit(id_)
    await register.change(id_, applicant(), partner(email="bram@example.org"))
    await register.change(id_, applicant(balances="1.00"), partner(), version=2)
    invited = [event.member for event in await register.said() if isinstance(event, MemberInvited)]
    assert invited == ["p2", "p2"]


async def test_what_was_assessed_of_a_household_that_a_death_was_undone_of_does_not_count(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.submit(id_)
    for member, number in (("p1", ANNA), ("p2", BRAM)):
        await register.confirm(id_, member, await register.candidate(number))
    await register.assess(id_, "not_met")
    worker = await register.case_worker()
    await register.act(id_, worker, "deceased", member="p1", reasons=WHY)
    await register.assess(id_, "met")  # of the partner alone
    undone = await register.act(id_, worker, "undo", reasons=WHY)
    assert undone.json()["status"] == "under_investigation"
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("under_investigation", ["assessment"])
    test = (await register.recorded(id_)).test
    assert test
    assert test.moment == "registration"
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"


async def test_a_departure_that_was_undone_gives_no_date_to_keep(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, bram = await register.case_worker(), await register.candidate(BRAM)
    await register.act(id_, worker, "deceased", member="p2", reasons=WHY)
    await register.act(id_, worker, "undo", reasons=WHY)
    former = (await register.read(id_))["number"]
    async with register.service.database.work() as work:
        older = sa.func.jsonb_set(tables.dossiers.c.standing, sa.text("'{kept_date}'"), sa.text("'\"2019-05-06\"'"))
        await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    await register.act(id_, worker, "withdraw", reasons=WHY)  # he was in it up to its end: nobody separated
    own = (await register.start(bram, key="own", members=[applicant(number=BRAM)])).json()["id"]
    await register.submit(own, bram)
    kept = await register.act(own, worker, "keep_date", of=former, reasons=WHY)
    assert kept.status_code == 422, kept.text


async def test_who_is_made_a_co_resident_first_keeps_the_date_as_well(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    bram, worker, former = (
        await register.candidate(BRAM),
        await register.case_worker(),
        (await register.read(id_))["number"],
    )
    await register.change(id_, applicant(), partner() | {"role": "co_resident"})
    assert (await register.decline(id_, "p2", bram)).status_code == 204
    async with register.service.database.work() as work:
        older = sa.func.jsonb_set(tables.dossiers.c.standing, sa.text("'{kept_date}'"), sa.text("'\"2019-05-06\"'"))
        await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    own = (await register.start(bram, key="own", members=[applicant(number=BRAM)])).json()["id"]
    await register.submit(own, bram)
    await register.confirm(own, "p1", bram)
    await register.assess(own, "met")
    kept = await register.act(own, worker, "keep_date", of=former, reasons=WHY)
    assert kept.status_code == 201, kept.text
    assert str((await register.recorded(own)).registered_on) == "2019-05-06"  # by which eligibility tests updates


async def test_a_child_born_while_the_household_is_investigated_is_declared(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "not_met")
    async with register.service.database.work() as work:  # she applied some time ago
        day = sa.text("'{test,reference_date}'")
        older = sa.func.jsonb_set(tables.dossiers.c.standing, day, sa.text("'\"2024-01-20\"'"))
        await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    born = person("c1", "co_resident", None, born_on="2024-03-01", dependant=True)
    tomorrow = await register.change(id_, applicant(), born | {"born_on": "2024-03-21"})
    assert (tomorrow.status_code, tomorrow.json()["errors"][0]["path"]) == (422, "members[1].born_on")
    assert (await register.change(id_, applicant(), born)).status_code == 200
    # what counts is the day of the test: the child was not there
    recorded = await register.recorded(id_)
    assert [member.id for member in recorded.household.members] == ["p1"]
    await register.assess(id_, "met")
    found, recorded = await register.read(id_), await register.recorded(id_)
    assert (found["status"], recorded.test, found["pending"]) == ("registered", None, ["assessment"])
    assert [member.id for member in recorded.household.members] == ["p1", "c1"]
    await register.assess(id_, "met")
    assert (await register.read(id_))["pending"] == []
