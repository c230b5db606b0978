"""Any turn and order of the past is recomputed by an outsider, who is told when somebody lies."""

import asyncio
import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from cir_chassis.driver import transaction
from cir_schemas import CandidacyRecorded, OfferDeclined
from priority.__main__ import cli
from priority.handlers import record_candidacies
from priority.log import until

from .conftest import CANDIDATE, KEY, Priority, candidacy
from .test_ranking import ON, somebody

TOOL = Path(__file__).parents[3] / "tools/audit.py"
AUDIT = runpy.run_path(str(TOOL))["Audit"]
Lines = list[dict[str, Any]]


async def written(priority: Priority) -> Lines:
    async with transaction(priority.service.background.engine) as connection:
        return [json.loads(line) async for line in until(ON.replace(year=2024, month=12), connection)]


def audit(lines: Lines, *, chained: bool = True) -> str:
    """What the outsider says; chained: whoever lied wrote the digests anew."""
    texts, last, outsider = list[str](), 0, AUDIT()
    for line in lines:
        if chained and line["kind"] == "proposal":
            digest = sha256("\n".join(texts[last:]).encode()).hexdigest()
            line = line | {"content": line["content"] | {"lines": len(texts) - last, "sha256": digest}}
            last = len(texts)
        texts.append(json.dumps(line, ensure_ascii=False))
    return next(filter(None, (outsider.read(text.encode()) for text in texts)), "")


async def play(priority: Priority, seed: int, steps: int) -> None:
    """A company's days: people come and change, are referred, offered homes in any state, refuse, are silent or sign."""
    random, offers, vacancies = Random(seed), dict[str, str](), list[str]()
    await priority.agreed(planned=60, stricter_tie_years=random.choice((None, 3)), vlabinvest=True)
    people = [somebody(random, nth).model_copy(update={"candidates": ()}) for nth in range(1, 61)]
    await priority.hear(*people)

    async def change() -> None:
        nth = random.randrange(len(people))
        new: dict[str, Any] = random.choice(
            ({"persons": 2}, {"status": "struck"}, {"paused_until": "2024-06-02"}, {"informal_care_in": ["24062"]})
        )
        people[nth] = people[nth].model_copy(update={"version": people[nth].version + 1})
        people[nth] = CandidacyRecorded.model_validate(people[nth].model_dump() | new)
        await priority.hear(people[nth])

    async def refer() -> None:
        if number := random.choice(people).number:
            group, by = random.choice((("homeless", "caw"), ("young", "mind-the-gap")))
            made = await priority.refer(number, group, by)
            if made.status_code == 201 and random.random() < 0.2:
                path = f"/v1/referrals/{made.json()['id']}/retraction"
                await priority.post(path, {"reasons": "moved"}, "helper", organisation=by)

    async def prioritise(group: str = "elderly") -> None:
        made = await priority.post("/v1/situations", {"dossier": str(random.choice(people).dossier), "text": "old"})
        if made.status_code == 201:
            path = f"/v1/situations/{made.json()['id']}/review"
            await priority.post(path, {"decision": "priority", "group": group, "reasons": "seen"})

    async def free() -> None:
        small, kept = random.randint(1, 2), "elderly" if random.random() < 0.3 else None
        home = {
            "min_persons": small,
            "max_persons": small + random.randint(0, 2),
            "target_group": kept,
            "area": "centrum",
        }
        vacancies.append(f"w{len(vacancies)}")
        if (await priority.free(vacancies[-1], **home)).status_code != 201:
            vacancies.pop()

    async def propose() -> None:
        for id_ in random.sample(vacancies, min(3, len(vacancies))):
            next_ = await priority.get(f"/v1/vacancies/{id_}/next")
            if next_.status_code == 200 and next_.json()["order"]:
                made = await priority.propose(id_, next_.json())
                offers[made.json()["id"]] = id_
                await go_on()
                break

    async def go_on() -> None:
        offer = random.choice(list(offers))
        await priority.confirm(offer)
        for what in random.choice(
            (
                ["lease"],
                ["refuse", "judgement"],
                ["answer", "lease"],
                ["withdrawal"],
                ["answer"],
                ["decline"],
            )
        ):
            if what == "decline":
                async with priority.service.database.work() as work:
                    found = await work.allocation.offer(UUID(offer))
                assert found
                about = {"dossier": found.dossier, "number": found.number, "offer": offer, "reasons": ["income"]}
                await priority.hear(OfferDeclined.model_validate(about))
            elif what == "refuse":
                await priority.act(offer, "answer", answer="refuse", reason="too far")
            else:
                await priority.act(offer, what)

    async def withdraw() -> None:
        if vacancies and random.random() < 0.4:
            await priority.post(f"/v1/vacancies/{random.choice(vacancies)}/withdrawal", {"reasons": "fire"})

    for group in ("elderly", *["vlabinvest"] * 9):
        await prioritise(group)
    for _ in range(steps):
        await random.choice(
            (
                change,
                refer,
                refer,
                prioritise,
                free,
                free,
                propose,
                propose,
                propose,
                go_on if offers else free,
                withdraw,
            )
        )()


def proposals(lines: Lines, fits: Callable[[dict[str, Any]], bool]) -> tuple[int, dict[str, Any]]:
    """The first proposal of that kind: its place, and its content."""
    return next(
        (n, line["content"]) for n, line in enumerate(lines) if line["kind"] == "proposal" and fits(line["content"])
    )


def instead(lines: Lines, n: int, **changed: Any) -> Lines:
    return [*lines[:n], lines[n] | {"content": lines[n]["content"] | changed}, *lines[n + 1 :]]


def to_another(lines: Lines) -> tuple[Lines, str]:
    n, one = proposals(lines, lambda one: one["how"] == "taken" and one["to"] != "standard")
    return instead(
        lines, n, to="standard", how="passed"
    ), f"by law turn {one['turn']} of {one['of']} to {one['to']} (taken)"


def not_repaid(lines: Lines) -> tuple[Lines, str]:
    n, one = proposals(lines, lambda one: one["how"] == "repaid")
    return instead(
        lines, n, to=one["of"], how="taken"
    ), f"by law turn {one['turn']} of {one['of']} to {one['to']} (repaid)"


def swapped(lines: Lines) -> tuple[Lines, str]:
    n, one = proposals(lines, lambda one: one["to"] == "standard" and len(one["first"]) > 2)
    first, second, third, *rest = one["first"]
    return instead(lines, n, first=[first, third, second, *rest]), f"place 2: {third}; by law {second}"


def left_out(lines: Lines) -> tuple[Lines, str]:
    n, one = proposals(lines, lambda one: one["to"] == "standard" and len(one["first"]) > 2)
    first, second, *rest = one["first"]
    return instead(lines, n, number=second[0], first=[second, *rest]), f"offered to: {[second[0]]}; by law {[first[0]]}"


def skipped(lines: Lines) -> tuple[Lines, str]:
    n, one = proposals(lines, lambda one: one["to"] != "standard" and len(one["first"]) > 1)
    first, second = one["first"][:2]
    return instead(lines, n, number=second[0], first=one["first"][1:]), f"by law {[first[0]]}"


def never_proposed(lines: Lines) -> tuple[Lines, str]:
    n, _ = proposals(lines, lambda one: True)
    return [*lines[:n], *lines[n + 1 :]], "is live for"


def frozen(lines: Lines) -> tuple[Lines, str]:
    for n in [n for n, line in enumerate(lines) if line["kind"] == "agreement"]:
        lines = instead(lines, n, freezes=[["2024-01-01", "2024-12-31"]])
    return lines, "by law nobody"


def booked_for_another(lines: Lines) -> tuple[Lines, str]:
    n = next(n for n, line in enumerate(lines) if line["kind"] == "turn" and line["content"]["state"] == "final")
    return instead(lines, n, vacancy="w999"), "is final for w999, which did not have it"


def missing(lines: Lines) -> tuple[Lines, str]:
    n = next(n for n, line in enumerate(lines) if line["kind"] == "referral")
    return [*lines[:n], *lines[n + 1 :]], "lines since the last proposal"


def changed(lines: Lines) -> tuple[Lines, str]:
    n = next(n for n, line in enumerate(lines) if line["kind"] == "dossier")
    return instead(lines, n, persons=99), "are here: missing or changed"


LIES = {
    **dict.fromkeys(
        (to_another, not_repaid, swapped, left_out, skipped, never_proposed, frozen, booked_for_another), True
    ),
    **dict.fromkeys((missing, changed), False),  # nobody wrote the digests anew
}


@pytest.mark.parametrize("seed", [7, *(pytest.param(n, marks=pytest.mark.long) for n in range(8, 22))])
async def test_an_outsider_recomputes_every_turn_and_order(
    priority: Priority, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await play(priority, seed, 100)
    lines = await written(priority)
    assert audit(lines) == audit(lines, chained=False) == ""
    assert CANDIDATE not in json.dumps(lines)
    url = priority.service.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {"database_url": url, "kafka": "127.0.0.1:1", "issuer": "http://x", "audience": "x", "port": "1"}
    for name, value in {**settings, "person_key": KEY.get_secret_value()}.items():
        monkeypatch.setenv(f"CIR_{name.upper()}", value)
    printed = await asyncio.to_thread(CliRunner().invoke, cli, ["audit", "2024"])
    assert printed.exit_code == 0, printed.output
    assert list(map(json.loads, printed.output.splitlines())) == lines
    (file := tmp_path / "2024.jsonl").write_text(printed.output)
    orders = sum(line["kind"] == "proposal" for line in lines)
    assert await asyncio.to_thread(outsider, file) == (0, f"{orders} orders and their turns follow\n", "")
    for lie, chained in LIES.items():
        try:
            lied, words = lie(lines)
        except StopIteration:
            assert seed > 7, f"no occasion for {lie}"
        else:
            assert words in audit(lied, chained=chained), lie


def test_an_empty_file_follows_from_nothing(tmp_path: Path) -> None:
    """As a command that failed leaves it."""
    (file := tmp_path / "2024.jsonl").touch()
    assert outsider(file) == (1, "", "line 0: the file is empty\n")


def outsider(file: Path) -> tuple[int, str, str]:
    """What the tool says of the file, as its own program: exit code, output, errors."""
    ran = subprocess.run([sys.executable, TOOL, file], capture_output=True, text=True)
    return ran.returncode, ran.stdout, ran.stderr


async def test_no_line_is_changed_or_deleted(priority: Priority) -> None:
    await priority.hear(candidacy("2024.01.02.0001"))
    for statement in ("UPDATE log SET kind = 'x'", "DELETE FROM log"):
        with pytest.raises(sa.exc.DBAPIError, match="never changed or deleted"):
            async with transaction(priority.service.background.engine) as connection:
                await connection.execute(sa.text(statement))


async def test_the_first_proposal_writes_what_stood_before_the_log(priority: Priority) -> None:
    await priority.agreed()
    await priority.hear(*(candidacy(f"2024.01.02.000{n}") for n in range(1, 6)))
    await priority.refer("2024.01.02.0004")
    await priority.refer("2024.01.02.0005", "young", "mind-the-gap")
    for id_ in ("w1", "w2", "w3", "w4"):
        await priority.free(id_)
    await priority.let("w1")
    await priority.opened("w2")
    async with transaction(priority.service.background.engine) as connection:
        await connection.execute(sa.text("TRUNCATE log"))
        await connection.execute(sa.text("UPDATE candidacies SET logged = NULL"))
    await priority.let("w3")
    await priority.opened("w4")
    lines = await written(priority)
    assert audit(lines, chained=False) == ""
    n, one = proposals(lines, lambda one: True)
    assert (one["vacancy"], one["lines"]) == ("w3", n)
    before = [line["content"]["turn"] for line in lines[:n] if line["kind"] == "turn" and line["content"]["given"]]
    assert before == [1, 1, 2]


async def test_a_repeat_writes_no_line(priority: Priority) -> None:
    known = candidacy("2024.01.02.0001")
    for n in (1, 1, 2):
        await priority.hear(known.model_copy(update={"version": n}))
    assert [line["kind"] for line in await written(priority)] == ["dossier"]


async def test_at_a_proposal_nothing_is_under_way(priority: Priority) -> None:
    """A batch under way keeps it waiting; one that comes meanwhile waits for it: each line stands where it counted."""
    database, order = priority.service.background, list[str]()
    began, done = asyncio.Event(), asyncio.Event()

    async def batch(number: str, go_on: asyncio.Event) -> None:
        async with database.work() as work:
            event = candidacy(number)
            await work.load([event.dossier])
            order.append(f"begin {number}")
            began.set()
            await go_on.wait()
            record_candidacies([event], work)
        order.append(f"commit {number}")

    async def propose() -> None:
        async with database.work() as work:
            since = await work.begin_proposal()
            order.append("propose")
            work.log.add("proposal", since)

    done.set()
    before, go = "2024.01.02.0001", asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batch(before, go))
        await began.wait()
        tasks.create_task(propose())
        await priority.until_waiting(1)
        tasks.create_task(batch("2024.01.02.0002", done))
        await priority.until_waiting(2)
        go.set()
    assert order[:1] == [f"begin {before}"]
    lines = [line["content"].get("number", line["kind"]) for line in await written(priority)]
    assert lines == [before, "proposal", "2024.01.02.0002"]
