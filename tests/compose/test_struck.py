"""Households apply while a container is killed, cut off from the network, or paused: each ends as the law says.

The ledger of tests/faults judges. A sample with every change; each part by each fault, while 50,000 events pass, with
`make test-compose ARGS=--long`.
"""

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from deploy.compose.stack import Stack
from deploy.embedded.demo import Register
from tests.compose.test_compose import TOPICS, heard
from tests.faults.households import cases
from tests.faults.strikes import SESSION, all_ready
from tests.faults.test_faults import broken, under
from tests.offline.engine import run

SEED = 800  # a national number has room for three digits of it, and one more for every 350 households
ALWAYS_ON = "default"  # the network over which a service is asked: the others are those that it works by


@dataclass(frozen=True)
class Strike:
    """how: "killed" and started again; "cut off" from the networks it works by, or "paused", past the session timeout."""

    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.name} {self.how}"

    async def __call__(self, stack: Stack) -> None:
        """Returns once every service is ready again; that time, from the end of the strike, is kept among the stack's."""
        if self.how == "killed":
            await asyncio.to_thread(stack.compose, "kill", self.name)
            end: list[tuple[str, ...]] = [("compose", "up", "--detach", "--no-deps", "--no-recreate", self.name)]
        elif self.how == "paused":
            await asyncio.to_thread(stack.compose, "pause", self.name)
            end = [("compose", "unpause", self.name)]
        else:
            container, networks = await asyncio.to_thread(self._networks, stack)
            for network in networks:
                await asyncio.to_thread(run, "docker", "network", "disconnect", network, container)
            end = [("network", "connect", "--alias", self.name, network, container) for network in networks]
        if self.how != "killed":
            await asyncio.sleep(SESSION + 2)  # the fault itself
        with stack.timed(f"ready after {self}"):
            for what, *command in end:
                if what == "compose":
                    await asyncio.to_thread(stack.compose, *command)
                else:
                    await asyncio.to_thread(run, "docker", what, *command)
            async with Register(stack.addresses) as apart:  # not in a queue with all who apply
                await all_ready(stack, apart, str(self))

    def _networks(self, stack: Stack) -> tuple[str, list[str]]:
        container = stack.compose("ps", "--quiet", self.name).stdout.strip()
        [found] = json.loads(run("docker", "inspect", container))
        return container, [name for name in found["NetworkSettings"]["Networks"] if not name.endswith(ALWAYS_ON)]


EVERY = [
    Strike(name, how)
    for how in ("killed", "cut off", "paused")
    for name in ("dossier", "eligibility", "priority", "notifications", "postgres", "kafka")
]
SAMPLE = [
    Strike("dossier", "cut off"),
    Strike("eligibility", "killed"),
    Strike("notifications", "paused"),
    Strike("postgres", "killed"),
    Strike("kafka", "killed"),
]


@pytest.mark.parametrize(
    ("strikes", "each", "versions", "events"),
    [
        pytest.param(SAMPLE, 8, 2, 200, id="sample"),
        pytest.param(EVERY, 70, 20, 50_000, id="all", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
async def test_whatever_is_struck_in_containers_every_promise_holds(
    stack: Stack, register: Register, strikes: list[Strike], each: int, versions: int, events: int, tmp_path: Path
) -> None:
    """each: households a strike. versions: of the facts of each of them. events: that pass over the topics at least."""
    households = await asyncio.to_thread(cases, each * len(strikes), seed := SEED + len(strikes), tmp_path, versions)
    passed = len(await heard(stack, *TOPICS))
    held = {
        str(strike): await under(partial(strike, stack), households[n * each : (n + 1) * each], stack, register)
        for n, strike in enumerate(strikes)
    }
    passed = len(await heard(stack, *TOPICS)) - passed
    assert not broken(held, f"{passed} events, {each} households each, seed {seed}")
    assert passed >= events
