"""A dwelling that comes free: whose turn it is and who is first is one read, and proposing it books the turn once."""

import asyncio
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from .conftest import Priority, candidacy

NUMBERS = [f"2019.04.02.{n:04d}" for n in range(1, 13)]


@pytest.fixture
async def register(priority: Priority) -> Priority:
    await priority.hear(*(candidacy(number) for number in NUMBERS))
    return priority


async def given(register: Priority, id_: str, **changed: Any) -> tuple[str, str, str, str]:
    """A dwelling comes free and is given: whose turn, to whom, how, which dossier."""
    assert (await register.free(id_, **changed)).status_code == 201
    next_ = await register.next(id_)
    await register.let(id_)
    turn = next_["turn"]
    return turn["of"], turn["to"], turn["how"], next_["order"][0]["dossier"]


async def test_turns_are_passed_owed_and_repaid(register: Priority) -> None:
    agreement = await register.agreed()  # standard 0.5, homeless 0.3, young 0.2
    assert await given(register, "w1") == ("standard", "standard", "taken", NUMBERS[0])
    await register.refer(NUMBERS[7])
    await register.refer(NUMBERS[6], "young", "mind-the-gap")
    await register.refer(NUMBERS[5], "young", "mind-the-gap")
    assert await given(register, "w2") == ("homeless", "homeless", "taken", NUMBERS[7])
    assert await given(register, "w3") == ("standard", "standard", "taken", NUMBERS[1])
    assert await given(register, "w4") == ("young", "young", "taken", NUMBERS[6])
    assert await given(register, "w5") == ("standard", "standard", "taken", NUMBERS[2])
    assert await given(register, "w6") == ("homeless", "young", "passed", NUMBERS[5])
    ledger = (await register.get(f"/v1/agreements/{agreement}/ledger")).json()
    assert ledger["debts"] == [{"owes": "young", "to": "homeless"}]
    assert ledger["balances"] == {"homeless": 1, "young": -1, "standard": 0}
    assert ledger["room"] == {"homeless": 2, "young": 0}
    assert [(one["turn"], one["state"], one["vacancy"], one["dossier"]) for one in ledger["turns"]][-2:] == [
        (6, "live", "w6", NUMBERS[5]), (6, "final", "w6", NUMBERS[5]),
    ]  # fmt: skip
    for number in (NUMBERS[4], NUMBERS[11]):
        await register.refer(number)
    hows = [await given(register, f"x{n}") for n in range(1, 5)]
    assert ("young", "homeless", "repaid", NUMBERS[11]) in hows
    ledger = (await register.get(f"/v1/agreements/{agreement}/ledger", role="council")).json()
    assert (ledger["debts"], sum(ledger["balances"].values())) == ([], 0)
    told = {(one["dossier"], one["vacancy"]) for one in ledger["turns"]}
    assert told == {(None, None)}, "a council learns no dossier's group, nor that of who lives in a home"


async def test_the_first_are_told_and_how_many_wait(register: Priority) -> None:
    """Of the standard list, without who refused it already, and of the referrals."""
    await register.agreed()
    await register.free("w1")
    await register.act(await register.opened("w1"), "answer", answer="refuse")

    async def first(vacancy: str) -> tuple[str, int, list[str]]:
        next_ = (await register.get(f"/v1/vacancies/{vacancy}/next?most=2")).json()
        return next_["turn"]["to"], next_["waiting"], [one["dossier"] for one in next_["order"]]

    assert await first("w1") == ("standard", 11, NUMBERS[1:3])
    await given(register, "w2")
    for number in NUMBERS[6:9]:
        await register.refer(number)
    await register.free("w3")
    assert await first("w3") == ("homeless", 3, NUMBERS[6:8])


async def test_the_reason_for_the_turn_is_told_in_words(register: Priority) -> None:
    await register.agreed()
    await given(register, "w1")
    await register.free("w2")
    turn = (await register.next("w2"))["turn"]
    assert (turn["turn"], turn["of"], turn["to"], turn["how"]) == (2, "homeless", "standard", "passed")
    assert turn["text"]["en"].startswith("Turn 2 is of homeless, but no referral of that group fits")
    assert "de gewone toewijzing, die er nu een schuldig is aan daklozen" in turn["text"]["nl"]


async def test_within_a_group_the_oldest_referral_that_fits(register: Priority) -> None:
    await register.agreed()
    await register.hear(
        candidacy("2020.01.01.0001", persons=4), candidacy("2020.01.01.0002"), candidacy("2018.01.01.0001")
    )
    await given(register, "w1")
    for number in ("2020.01.01.0001", "2020.01.01.0002", NUMBERS[3]):
        await register.refer(number)
    await register.free("w2")
    next_ = await register.next("w2")
    assert [first["dossier"] for first in next_["order"]] == ["2020.01.01.0002", NUMBERS[3]]
    assert next_["order"][0]["because"] == ["oldest_referral"]
    assert next_["order"][0]["text"]["en"] == "the group's oldest referral"


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "under_investigation"},
        {"paused_until": "2024-06-02"},
        {"persons": 3},
        {"wants": [{"municipality": "24011", "company": "dijledal"}]},
        {"status": "struck"},
    ],
)
async def test_nobody_gets_what_he_cannot_be_offered(register: Priority, changed: dict[str, Any]) -> None:
    await register.agreed()
    await given(register, "w1")
    dossier, number = uuid4(), "2020.01.01.0001"
    await register.hear(candidacy(number, dossier=dossier))
    await register.refer(number)
    await register.free("w2")
    assert (await register.next("w2"))["order"][0]["dossier"] == number
    await register.hear(candidacy(number, version=2, dossier=dossier, **changed))
    next_ = await register.next("w2")
    assert (next_["turn"]["how"], next_["order"][0]["dossier"]) == ("passed", NUMBERS[1])


async def test_who_was_chosen_is_on_no_list(register: Priority) -> None:
    dossier = uuid4()
    await register.hear(candidacy("2018.01.01.0001", dossier=dossier))
    await register.agreed()
    await given(register, "w1")
    assert "2018.01.01.0001" not in await register.list()
    (place,) = (await register.get(f"/v1/dossiers/{dossier}/positions")).json()
    assert (place["position"], place["because"]) == (None, ["chosen"])
    assert place["text"]["en"] == "not on the list of Leuven at this moment: your housing company can tell you why"
    again = await register.get("/v1/vacancies/w1/next")
    assert (again.status_code, "vacancy is let" in again.text) == (409, True)


async def test_who_was_chosen_is_promised_no_other_home_and_asks_for_no_priority(register: Priority) -> None:
    agreement = await register.agreed()
    await given(register, "w1")
    before = len(await register.said())
    referred = await register.refer(NUMBERS[0])
    asked = await register.post("/v1/situations", {"dossier": NUMBERS[0], "text": "evicted"})
    for answer in (referred, asked):
        assert (answer.status_code, "offered or let to this dossier already" in answer.text) == (409, True)
    assert len(await register.said()) == before
    assert (await register.get(f"/v1/agreements/{agreement}/ledger")).json()["room"]["homeless"] == 3


async def test_two_vacancies_at_once_take_two_turns_and_two_dossiers(register: Priority) -> None:
    agreement = await register.agreed()
    for id_ in ("w1", "w2", "w3"):
        await register.free(id_)
    nexts = [await register.next(id_) for id_ in ("w1", "w2", "w3")]
    assert {one["turn"]["turn"] for one in nexts} == {1}
    answers = await asyncio.gather(
        *(register.propose(id_, one) for id_, one in zip(("w1", "w2", "w3"), nexts, strict=True))
    )
    assert sorted(one.status_code for one in answers) == [201, 409, 409]
    assert len((await register.get(f"/v1/agreements/{agreement}/ledger")).json()["turns"]) == 1
    left = next(id_ for id_, one in zip(("w1", "w2"), answers, strict=False) if one.status_code == 409)
    assert (await register.propose(left)).status_code == 201


async def test_only_the_first_one_is_proposed_at_the_turn_that_was_read(register: Priority) -> None:
    await register.agreed()
    await register.free("w1")
    next_ = await register.next("w1")
    for turn, dossier in ((1, NUMBERS[1]), (2, NUMBERS[0]), (1, "2030.01.01.0001")):
        refused = await register.post("/v1/vacancies/w1/offers", {"turn": turn, "dossier": dossier})
        assert (refused.status_code, "ead again who is next" in refused.text) == (409, True)
    await register.hear(candidacy("2018.01.01.0001"))
    late = await register.propose("w1", next_)
    assert (late.status_code, "read again" in late.text) == (409, True)
    assert await register.said() == []


async def test_dwellings_kept_for_target_groups_have_a_ceiling(register: Priority) -> None:
    await register.agreed()  # a fifth of ten
    unknown = await register.free("w0", target_group="rich")
    assert (unknown.status_code, "elderly" in unknown.text) == (422, True)
    both = await asyncio.gather(*(register.free(f"w{n}", target_group="elderly") for n in range(1, 4)))
    assert sorted(one.status_code for one in both) == [201, 201, 409]
    assert (await register.free("w9")).status_code == 201


async def test_a_vacancy_is_announced_once_and_is_of_its_company(register: Priority) -> None:
    await register.agreed()
    assert [(await register.free("w1")).status_code for _ in range(2)] == [201, 201]
    assert (await register.free("w1", bedrooms=2)).status_code == 409
    assert (await register.free("w2", company="kanvaz")).status_code == 403
    for wrong in (
        {"max_persons": 0},
        {"rent": None},
        {"rent": 410.5},
        {"bedrooms": None},
        {"dwelling": ""},
        {"id": ".."},
    ):
        assert (await register.free("w2", **wrong)).status_code == 422
    assert (await register.get("/v1/vacancies/w1/next", "kanvaz")).status_code == 404
    assert (await register.free("w3", municipality="24011")).status_code == 201
    without = await register.get("/v1/vacancies/w3/next")
    assert (without.status_code, "No agreement" in without.text) == (409, True)


async def test_a_dwelling_comes_free_again_once_its_vacancy_has_ended(register: Priority) -> None:
    await register.agreed()
    await register.free("v1", dwelling="home")
    twice = await register.free("v2", dwelling="home")
    assert (twice.status_code, "vacant already" in twice.text) == (409, True)
    await register.let("v1")
    assert (await register.free("v2", dwelling="home")).status_code == 201
    ended = await register.post("/v1/vacancies/v2/withdrawal", {"reasons": "It is sold."})
    assert ended.status_code == 204
    assert (await register.free("v3", dwelling="home")).status_code == 201
    both = await asyncio.gather(register.free("v4", dwelling="other"), register.free("v5", dwelling="other"))
    assert sorted(one.status_code for one in both) == [201, 409]


async def test_an_area_has_an_agreement_and_a_tie_of_its_own(register: Priority) -> None:
    here = [{"municipality": "24062", "area": "centrum", "from": "2012-01-01"}]
    elsewhere = [{"municipality": "24062", "area": "zuid", "from": "2012-01-01"}]
    await register.hear(candidacy("2018.01.01.0001", residence=elsewhere), candidacy("2020.01.01.0001", residence=here))
    agreement = await register.agreed(area="centrum", area_tie=True)
    await register.free("w1", area="centrum")
    await register.free("w2", area="zuid")
    next_ = await register.next("w1")
    assert (next_["agreement"], next_["order"][0]["dossier"]) == (agreement, "2020.01.01.0001")
    assert next_["order"][0]["because"] == ["fitting_size", "lasting_tie", "area_tie", "registration_date"]
    text = next_["order"][0]["text"]
    assert text["en"] == "fitting size, lasting tie with Leuven, lasting tie with the area, date of registration"
    assert text["nl"].startswith("passende grootte, langdurige woonbinding met Leuven, langdurige woonbinding met het")
    assert (await register.get("/v1/vacancies/w2/next")).status_code == 409


async def test_a_pause_ends_on_its_day(register: Priority) -> None:
    await register.agreed()
    await given(register, "w1")
    await register.hear(candidacy("2020.01.01.0001", paused_until="2024-06-01"))
    await register.refer("2020.01.01.0001")
    await register.free("w2")
    assert (await register.next("w2"))["turn"]["how"] == "taken"


async def test_the_ceiling_is_of_the_day_of_the_choice_whatever_day_is_typed(register: Priority) -> None:
    await register.agreed()  # a fifth of ten
    days = ("2024-06-02", "2025-01-15", "2023-01-16")
    answers = [await register.free(f"w{n}", free_on=day, target_group="elderly") for n, day in enumerate(days)]
    assert [one.status_code for one in answers] == [201, 201, 409]
    await register.post("/v1/vacancies/w0/withdrawal", {"reasons": "It burnt down."})
    assert (await register.free("w3", target_group="elderly")).status_code == 201, (
        "what is withdrawn is kept for nobody"
    )


async def test_two_companies_never_propose_to_the_same_dossier(register: Priority) -> None:
    await register.shared("2018.01.01.0001")
    await register.agreed()
    await register.free("w1")
    answers = await asyncio.gather(register.propose("w1"), register.propose("k1", company="kanvaz"))
    assert sorted(one.status_code for one in answers) == [201, 409]


@pytest.mark.parametrize("changed", [{"area": "a\0b"}, {"bedrooms": 2**31}, {"max_persons": 2**31}])
async def test_what_cannot_be_stored_is_refused(register: Priority, changed: dict[str, Any]) -> None:
    assert (await register.free("w1", **changed)).status_code == 422


async def test_a_companys_homes_are_for_who_wants_them_of_it_or_of_nobody_known(register: Priority) -> None:
    await register.hear(
        candidacy("2018.01.01.0001", wants=[{"municipality": "24062", "company": "kanvaz"}]),
        candidacy("2018.01.01.0002", wants=[{"municipality": "24062"}]),
    )
    await register.agreed()
    await register.free("w1")
    first = [one["dossier"] for one in (await register.next("w1"))["order"]][:2]
    assert first == ["2018.01.01.0002", NUMBERS[0]] == (await register.list())[:2]


async def test_a_withdrawn_dwelling_is_announced_otherwise_with_the_reasons_alone(register: Priority) -> None:
    """Else another size, group or rent would reach whom the company likes, and nobody would see it."""
    assert (await register.free("v1", dwelling="home")).status_code == 201
    await register.post("/v1/vacancies/v1/withdrawal", {"reasons": "It is damp."})
    for changed in ({"min_persons": 2}, {"rent": "100.00"}, {"bedrooms": 2, "target_group": "elderly"}):
        refused = await register.free("v2", dwelling="home", **changed)
        assert (refused.status_code, all(name in refused.text for name in (*changed, "v1"))) == (409, True), (
            refused.text
        )
    for _ in range(2):
        again = await register.free("v2", dwelling="home", min_persons=2, otherwise="An inspection.")
        assert again.status_code == 201
    page = await register.page("GET", "/vacancies/v2", "case_worker", held={"company": "dijledal"})
    assert "An inspection." in page.text
    await register.post("/v1/vacancies/v2/withdrawal", {"reasons": "It is damp."})
    assert (await register.free("v3", dwelling="home", min_persons=2)).status_code == 201, "as it was"
    await register.post("/v1/vacancies/v3/withdrawal", {"reasons": "It is damp."})
    register.service.clock.fixed = date(2028, 1, 1)
    assert (await register.free("v4", dwelling="home")).status_code == 201, "another home by now"
