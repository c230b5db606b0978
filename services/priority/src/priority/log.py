"""The log: every line that turns and orders rest on, in the order in which it counted; only added to, and it names nobody.

An id is drawn before its commit. So who changes what an order rests on shares the lock of the log with others, and who proposes
holds it alone: at a proposal nothing is under way, and the lines before its own are just those of the changes that it saw.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver
from cir_chassis.bulk import given, rows
from cir_chassis.database import Rows
from priority.council import Agreement
from priority.domain.turns import decimal
from priority.tables import log

FIRST = 20  # of an order: so many are on record with their criteria
_KEY = sa.func.hashtext("priority.log")
_SHARED = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock_shared(_KEY)))
_ALONE = sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(_KEY)))
_these = given([log.c["on"], log.c.kind, log.c.content])
_ADD = log.insert().from_select(
    ["on", "kind", "content"],
    sa.select(*(_these.c[name] for name in ("on", "kind", "content"))).order_by(_these.c.place),
)
_LINE = sa.func.format(
    '{"id": %s, "on": "%s", "kind": "%s", "content": %s}',
    *(log.c.id, log.c["on"], log.c.kind, sa.cast(log.c.content, sa.Text)),
)
_last = sa.select(sa.func.max(log.c.id)).where(log.c.kind == "proposal").scalar_subquery()
_LINES = sa.func.string_agg(sa.type_coerce(_LINE, sa.Text), aggregate_order_by(sa.literal("\n"), log.c.id))
_DIGEST = sa.func.encode(sa.func.sha256(sa.func.convert_to(_LINES, "UTF8")), "hex")
_SINCE = sa.select(sa.func.count(), _DIGEST, _last).where(log.c.id >= sa.func.coalesce(_last, 0))


def _agreement(row: Any) -> dict[str, Any]:
    names = ("id", "company", "area", "municipalities", "since", "through")
    agreed = Agreement.model_validate(row.content, extra="ignore")
    shares = [
        [name, decimal(share)] for name, share in agreed.shares().items()
    ]  # in order: of equal deadlines the first
    chosen = {
        "stricter_tie_years": agreed.stricter_tie_years,
        "area_tie": agreed.area_tie,
        "vlabinvest": agreed.vlabinvest,
    }
    freezes = [[one.from_, one.until] for one in agreed.freezes]
    return _of(*names)(row) | {"shares": shares, **chosen, "freezes": freezes}


def _of(*names: str) -> Callable[[Any], dict[str, Any]]:
    return lambda row: {name: getattr(row, name) for name in names}


KEPT: Mapping[str, tuple[str, Callable[[Any], bool], Callable[[Any], dict[str, Any]]]] = {
    # table → kind of line, of which rows, what it says
    "agreements": ("agreement", lambda row: row.adopted_at is not None, _agreement),
    "vacancies": (
        "vacancy",
        lambda row: True,
        _of("company", "id", "dwelling", "municipality", "area", "min_persons", "max_persons", "target_group", "rent", "ended"),
    ),
    "ledger_entries": (
        "turn", lambda row: True, _of("agreement", "nth", "turn", "of", "to", "how", "state", "company", "vacancy")
    ),
    "offers": ("offer", lambda row: True, _of("id", "company", "vacancy", "number", "state", "holds")),
    "referrals": (
        "referral",
        lambda row: row.answer == "accepted",
        lambda row: _of("id", "agreement", "group", "number", "retracted_at")(row)
        | {"answered_at": f"{row.answered_at:%Y-%m-%dT%H:%M:%S.%fZ}"},  # as text in their order
    ),
    "situations": ("priority", lambda row: row.decision == "priority", _of("number", "company", "group")),
}  # fmt: skip


class Log:
    """The lines of one unit of work, and its part in the lock."""

    def __init__(self, connection: AsyncConnection, today: Callable[[], date]) -> None:
        self._connection, self._today = connection, today
        self._lines: list[tuple[str, Mapping[str, Any]]] = []
        self._locked = False

    async def share(self) -> None:
        """Before any lock of a row, else this work and a proposal wait for each other."""
        await self._lock(_SHARED)

    async def alone(self) -> None:
        """Wait for all that is under way, and keep what comes until the commit. Before any other lock."""
        await self._lock(_ALONE)

    async def _lock(self, lock: sa.Select[Any]) -> None:
        if not self._locked:
            await driver.run(self._connection, lock, {})
            self._locked = True

    def add(self, kind: str, content: Mapping[str, Any]) -> None:
        """One more line."""
        self._lines.append((kind, content))

    def add_rows(self, table: str, of: Iterable[Any], **more: Any) -> None:
        """What these rows say now, where orders rest on their table."""
        if table in KEPT:
            kind, counts, content = KEPT[table]
            self._lines.extend((kind, content(row) | more) for row in of if counts(row))

    async def flush(self) -> None:
        """Write the lines, in one statement."""
        if self._lines:
            await self.share()
            kinds, contents = zip(*self._lines, strict=True)
            columns = {"on": [self._today()] * len(kinds), "kind": kinds, "content": contents}
            await driver.run(self._connection, _ADD, rows(columns))
            self._lines.clear()

    async def since_last(self, tables: Iterable[Rows[Any]]) -> dict[str, Any]:
        """How many lines there are since the last proposal, that one among them, and their digest: none can be left out.

        The first proposal rests on what stands in the tables already; `given`: turns of before the log."""
        many, digest, last = (await self._connection.execute(_SINCE)).one()
        if last is None:
            for one in tables:
                found = await self._connection.execute(sa.select(one.table).order_by(*one.table.primary_key))
                self.add_rows(one.table.name, found, given=True)
            await self.flush()
            many, digest, _ = (await self._connection.execute(_SINCE)).one()
        return {"lines": many, "sha256": digest}


async def until(last: date, connection: AsyncConnection) -> AsyncIterator[str]:
    """Every line up to that day, as JSON, in order; read as they are asked for."""
    async for line in await connection.stream_scalars(sa.select(_LINE).where(log.c["on"] <= last).order_by(log.c.id)):
        yield line
