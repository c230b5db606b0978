"""Companies and organisations: files that are read whole or refused, and published once for each change of them."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import yaml

from cir_chassis.driver import transaction
from cir_chassis.outbox import OLD, OUTBOX, replay
from cir_chassis.settings import WrongSettings
from cir_schemas import CompanyRecorded, OrganisationRecorded
from conftest import free_port
from dossier.app import HERE, publish_directory
from dossier.directory.files import Directory, load_directory
from dossier.directory.publishing import publish

from .conftest import Register

AGREEMENT = HERE.parents[1] / "deploy" / "embedded" / "agreement.yaml"
A = {"name": "A", "address": "Straat 1, Leuven", "phone": "016 00 00 00", "mailbox": "a@a.example"}
PLACES = {"municipalities": ["24062"]}
CAW = {"name": "CAW", "mailbox": "caw@caw.example"}


def files(folder: Path, companies: Any, organisations: Any = None) -> Directory:
    """Read from files with this text or content."""
    paths = folder / "companies.yaml", folder / "organisations.yaml"
    for path, content in zip(paths, (companies, organisations or {}), strict=True):
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return load_directory(*paths)


def sample() -> Directory:
    return load_directory(HERE / "companies.yaml", HERE / "organisations.yaml")


async def published(register: Register) -> list[CompanyRecorded | OrganisationRecorded]:
    return [event for event in await register.said() if isinstance(event, CompanyRecorded | OrganisationRecorded)]


async def start(register: Register, directory: Directory) -> None:
    await publish_directory(register.service.background, directory, asyncio.Event())


def test_the_sample_names_the_company_of_leuven_and_has_a_mailbox_for_whoever_may_refer() -> None:
    groups = yaml.safe_load(AGREEMENT.read_text("utf-8"))["groups"].values()
    assert sample().treats["24062"] == "dijledal"
    assert set(sample().organisations) == {name for group in groups for name in group["referrers"]}


@pytest.mark.parametrize(
    ("companies", "words"),
    [
        ({"a": A | PLACES, "b": A | PLACES}, "CIR_COMPANIES: .*24062 stands at a and b"),
        ({"a": A | {"municipalities": ["2406"]}}, "a.municipalities.0"),
        ({"a": A | PLACES | {"towns": []}}, "a.towns"),
        ({"a": A}, "a.municipalities"),
        ({"a": A | PLACES | {"mailbox": "nowhere"}}, "a.mailbox"),
        ({"a": A | PLACES | {"phone": "ask Jan"}}, "a.phone"),
        ({"a": A | PLACES | {"name": "A\nB"}}, "a.name"),
        ({"A B": A | PLACES}, "A B"),
        ("a: [", "CIR_COMPANIES"),
        ("a: {}\nb: {}\na: {}", r"`a` stands here twice\s+in \".*companies.yaml\", line 3"),
    ],
)
def test_a_wrong_file_of_companies_is_refused(tmp_path: Path, companies: Any, words: str) -> None:
    with pytest.raises(WrongSettings, match=words):
        files(tmp_path, companies)


@pytest.mark.parametrize(
    ("organisations", "words"),
    [({"caw": {"name": "CAW"}}, "caw.mailbox"), ({"caw": CAW | {"email": "x@y.example"}}, "caw.email"), ("caw: [", "CIR_ORG"),
     ({"caw": CAW, "b": CAW}, "b and caw are known by the same name"), ({"caw": CAW | {"name": "B"}, "b": CAW}, "b and caw")],
)  # fmt: skip
def test_a_wrong_file_of_organisations_is_refused(tmp_path: Path, organisations: Any, words: str) -> None:
    with pytest.raises(WrongSettings, match=words):
        files(tmp_path, {"a": A | PLACES}, organisations)


@pytest.mark.parametrize("command", ["serve", f"replay --dossier {UUID(int=1)}", "dlq list", "publish-candidacies"])
@pytest.mark.parametrize("file", ["CIR_COMPANIES", "CIR_ORGANISATIONS"])
def test_nothing_of_the_register_starts_without_its_files(command: str, file: str) -> None:
    done = run(command, "postgresql://x@127.0.0.1:1/x", **{file: "/nowhere.yaml"})
    assert done.returncode == 2
    assert f"{file}: /nowhere.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def run(command: str, database_url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    told = {
        "CIR_DATABASE_URL": database_url,
        "CIR_KAFKA": "127.0.0.1:1",
        "CIR_PORT": str(free_port()),
        "CIR_ISSUER": "http://127.0.0.1:1",
        "CIR_AUDIENCE": "cir",
        "CIR_PERSON_KEY": "k" * 32,
        **settings,
    }
    called = [sys.executable, "-m", "dossier", *command.split()]
    return subprocess.run(called, capture_output=True, text=True, check=False, timeout=60, env=os.environ | told)


async def test_each_is_published_at_the_first_start_and_no_more_at_the_next(register: Register) -> None:
    await start(register, sample())
    found = await published(register)
    assert [(event.key, event.name) for event in found[:3]] == [
        ("dijledal", "Dijledal"), ("kanvaz", "Kanvaz"), ("woontrots", "WoonTrots"),
    ]  # fmt: skip
    assert isinstance(found[0], CompanyRecorded)
    assert (found[0].phone, found[0].mailbox) == ("016 00 00 01", "inschrijvingen@dijledal.example")
    assert found[0].municipalities == ("24062", "24011", "24086", "24038")
    assert {event.key for event in found[3:]} == set(sample().organisations)
    await start(register, sample())
    assert await published(register) == found


async def test_what_changed_alone_is_published_under_a_newer_version(register: Register, tmp_path: Path) -> None:
    await start(register, files(tmp_path, {"a": A | PLACES, "b": A | {"municipalities": []}}, {"caw": CAW}))
    before = {event.key: event for event in await published(register)}
    await start(
        register,
        files(tmp_path, {"a": A | PLACES | {"phone": "016 1 1 1 1"}, "b": A | {"municipalities": []}}, {"caw": CAW}),
    )
    [changed] = (await published(register))[3:]
    assert (changed.key, changed.phone) == ("a", "016 1 1 1 1")
    assert changed.version > before["a"].version


async def test_of_replicas_that_start_at_once_one_publishes(register: Register) -> None:
    await asyncio.gather(*(start(register, sample()) for _ in range(5)))
    keys = [(type(event), event.key) for event in await published(register)]
    assert len(keys) == len(set(keys)) == 9


async def test_nothing_is_published_that_was_not_kept(register: Register) -> None:
    with suppress(ZeroDivisionError):
        async with register.service.background.work() as work:
            assert await publish(sample(), work) == 9
            await work.flush()
            1 / 0  # noqa: B018
    assert await published(register) == []
    await start(register, sample())
    assert len(await published(register)) == 9


async def test_a_company_that_treats_dossiers_stays_in_the_file(register: Register, tmp_path: Path) -> None:
    await start(register, files(tmp_path, {"dijledal": A | PLACES, "idle": A | {"municipalities": ["12025"]}}))
    await register.started()
    there = files(tmp_path, {"new": A | PLACES})
    with pytest.raises(WrongSettings, match="gone from it: dijledal"):
        await start(register, there)
    assert len(await published(register)) == 2
    [url] = [register.service.settings.database_url]
    refused = await asyncio.to_thread(run, "serve", url, CIR_COMPANIES=str(tmp_path / "companies.yaml"))
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "gone from it: dijledal. Put them back" in refused.stderr
    await start(register, files(tmp_path, {"dijledal": A | {"municipalities": []}, "new": A | PLACES}))
    last = {event.key: event for event in await published(register)}
    assert {key: event.municipalities for key, event in last.items()} == {"dijledal": (), "idle": (), "new": ("24062",)}
    assert (last["dijledal"].mailbox, last["idle"].mailbox, last["idle"].name) == ("a@a.example", None, "A")


async def test_an_organisation_that_is_gone_is_mailed_no_more_and_can_come_back(
    register: Register, tmp_path: Path
) -> None:
    for organisations in ({"caw": CAW}, {}, {}, {"caw": CAW}):
        await start(register, files(tmp_path, {}, organisations))
    found = await published(register)
    assert [event.mailbox for event in found] == ["caw@caw.example", None, "caw@caw.example"]
    assert [event.version for event in found] == sorted({event.version for event in found})


async def test_replay_repeats_them_however_long_ago_they_were_published(register: Register) -> None:
    await start(register, sample())
    await register.started()
    engine = register.service.database.engine
    long_ago = sa.func.now() - timedelta(days=400)
    async with transaction(engine) as connection:
        await connection.execute(sa.update(OUTBOX).values(said_at=long_ago, sent_at=long_ago))
        await connection.execute(OLD)
    assert len(await register.said()) == len(await published(register)) == 9
    assert await replay(engine, sa.true()) == 9


async def test_anyone_asks_which_company_lets_homes_in_a_municipality(register: Register) -> None:
    [found] = (await register.http.get("/v1/companies?municipality=24062")).json()
    assert found == {
        "company": "dijledal",
        "name": "Dijledal",
        "address": "Voorbeeldstraat 1, 3000 Leuven",
        "phone": "016 00 00 01",
        "municipalities": ["24062", "24011", "24086", "24038"],
        "areas": ["leuven-centrum"],
    }
    everyone = (await register.http.get("/v1/companies")).json()
    assert [one["company"] for one in everyone] == ["dijledal", "kanvaz", "woontrots"]
    assert (await register.http.get("/v1/companies?municipality=44021")).json() == []
    assert (await register.http.get("/v1/companies?municipality=Gent")).status_code == 422
