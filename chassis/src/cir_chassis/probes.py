"""The dependencies of a service (database, Kafka) are probed; while one is unavailable the service waits, and logs it."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

log = structlog.get_logger()


class DependencyProbe:
    """One dependency, which must answer. `up` is set while it does; while it does not, one line a minute is logged."""

    LOG_AGAIN = 60.0  # seconds

    def __init__(
        self, name: str, probe: Callable[[], Awaitable[object]], *, every: float = 1.0, patience: float = 3.0
    ) -> None:
        """probe: raises while it is unavailable; every: seconds between probes; patience: seconds that one may take."""
        self.name, self._probe, self._every, self._patience = name, probe, every, patience
        self.up = asyncio.Event()
        self.why = "not probed yet"

    async def watch(self) -> None:
        """Probe for ever."""
        since, logged_at = monotonic(), -self.LOG_AGAIN
        while True:
            try:
                await asyncio.wait_for(self._probe(), self._patience)
            except Exception as error:  # whatever the reason, it does not answer
                if self.up.is_set():
                    self.up.clear()
                    since = monotonic()
                self.why = type(error).__name__
                if (now := monotonic()) - logged_at >= self.LOG_AGAIN:
                    logged_at = now
                    log.warning("unavailable, waiting", what=self.name, reason=self.why, seconds=round(now - since))
            else:
                if not self.up.is_set():
                    log.info("answers", what=self.name)
                    logged_at = -self.LOG_AGAIN
                self.up.set()
            await asyncio.sleep(self._every)
