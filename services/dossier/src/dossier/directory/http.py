"""Which housing companies there are, for anyone."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cir_chassis.login import anyone
from cir_schemas.types import Company, Municipality, Shape
from dossier.directory.files import Directory


class CompanyRead(Shape):
    """A housing company, and how it is reached."""

    company: Company
    name: str
    address: str | None
    phone: str | None
    municipalities: tuple[Municipality, ...]
    areas: tuple[str, ...]


def routes(directory: Directory) -> APIRouter:
    """The endpoint under /v1."""
    router = APIRouter(prefix="/v1", tags=["companies"], dependencies=[Depends(anyone)])

    @router.get("/companies")
    async def companies(municipality: Annotated[Municipality | None, Query()] = None) -> list[CompanyRead]:
        """The housing companies, or the one of a municipality; none where no company lets homes there."""
        return [
            CompanyRead(company=id_, **entry.model_dump(exclude={"mailbox"}))
            for id_, entry in directory.companies.items()
            if municipality is None or municipality in entry.municipalities
        ]

    return router
