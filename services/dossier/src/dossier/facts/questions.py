"""The questions to the sources are worked off: asked, kept when answered, asked again when not. A kill loses none.

The answers about one person take effect together, once all are there; when their time is over, those that are there do.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import chain, groupby
from typing import Any
from uuid import UUID

import structlog

from cir_chassis.database import Database
from dossier.facts import store
from dossier.facts.sources import Sources, SourceUnavailable, WrongAnswer
from dossier.facts.statements import take_answers
from dossier.register.register import Register
from dossier.register.store import RegisterWork, with_every_dossier
from dossier.tables import Question

log = structlog.get_logger()
AT_ONCE = 200  # questions in hand
WRITING = asyncio.Semaphore(3)  # transactions at once: consumer and relay share the connections
LEASE = timedelta(seconds=8)  # longer than a source has for its answer
LONGEST_PAUSE = timedelta(seconds=20)  # until a question is asked again
IDLE, AFTER_FAILURE = 0.2, 5.0  # seconds between two looks
UNANSWERED: Any = object()


async def work_off(database: Database[RegisterWork], sources: Sources, stopping: asyncio.Event) -> None:
    """Ask what is due, until `stopping`."""
    asking: dict[asyncio.Task[None], list[Question]] = {}
    while not stopping.is_set():
        try:
            in_hand = sum(map(len, asking.values()))
            async with WRITING, database.work() as work:
                found = await store.take_due(work, AT_ONCE - in_hand, LEASE)
                late = await store.take_late(
                    work, AT_ONCE, LONGEST_PAUSE
                )  # one that cannot go on keeps no other waiting
                today = work.today
            for (dossier, _), group in groupby(sorted(found, key=_about), key=_about):
                questions = list(group)
                asking[asyncio.create_task(ask_about(questions, today, database, sources), name=dossier)] = questions
            for id_ in late:
                asking[asyncio.create_task(go_on_without(id_, database), name=str(id_))] = []
            pause = 0.0 if found else IDLE
        except Exception:
            log.warning("no question is asked for now", exc_info=True)
            pause = AFTER_FAILURE
        for task in [task for task in asking if task.done()]:
            del asking[task]
            if error := task.exception():
                what = "answers are not kept yet: they are asked for again"
                log.warning(what, dossier=task.get_name(), exc_info=error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await sources.close()
    try:
        async with database.work() as work:
            for question in chain(*asking.values()):
                await store.change(work, question, due_at=work.now)
    except Exception:
        log.warning("questions in hand are due again after the lease", exc_info=True)


def _about(question: Question) -> tuple[str, str]:
    return str(question.dossier), question.person


async def ask_about(
    questions: Sequence[Question], today: date, database: Database[RegisterWork], sources: Sources
) -> None:
    """Ask these questions about one person, and let the answers take effect."""
    answers = await asyncio.gather(*(_answer(question, today, sources) for question in questions))
    async with WRITING, database.work() as work:
        await work.load([questions[0].dossier])
        for question, answer in zip(questions, answers, strict=True):
            if answer is UNANSWERED:
                pause = min(LONGEST_PAUSE, timedelta(seconds=2 ** min(question.tries, 10)))
                await store.change(work, question, due_at=work.now + pause)
            else:
                await store.change(work, question, answered_at=work.now, answer=answer)
        if row := work.dossiers.find(questions[0].dossier):  # else the draft was erased meanwhile
            register = Register(row, work)
            await _take_up(register, questions[0].person, work)
            register.settle()


async def _answer(question: Question, today: date, sources: Sources) -> Any:
    try:
        return await sources.ask(question.source, question.person, today)
    except (SourceUnavailable, WrongAnswer):  # logged and counted by `Sources`
        return UNANSWERED


async def _take_up(register: Register, person: str, work: RegisterWork) -> None:
    """Let the newest answer of each source about a person take effect: all at once, or those there when time is over."""
    asked = await store.asked_of(work, register.row.id, person)
    answered: dict[str, Mapping[str, Any] | None] = {one.source: one.answer for one in asked if one.answered_at}
    complete = all(one.answered_at for one in asked)
    if complete or not register.awaits_answers_about(person):
        take_answers(register, person, answered, complete=complete)


async def go_on_without(dossier: UUID, database: Database[RegisterWork]) -> None:
    """A source did not answer in time: what the others answered takes effect, and the dossier goes on."""
    async with WRITING, database.work() as work:
        await work.load([dossier])
        register = Register(work.dossiers.get(dossier), work)
        for person in list(register.row.asked_about):
            await _take_up(register, person, work)
        register.settle()


async def ask_again(database: Database[RegisterWork], dossier: UUID | None) -> int:
    """Ask once more about everybody whom this dossier asked about, or all do; not where a question is open, nor for a closed one.
    Returns how many questions."""
    if dossier is None:
        return await with_every_dossier(database, store.ask_again)
    async with database.work() as work:
        await work.load([dossier])
        return await store.ask_again(work, work.dossiers.all())
