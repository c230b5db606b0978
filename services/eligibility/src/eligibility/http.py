"""What is asked of eligibility over HTTP: what would be decided of a household. Nothing is stored, and nobody logs in."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from cir_chassis.http import Problem
from cir_chassis.login import anyone
from cir_schemas.eligibility import Assessment
from cir_schemas.household import HouseholdToAssess
from eligibility.asked import impossible
from eligibility.domain.decide import Engine


def routes(engine: Engine) -> APIRouter:
    """The endpoints under /v1."""
    router = APIRouter(prefix="/v1", tags=["assessment"])

    @router.post("/preview", response_model=Assessment, dependencies=[Depends(anyone)])
    def preview(household: HouseholdToAssess) -> Any:
        """What the rules in force would decide of this household."""
        if errors := impossible(household):
            day = household.reference_date
            raise Problem(422, f"What was declared cannot be true on {day}: see errors. Nothing was stored.", errors)
        return JSONResponse(engine.decide([household.model_dump()])[0])

    return router
