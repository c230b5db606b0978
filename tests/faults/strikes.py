"""What can happen to a process of the stack: it ends, is killed, or hangs for longer than Kafka waits for its consumers."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.demo import Register, until
from deploy.embedded.stack import Stack
from tests.faults.ledger import Stands

SESSION = 6.0  # seconds that Kafka waits for a consumer that does not answer (cir_chassis.bus)


@dataclass(frozen=True)
class Strike:
    """how: "ends" (SIGTERM) or "killed" (SIGKILL), and the supervisor starts it again; or "hangs" (SIGSTOP past the
    session timeout, then goes on)."""

    name: str
    how: str

    def __str__(self) -> str:
        return f"{self.name} {self.how}"

    async def __call__(self, stack: Stack, register: Register) -> None:
        """Returns once every service says that it is ready again."""
        if self.how != "hangs":
            killed = stack.kill(self.name, signal.SIGTERM if self.how == "ends" else signal.SIGKILL)

            async def another() -> bool:
                return stack.children[self.name].pid not in (None, killed)

            await until(another, f"{self.name} was not started again", 60)
        else:
            await hang(stack.children[self.name].pid or 0, SESSION + 2)
        await all_ready(stack, register, str(self))


async def all_ready(stack: Stands, register: Register, after: str) -> None:
    for service in stack.services:

        async def ready(service: str = service) -> bool:
            return (await register.call("GET", service, "/health/ready")).status_code == 200

        await until(ready, f"{service} is not ready after {after}", 60)


async def hang(pid: int, seconds: float) -> None:
    """Stop a process and all that descend from it for a while."""
    all_of_it = [pid, *descendants(pid)]
    for each in all_of_it:
        os.kill(each, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        for each in all_of_it:
            os.kill(each, signal.SIGCONT)


def descendants(pid: int) -> Iterator[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        yield child
        yield from descendants(child)
