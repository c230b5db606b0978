"""`python -m tests.faults.planted <bug> <service> serve`: a service with one of its safeguards taken away, else as it is."""

import runpy
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import sqlalchemy as sa
from faststream.kafka import KafkaMessage
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import driver, outbox
from cir_chassis.consumer import Consumer
from cir_chassis.database import Rows, Work
from cir_chassis.outbox import OUTBOX, Relay


def no_row_lock() -> None:
    sound = Rows.load

    async def load(self: Rows[Any], connection: AsyncConnection, by: str, ids: Iterable[UUID], **_: bool) -> None:
        await sound(self, connection, by, ids)

    patch.object(Rows, "load", load).start()


def cursor_on_the_id() -> None:
    """Reads on after the last id that it sent."""
    sound, last = driver.run, [0]

    async def run(connection: AsyncConnection, statement: sa.Executable, given: Mapping[str, Any]) -> list[Any]:
        if statement is not outbox._UNSENT:
            return await sound(connection, statement, given)
        found = await sound(connection, outbox._UNSENT.where(OUTBOX.c.id > last[-1]), given)
        last.extend(row["id"] for row in found)
        return found

    patch.object(driver, "run", run).start()


def goes_on_after_a_failure() -> None:
    """Leaves out what fails, and carries what stands behind it."""

    async def carry(self: Relay) -> int:
        sent = []
        async with driver.transaction(self._engine) as connection:
            for row in (await connection.execute(outbox._UNSENT, {"most": self.BATCH})).all():
                if failure := (await self._producer.send_all([outbox._message(row)]))[1]:
                    outbox.log.warning("relay failed, trying again", exc_info=failure)
                else:
                    sent.append(row.id)
            await connection.execute(outbox._MARK, {"ids": sent})
        return len(sent)

    patch.object(Relay, "carry", carry).start()


def commits_before_the_effect() -> None:
    sound = Consumer.deliver

    async def deliver(self: Consumer, batch: KafkaMessage) -> None:
        await batch.ack()
        await sound(self, batch)

    patch.object(Consumer, "deliver", deliver).start()


def no_unique_key() -> None:
    """What is heard is new each time, whatever its id."""
    sound = Consumer._read

    def read(*arguments: Any) -> Any:
        return sound(*arguments).model_copy(update={"id": uuid4()})

    patch.object(Consumer, "_read", read).start()


def no_version() -> None:
    patch.object(Work, "is_newer", lambda *_: True).start()


if __name__ == "__main__":
    _, bug, *service = sys.argv
    globals()[bug]()
    sys.argv = service
    runpy.run_module(service[0], run_name="__main__", alter_sys=True)
