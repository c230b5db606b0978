"""Who may call what: every call × every kind of caller, statuses alone, beside what was agreed in `who_may.txt`.

`python -m pytest tests/security/test_who_may.py --update` writes the table anew: read its difference as what it is, rights
given or taken.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asyncpg.transaction import Transaction

from .calls import CALLERS, Call, calls, set_scene
from .conftest import Services

AGREED = Path(__file__).with_name("who_may.txt")
Lines = dict[str, dict[str, Call]]


async def statuses(
    services: Services, scene: dict[str, Any], lines: Lines, callers: Sequence[str] = tuple(CALLERS)
) -> dict[tuple[str, str], list[int]]:
    """(service, line) → the status for each caller."""
    found: dict[tuple[str, str], list[int]] = {}
    who = {name: await services.as_(one[0], **one[1]) if (one := CALLERS[name]) else {} for name in callers}
    for service, given in lines.items():
        for line, call in given.items():
            method, path = line.partition(" · ")[0].split(" ", 1)
            url = path.format_map(scene | dict(call.at))
            for headers in who.values():
                sent = {"json": call.json, "data": call.form, "files": call.files, "params": dict(call.query)}
                answer = await services.call(service, method, url, headers, headers=dict(call.headers), **sent)
                found.setdefault((service, line), []).append(answer.status_code)
    return found


def written(found: dict[tuple[str, str], list[int]]) -> str:
    """The table, as it stands in the file."""
    first = max(len(line) for _, line in found)
    wide = [max(len(name), 3) for name in CALLERS]
    head = " ".join(name.ljust(n) for name, n in zip(CALLERS, wide, strict=True)).rstrip()
    table, last = [" " * first + "  " + head], ""
    for (service, line), row in found.items():
        table += ["", service] if service != last else []
        table.append(
            f"{line.ljust(first)}  " + " ".join(str(one).ljust(n) for one, n in zip(row, wide, strict=True)).rstrip()
        )
        last = service
    return "\n".join(table) + "\n"


@pytest.mark.timeout(600)
async def test_everybody_may_what_was_agreed_and_no_more(
    services: Services, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    scene = await set_scene(services)
    lines = calls(scene)
    for name, service in services.by_name.items():
        described = {
            f"{method.upper()} {path}" for path, methods in service.app.openapi()["paths"].items() for method in methods
        }
        assert {line.partition(" · ")[0] for line in lines[name]} == described, f"{name}: tests/security/calls.py"
    # Each call meets the same scene: where it would commit it is rolled back.
    monkeypatch.setattr(Transaction, "commit", Transaction.rollback)
    found = await statuses(services, scene, lines)
    table = written(found)
    if request.config.getoption("--update"):
        AGREED.write_text(table, "utf-8")
    assert table == AGREED.read_text("utf-8"), "rights were given or taken: --update writes them down"
    for service in services.by_name.values():
        monkeypatch.setattr(service.app.state, "database", None)
    # A stranger takes no connection: he is refused before a unit of work is opened.
    strangers = await statuses(services, scene, lines, ["nobody"])
    assert {key for key, row in found.items() if row[0] == 401} == {
        key for key, row in strangers.items() if row == [401]
    }
