"""Which housing company is mine, for anyone, by the name of a municipality."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import whoever
from cir_schemas.municipalities import NAMES
from dossier.directory.files import Directory


def routes(pages: Pages, directory: Directory) -> APIRouter:
    """The page."""
    router = pages.router()
    names = {place: NAMES.get(place, place) for place in {**NAMES, **directory.treats}}

    @router.get("/companies")
    async def find(
        request: Request,
        caller: Annotated[Caller | None, Depends(whoever)],
        municipality: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """The company of a municipality; where the name is none, the municipalities with one alike."""
        typed = municipality.strip().casefold()
        exact = [place for place, name in names.items() if typed in (place, name.casefold())]
        alike = exact or [place for place, name in names.items() if typed and typed in name.casefold()]
        place = alike[0] if len(alike) == 1 else None
        company = directory.companies.get(directory.treats.get(place or "", ""))
        return pages.show(
            request, "companies", names=names, typed=municipality, place=place, company=company, alike=alike
        )

    return router
