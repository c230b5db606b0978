"""The register asks the sources itself: about whom, when, and what their answers do. Over HTTP on both sides."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from cir_schemas import CandidacyRecorded, HouseholdRecorded, ProofAsked, StatusChanged
from conftest import free_port
from dossier import tables
from dossier.facts.questions import ask_again

from .authentic import Authentic, until, working
from .conftest import ANNA, BRAM, CHILD, STRANGER, Register, applicant, numbered, partner, person, serving

INCOME = {"year": 2023, "jointly_taxable": "41000.00"}
STAY = {"municipality": "24062", "from": "2020-01-01"}
HOUSE = {"right": "full_ownership", "object": "dwelling", "country": "BE"}
GROWN_UP = numbered("906501001")


async def questions(register: Register, **of: Any) -> list[Any]:
    async with register.service.database.engine.connect() as connection:
        query = tables.questions.select().order_by(tables.questions.c.person, tables.questions.c.source).filter_by(**of)
        return list(await connection.execute(query))


async def asked_about(register: Register, number: str) -> list[str]:
    return [question.source for question in await questions(register, person=number)]


async def pending(register: Register, id_: str) -> list[str]:
    found: list[str] = (await register.read(id_, await register.case_worker()))["pending"]
    return found


async def answered(register: Register, id_: str) -> None:
    async def holds() -> bool:
        return "sources" not in await pending(register, id_)

    await until(holds)


async def facts(register: Register, id_: str, member: str = "p1") -> dict[str, Any]:
    file = await register.get(f"/{id_}/file", await register.case_worker())
    return next({**one} for one in file["household"]["members"] if one["id"] == member)


async def origins(register: Register, id_: str, member: str = "p1") -> dict[str, Any]:
    file = await register.get(f"/{id_}/file", await register.case_worker())
    return {key: shown["origin"] for key, shown in file["origins"][member].items()}


async def test_a_liar_is_believed_in_nothing(asking: Register, authentic: Authentic) -> None:
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME], real_rights=[HOUSE], stays=[STAY])
    anna = await asking.candidate()
    proven = [
        applicant(recent_income={"months": 3, "amount": "1.00", "proof": "interpreted"}),
        applicant(set_aside={"ground": "budget_guidance", "proof": "uploaded"}),
        applicant(no_income_declared={"proof": "interpreted"}),
        applicant(real_rights=[HOUSE | {"exception": "expropriation", "proof": "interpreted"}]),
    ]
    for lie in proven:
        refused = await asking.start(anna, members=[lie])
        assert (refused.status_code, refused.json()["errors"][0]["path"].split(".")[-1]) == (422, "proof")
    claims = {
        "residence": "population_register",
        "incomes": [INCOME | {"jointly_taxable": "1000.00"}],
        "real_rights": [],
        "recognised_handicap": True,
        "language": "known",
    }
    id_ = await asking.started(
        members=[applicant(**claims)],
        residence=[{"municipality": "24062", "from": "1990-01-01"}],
        informal_care_in=["24062"],
    )
    for lie in proven:
        assert (await asking.change(id_, lie)).status_code == 422
    await answered(asking, id_)
    seen = await facts(asking, id_)
    assert [income["jointly_taxable"] for income in seen["incomes"]] == ["41000.00"]
    assert [right["right"] for right in seen["real_rights"]] == ["full_ownership"]
    assert (seen["recognised_handicap"], "language" in seen) == (False, False)
    await asking.submit(id_)
    await asking.confirm(id_, "p1", anna)
    await asking.assess(id_, "met")
    candidacy = [event for event in await asking.said() if isinstance(event, CandidacyRecorded)][-1]
    assert [(stay.member, str(stay.from_)) for stay in candidacy.residence] == [("p1", "2020-01-01")]
    assert candidacy.informal_care_in == ()
    # both the claim and what counts stand in his file
    file = await asking.get(f"/{id_}/file", anna)
    assert file["declared"]["members"][0]["incomes"][0]["jointly_taxable"] == "1000.00"
    assert file["wishes"]["residence"][0]["from"] == "1990-01-01"
    assert file["ties"]["residence"][0]["from"] == "2020-01-01"
    shown = file["origins"]["p1"]
    assert (shown["incomes"]["origin"], shown["incomes"]["by"], shown["incomes"]["to_prove"]) == ("source", "tax", True)
    assert (shown["language"]["origin"], shown["language"]["to_prove"]) == ("none", True)
    assert shown["stays"]["to_prove"] is True


async def test_nobody_is_asked_about_before_he_started_or_confirmed(asking: Register) -> None:
    child = person("c1", "co_resident", CHILD)
    grown_up = person("c2", "co_resident", GROWN_UP, born_on="1990-05-01")
    id_ = await asking.started(members=[applicant(), partner(), child, grown_up])
    everything = ["land_registry", "language", "national_register", "social_security", "tax"]
    assert await asked_about(asking, ANNA) == everything
    assert await asked_about(asking, CHILD) == ["national_register", "social_security"]
    assert (await asked_about(asking, BRAM), await asked_about(asking, GROWN_UP)) == ([], [])
    await asking.submit(id_)
    assert (await asked_about(asking, BRAM), await asked_about(asking, GROWN_UP)) == ([], [])
    await asking.confirm(id_, "p2", await asking.candidate(BRAM))
    assert await asked_about(asking, BRAM) == everything
    await asking.confirm(id_, "c2", await asking.candidate(GROWN_UP))
    assert await asked_about(asking, GROWN_UP) == ["national_register", "social_security"]
    grounds = {question.ground for question in await questions(asking)}
    assert grounds == {"started", "minor", "confirmed"}


async def test_at_the_counter_nobody_is_asked_about_before_he_confirms(asking: Register) -> None:
    worker = await asking.case_worker()
    id_ = await asking.started(who=worker, members=[applicant(), person("c1", "co_resident", CHILD)])
    assert await questions(asking) == []
    await asking.confirm(id_, "p1", worker, on_paper=True)
    assert len(await questions(asking)) == 7


async def test_no_assessment_counts_and_no_papers_are_asked_while_an_answer_is_awaited(
    asking: Register, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME], away={"tax": 1})
    id_, anna = await asking.started(), await asking.candidate()
    await asking.submit(id_)
    await asking.confirm(id_, "p1", anna)
    ask = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}
    income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
    await asking.assess(id_, "to_investigate", asks=[ask], conditions=income)
    assert (await asking.read(id_))["status"] == "submitted"
    assert await pending(asking, id_) == ["sources"]
    await answered(asking, id_)
    assert await pending(asking, id_) == ["assessment"]
    assert [income["year"] for income in (await facts(asking, id_))["incomes"]] == [2023]
    await asking.assess(id_, "met")
    assert (await asking.read(id_))["status"] == "registered"
    told = [event for event in await asking.said() if isinstance(event, StatusChanged | ProofAsked)]
    assert [(event.type, [proof for one in event.asks for proof in one.proofs]) for event in told] == [
        ("cir.dossier.v1.StatusChanged", ["confirmation"]),
        ("cir.dossier.v1.StatusChanged", []),
    ]


async def test_all_answers_about_one_person_are_one_version_and_no_conflict(
    asking: Register, authentic: Authentic
) -> None:
    await authentic.know(
        ANNA, born_on="1985-02-23", residence="population_register", incomes=[INCOME], language="known"
    )
    id_ = await asking.started()
    await answered(asking, id_)
    anna = await asking.candidate()
    assert (await asking.read(id_))["facts_version"] == 2
    changed = await asking.change(id_, applicant(balances="5.00"), version=1)
    assert (changed.status_code, changed.json()) == (200, {"facts_version": 3})
    for version in (1, 2, 4):
        assert (await asking.change(id_, applicant(), version=version)).status_code == 412
        assert (await asking.put(id_, "wishes", anna, version, {"wants": ["24062"]})).status_code == 412


async def test_after_the_wait_a_dossier_goes_on_with_what_is_there_and_the_question_stays_open(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME], away={"tax": 1})
    settings = {"sources": authentic.address, "sources_patience": "PT0.5S"}
    async with serving(await database_of("dossier"), login, **settings) as register, working(register):
        id_ = await register.started()
        await answered(register, id_)
        await until(lambda: is_answered(register, "residence", id_))
        assert "incomes" not in await facts(register, id_)
        await until(lambda: is_answered(register, "incomes", id_))
        assert await origins(register, id_) | {"incomes": "source"} == await origins(register, id_)


async def is_answered(register: Register, fact: str, id_: str) -> bool:
    return fact in await facts(register, id_)


async def test_a_person_unknown_to_the_national_register_is_unknown_everywhere(asking: Register) -> None:
    id_ = await asking.started(members=[applicant(balances="5.00")])
    await answered(asking, id_)
    assert await facts(asking, id_) == {"id": "p1", "role": "applicant", "moves_in": True, "balances": "5.00"}
    assert (await asking.read(id_))["facts_version"] == 1
    recorded = [event for event in await asking.said() if isinstance(event, HouseholdRecorded)]
    assert len(recorded) == 1


async def test_a_kill_between_question_and_answer_loses_none(
    database_of: Any, login: str, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME])
    await authentic.stop()  # so that the questions are in hand and unanswered when the register is killed
    url = await database_of("dossier")
    async with serving(url, login, sources=authentic.address) as register:
        async with working(register):
            id_ = await register.started()
            await until(lambda: all_tried(register))
        assert (await questions(register))[0].answered_at is None
    await authentic.start()
    async with serving(url, login, sources=authentic.address) as register, working(register):
        async with register.service.database.work() as work:  # the time until they are due again is over
            await work.connection.execute(sa.update(tables.questions).values(due_at=work.now))
        await answered(register, id_)
        assert (await facts(register, id_))["residence"] == "population_register"


async def test_a_restart_gives_back_the_questions_that_are_in_hand(database_of: Any, login: str) -> None:
    open_: list[asyncio.StreamWriter] = []

    def never(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.append(writer)

    silent = await asyncio.start_server(never, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with serving(await database_of("dossier"), login, sources=address) as register:
        async with working(register):
            await register.started()
            await until(lambda: all_tried(register))
        due = [question.due_at for question in await questions(register)]
        async with register.service.database.work() as work:
            assert max(due) <= work.now  # and not after the lease
    silent.close()
    for writer in open_:
        writer.close()
        await writer.wait_closed()


async def test_papers_are_asked_by_an_assessment_of_the_facts_on_record_alone(register: Register) -> None:
    """Two changes in a row: the assessment of the first arrives while the second is on record, and asks what is asked no more."""
    id_, anna = await register.started(), await register.candidate()
    await register.submit(id_)
    await register.confirm(id_, "p1", anna)
    asks = [{"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}]
    income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
    await register.assess(id_, "to_investigate", asks=asks, conditions=income)
    for version, balances in ((1, "1.00"), (2, "2.00")):
        assert (await register.change(id_, applicant(balances=balances), version=version)).status_code == 200
    other = [asks[0] | {"proofs": ["account_statements"]}]
    await register.assess(id_, "to_investigate", facts_version=2, asks=other, conditions=income)
    assert not [event for event in await register.said() if isinstance(event, ProofAsked)]
    await register.assess(id_, "to_investigate", facts_version=3, asks=other, conditions=income)
    [asked] = [event for event in await register.said() if isinstance(event, ProofAsked)]
    assert asked.asks[0].proofs == ("account_statements",)


async def test_no_papers_are_asked_while_a_source_is_awaited(database_of: Any, login: str) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with serving(await database_of("dossier"), login, sources=nobody) as register:
        anna, worker = await register.candidate(), await register.case_worker()
        helper = await register.as_("helper", organisation="ocmw-leuven")
        ocmw = {"kind": "ocmw", "organisation": "ocmw-leuven", "email": "help@ocmw.example", "inform": True}
        id_ = await register.started(help=ocmw)
        await register.submit(id_)
        await register.confirm(id_, "p1", anna)
        asks = [{"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}]
        income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
        await register.assess(id_, "to_investigate", asks=asks, could_claim=asks, conditions=income)
        assert "sources" in await pending(register, id_)
        for who, shown in ((anna, 0), (helper, 0), (worker, 1)):
            assessment = (await register.read(id_, who))["assessment"]
            assert [len(assessment["asks"]), len(assessment["could_claim"])] == [shown, shown]


async def test_a_late_dossier_that_cannot_go_on_keeps_no_other_waiting(
    database_of: Any, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    async with serving(await database_of("dossier"), login, sources=nobody, sources_patience=1) as register:
        wrong, other = sorted(
            [
                await register.started(),
                await register.started(who=await register.candidate(STRANGER), members=[applicant(number=STRANGER)]),
            ]
        )
        async with register.service.database.work() as work:
            of_wrong = sa.update(tables.dossiers).where(tables.dossiers.c.id == UUID(wrong))
            asked_about = {person: {"until": None} for person in (ANNA, STRANGER)}  # cannot be read, whosever it is
            await work.connection.execute(of_wrong.values(asked_about=asked_about))
        async with working(register):
            await until(lambda: _awaits_none(register, other))
        assert not await _awaits_none(register, wrong)
    assert wrong in caplog.text
    assert other not in caplog.text


async def _awaits_none(register: Register, id_: str) -> bool:
    row = sa.select(tables.dossiers.c.sources_until).where(tables.dossiers.c.id == UUID(id_))
    async with register.service.database.engine.connect() as connection:
        return await connection.scalar(row) is None


async def all_tried(register: Register) -> bool:
    return all(question.tries for question in await questions(register))


async def test_who_leaves_is_awaited_no_more_and_takes_his_facts_with_him(
    asking: Register, authentic: Authentic
) -> None:
    for number in (ANNA, BRAM):
        await authentic.know(number, residence="population_register", incomes=[INCOME])
    await authentic.know(BRAM, residence="population_register", away={"tax": 1000})
    id_ = await asking.started(members=[applicant(), partner()])
    await answered(asking, id_)
    bram = await asking.candidate(BRAM)
    await asking.confirm(id_, "p2", bram)
    assert await pending(asking, id_) == ["confirmation:p1", "sources", "assessment"]
    assert (await asking.decline(id_, "p2", bram)).status_code == 204
    assert await pending(asking, id_) == ["confirmation:p1", "assessment"]
    assert [question for question in await questions(asking, person=BRAM) if question.answered_at is None] == []
    await asking.change(id_, applicant(), partner(), version=(await asking.read(id_))["facts_version"])
    assert "residence" not in await facts(asking, id_, "p2")


async def test_a_draft_that_is_erased_takes_questions_and_statements_with_it(
    asking: Register, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register")
    id_, anna = await asking.started(), await asking.candidate()
    await answered(asking, id_)
    assert (await asking.http.delete(f"/v1/dossiers/{id_}", headers=anna)).status_code == 204
    async with asking.service.database.engine.connect() as connection:
        for table in (tables.statements, tables.questions):
            assert (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar() == 0


async def test_statements_are_never_changed_or_deleted(asking: Register) -> None:
    id_ = await asking.started()
    await asking.submit(id_)
    for sql in ("UPDATE statements SET value = 'null'", "DELETE FROM statements"):
        async with asking.service.database.engine.connect() as connection:
            with pytest.raises(sa.exc.DBAPIError, match="never changed"):
                await connection.execute(sa.text(sql))


async def test_what_a_case_worker_sends_is_established_and_what_he_leaves_out_is_taken_back(
    asking: Register, authentic: Authentic
) -> None:
    await authentic.know(ANNA, residence="population_register", incomes=[INCOME], language="known")
    id_, worker = await asking.started(members=[applicant(balances="5.00")]), await asking.case_worker()
    await answered(asking, id_)

    async def put(**sent: Any) -> None:
        version = (await asking.read(id_))["facts_version"]
        answer = await asking.change(id_, applicant(**sent), version=version, who=worker)
        assert answer.status_code == 200, answer.text

    seen = await facts(asking, id_)
    await put(**{key: value for key, value in seen.items() if key not in ("id", "role", "moves_in", "born_on")})
    assert (await origins(asking, id_))["incomes"] == "source"
    assert (await origins(asking, id_))["balances"] == "declaration"
    await put(language="exempt", recent_income={"months": 3, "amount": "9.00", "proof": "interpreted"})
    found = await origins(asking, id_)
    assert (found["language"], found["recent_income"], found["balances"]) == ("counter", "counter", "declaration")
    await put()
    found = await origins(asking, id_)
    assert (found["language"], found["recent_income"], found["balances"]) == ("source", "none", "declaration")
    assert (await facts(asking, id_))["language"] == "known"


async def test_the_sources_are_asked_again_by_hand(asking: Register, authentic: Authentic) -> None:
    await authentic.know(ANNA, incomes=[INCOME])
    id_ = await asking.started()
    await answered(asking, id_)
    await authentic.know(ANNA, incomes=[INCOME | {"jointly_taxable": "1.00"}])
    assert await ask_again(asking.service.database, None) == 5
    await until(lambda: knows_income(asking, id_, "1.00"))
    assert "sources" not in await pending(asking, id_)
    assert {question.ground for question in await questions(asking)} == {"started", "asked again"}


async def knows_income(register: Register, id_: str, amount: str) -> bool:
    return bool((await facts(register, id_))["incomes"][0]["jointly_taxable"] == amount)


async def test_nobody_is_asked_about_for_a_dossier_that_is_closed(asking: Register, authentic: Authentic) -> None:
    await authentic.know(ANNA, away={"tax": 1000})
    id_, anna = await asking.started(), await asking.candidate()
    await asking.submit(id_)
    await until(lambda: all_tried(asking))
    assert (await asking.act(id_, anna, "withdraw")).status_code == 201
    assert await pending(asking, id_) == []
    assert [question for question in await questions(asking) if question.answered_at is None] == []
    assert await ask_again(asking.service.database, None) == 0


async def test_a_stay_that_ends_before_it_begins_is_refused(asking: Register) -> None:
    refused = await asking.start(residence=[STAY | {"until": "2020-01-01"}])
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "residence[0]")


async def test_a_stay_of_somebody_else_is_refused(asking: Register) -> None:
    stays = [STAY | {"member": "p2"}, STAY | {"member": "c1"}]
    members = [applicant(), partner(), person("c1", "co_resident", CHILD)]
    refused = await asking.start(members=members, residence=stays)
    assert (refused.status_code, [one["path"] for one in refused.json()["errors"]]) == (422, ["residence[1].member"])


async def test_stays_at_the_counter_are_those_of_the_candidate_they_name(asking: Register) -> None:
    worker = await asking.case_worker()
    stays = [STAY, STAY | {"member": "p2", "from": "2015-01-01"}]
    id_ = await asking.started(
        who=worker, members=[applicant(), partner()], residence=stays, informal_care_in=["24062"]
    )
    file = await asking.get(f"/{id_}/file", worker)
    counting = [(stay["member"], stay["from"]) for stay in file["ties"]["residence"]]
    assert counting == [("p1", "2020-01-01"), ("p2", "2015-01-01")]
    assert file["ties"]["informal_care_in"] == ["24062"]
    assert file["origins"]["p2"]["stays"]["origin"] == "counter"
    # the partner declares another one: it is on record, and counts for nothing
    version = file["facts_version"]
    await asking.submit(id_, worker)
    for member in ("p1", "p2"):
        await asking.confirm(id_, member, worker, on_paper=True)
    declared = {"wants": ["24062"], "residence": [STAY | {"member": "p2", "from": "1990-01-01"}]}
    put = await asking.put(id_, "wishes", await asking.candidate(BRAM), version, declared)
    assert put.status_code == 200
    file = await asking.get(f"/{id_}/file", worker)
    assert [(stay["member"], stay["from"]) for stay in file["ties"]["residence"]] == counting
    assert [(stay["member"], stay["from"]) for stay in file["wishes"]["residence"]] == counting
    assert ("p2", "1990-01-01") in [(stay["member"], stay["from"]) for stay in file["declared"]["residence"]]
    assert file["ties"]["informal_care_in"] == ["24062"]


async def test_a_partner_who_becomes_a_co_resident_is_asked_about_as_one(
    asking: Register, authentic: Authentic
) -> None:
    """The old questions about him go, and not the new ones: else his answers would be awaited in vain."""
    for number in (ANNA, BRAM):
        await authentic.know(number, residence="population_register", real_rights=[])
    id_ = await asking.started(members=[applicant(), partner()])
    await asking.submit(id_)
    for member, number in (("p1", ANNA), ("p2", BRAM)):
        await asking.confirm(id_, member, await asking.candidate(number))

    async def answered() -> bool:
        return "sources" not in (await asking.read(id_))["pending"]

    await until(answered)
    await asking.assess(id_, "met")
    worker, version = await asking.case_worker(), (await asking.read(id_))["facts_version"]
    changed = [applicant(), person("p2", "co_resident", BRAM)]
    assert (await asking.change(id_, *changed, version=version, who=worker)).status_code == 200
    await until(answered)
