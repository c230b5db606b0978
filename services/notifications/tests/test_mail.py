"""Whatever stands in an address or a name, a mail has the headers that it should have and one recipient."""

from base64 import b64encode
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from notifications.app import TEMPLATES
from notifications.domain.recipients import TEMPLATE_OF
from notifications.letters import Letters
from notifications.sender import write_mail
from notifications.store import Due

LETTERS = Letters(TEMPLATES)
HEADERS = sorted(
    (
        "To",
        "From",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Language",
        "Content-Type",
        "MIME-Version",
    )
)
HIDDEN = "=?utf-8?b?" + b64encode(b"x@y.example,\r\nBcc: spy@x.example\r\n\r\n").decode() + "?="
ATEXT = "abcXYZ019!#$%&'*+-/=?^_`{|}~"
LABELS = st.text("abcXYZ019-", min_size=1, max_size=20).map(lambda label: f"a{label}z")
DOMAINS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
LOCAL_PARTS = st.lists(st.text(ATEXT, min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)
NAMES = st.text(max_size=200) | st.just(HIDDEN) | st.text(max_size=20).map(lambda name: f"{name}\r\n{HIDDEN}")


def written(address: str, **changed: Any) -> bytes:
    due: dict[str, Any] = {
        "event": UUID(int=1), "channel": "email", "audience": "candidate", "kind": "submitted", "language": "nl",
        "number": "2024.03.20.0001", "company": "Dijledal", "phone": None, "organisation": None, "asks": [],
        "message_id": "<1.candidate.email@cir.example>", "at": datetime.now(UTC), "tries": 0, "trace": None, "address": address,
        "dossier": UUID(int=2), "addressee": None, "superseded": False, "happened_at": datetime.now(UTC), "state": "waiting",
        "due_at": datetime.now(UTC), "email": None, "readers": (), "member": None, "by": None, "role": None, "fact": None,
        "applicant": None, "offer": None,
    }  # fmt: skip
    return write_mail(Due(**(due | changed)), address, LETTERS, "register@cir.example", {})


def as_read(mail: bytes) -> EmailMessage:
    """The mail as a server and a reader take it; its headers are those that it should have, and no others."""
    raw: Message = message_from_bytes(mail, policy=policy.compat32)
    assert sorted(raw.keys()) == HEADERS
    read = message_from_bytes(mail, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert len(read["To"].addresses) == 1
    return read


@given(ADDRESSES.filter(lambda address: "=?" not in address))
def test_a_mail_goes_to_its_address_alone(address: str) -> None:
    assert as_read(written(address))["To"].addresses[0].addr_spec == address


@given(
    st.text(max_size=60)
    | st.builds("{}{}@{}".format, LOCAL_PARTS, NAMES, DOMAINS)
    | st.builds("{}{}{}".format, ADDRESSES, NAMES, ADDRESSES)
)
@example(f"::{HIDDEN}':x@y.example")
@example("=?utf-8?q?a?=@x.example")
@example("anna(the first)@x.example")
@example("anna@x.ex\u00e4mple")
def test_what_is_no_address_hides_no_header_and_no_recipient(address: str) -> None:
    try:
        mail = written(address)
    except Exception:  # the message ends as failed
        return
    assert as_read(mail)["To"].addresses[0].addr_spec == address


@given(
    kind=st.sampled_from([kind for kind in TEMPLATE_OF if kind.startswith("referral")]),
    audience=st.sampled_from(["candidate", "helper", "referrer"]),
    language=st.sampled_from(["nl", "en"]),
    number=NAMES,
    company=NAMES,
    organisation=NAMES,
    asks=st.lists(
        st.fixed_dictionaries({"role": NAMES, "proofs": st.lists(NAMES, max_size=2), "by": st.none()}), max_size=2
    ),
)
@example(
    kind="referral_accepted",
    audience="referrer",
    language="nl",
    number=HIDDEN,
    company=HIDDEN,
    organisation=HIDDEN,
    asks=[],
)
def test_no_name_adds_a_header_or_a_recipient(**names: Any) -> None:
    assert as_read(written("anna@x.example", **names))["To"] == "anna@x.example"
