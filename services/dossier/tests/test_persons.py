"""Nobody stands in for another: a number is one member's and tells his birth date; a person is in one dossier."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from dossier import tables

from .conftest import ANNA, BORN, BRAM, CHILD, STRANGER, Register, applicant, numbered, partner, person


def paths(answer: Any) -> tuple[int, list[str]]:
    return answer.status_code, [error["path"] for error in answer.json().get("errors", [])]


async def test_an_applicant_confirms_for_nobody_by_giving_them_his_number(register: Register) -> None:
    everybody = [applicant(), partner(number=ANNA), person("c1", "co_resident", ANNA)]
    twice = [f"members[{n}].number" for n in range(3)]
    assert paths(await register.start(members=everybody)) == (422, [f"household.{path}" for path in twice])
    async with register.service.database.engine.connect() as connection:
        assert (await connection.execute(tables.dossiers.select())).all() == []
    id_ = await register.started()
    assert paths(await register.change(id_, *everybody)) == (422, twice)


async def test_a_number_on_record_counts_when_it_is_left_out(register: Register) -> None:
    id_ = await register.started(members=[applicant(), person("c1", "co_resident", STRANGER)])
    kept = [applicant(number=None), person("c1", "co_resident", None, born_on=BORN[STRANGER])]
    twice = [*kept, person("c2", "co_resident", STRANGER)]
    assert paths(await register.change(id_, *twice)) == (422, ["members[1].number", "members[2].number"])
    later = [applicant(number=None, born_on="1985-02-24"), kept[1]]
    assert paths(await register.change(id_, *later)) == (422, ["members[0].born_on"])
    assert (await register.change(id_, *kept)).status_code == 200


@pytest.mark.parametrize(
    ("first_nine", "from_2000", "born", "status"),
    [
        ("850223001", False, "1985-02-23", 201),
        ("850223001", True, "1985-02-23", 422),  # his number says 2085
        ("010223001", True, "2001-02-23", 201),
        ("010223001", False, "2001-02-23", 422),  # and this one 1901
        ("854223001", False, "1985-02-23", 201),  # a bis number
        ("852223001", False, "1985-02-24", 422),
        ("850000001", False, "1985-02-24", 201),  # tells no date
        ("856223001", False, None, 201),  # he tells none
    ],
)
async def test_the_birth_date_is_the_numbers(
    register: Register, first_nine: str, from_2000: bool, born: str | None, status: int
) -> None:
    number = numbered(first_nine, born_from_2000=from_2000)
    answer = await register.start(await register.candidate(number), members=[applicant(number=number, born_on=born)])
    assert paths(answer) == (status, [] if status == 201 else ["household.members[0].born_on"])


async def test_a_number_of_a_day_that_never_was_is_no_number(register: Register) -> None:
    number = numbered("856230001")
    answer = await register.start(members=[applicant(), partner(number=number)])
    assert paths(answer) == (422, ["household.members[1].number"])


async def test_dossiers_that_take_over_each_others_persons_do_not_deadlock(register: Register) -> None:
    ids = []
    for number in (ANNA, BRAM):
        who = await register.candidate(number)
        answer = await register.start(who, key=number, members=[applicant(number=number)])
        ids.append(UUID(answer.json()["id"]))

    async def bind(dossier: UUID, *numbers: str) -> set[str]:
        async with register.service.database.work() as work:
            return await work.bind(dossier, numbers)

    for _ in range(20):
        await asyncio.gather(bind(ids[0], ANNA, STRANGER), bind(ids[1], BRAM, CHILD))
        taken = await asyncio.gather(bind(ids[0], CHILD, BRAM), bind(ids[1], STRANGER, ANNA))
        assert all(numbers <= {ANNA, BRAM, CHILD, STRANGER} for numbers in taken)


async def test_who_confirms_in_two_dossiers_at_once_is_bound_to_one(register: Register) -> None:
    ids = []
    for number in (ANNA, STRANGER):
        who = await register.candidate(number)
        answer = await register.start(who, key=number, members=[applicant(number=number), partner()])
        ids.append(answer.json()["id"])
    bram = await register.candidate(BRAM)
    answers = await asyncio.gather(*(register.confirm(id_, "p2", bram) for id_ in ids))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
