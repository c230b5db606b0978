"""What is asked of the register, by whom: the candidate for his own dossier, the case worker of its company."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AfterValidator, Field

from cir_chassis.database import Database
from cir_chassis.http import if_match_version
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem, path_of
from cir_schemas.dossier import HelperDeclared, StayDeclared
from cir_schemas.eligibility import Assessment
from cir_schemas.household import MOST_MEMBERS, Household, MemberDeclared, impossible_on
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef, Email, Language, Municipality, Shape, Status
from dossier.domain.household import CANDIDATES
from dossier.domain.numbers import born_on, contradictions
from dossier.handlers import (
    COMMANDS,
    ChangeHousehold,
    ConfirmParticipation,
    StartDossier,
    SubmitDossier,
    pending,
    registered_on,
)
from dossier.store import Dossier, RegisterWork


def _checked(number: str) -> str:
    born_on(number)
    return number


class PersonDeclared(MemberDeclared):
    """A member as declared at the door: his facts, and the number that recognises him at the login."""

    number: Annotated[str, AfterValidator(_checked)] | None = None


class HouseholdDeclared(Household):
    """A household as declared at the door."""

    members: Annotated[tuple[PersonDeclared, ...], Field(max_length=MOST_MEMBERS)]

    def facts(self) -> list[dict[str, Any]]:
        """The members without their numbers, as JSON."""
        return [member.model_dump(mode="json", exclude={"number"}, exclude_none=True) for member in self.members]

    def numbers(self) -> dict[str, str | None]:
        """Member id → number."""
        return {member.id: member.number for member in self.members}


class DossierStart(Shape):
    """What starts a dossier."""

    household: HouseholdDeclared
    municipality: Municipality
    language: Language
    email: Email | None = None
    help: HelperDeclared | None = None
    wants: Annotated[tuple[Municipality, ...], Field(max_length=50)] | None = None
    residence: Annotated[tuple[StayDeclared, ...], Field(max_length=30)] = ()
    informal_care_in: Annotated[tuple[Municipality, ...], Field(max_length=50)] = ()


class Confirmation(Shape):
    """How a member confirmed."""

    on_paper: bool = False


class DossierRead(Shape):
    """A dossier as its candidate and its case worker see it."""

    id: UUID
    number: str | None
    status: Status
    registered_on: date | None
    facts_version: int
    assessed_version: int | None
    pending: list[str]
    assessment: Assessment | None


class Started(Shape):
    """The new dossier."""

    id: UUID


class Changed(Shape):
    """The version to name in If-Match at the next change."""

    facts_version: int


OwnOrCompany = Annotated[Caller, Depends(may("candidate", "case_worker"))]


def routes(database: Database[RegisterWork]) -> APIRouter:
    """The register's API."""
    router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"])

    def order(command: object, work: RegisterWork) -> None:
        COMMANDS[type(command)](command, work)

    @router.post("", status_code=201)
    async def start(
        body: DossierStart,
        request: Request,
        caller: OwnOrCompany,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    ) -> Started:
        """Start a dossier: the candidate himself, or a case worker of the municipality's company at the counter."""
        async with database.work() as work:

            async def effect() -> dict[str, str]:
                dossier = _new_dossier(body, caller, work)
                order(StartDossier(dossier, body.household.numbers()), work)
                await _claim(dossier, body.household, work)
                return {"id": str(dossier.id)}

            answer = await idempotent(work.connection, caller.subject, idempotency_key, await request.body(), effect)
        return Started.model_validate(answer)

    @router.get("/{dossier}")
    async def read(dossier: DossierRef, response: Response, caller: OwnOrCompany) -> DossierRead:
        """Where the dossier stands, why, and what it waits for."""
        async with database.work() as work:
            found = await _own(dossier, caller, work)
            response.headers["ETag"] = f'"{found.facts_version}"'
            return DossierRead(
                id=found.id,
                number=found.number,
                status=found.status,
                registered_on=registered_on(found),
                facts_version=found.facts_version,
                assessed_version=found.assessed_version,
                pending=pending(found, work),
                assessment=Assessment.model_validate(found.assessment, extra="ignore") if found.assessment else None,
            )

    @router.put("/{dossier}/household")
    async def change(
        dossier: UUID,
        body: HouseholdDeclared,
        response: Response,
        caller: OwnOrCompany,
        version: Annotated[int, Depends(if_match_version)],
    ) -> Changed:
        """Put other facts in the place of those on record, if they are still the ones that were read."""
        async with database.work() as work:
            found = await _own(dossier, caller, work)
            if version != found.facts_version:
                raise Problem(
                    412, f"The facts were changed meanwhile (version {found.facts_version}): read them again."
                )
            _refuse_other_persons(body, found, work)
            known = {member.member: member.number for member in work.members_of(found.id)}
            numbers = {id_: number or known.get(id_) for id_, number in body.numbers().items()}
            day = date.fromisoformat(found.test["reference_date"]) if found.test else work.clock.today()
            _refuse_impossible(body, numbers, day)
            order(ChangeHousehold(dossier, body.facts(), body.numbers()), work)
            await _claim(found, body, work)
            response.headers["ETag"] = f'"{found.facts_version + 1}"'
            return Changed(facts_version=found.facts_version + 1)

    @router.post("/{dossier}/submission", status_code=202)
    async def submit(dossier: UUID, caller: OwnOrCompany) -> dict[str, str]:
        """Apply: the dossier gets its number and its date, and the conditions are tested."""
        async with database.work() as work:
            found = await _own(dossier, caller, work)
            if found.submitted_on is None:
                nth = await work.draw_number(work.clock.today())
                order(SubmitDossier(dossier, nth), work)
            return {"number": str(work.dossiers.get(dossier).number)}

    @router.post("/{dossier}/members/{member}/confirmation", status_code=204)
    async def confirm(dossier: UUID, member: str, caller: OwnOrCompany, body: Confirmation | None = None) -> None:
        """A member confirms that he takes part: himself, logged in, or on paper at the case worker's."""
        async with database.work() as work:
            found = await _own(dossier, caller, work, anybody_in_it=True)
            confirming = work.members.find(dossier, member)
            if confirming is None or member not in {declared["id"] for declared in found.household}:
                raise Problem(404, "There is no such member in this dossier.")
            if caller.role == "case_worker":
                if body is None or not body.on_paper:
                    raise Problem(
                        422, "A case worker confirms for somebody on paper alone.", [("on_paper", "must be true")]
                    )
            elif confirming.number != caller.relation("number"):
                raise Problem(403, "Every adult confirms for himself: log in as this member.")
            order(ConfirmParticipation(dossier, member, caller.subject), work)

    return router


async def _own(ref: DossierRef, caller: Caller, work: RegisterWork, *, anybody_in_it: bool = False) -> Dossier:
    """The dossier, locked, if it is the caller's to see. To anybody else it does not exist (404)."""
    found = await work.find(ref)
    if found and caller.role == "case_worker" and caller.relation("company") == found.company:
        return found
    here = {member["id"] for member in found.household} if found else set()
    numbers = {
        member.number
        for member in (work.members_of(found.id) if found else ())
        if member.member in here and (anybody_in_it or member.role in CANDIDATES)
    }
    if found and caller.role == "candidate" and caller.relation("number") in numbers - {None}:
        return found
    raise Problem(404, "There is no such dossier, or it is not yours to see.")


def _new_dossier(body: DossierStart, caller: Caller, work: RegisterWork) -> Dossier:
    company = work.companies.get(body.municipality)
    if company is None:
        raise Problem(422, "No housing company treats this municipality.", [("municipality", "unknown")])
    at = {member.role: n for n, member in enumerate(body.household.members)}
    unknown = [n for n, place in enumerate(body.wants or ()) if place not in NAMES and place not in work.companies]
    if unknown:
        errors = [(f"wants[{n}]", "unknown") for n in unknown]
        raise Problem(422, "A household wants to live in municipalities of the Flemish Region: see errors.", errors)
    missing = [role for role in CANDIDATES if role in at and body.household.members[at[role]].number is None]
    if missing:
        errors = [(f"household.members[{at[role]}].number", f"the {role}'s number is needed") for role in missing]
        raise Problem(422, "An applicant and a partner are known by their national register number.", errors)
    applicant = body.household.members[at["applicant"]]
    if caller.role == "candidate" and caller.relation("number") != applicant.number:
        raise Problem(
            403, "A candidate starts his own dossier: the applicant's number is not the one you logged in with."
        )
    if caller.role == "case_worker" and caller.relation("company") != company:
        raise Problem(403, f"The company of this municipality is {company}: its case workers start a dossier here.")
    _refuse_impossible(body.household, body.household.numbers(), work.clock.today(), "household.")
    given = body.model_dump(mode="json", exclude_none=True)
    return Dossier(
        id=uuid4(),
        municipality=body.municipality,
        company=company,
        language=body.language,
        email=body.email,
        help=given.get("help"),
        wants=given.get("wants") or [body.municipality],
        residence=given["residence"],
        informal_care_in=given["informal_care_in"],
        household=body.household.facts(),
        started_at=work.clock.now(),
    )


async def _claim(dossier: Dossier, household: HouseholdDeclared, work: RegisterWork) -> None:
    """An applicant or partner is in one dossier only (409)."""
    here = {member.id for member in household.members}
    members = [m for m in work.members_of(dossier.id) if m.member in here and m.role in CANDIDATES and m.number]
    taken = await work.claim_candidates(dossier.id, {str(member.number) for member in members})
    if taken:
        ids = {member.member for member in members if member.number in taken}
        errors = [(f"members[{n}].number", "has a dossier") for n, m in enumerate(household.members) if m.id in ids]
        raise Problem(409, "An applicant or partner can be in one dossier only, and already has one.", errors)


def _refuse_impossible(household: Household, numbers: Mapping[str, str | None], day: date, prefix: str = "") -> None:
    """numbers: of every member, those on record included."""
    members = list(enumerate(household.members))
    of = {n: number for n, member in members if (number := numbers[member.id])}
    born = {n: member.born_on for n, member in members if member.born_on}
    if found := [*impossible_on(household, day), *contradictions(of, born)]:
        errors = [(prefix + path_of(place), why) for place, why in found]
        raise Problem(422, f"What was declared cannot be true on {day}: see errors. Nothing was stored.", errors)


def _refuse_other_persons(body: HouseholdDeclared, found: Dossier, work: RegisterWork) -> None:
    """A member's number and the applicant do not change: that would be another person's dossier."""
    applicant = next(member["id"] for member in found.household if member["role"] == "applicant")
    errors = [
        (f"members[{n}].number", "is not the number on record")
        for n, member in enumerate(body.members)
        if member.number
        and (known := work.members.find(found.id, member.id))
        and known.number not in (None, member.number)
    ] + [
        (f"members[{n}].role", f"the applicant is {applicant}")
        for n, member in enumerate(body.members)
        if member.role == "applicant" and member.id != applicant
    ]
    errors += [
        (f"members[{n}].number", f"the {member.role}'s number is needed")
        for n, member in enumerate(body.members)
        if member.role in CANDIDATES
        and member.number is None
        and not ((known := work.members.find(found.id, member.id)) and known.number)
    ]
    if errors:
        raise Problem(422, "A dossier stays its applicant's: see errors. Nothing was stored.", errors)
