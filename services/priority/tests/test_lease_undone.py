"""A lease that is on record by mistake is taken back: the home stays with who accepted it, and everything is as before it."""

from typing import Any
from uuid import uuid4

import pytest

from .conftest import CANDIDATE, Priority, candidacy
from .test_log import audit, written

FIRST, SECOND, ID, OTHER = "2018.01.01.0001", "2018.01.01.0002", uuid4(), uuid4()
WHY = {"reasons": "Entered for the home next door."}


def his(version: int = 1, **changed: Any) -> Any:
    return candidacy(FIRST, version, ID, **changed)


@pytest.fixture
async def register(priority: Priority) -> Priority:
    await priority.hear(his(), candidacy(SECOND, dossier=OTHER, candidates=[]))
    await priority.agreed()
    await priority.free("w1")
    return priority


async def state(register: Priority, offer: str) -> str:
    return str((await register.get(f"/v1/offers/{offer}")).json()["state"])


async def turns(register: Priority) -> list[tuple[int, str]]:
    [agreed] = (await register.get("/v1/agreements")).json()
    ledger = (await register.get(f"/v1/agreements/{agreed['id']}/ledger")).json()
    return [(one["turn"], one["state"]) for one in ledger["turns"]]


async def allocated(register: Priority) -> list[tuple[str, int]]:
    found = (await register.get("/v1/figures?company=dijledal&year=2024")).json()
    return [(one["group"], one["count"]) for one in found["allocations"]]


async def test_the_home_is_his_as_before_and_ledger_figures_and_auditor_agree(register: Priority) -> None:
    offer = await register.let("w1")
    early = await register.act(offer, "undo")
    assert (early[0], "yet to take in this lease" in early[1]) == (409, True)
    await register.hear(his(2, status="housed"))
    assert await allocated(register) == [("standard", 1)]
    assert (await register.post(f"/v1/offers/{offer}/undo", {"reasons": []})).status_code == 422
    assert await register.act(offer, "undo") == (200, "accepted")
    assert (await register.act(offer, "undo"))[0] == 409
    assert (await register.said())[-1]["type"] == "LeaseUndone"
    assert (await turns(register), await allocated(register)) == ([(1, "live"), (1, "final"), (1, "live")], [])
    # what dossier published before it knew does not take the home, nor is it offered to anybody else
    await register.hear(his(3, status="housed"))
    assert (await register.get("/v1/vacancies/w1/next")).status_code == 409
    early = await register.act(offer, "lease")
    assert (early[0], "yet to take in that its lease was taken back" in early[1]) == (409, True)
    await register.hear(his(4))
    assert (await state(register, offer), await register.list()) == ("accepted", [SECOND])
    assert await register.act(offer, "lease") == (200, "signed")
    assert (await allocated(register), (await turns(register))[-1]) == ([("standard", 1)], (1, "final"))
    assert audit(await written(register), chained=False) == ""


@pytest.mark.parametrize(("what", "now", "first"), [("withdrawal", "withdrawn", FIRST), ("answer", "refused", SECOND)])
async def test_a_home_that_is_not_for_him_goes_on_with_its_turn(
    register: Priority, what: str, now: str, first: str
) -> None:
    offer = await register.let("w1")
    await register.hear(his(2, status="housed"))
    await register.act(offer, "undo")
    await register.hear(his(3))
    assert await register.act(offer, what, **({"answer": "refuse"} if what == "answer" else {})) == (200, now)
    next_ = await register.next("w1")
    assert (next_["turn"]["turn"], next_["order"][0]["dossier"]) == (1, first)
    await register.let("w1")
    assert (await allocated(register), audit(await written(register), chained=False)) == ([("standard", 1)], "")


async def test_a_referral_has_its_room_and_its_turn_once(register: Priority) -> None:
    await register.let("w1")
    await register.refer(SECOND)
    await register.free("w2")
    assert (await register.next("w2"))["turn"]["to"] == "homeless"
    offer = await register.let("w2")

    async def room() -> int:
        [agreed] = (await register.get("/v1/agreements")).json()
        return int((await register.get(f"/v1/agreements/{agreed['id']}/ledger")).json()["room"]["homeless"])

    assert (await room(), await allocated(register)) == (2, [("standard", 1), ("homeless", 1)])
    await register.hear(candidacy(SECOND, 2, OTHER, candidates=[], status="housed"))
    assert await register.act(offer, "undo") == (200, "accepted")
    await register.hear(candidacy(SECOND, 3, OTHER, candidates=[]))
    assert (await room(), await allocated(register)) == (2, [("standard", 1)])
    await register.act(offer, "lease")
    assert (await room(), await allocated(register)) == (2, [("standard", 1), ("homeless", 1)])


async def test_a_home_beside_the_turns_is_taken_back_as_well(register: Priority) -> None:
    decided = {"dossier": FIRST, "kind": "internal_transfer", "decided_on": "2024-05-30", "decided_by": "the board"}
    offer = (await register.post("/v1/vacancies/w1/special", decided | WHY)).json()["id"]
    await register.confirm(offer)
    for what, now in (("answer", "accepted"), ("lease", "signed"), ("undo", "accepted")):
        if what == "undo":
            await register.hear(his(2, status="housed"))
        assert await register.act(offer, what) == (200, now)
    assert (await turns(register), await allocated(register)) == ([], [])


@pytest.mark.parametrize(
    ("since", "why"),
    [
        ("another home", "Another home was offered"),
        ("a lease of another home", "Another home was offered"),
        ("struck", "is struck: it is reinstated first"),
        ("another dossier", "takes part in another one"),
        ("the dwelling is vacant", "came free again as vacancy w3"),
        ("the dwelling is let", "came free again as vacancy w3"),
    ],
)
async def test_where_home_or_candidate_has_gone_on_it_says_why_not(register: Priority, since: str, why: str) -> None:
    offer = await register.let("w1")
    await register.hear(his(2, status="housed"))
    if "another home" in since:
        await register.hear(his(3))
        await register.free("w2")
        other = await register.opened("w2")
        if "lease" in since:
            await register.act(other, "answer")
            await register.act(other, "lease")
            await register.hear(his(4, status="housed"))
    elif since == "struck":
        await register.hear(his(3, status="struck"))
    elif since == "another dossier":
        await register.hear(candidacy("2024.05.01.0001"))
    else:
        await register.free("w3", dwelling="w1")
        if "let" in since:
            await register.let("w3")
    before = await turns(register)
    refused = await register.act(offer, "undo")
    assert (refused[0], why in refused[1]) == (409, True), refused
    assert (await state(register, offer), await turns(register)) == ("signed", before)


async def test_only_the_company_that_let_the_home_takes_it_back(register: Priority) -> None:
    offer, path = await register.let("w1"), "/v1/offers/{}/undo"
    assert (await register.post(path.format(offer), WHY, "candidate", person=CANDIDATE)).status_code == 403
    assert (await register.post(path.format(offer), WHY, company="kanvaz")).status_code == 404
    assert (await register.post(path.format(offer), WHY, "council")).status_code == 403
    assert await state(register, offer) == "signed"


async def test_the_page_says_what_follows_and_the_candidate_reads_why(register: Priority) -> None:
    offer, ours = await register.let("w1"), {"company": "dijledal"}
    assert f"/offers/{offer}/undo" in (await register.page("GET", "/vacancies/w1", "case_worker", held=ours)).text
    await register.hear(his(2, status="housed"))
    asked = (await register.page("GET", f"/offers/{offer}/undo", "case_worker", held=ours)).text
    assert ("For a lease that was never signed" in asked, "refusal that the candidate never gave" in asked) == (
        True,
        False,
    )
    await register.post(f"/v1/offers/{offer}/undo", WHY)
    read = (await register.page("GET", f"/offers/{offer}", "candidate", held={"person": CANDIDATE})).text
    for words in ("You take this home", "The home stays accepted", WHY["reasons"]):
        assert words in read, words
