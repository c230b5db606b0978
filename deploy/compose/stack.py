"""The whole register in containers on this machine: docker-compose.yml with the demo's override.

What it stores goes with it: its secrets are made anew at every start.
"""

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from deploy.embedded import KEYED, ROOT, SERVICES, CannotStart, ports, write_private
from deploy.embedded.stack import PROGRAMS, TODAY
from deploy.embedded.supervisor import Say
from deploy.token import AUDIENCE

PUBLISHED = (*SERVICES, *PROGRAMS, "kafka", "postgres")


class Stack:
    """`with Stack(folder, "cir-demo").up() as stack:` builds what is missing, starts it all, and leaves nothing.

    project: its name among the engine's. shift: see `ports.choose`.
    """

    services: tuple[str, ...] = SERVICES

    def __init__(self, folder: Path, project: str, say: Say = print, *, shift: int = 0) -> None:
        self.folder, self.project, self.say, self._shift = folder.resolve(), project, say, shift
        self.ports: dict[str, int] = {}
        self._passwords: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.environment = self.folder / "compose.env"

    @property
    def addresses(self) -> dict[str, str]:
        """As in `.demo/addresses.json`."""
        bases = {name: f"http://127.0.0.1:{self.ports[name]}" for name in (*self.services, *PROGRAMS)}
        return bases | {"pages": bases["dossier"] + "/", "kafka": f"127.0.0.1:{self.ports['kafka']}"}

    def database(self, service: str, of: str | None = None) -> str:
        """The address of a service's database, with its own role or another's."""
        role = of or service
        return f"postgresql://{role}:{self._passwords[role]}@127.0.0.1:{self.ports['postgres']}/{service}"

    def compose(
        self, *command: str, check: bool = True, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`docker compose …` on this stack. Raises `CannotStart` with what it complains of, unless told not to check."""
        full = [
            "docker",
            "compose",
            "--progress",
            "quiet",
            "--ansi",
            "never",
            "--env-file",
            str(self.environment),
            *command,
        ]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("CIR_", "COMPOSE_"))}
        try:
            done = subprocess.run(
                full, cwd=ROOT, env=ours | (environment or {}), capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise CannotStart("no `docker` here: install Docker with its compose plugin") from None
        if check and done.returncode:
            raise CannotStart(f"{' '.join(full)}: exit code {done.returncode}\n{done.stderr}")
        return done

    @contextmanager
    def up(self) -> Iterator["Stack"]:
        """Raises `CannotStart`, with what the services said last."""
        self._tell()
        try:
            with self.timed("images built"):
                self.compose("build", "--quiet")
            self.compose("down", "--volumes", "--remove-orphans")  # of a run that was killed
            with self.timed("all healthy"):
                self._start()
            yield self
        finally:
            with self.timed("all stopped"):
                self.compose("down", "--volumes", "--remove-orphans", check=False)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        begun = monotonic()
        yield
        self.seconds[step] = monotonic() - begun
        self.say(f"{step}: {self.seconds[step]:.1f} s")

    def _start(self) -> None:
        try:
            self.compose("up", "--detach", "--wait", "--wait-timeout", "120")
        except CannotStart as error:
            logs = self.compose("logs", "--no-color", "--tail", "15", check=False).stdout
            raise CannotStart(f"{error}\n{logs}") from None

    def _tell(self) -> None:
        """Make the secrets, choose the ports, write down what compose is told."""
        (self.folder / "secrets").mkdir(parents=True, exist_ok=True)
        (self.folder / "secrets").chmod(0o700)  # within, who runs in a container, as another than we are, may read
        person_key = f'person_key = "{secrets.token_hex(32)}"\n'
        self._passwords = {name: secrets.token_urlsafe(24) for name in ("postgres", *self.services)}
        held = {"postgres": self._passwords["postgres"]}
        held["roles"] = "".join(f"{name}={self._passwords[name]}\n" for name in self.services)
        for name in self.services:
            held[f"{name}.toml"] = f'database_url = "postgresql://{name}:{self._passwords[name]}@postgres/{name}"\n'
            held[f"{name}.toml"] += person_key if name in KEYED else ""
        held["notifications.toml"] += f'mail_key = "{secrets.token_hex(32)}"\n'
        self.ports = ports.choose(self.folder / "ports.json", self.say, self._shift)
        pages = [f'session_key = "{secrets.token_hex(32)}"', 'client_secret = "demo"', "[public]"]
        pages += [f'{name} = "http://127.0.0.1:{self.ports[name]}"' for name in (*self.services, "mails")]
        for name in self.services:
            held[f"{name}.toml"] += "\n".join(pages)
        for name, text in held.items():
            write_private(file := self.folder / "secrets" / name, text)
            file.chmod(0o644)
        self.environment.write_text("".join(f"{name}={value}\n" for name, value in self.settings().items()))

    def settings(self) -> dict[str, Any]:
        """What compose is told: variables, with their values."""
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": "docker-compose.yml:compose.demo.yml",
            "CIR_SECRETS": self.folder / "secrets",
            "CIR_ISSUER": "http://login:8100",
            "CIR_AUDIENCE": AUDIENCE,
            "CIR_SMTP": "mails:8125",
            "CIR_MAIL_FROM": "register@cir.example",
            "CIR_PUBLIC_URL": f"http://127.0.0.1:{self.ports['notifications']}",
            "CIR_REGISTER_URL": f"http://127.0.0.1:{self.ports['dossier']}",
            "CIR_SOURCES": "http://sources:8115",
            "CIR_TODAY": os.environ.get("CIR_TODAY", TODAY),
            **{f"CIR_{name.upper()}_PORT": self.ports[name] for name in PUBLISHED},
        }
