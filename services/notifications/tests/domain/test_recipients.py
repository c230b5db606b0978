"""Who is told: the rules of consent, without anything around them."""

from notifications.domain.recipients import recipients


def test_a_candidate_is_told() -> None:
    assert recipients("a@x.example", None) == {"candidate": "a@x.example"}


def test_a_helper_is_told_as_well() -> None:
    assert recipients("a@x.example", "h@x.example") == {"candidate": "a@x.example", "helper": "h@x.example"}


def test_a_candidate_without_an_address_is_not_forgotten_because_a_helper_is_told() -> None:
    assert recipients(None, "h@x.example") == {"candidate": None, "helper": "h@x.example"}


def test_nobody_is_told_twice() -> None:
    assert recipients("a@x.example", "A@X.example") == {"candidate": "a@x.example"}
