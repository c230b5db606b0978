"""One register for all that is tested here: started once, in a folder and at ports of its own, stopped at the end."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.embedded.demo import Register
from deploy.embedded.stack import Stack

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it complains of a broker that is on its way up


class Patient(Stack):
    """Nobody is asked for papers because a source was struck: it waits for the sources longer than a strike lasts."""

    def settings(self, service: str) -> dict[str, str]:
        return super().settings(service) | ({"CIR_SOURCES_PATIENCE": "PT5M"} if service == "dossier" else {})


@pytest.fixture(scope="session")
def told() -> list[str]:
    """What the stack said."""
    return []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> AsyncIterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("register")
    async with Patient(folder, told.append, shift=12_000) as stack:
        stack.tell()
        yield stack


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def register(stack: Stack) -> AsyncIterator[Register]:
    async with Register(stack.addresses) as register:
        yield register
