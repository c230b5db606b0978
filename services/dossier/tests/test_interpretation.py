"""A case worker judges documents: once, for what was claimed, with reasons; and takes a mistake back."""

import asyncio
from typing import Any

import httpx
import pytest

from cir_schemas import DecisionTaken, DocumentInterpreted, ProofAsked, StatusChanged

from .conftest import ANNA, BRAM, Register, applicant, partner, person
from .test_documents import BARS, CLAIM, EXPROPRIATED, HOUSE, PAPERS, SLIPS, asked, listed, papers, seen, version

WHY = "The pay slips are of three months in a row."
INCOME = {"year": 2023, "jointly_taxable": "21000.00"}
PROOF = "recent_income.proof"


async def judge(
    register: Register, id_: str, document: str, decision: str = "accepted", who: Any = None, **body: Any
) -> httpx.Response:
    return await register.http.post(
        f"/v1/dossiers/{id_}/documents/{document}/interpretation",
        headers=who or await register.case_worker(),
        json={"decision": decision, "reasons": WHY} | body,
    )


async def judged(
    register: Register, id_: str, document: str, decision: str = "accepted", **body: Any
) -> dict[str, Any]:
    answer = await judge(register, id_, document, decision, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def recent_income(register: Register, **changed: Any) -> tuple[str, str]:
    """A dossier under investigation in which pay slips were asked and brought; the document."""
    id_ = await asked(register, PAPERS, SLIPS, members=[applicant(recent_income=CLAIM, **changed)])
    return id_, await register.uploaded(id_, await register.candidate(), fact=PROOF)


async def refused(answer: httpx.Response) -> tuple[int, list[str]]:
    return answer.status_code, [one["path"] for one in answer.json().get("errors", [])]


@pytest.mark.parametrize(("decision", "proof"), [("accepted", "interpreted"), ("rejected", "rejected")])
async def test_a_claim_holds_as_it_was_judged_and_is_assessed_anew(
    register: Register, decision: str, proof: str
) -> None:
    id_, document = await recent_income(register)
    before = await version(register, id_)
    answer = await judged(register, id_, document, decision)
    assert (answer["state"], answer["facts_version"]) == (decision, before + 1)
    assert (await seen(register, id_))["recent_income"] == CLAIM | {"proof": proof}
    recorded = (await register.recorded(id_)).household.members[0].recent_income
    assert (recorded and recorded.proof) == proof
    file = await register.get(f"/{id_}/file", await register.candidate())
    origin = file["origins"]["p1"]["recent_income"]
    assert (origin["origin"], origin["by"], origin.get("uploaded")) == ("interpretation", "case_worker", None)
    [one] = await listed(register, id_)
    assert (one["state"], one["reasons"]) == (decision, [WHY])
    [*_, act] = await register.get(f"/{id_}/history", await register.candidate())
    assert (act["kind"], act["by"], act["reasons"]) == ("interpret", "case_worker", [WHY])
    told = [one for one in await register.said() if isinstance(one, DocumentInterpreted)]
    assert [(one.role, one.fact, one.decision) for one in told] == [("applicant", "recent_income", decision)]
    # the same again is no new claim; another is
    who = await register.candidate()
    assert (await register.change(id_, applicant(recent_income=CLAIM), version=before + 1)).status_code == 200
    assert (await seen(register, id_))["recent_income"]["proof"] == proof
    other = applicant(recent_income=CLAIM | {"amount": "1.00"})
    assert (await register.change(id_, other, version=await version(register, id_), who=who)).status_code == 200
    assert (await seen(register, id_))["recent_income"] == CLAIM | {"amount": "1.00"}


async def test_what_is_judged_is_asked_again_only_if_it_was_rejected(register: Register) -> None:
    id_, document = await recent_income(register)
    await register.assess(id_, "to_investigate", asks=[PAPERS, SLIPS], conditions=BARS)
    happened = [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)]
    await judged(register, id_, document, "rejected")
    await register.assess(id_, "not_met", asks=[PAPERS], could_claim=[SLIPS], conditions=BARS)
    [again] = [one for one in await register.said() if isinstance(one, StatusChanged | ProofAsked)][len(happened) :]
    assert papers(again) == ["tax_assessment", "pay_slips"]
    # another paper can be brought, and be accepted
    other = await register.uploaded(id_, await register.candidate(), fact=PROOF)
    await judged(register, id_, other)
    assert (await seen(register, id_))["recent_income"]["proof"] == "interpreted"
    assert [one["state"] for one in await listed(register, id_)] == ["rejected", "accepted"]


async def test_a_fact_has_the_value_that_the_case_worker_reads(register: Register) -> None:
    id_ = await asked(register, PAPERS, members=[applicant(incomes=[{"year": 2023, "jointly_taxable": "1.00"}])])
    document = await register.uploaded(id_, await register.candidate())
    assert "incomes" not in await seen(register, id_)
    assert await refused(await judge(register, id_, document)) == (422, ["facts.incomes"])
    facts = {"incomes": [INCOME], "residence": "population_register"}
    await judged(register, id_, document, facts=facts)
    found = await seen(register, id_)
    assert (found["incomes"][0]["jointly_taxable"], found["residence"]) == ("21000.00", "population_register")
    # rejected, a fact stays unknown
    other = await register.uploaded(id_, await register.candidate(), fact="language")
    await judged(register, id_, other, "rejected")
    assert "language" not in await seen(register, id_)


async def test_the_exception_of_one_right_is_accepted_and_no_other(register: Register) -> None:
    second = HOUSE | {"exception": "uninhabitable"}
    id_ = await asked(register, members=[applicant(real_rights=[EXPROPRIATED, second])])
    document = await register.uploaded(id_, await register.candidate(), fact="real_rights[1].proof")
    await judged(register, id_, document)
    rights = (await seen(register, id_))["real_rights"]
    assert [(right["exception"], right.get("proof")) for right in rights] == [
        ("expropriation", None),
        ("uninhabitable", "interpreted"),
    ]


async def test_what_nobody_claims_is_stated_by_the_case_worker(register: Register) -> None:
    """An owner brings the order although he ticked no exception; a couple brings slips before it claims."""
    id_ = await asked(register, members=[applicant(real_rights=[HOUSE, HOUSE | {"country": "ES"}])])
    anna = await register.candidate()
    order = await register.uploaded(id_, anna, fact="real_rights[0].proof")
    slips = await register.uploaded(id_, anna, fact=PROOF)
    assert await refused(await judge(register, id_, order)) == (422, ["facts.real_rights"])
    for wrong in ([HOUSE], [], [EXPROPRIATED, HOUSE], [EXPROPRIATED | {"country": "ES"}]):
        answer = await judge(register, id_, order, facts={"real_rights": wrong})
        assert await refused(answer) == (422, ["facts.real_rights"])
    await judged(register, id_, order, facts={"real_rights": [EXPROPRIATED]})
    assert await refused(await judge(register, id_, slips)) == (422, ["facts.recent_income"])
    await judged(register, id_, slips, facts={"recent_income": CLAIM})
    found = await seen(register, id_)
    assert (found["real_rights"][0]["proof"], found["recent_income"]["proof"]) == ("interpreted", "interpreted")


async def test_a_claim_that_was_changed_after_the_upload_is_not_accepted_unseen(register: Register) -> None:
    """He brings slips of 6000, the case worker reads them; he declares 1, and then the case worker clicks."""
    id_, document = await recent_income(register)
    cheaper = CLAIM | {"amount": "1.00"}
    changed = await register.change(id_, applicant(recent_income=cheaper), version=await version(register, id_))
    assert changed.status_code == 200
    answer = await judge(register, id_, document)
    assert (answer.status_code, answer.json()["brought_for"], answer.json()["now"]) == (409, CLAIM, cheaper)
    [shown] = await listed(register, id_, await register.case_worker())
    assert shown["claim_changed"] == {"brought_for": CLAIM, "now": cheaper}
    assert (await listed(register, id_))[0]["claim_changed"] is None
    assert (await seen(register, id_))["recent_income"]["proof"] == "uploaded"
    await judged(register, id_, document, facts={"recent_income": CLAIM})  # what the paper proves
    assert (await seen(register, id_))["recent_income"] == CLAIM | {"proof": "interpreted"}


async def test_to_reject_a_paper_rejects_no_claim_that_was_made_since_nor_one_that_was_accepted(
    register: Register,
) -> None:
    id_, document = await recent_income(register)
    other = CLAIM | {"amount": "5000.00"}
    await register.change(id_, applicant(recent_income=other), version=await version(register, id_))
    await judged(register, id_, document, "rejected")
    assert (await seen(register, id_))["recent_income"] == other
    await register.assess(id_, "to_investigate", asks=[PAPERS, SLIPS], conditions=BARS)
    [*_, again] = [one for one in await register.said() if isinstance(one, ProofAsked)]
    assert papers(again) == ["tax_assessment", "pay_slips"]  # of the claim as it is now
    anna = await register.candidate()
    await judged(register, id_, await register.uploaded(id_, anna, fact=PROOF))
    await judged(register, id_, await register.uploaded(id_, anna, fact=PROOF), "rejected")
    assert (await seen(register, id_))["recent_income"] == other | {"proof": "interpreted"}


async def test_a_declaration_on_honour_can_be_rejected(register: Register) -> None:
    id_ = await asked(register, members=[applicant(no_income_declared={})])
    document = await register.uploaded(id_, await register.candidate(), fact="no_income_declared.proof")
    await judged(register, id_, document, "rejected")
    assert (await seen(register, id_))["no_income_declared"] == {"proof": "rejected"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"reasons": ""}, "reasons"),
        ({"reasons": "no!"}, "reasons[0]"),
        ({"reasons": None}, "reasons"),
        ({"decision": "maybe"}, "decision"),
        ({"facts": {"shoe_size": 44}}, "facts.shoe_size"),
        ({"facts": {"id": "p2", "residence": "population_register"}}, "facts"),
        ({"facts": {"role": "partner"}}, "facts"),
        ({"facts": {"moves_in": False}}, "facts"),
        ({"facts": {"dependant": True}}, "facts.dependant"),  # of a co-resident
        ({"facts": {"recent_income": CLAIM | {"proof": "interpreted"}}}, "facts.recent_income"),
        ({"facts": {"set_aside": {"ground": "budget_guidance"}}}, "facts.set_aside"),
        ({"facts": {"real_rights": [EXPROPRIATED]}}, "facts.real_rights"),
        ({"facts": {"incomes": [{"year": 2024}]}}, "facts.incomes[0].year"),  # has not ended
        ({"facts": {"incomes": [{"year": 2023}, {"year": 2023}]}}, "facts.incomes"),
        ({"facts": {"born_on": "1970-01-01"}}, "facts.born_on"),  # the number tells another
        ({"decision": "rejected", "facts": {"recent_income": CLAIM}}, "facts.recent_income"),
    ],
    ids=str,
)
async def test_what_does_not_follow_is_refused_with_its_place(
    register: Register, body: dict[str, Any], path: str
) -> None:
    id_, document = await recent_income(register)
    before = len(await register.said())
    assert await refused(await judge(register, id_, document, **body)) == (422, [path])
    assert [one["state"] for one in await listed(register, id_)] == ["uploaded"]
    assert len(await register.said()) == before


async def test_a_document_is_judged_by_a_case_worker_of_the_treating_company_alone(register: Register) -> None:
    id_, document = await recent_income(register)
    for who, status in (
        (await register.candidate(), 403),
        (await register.as_("helper", organisation="ocmw-leuven"), 403),
        (await register.case_worker("woontrots"), 404),
    ):
        assert (await judge(register, id_, document, who=who)).status_code == status
    other = await register.registered(applicant(number=BRAM), key="k2")
    assert (await judge(register, other, document)).status_code == 404


async def test_what_does_not_wait_is_not_judged(register: Register) -> None:
    members = [applicant(recent_income=CLAIM), partner(recent_income=CLAIM)]
    id_ = await asked(register, members=members)
    anna, bram = await register.candidate(), await register.candidate(BRAM)
    first, second = [await register.uploaded(id_, anna, fact=PROOF) for _ in range(2)]
    filed = await register.uploaded(id_, anna, fact="situation")
    his = await register.uploaded(id_, bram, "p2", PROOF)
    await register.decline(id_, "p2", bram)
    for document, state in ((first, "replaced"), (filed, "filed"), (his, "uploaded")):
        answer = await judge(register, id_, document)
        assert (answer.status_code, answer.json()["state"]) == (409, state)
    await judged(register, id_, second)
    answer = await judge(register, id_, second, "rejected")
    assert (answer.status_code, answer.json()["state"]) == (409, "accepted")
    draft = await register.started(who=bram, members=[applicant(number=BRAM)], key="k2")
    document = await register.uploaded(draft, bram)
    assert (await judge(register, draft, document, facts={"incomes": []})).status_code == 409


async def test_fifty_clicks_by_two_case_workers_are_one_interpretation(register: Register) -> None:
    id_, document = await recent_income(register)
    workers = [await register.as_("case_worker", company="dijledal"), await register.case_worker()]
    clicks = (judge(register, id_, document, ("accepted", "rejected")[n % 2], workers[n % 2]) for n in range(50))
    answers = await asyncio.gather(*clicks)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), {*statuses} - {200, 503}) == (1, {409})  # 503: all connections are in use, click again
    [one] = [one for one in await register.said() if isinstance(one, DocumentInterpreted)]
    [document_] = await listed(register, id_)
    assert document_["state"] == one.decision
    history = await register.get(f"/{id_}/history", await register.candidate())
    assert [act["kind"] for act in history].count("interpret") == 1


async def test_a_mistake_is_taken_back_on_the_same_day_and_the_document_waits_again(register: Register) -> None:
    id_, document = await recent_income(register)
    worker = await register.case_worker()
    await judged(register, id_, document, facts={"recent_income": CLAIM, "language": "known"})
    await register.assess(id_, "met")
    assert (await register.read(id_))["status"] == "registered"
    undone = await register.act(id_, worker, "undo", reasons="These are the pay slips of somebody else.")
    assert (undone.status_code, undone.json()["status"]) == (201, "under_investigation")
    found = await seen(register, id_)
    assert (found["recent_income"], "language" in found) == (CLAIM | {"proof": "uploaded"}, False)
    assert [(one["state"], one["reasons"]) for one in await listed(register, id_)] == [("uploaded", None)]
    [*_, moved] = [one for one in await register.said() if isinstance(one, StatusChanged)]
    assert (moved.now, moved.decision, papers(moved)) == ("under_investigation", None, [])  # told as any other
    assert [one.decision for one in await register.said() if isinstance(one, DocumentInterpreted)] == [
        "accepted",
        "undone",
    ]
    await judged(register, id_, document, "rejected")
    assert (await seen(register, id_))["recent_income"]["proof"] == "rejected"


async def test_to_take_one_back_leaves_what_another_document_established_since(register: Register) -> None:
    id_, document = await recent_income(register)
    anna, worker = await register.candidate(), await register.case_worker()
    await judged(register, id_, document, "rejected")
    other = await register.uploaded(id_, anna, fact=PROOF)
    assert (await register.act(id_, worker, "undo", reasons="The wrong document was judged.")).status_code == 201
    assert [one["state"] for one in await listed(register, id_)] == ["replaced", "uploaded"]
    assert (await seen(register, id_))["recent_income"]["proof"] == "uploaded"
    await judged(register, id_, other)
    assert (await seen(register, id_))["recent_income"]["proof"] == "interpreted"
    told = [one for one in await register.said() if isinstance(one, DecisionTaken | DocumentInterpreted)]
    assert [one.decision for one in told] == ["rejected", "undone", "accepted"]


async def test_facts_of_a_child_without_a_number_follow_from_its_document(register: Register) -> None:
    members = [applicant(), person("c1", "co_resident", None, born_on="2015-05-01")]
    id_ = await register.registered(*members)
    document = await register.uploaded(id_, await register.candidate(ANNA), "c1", "recognised_handicap")
    await judged(register, id_, document, facts={"recognised_handicap": True})
    assert (await seen(register, id_, "c1"))["recognised_handicap"] is True
    told = [one.role for one in await register.said() if isinstance(one, DocumentInterpreted)]
    assert told == ["co_resident"]
