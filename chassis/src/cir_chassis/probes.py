"""What a service cannot live without (database, Kafka) is watched; while one is away the service says so and waits."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

log = structlog.get_logger()


class DependencyProbe:
    """One thing that must answer. `up` is set while it does; while it does not, one line a minute tells."""

    EVERY, PATIENCE, SAY_AGAIN = 1.0, 3.0, 60.0  # seconds

    def __init__(self, name: str, probe: Callable[[], Awaitable[object]]) -> None:
        self.name, self._probe = name, probe
        self.up = asyncio.Event()
        self.why = "not asked yet"

    async def watch(self) -> None:
        """Probe for ever."""
        away_since, said_at = monotonic(), -self.SAY_AGAIN
        while True:
            try:
                await asyncio.wait_for(self._probe(), self.PATIENCE)
            except Exception as error:  # whatever the reason, it does not answer
                if self.up.is_set():
                    self.up.clear()
                    away_since = monotonic()
                self.why = type(error).__name__
                if monotonic() - said_at >= self.SAY_AGAIN:
                    said_at = monotonic()
                    away = round(monotonic() - away_since)
                    log.warning("away, waiting", what=self.name, reason=self.why, seconds=away)
            else:
                if not self.up.is_set():
                    log.info("answers", what=self.name)
                    said_at = -self.SAY_AGAIN
                self.up.set()
            await asyncio.sleep(self.EVERY)
