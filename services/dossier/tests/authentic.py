"""The register together with sources that answer over HTTP: the demo's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

from conftest import free_port
from deploy.embedded.sources import sources

if TYPE_CHECKING:
    from .conftest import Register


class Authentic:
    """The sources: what they know is put here."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.http = httpx.AsyncClient(base_url=self.address, trust_env=False)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        config = uvicorn.Config(sources(self.folder), port=self.port, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server._serve())
        await until(lambda: self._server is not None and self._server.started)

    async def stop(self) -> None:
        if self._server and self._serving:
            self._server.should_exit = True
            await self._serving
            self._server = None

    async def know(self, number: str, **facts: Any) -> None:
        answer = await self.http.put(f"/persons/{number}", json=facts)
        assert answer.status_code == 204, answer.text


async def until(holds: Callable[[], Any], patience: float = 20.0) -> None:
    """Wait for a condition; fail when patience, in seconds, ends."""
    deadline = monotonic() + patience
    while not (found := await held if isinstance(held := holds(), Awaitable) else held):
        assert monotonic() < deadline, f"it does not hold: {found}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def working(register: "Register") -> AsyncIterator[None]:
    stopping = asyncio.Event()
    job = asyncio.create_task(register.service.jobs[-1](stopping))
    yield
    stopping.set()
    with suppress(asyncio.CancelledError):
        await job
