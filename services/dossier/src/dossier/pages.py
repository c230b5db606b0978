"""The start page: what the register is, and the login."""

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from cir_chassis.clock import Clock
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.session import whoever


def routes(pages: Pages, clock: Clock, people: Path | None) -> APIRouter:
    """people: of the demo, whom one may look as: subject → name, and who that is in each language. Raises OSError."""
    router = pages.router()
    offered: dict[str, Any] = json.loads(people.read_text("utf-8")) if people else {}

    @router.get("/")
    async def start(request: Request, caller: Annotated[Caller | None, Depends(whoever)]) -> Response:
        """The door: what this is, and the login."""
        return pages.show(request, "start", people=offered, today=clock.today())

    return router
