"""Ports that stay: chosen at the first start, then the same; another one only where somebody took it, which is said.

They lie below the range from which the system numbers outgoing connections: above, a client that tries again and again
to reach a dead service may be given that very port, connect to itself and keep it.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path

PREFERRED = {
    "kafka": 9092,
    "kafka controller": 9093,
    "postgres": 5433,
    "login": 8100,
    "dossier": 8101,
    "eligibility": 8102,
    "priority": 8103,
    "notifications": 8104,
    "mails": 8110,
    "sources": 8115,
    "smtp": 8125,
}


def choose(memory: Path, say: Callable[[str], None], shift: int = 0) -> dict[str, int]:
    """name → port. shift: added to the preferred ones, so that the stack of a test stays out of the way of a demo."""
    known: dict[str, int] = json.loads(memory.read_text()) if memory.exists() else {}
    ports: dict[str, int] = {}
    for name, preferred in PREFERRED.items():
        wanted = known.get(name, preferred + shift)
        ports[name] = next(port for port in range(wanted, 32000, 20) if port not in ports.values() and is_free(port))
        if ports[name] != wanted:
            say(f"port {wanted} is taken by another program: {name} listens on {ports[name]}")
    memory.write_text(json.dumps(ports, indent=1))
    return ports


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger do not make it taken
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 2)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
