"""What a liar, a stranger and an unlucky family meet where facts are established."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import sqlalchemy as sa
from alembic import command

from cir_chassis.database import alembic_config
from cir_schemas import CandidacyRecorded, ProofAsked, StatusChanged
from deploy.embedded.postgres import create_databases
from dossier import tables
from dossier.app import MIGRATIONS
from dossier.facts import questions as job
from dossier.facts import store
from dossier.facts.sources import Sources

from .authentic import Authentic, until, working
from .conftest import ANNA, BRAM, CHILD, STRANGER, Register, applicant, numbered, partner, person, serving
from .facts.test_compose import HOUSE, IN_SPAIN, Record
from .test_asked import INCOME, STAY, all_tried, answered, asked_about, facts, questions
from .test_migration import BEFORE
from .test_migration import put as put_before

DATELESS = numbered("850000001")  # tells no birth date


async def version(register: Register, id_: str) -> int:
    return int((await register.read(id_, await register.case_worker()))["facts_version"])


async def change(register: Register, id_: str, *members: dict[str, Any], who: Any = None) -> None:
    done = await register.change(id_, *members, version=await version(register, id_), who=who)
    assert done.status_code == 200, done.text


# strangers


async def test_who_confirmed_to_move_along_is_not_asked_about_as_a_candidate(
    asking: Register, authentic: Authentic
) -> None:
    """A lodger confirmed that he moves along. The applicant makes him partner, and reads his income and property."""
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME], real_rights=[HOUSE])
    id_ = await asking.started(members=[applicant(), partner() | {"role": "co_resident"}])
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    await answered(asking, id_)
    await change(asking, id_, applicant(), partner())
    assert "confirmation:p2" in (await asking.read(id_))["pending"]
    assert await asked_about(asking, BRAM) == ["national_register", "social_security"]
    await answered(asking, id_)
    assert "incomes" not in await facts(asking, id_, "p2")


async def test_an_adult_is_no_minor_by_the_birth_date_that_the_counter_entered_for_another(
    asking: Register, authentic: Authentic
) -> None:
    """A dossier from the counter has a child without a number. The applicant gives it a stranger's number."""
    await authentic.know(STRANGER, born_on="1970-01-01", recognised_handicap=True)
    worker, anna = await asking.case_worker(), await asking.candidate()
    child = person("c1", "co_resident", None, born_on="2015-05-01")
    id_ = await asking.started(who=worker, members=[applicant(), child])
    await asking.confirm(id_, "p1", anna)
    await asking.change(id_, applicant(), {"id": "c1", "role": "co_resident", "number": STRANGER}, who=anna)
    assert await asked_about(asking, STRANGER) == []


async def test_an_adult_is_no_minor_by_the_birth_date_that_another_declares(
    asking: Register, authentic: Authentic
) -> None:
    """His number tells no date: whoever declares him a child has the sources asked about him, and reads the answers."""
    await authentic.know(DATELESS, born_on="1985-01-01", recognised_handicap=True)
    await asking.started(members=[applicant(), person("c1", "co_resident", DATELESS, born_on="2015-05-01")])
    assert await asked_about(asking, DATELESS) == []


async def in_flight(register: Register, person_: str) -> Any:
    """The open questions about a person, in the hands of the job."""
    async with register.service.database.work() as work:
        return [one for one in await store.take_due(work, 100, job.LEASE) if one.person == person_]


async def test_an_answer_that_arrives_after_he_left_shows_nobody_the_facts_of_who_is_named_again(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    await authentic.know(BRAM, residence="population_register", real_rights=[HOUSE], away={"tax": 1})
    async with serving(await database_of("dossier"), login, sources=authentic.address) as register:
        id_ = await register.started(members=[applicant(), partner()])
        bram, sources = await register.candidate(BRAM), Sources(authentic.address)
        await register.confirm(id_, "p2", bram)
        today = register.service.clock.today()
        await job.ask_about(await in_flight(register, BRAM), today, register.service.background, sources)
        async with register.service.database.work() as work:
            await work.connection.execute(sa.update(tables.questions).values(due_at=work.now))
        tax = await in_flight(register, BRAM)
        assert [one.source for one in tax] == ["tax"]
        await register.decline(id_, "p2", bram)  # while the tax authority thinks
        await change(register, id_, applicant(), partner())
        await job.ask_about(tax, today, register.service.background, sources)
        await sources.close()
        assert "real_rights" not in await facts(register, id_, "p2")


async def test_an_answer_that_arrives_after_the_end_changes_nothing(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register", away={"tax": 1})
    async with serving(await database_of("dossier"), login, sources=authentic.address) as register:
        id_, sources = await register.started(), Sources(authentic.address)
        await register.submit(id_)
        today = register.service.clock.today()
        await job.ask_about(await in_flight(register, ANNA), today, register.service.background, sources)
        async with register.service.database.work() as work:
            await work.connection.execute(sa.update(tables.questions).values(due_at=work.now))
        tax = await in_flight(register, ANNA)
        await register.act(id_, await register.candidate(), "withdraw")
        before = await version(register, id_)
        await job.ask_about(tax, today, register.service.background, sources)
        await sources.close()
        assert await version(register, id_) == before


async def test_who_is_a_co_resident_now_is_not_asked_about_at_tax_again(asking: Register, authentic: Authentic) -> None:
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME])
    id_ = await asking.started(members=[applicant(), partner()])
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    await answered(asking, id_)
    await change(asking, id_, applicant(), partner() | {"role": "co_resident"})
    await answered(asking, id_)
    await job.ask_again(asking.service.database, UUID(id_))
    again = {one.source for one in await questions(asking, person=BRAM) if one.ground == "asked again"}
    assert again == {"national_register", "social_security"}


async def test_the_income_of_who_was_partner_is_not_shown_when_he_is_named_partner_again(
    asking: Register, authentic: Authentic
) -> None:
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME])
    id_ = await asking.started(members=[applicant(), partner()])
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    await answered(asking, id_)
    await change(asking, id_, applicant(), partner() | {"role": "co_resident"})
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME | {"jointly_taxable": "99.00"}])
    await change(asking, id_, applicant(), partner())
    assert "confirmation:p2" in (await asking.read(id_))["pending"]
    assert "incomes" not in await facts(asking, id_, "p2")


async def test_a_partner_who_moved_along_in_between_confirms_and_the_register_answers(
    asking: Register, authentic: Authentic
) -> None:
    """Partner, gone, back as co-resident, asked again by hand while tax is away, partner once more: no 500."""
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME])
    id_, bram = await asking.started(members=[applicant(), partner()]), await asking.candidate(BRAM)
    await asking.confirm(id_, "p2", bram)
    await answered(asking, id_)
    await asking.decline(id_, "p2", bram)
    lodger = partner() | {"role": "co_resident"}
    await change(asking, id_, applicant(), lodger)
    await asking.confirm(id_, "p2", bram)
    await answered(asking, id_)
    await authentic.know(BRAM, residence="population_register", away={"tax": 1000})
    await job.ask_again(asking.service.database, UUID(id_))
    await until(lambda: all_tried(asking))
    made = await asking.change(id_, applicant(), partner(), version=await version(asking, id_))
    assert made.status_code == 200, made.text


# liars


async def test_a_claim_of_stays_is_not_established_by_sending_the_wishes_back(asking: Register) -> None:
    """A case worker reads the file, adds a municipality and sends the wishes back as he read them."""
    lie = [STAY | {"from": "1990-01-01"}]
    id_ = await asking.started(residence=lie, informal_care_in=["24062"])
    worker = await asking.case_worker()
    file = await asking.get(f"/{id_}/file", worker)
    wishes = file["wishes"] | {"wants": ["24062", "12025"]}
    put = await asking.put(id_, "wishes", worker, file["facts_version"], wishes)
    assert put.status_code == 200, put.text
    ties = (await asking.get(f"/{id_}/file", worker))["ties"]
    assert ties == {"residence": [], "informal_care_in": []}


async def test_what_a_source_answered_is_not_lost_by_moving_a_number_to_another_member(
    asking: Register, authentic: Authentic
) -> None:
    """The partner's income is high: he goes, and another member without a number gets his, all in one request."""
    await authentic.know(BRAM, residence="population_register", incomes=[INCOME], real_rights=[HOUSE])
    id_ = await asking.started(members=[applicant(), partner()])
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    await answered(asking, id_)
    other = {"id": "somebody-else", "role": "co_resident", "no_income_declared": {}}
    await change(asking, id_, applicant(), partner(), other)
    await change(asking, id_, applicant(), other | {"role": "partner", "number": BRAM})
    await answered(asking, id_)
    seen = await facts(asking, id_, "somebody-else")
    assert ("incomes" in seen, "real_rights" in seen) == (True, True)


def test_an_accepted_exception_does_not_pass_to_a_right_that_is_acquired_later() -> None:
    accepted = HOUSE | {"exception": "expropriation", "proof": "interpreted"}
    record = Record().add("source", real_rights=[HOUSE]).add("counter", real_rights=[accepted])
    record.add("source", real_rights=[])  # expropriated
    assert record.seen() == {"real_rights": []}
    record.add("source", real_rights=[HOUSE])  # and another one bought
    assert record.seen() == {"real_rights": [HOUSE]}


def test_an_accepted_exception_does_not_pass_to_a_right_that_is_declared_later() -> None:
    accepted = IN_SPAIN | {"exception": "uninhabitable", "proof": "interpreted"}
    record = (
        Record()
        .add("source", real_rights=[])
        .add("declaration", real_rights=[IN_SPAIN | {"exception": "uninhabitable"}])
    )
    assert record.add("counter", real_rights=[accepted]).seen() == {"real_rights": [accepted]}
    record.add("declaration", real_rights=[])  # sold
    record.add("declaration", real_rights=[IN_SPAIN])  # another one, and no exception is claimed for it
    assert record.seen() == {"real_rights": [IN_SPAIN]}


async def test_a_case_worker_who_read_before_a_source_answered_does_not_undo_its_answer(
    asking: Register, authentic: Authentic
) -> None:
    """He corrects a phone number and sends the rest back as he read it."""
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME | {"jointly_taxable": "9.00"}])
    id_, worker = await asking.started(), await asking.case_worker()
    await answered(asking, id_)
    read = await asking.get(f"/{id_}/file", worker)
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME])
    await job.ask_again(asking.service.database, UUID(id_))

    async def knows() -> bool:
        return bool((await facts(asking, id_))["incomes"][0]["jointly_taxable"] == "41000.00")

    await until(knows)
    sent = read["household"]["members"][0] | {"number": ANNA, "phones": ["016 11 11 11"]}
    answer = await asking.change(id_, sent, version=read["facts_version"], who=worker)
    assert answer.status_code == 412 or await knows()


# honest families


async def test_a_case_worker_repeats_what_he_entered_and_it_holds_against_a_source_that_answered_since(
    asking: Register, authentic: Authentic
) -> None:
    """The later word holds: he looks at the assessment notice once more, and enters what it says."""
    notice = INCOME | {"jointly_taxable": "21000.00"}
    worker = await asking.case_worker()
    id_ = await asking.started(who=worker, members=[applicant(incomes=[notice])])
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME])
    await asking.confirm(id_, "p1", worker, on_paper=True)
    await answered(asking, id_)
    assert (await facts(asking, id_))["incomes"][0]["jointly_taxable"] == "41000.00"
    await change(asking, id_, applicant(incomes=[notice]), who=worker)
    assert (await facts(asking, id_))["incomes"][0]["jointly_taxable"] == "21000.00"


def test_a_claim_that_is_judged_once_more_holds_against_one_declared_in_between() -> None:
    accepted = {"months": 3, "amount": "6000.00", "proof": "interpreted"}
    record = Record().add("counter", recent_income=accepted)
    record.add("declaration", recent_income={"months": 3, "amount": "1.00"})
    record.add("counter", recent_income=accepted)
    assert record.seen() == {"recent_income": accepted}


async def test_after_the_wait_what_the_others_answered_takes_effect_though_the_national_register_did_not(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    await authentic.know(ANNA, incomes=[INCOME], away={"national_register": 1000})
    settings = {"sources": authentic.address, "sources_patience": "PT0.5S"}
    async with serving(await database_of("dossier"), login, **settings) as register, working(register):
        id_ = await register.started()
        await answered(register, id_)
        await until(lambda: all_tried(register))

        async def known() -> bool:
            return "incomes" in await facts(register, id_)

        await until(known, 5.0)


async def test_a_child_that_came_of_age_after_the_application_is_asked_about(asking: Register) -> None:
    """He need not confirm, and may not (409): his facts would be unknown for ever."""
    child = numbered("060301001", born_from_2000=True)
    worker = await asking.case_worker()
    id_ = await asking.started(
        who=worker, members=[applicant(), person("c1", "co_resident", child, born_on="2006-03-01")]
    )
    await asking.submit(id_, worker)
    async with asking.service.database.work() as work:  # she applied some time ago
        older = sa.func.jsonb_set(tables.dossiers.c.standing, sa.text("'{submitted_on}'"), sa.text("'\"2024-02-01\"'"))
        await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    await asking.confirm(id_, "p1", await asking.candidate())
    confirmed = await asking.confirm(id_, "c1", worker, on_paper=True)
    assert confirmed.status_code == 204 or await asked_about(asking, child) == ["national_register", "social_security"]


async def test_the_facts_of_a_member_without_a_number_stay_with_him_when_another_is_put_in_his_place(
    register: Register,
) -> None:
    """A child whose handicap was certified at the counter: the applicant writes another child's name and birth date there."""
    worker, anna = await register.case_worker(), await register.candidate()
    child = {"id": "c1", "role": "co_resident", "first_name": "Emma", "born_on": "2015-05-01"}
    id_ = await register.started(members=[applicant(), child])
    await change(register, id_, applicant(), child | {"recognised_handicap": True, "dependant": True}, who=worker)
    other = child | {"first_name": "Finn", "born_on": "2020-01-01"}
    answer = await register.change(id_, applicant(), other, version=await version(register, id_), who=anna)
    assert answer.status_code == 422 or "recognised_handicap" not in await facts(register, id_, "c1")


async def test_who_does_not_move_in_any_more_ties_the_household_to_no_place(
    asking: Register, authentic: Authentic
) -> None:
    """A partner with years in Leuven confirms, and then does not move in: his income counts no more, his years do."""
    await authentic.know(ANNA, residence="population_register")
    await authentic.know(BRAM, residence="population_register", stays=[STAY | {"from": "1990-01-01"}], incomes=[INCOME])
    id_ = await asking.started(members=[applicant(), partner()])
    await asking.submit(id_)
    await asking.confirm(id_, "p1", await asking.candidate())
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    await answered(asking, id_)
    await change(asking, id_, applicant(), partner(moves_in=False))
    assert (await asking.read(id_))["pending"] == ["assessment"]  # he need not confirm
    candidacy = [event for event in await asking.said() if isinstance(event, CandidacyRecorded)][-1]
    assert (candidacy.persons, candidacy.residence) == (1, ())


async def test_papers_are_not_asked_once_more_because_a_child_joined(asking: Register, authentic: Authentic) -> None:
    await authentic.know(CHILD, born_on="2015-05-01")
    id_, anna = await asking.started(), await asking.candidate()
    await asking.submit(id_)
    await asking.confirm(id_, "p1", anna)
    await answered(asking, id_)
    ask = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}
    income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
    await asking.assess(id_, "to_investigate", asks=[ask], conditions=income)
    before = len([event for event in await asking.said() if isinstance(event, StatusChanged | ProofAsked)])
    await change(asking, id_, applicant(), person("c1", "co_resident", CHILD))
    await answered(asking, id_)
    told = [event for event in await asking.said() if isinstance(event, StatusChanged | ProofAsked)]
    assert len(told) == before


async def test_ties_that_a_source_answered_can_be_sent_back(asking: Register, authentic: Authentic) -> None:
    """A stay of no day, from a source: the case worker who sends the ties as they count is refused (422)."""
    day = {"municipality": "24062", "area": None, "from": "2020-01-01", "until": "2020-01-01"}
    await authentic.know(ANNA, residence="population_register", stays=[day])
    id_, worker = await asking.started(), await asking.case_worker()
    await answered(asking, id_)
    file = await asking.get(f"/{id_}/file", worker)
    put = await asking.put(id_, "wishes", worker, file["facts_version"], {"wants": ["24062"], **file["ties"]})
    assert put.status_code == 200, put.text


async def test_sources_of_which_one_withdraws_do_not_bring_back_what_a_case_worker_corrected(
    register: Register,
) -> None:
    """He entered one thing, then agreed with the source by sending what it says: the first word was taken back."""
    record = Record().add("counter", language="not_known").add("source", language="known")
    record.add("counter", language="known").add("source")
    assert record.seen() in ({}, {"language": "known"})


async def old_dossier(postgres: int, *after: str) -> tuple[str, str]:
    """A registered dossier of the release before, changed by these statements. Its database's address, and its id."""
    name = f"before_{uuid4().hex[:8]}"
    await create_databases(postgres, (name,))
    url = f"postgresql://postgres@127.0.0.1:{postgres}/{name}"
    config = alembic_config(url, MIGRATIONS)
    await asyncio.to_thread(command.upgrade, config, "0001")
    connection = await asyncpg.connect(url)
    id_ = await put_before(connection, 2, BEFORE[2])
    await connection.close()
    await asyncio.to_thread(command.upgrade, config, "0002")
    connection = await asyncpg.connect(url)
    for statement in after:
        await connection.execute(statement.replace(":id", f"'{id_}'"))
    await connection.close()
    await asyncio.to_thread(command.upgrade, config, "head")
    return url, id_


async def test_a_dossier_from_before_with_a_number_that_is_none_is_read(postgres: int, login: str) -> None:
    url, id_ = await old_dossier(
        postgres,
        "UPDATE dossiers SET household = household #- '{2,born_on}'",
        "UPDATE members SET number = '15650100100' WHERE member = 'c1'",
    )
    async with serving(url, login) as register:
        answer = await register.http.get(f"/v1/dossiers/{id_}/file", headers=await register.case_worker())
        assert answer.status_code == 200, answer.text


def test_a_right_whose_exception_was_judged_is_not_declared_away() -> None:
    """He says that he owns in Spain and claims an exception; it is rejected at the counter; he says that he owns nothing."""
    claimed = IN_SPAIN | {"exception": "uninhabitable"}
    record = Record().add("declaration", real_rights=[claimed]).add("source", real_rights=[])
    rejected = claimed | {"proof": "rejected"}
    assert record.add("counter", real_rights=[rejected]).seen() == {"real_rights": [rejected]}
    assert record.add("declaration", real_rights=[]).seen() == {"real_rights": [rejected]}
    # nor by saying nothing of rights any more, where the counter only judged what he had declared
    judged = Record().add("declaration", real_rights=[claimed]).add("counter", real_rights=[rejected])
    assert judged.add("declaration").seen() == {"real_rights": [rejected]}


async def test_a_source_that_knows_of_no_income_before_the_test_is_not_asked_for_papers(
    asking: Register, authentic: Authentic
) -> None:
    """He applied in December 2023 and is asked about in 2024: the tax authority knows of 2023 alone, so of nothing before."""
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME])
    id_ = (await asking.start(await asking.case_worker())).json()["id"]
    await asking.submit(id_, await asking.case_worker())
    async with asking.service.database.work() as work:
        standing = tables.dossiers.c.standing
        for path in ("{submitted_on}", "{test,reference_date}"):
            older = sa.func.jsonb_set(standing, sa.text(f"'{path}'"), sa.text("'\"2023-12-01\"'"))
            await work.connection.execute(sa.update(tables.dossiers).values(standing=older))
    await asking.confirm(id_, "p1", await asking.candidate())
    await answered(asking, id_)
    [member] = (await asking.recorded(id_)).household.members
    assert member.residence == "population_register"
    assert member.incomes == ()  # None: unknown, and its papers are asked


@pytest.mark.parametrize("proof", ["interpreted", "rejected", None])
async def test_a_right_that_the_land_registry_does_not_know_any_more_loses_no_answer(
    asking: Register, authentic: Authentic, proof: str | None
) -> None:
    """Entered at the counter with its exception, and sold since: all the answers about the person were lost."""
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME])
    worker = await asking.case_worker()
    right = HOUSE | {"exception": "expropriation"} | ({"proof": proof} if proof else {})
    id_ = await asking.started(who=worker, members=[applicant(real_rights=[right])])
    await asking.confirm(id_, "p1", worker, on_paper=True)
    await answered(asking, id_)
    found = await facts(asking, id_)
    assert (found["residence"], found["real_rights"], len(found["incomes"])) == ("population_register", [], 1)


async def test_what_nobody_declared_is_not_shown_as_declared(asking: Register, authentic: Authentic) -> None:
    await authentic.know(ANNA, stays=[STAY])
    id_, anna = await asking.started(), await asking.candidate()
    await answered(asking, id_)
    file = await asking.get(f"/{id_}/file", anna)
    assert (file["declared"]["residence"], file["wishes"]["residence"]) == ([], [])
    assert file["ties"]["residence"][0]["from"] == "2020-01-01"
    wishes = {**file["wishes"], "wants": ["24062", "12025"]}
    assert (await asking.put(id_, "wishes", anna, file["facts_version"], wishes)).status_code == 200
    assert (await asking.get(f"/{id_}/file", anna))["origins"]["p1"]["stays"] == file["origins"]["p1"]["stays"]
