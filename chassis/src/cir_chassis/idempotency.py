"""The same request twice is one request: its key, and what was answered, are written with its effect."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis.problems import Problem

KEYS = sa.Table(
    "idempotency_keys",
    sa.MetaData(),
    sa.Column("caller", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("answer", JSONB),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
idempotency_table = KEYS.to_metadata
"""metadata → the table of keys among a service's tables, so that the service's migrations make it."""
RETENTION = timedelta(days=30)  # of an answer: a repeat after that is a new request
OLD = sa.delete(KEYS).where(KEYS.c.at < sa.func.now() - RETENTION)


async def idempotent(
    connection: AsyncConnection,
    caller: str,
    key: str,
    request: bytes,
    effect: Callable[[], Awaitable[Mapping[str, Any]]],
) -> Mapping[str, Any]:
    """Let the effect happen, or give the answer of the time it did.

    A second request with the key waits for the first to commit (the row is its lock); a first one that failed leaves
    nothing. Raises a 422 problem where the key was used for another request.
    """
    digest = hashlib.sha256(request).hexdigest()
    mine = insert(KEYS).values(caller=caller, key=key, request=digest).on_conflict_do_nothing()
    row = (KEYS.c.caller == caller) & (KEYS.c.key == key)
    if (await connection.execute(mine)).rowcount == 0:
        earlier = (await connection.execute(sa.select(KEYS.c.request, KEYS.c.answer).where(row))).one()
        if earlier.request != digest:
            where = ("header.Idempotency-Key", "used before, for another request")
            raise Problem(422, "This Idempotency-Key was used for another request: take a new one.", [where])
        answer: Mapping[str, Any] = earlier.answer
        return answer
    answer = await effect()
    await connection.execute(sa.update(KEYS).where(row).values(answer=dict(answer)))
    return answer
