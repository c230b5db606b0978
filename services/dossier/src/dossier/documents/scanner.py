"""Viruses: a clamd of the operators reads each file before it is kept. A file that it did not read is not kept."""

from types import SimpleNamespace
from typing import IO

import structlog
from aioclamd import BufferTooLongError, ClamdAsyncClient, ClamdError

from cir_chassis.problems import Problem, Unavailable

log = structlog.get_logger()
PATIENCE = 30.0  # seconds for a file; one of 10 MB takes half a second
_CHUNK = 1 << 16  # bytes; the client's own choice of 1 KiB is ten times slower


def clamd_at(address: str) -> ClamdAsyncClient:
    """address: `host:port`."""
    host, _, port = address.rpartition(":")
    return ClamdAsyncClient(host, int(port), PATIENCE)


async def refuse_infected(file: IO[bytes], clamd: ClamdAsyncClient) -> None:
    """Have a file read to its end. Raises a 422 problem where a virus is found, `Unavailable` where the file was not scanned."""
    why = "The virus scanner does not answer now. Nothing was stored: send it again later."
    try:
        found = await clamd.instream(SimpleNamespace(read=lambda _: file.read(_CHUNK)))
        [(state, name)] = (found or {"": ("ERROR", "the connection ended without an answer")}).values()
    except (
        ConnectionError,
        BufferTooLongError,
    ) as error:  # clamd resets the connection amid a file that is too large for it
        log.error("clamd broke a file off: its StreamMaxLength must be above 10M", reason=repr(error))
        raise Unavailable("The virus scanner broke this file off. Nothing was stored: send a smaller one.") from None
    except (ClamdError, OSError) as error:
        log.error("clamd does not answer: no document is taken", reason=repr(error))
        raise Unavailable(why) from None
    if state == "FOUND":
        log.warning("an infected file was refused", virus=name)
        what = "The virus scanner found a virus in this file. Nothing was stored: scan the paper or take a photo of it anew."
        raise Problem(422, what, [("file", f"has the virus {name}")])
    if state != "OK":
        log.error("clamd did not scan a file", reason=name)
        raise Unavailable(why)
