"""Requests are held to caps and plain forms; an event that carries more stays readable."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cir_schemas import CandidacyRecorded, ContactsRecorded, HouseholdRecorded
from cir_schemas.envelope import Event
from cir_schemas.household import HouseholdToAssess
from cir_schemas.types import Email, Municipality

ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
ODD = "::=?utf-8?b?QmNjOiB4QHk=?=':x@y.be"
ADDRESS: TypeAdapter[str] = TypeAdapter(Email)


def read(event: Event) -> Event:
    return type(event).read(event.headers(), event.key.encode(), event.value())


def accepted(text: str) -> bool:
    try:
        return bool(ADDRESS.validate_python(text))
    except ValidationError:
        return False


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.org",
        "Anna.De-Vos+cir@sub.example.be",
        "a@b.cd",
        f"{'a' * 64}@example.org",
        "x@xn--bcher-kva.example",
    ],
)
def test_an_ordinary_address_is_taken(address: str) -> None:
    assert accepted(address)


@pytest.mark.parametrize(
    "address",
    [
        ODD, "anna", "a@b", "@example.org", "a@@example.org", "a@b@example.org", "a b@example.org", "a(b)@example.org",
        "a:b@example.org", '"a"@example.org', "a'b@example.org", ".a@example.org", "a.@example.org", "a..b@example.org",
        "a@-b.org", "a@b-.org", "a@b..org", "a@.b.org", "a@b.org.", "a@[10.0.0.1]", "a@10.0.0.1", "a@éxample.org",
        "é@example.org", "a%b@example.org", "a!b@example.org", "a@example.org\n", "a@example.org\r\nBcc: b@example.org",
        f"{'a' * 65}@example.org", f"a@{'b' * 64}.org", f"a@{'b.' * 126}org", "a@example.org,b@example.org",
    ],
)  # fmt: skip
def test_an_address_that_means_more_is_refused(address: str) -> None:
    assert not accepted(address)


PIECES = st.sampled_from(
    ["=?", "?=", "utf-8", "?b?", ":", ";", "(", ")", '"', "'", "<", ">", ",", "\\", " ", "\t", "\r\n", "\n", "\0", "@", ".", "-",
     "+", "a", "b9", "example", "org", "é", "٣", "\u200b", "[", "]", "%", "!"]
)  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(PIECES).map("".join), st.emails(), st.from_regex(r"[!-~]{1,9}@[!-~]{1,9}\.[a-z]{2}"))
)
@example(ODD)
def test_no_accepted_address_has_a_meaning_in_a_header(text: str) -> None:
    if not accepted(text):
        return
    assert text.isascii()
    assert text.isprintable()
    assert not re.search(r"""=\?|[:;()<>,"'\\\s\[\]]""", text)
    local, _, domain = text.partition("@")
    assert len(text) <= 254
    assert 1 <= len(local) <= 64
    assert all(1 <= len(label) <= 63 for label in domain.split("."))
    message = EmailMessage()
    message["To"] = Address(addr_spec=text)
    assert [address.addr_spec for address in message["To"].addresses] == [text]
    assert message.as_bytes() == f"To: {text}\n\n".encode() or "".join(message.as_string().split()) == f"To:{text}"


def test_a_municipality_is_written_in_ascii_digits() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Municipality).validate_python("٢٤٠٦٢")


def crowded(**more: Any) -> dict[str, Any]:
    return {"members": [{"id": "p1", "role": "applicant"} | more]}


@pytest.mark.parametrize(
    ("household", "place"),
    [
        (crowded(incomes=[{"year": 1990 + n} for n in range(21)]), "members.0.incomes"),
        (crowded(real_rights=[{"right": "full_ownership"}] * 21), "members.0.real_rights"),
        ({"members": [*crowded()["members"], *({"id": f"c{n}", "role": "co_resident"} for n in range(50))]}, "members"),
    ],
)
def test_a_list_has_a_cap_in_a_request_and_none_in_an_event(household: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HouseholdToAssess.model_validate(household | {"reference_date": "2024-03-20"})
    [wrong] = caught.value.errors()
    assert (".".join(map(str, wrong["loc"])), wrong["type"]) == (place, "too_long")
    event = HouseholdRecorded.model_validate({"dossier": ID, "version": 1, "facts_version": 1, "household": household})
    assert read(event) == event


def test_an_event_is_read_whatever_a_request_may_now_hold() -> None:
    stay = {"member": "p2", "municipality": "24062", "area": "a" * 300, "from": "2010-01-01"}
    wants = [{"municipality": "99999"}] * 60
    place = {
        "dossier": ID,
        "version": 1,
        "status": "draft",
        "company": "dijledal",
        "municipality": "24062",
        "persons": 1,
    }
    help_ = {"kind": "ocmw", "organisation": "o" * 300, "email": ODD}
    for event in (
        CandidacyRecorded.model_validate(
            place | {"residence": [stay] * 40, "wants": wants, "informal_care_in": ["24062"] * 60}
        ),
        ContactsRecorded.model_validate(
            {"dossier": ID, "version": 1, "company": "dijledal", "language": "nl", "email": ODD, "help": help_}
        ),
    ):
        assert read(event) == event
