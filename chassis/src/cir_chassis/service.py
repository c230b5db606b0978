"""One process of one service: its dependencies are probed, its parts started and stopped, in one place.

On SIGTERM no new request is taken, the batch in hand is finished and committed, and messages in flight are sent.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
import uvicorn
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from cir_chassis import outbox, session, trace
from cir_chassis.asyncapi import channels
from cir_chassis.bus import Bus
from cir_chassis.clock import Clock
from cir_chassis.consumer import Consumer, Handlers
from cir_chassis.database import Database, Work, check_migrated
from cir_chassis.dead_letters import DeadLetters
from cir_chassis.driver import forget
from cir_chassis.http import create_app
from cir_chassis.login import Login
from cir_chassis.outbox import Relay
from cir_chassis.pages import Pages
from cir_chassis.probes import DependencyProbe
from cir_chassis.session import Sessions
from cir_chassis.settings import Settings, WrongSettings

log = structlog.get_logger()
W = TypeVar("W", bound=Work)
Job = Callable[[asyncio.Event], Coroutine[None, None, None]]
"""Something a service does on its own; it returns soon after the event is set."""


class Server(uvicorn.Server):
    """Serves an application until `should_exit`."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=5)
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:  # signals are the service's: it stops more than the web server
        yield


class Service(Generic[W]):
    """The parts of a service: its database, bus, consumer, login and HTTP application."""

    # Seconds at a stop. What is not done by then is consumed or relayed after the restart.
    FINISH_BATCH, FINISH_REST = 8.0, 3.0

    def __init__(
        self,
        name: str,
        description: str,
        settings: Settings,
        work: Callable[[AsyncConnection, Clock], W],
        migrations: Path,
        *,
        publishes: Sequence[Any] = (),
        consumes: Handlers,
        templates: Path | None = None,
    ) -> None:
        """work: makes the unit of work, by the service's clock; publishes: event types, on topics of its own; consumes: its
        handlers by type; templates: of its pages, which it shows where settings name public addresses."""
        trace.configure(name, settings.otlp)
        self.name, self.settings, self._migrations = name, settings, migrations
        self.jobs: list[Job] = []
        self.clock = Clock(settings.today)

        def work_on(connection: AsyncConnection) -> W:
            return work(connection, self.clock)

        self.database: Database[W] = Database(settings.database_url, work_on, requests=True)
        self.background: Database[W] = Database(settings.database_url, work_on)
        """Connections of its own for consumer, relay and jobs: requests take none of them."""
        self.background.on_commit, self.background.on_publish = self.database.on_commit, self.database.on_publish
        topics = {kind.topic for kind in consumes}
        self.bus = Bus(settings.kafka, name, owns={kind.topic for kind in publishes}, consumes=topics)
        needs = (DependencyProbe("database", self.database.probe), DependencyProbe("kafka", self.bus.probe))
        self.probes = (*needs, DependencyProbe("events", self.bus.progress, every=5.0, patience=60.0))
        self._relay = Relay(self.background.engine, self.bus, needs)
        self.database.on_publish.append(self._relay.wake)
        self.dead_letters = DeadLetters(name, settings.kafka, self.bus, topics)
        self.consumer = Consumer(self.background, consumes, self.dead_letters, needs)
        self.bus.subscribe(self.consumer.deliver)
        login = Login(settings.issuer, settings.audience, settings.claims)
        measures = (partial(outbox.measure, self.database.engine), self.bus.measure)
        self.app = create_app(name, description, self.probes, login, lambda: self.bus.joined, measures)
        self.app.state.database = self.database
        self.frame = Pages(name, settings, templates) if templates else None
        """What pages are shown in that need no login, whatever the settings."""
        self.pages: Pages | None = None
        if self.frame:
            self.app.add_api_route(self.frame.style, self.frame.sheet, include_in_schema=False)
        if self.frame and settings.public and settings.session_key:
            self.pages = self.app.state.pages = self.frame
            self.app.add_middleware(Sessions, key=settings.session_key, secure=self.pages.secure)
            self.app.include_router(session.routes(settings, name))
        self.app.add_api_route(
            "/asyncapi.json",
            lambda: channels(name, description, publishes, list(consumes)),
            tags=["integrators"],
            summary="The topics of the service and their events, as an AsyncAPI 3 document",
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises `DatabaseBehind`; `WrongSettings` where the port is taken."""
        gc.collect()
        gc.freeze()  # these objects stay: to search them for garbage doubles the longest time that a batch takes
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        listening = self.listen()
        server = Server(self.app)
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(probe.watch()) for probe in self.probes]
            web = group.create_task(server.serve(sockets=[listening]))
            working = group.create_task(self._work(stopping))
            log.info("serving", port=self.settings.port)
            await stopping.wait()
            log.info("stopping")
            server.should_exit = True
            self.consumer.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.bus.stop_consuming(), self.FINISH_BATCH)
            await asyncio.wait([web, working], timeout=self.FINISH_REST)
            for task in (*watches, web, working):
                task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.bus.stop(), self.FINISH_REST)
        await self.dispose()
        log.info("stopped")

    async def dispose(self) -> None:
        """Close the connections to the database."""
        for database in (self.database, self.background):
            await database.engine.dispose()

    def listen(self) -> socket.socket:
        """The socket that requests arrive at. Raises `WrongSettings` where the port is taken."""
        listening = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio sets no TCP_NODELAY, and answers wait 40 ms
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((self.settings.host, self.settings.port))
        except OSError as error:
            place = f"{self.settings.host}:{self.settings.port}"
            raise WrongSettings(f"CIR_PORT: cannot listen on {place}: {error.strerror}. Choose another port.") from None
        return listening

    async def _work(self, stopping: asyncio.Event) -> None:
        await self.probes[0].up.wait()
        await check_migrated(self.background, self.settings.database_url, self._migrations)
        async with asyncio.TaskGroup() as group:
            jobs: list[Job] = [self._relay.run, partial(forget, self.background.engine, outbox.OLD), self.bus.start]
            for job in (*jobs, *self.jobs):
                group.create_task(job(stopping))
