"""`rank` and `turns` answer in the contract's shape; a wrong file is refused with the place, and nothing is answered."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from priority.__main__ import cli

RANK: dict[str, Any] = {
    "on": "2024-06-01",
    "dwelling": {
        "id": "w1", "municipality": "24062", "company": "dijledal", "area": "leuven-centrum",
        "bedrooms": 2, "min_persons": 2, "max_persons": 4,
    },
    "regulation": {"stricter_tie_years": None, "area_tie": False, "frozen_until": None},
    "candidates": [
        {
            "dossier": "2019.04.02.0007", "status": "registered", "registered_on": "2019-04-02", "persons": 3,
            "wants": ["24062"],
            "residence": [{"municipality": "24062", "area": "leuven-centrum", "from": "2012-01-01", "until": None}],
            "informal_care_in": [], "paused_until": None,
        },
        {
            "dossier": "2020.01.02.0001", "status": "under_investigation", "registered_on": None, "persons": 3,
            "wants": ["24062"], "residence": [], "informal_care_in": [], "paused_until": None,
        },
    ],
}  # fmt: skip
TURNS: dict[str, Any] = {"accelerated_share": "0.20", "groups": {"homeless": "0.60", "young": "0.40"}, "slots": 5}


def run(tmp_path: Path, command: str, given: Any, *options: str) -> Any:
    file = tmp_path / "asked.json"
    file.write_text(given if isinstance(given, str) else json.dumps(given))
    return CliRunner().invoke(cli, [command, str(file), *options])


def test_rank_answers_in_the_contracts_shape(tmp_path: Path) -> None:
    done = run(tmp_path, "rank", RANK, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {
        "order": [{"dossier": "2019.04.02.0007", "because": ["fitting_size", "lasting_tie", "registration_date"]}],
        "left_out": [{"dossier": "2020.01.02.0001", "because": "under_investigation"}],
    })  # fmt: skip
    assert "2019.04.02.0007  fitting size, lasting tie, registration date" in run(tmp_path, "rank", RANK).stdout


@pytest.mark.parametrize(("since", "tied"), [("2021-06-01", False), ("2019-06-01", True)])
def test_rank_joins_no_stays_of_two_candidates(tmp_path: Path, since: str, tied: bool) -> None:
    stays = [
        {"municipality": "24062", "from": "2018-06-01", "until": "2021-06-01"},
        {"municipality": "24062", "from": since, "member": "p2"},
    ]
    done = run(tmp_path, "rank", changed(RANK, "candidates.0.residence", stays), "--json")
    assert ("lasting_tie" in json.loads(done.stdout)["order"][0]["because"]) is tied


def test_turns_answers_in_the_contracts_shape(tmp_path: Path) -> None:
    done = run(tmp_path, "turns", TURNS, "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"turns": ["standard"] * 4 + ["homeless"]})
    assert json.loads(run(tmp_path, "turns", TURNS | {"slots": 0}, "--json").stdout) == {"turns": []}
    assert run(tmp_path, "turns", TURNS).stdout.endswith("standard 4, homeless 1\n")


def changed(given: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(given))
    inner: Any = copy
    *above, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in above:
        inner = inner[part]
    inner[last] = value
    return copy


@pytest.mark.parametrize(
    ("command", "given", "words"),
    [
        ("rank", changed(RANK, "on", "1 June"), "on: Value error, a date is written as"),
        ("rank", changed(RANK, "candidates.0.wants", ["Leuven"]), "candidates[0].wants[0]: String should match"),
        ("rank", changed(RANK, "candidates.0.statsu", "x"), "candidates[0].statsu: Extra inputs"),
        ("rank", changed(RANK, "candidates.0.registered_on", None), "candidates[0]: Value error, who is registered has"),
        ("rank", changed(RANK, "candidates.0.dossier", "2019.13.02.0007"), "candidates[0].dossier: Value error"),
        ("rank", changed(RANK, "candidates.1.dossier", "2019.04.02.0007"), "dossier 2019.04.02.0007 stands here twice"),
        ("rank", changed(RANK, "candidates.0.residence.0.until", "2012-01-01"), "a stay ends after it begins"),
        ("rank", changed(RANK, "dwelling.max_persons", 1), "dwelling: Value error, max_persons is below min_persons"),
        ("turns", changed(TURNS, "slots", -1), "slots: Input should be greater than or equal to 0"),
        ("turns", changed(TURNS, "accelerated_share", "1.2"), "accelerated_share: 1.2 is no share"),
        ("turns", changed(TURNS, "accelerated_share", 0.2), "accelerated_share: Input should be a valid string"),
        ("turns", changed(TURNS, "groups.young", "0.41"), "101 % together, not 100 %"),
        ("turns", changed(TURNS, "groups", {"standard": "1"}), "may not be called `standard`"),
        ("turns", "{", "line 1, column 2: not JSON"),
        ("rank", "[]", "the file: Input should be a valid dictionary"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, command: str, given: Any, words: str) -> None:
    done = run(tmp_path, command, given)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
