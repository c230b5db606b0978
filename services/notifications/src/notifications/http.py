"""What is asked of notifications: what became of the messages of a dossier, by the case worker of its company."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from cir_chassis.database import Database
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem
from cir_schemas.types import Shape
from notifications.store import NotificationsWork


class MessageRead(Shape):
    """One message and its fate, without its address, and without the organisation that referred."""

    event: UUID
    """The happening it tells of."""
    kind: str
    audience: str
    channel: str
    state: str
    """waiting · sent · failed · no_address · superseded · withdrawn"""
    message_id: str | None
    at: datetime
    """Since when it is in this state."""


def routes(database: Database[NotificationsWork]) -> APIRouter:
    """The endpoints under /v1."""
    router = APIRouter(prefix="/v1", tags=["messages"])

    @router.get("/messages")
    async def messages(dossier: UUID, caller: Annotated[Caller, Depends(may("case_worker"))]) -> list[MessageRead]:
        """Every message of a dossier, oldest first."""
        async with database.work() as work:
            company = await work.company_of(dossier)
            if company is None or company != caller.relation("company"):
                raise Problem(404, "There is no such dossier, or it is not yours to see.")
            return [
                MessageRead(**{name: getattr(message, name) for name in MessageRead.model_fields})
                for message in await work.messages_of(dossier)
            ]

    return router
