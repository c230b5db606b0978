"""Two replicas of one build share the work while households apply by either; one is killed, and the other does it all."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from deploy.compose.stack import Stack
from deploy.embedded import SERVICES
from deploy.embedded.demo import Register
from tests.compose.test_independence import Traffic, both_work, replicas
from tests.faults.households import cases
from tests.faults.ledger import Ledger
from tests.offline.engine import run


@pytest.mark.parametrize(
    "service",
    [pytest.param(one, marks=[] if one == "notifications" else pytest.mark.long) for one in SERVICES],
)
async def test_two_replicas_share_the_work_and_one_goes_on_alone(stack: Stack, service: str, tmp_path: Path) -> None:
    def compose(*command: str, **chosen: str) -> Any:
        return asyncio.to_thread(stack.compose, *command, environment=chosen)

    place = f"CIR_{service.upper()}_PORT"
    households = await asyncio.to_thread(cases, 200, 500 + 10 * SERVICES.index(service), tmp_path)
    [older], container = replicas(stack, service), stack.compose("ps", "--quiet", service).stdout.strip()
    by_older, by_newer = stack.addresses, stack.addresses
    try:
        with stack.timed(f"{service} has two replicas"):
            beside = ("--no-deps", "--no-recreate", "--scale", f"{service}=2", service)
            await compose("up", "--detach", "--wait", *beside, **{place: str(stack.ports[service] + 500)})
        both = replicas(stack, service)
        [by_newer[service]] = both - {older}
        async with Register(by_older) as one, Register(by_newer) as other:
            sides = Traffic(one, households[::2]), Traffic(other, households[1::2])
            async with asyncio.TaskGroup() as group:
                flowing = [group.create_task(side.flow()) for side in sides]
                with stack.timed(f"{service}: both replicas let events take effect"):
                    await both_work(other, service, both)
                await asyncio.to_thread(run, "docker", "kill", container)
                by_older[service] = by_newer[service]  # who met a dead one turns to the other, as a proxy would
                await asyncio.gather(*(side.more(3) for side in sides))
                assert replicas(stack, service) == {by_newer[service]}
                for side in sides:
                    side.end()
                await asyncio.gather(*flowing)
            with stack.timed(f"{service}: the one that is left has done it all"):
                held = await Ledger(stack, other, {**sides[0].dossiers, **sides[1].dossiers}).check()
        assert not {promise: why for promise, why in held.items() if why}
    finally:
        await compose("up", "--detach", "--wait", service)
