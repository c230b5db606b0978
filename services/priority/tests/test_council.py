"""An agreement is checked like a rule file, holds once it is adopted, and takes nothing from who was promised a home."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from priority.__main__ import cli
from priority.council import Agreement
from priority.handlers import record_companies

from .conftest import AGREED, FOR, Priority, candidacy, company

AREA = {"area": "centrum", "area_tie": True, "municipalities": ["24062", "24011"]}


def groups(**shares: str) -> dict[str, Any]:
    return {name: {**AGREED["groups"]["young"], "share": share} for name, share in shares.items()}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"groups": groups(homeless="0.6", young="0.3")}, "the groups are 90 % together, not 100 %"),
        ({"accelerated_share": "1.2"}, "accelerated_share: 1.2 is no share"),
        ({"groups": groups(standard="1")}, "a group may not be called `standard`"),
        ({"groups": groups(elderly="1")}, "elderly: a group of pillar 2 and a target group of pillar 3 at once"),
        ({"through": "2023-12-31"}, "through (2023-12-31) lies before from (2024-01-01)"),
        ({"planned": 0}, "greater than or equal to 1"),
        ({"target_ceiling": "0.51"}, "above 1/2"),
        ({"target_ceiling": "0"}, "would never get one"),
        ({"area_tie": True}, "has no area to be tied to"),
        ({"municipalities": ["2406"]}, "municipalities"),
        ({"groups": {"young": {**AGREED["groups"]["young"], "share": "1", "referrers": []}}}, "at least 1 item"),
        ({"forever": True}, "Extra inputs are not permitted"),
    ],
)
async def test_what_does_not_hold_together_is_refused(
    priority: Priority, tmp_path: Path, changed: dict[str, Any], says: str
) -> None:
    refused = await priority.post("/v1/agreements", AGREED | changed, "council")
    assert refused.status_code == 422
    assert says in refused.text
    assert (await priority.get("/v1/agreements", role="council")).json() == []
    file = tmp_path / "agreement.yaml"
    file.write_text(yaml.safe_dump(AGREED | changed))
    checked = CliRunner().invoke(cli, ["agreement", str(file)])
    assert checked.exit_code == 1
    assert says in checked.stderr


async def test_a_file_that_holds_together_says_its_turns(tmp_path: Path) -> None:
    file = tmp_path / "agreement.yaml"
    file.write_text(yaml.safe_dump(AGREED))
    checked = CliRunner().invoke(cli, ["agreement", str(file)])
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "homeless                           30%      3 of 10" in checked.stdout
    as_proposed = json.loads(CliRunner().invoke(cli, ["agreement", str(file), "--json"]).stdout)
    assert Agreement.model_validate(as_proposed) == Agreement.model_validate(AGREED)
    assert CliRunner().invoke(cli, ["agreement", str(tmp_path / "none.yaml")]).exit_code == 2


async def test_a_proposal_holds_nothing_until_it_is_adopted(priority: Priority) -> None:
    made = (await priority.post("/v1/agreements", AGREED, "council")).json()["id"]
    assert (await priority.http.get("/v1/priorities?municipality=24062")).json() == []
    adoption = f"/v1/agreements/{made}/adoption"
    against = {"votes": [{"member": "OCMW Leuven", "vote": "against"}]}
    assert (await priority.post(adoption, against, "council")).status_code == 409
    assert (await priority.post(adoption, {"votes": []}, "council")).status_code == 422
    assert (await priority.post(adoption, FOR, "council", company="kanvaz")).status_code == 404
    assert (await priority.post(adoption, FOR, "case_worker")).status_code == 403
    adopted = await priority.post(adoption, FOR, "council")
    assert (adopted.json()["status"], adopted.json()["votes"][0]["vote"]) == ("adopted", "for")
    again = await priority.post(adoption, FOR, "council")
    assert (again.status_code, "adopted already" in again.text) == (409, True)
    (found,) = (await priority.get("/v1/agreements", role="council")).json()
    assert (found["id"], found["agreement"]["from"]) == (made, "2024-01-01")


async def test_another_company_proposes_nothing(priority: Priority) -> None:
    assert (await priority.post("/v1/agreements", AGREED, "council", company="kanvaz")).status_code == 403
    assert (await priority.post("/v1/agreements", AGREED, "case_worker")).status_code == 403


async def test_anyone_may_ask_which_priorities_there_are(priority: Priority) -> None:
    await priority.agreed(stricter_tie_years=3)
    (told,) = (await priority.http.get("/v1/priorities?municipality=24062")).json()
    assert (told["company"], told["stricter_tie_years"]) == ("dijledal", 3)
    assert [(one["group"], one["share"], one["referrers"]) for one in told["accelerated"]] == [
        ("homeless", "0.3", ["caw"]), ("young", "0.2", ["mind-the-gap", "dijledal"]),
    ]  # fmt: skip
    assert told["target_groups"] == [{"group": "elderly", "title": {"nl": "ouderen", "en": "elderly"}}]
    assert (await priority.http.get("/v1/priorities?municipality=24011")).json() == []


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ({}, {}, True),
        ({}, {"from": "2024-12-31", "through": "2025-12-31"}, True),
        ({}, {"from": "2025-01-01", "through": "2025-12-31"}, False),
        ({}, {"municipalities": ["24011"]}, False),
        ({}, {"area": "centrum"}, True),
        ({"area": "zuid"}, {"area": "centrum"}, False),
        ({"area": "zuid"}, {"area": "zuid", "municipalities": ["24011", "24062"]}, True),
    ],
)
async def test_two_agreements_never_speak_of_one_dwelling_on_one_day(
    priority: Priority, first: dict[str, Any], second: dict[str, Any], overlap: bool
) -> None:
    earlier = await priority.agreed(**first)
    made = (await priority.post("/v1/agreements", AGREED | second, "council")).json()["id"]
    adopted = await priority.post(f"/v1/agreements/{made}/adoption", FOR, "council")
    assert adopted.status_code == (409 if overlap else 200)
    assert (earlier in adopted.text) is overlap
    assert (
        len([one for one in (await priority.get("/v1/agreements")).json() if one["status"] == "adopted"]) == 2 - overlap
    )


async def test_a_new_agreement_takes_the_place_of_one_and_begins_a_new_sequence(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007"), candidacy("2019.04.02.0008"))
    earlier = await priority.agreed()
    await priority.free("w1")
    await priority.let("w1")
    made = (await priority.post("/v1/agreements", AGREED | {"from": "2024-06-01"}, "council")).json()["id"]
    adoption = f"/v1/agreements/{made}/adoption"
    wrong = await priority.post(adoption, FOR | {"ends": made}, "council")
    assert (wrong.status_code, "no adopted agreement" in wrong.text) == (409, True)
    assert (await priority.post(adoption, FOR | {"ends": earlier}, "council")).status_code == 200
    ended = {one["id"]: one["through"] for one in (await priority.get("/v1/agreements")).json()}
    assert ended == {made: "2024-12-31", earlier: "2024-05-31"}
    ledger = (await priority.get(f"/v1/agreements/{made}/ledger")).json()
    assert (ledger["turns"], ledger["next_turn"], ledger["debts"]) == ([], 1, [])
    assert len((await priority.get(f"/v1/agreements/{earlier}/ledger")).json()["turns"]) == 2  # live, final


async def adoption(priority: Priority, **changed: Any) -> tuple[str, str]:
    """A new proposal, and where it is adopted."""
    made = (await priority.post("/v1/agreements", AGREED | changed, "council")).json()["id"]
    return made, f"/v1/agreements/{made}/adoption"


async def test_who_adopts_too_early_a_day_is_told_which_day_will_do(priority: Priority) -> None:
    earlier = await priority.agreed()
    for day in ("2024-01-01", "2024-05-31"):
        _, path = await adoption(priority, **{"from": day})
        without = (await priority.post(path, FOR, "council")).text
        named = await priority.post(path, FOR | {"ends": earlier}, "council")
        assert "begin on 2024-06-01 or later and name it in `ends`" in without
        assert (named.status_code, "from 2024-06-01 through 2024-12-31" in named.text) == (409, True)
    _, path = await adoption(priority, **{"from": "2024-06-01"})
    assert (await priority.post(path, FOR | {"ends": earlier}, "council")).status_code == 200


async def test_an_agreement_that_has_not_begun_can_be_replaced_whole(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0008"))
    now = await priority.agreed(through="2024-06-30")
    next_month = {"from": "2024-07-01"}
    wrong = await priority.agreed(**next_month, groups=groups(young="1"))
    made, path = await adoption(priority, **next_month)
    assert (await priority.post(path, FOR | {"ends": wrong}, "council")).status_code == 200
    assert (await priority.refer("2019.04.02.0008")).json()["answer"] == "accepted"
    again = await priority.post((await adoption(priority, **next_month))[1], FOR | {"ends": wrong}, "council")
    assert (again.status_code, "still to end" in again.text) == (409, True)
    ends = {one["id"]: one["through"] for one in (await priority.get("/v1/agreements")).json()}
    assert (ends[now], ends[wrong], ends[made]) == ("2024-06-30", "2024-06-30", "2024-12-31")


async def test_certainty_outlives_the_agreement_that_it_was_given_under(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007"), candidacy("2019.04.02.0008"))
    earlier = await priority.agreed()
    assert (await priority.refer("2019.04.02.0008")).json()["answer"] == "accepted"
    lacks = {"from": "2024-06-01", "groups": groups(young="1")}
    made = (await priority.post("/v1/agreements", AGREED | lacks, "council")).json()["id"]
    refused = await priority.post(f"/v1/agreements/{made}/adoption", FOR | {"ends": earlier}, "council")
    assert (refused.status_code, "no turns: homeless" in refused.text) == (409, True)
    made = (await priority.post("/v1/agreements", AGREED | {"from": "2024-06-01"}, "council")).json()["id"]
    assert (
        await priority.post(f"/v1/agreements/{made}/adoption", FOR | {"ends": earlier}, "council")
    ).status_code == 200
    assert (await priority.get(f"/v1/agreements/{made}/ledger")).json()["room"] == {"homeless": 2, "young": 2}
    orders = []
    for dwelling in ("w1", "w2"):
        await priority.free(dwelling)
        orders.append(await priority.next(dwelling))
        await priority.let(dwelling)
    assert [(one["turn"]["to"], one["order"][0]["dossier"]) for one in orders] == [
        ("standard", "2019.04.02.0007"), ("homeless", "2019.04.02.0008"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "adopted"),
    [
        ([("24062", "for")], False),
        ([("24062", "for"), ("24011", "abstained")], False),
        ([("24062", "for"), ("24011", "for"), ("24011", "against")], False),
        ([("24062", "for"), ("24011", "for"), (None, "against")], True),
    ],
)
async def test_a_tie_with_an_area_needs_the_consensus_of_its_municipalities(
    priority: Priority, votes: list[tuple[str | None, str]], adopted: bool
) -> None:
    made = (await priority.post("/v1/agreements", AGREED | AREA, "council")).json()["id"]
    given = {"votes": [{"member": "x", "municipality": place, "vote": vote} for place, vote in votes]}
    answer = await priority.post(f"/v1/agreements/{made}/adoption", given, "council")
    assert (answer.status_code == 200) is adopted
    assert ("consensus" in answer.text) is not adopted


async def test_the_lists_follow_what_the_council_chose(priority: Priority) -> None:
    lives, early = "2021.01.01.0001", "2019.01.01.0001"
    here = [{"municipality": "24062", "from": "2021-05-01"}]
    known = candidacy(early)
    await priority.hear(candidacy(lives, residence=here), known)
    assert await priority.list() == [early, lives]
    await priority.agreed(stricter_tie_years=3)
    assert await priority.list() == [lives, early]
    (place,) = (await priority.get(f"/v1/dossiers/{known.dossier}/positions")).json()
    assert (place["position"], place["before"]) == (2, {"stricter_tie": 1})
    assert place["text"]["nl"].endswith("1 voor u: 1 met de strengere woonbinding")


async def test_two_adoptions_at_once_put_one_in_force(priority: Priority) -> None:
    made = [(await priority.post("/v1/agreements", AGREED, "council")).json()["id"] for _ in range(2)]
    answers = await asyncio.gather(*(priority.post(f"/v1/agreements/{one}/adoption", FOR, "council") for one in made))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


@pytest.mark.parametrize(
    ("later", "says"),
    [
        ({"groups": groups(homeless="0", young="1")}, "no turns: homeless"),
        ({"accelerated_share": "0"}, "no turns: homeless"),
        ({"municipalities": ["24062"]}, "does not cover: 24011"),
        ({"from": "2024-05-31"}, "from 2024-06-01 through 2024-12-31"),
    ],
)
async def test_nothing_that_takes_its_place_leaves_a_promise_without_turns(
    priority: Priority, later: dict[str, Any], says: str
) -> None:
    await priority.hear(candidacy("2019.04.02.0007"))
    earlier = await priority.agreed(municipalities=["24062", "24011"])
    await priority.refer("2019.04.02.0007")
    given = AGREED | {"from": "2024-06-01", "municipalities": ["24062", "24011"]} | later
    made = (await priority.post("/v1/agreements", given, "council")).json()["id"]
    refused = await priority.post(f"/v1/agreements/{made}/adoption", FOR | {"ends": earlier}, "council")
    assert (refused.status_code, says in refused.text) == (409, True), refused.text


async def test_what_follows_an_agreement_that_ended_by_itself_leaves_nobody_behind(priority: Priority) -> None:
    """Nor do those that follow one another, each covering some of what the one before covered."""
    await priority.hear(candidacy("2019.04.02.0007"))
    wide = {"municipalities": ["24062", "24011"], "through": "2024-06-30"}
    first = await priority.agreed(**wide)
    referral = (await priority.refer("2019.04.02.0007")).json()["id"]
    follows = wide | {"from": "2024-07-01", "through": "2024-12-31"}
    for narrow, lost in ((["24062"], "24011"), (["24011"], "24062")):
        _, path = await adoption(priority, **follows | {"municipalities": narrow})
        refused = await priority.post(path, FOR, "council")
        assert (refused.status_code, f"does not cover: {lost}" in refused.text) == (409, True), refused.text
    second, path = await adoption(priority, **follows)
    assert (await priority.post(path, FOR, "council")).status_code == 200
    for id_ in (first, second):
        assert (await priority.get(f"/v1/agreements/{id_}/ledger")).json()["waiting"] == {"homeless": 1}
    _, path = await adoption(priority, **{"from": "2025-01-01", "through": "2025-12-31"})
    assert (await priority.post(path, FOR, "council")).status_code == 409
    await priority.post(f"/v1/referrals/{referral}/retraction", {"reasons": "x"}, "helper", organisation="caw")
    assert (await priority.post(path, FOR, "council")).status_code == 200


async def test_nobody_is_promised_what_the_agreement_to_come_does_not_hold(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007"))
    await priority.agreed()
    await priority.agreed(**{"from": "2025-01-01", "through": "2025-12-31", "groups": groups(young="1")})
    refused = await priority.refer("2019.04.02.0007")
    assert (refused.status_code, "From 2025-01-01 on" in refused.text) == (409, True)


async def test_a_promise_of_an_area_is_kept_by_an_agreement_for_the_whole(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007"), candidacy("2019.04.02.0008"))
    earlier = await priority.agreed(area="centrum")
    assert (await priority.refer("2019.04.02.0008", area="centrum")).json()["answer"] == "accepted"
    assert (await priority.refer("2019.04.02.0007", area="zuid")).status_code == 409
    made = (await priority.post("/v1/agreements", AGREED | {"from": "2024-06-01"}, "council")).json()["id"]
    await priority.post(f"/v1/agreements/{made}/adoption", FOR | {"ends": earlier}, "council")
    assert (await priority.get(f"/v1/agreements/{made}/ledger")).json()["room"]["homeless"] == 2


async def test_agreements_of_other_municipalities_share_no_room(priority: Priority) -> None:
    both = [{"municipality": place, "company": "dijledal"} for place in ("24062", "24011")]
    numbers = [f"2019.04.02.{n:04d}" for n in range(1, 5)]
    await priority.hear(*(candidacy(number, wants=both) for number in numbers))
    await priority.agreed(planned=5)
    await priority.agreed(planned=5, municipalities=["24011"])
    answers = [await priority.refer(number) for number in numbers[:2]]
    answers.append(await priority.refer(numbers[2], municipality="24011"))
    answers.append(await priority.refer(numbers[3]))
    assert [one.json()["answer"] for one in answers] == ["accepted", "accepted", "accepted", "refused"]


async def test_a_council_agrees_on_the_municipalities_of_its_company_alone_whoever_waits_there(
    priority: Priority,
) -> None:
    for waits in ([], [candidacy("2019.04.02.0007", wants=[{"municipality": "24062", "company": "kanvaz"}])]):
        await priority.hear(*waits)
        for place in ("24062", "23088", "11002"):  # another company's, another's still, nobody's
            given = AGREED | {"company": "kanvaz", "municipalities": ["12025", place]}
            refused = await priority.post("/v1/agreements", given, "council", company="kanvaz")
            assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "municipalities[1]")
        assert (await priority.post("/v1/agreements", AGREED, "council")).status_code == 201


async def test_what_was_proposed_for_a_municipality_that_went_to_another_company_is_not_adopted(
    priority: Priority,
) -> None:
    _, path = await adoption(priority, municipalities=["24062", "24011"])
    moved = company("dijledal", 2, municipalities=["24062"]), company("kanvaz", 2, municipalities=["12025", "24011"])
    await priority.hear(*moved)
    await priority.hear(company("dijledal"))  # an older one comes again
    refused = await priority.post(path, FOR, "council")
    assert (refused.status_code, "no homes any more in 24011" in refused.text) == (409, True)
    made = await priority.post("/v1/agreements", AGREED | {"municipalities": ["24011"]}, "council")
    assert (made.status_code, "lets no homes in 24011" in made.text) == (422, True)
    assert (await priority.ask("24011", "dijledal")).status_code == 404
    assert (await priority.ask("24011", "kanvaz")).json() == []


async def test_a_company_that_is_not_known_yet_is_told_to_come_back(priority: Priority) -> None:
    given = AGREED | {"company": "nieuw", "municipalities": ["71016"]}
    early = await priority.post("/v1/agreements", given, "council", company="nieuw")
    assert (early.status_code, "not known here yet" in early.text.lower()) == (503, True)
    await priority.hear(company("nieuw", municipalities=["71016"]))
    assert (await priority.post("/v1/agreements", given, "council", company="nieuw")).status_code == 201
    await priority.hear(company("nieuw", 2))  # it lets no homes any more
    assert (await priority.post("/v1/agreements", given, "council", company="nieuw")).status_code == 422


async def test_of_two_batches_the_newer_company_stays_whichever_is_written_last(priority: Priority) -> None:
    async with priority.service.database.work() as slow:
        await slow.load_others({"kanvaz"})
        await priority.hear(company("kanvaz", 3, municipalities=["11002"]))
        record_companies([company("kanvaz", 2)], slow)
    assert (await priority.ask("11002", "kanvaz")).json() == []


async def test_only_the_company_of_a_municipality_reads_its_list_whoever_waits_there(priority: Priority) -> None:
    await priority.hear(candidacy("2019.04.02.0007", wants=[{"municipality": "24062", "company": None}]))
    assert (await priority.ask("24062", "kanvaz")).status_code == 404
    assert (await priority.ask("11002", "kanvaz")).status_code == 404
    assert (await priority.ask("12025", "kanvaz")).json() == []
    assert await priority.list() == ["2019.04.02.0007"]


def test_a_key_that_stands_twice_is_a_slip(tmp_path: Path) -> None:
    file = tmp_path / "agreement.yaml"
    file.write_text(yaml.safe_dump(AGREED) + 'accelerated_share: "0.20"\n')
    checked = CliRunner().invoke(cli, ["agreement", str(file)])
    assert (checked.exit_code, "`accelerated_share` stands here twice" in checked.stderr) == (1, True)
