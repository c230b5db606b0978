"""The desk in a browser: what waits, a dossier on one page, and every decision in words before it is taken.

It shows what the API gives a case worker, and no more. A change is a unit of work of its own, so that one that is refused leaves
nothing behind, and its form is shown again with what was typed.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field, create_model

from cir_chassis.forms import AT_THE_FORM, Form, read_form, send
from cir_chassis.http import IN_WORK
from cir_chassis.login import Caller
from cir_chassis.pages import Pages
from cir_chassis.problems import NotAllowed, NotFound, Problem
from cir_chassis.session import logged_in
from cir_schemas.household import Income, RealRight, RecentIncome
from cir_schemas.municipalities import NAMES
from cir_schemas.types import DossierRef, Status
from dossier.application.screens import TYPED
from dossier.desk import use_cases as desk
from dossier.desk.http import Cursor
from dossier.documents import http as documents_http
from dossier.documents import use_cases as documents
from dossier.documents.interpretation import interpret
from dossier.documents.requests import Decision, Facts, Interpretation
from dossier.facts.compose import STRUCTURE
from dossier.register import actions, reading, use_cases
from dossier.register.opening import opened, undoable
from dossier.register.pages import audited
from dossier.register.requests import ActionRequest, Reasons
from dossier.register.store import RegisterWork

CaseWorker = Annotated[Caller, Depends(logged_in("case_worker"))]
Work = Annotated[RegisterWork, IN_WORK]
Sought = Annotated[str, Query(max_length=100)]

_REASONS: Any = (Annotated[Reasons, Field(min_length=1)], ...)


def typed_as(shape: type[BaseModel], **own: Any) -> Any:
    """The shape as it is typed in a form, amounts with a comma. own: fields of another type."""
    given = {name: one for name, one in shape.model_fields.items() if name not in STRUCTURE}
    types = {name: TYPED[name] | None if name in TYPED else one.rebuild_annotation() for name, one in given.items()}
    return create_model(shape.__name__, **{name: (types[name], one.default) for name, one in given.items()} | own)


_INCOME = typed_as(Income, jointly_taxable=(TYPED["jointly_taxable"], ...))
_LISTS = {"incomes": (_INCOME | None, None), "real_rights": (RealRight | None, None)}
"""Of these a document shows one."""
_SHOWN = typed_as(Facts, recent_income=(typed_as(RecentIncome) | None, None), **_LISTS)
_JUDGED: Any = create_model("Judged", decision=(Decision, ...), reasons=_REASONS, facts=(_SHOWN, _SHOWN()))

_ASKS: Mapping[str, tuple[str, ...]] = {  # decision → its fields beside the reasons; one with "?" may be left empty
    **dict.fromkeys(("refuse", "reinstate", "keep_struck", "hold", "wake", "submit"), ()),
    **dict.fromkeys(("withdraw", "leave"), ("on?",)),
    **dict.fromkeys(("confirm", "decline", "uphold"), ("member",)),
    "strike": ("ground",),
    "deceased": ("member", "on?"),
    "keep_date": ("of",),
    "appeal": ("ground", "on?", "notified_on?"),
    "answer_appeal": ("ground", "upheld"),
    "undo": ("act",),
}
_WITHOUT_REASONS = ("submit", "confirm", "decline")
_CHECKED = ("refuse", "strike", "withdraw", "deceased", "leave", "decline")
"""What a family loses years by, where it is a mistake: shown once more in words, before it is done."""


def _form(action: str, asks: tuple[str, ...]) -> type[BaseModel]:
    given: dict[str, Any] = {} if action in _WITHOUT_REASONS else {"reasons": _REASONS}
    for name, optional in ((one.rstrip("?"), one.endswith("?")) for one in asks):
        kind = (
            TYPED["born_on"] if name in ("on", "notified_on") else ActionRequest.model_fields[name].rebuild_annotation()
        )
        given[name] = (kind, None if optional else ...)
    return create_model(action, **given)


_FORMS = {action: _form(action, asks) for action, asks in _ASKS.items()}


def routes(pages: Pages, companies: Mapping[str, str]) -> APIRouter:
    """Every page of the desk. companies: id → name."""
    router = pages.router()

    async def show_document(
        dossier: DossierRef, document: UUID, request: Request, caller: Caller, work: RegisterWork, **of: Any
    ) -> Response:
        await documents.read_document(dossier, document, caller, work)
        found = await whole(dossier, caller, work)
        one = next(one for one in found["documents"] if one.id == document)
        assessment = found["dossier"].assessment
        asks = [*assessment.asks, *assessment.could_claim] if assessment else []
        ask = next((ask for ask in asks if (ask.person, ask.fact) == (one.member, one.fact)), None)
        return pages.show(request, "desk_document", **found | {"document": one, "ask": ask, "check": False} | of)

    async def show_decision(
        dossier: UUID, action: str, request: Request, caller: Caller, work: RegisterWork, **of: Any
    ) -> Response:
        register = await opened(dossier, caller, work)
        if not register.actor.at_counter:
            raise NotAllowed("a case worker of the company that treats the dossier decides")
        found = await whole(dossier, caller, work) | {"action": action, "check": False, "asks": _ASKS[action]}
        origins = [origin for of in found["file"].origins.values() for origin in of.values()]
        upholds = action == "uphold" and any("contradicted_by" in one for one in origins)
        found["struck_for_too_much"] = keeps = register.standing.struck_for_too_much
        found["possible"] = upholds or (action == "keep_struck" and keeps) or action in found["dossier"].actions
        found |= {"appeals": register.standing.appeals, "undoable": [one.id for one in await undoable(register, work)]}
        return pages.show(request, "desk_decision", None if found["possible"] else 409, **found | of)

    @router.get("/desk")
    async def queue(
        request: Request, caller: CaseWorker, work: Work, cursor: Cursor = None, taken: bool = False
    ) -> Response:
        """What waits, the longest first, and who has it. taken: a colleague was faster."""
        found, then = await desk.queue(cursor, caller, work)
        more = then and urlencode({"cursor": then})
        return pages.show(request, "desk", items=found, more=more, place=place, taken=taken)

    @router.post("/desk/next")
    async def following(request: Request, caller: CaseWorker) -> Response:
        """Claim what waits longest and nobody has, and go there."""
        async with request.app.state.database.work() as work:
            found, _ = await desk.queue(None, caller, work)
        for item in (one.item for one in found if not one.claimed_by):
            if not await refused(request, partial(desk.claim, item, caller)):
                return RedirectResponse(place(item), 303)
        return RedirectResponse("/desk", 303)

    @router.post("/desk/queue/{item}/{do}")
    async def take(item: str, do: Literal["claim", "give_back"], request: Request, caller: CaseWorker) -> Response:
        """Claim it and go there, or give it back."""
        if await refused(request, partial(getattr(desk, do), item, caller)):
            return RedirectResponse("/desk?taken=true", 303)
        return RedirectResponse(place(item) if do == "claim" else "/desk", 303)

    @router.get("/desk/search")
    async def search(
        request: Request,
        caller: CaseWorker,
        work: Work,
        q: Sought = "",
        status: Status | None = None,
        cursor: Cursor = None,
    ) -> Response:
        """Dossiers by number, name, birth date or national number, or all in a status; what is too short to look for is said
        so."""
        found, then, short = list[Any](), None, False
        try:
            if status or q.strip():
                found, then = await desk.search(q, cursor, caller, work, status)
        except Problem as problem:
            if problem.status != 422:
                raise
            short = True
        more = then and urlencode(({"status": status} if status else {"q": q}) | {"cursor": then})
        about = {"q": q, "within": status, "found": found, "short": short, "more": more}
        return pages.show(request, "desk_search", 422 if short else 200, **about)

    @router.get("/desk/{dossier}")
    async def show(dossier: DossierRef, request: Request, caller: CaseWorker, work: Work) -> Response:
        """All of one dossier; to a company that is only wanted, how it stands."""
        return pages.show(request, "desk_dossier", **await whole(dossier, caller, work))

    @router.post("/desk/{dossier}/notes")
    async def note(dossier: UUID, request: Request, caller: CaseWorker) -> Response:
        """Write a note for colleagues."""
        read = await read_form(request, desk.NoteWritten)
        form = await send(request, read, lambda body, work: desk.add_note(dossier, body, caller, work))
        if form.done is not None:
            return RedirectResponse(f"/desk/{dossier}", 303)
        async with request.app.state.database.work() as work:
            return pages.show(request, "desk_dossier", **await whole(dossier, caller, work) | {"form": form})

    @router.get("/desk/{dossier}/audit")
    async def audit(
        dossier: DossierRef, request: Request, caller: CaseWorker, work: Work, before: int | None = None
    ) -> Response:
        """Who read or changed it."""
        return pages.show(request, "audit", **await audited(dossier, caller, work, before), companies=companies)

    @router.get("/desk/{dossier}/documents/{document}")
    async def document(dossier: UUID, document: UUID, request: Request, caller: CaseWorker, work: Work) -> Response:
        """A document beside the fact that it should settle, with what follows from each decision."""
        return await show_document(dossier, document, request, caller, work)

    @router.get("/desk/{dossier}/documents/{document}/file")
    async def file(dossier: UUID, document: UUID, request: Request, caller: CaseWorker) -> Response:
        """As the API gives it."""
        return await documents_http.read(dossier, document, request, caller)

    @router.post("/desk/{dossier}/documents/{document}")
    async def judge(dossier: UUID, document: UUID, request: Request, caller: CaseWorker) -> Response:
        """Accept or reject it, with reasons and the facts that it shows, after it was looked at once more."""

        async def do(judged: Any, work: RegisterWork) -> object:
            shown = judged.facts.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            if judged.decision == "rejected" or not shown.get("real_rights", {}).get("exception"):
                shown.pop("real_rights", None)
            facts = {name: [one] if name in _LISTS else one for name, one in shown.items()}
            given = {"facts": facts} if judged.decision == "accepted" else {}
            body = Interpretation.model_validate({"decision": judged.decision, "reasons": judged.reasons, **given})
            return await interpret(dossier, document, body, caller, work)

        form, check = await taken(request, await read_form(request, _JUDGED), do)
        if form.done is not None:
            return RedirectResponse(f"/desk/{dossier}/documents/{document}", 303)
        at_field = {path.replace("[0]", ""): why for path, why in form.errors.items()}  # the form has one of each list
        form = replace(form, errors=at_field)
        async with request.app.state.database.work() as work:
            return await show_document(dossier, document, request, caller, work, form=form, check=check)

    @router.get("/desk/{dossier}/actions/{action}")
    async def decision(dossier: UUID, action: str, request: Request, caller: CaseWorker, work: Work) -> Response:
        """One decision: what it does, and its reasons."""
        if action not in _FORMS:
            raise NotFound("There is no such decision.")
        return await show_decision(dossier, action, request, caller, work, form=Form(dict(request.query_params)))

    @router.post("/desk/{dossier}/actions/{action}")
    async def decide(dossier: UUID, action: str, request: Request, caller: CaseWorker) -> Response:
        """Take it; what closes a dossier, after it was looked at once more."""
        if action not in _FORMS:
            raise NotFound("There is no such decision.")

        async def do(body: Any, work: RegisterWork) -> None:
            if action == "submit":
                await use_cases.submit(dossier, caller, work)
            elif action == "confirm":
                await use_cases.confirm(dossier, body.member, True, caller, work)
            elif action == "decline":
                await use_cases.decline(dossier, body.member, caller, work)
            elif action in ("uphold", "keep_struck"):
                what = f"contradiction.{body.member}" if action == "uphold" else "struck"
                await desk.dismiss(f"{dossier}.{what}", desk.Dismissal(reasons=body.reasons), caller, work)
            else:
                said = ActionRequest.model_validate({"action": action, **body.model_dump()})
                await actions.act(dossier, said, caller, work)

        form, check = await taken(request, await read_form(request, _FORMS[action]), do, twice=action in _CHECKED)
        if form.done is not None:
            return RedirectResponse(f"/desk/{dossier}", 303)
        async with request.app.state.database.work() as work:
            return await show_decision(dossier, action, request, caller, work, form=form, check=check)

    return router


async def whole(dossier: DossierRef, caller: Caller, work: RegisterWork) -> dict[str, Any]:
    """What the caller may see of a dossier: `file` and what hangs on it are none to a company that is only wanted."""
    found: dict[str, Any] = {"dossier": await reading.read(dossier, caller, work), "file": None, "places": NAMES}
    found |= {"dated": datetime.fromisoformat, "form": Form(), "decisions_here": list(_FORMS)}
    with suppress(NotAllowed):
        found["file"] = file = await reading.read_file(dossier, caller, work)
        found["history"] = await reading.read_history(dossier, caller, work)
        found["documents"] = await documents.list_documents(dossier, caller, work)
        found["notes"] = await desk.read_notes(dossier, caller, work)
        found["people"] = {one["id"]: one for one in file.declared["members"]}
    return found


async def taken(
    request: Request, form: Form[Any], do: Callable[[Any, RegisterWork], Awaitable[object]], *, twice: bool = True
) -> tuple[Form[Any], bool]:
    """The form, done where this is its last step; and whether it is to be looked at once more. twice: before it is done. Nothing
    is looked at once more that would be refused then: it is tried out, and refused at once."""
    step = form.typed.get("step") or ("check" if twice else "do")

    async def try_out(body: Any, work: RegisterWork) -> None:
        await do(body, work)
        raise _TriedOut  # so that nothing of it is stored

    with suppress(_TriedOut):
        form = await send(request, form, {"do": do, "check": try_out}[step]) if step in ("do", "check") else form
    return form, bool(form.data) and step == "check"


class _TriedOut(Exception):
    """It would be done."""


async def refused(request: Request, do: Callable[[RegisterWork], Awaitable[object]]) -> Problem | None:
    """Why it was not done, where the page says so itself; then nothing of it is stored."""
    try:
        async with request.app.state.database.work() as work:
            await do(work)
    except Problem as problem:
        if problem.status not in AT_THE_FORM:  # of a 404 the page may still say why
            raise
        return problem
    return None


def place(item: str) -> str:
    """Where a case worker does what waits."""
    dossier, kind, *which = item.split(".")
    of = {
        "document": "/documents/{}",
        "contradiction": "/actions/uphold?member={}",
        "appeal": "/actions/answer_appeal",
        "refusals": "/actions/strike?ground=second_refusal",
        "struck": "/actions/reinstate",
    }
    return f"/desk/{dossier}{of.get(kind, '').format(*which)}"
