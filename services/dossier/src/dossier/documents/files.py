"""The files of documents, behind the URL of an object store. A file is there before its row, so that no row is without its file;
what a crash leaves without a row is swept.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO
from uuid import UUID

import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from cir_chassis.problems import Unavailable

log = structlog.get_logger()
AGE = timedelta(minutes=10)
"""Older than any upload that may still get its row: a transaction takes seconds."""

PATIENCE = 30.0  # seconds until a store that is silent counts as away


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    except (BaseError, TimeoutError) as error:
        log.error("the object store of the documents does not answer", reason=repr(error)[:300])
        raise Unavailable("Documents cannot be kept or read now. Nothing was stored: try again later.") from error


def _path(document: UUID) -> str:
    return f"{document.hex[:2]}/{document}"  # no folder has all of them


def _document_at(path: str) -> UUID | None:
    with suppress(ValueError):
        if _path(document := UUID(path.rpartition("/")[2])) == path:
            return document
    return None


class Files:
    """The files in one object store. url: `file:///folder`, which is made where it is missing, `s3://bucket/prefix` or another
    of obstore's."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _store(self) -> ObjectStore:
        return from_url(self._url, mkdir=True) if self._url.startswith("file:") else from_url(self._url)

    async def put(self, document: UUID, file: IO[bytes]) -> None:
        """Keep a file. Raises `Unavailable`."""
        async with _answering():
            await self._store.put_async(_path(document), file)

    async def read(self, document: UUID) -> AsyncIterator[bytes]:
        """Its bytes, some at a time. Raises OSError where it is not there, `Unavailable`."""
        async with _answering():
            found = await self._store.get_async(_path(document))
        return (bytes(some) async for some in found.stream())

    async def delete(self, documents: Collection[UUID]) -> None:
        """Delete these. What cannot be deleted now is swept later."""
        try:
            if documents:
                await self._store.delete_async([_path(one) for one in documents])
        except (OSError, BaseError):
            log.warning("files are left to the sweep", exc_info=True)

    async def older(self, age: timedelta) -> AsyncIterator[list[UUID]]:
        """Those that are there for so long, some at a time. What a kill left half written is not listed, and removed here; a file
        of somebody else stays."""
        before, foreign = datetime.now(UTC) - age, 0
        async for some in self._store.list(chunk_size=1000):
            old = [_document_at(one["path"]) for one in some if one["last_modified"] <= before]
            foreign += old.count(None)
            yield [document for document in old if document]
        if foreign:
            log.warning("files that are no documents are left alone: keep them elsewhere", files=foreign)
        if isinstance(self._store, LocalStore):
            await asyncio.to_thread(_remove_halves, Path(str(self._store.prefix)), before)


def _remove_halves(folder: Path, before: datetime) -> None:
    """A local store writes `<path>#<n>` and renames it."""
    for half in folder.glob("*/*#*"):
        if half.stat().st_mtime <= before.timestamp():
            half.unlink()
