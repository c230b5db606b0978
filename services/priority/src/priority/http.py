"""What is asked of priority, by whom."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cir_chassis.database import Database
from cir_chassis.http import Problem
from cir_chassis.login import Caller, may
from cir_schemas.types import DossierNumber, Municipality, Shape
from priority.domain.order import BECAUSE
from priority.store import PriorityWork


class Place(Shape):
    """A place on the waiting list: the dossier's number, where it stands, and the criteria that put it there."""

    dossier: DossierNumber
    position: int
    because: tuple[str, ...]


def routes(database: Database[PriorityWork]) -> APIRouter:
    """Priority's API."""
    router = APIRouter(prefix="/v1", tags=["waiting list"])

    @router.get("/waiting-list")
    async def waiting_list(
        municipality: Annotated[Municipality, Query()], caller: Annotated[Caller, Depends(may("case_worker"))]
    ) -> list[Place]:
        """Who is registered for a municipality, in order: for the case workers of the company that lets homes there."""
        async with database.work() as work:
            companies = await work.companies_of(municipality)
            if companies and caller.relation("company") not in companies:
                raise Problem(404, "Your company has no waiting list for this municipality.")
            numbers = await work.waiting_list(municipality)
        return [Place(dossier=number, position=n, because=BECAUSE) for n, number in enumerate(numbers, start=1)]

    return router
