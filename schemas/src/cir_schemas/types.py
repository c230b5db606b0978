"""Ids, money and days as types of their own, so that none can stand in for another.

Money is integer cents inside and a decimal string outside: no float ever touches an amount.
"""

import re
import unicodedata
from datetime import date
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

DossierId = NewType("DossierId", UUID)
EventId = NewType("EventId", UUID)
TestId = NewType("TestId", UUID)
MemberId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
Municipality = Annotated[str, StringConstraints(pattern=r"^[0-9]{5}$"), Field(description="NIS code")]
Company = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$"), Field(description="Woonmaatschappij")]
Organisation = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$"), Field(description="That refers or helps candidates")
]
DossierNumber = Annotated[
    str, StringConstraints(pattern=r"^\d{4}\.\d{2}\.\d{2}\.\d{4,}$"), Field(description="Ascending per day")
]
DossierRef = UUID | DossierNumber
"""A dossier, by its id or by the number that stands on its papers."""
RecordedEmail = Annotated[
    str, StringConstraints(pattern=r"^[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+$", max_length=254)
]
"""An address as an event carries it: readable, but not all of these can be written to. Requests take `Email`."""


_WORD, _LABEL = "[A-Za-z0-9_&+=~-]+", "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_WORD}(\.{_WORD})*@({_LABEL}\.)+(?=[A-Za-z]){_LABEL}")


def _plain_address(email: str) -> str:
    if not _ADDRESS.fullmatch(email):
        raise ValueError("an email address is name@domain.example: letters, digits and . _ & + = ~ - before the @")
    return email


Email = Annotated[
    str, StringConstraints(max_length=254), AfterValidator(_plain_address), Field(json_schema_extra={"format": "email"})
]
"""An ASCII address, as requests and settings have it: no character of it has a meaning in a mail's headers."""


def _not_blank(text: str) -> str:
    if all(unicodedata.category(one)[0] in "CZ" for one in text):  # separators, and what has no glyph, such as U+200B
        raise ValueError("is blank")
    return text


NotBlank = AfterValidator(_not_blank)
"""For a text that somebody is to read, in a request: a character of it is visible."""
Language = Literal["nl", "en"]
Role = Literal["applicant", "partner", "co_resident"]
Outcome = Literal["met", "not_met", "to_investigate"]
Moment = Literal["registration", "update", "allocation"]
Status = Literal["draft", "submitted", "registered", "under_investigation", "refused", "struck", "withdrawn", "housed"]
Version = Annotated[int, Field(ge=0, description="Grows with every snapshot of the same aspect of the same subject")]

HIGHEST_CENTS = 9_000_000_00
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?", re.ASCII)


def cents(amount: object) -> int:
    """Read an amount of euro, a decimal string such as "29515.01", into cents.

    Raises ValueError on anything else, JSON numbers included: 0.1 + 0.2 is not an amount.
    """
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        raise ValueError('an amount is a decimal string in euro with at most two decimals, such as "1250.00"')
    euro, _, rest = amount.partition(".")
    return int(euro) * 100 + int(rest.ljust(2, "0") or 0)


def euro(amount: int) -> str:
    """Write cents as the decimal string that stands outside: 2951501 → "29515.01"."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"


Cents = Annotated[
    int,
    Field(ge=0, le=HIGHEST_CENTS),
    BeforeValidator(cents),
    PlainSerializer(euro, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,7}(\.\d{1,2})?$", "description": "Euro, at most 9000000.00"}),
]


class Shape(BaseModel):
    """A value that crosses a border. An unknown key is an error at our doors; who reads an event ignores it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _iso_date(value: object) -> object:
    # pydantic also reads timestamps and datetimes as dates; a birth date of 0 is a mistake, not 1970.
    if isinstance(value, date) or (isinstance(value, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        return value
    raise ValueError('a date is written as "YYYY-MM-DD"')


Day = Annotated[date, BeforeValidator(_iso_date)]
