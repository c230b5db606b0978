"""Who is notified: the rules of consent, without anything around them."""

from typing import Any

import pytest

from notifications.domain.recipients import recipients

A, P, M, H = "a@x.example", "p@x.example", "m@x.example", "h@x.example"


def of(kind: str = "registered", **given: str | None) -> Any:
    return recipients(kind, {"candidate": None, "partner": None, "member": None, "helper": None} | given)


def test_candidate_partner_and_helper_are_told_each_at_his_own_address() -> None:
    assert of(candidate=A) == {"candidate": A}
    assert of(candidate=A, partner=P, member=M, helper=H) == {"candidate": A, "partner": P, "helper": H}


def test_a_candidate_without_an_address_is_not_forgotten_because_others_are_told() -> None:
    assert of(partner=P, helper=H) == {"candidate": None, "partner": P, "helper": H}


@pytest.mark.parametrize("others", [{"partner": A.upper()}, {"helper": A.upper()}, {"partner": A, "helper": A.upper()}])
def test_nobody_is_told_twice(others: dict[str, str]) -> None:
    assert of(candidate=A, **others) == {"candidate": A}


def test_an_address_of_partner_and_helper_gets_the_partners_mail() -> None:
    assert of(candidate=A, partner=P, helper=P) == {"candidate": A, "partner": P}


def test_an_invitation_goes_to_its_member_alone() -> None:
    assert of("member_invited", candidate=A, partner=P, member=M, helper=H) == {"member": M}


@pytest.mark.parametrize("kind", ["partner_left", "partner_died", "co_resident_removed"])
def test_a_helper_is_not_told_who_left_the_household(kind: str) -> None:
    assert of(kind, candidate=A, partner=P, member=M, helper=H) == {"candidate": A, "partner": P}


@pytest.mark.parametrize("kind", ["replaced_left", "replaced_died"])
def test_a_new_applicant_alone_is_told_that_he_is_it(kind: str) -> None:
    assert of(kind, candidate=A, partner=P, member=M, helper=H) == {"candidate": A}
