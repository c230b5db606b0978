"""Only a person decides, with reasons; and there is a way back. Each story over the register's own API."""

import asyncio
from datetime import date
from typing import Any

import sqlalchemy as sa

from cir_schemas import CandidacyRecorded, DecisionTaken, ProofAsked, StatusChanged
from dossier import tables

from .authentic import Authentic, until
from .conftest import ANNA, BRAM, CHILD, STRANGER, Register, applicant, partner, serving
from .test_stories import newest

WHY = "The board decided so on 18 March."
STAYS = {"residence": [{"municipality": "24062", "from": "2010-01-01"}], "informal_care_in": ["24062"]}


def _told(events: list[Any]) -> list[str]:
    """What the household is told of: a decision, or a status."""
    told = [event for event in events if isinstance(event, StatusChanged | DecisionTaken | ProofAsked)]
    return [str(getattr(one, "decision", None) or getattr(one, "now", "proofs")) for one in told]


def _comparable(event: Any) -> dict[str, Any]:
    return dict(event.model_dump(exclude={"version", "id", "time"}))


async def under_investigation(register: Register) -> str:
    id_ = await register.started()
    await register.submit(id_)
    await register.confirm(id_, "p1", await register.candidate())
    ask = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}
    income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
    await register.assess(id_, "to_investigate", asks=[ask], conditions=income)
    return id_


async def test_who_was_never_registered_is_refused_and_who_was_is_struck(register: Register) -> None:
    worker = await register.case_worker()
    under = await under_investigation(register)
    struck = await register.act(under, worker, "strike", reasons=WHY)
    assert (struck.status_code, "refuse" in struck.json()["available"]) == (409, True)
    refused = await register.act(under, worker, "refuse", reasons=WHY)
    assert (refused.status_code, refused.json()["status"]) == (201, "refused")
    found = await register.read(under)
    assert (found["pending"], found["actions"]) == ([], ["appeal", "change_contacts"])
    assert (await register.recorded(under)).test is None
    bram = await register.candidate(BRAM)
    registered = await register.registered(applicant(number=BRAM), key="k2")
    refused = await register.act(registered, worker, "refuse", reasons=WHY)
    assert (refused.status_code, "strike" in refused.json()["available"]) == (409, True)
    struck = await register.act(registered, worker, "strike", reasons=WHY, ground="false_statements")
    assert (struck.status_code, struck.json()["status"]) == (201, "struck")
    [*_, act] = await register.get(f"/{registered}/history", bram)
    assert (act["kind"], act["by"], act["reasons"], act["ground"]) == (
        "strike",
        "case_worker",
        [WHY],
        "false_statements",
    )
    assert [event.decision for event in await register.said() if isinstance(event, StatusChanged)] == [None] * 6
    assert WHY not in str(await register.said())
    # she is bound no more
    assert (await register.start(key="k3")).status_code == 201


async def test_a_decision_or_an_appeal_without_reasons_or_with_wrong_ones_is_none(register: Register) -> None:
    id_, worker, anna = await register.registered(), await register.case_worker(), await register.candidate()
    for who, action, body, field in (
        (worker, "strike", {}, "reasons"),
        (worker, "strike", {"reasons": "no!"}, "reasons[0]"),
        (worker, "strike", {"reasons": WHY, "ground": "he is rude"}, "ground"),
        (worker, "strike", {"reasons": WHY, "on": "2024-03-21"}, "on"),
        (worker, "strike", {"reasons": WHY, "member": "p1"}, "member"),
        (anna, "appeal", {}, "ground"),
        (anna, "appeal", {"ground": "false_statements"}, "ground"),
        (anna, "appeal", {"ground": "struck"}, "ground"),
        (anna, "appeal", {"ground": "not_registered"}, "ground"),
        (anna, "appeal", {"ground": "no_premium", "notified_on": "2024-03-21"}, "notified_on"),
        (anna, "appeal", {"ground": "no_premium", "upheld": True}, "upheld"),
    ):
        answer = await register.act(id_, who, action, **body)
        assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [field])
    found = await register.read(id_)
    assert (found["status"], "appeal" in found["actions"]) == ("registered", True)


async def test_nobody_else_decides(register: Register) -> None:
    help_ = {"kind": "ocmw", "organisation": "OCMW", "email": "ocmw@example.org", "inform": True}
    id_ = await register.registered(applicant(), partner(), help=help_, wants=["24062", "24020"])
    worker = await register.case_worker()
    assert (await register.act(id_, worker, "strike", reasons=WHY)).status_code == 201
    other = await register.as_("case_worker", company="dijledal", person=STRANGER)
    for action in ("refuse", "strike", "hold", "wake", "undo", "reinstate"):  # the last one is for the other to take
        for who, status in (
            (await register.candidate(), 409),
            (await register.candidate(BRAM), 409),
            (await register.candidate(STRANGER), 404),
            (await register.as_("helper", organisation="OCMW"), 403),
            (await register.case_worker("kanvaz"), 404),
            (await register.case_worker("woontrots"), 409),
            (other, 201 if action == "reinstate" else 409),
        ):
            answer = await register.act(id_, who, action, reasons=WHY)
            assert answer.status_code == status, (answer.text, who)
            if status == 409 and who is not other:
                assert action not in answer.json()["available"]


async def test_one_who_is_struck_by_mistake_has_everything_back(register: Register) -> None:
    id_ = await register.registered(applicant(), partner(), **STAYS)
    worker = await register.case_worker()
    before, candidacy = await register.read(id_), await newest(register, CandidacyRecorded)
    await register.act(id_, worker, "strike", reasons=WHY)
    assert (await newest(register, CandidacyRecorded)).status == "struck"
    assert "reinstate" in (await register.read(id_, worker))["actions"]
    back = await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (back.status_code, back.json()["status"]) == (201, "registered")
    after = await register.read(id_)
    assert {**after, "actions": None} == {**before, "actions": None}
    assert _comparable(await newest(register, CandidacyRecorded)) == _comparable(candidacy)
    assert _told(await register.said()) == ["submitted", "registered", "struck", "reinstated"]
    assert (
        await register.start(await register.candidate(BRAM), key="k2", members=[applicant(number=BRAM)])
    ).status_code == 409
    again = await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (again.status_code, "strike" in again.json()["available"]) == (409, True)


async def test_a_test_that_was_open_is_opened_again_on_the_day_of_reinstatement(database_of: Any, login: str) -> None:
    url = await database_of("dossier")
    async with serving(url, login) as register:
        worker, id_ = await register.case_worker(), await under_investigation(register)
        opened = (await register.recorded(id_)).test
        asked = (await newest(register, StatusChanged)).asks
        await register.act(id_, worker, "refuse", reasons=WHY)
        await register.assess(id_, "met")  # for information
        assert (await register.read(id_))["status"] == "refused"
    async with serving(url, login, today=date(2025, 1, 7)) as register:
        back = await register.act(id_, worker, "reinstate", reasons=WHY, on="2024-12-30")
        assert back.json()["status"] == "under_investigation"
        test = (await register.recorded(id_)).test
        assert opened
        assert test
        assert (test.moment, str(test.reference_date), test.id != opened.id) == ("registration", "2025-01-07", True)
        assert (await register.read(id_))["pending"] == ["assessment"]
        ask = {"condition": "income", "person": "p1", "fact": "incomes", "proofs": ["tax_assessment"]}
        income = {"income": {"outcome": "to_investigate", "effect": "bar"}}
        await register.assess(id_, "to_investigate", version=50, asks=[ask], conditions=income)
        assert [one.proofs for one in (await newest(register, ProofAsked)).asks] == [one.proofs for one in asked]
        await register.assess(id_, "met", version=51)
        found = await register.read(id_)
        assert (found["status"], found["registered_on"]) == ("registered", "2024-03-20")


async def test_who_started_anew_meanwhile_closes_that_first(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, bram = await register.case_worker(), await register.candidate(BRAM)
    await register.act(id_, worker, "strike", reasons=WHY)
    new = (await register.start(bram, key="k2", members=[applicant(number=BRAM)])).json()["id"]
    said = len(await register.said())
    back = await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (back.status_code, back.json()["errors"][0]["path"]) == (409, "members[1].number")
    assert new not in back.text
    assert ((await register.read(id_))["status"], len(await register.said())) == ("struck", said)
    await register.http.delete(f"/v1/dossiers/{new}", headers=bram)
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).json()["status"] == "registered"


async def test_sources_are_asked_again_about_who_is_reinstated(asking: Register, authentic: Authentic) -> None:
    known = {"residence": "population_register", "real_rights": []}
    await authentic.know(ANNA, **known, incomes=[{"year": 2023, "jointly_taxable": "20000.00"}])
    id_ = await asking.started()
    await asking.submit(id_)
    await asking.confirm(id_, "p1", await asking.candidate())

    async def answered() -> bool:
        return "sources" not in (await asking.read(id_))["pending"]

    await until(answered)
    await asking.assess(id_, "met")
    worker = await asking.case_worker()
    await asking.act(id_, worker, "strike", reasons=WHY)
    await authentic.know(ANNA, **known, incomes=[{"year": 2023, "jointly_taxable": "30000.00"}])
    assert (await asking.act(id_, worker, "reinstate", reasons=WHY)).json()["status"] == "registered"
    await until(answered)
    [anna] = (await asking.get(f"/{id_}/file", worker))["household"]["members"]
    assert anna["incomes"][0]["jointly_taxable"] == "30000.00"


async def test_a_withdrawal_by_mistake_can_be_taken_back_but_no_death(register: Register) -> None:
    id_ = await register.registered()
    worker = await register.case_worker()
    await register.act(id_, await register.candidate(), "withdraw")
    assert (await register.act(id_, worker, "reinstate", reasons=WHY)).json()["status"] == "registered"
    await register.act(id_, worker, "deceased", member="p1", reasons=WHY)
    back = await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (back.status_code, back.json()["available"][:2]) == (409, ["appeal", "undo"])


async def test_a_mistake_is_undone_the_same_day_by_who_made_it_and_corrected(database_of: Any, login: str) -> None:
    url = await database_of("dossier")
    async with serving(url, login) as register:
        id_, worker = await register.registered(applicant(), partner()), await register.case_worker()
        before, candidacy = await register.read(id_), await newest(register, CandidacyRecorded)
        await register.act(id_, worker, "strike", reasons=WHY, on="2024-03-20")
        undone = await register.act(id_, worker, "undo", reasons="It was another dossier.")
        assert (undone.status_code, undone.json()["status"]) == (201, "registered")
        assert await register.read(id_) == before
        assert _comparable(await newest(register, CandidacyRecorded)) == _comparable(candidacy)
        assert _told(await register.said()) == ["submitted", "registered", "struck", "corrected"]
        kinds = [one["kind"] for one in await register.get(f"/{id_}/history", worker)]
        assert kinds[-2:] == ["strike", "undo"]
        await register.act(id_, worker, "strike", reasons=WHY, on="2024-03-20")
    async with serving(url, login, today=date(2024, 3, 21)) as register:
        late = await register.act(id_, worker, "undo", reasons="It was another dossier.")
        assert (late.status_code, late.json()["available"][:3]) == (409, ["reinstate", "appeal", "change_contacts"])
        await register.act(id_, worker, "reinstate", reasons=WHY)
        await register.act(id_, worker, "strike", reasons=WHY, on="2024-03-20")  # decided then, recorded today
        assert (await register.act(id_, worker, "undo", reasons=WHY)).status_code == 201


async def test_what_is_undone_under_investigation_leaves_the_test_as_it_was(register: Register) -> None:
    worker, id_ = await register.case_worker(), await under_investigation(register)
    test = (await register.recorded(id_)).test
    await register.act(id_, worker, "refuse", reasons=WHY)
    await register.assess(id_, "met")  # for information
    await register.act(id_, worker, "undo", reasons=WHY)
    assert (await register.read(id_))["status"] == "under_investigation"
    assert (await register.recorded(id_)).test == test
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"


async def test_who_set_a_hold_ends_it_and_no_home_is_offered_meanwhile(register: Register) -> None:
    help_ = {"kind": "ocmw", "organisation": "OCMW", "email": "ocmw@example.org", "inform": True}
    id_ = await register.registered(applicant(), partner(), help=help_, wants=["24062", "24020"])
    worker, anna, bram = await register.case_worker(), await register.candidate(), await register.candidate(BRAM)
    candidacy = await newest(register, CandidacyRecorded)
    debt = "The board decided so: a debt is open."
    assert (await register.act(id_, worker, "hold")).status_code == 422
    held = await register.act(id_, worker, "hold", reasons=debt, on="2024-03-20")
    assert (held.status_code, held.json()["status"]) == (201, "registered")
    paused = await newest(register, CandidacyRecorded)
    assert (paused.status, str(paused.paused_until)) == ("registered", "9999-12-31")
    for who, reason in (
        (worker, debt),
        (bram, debt),
        (await register.case_worker("woontrots"), None),
        (await register.as_("helper", organisation="OCMW"), None),
    ):
        assert (await register.read(id_, who))["on_hold"] == {"since": "2024-03-20", "reason": reason}
    refused = await register.act(id_, anna, "wake")
    assert (refused.status_code, "hold" in refused.json()["available"]) == (409, True)
    assert (await register.act(id_, anna, "hold", reasons="")).status_code == 201  # at her own wish as well
    assert (await register.act(id_, worker, "hold", reasons=WHY)).status_code == 409
    assert (await register.act(id_, worker, "wake", reasons=WHY)).status_code == 201
    assert (await register.read(id_))["on_hold"] == {"since": "2024-03-20", "reason": None}
    assert (await register.act(id_, worker, "wake", reasons=WHY)).status_code == 409
    assert (await newest(register, CandidacyRecorded)).paused_until is not None
    assert (await register.act(id_, bram, "wake")).status_code == 201  # of the two candidates either
    assert (await register.read(id_))["on_hold"] is None
    assert _comparable(await newest(register, CandidacyRecorded)) == _comparable(candidacy)
    assert _told(await register.said()) == ["submitted", "registered", "on_hold", "on_hold", "woken", "woken"]
    by = [event.by for event in await register.said() if isinstance(event, DecisionTaken)]
    assert by == ["case_worker", "candidate", "case_worker", "candidate"]
    assert debt not in str(await register.said())


async def test_a_hold_outlives_a_striking_and_moves_no_status(register: Register) -> None:
    worker, id_ = await register.case_worker(), await under_investigation(register)
    await register.act(id_, worker, "hold", reasons=WHY)
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"
    await register.act(id_, worker, "strike", reasons=WHY)
    assert (await register.read(id_))["on_hold"] is None
    assert (await register.act(id_, worker, "hold", reasons=WHY)).status_code == 409
    await register.act(id_, worker, "reinstate", reasons=WHY)
    assert (await register.read(id_))["on_hold"] is not None
    assert (await register.act(id_, worker, "wake", reasons=WHY)).status_code == 201
    found = await register.read(id_)
    assert (found["status"], found["on_hold"]) == ("registered", None)


async def test_a_candidate_takes_back_his_own_hold_and_nothing_of_another(register: Register) -> None:
    id_ = await register.registered(applicant(), partner())
    worker, anna, bram = await register.case_worker(), await register.candidate(), await register.candidate(BRAM)
    await register.act(id_, worker, "deceased", member="p2", reasons=WHY)
    await register.act(id_, worker, "undo", reasons=WHY)
    await register.act(id_, worker, "hold", reasons=WHY)
    await register.act(id_, anna, "hold")
    assert (await register.act(id_, bram, "undo", reasons=WHY)).status_code == 409
    assert (await register.act(id_, anna, "undo")).status_code == 422
    assert (await register.act(id_, anna, "undo", reasons=WHY)).status_code == 201
    assert (await register.act(id_, anna, "undo", reasons=WHY)).status_code == 409
    assert (await register.read(id_))["on_hold"]["reason"] == WHY
    await register.act(id_, worker, "wake", reasons=WHY)
    assert (await register.act(id_, worker, "undo", reasons=WHY)).status_code == 201
    assert (await register.read(id_))["on_hold"]["reason"] == WHY


async def test_a_proof_is_due_a_term_after_it_was_first_asked_and_nothing_happens_by_itself(
    database_of: Any, login: str
) -> None:
    def ask(*proofs: str) -> dict[str, Any]:
        asks = [{"condition": "income", "person": "p1", "fact": "incomes", "proofs": list(proofs)}]
        return {"asks": asks, "conditions": {"income": {"outcome": "to_investigate", "effect": "bar"}}}

    url = await database_of("dossier")
    async with serving(url, login) as register:
        id_ = await register.started(wants=["24062", "24020"])
        await register.submit(id_)
        await register.confirm(id_, "p1", await register.candidate())
        await register.assess(id_, "to_investigate", **ask("tax_assessment"))
        first = {"role": "applicant", "proofs": ["tax_assessment"], "by": "2024-04-19"}
        assert [one.model_dump(mode="json") for one in (await newest(register, StatusChanged)).asks] == [first]
        assert (await register.read(id_))["asked"] == [first]
        assert (await register.read(id_, await register.case_worker("woontrots")))["asked"] == []
    async with serving(url, login, today=date(2024, 4, 1), proof_days=10) as register:
        await register.assess(id_, "to_investigate", version=20, **ask("pay_slips", "tax_assessment"))
        asked = [{"role": "applicant", "proofs": ["pay_slips"], "by": "2024-04-11"}, first]
        assert [one.model_dump(mode="json") for one in (await newest(register, ProofAsked)).asks] == asked
        told = len(await register.said())
    async with serving(url, login, today=date(2024, 8, 1)) as register:
        async with register.service.database.engine.connect() as connection:
            passed = sa.select(tables.dossiers.c.id).where(tables.dossiers.c.proof_due_on < date(2024, 8, 1))
            assert [str(one) for one in await connection.scalars(passed)] == [id_]
        await register.assess(id_, "to_investigate", version=21, **ask("pay_slips", "tax_assessment"))
        assert ((await register.read(id_))["asked"], len(await register.said())) == (asked, told)
        await register.assess(id_, "met", version=22)
        assert (await register.read(id_))["asked"] == []
        async with register.service.database.engine.connect() as connection:
            assert list(await connection.scalars(passed)) == []


async def test_of_many_who_decide_at_once_one_does(register: Register) -> None:
    id_ = await under_investigation(register)
    workers = [await register.as_("case_worker", company="dijledal", person=one) for one in (CHILD, BRAM, STRANGER)]
    answers = await asyncio.gather(*(register.act(id_, one, "refuse", reasons=WHY) for one in workers * 3))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 8
    assert _told(await register.said()) == ["submitted", "under_investigation", "refused"]
