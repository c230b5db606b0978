"""What dossier publishes for priority (candidacies, companies) and notifications (contacts, happenings, companies and
organisations): never an amount or a reason."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from cir_schemas.envelope import DossierSnapshot, Happening, Snapshot
from cir_schemas.types import (
    Company,
    Day,
    DossierNumber,
    Email,
    Language,
    MemberId,
    Municipality,
    Organisation,
    RecordedEmail,
    Role,
    Shape,
    Status,
)

HelpKind = Literal["other_person", "ocmw", "housing_company", "housing_desk", "other_organisation"]


class Wanted(Shape):
    """A municipality where the household wants to live, and the company that lets homes there."""

    municipality: Municipality
    company: Company | None = None


class Stay(Shape):
    """A stay in a municipality; `until` is the first day not lived there, null lasts."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    municipality: Municipality
    area: str | None = None
    from_: Day = Field(alias="from")
    until: Day | None = None
    member: MemberId | None = None
    """The candidate who lived there; null: the applicant. He is named in all of his stays or in none."""


class StayDeclared(Stay):
    """A stay in a request."""

    area: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.until and self.until <= self.from_:
            raise ValueError("a stay ends after it begins: `until` is the first day not lived there")
        return self


class CandidacyRecorded(DossierSnapshot, topic="cir.dossier.v1"):
    """All that the waiting list reads, and nothing else."""

    status: Status
    number: DossierNumber | None = None
    registered_on: Day | None = None
    company: Company
    municipality: Municipality
    persons: int
    wants: tuple[Wanted, ...] = ()
    residence: tuple[Stay, ...] = ()
    informal_care_in: tuple[Municipality, ...] = ()
    paused_until: Day | None = None
    on_hold: bool = False
    """By an act of somebody: an offer that is not accepted lapses. Paused alone, it does not."""
    candidates: tuple[str, ...] = ()
    """Pseudonyms of applicant and partner: by them priority knows who asks about his own dossier."""


class Helper(Shape):
    """Who helps with the registration (inschrijvingshulp), and whether notices may go there too."""

    kind: HelpKind
    organisation: str | None = None
    email: RecordedEmail | None = None
    inform: bool = False


class HelperDeclared(Helper):
    """Who helps, in a request."""

    organisation: Annotated[str, Field(max_length=200)] | None = None
    email: Email | None = None


class MemberContact(Shape):
    """Where a member is reached who is to be invited, or has just left the household."""

    member: MemberId
    email: RecordedEmail


class MessageReader(Shape):
    """Applicant or partner, by the pseudonym of his number."""

    role: Literal["applicant", "partner"]
    person: str
    bound: bool = False
    """He started the dossier himself or confirmed: until then he reads nothing."""


class ContactsRecorded(DossierSnapshot, topic="cir.dossier.v1"):
    """Where a dossier's notices go, and in which language. The only event that carries addresses."""

    company: Company
    language: Language
    email: RecordedEmail | None = None
    """Of the applicant."""
    applicant: MemberId | None = None
    """Whom it is of: another applicant does not get what was meant for the one before."""
    partner_email: RecordedEmail | None = None
    """Of the partner, once he confirmed."""
    members: tuple[MemberContact, ...] = ()
    help: Helper | None = None
    confirmed: tuple[str, ...] = ()
    """Those of these addresses that a case worker entered at the counter: mails to them are not held back."""
    readers: tuple[MessageReader, ...] = ()
    """Who messages are for, and who of them may read them: each what was for him, from when it was."""


class DirectoryEntry(Shape):
    """How a company or an organisation is named in letters and reached."""

    name: str
    address: str | None = None
    phone: str | None = None
    mailbox: RecordedEmail | None = None
    """Where it reads the mails to it; null: nowhere any more."""
    municipalities: tuple[Municipality, ...] = ()
    """Where it lets homes or works."""


class CompanyEntry(DirectoryEntry):
    """A housing company; no other one lets homes in its municipalities."""

    areas: tuple[str, ...] = ()
    """Names of the parts of its municipalities, as stays, dwellings and agreements have them."""


class CompanyRecorded(CompanyEntry, Snapshot, topic="cir.dossier.v1", key="company"):
    """A housing company (woonmaatschappij), by its id. Without municipalities: it lets no homes any more."""

    company: Company


class OrganisationRecorded(DirectoryEntry, Snapshot, topic="cir.dossier.v1", key="organisation"):
    """An organisation that refers or helps candidates, by its id. Without a mailbox: it is mailed no more."""

    organisation: Organisation


class ToBring(Shape):
    """What one member is asked: documents, or (`confirmation`) to confirm by logging in."""

    role: Role
    proofs: tuple[str, ...]
    by: Day | None = None


Taken = Literal[
    "on_hold", "woken", "appealed", "appealed_late", "appeal_upheld", "appeal_rejected", "reinstated", "corrected"
]
"""What somebody decided or asked for. `corrected`: the newest message does not hold."""


class StatusChanged(Happening, topic="cir.dossier.v1"):
    """A dossier moved; `asks` says what is needed to go on."""

    number: DossierNumber
    was: Status
    now: Status
    asks: tuple[ToBring, ...] = ()
    by: Literal["candidate", "case_worker", "register"] | None = None
    """Whose act moved it; `register` where an assessment did."""
    decision: Taken | None = None
    """Of that act, where the new status alone does not tell it."""


class DecisionTaken(Happening, topic="cir.dossier.v1"):
    """Somebody decided about a dossier, or appealed, and the status stayed. The reasons stand in its history."""

    number: DossierNumber
    decision: Taken
    by: Literal["candidate", "case_worker"]


class DocumentInterpreted(Happening, topic="cir.dossier.v1"):
    """A case worker judged a document, or took that back (`undone`: it waits again); or somebody else brought another in the
    place of one that waited (`replaced`). The reasons stand in the dossier."""

    number: DossierNumber
    role: Role
    """Of the member whose document it is."""
    decision: Literal["accepted", "rejected", "undone", "replaced"]
    fact: str | None = None
    """The fact of that member that it proves, by its name in a household."""


class ProofAsked(Happening, topic="cir.dossier.v1"):
    """What is asked changed while the status stayed."""

    number: DossierNumber
    asks: tuple[ToBring, ...]


class MemberInvited(Happening, topic="cir.dossier.v1"):
    """An adult is to confirm that he takes part: he is invited by mail (audience `member`), which names nobody."""

    number: DossierNumber
    member: MemberId


class MemberLeft(Happening, topic="cir.dossier.v1"):
    """Somebody is no longer in the household, or no longer its partner: the applicant is told, and who was removed by another
    is told as well."""

    number: DossierNumber
    member: MemberId
    role: Role
    why: Literal["left", "removed", "died"]


class ApplicantReplaced(Happening, topic="cir.dossier.v1"):
    """The partner is the applicant from now on: he is told at his own address, the company where none is known."""

    number: DossierNumber
    why: Literal["left", "died"]


class OfferConfirmed(Happening, topic="cir.dossier.v1"):
    """The household meets the conditions on today's facts: priority may open the offer."""

    number: DossierNumber
    offer: UUID


class OfferDeclined(Happening, topic="cir.dossier.v1"):
    """The home cannot be offered to it now."""

    number: DossierNumber
    offer: UUID
    reasons: tuple[str, ...]
    """Ids: `closed`, `not_registered`, `on_hold`, `paused`, `confirmation`, `test_open`, or conditions that are not met."""
