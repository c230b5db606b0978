"""Documents at the HTTP edge: an upload is read only after its login, and a few at once; a file leaves as an attachment."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated
from urllib.parse import quote
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

import filetype
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect

from cir_chassis.database import Database
from cir_chassis.http import IN_WORK
from cir_chassis.idempotency import idempotent
from cir_chassis.login import Caller, may
from cir_chassis.problems import Problem, Unavailable
from cir_schemas.types import DossierRef, Shape
from dossier.documents import interpretation, use_cases
from dossier.documents.files import Files
from dossier.documents.requests import DocumentListed, Interpretation, Interpreted
from dossier.documents.scanner import refuse_infected
from dossier.documents.use_cases import LARGEST, SUFFIXES
from dossier.register.store import RegisterWork
from dossier.tables import Upload

Everybody = Annotated[Caller, Depends(may("candidate", "case_worker", "helper"))]
Work = Annotated[RegisterWork, IN_WORK]
CaseWorker = Annotated[Caller, Depends(may("case_worker"))]
LARGEST_BODY = LARGEST + 2_000_000  # a file that is a little too large is refused in words
PATIENCE = 5.0  # seconds until an upload beyond those at once is refused
_READING = asyncio.Semaphore(16)  # uploads at once
_OF_ONE = WeakValueDictionary[str, asyncio.Semaphore]()  # two of them by one caller
router = APIRouter(prefix="/v1/dossiers/{dossier}/documents", tags=["documents"])
_TEXT, _BYTES = {"type": "string"}, {"type": "string", "format": "binary"}
_FIELDS = {"file": _BYTES, "member": _TEXT, "fact": _TEXT}
_FORM = {"type": "object", "required": [*_FIELDS], "properties": _FIELDS}
_MULTIPART = {"content": {"multipart/form-data": {"schema": _FORM}}, "required": True}


class Uploaded(Shape):
    """A document that is on record."""

    id: UUID
    sha256: str


@router.post("", status_code=201, openapi_extra={"requestBody": _MULTIPART}, max_body_size=LARGEST_BODY)
async def upload(
    dossier: DossierRef,
    request: Request,
    caller: Everybody,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Uploaded:
    """Bring a document for a fact that is asked of a member, or for a housing situation (`fact`: `situation`).

    PDF, JPEG, PNG, GIF or TIFF, by its content; 10 MB at most, 50 MB a household.
    """
    database: Database[RegisterWork] = request.app.state.database
    files: Files = request.app.state.files
    async with database.work() as work:  # before his file is read
        await use_cases.refuse_uploader(dossier, caller, work)
    async with _form(request, caller) as form:
        brought, file = await _read(form)
        if clamd := request.app.state.clamd:
            await refuse_infected(file.file, clamd)
            await file.seek(0)
        await files.put(brought.id, file.file)
    answer = {"id": str(brought.id), "sha256": brought.sha256}

    async def effect() -> Mapping[str, str]:
        await use_cases.upload(dossier, brought, caller, work)
        return answer

    same, key = f"{dossier} {brought.member} {brought.fact} {brought.sha256}".encode(), idempotency_key
    try:
        async with database.work() as work:
            given = await (idempotent(work.connection, caller.subject, key, same, effect) if key else effect())
    except Problem:  # raised before the commit; after any other error there may be a row
        await files.delete([brought.id])
        raise
    if given != answer:
        await files.delete([brought.id])
    return Uploaded.model_validate(given)


@router.get("")
async def list_documents(dossier: DossierRef, caller: Everybody, work: Work) -> list[DocumentListed]:
    """What was brought, and what became of it; a helper sees what his organisation brought."""
    return await use_cases.list_documents(dossier, caller, work)


_CONTENT = {type_: {"schema": _BYTES} for type_ in SUFFIXES}


@router.get("/{document}", response_class=StreamingResponse, responses={200: {"content": _CONTENT}})
async def read(dossier: DossierRef, document: UUID, request: Request, caller: Everybody) -> StreamingResponse:
    """The file, as an attachment."""
    async with request.app.state.database.work() as work:  # over before a slow store is asked
        found = await use_cases.read_document(dossier, document, caller, work)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"}  # RFC 6266
    headers |= {"Content-Length": str(found.size), "X-Content-Type-Options": "nosniff"}
    headers |= {"Cache-Control": "private, no-store"}
    return StreamingResponse(await request.app.state.files.read(found.id), media_type=found.type, headers=headers)


@router.post("/{document}/interpretation")
async def interpret(
    dossier: DossierRef, document: UUID, body: Interpretation, caller: CaseWorker, work: Work
) -> Interpreted:
    """Judge a document, once: accepted or rejected, with reasons and the facts that follow."""
    return await interpretation.interpret(dossier, document, body, caller, work)


@asynccontextmanager
async def _form(request: Request, caller: Caller) -> AsyncIterator[FormData]:
    charset = parse_options_header(request.headers.get("content-type"))[1].get(b"charset", b"utf-8")
    if charset.lower() != b"utf-8":
        raise Problem(415, "The form is sent in UTF-8: leave the charset out. Nothing was stored.")
    own = _OF_ONE.setdefault(caller.subject, asyncio.Semaphore(2))
    async with AsyncExitStack() as held:
        try:
            async with asyncio.timeout(PATIENCE):
                for turn in (own, _READING):
                    await held.enter_async_context(turn)
        except TimeoutError:
            raise Unavailable("Too many documents are on their way. Nothing was stored: send it again.") from None
        try:
            async with request.form(max_files=1, max_fields=2, max_part_size=1000) as form:
                yield form
        except ClientDisconnect:
            raise Problem(400, "The body ended early. Nothing was stored: send it again.") from None


async def _read(form: FormData) -> tuple[Upload, UploadFile]:
    """Raises a 413, 415 or 422 problem."""
    file, member, fact = (form.get(name) for name in ("file", "member", "fact"))
    fields = (("file", UploadFile, "a file"), ("member", str, "a member's id"), ("fact", str, "what it proves"))
    if errors := [(name, what) for name, kind, what in fields if not isinstance(form.get(name), kind)]:
        raise Problem(422, "A document is sent as multipart/form-data with file, member and fact: see errors.", errors)
    assert isinstance(file, UploadFile)
    assert isinstance(member, str)
    assert isinstance(fact, str)
    if (size := file.size or 0) > LARGEST:
        most = f"A file has at most {LARGEST // 10**6} MB"
        raise Problem(413, f"{most}. Nothing was stored: send it smaller, or in parts.")
    kind = filetype.guess_mime(await file.read(8192))
    if kind not in SUFFIXES:
        known = "PDF, JPEG, PNG, GIF or TIFF, by its content and not by its name"
        raise Problem(415, f"A document is a {known}. Nothing was stored: scan it, or take a photo of it.")
    await file.seek(0)
    digest = await asyncio.to_thread(hashlib.file_digest, file.file, "sha256")  # type: ignore[arg-type]
    await file.seek(0)
    return Upload(uuid4(), member, fact, file.filename or "", kind, size, digest.hexdigest()), file
