"""Who may do what to a dossier, what is refused and how, and that nothing is half done."""

import asyncio
from typing import Any

from dossier import tables

from .conftest import ANNA, BRAM, STRANGER, Register, applicant, partner, person


async def rows(register: Register, table: Any) -> int:
    async with register.service.database.engine.connect() as connection:
        return len((await connection.execute(table.select())).all())


async def test_a_candidate_starts_his_own_dossier(register: Register) -> None:
    id_ = await register.started()
    found = await register.read(id_)
    assert found == {
        "id": id_,
        "number": None,
        "status": "draft",
        "registered_on": None,
        "facts_version": 1,
        "assessed_version": None,
        "pending": ["confirmation:p1", "assessment"],
        "assessment": None,
        "actions": ["submit", "confirm", "change_household", "change_contacts", "change_wishes", "upload", "erase"],
        "on_hold": None,
        "asked": [],
        "papers": [],
        "arrived": [],
        "appeal_by": None,
    }


async def test_the_same_key_again_is_the_same_answer_and_is_refused_for_another_request(register: Register) -> None:
    answers = await asyncio.gather(*(register.start() for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    another = await register.start(language="en")
    assert (another.status_code, another.json()["errors"][0]["path"]) == (422, "header.Idempotency-Key")
    assert await rows(register, tables.dossiers) == 1


async def test_who_started_a_dossier_or_confirmed_in_one_is_in_that_one_only(register: Register) -> None:
    await register.registered(applicant(), partner())
    for number in (ANNA, BRAM):
        answer = await register.start(
            await register.candidate(number), key=f"k{number}", members=[applicant(number=number)]
        )
        assert answer.status_code == 409
        assert answer.json()["errors"] == [{"path": "members[0].number", "message": "takes part in another dossier"}]
    assert await rows(register, tables.dossiers) == 1


async def test_naming_somebody_binds_nobody(register: Register) -> None:
    """A stranger's draft, and a start at the counter, keep nobody from an application of his own."""
    await register.started(members=[applicant(), partner()])
    counter = await register.start(await register.case_worker(), key="k2", members=[applicant(number=BRAM)])
    bram = await register.candidate(BRAM)
    own = await register.start(bram, key="k3", members=[applicant(number=BRAM)])
    assert (counter.status_code, own.status_code) == (201, 201)
    for id_ in (counter.json()["id"], own.json()["id"]):
        await register.submit(id_, await register.case_worker())
    taken = await register.confirm(counter.json()["id"], "p1", await register.case_worker(), on_paper=True)
    assert taken.status_code == 409
    assert own.json()["id"] not in taken.text
    assert "dijledal" not in taken.text
    assert (await register.confirm(own.json()["id"], "p1", bram)).status_code == 204


async def test_two_who_start_at_once_get_one_dossier(register: Register) -> None:
    answers = await asyncio.gather(*(register.start(key=f"k{n}") for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await rows(register, tables.dossiers) == 1


async def test_a_co_resident_may_be_in_several(register: Register) -> None:
    both = person("c1", "co_resident", STRANGER)
    await register.started(members=[applicant(), both])
    await register.started(who=await register.candidate(BRAM), key="k2", members=[applicant(number=BRAM), both])


async def test_a_wrong_field_is_named_and_nothing_is_stored(register: Register) -> None:
    wrong: list[tuple[Any, str]] = [
        ({"colour": "blue"}, "colour"),
        ({"language": "fr"}, "language"),
        ({"email": "anna"}, "email"),
        ({"municipality": "99999"}, "municipality"),
        ({"members": [applicant(balances=1.5)]}, "household.members[0].balances"),
        ({"members": [applicant(), applicant(id="p2")]}, "household.members"),
        ({"members": [applicant(number="85622300174")]}, "household.members[0].number"),
        ({"members": [applicant(), partner(number=None)]}, "household.members[1].number"),
        ({"members": [applicant(incomes=[{"year": 2024}])]}, "household.members[0].incomes[0].year"),
        ({"help": {"kind": "neighbour"}}, "help.kind"),
    ]
    for changed, path in wrong:
        answer = await register.start(**changed)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert await rows(register, tables.dossiers) == await rows(register, tables.outbox) == 0
    headers = await register.candidate() | {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await register.http.post("/v1/dossiers", content=b'{"email": "anna@', headers=headers)
    assert answer.status_code == 422
    assert "anna" not in answer.text


async def test_without_a_token_that_holds_nobody_comes_in(register: Register) -> None:
    for headers in ({}, {"Authorization": "Bearer x.y.z"}):
        answer = await register.start(headers or {"X": "y"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_nobody_starts_for_somebody_else(register: Register) -> None:
    assert (await register.start(await register.candidate(STRANGER))).status_code == 403
    assert (await register.start(await register.case_worker("kanvaz"))).status_code == 403
    assert (await register.start(await register.as_("helper", organisation="ocmw"))).status_code == 403
    assert (await register.start(await register.case_worker())).status_code == 201


async def test_what_is_not_yours_does_not_exist(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    for who in (await register.candidate(STRANGER), await register.case_worker("kanvaz")):
        for answer in (
            await register.http.get(f"/v1/dossiers/{id_}", headers=who),
            await register.submit(id_, who),
            await register.confirm(id_, "p1", who, on_paper=True),
            await register.change(id_, applicant(), who=who),
        ):
            assert answer.status_code == 404
    await register.read(id_, await register.case_worker())


async def test_a_dossier_is_found_by_the_number_on_its_papers(register: Register) -> None:
    id_ = await register.started()
    number = (await register.submit(id_)).json()["number"]
    assert (await register.read(number, await register.case_worker()))["id"] == id_
    for other, who in (
        (number, await register.case_worker("kanvaz")),
        ("2024.01.01.9999", await register.case_worker()),
    ):
        assert (await register.http.get(f"/v1/dossiers/{other}", headers=who)).status_code == 404
    wrong = await register.http.get("/v1/dossiers/anna", headers=await register.case_worker())
    assert wrong.status_code == 422


async def test_every_adult_confirms_for_himself(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    await register.submit(id_)
    assert (await register.confirm(id_, "p2", await register.candidate())).status_code == 403
    assert (await register.confirm(id_, "p3", await register.candidate())).status_code == 404
    assert (await register.confirm(id_, "p1", await register.candidate())).status_code == 204
    assert (await register.read(id_))["pending"] == ["confirmation:p2", "assessment"]
    assert (await register.confirm(id_, "p2", await register.case_worker())).status_code == 422
    assert (await register.confirm(id_, "p2", await register.case_worker(), on_paper=True)).status_code == 204
    assert (await register.read(id_))["pending"] == ["assessment"]


async def test_until_he_confirms_an_adult_sees_who_is_there_and_his_own_facts_and_changes_nothing(
    register: Register,
) -> None:
    id_ = await register.started(members=[applicant(balances="12.00"), partner(balances="34.00")])
    await register.submit(id_)
    await register.assess(id_, "met")
    bram = await register.candidate(BRAM)
    assert await register.get("", bram) == [
        {"id": id_, "number": "2024.03.20.0001", "status": "submitted", "member": "p2", "role": "partner",
         "pending": ["confirmation:p1", "confirmation:p2"]}
    ]  # fmt: skip
    found = await register.read(id_, bram)
    assert (found["assessment"], found["actions"]) == (None, ["confirm", "decline"])
    file = await register.get(f"/{id_}/file", bram)
    assert [(one["id"], one["role"], one.get("balances")) for one in file["declared"]["members"]] == [
        ("p1", "applicant", None),
        ("p2", "partner", "34.00"),
    ]
    assert (file["contacts"], file["wishes"]) == (None, None)
    assert ANNA not in str(file)
    assert (await register.change(id_, applicant(), partner(), who=bram)).status_code == 403
    assert (await register.http.get(f"/v1/dossiers/{id_}/history", headers=bram)).status_code == 403
    await register.confirm(id_, "p2", bram)
    assert (await register.read(id_, bram))["assessment"]["outcome"] == "met"
    assert len((await register.get(f"/{id_}/file", bram))["declared"]["members"][0]) > 3


async def test_an_adult_co_resident_confirms_and_sees_his_own_facts_alone(register: Register) -> None:
    grandmother = person("c1", "co_resident", STRANGER)
    id_ = await register.started(members=[applicant(balances="12.00"), grandmother])
    await register.submit(id_)
    await register.assess(id_, "met")
    who = await register.candidate(STRANGER)
    assert (await register.confirm(id_, "c1", who)).status_code == 204
    found = await register.read(id_, who)
    assert (found["pending"], found["assessment"], found["actions"]) == (["confirmation:p1"], None, ["decline"])
    assert "balances" not in str(await register.get(f"/{id_}/file", who))


async def test_submitting_gives_a_number_once(register: Register) -> None:
    id_ = await register.started()
    answers = await asyncio.gather(*(register.submit(id_) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["number"] for answer in answers} == {"2024.03.20.0001"}
    other = await register.started(who=await register.candidate(BRAM), key="k2", members=[applicant(number=BRAM)])
    assert (await register.submit(other, await register.candidate(BRAM))).json() == {"number": "2024.03.20.0002"}


async def test_a_change_names_the_facts_it_was_made_on(register: Register) -> None:
    id_ = await register.started()
    url, who = f"/v1/dossiers/{id_}/household", await register.candidate()
    body = {"members": [applicant(balances="10.00")]}
    assert (await register.http.put(url, headers=who, json=body)).status_code == 428
    assert (await register.http.put(url, headers=who | {"If-Match": "x"}, json=body)).status_code == 400
    changed = await register.change(id_, applicant(balances="10.00"))
    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, {"facts_version": 2}, '"2"')
    assert (await register.change(id_, applicant(balances="10.00"))).status_code == 412
    assert (await register.read(id_))["facts_version"] == 2


async def test_an_assessment_that_arrives_is_no_conflict(register: Register) -> None:
    id_ = await register.started()
    await register.assess(id_, "met")
    assert (await register.change(id_, applicant(balances="1.00"))).status_code == 200


async def test_a_dossier_stays_its_applicants(register: Register) -> None:
    id_ = await register.started()
    for members, path in (
        ([applicant(number=STRANGER)], "members[0].number"),
        ([applicant(id="p9")], "members[0].role"),
        ([applicant(number=None), partner(number=None)], "members[1].number"),
    ):
        answer = await register.change(id_, *members)
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, path)


async def test_who_is_not_in_the_household_any_more_confirms_nothing(register: Register) -> None:
    id_ = await register.started(members=[applicant(), partner()])
    worker = await register.case_worker()
    await register.change(id_, applicant(), who=worker)
    answers = [await register.confirm(id_, member, worker, on_paper=True) for member in ("p2", "p9", "p1")]
    assert [answer.status_code for answer in answers] == [404, 404, 204]
