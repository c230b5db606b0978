"""One register in containers for all that is tested here: `make test-compose`. A plain `make test` needs no container."""

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_asyncio

from deploy.compose.stack import Stack
from deploy.embedded.demo import Register
from tests.offline.engine import engine
from tests.offline.stack import Offline

HERE = Path(__file__).parent
SECONDS = pytest.StashKey[dict[str, float]]()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    asked = any(Path(argument.split("::")[0]).resolve().is_relative_to(HERE) for argument in config.args)
    return None if asked else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(1800))  # the first one also builds, or waits for another run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for step, seconds in config.stash.get(SECONDS, {}).items():
        terminalreporter.write_line(f"{seconds:7.1f} s  {step}")


class Patient(Offline):
    """Nobody is asked for papers because something was struck: the sources are awaited longer than a strike lasts."""

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"CIR_SOURCES_PATIENCE": "PT5M"}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """See `Stack.compose` for whatever is to happen to it; who breaks it brings it back: `stack.compose("up", "--wait")`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an end in order, as by Ctrl-C
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert reporter
    begun = monotonic()
    with engine(reporter.write_line):
        stack = Patient(tmp_path_factory.mktemp("compose"), "cir-test", reporter.write_line, shift=14_000)
        pytestconfig.stash[SECONDS] = stack.seconds
        stack.seconds["engine answers"] = monotonic() - begun
        with stack.up():
            yield stack
        begun = monotonic()
    stack.seconds["engine ended"] = monotonic() - begun


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def register(stack: Stack) -> AsyncIterator[Register]:
    async with Register(stack.addresses) as register:
        yield register
