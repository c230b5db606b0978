"""What is away is said once a minute, not once a look; and that it answers again is said at once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from cir_chassis import lifeline
from cir_chassis.lifeline import Lifeline


async def test_what_is_away_is_said_once_a_minute_and_that_it_is_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, looks = 1000, 0

    async def probe() -> None:
        nonlocal seconds, looks
        seconds, looks = seconds + 20, looks + 1
        if looks <= 30:
            raise ConnectionRefusedError

    monkeypatch.setattr(Lifeline, "EVERY", 0.0)
    monkeypatch.setattr(lifeline, "monotonic", lambda: seconds)
    line = Lifeline("database", probe)
    with capture_logs() as said:
        watch = asyncio.create_task(line.watch())
        async with asyncio.timeout(10):
            await line.up.wait()
        watch.cancel()
    assert [one["event"] for one in said] == ["away, waiting"] * 10 + ["answers"]
    assert said[0] == {
        "event": "away, waiting", "what": "database", "reason": "ConnectionRefusedError", "seconds": 20, "log_level": "warning",
    }  # fmt: skip
    assert [one["seconds"] for one in said[:3]] == [20, 80, 140]
