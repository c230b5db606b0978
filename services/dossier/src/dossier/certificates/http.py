"""The certificate of a dossier, and whether a code still holds."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller, anyone, may
from cir_schemas.types import DossierRef, Shape
from dossier.certificates import use_cases
from dossier.register.store import RegisterWork

Work = Annotated[RegisterWork, IN_WORK]
Code = Annotated[str, Path(max_length=60)]
router = APIRouter(prefix="/v1", tags=["certificates"])


class CodeRead(Shape):
    """Nothing but whether it holds."""

    valid: bool


@router.get(
    "/dossiers/{dossier}/certificate",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def certificate(
    dossier: DossierRef,
    request: Request,
    caller: Annotated[Caller, Depends(may("candidate", "case_worker"))],
    work: Work,
) -> Response:
    """The certificate of registration, as a PDF in the language of the dossier."""
    held = await use_cases.certify(dossier, caller, work)
    headers = {
        "Content-Disposition": f'attachment; filename="{held["number"]}.pdf"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Response(request.app.state.certificates.write(held), media_type="application/pdf", headers=headers)


@router.get("/certificates/{code}", dependencies=[Depends(anyone)])
async def holds(code: Code, work: Work) -> CodeRead:
    """Whether the certificate with this code still holds: registered, since the same day. Capitals and dashes do not matter."""
    return CodeRead(valid=await use_cases.holds(code, work))
