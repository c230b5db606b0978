"""The one place that knows what day it is: a `_on` is a day in Belgium, an `_at` an instant in UTC."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import structlog

log = structlog.get_logger()
BELGIUM = ZoneInfo("Europe/Brussels")


def day_of(instant: datetime) -> date:
    """The day on which it was, in Belgium."""
    return instant.astimezone(BELGIUM).date()


class Clock:
    """Tells the time. fixed: the day that it stays in a demo, or as a test sets it; in production there is none."""

    def __init__(self, fixed: date | None = None) -> None:
        self.fixed = fixed

    def now(self) -> datetime:
        """This instant, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """This day, in Belgium."""
        return self.fixed or day_of(self.now())


async def hourly(what: str, do: Callable[[], Awaitable[object]], stopping: asyncio.Event) -> None:
    """Do it every hour, until `stopping`. what: what is not done yet where it fails, for the log."""
    while not stopping.is_set():
        try:
            await do()
        except Exception:
            log.warning("this is not done yet", what=what, exc_info=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 3600)
