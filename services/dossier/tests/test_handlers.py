"""What is said when a dossier changes: each thing once, to whom it may be told, and nothing that names a person."""

import asyncio
import os
import subprocess
import sys

from pydantic import SecretStr

from cir_chassis.pseudonym import pseudonym
from cir_schemas import CandidacyRecorded, ContactsRecorded, HouseholdRecorded, ProofAsked, StatusChanged
from dossier import tables

from .conftest import ANNA, BRAM, KEY, STRANGER, Register, applicant, partner, person


async def names(register: Register) -> list[str]:
    return [type(event).__name__ for event in await register.said()]


async def changes(register: Register) -> list[tuple[str, str]]:
    return [(event.was, event.now) for event in await register.said() if isinstance(event, StatusChanged)]


async def test_a_draft_publishes_its_household_alone_and_contacts_come_before_any_happening(register: Register) -> None:
    id_ = await register.started()
    await register.put(id_, "contacts", await register.candidate(), 1, {"language": "en"})
    assert await names(register) == ["HouseholdRecorded"]
    await register.submit(id_)
    assert (await names(register))[1:] == [
        "ContactsRecorded",
        "HouseholdRecorded",
        "CandidacyRecorded",
        "StatusChanged",
    ]


async def test_a_single_person_from_start_to_registered(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    assert (await register.read(id_))["status"] == "submitted"
    await register.assess(id_, "met")
    found = await register.read(id_)
    assert (found["status"], found["registered_on"]) == ("registered", "2024-03-20")
    assert await changes(register) == [("draft", "submitted"), ("submitted", "registered")]


async def test_an_assessment_waits_for_the_last_adult_and_then_counts_at_once(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.submit(id_)
    await register.assess(id_, "met")
    await register.confirm(id_, "p1", await register.candidate())
    assert (await register.read(id_))["status"] == "submitted"
    await register.confirm(id_, "p2", await register.case_worker(), on_paper=True)
    assert (await register.read(id_))["status"] == "registered"


async def test_an_assessment_before_the_submission_moves_nothing(register: Register) -> None:
    id_ = await register.started()
    await register.assess(id_, "not_met")
    assert (await register.read(id_))["status"] == "draft"
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("submitted", ["assessment"])


async def test_not_met_is_investigated_and_never_refused(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "not_met")
    assert (await register.read(id_))["status"] == "under_investigation"


async def test_changed_facts_leave_the_status_until_they_are_assessed(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "not_met")
    await register.change(id_, applicant(balances="1.00"))
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("under_investigation", ["assessment"])
    await register.assess(id_, "met", version=2, facts_version=2)
    assert (await register.read(id_))["status"] == "registered"
    assert await changes(register) == [
        ("draft", "submitted"),
        ("submitted", "under_investigation"),
        ("under_investigation", "registered"),
    ]


async def test_once_registered_the_test_is_closed_and_eligibility_is_told_since_when(register: Register) -> None:
    id_ = await register.registered()
    recorded = [event for event in await register.said() if isinstance(event, HouseholdRecorded)]
    assert [event.test is None for event in recorded] == [True, False, True]
    assert [str(event.registered_on) for event in recorded] == ["None", "None", "2024-03-20"]
    assert (await register.read(id_))["pending"] == ["assessment"]  # for information
    await register.assess(id_, "met")
    assert (await register.read(id_))["pending"] == []


async def test_a_registered_household_that_no_longer_meets_the_conditions_is_tested_before_its_status_moves(
    register: Register,
) -> None:
    id_ = await register.registered()
    await register.assess(id_, "met")
    await register.change(id_, applicant(balances="900000.00"))
    assert (await register.recorded(id_)).test is None
    await register.assess(id_, "not_met")
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("registered", ["assessment"])
    test = (await register.recorded(id_)).test
    assert test
    assert (test.moment, str(test.reference_date), str(test.registered_on)) == ("update", "2024-03-20", "2024-03-20")
    await register.assess(id_, "not_met")
    assert (await register.read(id_))["status"] == "under_investigation"
    await register.change(id_, applicant(balances="1.00"), version=2)
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"
    assert (await changes(register))[2:] == [
        ("registered", "under_investigation"),
        ("under_investigation", "registered"),
    ]


async def test_the_same_facts_under_the_same_rules_are_not_tested_again_and_again(register: Register) -> None:
    id_ = await register.registered()
    recorded = len(await register.said())
    for _ in range(3):
        await register.assess(id_, "not_met")
    assert len(await register.said()) == recorded
    await register.assess(id_, "not_met", rules="sha256:of-a-new-law")
    assert (await register.recorded(id_)).test is not None


async def test_facts_that_nobody_assessed_register_nobody(register: Register) -> None:
    """Submit, change the balances, confirm at once: the assessment of the former facts does not count."""
    id_ = await register.started()
    await register.submit(id_)
    await register.assess(id_, "met")
    await register.change(id_, applicant(balances="900000.00"))
    await register.confirm(id_, "p1", await register.candidate())
    found = await register.read(id_)
    assert (found["status"], found["pending"]) == ("submitted", ["assessment"])
    await register.assess(id_, "not_met")
    assert (await register.read(id_))["status"] == "under_investigation"


async def test_an_assessment_of_former_facts_or_of_another_test_does_not_count(register: Register) -> None:
    id_ = await register.started()
    await register.confirm(id_, "p1", await register.candidate())
    await register.submit(id_)
    await register.change(id_, applicant(balances="1.00"))
    await register.assess(id_, "met", facts_version=1)
    assert (await register.read(id_))["status"] == "submitted"


async def test_an_older_or_repeated_assessment_changes_nothing(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "to_investigate", version=5)
    said = await names(register)
    assert said.count("HouseholdRecorded") == 2  # as a draft, and for its test: an outcome is no new fact
    await register.assess(id_, "met", version=4)
    await register.assess(id_, "met", version=5)
    assert (await register.read(id_))["status"] == "under_investigation"
    assert await names(register) == said


async def test_versions_only_grow_over_everything_said_of_a_dossier(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    await register.assess(id_, "met")
    versions = [event.version for event in await register.said() if hasattr(event, "version")]
    assert versions == sorted(set(versions))


async def test_the_waiting_list_is_told_who_treats_each_municipality_wanted(register: Register) -> None:
    await register.submit(await register.started(wants=["24062", "12025", "11002"]))
    candidacy = next(event for event in await register.said() if isinstance(event, CandidacyRecorded))
    wanted = [(want.municipality, want.company) for want in candidacy.wants]
    assert wanted == [("24062", "dijledal"), ("12025", "kanvaz"), ("11002", None)]


async def candidates(register: Register) -> list[list[str]]:
    """Of every candidacy said: whose pseudonyms it has, by name."""
    known = {pseudonym(ANNA, KEY): "Anna", pseudonym(BRAM, KEY): "Bram"}
    said = [event for event in await register.said() if isinstance(event, CandidacyRecorded)]
    return [sorted(known[one] for one in event.candidates) for event in said]


async def test_the_waiting_list_is_told_the_pseudonyms_of_applicant_and_partner_alone(register: Register) -> None:
    other = person("c1", "co_resident", STRANGER)
    id_ = await register.started(members=[applicant(), partner(), other])
    await register.submit(id_)
    for member, number in (("p2", BRAM), ("c1", STRANGER)):
        await register.confirm(id_, member, await register.candidate(number))
    assert await candidates(register) == [["Anna"], ["Anna", "Bram"]]


async def test_a_partner_is_a_candidate_once_he_confirms_until_he_goes(register: Register) -> None:
    lodger = {"id": "p2", "role": "co_resident", "born_on": "1986-07-01"}
    id_ = await register.started(members=[applicant(), lodger])  # nobody knows his number yet
    await register.submit(id_)
    bram = await register.candidate(BRAM)
    version = 1
    for second, confirms, now in (
        ([lodger], False, ["Anna"]),
        ([partner()], False, ["Anna"]),
        ([partner()], True, ["Anna", "Bram"]),
        ([lodger], False, ["Anna"]),
        ([partner()], False, ["Anna"]),
        ([partner()], True, ["Anna", "Bram"]),
        ([], False, ["Anna"]),
        ([partner()], False, ["Anna"]),
    ):
        changed = await register.change(id_, applicant(), *second, version=version)
        assert changed.status_code == 200, changed.text
        version += 1
        if confirms:
            assert (await register.confirm(id_, "p2", bram)).status_code == 204
        assert (await candidates(register))[-1] == now


async def test_after_a_change_of_the_key_every_candidacy_is_said_anew(register: Register) -> None:
    numbers = {ANNA, BRAM, STRANGER}
    for number in numbers:
        who = await register.candidate(number)
        id_ = (await register.start(who, key=number, members=[applicant(number=number)])).json()["id"]
        await register.submit(id_, who)
    url = register.service.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {
        "CIR_DATABASE_URL": url, "CIR_KAFKA": "127.0.0.1:1", "CIR_PORT": "1", "CIR_ISSUER": "http://127.0.0.1:1",
        "CIR_AUDIENCE": "cir", "CIR_PERSON_KEY": (newer := "n" * 32),
    }  # fmt: skip
    command = [sys.executable, "-m", "dossier", "publish-candidacies"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CIR_")} | settings
    told = await asyncio.to_thread(subprocess.check_output, command, text=True, timeout=60, env=environment)
    assert told == "3 candidacies are published by the relay\n"
    contacts = [event for event in await register.said() if isinstance(event, ContactsRecorded)][-3:]
    assert {one.readers[0].person for one in contacts} == {pseudonym(number, SecretStr(newer)) for number in numbers}
    said = [event for event in await register.said() if isinstance(event, CandidacyRecorded)]
    newest = {event.key: event for event in sorted(said, key=lambda event: event.version)}
    assert {event.candidates for event in newest.values()} == {
        (pseudonym(number, SecretStr(newer)),) for number in numbers
    }


async def test_the_helper_is_told_with_consent_as_declared(register: Register) -> None:
    help_ = {"kind": "ocmw", "organisation": "OCMW Leuven", "email": "ocmw@example.org", "inform": False}
    await register.submit(await register.started(help=help_))
    contacts = next(event for event in await register.said() if isinstance(event, ContactsRecorded))
    assert contacts.help is not None
    assert contacts.help.inform is False


ASK = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["assessment_notice"]}
MORE = {"condition": "property", "person": "p1", "fact": "real_rights", "proofs": ["deed"]}
DUTY = {"condition": "language", "person": "p1", "fact": "language", "proofs": ["certificate"]}
CONDITIONS = {
    "income": {"outcome": "to_investigate", "effect": "bar"},
    "property": {"outcome": "to_investigate", "effect": "bar"},
    "language": {"outcome": "to_investigate", "effect": "duty"},
}


async def test_what_is_asked_is_told_when_it_changes_while_the_status_stays(register: Register) -> None:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    for version, asks in enumerate(([ASK, DUTY], [ASK, DUTY], [ASK, MORE]), start=1):
        await register.assess(id_, "to_investigate", version=version, asks=asks, conditions=CONDITIONS)
    moved = [event for event in await register.said() if isinstance(event, StatusChanged)][-1]
    assert [(ask.role, ask.proofs) for ask in moved.asks] == [("applicant", ("assessment_notice",))]
    asked = [event for event in await register.said() if isinstance(event, ProofAsked)]
    assert [[ask.proofs for ask in event.asks] for event in asked] == [[("assessment_notice", "deed")]]


async def test_who_must_still_confirm_is_asked_when_the_dossier_is_submitted(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.confirm(id_, "p1", await register.candidate())
    await register.submit(id_)
    moved = next(event for event in await register.said() if isinstance(event, StatusChanged))
    assert [(ask.role, ask.proofs) for ask in moved.asks] == [("partner", ("confirmation",))]


async def test_nothing_said_holds_a_national_number_and_nothing_for_mails_an_amount(register: Register) -> None:
    other = person("c1", "co_resident", STRANGER)
    id_ = await register.started(members=[applicant(balances="1234.56"), partner(), other])
    await register.submit(id_)
    for member, number in (("p1", ANNA), ("p2", BRAM), ("c1", STRANGER)):
        await register.confirm(id_, member, await register.candidate(number))
    await register.assess(id_, "to_investigate", asks=[ASK], conditions=CONDITIONS)
    await register.change(id_, applicant(balances="1234.57"))
    async with register.service.database.engine.connect() as connection:
        rows = (await connection.execute(tables.outbox.select())).all()
    assert rows
    for row in rows:
        whole = f"{row.key} {row.headers} {bytes(row.value).decode()}"
        assert not [number for number in (ANNA, BRAM, STRANGER) if number in whole]
        assert row.topic == "cir.household.v1" or b"1234." not in bytes(row.value)


async def test_a_trace_runs_from_the_request_to_what_is_said(register: Register) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await register.start(await register.candidate() | {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert {(event.trace or "")[3:35] for event in await register.said()} == {trace}
