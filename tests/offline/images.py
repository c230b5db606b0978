"""Base images of the distribution's packages, where no container registry is reachable.

What the machine's own apt and pip are told (mirror, index, certificates) reaches a build as a secret: no file of ours and
no layer keeps it.
"""

import os
import shlex
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

from deploy.embedded import CACHE, ROOT, kafka
from deploy.embedded.supervisor import Say
from tests.offline.engine import FOLDER, run
from tests.offline.engine import mirror as apt_mirror

TOLD = FOLDER / "told"
_PUBLIC = ("postgres:17", "apache/kafka:4.4.0", "python:3.11-slim-bookworm")
_INDEX = {"index-url": "INDEX_URL", "extra-index-url": "EXTRA_INDEX_URL", "find-links": "FIND_LINKS"}


def public() -> bool:
    """Are the public images here, or can they be fetched?"""
    return all(_here(name) or _succeeds("pull", "--quiet", name) for name in _PUBLIC)


def bases(say: Say) -> None:
    """Build what tests/offline/compose.yml stands on, where it is missing or its Dockerfile changed. Raises `CannotStart`."""
    kafka.fetch(CACHE / "kafka")
    TOLD.mkdir(parents=True, exist_ok=True)
    mirror, ca = apt_mirror(), ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    (TOLD / "mirror").write_text(mirror)
    (TOLD / "index").write_text(_index())
    shutil.copyfile(ca, TOLD / "ca")
    for suite in ("bookworm", "trixie"):
        if not _here(f"cir-offline/debian:{suite}"):
            say(f"building a base of {suite}")
            _debian(suite, mirror)
    for target in ("slim", "whole"):
        file, secrets = ROOT / "tests/offline/python.Dockerfile", ("mirror", "ca")
        given = [part for name in secrets for part in ("--secret", f"id={name},src={TOLD / name}")]
        name = f"cir-offline/python:{target}"
        run(
            "docker",
            "buildx",
            "build",
            "-q",
            "--network",
            "host",
            *given,
            "--target",
            target,
            "-t",
            name,
            "-f",
            file,
            ROOT / "tests/offline",
        )


def _debian(suite: str, mirror: str) -> None:
    scripts, tree = FOLDER / "root/usr/share/debootstrap", FOLDER / "tree"
    tree.mkdir(exist_ok=True)
    if scripts.exists():
        os.environ["DEBOOTSTRAP_DIR"] = str(scripts)
    run("unshare", "--mount", "sh", ROOT / "tests/offline/debian.sh", suite, tree, mirror)


def _index() -> str:
    """Where this machine's pip looks, as a shell reads it: for pip and for uv, which has names of its own."""
    lines = ["export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca"]
    for setting, name in _INDEX.items():
        for place in ("global", ":env:"):  # the environment last: it wins
            done = subprocess.run(
                [sys.executable, "-m", "pip", "config", "get", f"{place}.{setting}"],
                capture_output=True,
                text=True,
                check=False,
            )
            value = done.stdout.strip()
            if value and not Path(value).is_absolute():  # a folder of this machine is none of the build's
                uv = {"INDEX_URL": "DEFAULT_INDEX", "EXTRA_INDEX_URL": "INDEX"}.get(name, name)
                lines.append(f"export PIP_{name}={shlex.quote(value)} UV_{uv}={shlex.quote(value)}")
    return "\n".join(lines) + "\n"


def _here(name: str) -> bool:
    return _succeeds("image", "inspect", name)


def _succeeds(*command: str) -> bool:
    return subprocess.run(["docker", *command], capture_output=True, check=False).returncode == 0
