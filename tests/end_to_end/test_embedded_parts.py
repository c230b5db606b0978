"""What the embedded stack promises of itself, whatever runs in it."""

import asyncio
import json
import os
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from deploy.embedded import CACHE, ROOT, SERVICES, CannotStart, kafka, ports
from deploy.embedded.demo import until
from deploy.embedded.samples import SAMPLES, Sample, national_number
from deploy.embedded.stack import Stack
from deploy.embedded.supervisor import Child, Part
from deploy.token import token

SHIFT = 14_000


async def always() -> bool:
    return True


def listen(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()
    return taken


def test_ports_stay_from_one_start_to_the_next(tmp_path: Path) -> None:
    told: list[str] = []
    first = ports.choose(tmp_path / "ports.json", told.append, SHIFT)
    assert ports.choose(tmp_path / "ports.json", told.append, SHIFT) == first
    assert len(set(first.values())) == len(ports.PREFERRED)
    assert not told


def test_a_port_that_is_taken_is_replaced_said_and_the_new_one_stays(tmp_path: Path) -> None:
    told: list[str] = []
    first = ports.choose(tmp_path / "ports.json", told.append, SHIFT)
    with listen(first["kafka"]):
        second = ports.choose(tmp_path / "ports.json", told.append, SHIFT)
    assert second["kafka"] != first["kafka"]
    assert {name for name in first if first[name] != second[name]} == {"kafka"}
    assert [str(first["kafka"]) in line and "kafka" in line for line in told] == [True]
    assert ports.choose(tmp_path / "ports.json", told.append, SHIFT) == second


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(ports.PREFERRED.values()) + SHIFT + 1000 < lowest


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda jars: (jars / "kafka-clients-4.4.0.jar").write_bytes(b"other"), "kafka-clients-4.4.0.jar"),
        (lambda jars: (jars / "stranger.jar").write_bytes(b""), "stranger.jar"),
    ],
)
def test_a_jar_that_is_not_the_pinned_one_stops_the_start(
    tmp_path: Path, spoil: Callable[[Path], object], word: str
) -> None:
    jars = tmp_path / "jars"
    jars.mkdir()
    for jar in kafka.fetch(CACHE / "kafka").glob("*.jar"):
        os.link(jar, jars / jar.name)
    (jars / "kafka-clients-4.4.0.jar").unlink()
    (jars / "kafka-clients-4.4.0.jar").write_bytes((CACHE / "kafka" / "kafka-clients-4.4.0.jar").read_bytes())
    assert kafka.fetch(jars) == jars
    spoil(jars)
    with pytest.raises(CannotStart, match=word):
        kafka.fetch(jars)


async def test_who_dies_is_started_again_and_it_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    pids: list[int | None] = []
    child = Child(Part("sleeper", ["sleep", "60"], always), tmp_path, told.append, lambda: pids.append(child.pid))
    await child.start()
    try:
        assert child.pid
        os.kill(child.pid, signal.SIGKILL)

        async def back() -> bool:
            return len(told) == 2

        await until(back, f"not back: {told}", 10)
        assert "sleeper was ended by SIGKILL" in told[0]
        assert "sleeper is back after" in told[1]
        assert len(set(pids)) == 2
    finally:
        await child.stop()
    assert child.pid is None


async def test_who_keeps_dying_is_started_less_and_less_often_and_its_log_is_named(tmp_path: Path) -> None:
    told: list[str] = []
    part = Part("brittle", ["sh", "-c", f"test -e {tmp_path}/ran && exit 3; touch {tmp_path}/ran; sleep 0.2"], always)
    child = Child(part, tmp_path, told.append, lambda: None)
    await child.start()
    try:

        async def named() -> bool:
            return any("keeps dying" in line and "brittle.log" in line for line in told)

        await until(named, f"its log is not named: {told}", 15)
        assert any("exit code 3" in line for line in told)
    finally:
        await child.stop()


async def test_who_cannot_start_at_all_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    part = Part("broken", ["sh", "-c", "echo CIR_PORT: no number >&2; exit 2"], never)
    with pytest.raises(CannotStart, match=r"(?s)exit code 2.*CIR_PORT: no number"):
        await Child(part, tmp_path, print, lambda: None).start()


async def test_the_stack_without_services(tmp_path: Path) -> None:
    """One start for all of it: the mailbox, the login, the sources, the brokers, the lock, and nothing left behind."""
    told: list[str] = []
    async with Stack(tmp_path, told.append, shift=SHIFT, services=()) as stack:
        stack.tell()
        with pytest.raises(CannotStart, match="already"):
            async with Stack(tmp_path, told.append, shift=SHIFT, services=()):
                pass
        assert (tmp_path / "addresses.json").exists()
        for _ in range(2):
            await asyncio.to_thread(send_mail, stack.ports["smtp"], "<once@cir.example>")
        keys = (await get(stack.url("login") + "/jwks")).json()
        early = await asyncio.to_thread(token, stack.url("login"), "candidate", person="85622300123")
        before = json.loads((tmp_path / "addresses.json").read_text())
        async with httpx.AsyncClient(trust_env=False, base_url=before["sources"]) as client:
            assert (await client.put("/persons/85622300173", json={"language": "exempt"})).status_code == 204
        killed = [stack.kill(name) for name in ("mails", "login", "sources", "postgres", "kafka")]

        async def all_back() -> bool:
            return sum("is back after" in line for line in told) == len(killed)

        await until(all_back, f"not all are back: {told}", 60)
        mails = (await get(stack.url("mails") + "/messages")).json()
        assert [(mail["to"], mail["message_id"], mail["times"]) for mail in mails] == [
            ("somebody@candidates.example", "<once@cir.example>", 2)
        ]
        assert (await get(stack.url("login") + "/jwks")).json() == keys
        late = await asyncio.to_thread(token, stack.url("login"), "candidate", person="85622300123")
        assert early.split(".")[0] == late.split(".")[0]
        async with httpx.AsyncClient(trust_env=False, base_url=before["sources"]) as client:
            asked = await client.post("/services/language", json={"number": "85622300173"})
        assert asked.json() == {"number": "85622300173", "known": True, "language": "exempt"}
        assert json.loads((tmp_path / "addresses.json").read_text()) == before
        pids = [child.pid for child in stack.children.values()]
    assert not (tmp_path / "addresses.json").exists()
    assert not [pid for pid in pids if pid and runs(pid)]


async def test_not_even_a_killed_supervisor_leaves_a_process(tmp_path: Path) -> None:
    script = f"""
import asyncio, pathlib
from deploy.embedded.stack import Stack
async def main():
    async with Stack(pathlib.Path({str(tmp_path)!r}), print, shift={SHIFT}, services=()) as stack:
        print(*(child.pid for child in stack.children.values()), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert supervisor.stdout
    pids: list[int] = []
    while not pids:
        line = (await asyncio.wait_for(supervisor.stdout.readline(), 60)).decode()
        assert line, "it ended by itself"
        pids = [int(word) for word in line.split()] if line.replace(" ", "").strip().isdecimal() else []
    supervisor.kill()
    await supervisor.wait()

    async def gone() -> bool:
        return not any(runs(pid) for pid in pids)

    await until(gone, f"some of {pids} still run", 10)


def test_who_knows_people_by_pseudonym_has_one_key_and_keeps_it(tmp_path: Path) -> None:
    def key(service: str) -> str | None:
        stack = Stack(tmp_path)
        stack.ports = defaultdict(int)
        stack.settings(service)
        found: str | None = tomllib.loads((tmp_path / f"{service}.toml").read_text()).get("person_key")
        return found

    keys = {key(service) for service in ("dossier", "priority", "notifications", "dossier")}
    assert (len(keys), None in keys, key("eligibility")) == (1, False, None)


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_what_holds_a_key_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    stack = Stack(tmp_path)
    stack.ports = defaultdict(int)
    (tmp_path / "priority.toml").write_text("as an earlier release left it")
    before = os.umask(umask)
    try:
        for service in SERVICES:
            stack.settings(service)
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {
        *(f"{one}.toml" for one in SERVICES),
        "person.key",
        "mail.key",
        "session.key",
    }
    assert {stat.filemode(path.stat().st_mode) for path in files} == {"-rw-------"}


async def test_a_port_that_is_taken_between_choice_and_start_is_chosen_again(tmp_path: Path) -> None:
    told: list[str] = []
    taken: dict[str, socket.socket] = {}

    def say(line: str) -> None:
        told.append(line)
        if line.startswith("Kafka's jars, checked") and not taken:
            taken.update({name: listen(stack.ports[name]) for name in ("smtp", "kafka", "postgres")})

    try:
        async with (stack := Stack(tmp_path, say, shift=SHIFT, services=())):
            held = {name: holder.getsockname()[1] for name, holder in taken.items()}
            assert {name for name, port in held.items() if stack.ports[name] != port} == {"smtp", "kafka", "postgres"}
            await asyncio.to_thread(send_mail, stack.ports["smtp"], "<once@cir.example>")
            assert await ports.answers(stack.ports["kafka"])
            assert stat.filemode((tmp_path / "login" / "key.json").stat().st_mode) == "-rw-------"
            assert json.loads((tmp_path / "ports.json").read_text()) == stack.ports
        for name, port in held.items():
            assert [line for line in told if f"port {port} is taken by another program: {name} listens on" in line]
    finally:
        for holder in taken.values():
            holder.close()


def test_nobody_stands_in_two_samples() -> None:
    members = [member for sample in SAMPLES for member in sample.members]
    serials = [member["number"][6:9] for member in members]
    assert len(set(serials)) == len(serials)
    assert [one["number"] for one in members] == [
        national_number(one["born_on"], int(one["number"][6:9])) for one in members
    ]


def test_the_sources_know_of_a_sample_what_is_declared_unless_it_says_otherwise() -> None:
    stay = {"municipality": "24062", "from": "2012-01-01", "until": None}
    members = [
        {"id": "p1", "role": "applicant", "number": "1", "born_on": "1985-02-23", "balances": "0"},
        {"id": "p2", "role": "partner", "number": "2", "incomes": [], "set_aside": {"ground": "budget_guidance"}},
        {"id": "c1", "role": "co_resident", "number": "3", "dependant": True},
        {"id": "c2", "role": "co_resident", "dependant": True},
    ]
    post = {"household": {"members": members}, "residence": [stay, stay | {"member": "p2"}]}

    def known(**sources: dict[str, object] | None) -> dict[str, dict[str, object]]:
        return Sample("any", "", post, [], "candidate", {}, sources).known

    partner = {"incomes": [], "stays": [stay | {"member": "p2"}]}
    child = {"dependant": True, "stays": []}
    assert known() == {"1": {"born_on": "1985-02-23", "stays": [stay]}, "2": partner, "3": child}
    applicant = {"born_on": "1985-02-23", "stays": [], "away": {"tax": 1}}
    assert known(p1={"away": {"tax": 1}, "stays": []}, c1=None) == {"1": applicant, "2": partner}


def test_a_token_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.token", "operator"],
        cwd=ROOT,
        env={**os.environ, "CIR_DEMO_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert "make demo" in done.stderr
    assert not done.stdout


def runs(pid: int) -> bool:
    """A zombie does not: whether it is collected depends on the machine's first process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


def send_mail(port: int, message_id: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "register@cir.example", "somebody@candidates.example", "Één keer"
    mail["Message-ID"] = message_id
    mail.set_content("Goed ontvangen.")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(mail)
