"""What every door asks: whose the dossier is, and how a refusal is told."""

from collections.abc import Callable
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from cir_chassis.login import Caller
from cir_chassis.problems import NotAllowed, Problem
from cir_chassis.pseudonym import pseudonym
from cir_schemas.types import DossierRef
from priority.handlers import COMMANDS, NoSuchGroup, NotTheirs, Refused
from priority.store import Candidacy, PriorityWork

Words = Annotated[str, Field(min_length=1, max_length=10_000)]
Reasons = Annotated[
    tuple[Words, ...],
    Field(min_length=1, max_length=50),
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
]


def order(command: object, work: PriorityWork) -> None:
    """Carry it out, or tell why not; then nothing is stored."""
    refusing(lambda: COMMANDS[type(command)](command, work))


def refusing(act: Callable[[], None]) -> None:
    """Do it; a refusal becomes its problem document."""
    try:
        act()
    except NotTheirs as why:
        raise NotAllowed(str(why)) from None
    except NoSuchGroup as why:
        raise Problem(422, str(why), [("group", "unknown here")]) from None
    except Refused as why:
        raise Problem(409, str(why)) from None


def company_of(caller: Caller) -> str:
    """The company that he works for, or sits in the council of."""
    company = caller.relation("company")
    if company is None:
        raise NotAllowed("your login names no housing company")
    return company


def organisation_of(caller: Caller) -> str:
    """The organisation that he works for; a company may be a referrer as well."""
    name = caller.relation("organisation" if caller.role == "helper" else "company")
    if name is None:
        raise NotAllowed("your login names no organisation")
    return name


async def own(
    dossier: DossierRef, caller: Caller, work: PriorityWork, key: SecretStr, *, lock: bool = False
) -> Candidacy:
    """The dossier, if it is his or his company treats it. To anybody else it does not exist (404)."""
    known, number = await work.find(dossier, lock=lock), caller.relation("number")
    if known and caller.role == "case_worker" and known.company and known.company == caller.relation("company"):
        return known
    if known and caller.role == "candidate" and number and pseudonym(number, key) in (known.candidates or ()):
        return known
    raise Problem(404, "There is no such dossier, or it is not yours to see.")
