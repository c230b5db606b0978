"""What a case worker says of a document, and what people get to see of documents."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from cir_schemas.household import MemberDeclared
from cir_schemas.types import MemberId, Role, Shape
from dossier.facts.compose import STRUCTURE
from dossier.register.requests import Reasons

Decision = Literal["accepted", "rejected"]


class Facts(MemberDeclared):
    """Facts of a member, as in a household."""

    id: MemberId = "-"
    role: Role = "applicant"

    @model_validator(mode="after")
    def _facts_alone(self) -> Self:
        if given := self.model_fields_set & {*STRUCTURE}:
            raise ValueError(f"no document says this of a member: {', '.join(sorted(given))}")
        return self

    def given(self) -> dict[str, Any]:
        """Those that are given, as JSON."""
        return self.model_dump(mode="json", include=self.model_fields_set, exclude_none=True)


class Interpretation(Shape):
    """How a document is judged. facts: what follows from one that is accepted."""

    decision: Decision
    reasons: Annotated[Reasons, Field(min_length=1)]
    facts: Facts = Facts()


class Interpreted(Shape):
    """The act on record, and the facts as they now stand."""

    id: UUID
    state: Decision
    facts_version: int


class DocumentListed(Shape):
    """A document. state: uploaded (waits to be judged) · accepted · rejected · replaced (by another on the same fact) · lapsed
    (its person or right is gone, or the claim is another) · filed (for a housing situation). A helper sees neither name nor
    reasons."""

    id: UUID
    member: MemberId
    fact: str
    state: str
    at: datetime
    by: str
    """The role of who brought it."""
    name: str | None
    type: str
    size: int
    sha256: str
    reasons: list[str] | None
    judged_at: datetime | None = None
    judged_by: str | None = None
    """At the counter alone: the subject of who accepted or rejected it."""
    claim_changed: dict[str, Any] | None = None
    """At the counter alone, where the claim was changed since it was brought: {"brought_for", "now"}. It is accepted with
    `facts`, or rejected: then the family is asked for another."""
