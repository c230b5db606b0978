"""What people ask of the register, and what they get to see: the shapes of its requests and answers."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from cir_schemas.dossier import HelperDeclared, StayDeclared, ToBring
from cir_schemas.eligibility import Assessment
from cir_schemas.household import MOST_MEMBERS, Household, MemberDeclared
from cir_schemas.types import Day, DossierNumber, Email, Language, MemberId, Municipality, NotBlank, Role, Shape, Status
from dossier.domain.numbers import born_on
from dossier.facts.compose import STRUCTURE

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), NotBlank]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ./-]{5,24}$")]
Places = Annotated[tuple[Municipality, ...], Field(max_length=50)]
Wants = Annotated[Places, Field(min_length=1)]
Stays = Annotated[tuple[StayDeclared, ...], Field(max_length=30)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=2000), NotBlank]


def _as_list(reasons: object) -> object:
    if isinstance(reasons, str):
        return [reasons] if reasons.strip() else []
    return [] if reasons is None else reasons


Reasons = Annotated[tuple[Reason, ...], Field(max_length=20), BeforeValidator(_as_list)]
"""One or more, as a text or a list of texts; each at least ten characters long."""


def _checked(number: str) -> str:
    born_on(number)
    return number


class Address(Shape):
    """Where somebody lives, stays or gets his post."""

    street: Text
    house_number: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
    box: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)] | None = None
    postal_code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=12)]
    place: Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "BE"


class Sheet(Shape):
    """Who a person is and how he is reached; none of it decides anything."""

    first_name: Text | None = None
    last_name: Text | None = None
    email: Email | None = None
    phones: Annotated[tuple[Phone, ...], Field(max_length=5)] | None = None
    home: Address | None = None
    stay: Address | None = None
    post: Address | None = None
    gives_care_in: Places | None = None
    receives_care_in: Places | None = None


class PersonDeclared(MemberDeclared, Sheet):
    """A member as he is declared: his facts, his sheet, and the number that recognises him at the login."""

    number: Annotated[str, AfterValidator(_checked)] | None = None


_BESIDE_FACTS = {"number", *Sheet.model_fields, *STRUCTURE}


class HouseholdDeclared(Household):
    """A household as it is declared. A number or a key of the sheet that is left out stays as it is on record."""

    members: Annotated[tuple[PersonDeclared, ...], Field(max_length=MOST_MEMBERS)]

    def places(self) -> list[dict[str, Any]]:
        """Who is in the household, as what, and whether he moves in."""
        return [member.model_dump(include=set(STRUCTURE)) for member in self.members]

    def facts(self) -> dict[str, dict[str, Any]]:
        """Member id → the facts that are given, as JSON."""
        return {
            one.id: one.model_dump(mode="json", include=one.model_fields_set - _BESIDE_FACTS, exclude_none=True)
            for one in self.members
        }

    def proofs(self) -> list[tuple[str | int, ...]]:
        """Where a proof is said to have been looked at, or handed in."""
        found: list[tuple[str | int, ...]] = []
        for n, member in enumerate(self.members):
            claims: dict[tuple[str | int, ...], Any]
            claims = {(name,): getattr(member, name) for name in ("recent_income", "set_aside", "no_income_declared")}
            claims |= {("real_rights", nth): right for nth, right in enumerate(member.real_rights or ())}
            found += [("members", n, *place, "proof") for place, claim in claims.items() if claim and claim.proof]
        return found

    def sheets(self) -> dict[str, dict[str, Any]]:
        """Member id → the keys of his sheet that are given, as JSON."""
        keys = set(Sheet.model_fields)
        return {one.id: one.model_dump(mode="json", include=keys & one.model_fields_set) for one in self.members}


class Help(HelperDeclared):
    """Who helps with the registration. Who is to be informed must be known."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.inform and not (self.email and (self.organisation or self.kind == "other_person")):
            raise ValueError("to inform a helper takes the name of the organisation and an email address")
        return self


class _Ties(Shape):
    residence: Stays = ()
    informal_care_in: Places = ()


class Contacts(Shape):
    """How the household is reached, and who helps."""

    language: Language
    email: Email | None = None
    phone: Phone | None = None
    help: Help | None = None


class Wishes(_Ties):
    """Where the household wants to live, and what ties it there."""

    wants: Wants


class DossierStart(Contacts, _Ties):
    """What starts a dossier."""

    household: HouseholdDeclared
    municipality: Municipality
    wants: Wants | None = None


class Confirmation(Shape):
    """How a member confirmed."""

    on_paper: bool = False


ActionName = Literal[
    "withdraw",
    "deceased",
    "leave",
    "keep_date",
    "refuse",
    "strike",
    "reinstate",
    "hold",
    "wake",
    "appeal",
    "answer_appeal",
    "undo",
]
StrikeGround = Literal[
    "dwelling_accepted", "conditions_not_met", "false_statements", "own_request", "second_refusal", "no_response"
]

AppealGround = Literal[
    "other_preferred",
    "no_acceleration",
    "income_not_current",
    "struck",
    "allocation_refused",
    "not_registered",
    "joining_refused",
    "preference_refused",
    "no_premium",
    "reason_rejected",
]


class ActionRequest(Shape):
    """An action on a submitted dossier. on: the day it happened (today); member: who died; of: the former dossier's number;
    ground: of the law, why it was struck, or of the appeal that is made or answered; notified_on: the notice of the decision
    appealed against, where the register has no such decision; upheld: the answer; act: the one to undo, where that is not the
    newest possible one, or another was undone just before."""

    action: ActionName
    reasons: Reasons = ()
    on: Day | None = None
    member: MemberId | None = None
    of: DossierNumber | None = None
    ground: Literal[StrikeGround, AppealGround] | None = None
    notified_on: Day | None = None
    upheld: bool | None = None
    act: UUID | None = None


class ActionTaken(Shape):
    """The act on record, and where the dossier stands now."""

    id: UUID
    status: Status


class OnHold(Shape):
    """Since when no home is offered; the reason is for the household and for the company that treats it."""

    since: date
    reason: str | None


class Arrived(Shape):
    """A paper that came for a fact of a member, and waits to be judged."""

    member: MemberId
    role: Role
    fact: str


class Paper(Arrived):
    """A paper that a member may bring: one of the proofs, for that fact, by that day."""

    proofs: list[str]
    by: date | None


class DossierRead(Shape):
    """Where a dossier stands. assessment: as much of it as the caller may see; actions: what he may do now."""

    id: UUID
    number: str | None
    status: Status
    registered_on: date | None
    facts_version: int
    assessed_version: int | None
    pending: list[str]
    assessment: Assessment | None
    actions: list[str]
    on_hold: OnHold | None
    asked: list[ToBring]
    """What is asked, per role and by when: for the household, the treating company and the helper."""
    papers: list[Paper]
    """What of it a document answers that nobody brought yet, by member and fact."""
    arrived: list[Arrived]
    """What was brought by anybody and waits: for who sees what is asked."""
    appeal_by: date | None
    """Until when an appeal against the decision that closed it is in time."""


class DossierListed(Shape):
    """A dossier of the caller's, or one that waits for his confirmation: he is the member. To a case worker one that he looked
    for, with the member whom he looked for and his name."""

    id: UUID
    number: str | None
    status: Status
    member: MemberId
    role: str
    pending: list[str]
    name: str | None = Field(default=None, exclude_if=lambda name: name is None)


class DossierHelped(Shape):
    """A dossier that the caller's organisation helps with. by: when the first of what is asked is due."""

    id: UUID
    number: str | None
    status: Status
    asked: list[ToBring]
    by: date | None


class FileRead(Shape):
    """What is on record of the household. Who has not confirmed sees the members' roles and his own facts alone.

    declared: by people; household: as the rules see it; origins: of each fact, by member; ties: what counts for the order.
    """

    facts_version: int
    declared: dict[str, list[Any]]
    household: dict[str, list[dict[str, Any]]]
    origins: dict[str, dict[str, Any]]
    contacts: dict[str, Any] | None
    wishes: dict[str, Any] | None
    ties: dict[str, Any] | None


class HistoryItem(Shape):
    """One act. by: the role of who acted; ground: why somebody was struck, or appeals; late: was an appeal out of time? upheld:
    was it answered so?"""

    id: UUID
    at: datetime
    on: date
    kind: str
    by: str
    reasons: list[str]
    ground: str | None = None
    late: bool | None = None
    upheld: bool | None = None


class AuditItem(Shape):
    """One reading or change. by: the role; works_for: the company or organisation; call: method and path; detail: the action."""

    id: int
    at: datetime
    by: str
    works_for: str | None
    relation: str
    call: str
    detail: str | None


class Started(Shape):
    """The new dossier."""

    id: UUID


class Changed(Shape):
    """The version to name in If-Match at the next change."""

    facts_version: int


class Submitted(Shape):
    """The number that the dossier has from now on."""

    number: str
