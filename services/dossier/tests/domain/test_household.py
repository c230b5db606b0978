"""Who confirms, what numbers hold, and how asks of persons become asks of roles."""

from datetime import date
from typing import Any

from dossier.domain.household import is_adult, must_confirm, persons, to_bring

DAY = date(2024, 3, 20)


def test_a_birthday_makes_an_adult_and_29_february_counts_on_1_march() -> None:
    assert is_adult(date(2006, 3, 20), DAY)
    assert not is_adult(date(2006, 3, 21), DAY)
    assert not is_adult(date(2008, 2, 29), date(2026, 2, 28))
    assert is_adult(date(2008, 2, 29), date(2026, 3, 1))


def test_every_adult_who_moves_in_confirms_and_who_may_be_one() -> None:
    members: list[dict[str, Any]] = [
        {"id": "p1", "role": "applicant", "born_on": "2007-01-01"},  # emancipated: confirms for himself
        {"id": "p2", "role": "partner"},
        {"id": "adult", "role": "co_resident", "born_on": "1950-01-01"},
        {"id": "child", "role": "co_resident", "born_on": "2015-05-01"},
        {"id": "unknown", "role": "co_resident"},
        {"id": "stays", "role": "co_resident", "born_on": "1950-01-01", "moves_in": False},
    ]
    assert must_confirm(members, DAY) == ["p1", "p2", "adult", "unknown"]
    assert persons(members) == 5


def test_asks_are_told_per_role_so_that_nobody_can_be_known_from_a_mail() -> None:
    members = [
        {"id": "c1", "role": "co_resident"},
        {"id": "p1", "role": "applicant"},
        {"id": "c2", "role": "co_resident"},
    ]
    asks = [("c1", ["handicap_certificate"]), ("p1", ["payslips", "certificate"]), ("c2", ["handicap_certificate"])]
    assert to_bring(members, asks) == [
        {"role": "applicant", "proofs": ["payslips", "certificate"]},
        {"role": "co_resident", "proofs": ["handicap_certificate"]},
    ]
