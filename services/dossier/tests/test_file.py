"""A file that its people can read and correct: household, contacts, wishes, help; each change on the version that was read."""

from cir_schemas import CandidacyRecorded, ContactsRecorded

from .conftest import ANNA, BRAM, STRANGER, Register, applicant, partner, person

HELP = {"kind": "ocmw", "organisation": "ocmw-leuven", "email": "ocmw@example.org", "inform": True}


async def contacts(register: Register) -> list[ContactsRecorded]:
    return [event for event in await register.said() if isinstance(event, ContactsRecorded)]


async def test_a_file_shows_facts_sheets_contacts_and_wishes(register: Register) -> None:
    home = {"street": "Bondgenotenlaan", "house_number": "1", "postal_code": "3000", "place": "Leuven"}
    anna = applicant(balances="5.00", first_name="Anna", last_name="Peeters", phones=["016 00 00 00"], home=home)
    id_ = await register.started(members=[anna], residence=[{"municipality": "24062", "from": "2010-01-01"}])
    file = await register.get(f"/{id_}/file", await register.candidate())
    [member] = file["declared"]["members"]
    assert (member["number"], member["first_name"], member["home"]["country"]) == (ANNA, "Anna", "BE")
    assert file["household"]["members"] == [{"id": "p1", "role": "applicant", "moves_in": True, "balances": "5.00"}]
    assert file["contacts"] == {"language": "nl", "email": "anna@example.org", "phone": None, "help": None}
    assert file["wishes"]["wants"] == ["24062"]
    assert file["wishes"]["residence"][0]["from"] == "2010-01-01"
    # what is left out of a sheet stays; what is given as null goes
    await register.change(id_, applicant(last_name=None))
    [member] = (await register.get(f"/{id_}/file", await register.candidate()))["declared"]["members"]
    assert (member["first_name"], "last_name" in member, member["phones"]) == ("Anna", False, ["016 00 00 00"])


async def test_contacts_helper_and_consent_change_at_any_time(register: Register) -> None:
    id_ = await register.registered(applicant(), help=HELP)
    await register.assess(id_, "met")
    anna = await register.candidate()
    body = {"language": "en", "email": "new@example.org", "phone": "016 11 11 11", "help": HELP | {"inform": False}}
    assert (await register.put(id_, "contacts", anna, 9, body)).status_code == 412
    changed = await register.put(id_, "contacts", anna, 1, body)
    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, {"facts_version": 2}, '"2"')
    newest = (await contacts(register))[-1]
    assert (newest.language, newest.email, newest.help and newest.help.inform) == ("en", "new@example.org", False)
    found = await register.read(id_)
    assert (found["facts_version"], found["assessed_version"], found["pending"]) == (2, 2, [])
    assert (await register.change(id_, applicant(), version=1)).status_code == 412


async def test_an_assessment_on_its_way_while_contacts_change_still_counts(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    anna = await register.candidate()
    await register.confirm(id_, "p1", anna)
    await register.put(id_, "contacts", anna, 1, {"language": "en"})
    await register.put(id_, "wishes", anna, 2, {"wants": ["24062", "12025"]})
    await register.assess(id_, "met")
    found = await register.read(id_)
    assert (found["status"], found["facts_version"], found["assessed_version"]) == ("registered", 3, 3)


async def test_wishes_reach_the_waiting_list_and_unknown_places_do_not(register: Register) -> None:
    id_ = await register.registered()
    anna = await register.candidate()
    for wants in ([], ["99999"], ["٢٤٠٦٢"], ["24062"] * 51):
        assert (await register.put(id_, "wishes", anna, 1, {"wants": wants})).status_code == 422
    wishes = {"wants": ["12025"], "informal_care_in": ["12025"]}
    await register.put(id_, "wishes", anna, 1, {"wants": ["12025"]})
    await register.put(id_, "wishes", await register.case_worker(), 2, wishes)
    candidacy = [event for event in await register.said() if isinstance(event, CandidacyRecorded)][-1]
    assert [(one.municipality, one.company) for one in candidacy.wants] == [("12025", "kanvaz")]
    assert candidacy.informal_care_in == ("12025",)


async def test_who_is_to_be_informed_must_be_reachable(register: Register) -> None:
    id_, anna = await register.started(), await register.candidate()
    contacts, version = {"language": "nl", "email": "anna@example.org"}, 1
    for help_, fine in (
        ({"kind": "ocmw", "inform": True}, False),
        ({"kind": "ocmw", "organisation": "OCMW", "inform": True}, False),
        ({"kind": "ocmw", "email": "a@example.org", "inform": True}, False),
        ({"kind": "other_person", "inform": True}, False),
        ({"kind": "other_person", "email": "a@example.org", "inform": True}, True),
        (HELP, True),
        ({"kind": "ocmw"}, True),
    ):
        answer = await register.put(id_, "contacts", anna, version, contacts | {"help": help_})
        assert answer.status_code == (200 if fine else 422)
        if fine:
            version = answer.json()["facts_version"]
        else:
            assert [error["path"] for error in answer.json()["errors"]] == ["help"]


async def test_the_partner_is_written_to_once_he_confirmed(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner(email="bram@example.org")])
    await register.submit(id_)
    assert (await contacts(register))[-1].partner_email is None
    await register.confirm(id_, "p2", await register.candidate(BRAM))
    newest = (await contacts(register))[-1]
    assert (newest.partner_email, newest.members) == ("bram@example.org", ())


async def test_the_counter_vouches_for_the_addresses_that_it_enters(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    assert (await contacts(register))[-1].confirmed == ()
    body = {"language": "nl", "email": "seen@example.org"}
    await register.put(id_, "contacts", await register.case_worker(), 1, body)
    assert (await contacts(register))[-1].confirmed == ("seen@example.org",)
    await register.put(id_, "contacts", await register.candidate(), 2, body | {"phone": "016 11 11 11"})
    await register.put(id_, "contacts", await register.candidate(), 3, body | {"email": "other@example.org"})
    assert (await contacts(register))[-1].confirmed == ()


async def test_what_other_companies_and_a_helper_see(register: Register) -> None:
    id_ = await register.started(wants=["24062", "12025"], help=HELP)
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    ask = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["assessment_notice"]}
    income = {"outcome": "to_investigate", "effect": "bar", "because": ["income.x"], "figures": {"income": "41000.00"}}
    words = {"nl": ["Het inkomen (41000.00) …"], "en": ["The income (41000.00) …"]}
    await register.assess(id_, "to_investigate", asks=[ask], conditions={"income": income}, say=words)
    wanted, helper = await register.case_worker("kanvaz"), await register.as_("helper", organisation="ocmw-leuven")
    found = await register.read(id_, wanted)
    assert (found["status"], found["actions"]) == ("under_investigation", [])
    assert found["assessment"]["conditions"]["income"]["outcome"] == "to_investigate"
    assert "41000" not in str(found)
    found = await register.read(id_, helper)
    assert (found["assessment"]["asks"], found["assessment"]["conditions"]) == ([ask], {})
    assert "41000" not in str(found)
    for who in (wanted, helper):
        assert (await register.http.get(f"/v1/dossiers/{id_}/file", headers=who)).status_code == 403
        assert (await register.http.get(f"/v1/dossiers/{id_}/history", headers=who)).status_code == 403
        assert (await register.change(id_, applicant(), who=who)).status_code == 403
    for who in (await register.case_worker("woontrots"), await register.as_("helper", organisation="caw")):
        assert (await register.http.get(f"/v1/dossiers/{id_}", headers=who)).status_code == 404
    # without consent the helper has nothing to do with it
    await register.put(
        id_, "contacts", await register.candidate(), 1, {"language": "nl", "help": HELP | {"inform": False}}
    )
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=helper)).status_code == 404


async def test_a_read_waits_for_nobody_who_changes(register: Register) -> None:
    id_ = await register.started()
    async with register.service.database.work() as work:
        await work.load([(await work.dossiers_of(ANNA))[0].id])  # locked by another request
        assert (await register.read(id_))["status"] == "draft"
        assert await register.get("", await register.candidate()) != []


async def test_a_minor_named_with_his_number_sees_nothing(register: Register) -> None:
    child = person("c1", "co_resident", "15650100189", born_on="2015-05-01")
    id_ = await register.started(members=[applicant(), child])
    who = await register.candidate("15650100189")
    assert (await register.http.get(f"/v1/dossiers/{id_}", headers=who)).status_code == 404
    assert await register.get("", who) == []
    need_not = await register.confirm(id_, "c1", await register.case_worker(), on_paper=True)
    assert need_not.status_code == 409


async def test_the_applicant_of_a_dossier_started_at_the_counter_changes_nothing_before_he_confirms(
    register: Register,
) -> None:
    id_ = (await register.start(await register.case_worker())).json()["id"]
    anna = await register.candidate()
    assert (await register.read(id_, anna))["actions"] == ["confirm", "erase"]
    assert (await register.submit(id_, anna)).status_code == 403
    await register.confirm(id_, "p1", anna)
    assert (await register.submit(id_, anna)).status_code == 202
    assert (await register.read(id_, await register.case_worker()))["status"] == "submitted"
    assert (await register.get("", await register.candidate(STRANGER))) == []
