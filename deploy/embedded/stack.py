"""Everything together: what is started, in which order, with which settings, and where it is found."""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import date
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Self

import httpx

from deploy.embedded import CACHE, KEYED, ROOT, SERVICES, CannotStart, kafka, ports, postgres, write_private
from deploy.embedded.supervisor import Child, Part, Say, end_of, end_with_parent
from deploy.token import AUDIENCE

PROGRAMS = {"mails": "/health/ready", "login": "/.well-known/openid-configuration", "sources": "/health/ready"}
STARTS = 3  # at most: a port that was free when it was chosen may be taken by the time it is needed
TODAY = "2024-03-20"  # of the samples: `CIR_TODAY` lives on another day


class Stack:
    """`async with Stack(folder) as stack:` starts it all and stops it all; a second start in a folder continues there.

    say: is told each step, each death and each return. shift: see `ports.choose`. Raises `CannotStart`.
    """

    def __init__(self, folder: Path, say: Say = print, *, shift: int = 0, services: tuple[str, ...] = SERVICES) -> None:
        self.folder, self.say, self.services, self._shift = folder.resolve(), say, services, shift
        self.children: dict[str, Child] = {}
        self.ports: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._told = False
        self._lock: IO[str] | None = None
        self._http = httpx.AsyncClient(trust_env=False, timeout=5)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def database(self, service: str) -> str:
        """The address of a service's database."""
        return f"postgresql://postgres@127.0.0.1:{self.ports['postgres']}/{service}"

    @property
    def addresses(self) -> dict[str, str | dict[str, int]]:
        """As in `.demo/addresses.json`."""
        pids = {name: pid for name in self.services if (child := self.children.get(name)) and (pid := child.pid)}
        bases: dict[str, str | dict[str, int]] = {name: self.url(name) for name in (*self.services, *PROGRAMS)}
        if "dossier" in self.services:
            bases["pages"] = self.url("dossier") + "/"
        return bases | {"kafka": f"127.0.0.1:{self.ports['kafka']}", "pids": pids}

    def tell(self) -> None:
        """Write the addresses down, now and after every restart: whoever waits for the register waits for this file."""
        self._told = True
        self._note()

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a process of the stack; its process id."""
        if (pid := self.children[name].pid) is None:
            raise ProcessLookupError(f"{name} is not running")
        os.kill(pid, how)
        return pid

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        try:
            date.fromisoformat(day := os.environ.get("CIR_TODAY", TODAY))
        except ValueError:
            raise CannotStart(f"CIR_TODAY: {day} is no day such as {TODAY}") from None
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            raise CannotStart(f"a stack runs in {self.folder} already; its addresses are in addresses.json") from None
        (self.folder / "addresses.json").unlink(missing_ok=True)
        for again in reversed(range(STARTS)):
            self.ports = ports.choose(self.folder / "ports.json", self.say, self._shift)
            try:
                await self._start_all()
                return
            except CannotStart:
                await self._end_all()
                if not again or all(map(ports.is_free, self.ports.values())):
                    raise

    async def _start_all(self) -> None:
        async with self._timed("Kafka's jars, checked"):
            jars = await asyncio.to_thread(kafka.fetch, CACHE / "kafka")
        await _together(self._kafka(jars), *map(self._program, PROGRAMS), self._postgres_and_services())

    async def _stop(self) -> None:
        self._told = False
        if self._lock:  # else they are those of the stack that runs here
            (self.folder / "addresses.json").unlink(missing_ok=True)
        await self._end_all()
        await self._http.aclose()
        if self._lock:
            self._lock.close()

    async def _end_all(self) -> None:
        for names in (self.services, tuple(PROGRAMS), ("kafka",), ("postgres",)):  # who uses before who is used
            await asyncio.gather(*(self.children[name].stop() for name in names if name in self.children))
        self.children.clear()

    async def _kafka(self, jars: Path) -> None:
        async with self._timed("kafka"):
            broker, controller = self.ports["kafka"], self.ports["kafka controller"]
            await self._child(
                await _whole(kafka.part, self.folder / "kafka", jars, broker, controller), "kafka controller"
            )

    async def _postgres_and_services(self) -> None:
        """The services do not wait for Kafka to be there: they do so themselves, and migrate meanwhile."""
        async with self._timed("postgres"):
            port = self.ports["postgres"]
            await self._child(await _whole(postgres.part, self.folder / "postgres", port))
            await postgres.create_databases(port, self.services)
        await _together(*(self._service(name) for name in self.services))

    async def _program(self, name: str) -> None:
        """One of those beside this file; its own port is the last that it is told."""
        async with self._timed(name):
            beside = ("smtp",) if name == "mails" else ()
            listens = [str(self.ports[port]) for port in (*beside, name)]
            register = [self.url("dossier") + "/"] if name == "mails" else []
            command = [sys.executable, "-m", f"deploy.embedded.{name}", str(self.folder / name), *register, *listens]
            await self._child(Part(name, command, self._answers(name, PROGRAMS[name])), *beside)

    async def _service(self, name: str) -> None:
        async with self._timed(name):
            settings, program = self.settings(name), [sys.executable, "-m", name]
            await self.command(name, "migrate")
            await self._child(Part(name, [*program, "serve"], self._answers(name, "/health/ready"), settings))

    async def command(self, service: str, *arguments: str) -> None:
        """Run one of its commands. Raises `CannotStart` with the end of its log where it fails."""
        log = self.folder / "logs" / f"{service}.log"
        with log.open("ab") as out:
            run = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", service, *arguments), stdout=out, stderr=out, env=self.settings(service), cwd=ROOT,
                preexec_fn=end_with_parent,
            )  # fmt: skip
        if code := await run.wait():
            raise CannotStart(f"{service} {arguments[0]}: exit code {code}; its log, {log}, ends with:\n{end_of(log)}")

    async def _child(self, part: Part, *listens: str) -> None:
        """listens: the ports that it has beside the one of its name. One that somebody took since is not tried."""
        for name in (part.name, *listens):
            if not ports.is_free(self.ports[name]):
                raise CannotStart(f"port {self.ports[name]} was taken before {name} could listen on it")
        child = self.children[part.name] = Child(part, self.folder / "logs", self.say, self._note)
        await child.start()

    def _answers(self, name: str, path: str) -> Callable[[], Awaitable[bool]]:
        async def ready() -> bool:
            try:
                return (await self._http.get(self.url(name) + path)).status_code == 200
            except httpx.HTTPError:
                return False

        return ready

    @contextlib.asynccontextmanager
    async def _timed(self, what: str) -> AsyncIterator[None]:
        begun = monotonic()
        yield
        self.seconds[what] = monotonic() - begun
        self.say(f"{what}: ready after {self.seconds[what]:.1f} s")

    def _note(self) -> None:
        if self._told:
            part = self.folder / "addresses.part"
            part.write_text(json.dumps(self.addresses, indent=1))
            part.replace(self.folder / "addresses.json")

    def settings(self, service: str) -> dict[str, str]:
        """Its environment: that of ours, and the settings in a file, where an operator's commands find them too."""
        settings = {
            "database_url": self.database(service),
            "kafka": f"127.0.0.1:{self.ports['kafka']}",
            "host": "127.0.0.1",
            "port": str(self.ports[service]),
            "issuer": self.url("login"),
            "audience": AUDIENCE,
            "environment": "demo",
            "today": os.environ.get("CIR_TODAY", TODAY),
            "log_level": os.environ.get("CIR_LOG_LEVEL", "info"),
        }
        if collector := os.environ.get("CIR_OTLP"):
            settings["otlp"] = collector
        settings |= {"session_key": self._key("session"), "client_secret": "demo"}
        if service == "notifications":
            settings |= {"smtp": f"127.0.0.1:{self.ports['smtp']}", "mail_from": "register@cir.example"}
            settings |= {"mail_key": self._key("mail"), "public_url": self.url(service)}
            settings |= {"register_url": self.url("dossier")}
            settings |= {"quiet_minutes": "0", "unconfirmed_a_day": "20"}  # nobody who tries it out waits
        if service == "dossier":
            settings |= {"sources": self.url("sources"), "sources_patience": "PT10S"}
            settings |= {"people": str(Path(__file__).with_name("people.json"))}
            settings |= {"documents": (self.folder / "documents").as_uri()}
        if service in KEYED:
            settings["person_key"] = self._key("person")
        file = self.folder / f"{service}.toml"
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in settings.items()]
        public = [f"{name} = {json.dumps(self.url(name))}\n" for name in (*self.services, "mails")]
        write_private(file, "".join([*lines, "[public]\n", *public]))
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CIR_")}
        return ours | {"CIR_SETTINGS_FILE": str(file), "NO_PROXY": "127.0.0.1"}

    def _key(self, name: str) -> str:
        """Drawn at the first start in a folder: what was made with it stays true at the next."""
        file = self.folder / f"{name}.key"
        if not file.exists():
            write_private(file, secrets.token_hex(32))
        return file.read_text()


async def _whole(make: Callable[..., Part], *given: object) -> Part:
    """In a thread, which is not ended by who gives up waiting: he waits for it all the same, else the next start meets it."""
    making = asyncio.create_task(asyncio.to_thread(make, *given))
    try:
        return await asyncio.shield(making)
    finally:
        await asyncio.wait([making])


async def _together(*steps: Coroutine[None, None, None]) -> None:
    """All at once; the first that fails ends the others and is raised."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
