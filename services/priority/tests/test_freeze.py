"""While a freeze of the agreement lasts nothing is offered, and each list says so."""

from typing import Any

import pytest

from .conftest import AGREED, FOR, Priority, candidacy
from .test_log import audit, written

FREEZE = {"freezes": [{"from": "2024-05-20", "until": "2024-06-03"}]}
FIRST = "2024.01.02.0001"


async def test_nothing_is_offered_during_a_freeze(priority: Priority) -> None:
    await priority.agreed(**FREEZE)
    await priority.hear(known := candidacy(FIRST))
    await priority.free("w1")
    for answer in (
        await priority.get("/v1/vacancies/w1/next"),
        await priority.post("/v1/vacancies/w1/offers", {"turn": 1, "dossier": FIRST}),
    ):
        assert (answer.status_code, "before 2024-06-03" in answer.text) == (409, True), answer.text
    page = await priority.page("GET", "/vacancies/w1", "case_worker", held={"company": "dijledal"})
    assert ("3 June 2024" in page.text, "No agreement" in page.text) == (True, False)
    [place] = (await priority.ask()).json()
    assert (place["dossier"], place["position"], place["because"][0]) == (FIRST, 1, "frozen")
    [position] = (await priority.get(f"/v1/dossiers/{known.dossier}/positions")).json()
    assert (position["position"], position["because"][0]) == (1, "frozen")
    assert position["text"]["en"].startswith("nothing is allocated for the time being, ")
    priority.pass_days(2)  # 3 June: homes are offered again
    assert (await priority.propose("w1")).status_code == 201
    assert (await priority.ask("24062")).json() == []  # it is offered a home
    assert "frozen" not in (await priority.get(f"/v1/dossiers/{known.dossier}/positions")).text


async def test_before_a_freeze_homes_are_offered_and_what_is_accepted_is_signed(priority: Priority) -> None:
    await priority.agreed(freezes=[{"from": "2024-06-02", "until": "2024-06-20"}])
    await priority.hear(candidacy(FIRST), candidacy("2024.01.03.0001"))
    await priority.free("w1")
    await priority.free("w2")
    offer = await priority.opened("w1")
    priority.pass_days(1)
    assert await priority.act(offer, "answer") == (200, "accepted")
    assert await priority.act(offer, "lease", signed_on="2024-06-02") == (200, "signed")
    assert (await priority.get("/v1/vacancies/w2/next")).status_code == 409


NOW = {"from": "2024-06-01", "until": "2024-06-03", "reasons": "The company moves.", **FOR}


async def test_a_council_freezes_an_agreement_that_runs_and_its_turns_go_on(priority: Priority) -> None:
    agreed = await priority.agreed()
    await priority.hear(candidacy(FIRST), candidacy("2024.01.03.0001"))
    for id_ in ("w0", "w1"):
        await priority.free(id_)
    await priority.let("w0")
    path = f"/v1/agreements/{agreed}/freezes"
    for _ in range(2):  # a double click
        made = await priority.post(path, NOW, "council", key="k")
        freezes = [(one["from"], one["until"], one["reasons"]) for one in made.json()["agreement"]["freezes"]]
        assert (made.status_code, freezes) == (201, [("2024-06-01", "2024-06-03", ["The company moves."])])
    assert "before 2024-06-03" in (await priority.get("/v1/vacancies/w1/next")).text
    page = await priority.page("GET", "/council", "council", held={"company": "dijledal"})
    told = "Nothing is allocated from 1 June 2024 on. From 3 June 2024 on homes are allocated again."
    assert (told in page.text, "The company moves." in page.text) == (True, True)
    priority.pass_days(2)
    assert (await priority.next("w1"))["turn"]["turn"] == 2, "no new sequence"
    await priority.opened("w1")
    assert audit(await written(priority), chained=False) == ""


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"from": "2024-05-31"}, 422, "begins from 2024-06-01 through 2024-12-31"),
        ({"from": "2025-01-01", "until": "2025-01-02"}, 422, "through 2024-12-31"),
        ({"until": "2024-06-01"}, 422, "the first day after it"),
        ({"reasons": []}, 422, "reasons"),
        ({"votes": []}, 422, "votes"),
        ({"votes": [FOR["votes"][0] | {"vote": "against"}]}, 409, "nobody voted for it"),
    ],
)
async def test_a_freeze_of_an_agreement_that_runs_is_decided_beforehand_with_reasons(
    priority: Priority, changed: Any, status: int, words: str
) -> None:
    agreed = await priority.agreed()
    made = await priority.post(f"/v1/agreements/{agreed}/freezes", NOW | changed, "council")
    assert (made.status_code, words in made.text) == (status, True), made.text
    assert (await priority.get("/v1/agreements")).json()[0]["agreement"]["freezes"] == []


async def test_only_its_council_freezes_and_only_what_is_adopted(priority: Priority) -> None:
    agreed = await priority.agreed()
    path = f"/v1/agreements/{agreed}/freezes"
    assert (await priority.post(path, NOW)).status_code == 403
    assert (await priority.post(path, NOW, "council", company="kanvaz")).status_code == 404
    proposed = (await priority.post("/v1/agreements", AGREED, "council")).json()["id"]
    assert (await priority.post(f"/v1/agreements/{proposed}/freezes", NOW, "council")).status_code == 409


async def test_what_is_checked_as_a_freeze_begins_is_not_offered_in_it(priority: Priority) -> None:
    await priority.agreed(freezes=[{"from": "2024-06-02", "until": "2024-06-04"}])
    await priority.hear(candidacy(FIRST), candidacy("2024.01.03.0001"))
    await priority.free("w1")
    offer = (await priority.propose("w1")).json()["id"]
    priority.pass_days(1)
    for _ in range(2):
        await priority.confirm(offer)
    assert (await priority.get(f"/v1/offers/{offer}")).json()["state"] == "lapsed"
    about = [(one["type"], one.get("was"), one.get("now")) for one in await priority.said()]
    assert about == [("OfferProposed", None, None), ("OfferEnded", "checking", "lapsed")], "dossier is told, once"
    page = await priority.page("GET", "/vacancies/w1", "case_worker", held={"company": "dijledal"})
    assert "a freeze began meanwhile" in page.text
    assert await priority.list() == [FIRST, "2024.01.03.0001"]
    priority.pass_days(2)
    next_ = await priority.next("w1")
    assert (next_["turn"]["turn"], next_["order"][0]["dossier"]) == (1, FIRST), "its turn waited for it, and so did he"
    await priority.opened("w1")


async def test_a_vacancy_that_has_its_turn_waits_for_a_freeze_of_the_agreement_after_it(priority: Priority) -> None:
    first = await priority.agreed()
    await priority.hear(candidacy(FIRST))
    await priority.free("w1")
    offer = await priority.opened("w1")
    assert await priority.act(offer, "withdrawal") == (200, "withdrawn")
    made = await priority.post("/v1/agreements", AGREED | FREEZE | {"from": "2024-06-01"}, "council")
    path = f"/v1/agreements/{made.json()['id']}/adoption"
    adopted = await priority.post(path, FOR | {"ends": first}, "council")
    assert adopted.status_code == 200, adopted.text
    assert "before 2024-06-03" in (await priority.get("/v1/vacancies/w1/next")).text
    priority.pass_days(2)
    assert (await priority.next("w1"))["turn"]["turn"] == 1


@pytest.mark.parametrize(
    "freezes", [[{"from": "2024-06-02", "until": "2024-06-02"}], [{"from": "2024-06-02"}], [{"until": "2024-06-02"}]]
)
async def test_a_freeze_has_a_first_day_and_one_on_which_it_is_over(priority: Priority, freezes: Any) -> None:
    made = await priority.post("/v1/agreements", AGREED | {"freezes": freezes}, "council")
    assert (made.status_code, "freezes" in made.text) == (422, True)
