"""An event goes over the wire and back, whatever a later contract adds; what cannot be read says where, not what."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cir_schemas import ContactsRecorded, HouseholdAssessed, StatusChanged
from cir_schemas.envelope import UnreadableEvent
from cir_schemas.types import DossierId


def changed() -> StatusChanged:
    return StatusChanged(
        dossier=DossierId(uuid4()), number="2024.03.20.0001", was="submitted", now="registered", trace="00-1-2-01"
    )


def test_comes_back_as_it_went() -> None:
    event = changed()
    assert StatusChanged.read(event.headers(), event.key.encode(), event.value()) == event


def test_the_payload_carries_nothing_of_the_headers() -> None:
    assert b"trace" not in changed().value()
    assert str(changed().id).encode() not in changed().value()


@pytest.mark.parametrize("later", [b'"colour":"blue"', b'"id":7', b'"at":"never"', b'"trace":{}'])
def test_a_field_of_a_later_contract_is_ignored(later: bytes) -> None:
    event = changed()
    value = event.value().replace(b'{"dossier"', b"{" + later + b',"dossier"')
    assert StatusChanged.read(event.headers(), event.key.encode(), value) == event


@pytest.mark.parametrize("header", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"])
def test_a_missing_header_is_named(header: str) -> None:
    event = changed()
    headers = event.headers()
    del headers[header]
    with pytest.raises(UnreadableEvent, match=header):
        StatusChanged.read(headers, event.key.encode(), event.value())


@pytest.mark.parametrize(
    ("header", "text", "reason"),
    [
        ("ce_time", "2024-03-20T10:00:00", "ce_time has no time zone"),
        ("ce_time", "yesterday", "a wrong ce_id or ce_time"),
        ("ce_id", "7", "a wrong ce_id or ce_time"),
        ("ce_source", "/priority", "ce_source is not the owner of the topic"),
    ],
)
def test_a_wrong_header_is_named(header: str, text: str, reason: str) -> None:
    event = changed()
    with pytest.raises(UnreadableEvent, match=reason):
        StatusChanged.read(event.headers() | {header: text}, event.key.encode(), event.value())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "the value is not a JSON object"),
        (b"[]", "not a JSON object"),
        (None, "the value is not a JSON object"),
        (b'{"dossier":"secret"}', "dossier: uuid_parsing"),
    ],
)
def test_an_unreadable_value_says_where_and_never_what(value: bytes | None, reason: str) -> None:
    event = changed()
    with pytest.raises(UnreadableEvent, match=reason) as caught:
        StatusChanged.read(event.headers(), event.key.encode(), value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("minutes", "readable"), [(4, True), (6, False)])
def test_a_snapshot_from_more_than_five_minutes_ahead_is_refused(minutes: int, readable: bool) -> None:
    version = int((datetime.now(UTC) + timedelta(minutes=minutes)).timestamp() * 1_000_000)
    event = ContactsRecorded(dossier=DossierId(uuid4()), version=version, company="dijledal", language="nl")
    if readable:
        assert ContactsRecorded.read(event.headers(), event.key.encode(), event.value()) == event
    else:
        with pytest.raises(UnreadableEvent, match="the version lies in the future"):
            ContactsRecorded.read(event.headers(), event.key.encode(), event.value())


def test_a_reason_quotes_no_key_of_the_value() -> None:
    headers = changed().headers() | {"ce_source": "/eligibility"}
    value = b'{"assessment":{"conditions":{"Jan Peeters earns 1250.00":{"outcome":"rich"}}}}'
    with pytest.raises(UnreadableEvent, match=r"assessment\.conditions\.\*\.outcome: literal_error") as caught:
        HouseholdAssessed.read(headers, headers["ce_subject"].encode(), value)
    assert "Peeters" not in str(caught.value)


def test_a_key_that_is_not_the_subject_is_refused() -> None:
    event = changed()
    with pytest.raises(UnreadableEvent, match="the key is not the subject"):
        StatusChanged.read(event.headers(), b"another", event.value())
    other = event.headers() | {"ce_subject": "another"}
    with pytest.raises(UnreadableEvent, match="in the value is not the subject"):
        StatusChanged.read(other, b"another", event.value())
