"""What is asked of notifications: what became of the messages of a dossier, and that an address be mailed."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem
from cir_schemas.types import MemberId, Shape
from notifications.links import Links, WrongLink
from notifications.store import NotificationsWork
from notifications.use_cases import confirm_address, messages_of, restore_mails


class MessageRead(Shape):
    """One message and its fate, without its address, and without the organisation that referred."""

    event: UUID
    """The happening it is about."""
    kind: str
    audience: str
    channel: str
    state: str
    """waiting · sent · failed · no_address · superseded · withdrawn · stopped"""
    message_id: str | None
    at: datetime
    """Since when it is in this state."""


class Confirmation(Shape):
    """The token of the link `confirm` in a mail."""

    token: Annotated[str, Field(max_length=2000)]


class Restoration(Shape):
    """Whose address in which dossier a case worker vouches for: the one on record now."""

    dossier: UUID
    audience: Literal["candidate", "partner", "helper", "member"]
    member: MemberId | None = None
    """Of the audience `member`: which one."""


CaseWorker = Annotated[Caller, Depends(may("case_worker"))]
Work = Annotated[NotificationsWork, IN_WORK]


def routes(links: Links) -> APIRouter:
    """The endpoints under /v1."""
    router = APIRouter(prefix="/v1", tags=["messages"])

    @router.post("/addresses/confirmation", status_code=204)
    async def confirm(
        given: Confirmation, caller: Annotated[Caller, Depends(may("candidate", "helper"))], work: Work
    ) -> None:
        """Mails to the address are no longer held back: its reader logged in from one."""
        try:
            reader = links.read("confirm", given.token)
        except WrongLink:
            wrong = [("token", "not one of the link `confirm` in a mail")]
            raise Problem(422, "This confirms no address: send the token of the link whole.", wrong) from None
        await confirm_address(reader, caller, work)

    @router.post("/addresses/restoration", status_code=204)
    async def restore(given: Restoration, caller: CaseWorker, work: Work) -> None:
        """Mail an address again whose reader had said that it is not his, and hold nothing back."""
        await restore_mails(given.dossier, given.audience, given.member, caller, work)

    @router.get("/messages")
    async def messages(dossier: UUID, caller: CaseWorker, work: Work) -> list[MessageRead]:
        """Every message of a dossier, oldest first."""
        return [
            MessageRead(**{name: getattr(message, name) for name in MessageRead.model_fields})
            for message in await messages_of(dossier, caller, work)
        ]

    return router
