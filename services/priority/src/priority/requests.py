"""Requests, in a file or over HTTP: a mistake is refused with its place."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from cir_chassis.problems import path_of
from cir_chassis.yaml_file import read_yaml
from cir_schemas import dossier
from cir_schemas.priority import Decision
from cir_schemas.types import Cents, Company, Day, DossierNumber, DossierRef, Municipality, NotBlank, Shape, Status
from priority.domain import ranking
from priority.domain.turns import flat

M = TypeVar("M", bound=BaseModel)


class WrongFile(Exception):
    """One line per mistake: file, place, what is wrong."""


def _is_a_number_of_a_day(number: str) -> str:
    ranking.number_parts(number)  # its first three parts are a day
    return number


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$"), Field(description="of a group")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000), NotBlank]
Reasons = Annotated[
    tuple[Words, ...],
    Field(min_length=1, max_length=50),
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
]
Years = Annotated[int, Field(ge=1, le=100)]


class Dwelling(Shape):
    id: str
    municipality: Municipality
    company: Company
    area: str | None = None
    bedrooms: Annotated[int, Field(ge=0, le=1000)]
    min_persons: Annotated[int, Field(ge=1, le=1000)]
    max_persons: Annotated[int, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _somebody_fits(self) -> "Dwelling":
        if self.max_persons < self.min_persons:
            raise ValueError("max_persons is below min_persons: nobody would fit")
        return self


class Regulation(Shape):
    stricter_tie_years: Years | None = None
    area_tie: bool = False
    frozen_until: Day | None = None

    def in_domain(self) -> ranking.Regulation:
        return ranking.Regulation(**self.model_dump())


class Stay(dossier.Stay):
    @model_validator(mode="after")
    def _goes_forward(self) -> "Stay":
        if self.until is not None and self.until <= self.from_:
            raise ValueError("a stay ends after it begins")
        return self


class Candidate(Shape):
    dossier: Annotated[DossierNumber, AfterValidator(_is_a_number_of_a_day)]
    status: Status
    registered_on: Day | None = None
    persons: Annotated[int, Field(ge=1)]
    wants: tuple[Municipality, ...]
    residence: tuple[Stay, ...] = ()
    informal_care_in: tuple[Municipality, ...] = ()
    paused_until: Day | None = None

    @model_validator(mode="after")
    def _is_registered_since(self) -> "Candidate":
        if self.status == ranking.ON_THE_LIST and self.registered_on is None:
            raise ValueError("who is registered has a date of registration (registered_on)")
        return self


class RankRequest(Shape):
    """A ranking for this dwelling, on this day."""

    on: Day
    dwelling: Dwelling
    regulation: Regulation = Regulation()
    candidates: tuple[Candidate, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "RankRequest":
        numbers = [candidate.dossier for candidate in self.candidates]
        if twice := next((number for n, number in enumerate(numbers) if number in numbers[:n]), None):
            raise ValueError(f"dossier {twice} stands here twice")
        return self

    def in_domain(self) -> tuple[date, ranking.Dwelling, ranking.Regulation, list[ranking.Candidate]]:
        dwelling = ranking.Dwelling(
            **self.dwelling.model_dump(include={"municipality", "area", "min_persons", "max_persons"})
        )
        candidates = [
            ranking.Candidate(
                **candidate.model_dump(exclude={"residence"}),
                residence=tuple(
                    ranking.Stay(s.municipality, s.area, s.from_, s.until, s.member) for s in candidate.residence
                ),
            )
            for candidate in self.candidates
        ]
        return self.on, dwelling, self.regulation.in_domain(), candidates


Share = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,20})?$", description="a decimal string")]


class TurnsRequest(Shape):
    """A sequence of so many turns."""

    accelerated_share: Share
    groups: dict[str, Share]
    slots: Annotated[int, Field(ge=0)]

    def shares(self) -> dict[str, Fraction]:
        """Raises `SharesDoNotAddUp`."""
        return flat(exact(self.accelerated_share), {name: exact(share) for name, share in self.groups.items()})


def exact(share: str) -> Fraction:
    return Fraction(Decimal(share))


class Vote(Shape):
    """How one member of the council voted. municipality: on whose behalf, where it is one."""

    member: Annotated[str, Field(min_length=1, max_length=200)]
    municipality: Municipality | None = None
    vote: Literal["for", "against", "abstained"]


class Adoption(Shape):
    """How the council voted. ends: the agreement whose place this one takes from its first day on."""

    votes: Annotated[tuple[Vote, ...], Field(min_length=1)]
    ends: UUID | None = None


class Situation(Shape):
    """A housing situation, and the ids of the documents that show it."""

    dossier: DossierRef
    text: Words
    documents: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)] = ()


class Review(Shape):
    """The decision. group: the target group of a priority, the accelerated group whose referrer it is forwarded to."""

    decision: Decision
    group: Name | None = None
    reasons: Reasons


class Referral(Shape):
    """A candidate whom an organisation refers to a company, for which group and why; the guidance is to make the tenancy last."""

    dossier: DossierRef
    company: Company
    municipality: Municipality
    area: str | None = None
    group: Name
    reasons: Reasons
    guidance_plan: Words


Key = Annotated[
    str,  # not of points alone: `..` in an address is another address
    Field(pattern=r"^[._-]*[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60, description="The company's own"),
]


class Vacancy(Dwelling):
    """A dwelling that comes free; it may come free again, as another vacancy. rent: a month. target_group: the one that it is
    kept for, if any (pillar 3). otherwise: the reasons for which it differs from what it was when it was withdrawn."""

    id: Key
    dwelling: Key
    target_group: Name | None = None
    free_on: Day | None = None
    rent: Cents
    otherwise: Reasons | None = None


class Proposal(Shape):
    """The turn and the dossier, as `next` had them."""

    turn: int
    dossier: DossierNumber


class OfferAnswer(Shape):
    """What the candidate answers. on: the day on which it came, on paper; a refusal on paper has a reason as well."""

    answer: Literal["accept", "refuse"]
    reason: Words | None = None
    on: Day | None = None


class Reasoned(Shape):
    """What is done for these reasons."""

    reasons: Reasons


class Special(Reasoned):
    """A home that the company's board gives beside the turns (pillar 4). decided_by: who decided, as its minutes have them. The
    council reads the reasons: they name no candidate."""

    dossier: DossierNumber
    kind: Literal["special_allocation", "internal_transfer"]
    decided_on: Day
    decided_by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), NotBlank]


class Judgement(Reasoned):
    """Whether a refusal, or a silence, had a good reason. ground: what it was for, of rules/refusal_grounds.yaml."""

    well_founded: bool
    ground: str | None = None


class Lease(Shape):
    """The lease. statements_seen: the balances were proven, on paper or by document."""

    signed_on: Day
    statements_seen: bool


class OfferAtDossier(Shape):
    """How an offer stands at dossier, and since which day: a line of `python -m dossier offers`."""

    dossier: UUID
    number: DossierNumber
    offer: UUID
    company: Company
    state: Literal["checking", "open", "accepted", "refused", "no_answer", "withdrawn", "lapsed", "signed"]
    on: Day


def read(file: Path, shape: type[M]) -> M:
    """The file, in that shape. Raises `WrongFile`."""
    try:
        given = read_yaml(file) if file.suffix in (".yaml", ".yml") else json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise WrongFile(f"{file}: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise WrongFile(f"{file}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except yaml.YAMLError as error:
        raise WrongFile(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    except UnicodeDecodeError:
        raise WrongFile(f"{file}: not UTF-8") from None
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)
        raise WrongFile("\n".join(f"{file}: {path_of(e['loc']) or 'the file'}: {e['msg']}" for e in wrong)) from None
