"""What is asked of priority, by whom."""

from fastapi import APIRouter
from pydantic import SecretStr

from cir_chassis.database import Database
from priority.http import council, dwellings, lists, referrals, situations
from priority.store import PriorityWork


def routes(database: Database[PriorityWork], key: SecretStr) -> APIRouter:
    """Priority's API. key: of the pseudonyms by which a candidate is known here."""
    router = APIRouter(prefix="/v1")
    for part in (lists.routes(database, key), situations.routes(database, key)):
        router.include_router(part)
    for part in (council.routes(database), referrals.routes(database), dwellings.routes(database)):
        router.include_router(part)
    return router
