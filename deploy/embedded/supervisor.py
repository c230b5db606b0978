"""Whoever dies is started again at the same address, and it is said.

The kernel ends a child when its parent ends (PR_SET_PDEATHSIG), so that even `kill -9` of the supervisor leaves no
process behind. That signal follows the *thread* that started the child: hence everything is started from the event loop
of the main thread.
"""

import asyncio
import contextlib
import ctypes
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from deploy.embedded import ROOT, CannotStart

Say = Callable[[str], None]
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: between fork and exec is no time for it
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(frozen=True)
class Part:
    """One process of the stack. ready: asks once, and never raises; patience: seconds until it must be ready."""

    name: str
    command: Sequence[str | Path]
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] | None = None  # none: ours
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 60.0


class Child:
    """Keeps the process of one `Part` alive. started: called with every new process id, the first included."""

    def __init__(self, part: Part, logs: Path, say: Say, started: Callable[[], None]) -> None:
        self.part, self.log, self._say, self._started = part, logs / f"{part.name}.log", say, started
        self.process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    async def start(self) -> None:
        """Return once it is ready. Raises `CannotStart` with the end of its log."""
        await self._spawn()
        if not await self._is_ready():
            how = self._how()
            await self.stop()
            raise CannotStart(f"{self.part.name} {how}; its log, {self.log}, ends with:\n{end_of(self.log)}")
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self, patience: float = 15.0) -> None:
        if self._watcher:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self.process and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.part.stop_signal)
                self.process.send_signal(signal.SIGCONT)  # one that a test has paused
            try:
                await asyncio.wait_for(self.process.wait(), patience)
            except TimeoutError:
                self._say(f"{self.part.name} did not stop within {patience:.0f} s: killed")
                self.process.kill()
                await self.process.wait()

    async def _spawn(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.part.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.part.environment,
                cwd=ROOT,
                start_new_session=True,  # the terminal's Ctrl-C is for the supervisor, which stops all in order
                preexec_fn=end_with_parent,
            )
        self._started()

    async def _is_ready(self) -> bool:
        assert self.process
        deadline = monotonic() + self.part.patience
        while self.process.returncode is None and monotonic() < deadline:
            if await self.part.ready():
                return True
            await asyncio.sleep(0.1)
        return False

    async def _watch(self) -> None:
        assert self.process
        pause, born = 0.1, monotonic()
        while True:
            await self.process.wait()
            pause = 0.1 if monotonic() - born > 15 else min(pause * 2, 5.0)
            keeps_dying = f"; it keeps dying, see {self.log}" if pause > 0.5 else ""
            self._say(f"{self.part.name} {self._how()}: started again in {pause:.1f} s{keeps_dying}")
            died = monotonic()
            await asyncio.sleep(pause)
            born = monotonic()
            await self._spawn()
            if await self._is_ready():
                self._say(f"{self.part.name} is back after {monotonic() - died:.1f} s, at the same address")
            elif self.process.returncode is None:
                self._say(f"{self.part.name} runs but is not ready after {self.part.patience:.0f} s: see {self.log}")

    def _how(self) -> str:
        code = self.process.returncode if self.process else None
        if code is None:
            return f"is not ready after {self.part.patience:.0f} s"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def end_of(log: Path, lines: int = 15) -> str:
    return "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
