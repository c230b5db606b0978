"""A container engine: the one that answers, or one of our own for as long as it is needed.

Ours comes from the distribution's packages, unpacked in a folder and not installed. It has namespaces of its own for
processes and mounts, so that all it started and mounted ends with it, even by `kill -9`; what it changes in the network
is written down before and put back after, if need be by the next one.
"""

import fcntl
import json
import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from deploy.embedded import CannotStart
from deploy.embedded.supervisor import Say, end_of, end_with_parent

FOLDER = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cir-engine"
NEXT = "trixie"  # its compose knows `up --wait`, and its PostgreSQL is 17
_ROOT, _RUN = FOLDER / "root", FOLDER / "run"
_BEFORE, _LOG = _RUN / "before.json", _RUN / "dockerd.log"
_LINKS = Path("/sys/class/net")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_NO_RULES = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n*nat\nCOMMIT\n"
_OURS = {
    "DOCKER_HOST": f"unix://{_RUN / 'docker.sock'}",
    "DOCKER_CONFIG": str(FOLDER / "config"),
    "LD_LIBRARY_PATH": f"{_ROOT}/usr/lib/{platform.machine()}-linux-gnu",
    "XTABLES_LIBDIR": f"{_ROOT}/usr/lib/{platform.machine()}-linux-gnu/xtables",
    "PATH": f"{_ROOT}/usr/bin:{_ROOT}/usr/sbin:{os.environ['PATH']}",
}


@contextmanager
def engine(say: Say) -> Iterator[None]:
    """Within, `docker` and `docker compose` answer. One run at a time has ours. Raises `CannotStart`."""
    if _answers():
        yield
        return
    os.environ.update(_OURS)
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run has the engine: waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        with _own(say):
            yield


def run(*command: str | Path, input: str | None = None) -> str:
    """What it prints. Raises `CannotStart` with what it complains of."""
    done = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStart(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr or done.stdout}")
    return done.stdout


def mirror() -> str:
    """Where this machine's apt finds the distribution."""
    release = platform.freedesktop_os_release().get("VERSION_CODENAME")
    asked = ["apt-get", "indextargets", "--no-release-info", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"]
    for line in run(*asked, "Created-By: Packages").splitlines():
        if line.startswith(f"{release} main "):
            return line.split()[2]
    raise CannotStart(f"apt names no mirror of {release}")


def _answers() -> bool:
    asked = ("info", "--format", "{{.ServerVersion}}"), ("compose", "version")
    try:
        return all(subprocess.run(["docker", *one], capture_output=True, check=False).returncode == 0 for one in asked)
    except FileNotFoundError:
        return False


@contextmanager
def _own(say: Say) -> Iterator[None]:
    if os.geteuid() or not shutil.which("apt-get"):
        raise CannotStart("no container engine with compose answers, and ours needs root on Debian: start Docker first")
    _unpack(say)
    _RUN.mkdir(exist_ok=True)
    if _BEFORE.exists():  # the last one was killed
        _put_back()
    before = {"rules": run("iptables-save"), "forwarding": _FORWARDING.read_text(), "links": os.listdir(_LINKS)}
    _BEFORE.write_text(json.dumps(before))
    begin = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "docker-init", "--", "dockerd"]
    places = [f"--data-root={FOLDER / 'data'}", f"--exec-root={_RUN / 'exec'}", f"--pidfile={_RUN / 'docker.pid'}"]
    (_RUN / "docker.pid").unlink(missing_ok=True)  # of another namespace
    with _LOG.open("w") as log:
        process = subprocess.Popen(
            [*begin, *places, f"--host={_OURS['DOCKER_HOST']}", "--bridge=none", "--cgroup-parent=/cir-engine"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
    try:
        deadline = monotonic() + 30
        while not _answers():
            if monotonic() > deadline or process.poll() is not None:
                raise CannotStart(f"dockerd does not answer; {_LOG} ends with:\n{end_of(_LOG)}")
            sleep(0.1)
        _clear()  # of a run that was killed
        yield
        _clear()
    finally:
        if process.poll() is None:
            dockerd = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(dockerd[0]) if dockerd else process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        _put_back()


def _clear() -> None:
    """Keep images alone, without what newer builds replaced."""
    if containers := run("docker", "ps", "--all", "--quiet").split():
        run("docker", "rm", "--force", "--volumes", *containers)
    for kind in (("network",), ("volume",), ("image",), ("builder", "--keep-storage=6GB")):
        run("docker", kind[0], "prune", "--force", *kind[1:])


def _put_back() -> None:
    before = json.loads(_BEFORE.read_text())
    for folder, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if "/cir-engine" in folder:
            os.rmdir(folder)
    for link in set(os.listdir(_LINKS)) - set(before["links"]):
        if link.startswith(("br-", "veth")):  # an end of a pair goes with the other
            subprocess.run(["ip", "link", "delete", link], capture_output=True, check=False)
    run("iptables-restore", input=_NO_RULES + before["rules"])
    _FORWARDING.write_text(before["forwarding"])
    _BEFORE.unlink()


def _unpack(say: Say) -> None:
    if (FOLDER / "ready").exists():
        return
    say(f"no container engine answers: unpacking one in {FOLDER}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    for folder in ("lists/partial", "cache/archives/partial", "config/cli-plugins", "root"):
        (FOLDER / folder).mkdir(parents=True)
    here, place = platform.freedesktop_os_release()["VERSION_CODENAME"], mirror()
    (FOLDER / "sources.list").write_text("".join(f"deb {place} {release} main\n" for release in (here, NEXT)))
    apt = ["apt-get", "-qq", "-o", f"Dir::State::Lists={FOLDER / 'lists'}", "-o", f"Dir::Cache={FOLDER / 'cache'}"]
    apt += ["-o", f"Dir::Etc::SourceList={FOLDER / 'sources.list'}", "-o", "Dir::Etc::SourceParts=-"]
    apt += ["-o", f"APT::Default-Release={here}", "-o", "APT::Sandbox::User=root", "--no-install-recommends"]
    run(*apt, "update")
    run(*apt, "--yes", "--download-only", "install", "docker.io", "debootstrap", "iptables")
    for package in ("docker-compose", "docker-buildx"):
        run("env", "-C", FOLDER / "cache" / "archives", *apt, "download", f"{package}/{NEXT}")
    for archive in (FOLDER / "cache" / "archives").glob("*.deb"):
        run("dpkg-deb", "--extract", archive, _ROOT)
    if (_ROOT / "usr/sbin/xtables-nft-multi").exists():  # what installing would have linked
        for name in ("iptables", "iptables-save", "iptables-restore", "ip6tables"):
            (_ROOT / "usr/sbin" / name).symlink_to("xtables-nft-multi")
    for plugin in (_ROOT / "usr/libexec/docker/cli-plugins").iterdir():
        (FOLDER / "config/cli-plugins" / plugin.name).symlink_to(plugin)
    for spent in ("cache", "lists"):
        shutil.rmtree(FOLDER / spent)
    (FOLDER / "ready").touch()
