"""Each service is stopped, upgraded and rolled back by itself while households apply: the others only know less for a while.

The newer build is made from this tree: it has one more field in an event, and one more migration, that the others and
the older build have no word for. Its upgrade is the one that docs/operators tells operators.
"""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory

from cir_chassis.database import alembic_config
from deploy.compose.stack import Stack
from deploy.embedded import ROOT, SERVICES
from deploy.embedded.demo import Register, until
from tests.compose.test_compose import TOPICS, heard
from tests.faults.households import Case, cases
from tests.faults.ledger import COMPANY, Ledger
from tests.faults.test_faults import apply

FIELD = "told_later"
GROWS = {  # service → table that gets a column, shapes of the contracts that get a field
    "dossier": (
        "dossiers",
        ["dossier.CandidacyRecorded", "eligibility.Assessment"],
    ),  # it says one, and keeps the other
    "eligibility": ("assessments", ["eligibility.HouseholdAssessed"]),
    "priority": ("candidacies", ["dossier.CandidacyRecorded"]),
    "notifications": ("contacts", ["dossier.ContactsRecorded"]),
}
SAYS = {"dossier", "eligibility"}
HANDLED = re.compile(r'^cir_events_total\{fate="handled".*\} (\S+)$', re.MULTILINE)


class Traffic:
    """Households that apply one after another, half a second apart."""

    def __init__(self, register: Register, households: list[Case]) -> None:
        self.dossiers: dict[str, Case] = {}
        self._register, self._households, self._ended = register, households, False

    async def flow(self) -> None:
        for case in self._households:
            if self._ended:
                return
            self.dossiers[await apply(self._register, case)] = case
            await asyncio.sleep(0.5)  # a rate: nothing is waited for
        raise AssertionError("no household is left")

    def end(self) -> None:
        self._ended = True

    async def more(self, many: int = 2) -> None:
        """Until so many more have applied, from the first call to the last."""
        wanted = len(self.dossiers) + many + 1  # one is under way

        async def applied() -> bool:
            return len(self.dossiers) >= wanted

        await until(applied, "nobody can apply")


class Others:
    """The services that are left alone: each must be ready, and answer, whenever it is asked."""

    def __init__(self, stack: Stack, service: str, dossier: str, case: Case) -> None:
        self.rounds = 0
        self._dossier, self._case = dossier, case
        self._names, self._at_once = set(SERVICES) - {service}, Register(stack.addresses, patience=0)

    async def watch(self) -> None:
        async with self._at_once:
            while True:
                for name in self._names:
                    await self._at_once.get(name, "/health/ready")
                    await self._read(name)
                self.rounds += 1
                await asyncio.sleep(0.2)

    async def _read(self, name: str) -> None:
        get = self._at_once.get
        match name:
            case "dossier":
                await get(name, f"/v1/dossiers/{self._dossier}", case_worker=COMPANY)
            case "priority":
                await get(name, "/v1/waiting-list?municipality=24062", case_worker=COMPANY)
            case "notifications":
                await get(name, f"/v1/messages?dossier={self._dossier}", case_worker=COMPANY)
            case "eligibility":
                answer = await self._at_once.call("POST", name, "/v1/preview", json=self._case.household)
                assert answer.json()["outcome"] == self._case.verdict["outcome"]


@contextmanager
def newer_build(stack: Stack, service: str, folder: Path) -> Iterator[dict[str, str]]:
    """The variables of compose that choose it; the older one is back at the end."""
    for part in ("requirements.lock", "schemas", "chassis", "services", "deploy", ".dockerignore"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, folder / part)
    table, shapes = GROWS[service]
    for contract, name in (shape.split(".") for shape in shapes):
        file = folder / f"schemas/src/cir_schemas/{contract}.py"
        opening = re.compile(rf'(class {name}\(.*?\):\n    """.*?"""\n\n)', re.DOTALL)
        grown, times = opening.subn(rf'\1    {FIELD}: str | None = "something"\n', file.read_text())
        assert times == 1
        file.write_text(grown)
    migrations = folder / f"services/{service}/migrations"
    head = ScriptDirectory.from_config(alembic_config("", migrations)).get_current_head()
    (migrations / "versions" / "9999_told_later.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '9999', {head!r}\n"
        f"def upgrade() -> None:\n    op.add_column({table!r}, sa.Column({FIELD!r}, sa.Text()))\n"
        f"def downgrade() -> None:\n    op.drop_column({table!r}, {FIELD!r})\n"
    )
    version = f"{stack.project}-newer"
    chosen = {f"CIR_{service.upper()}_VERSION": version}
    stack.compose("--project-directory", str(folder), "build", "--quiet", service, environment=chosen)
    try:
        yield chosen
    finally:
        stack.compose("up", "--detach", "--wait", service)
        subprocess.run(["docker", "image", "rm", f"cir/{service}:{version}"], capture_output=True, check=True)


def replicas(stack: Stack, service: str) -> set[str]:
    """Their addresses."""
    listed = stack.compose("ps", "--format", "json", service).stdout.splitlines()
    published = [one for line in listed for one in json.loads(line)["Publishers"] if one["PublishedPort"]]
    return {f"http://127.0.0.1:{one['PublishedPort']}" for one in published}


async def handled(register: Register, service: str, address: str) -> float:
    """How many events this replica has let take effect."""
    answer = await register.http.get(f"{address}/metrics")
    return sum(map(float, HANDLED.findall(answer.text)))


async def both_work(register: Register, service: str, addresses: set[str]) -> None:
    before = {address: await handled(register, service, address) for address in addresses}

    async def each_has_more() -> bool:
        return all([await handled(register, service, address) > so_far for address, so_far in before.items()])

    await until(each_has_more, f"two replicas of {service} do not share the work")


async def knows_the_field(register: Register, service: str) -> bool:
    return FIELD in (await register.call("GET", service, "/asyncapi.json")).text


@pytest.mark.parametrize(
    "service",
    [pytest.param(one, marks=[] if one == "dossier" else pytest.mark.long) for one in SERVICES],
)
async def test_a_service_is_stopped_upgraded_and_rolled_back_by_itself(
    stack: Stack, service: str, tmp_path: Path
) -> None:
    def compose(*command: str, **chosen: str) -> Any:
        return asyncio.to_thread(stack.compose, *command, environment=chosen)

    up = ("up", "--detach", "--wait")
    alone, beside = (*up, "--no-deps", service), (*up, "--no-deps", "--no-recreate", "--scale", f"{service}=2", service)
    first = stack.ports[service] + 500
    ports = {f"CIR_{service.upper()}_PORT": f"{first}-{first + 1}"}
    households = await asyncio.to_thread(cases, 200, 600 + 40 * SERVICES.index(service), tmp_path)
    (tmp_path / "tree").mkdir()
    with newer_build(stack, service, tmp_path / "tree") as newer:
        async with Register(addresses := stack.addresses) as register:
            traffic = Traffic(register, households)
            async with asyncio.TaskGroup() as group:
                flowing = group.create_task(traffic.flow())
                await traffic.more()
                others = Others(stack, service, *next(iter(traffic.dossiers.items())))
                watching = group.create_task(others.watch())

                with stack.timed(f"{service} away"):
                    await compose("stop", service)
                    rounds = others.rounds

                    async def asked() -> bool:
                        return others.rounds >= rounds + 10

                    await until(asked, "the others do not answer")
                    await compose(*alone, **ports)
                [old] = replicas(stack, service)
                addresses[service] = old
                await traffic.more()

                with stack.timed(f"{service} upgraded"):
                    await compose("run", "--rm", "--no-deps", "-T", f"{service}-migrate", **newer)
                    await traffic.more()  # the old one, on the newer schema
                    await compose(*beside, **ports, **newer)
                    both = replicas(stack, service)
                    assert len(both) == 2
                    await both_work(register, service, both)
                    [addresses[service]] = both - {old}
                    await compose(*alone, **ports, **newer)
                [addresses[service]] = replicas(stack, service)  # compose chooses which place it keeps
                assert await knows_the_field(register, service)
                await traffic.more()

                with stack.timed(f"{service} rolled back"):
                    await compose(*up, service)  # with the older build's `migrate`
                addresses |= stack.addresses
                assert not await knows_the_field(register, service)
                await traffic.more()
                traffic.end()
                await flowing
                watching.cancel()
            held = await Ledger(stack, register, traffic.dossiers).check()
        said = [record for record in await heard(stack, *TOPICS) if FIELD.encode() in record.value]
        by = {dict(record.headers)["ce_source"] for record in said if record.key.decode() in traffic.dossiers}
    assert not {promise: why for promise, why in held.items() if why}
    assert by == ({f"/{service}".encode()} if service in SAYS else set())
