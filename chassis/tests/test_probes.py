"""What is away is said once in a while, not once a look; and that it answers again is said at once."""

import asyncio
from time import monotonic

import pytest
import structlog
from structlog.testing import capture_logs

from cir_chassis import probes
from cir_chassis.probes import DependencyProbe


class Hasty(DependencyProbe):
    """Its minute is a fifth of a second, so that a test sees several."""

    LOG_AGAIN = 0.2


async def test_what_is_away_is_said_once_a_minute_and_that_it_is_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "log", structlog.get_logger())  # a logger that was used keeps what it was set up with
    assert DependencyProbe.LOG_AGAIN == 60
    looks = 0
    with capture_logs() as said:

        async def probe() -> None:
            nonlocal looks
            looks += 1
            if len(said) < 4:
                raise ConnectionRefusedError

        line, begun = Hasty("database", probe, every=0.001), monotonic()
        watch = asyncio.create_task(line.watch())
        async with asyncio.timeout(20):
            await line.up.wait()
        watch.cancel()
    assert [one["event"] for one in said] == ["unavailable, waiting"] * 4 + ["answers"]
    assert {(one["what"], one["reason"]) for one in said[:4]} == {("database", "ConnectionRefusedError")}
    assert monotonic() - begun >= 3 * Hasty.LOG_AGAIN  # whatever the machine does, no line comes earlier
    assert looks > len(said)
