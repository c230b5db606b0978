"""Who confirms, what numbers hold, and how asks of persons become asks of roles."""

from datetime import date
from typing import Any

from dossier.domain.acts import Standing
from dossier.domain.household import asked_of, is_adult, moving_in, must_confirm, to_bring, unconfirmed

DAY = date(2024, 3, 20)


def test_a_birthday_makes_an_adult_and_29_february_counts_on_1_march() -> None:
    assert is_adult(date(2006, 3, 20), DAY)
    assert not is_adult(date(2006, 3, 21), DAY)
    assert not is_adult(date(2008, 2, 29), date(2026, 2, 28))
    assert is_adult(date(2008, 2, 29), date(2026, 3, 1))


MEMBERS: list[dict[str, Any]] = [
    {"id": "p1", "role": "applicant", "born_on": "2007-01-01"},  # emancipated: confirms for himself
    {"id": "p2", "role": "partner"},
    {"id": "adult", "role": "co_resident", "born_on": "1950-01-01"},
    {"id": "child", "role": "co_resident", "born_on": "2007-01-01"},
    {"id": "unknown", "role": "co_resident"},
    {"id": "stays", "role": "co_resident", "born_on": "1950-01-01", "moves_in": False},
]
PERSONS = {member["id"]: f"number of {member['id']}" for member in MEMBERS}


def test_every_adult_who_moves_in_confirms_and_who_may_be_one() -> None:
    assert must_confirm(MEMBERS, PERSONS, Standing(), DAY) == ["p1", "p2", "adult", "unknown"]
    assert len(moving_in(MEMBERS, PERSONS)) == 5


def test_a_birthday_after_the_application_or_after_joining_asks_nobody() -> None:
    later = date(2025, 3, 20)
    assert "child" in must_confirm(MEMBERS, PERSONS, Standing(), later)
    assert "child" not in must_confirm(MEMBERS, PERSONS, Standing(submitted_on=DAY), later)
    joined = {"number of child": later}
    assert "child" in must_confirm(MEMBERS, PERSONS, Standing(submitted_on=DAY, joined=joined), later)


def test_a_confirmation_is_a_persons_and_who_becomes_partner_confirms_again() -> None:
    def waits(**confirmed: Any) -> list[str]:
        return unconfirmed(
            MEMBERS[:3], PERSONS, Standing(confirmed={f"number of {k}": v for k, v in confirmed.items()}), DAY
        )

    assert waits() == ["p1", "p2", "adult"]
    assert waits(p1="candidate", p2="co_resident", adult="co_resident") == ["p2"]
    assert waits(p1="candidate", p2="candidate", adult="candidate") == []


def test_asks_are_told_per_role_so_that_nobody_can_be_known_from_a_mail() -> None:
    members = [
        {"id": "c1", "role": "co_resident"},
        {"id": "p1", "role": "applicant"},
        {"id": "c2", "role": "co_resident"},
    ]
    asks = [("c1", ["handicap_certificate"]), ("p1", ["payslips", "certificate"]), ("c2", ["handicap_certificate"])]
    who_left = ("p2", ["payslips"])
    assert to_bring(asked_of(members, [*asks, who_left]), {("applicant", "payslips"): "2024-04-19"}) == [
        {"role": "applicant", "proofs": ["payslips"], "by": "2024-04-19"},
        {"role": "applicant", "proofs": ["certificate"], "by": None},
        {"role": "co_resident", "proofs": ["handicap_certificate"], "by": None},
    ]
