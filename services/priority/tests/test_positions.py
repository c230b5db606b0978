"""Who asks where he stands learns it, and the reason, in words; nobody else is named, and another company learns nothing."""

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from priority.domain.ranking import Regulation
from priority.handlers import record_candidacies

from .conftest import Priority, candidacy

ID = uuid4()
TIED = [{"municipality": "24062", "from": "2012-01-01"}]


async def test_a_position_is_explained(priority: Priority) -> None:
    await priority.hear(
        candidacy("2023.01.01.0001", residence=TIED, persons=2),
        candidacy("2023.01.01.0002", residence=TIED, persons=2),
        candidacy("2023.01.01.0003", informal_care_in=("24062",), persons=2),
        candidacy("2018.01.01.0001", persons=2),
        candidacy("2019.04.02.0006", persons=2),
        candidacy("2019.04.02.0007", persons=2, dossier=ID),
        candidacy("2019.04.03.0001", persons=2),
        candidacy("2018.01.01.0002", persons=3),
        candidacy("2018.01.01.0003", persons=2, paused_until="2024-06-02"),
    )
    answer = await priority.get(f"/v1/dossiers/{ID}/positions")
    assert answer.json() == [{
        "municipality": "24062", "agreement": None, "area": None, "persons": 2, "position": 6,
        "because": ["fitting_size", "registration_date"],
        "before": {"lasting_tie": 2, "informal_care": 1, "registration_date": 1, "dossier_number": 1},
        "text": {
            "nl": "passende grootte, ingeschreven op 2 april 2019; 5 voor u: 2 met een langdurige woonbinding, "
            "1 met mantelzorg in Leuven, 1 eerder ingeschreven, 1 dezelfde dag ingeschreven, met een lager nummer",
            "en": "fitting size, registered on 2 April 2019; 5 before you: 2 with a lasting tie, "
            "1 with informal care in Leuven, 1 registered earlier, 1 registered the same day, with a lower number",
        },
    }]  # fmt: skip
    assert not [number for number in ("2023.01.01", "2018.01.01") if number in answer.text]


async def test_each_municipality_has_its_own_position(priority: Priority) -> None:
    both = [{"municipality": "24062", "company": "dijledal"}, {"municipality": "99999", "company": "woontrots"}]
    await priority.hear(
        candidacy("2019.04.02.0007", dossier=ID, wants=both, residence=TIED), candidacy("2018.01.01.0001", wants=both)
    )
    first, second = (await priority.get(f"/v1/dossiers/{ID}/positions")).json()
    en = "fitting size, lasting tie with Leuven, registered on 2 April 2019; nobody before you"
    assert (first["position"], first["because"][1], first["text"]["en"]) == (1, "lasting_tie", en)
    assert (second["municipality"], second["position"]) == ("99999", 2)


async def test_each_area_with_an_agreement_of_its_own_has_a_position(priority: Priority) -> None:
    here = [{"municipality": "24062", "area": "centrum", "from": "2012-01-01"}]
    await priority.hear(
        candidacy("2018.01.01.0001", residence=TIED, dossier=ID), candidacy("2020.01.01.0001", residence=here)
    )
    ids = [await priority.agreed(area=area, area_tie=tie) for area, tie in (("centrum", True), ("zuid", False))]
    found = (await priority.get(f"/v1/dossiers/{ID}/positions")).json()
    assert [(one["area"], one["agreement"], one["position"], one["before"]) for one in found] == [
        ("centrum", ids[0], 2, {"area_tie": 1}), ("zuid", ids[1], 1, {}),
    ]  # fmt: skip
    assert found[0]["text"]["en"].endswith("1 before you: 1 with a lasting tie with the area")


async def test_before_somebody_is_who_may_get_the_same_companys_homes(priority: Priority) -> None:
    chosen, unknown, others, mine = "2018.01.01.0001", "2018.01.02.0001", "2018.01.03.0001", "2019.04.02.0007"
    lets: dict[str, str | None] = {chosen: "dijledal", unknown: None, others: "woontrots", mine: "dijledal"}
    ids = {number: uuid4() for number in lets}
    for number, company in lets.items():
        wants = [{"municipality": "24062", "company": company}]
        await priority.hear(candidacy(number, dossier=ids[number], wants=wants))
    await priority.agreed()
    await priority.free("w1")
    await priority.opened("w1")
    found = {}
    for number, dossier in ids.items():
        (place,) = (await priority.get(f"/v1/dossiers/{dossier}/positions")).json()
        found[number] = place["position"], place["before"], place["because"][-1]
    first = "registration_date"
    assert found == {
        chosen: (None, {}, "chosen"), unknown: (1, {}, first), others: (2, {first: 1}, first), mine: (2, {first: 1}, first),
    }  # fmt: skip


async def test_a_position_takes_one_statement(priority: Priority) -> None:
    """A round trip to the database more is half of what a position takes."""
    await priority.hear(candidacy("2019.04.02.0007", dossier=ID))
    statements = list[str]()
    async with priority.service.database.work() as work:
        known = await work.find(ID)
        assert known
        engine = priority.service.database.engine.sync_engine
        sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        assert await work.standing(known, "24062", work.clock.today(), Regulation())
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("changed", "why", "nl"),
    [
        ({"status": "under_investigation"}, "under_investigation", "het dossier is in onderzoek"),
        ({"status": "struck"}, "not_registered", "het dossier is niet ingeschreven"),
        ({"paused_until": "2024-06-02"}, "paused", "gepauzeerd tot 2 juni 2024"),
    ],
)
async def test_who_is_not_on_the_list_learns_why(
    priority: Priority, changed: dict[str, str], why: str, nl: str
) -> None:
    await priority.hear(candidacy("2019.04.02.0007", dossier=ID))
    await priority.hear(candidacy("2019.04.02.0007", 2, ID, **changed))
    (place,) = (await priority.get(f"/v1/dossiers/{ID}/positions")).json()
    assert (place["position"], place["because"], place["before"]) == (None, [why], {})
    assert place["text"]["nl"] == f"niet op de lijst van Leuven: {nl}"
    assert await priority.list() == []


async def test_of_another_companys_dossier_nothing_is_told(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007", dossier=ID, company="woontrots"))
    answers = [await priority.get(f"/v1/dossiers/{id}/positions") for id in (ID, uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    for ref in (ID, "2019.04.02.0007"):
        assert (await priority.get(f"/v1/dossiers/{ref}/positions", "woontrots")).status_code == 200
    assert (await priority.get("/v1/dossiers/2019.04.02.0007/positions")).status_code == 404
    assert (await priority.http.get(f"/v1/dossiers/{ID}/positions")).status_code == 401


async def test_what_the_release_before_wrote_beside_this_one_is_placed_at_the_next_read(priority: Priority) -> None:
    """It knows neither places nor `placed` nor `company`, and writes a candidacy as it always did."""
    gone = uuid4()
    await priority.hear(candidacy("2019.04.02.0007", dossier=ID), candidacy("2019.04.02.0008", dossier=gone))
    before = (
        "INSERT INTO candidacies (dossier, version, status, number, number_day, number_nth, registered_on, persons, wants,"
        " residence, informal_care_in) SELECT {id}, 2, {status}, number, number_day, number_nth, registered_on, persons,"
        " wants, {residence}, informal_care_in FROM candidacies WHERE dossier = :of ON CONFLICT (dossier) DO UPDATE"
        " SET version = 2, status = excluded.status, residence = excluded.residence"
    )

    async def write(status: str, residence: str, id: UUID) -> None:
        statement = before.format(id=":id", status=":status", residence="cast(:residence AS jsonb)")
        async with priority.service.database.engine.begin() as connection:
            await connection.execute(sa.text(statement), {"id": id, "of": ID, "status": status, "residence": residence})

    await write("struck", "[]", gone)
    await write("registered", '[{"municipality": "24062", "area": null, "from": "2012-01-01", "until": null}]', ID)
    (place,) = (await priority.ask()).json()
    assert place == {"dossier": "2019.04.02.0007", "position": 1, "because": ["lasting_tie", "registration_date"]}


async def test_who_hung_and_comes_with_less_than_his_successor_changes_nothing(priority: Priority) -> None:
    """Both heard of the dossier for the first time: neither finds a row to lock."""
    async with priority.service.database.work() as late:
        await late.load([ID])
        await priority.hear(candidacy("2019.04.02.0007", 2, ID, status="struck"))
        record_candidacies([candidacy("2019.04.02.0007", 1, ID)], late)
    assert await priority.list() == []
