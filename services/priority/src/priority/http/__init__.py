"""What is asked of priority, by whom."""

from fastapi import APIRouter
from pydantic import SecretStr

from cir_chassis.database import Database
from priority.http import council, dwellings, lists, referrals, situations
from priority.store import PriorityWork


def routes(database: Database[PriorityWork], key: SecretStr) -> APIRouter:
    """Priority's API. key: of the pseudonyms by which a candidate is known here."""
    router = APIRouter(prefix="/v1")
    for part in (lists, situations, referrals):
        router.include_router(part.routes(database, key))
    for part in (council, dwellings):
        router.include_router(part.routes(database))
    return router
