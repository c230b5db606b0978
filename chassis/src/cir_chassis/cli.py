"""Each service is a program. Exit codes: 0 fine, 1 the answer is "no", 2 the call or its input is wrong."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog
import typer

from cir_chassis import database, logs
from cir_chassis.database import DatabaseBehind, Work, is_outage
from cir_chassis.dead_letters import DeadLetter
from cir_chassis.outbox import OUTBOX, replay
from cir_chassis.service import Service
from cir_chassis.settings import Settings, WrongSettings, load

log = structlog.get_logger()
S = TypeVar("S", bound=Settings)
W = TypeVar("W", bound=Work)
T = TypeVar("T")
NO, WRONG_CALL = 1, 2


def refuse(message: str, code: int = WRONG_CALL) -> typer.Exit:
    """Print what is wrong on stderr; raise what this returns."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def service_or_exit(name: str, kind: type[S], make: Callable[[S], Service[W]], *, quiet: bool = False) -> Service[W]:
    """The service, put together. A wrong setting, or file that a setting names, ends the program. quiet: logs errors alone."""
    try:
        settings = load(kind)
        logs.configure(name, "error" if quiet else settings.log_level)
        return make(settings)
    except WrongSettings as wrong:
        raise refuse(str(wrong)) from None


def program(name: str, kind: type[S], make: Callable[[S], Service[Any]], migrations: Path) -> typer.Typer:
    """The command line of a service. make: puts the service together from its settings."""
    cli = typer.Typer(name=name, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    made = partial(service_or_exit, name, kind, make)

    @cli.command()
    def serve() -> None:
        """Serve until SIGTERM; the batch in hand is finished first."""
        service = made()
        try:
            asyncio.run(service.run())
        except WrongSettings as taken:
            raise refuse(str(taken)) from None
        except ExceptionGroup as group:
            error: Exception = group
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            if isinstance(error, DatabaseBehind | WrongSettings):
                raise refuse(str(error), NO if isinstance(error, DatabaseBehind) else WRONG_CALL) from None
            log.error("ended by an error", exc_info=error)
            raise typer.Exit(NO) from None

    @cli.command()
    def migrate() -> None:
        """Bring the database to the newest migration."""
        try:
            settings = load(kind)
            logs.configure(name, settings.log_level)
            database.migrate(settings.database_url, migrations)
        except WrongSettings as wrong:
            raise refuse(str(wrong)) from None
        except DatabaseBehind as behind:
            raise refuse(str(behind), NO) from None

    @cli.command("replay")
    def replay_(
        since: Annotated[datetime | None, typer.Option(help="Events published at or after this moment, in UTC")] = None,
        dossier: Annotated[UUID | None, typer.Option(help="Events of this dossier: its id, not its number")] = None,
    ) -> None:
        """Publish again the events of the past week. Harmless: a consumer that had them skips them."""
        if since is None and dossier is None:
            raise refuse("replay what? Give --since 2026-11-24T10:00:00, --dossier ID, or both")
        chosen: sa.ColumnElement[bool] = sa.true()
        if since is not None:
            chosen &= OUTBOX.c.said_at >= since.replace(tzinfo=UTC)
        if dossier is not None:
            chosen &= OUTBOX.c.key == str(dossier)
        events = _run(made(quiet=True), lambda service: replay(service.background.engine, chosen))
        typer.echo(f"{events} events are published again by the relay")

    versions = typer.Typer(help="Versions of other services' snapshots that are on record here.", no_args_is_help=True)

    @versions.command()
    def reset(
        dossier: UUID, why: Annotated[str, typer.Option(help="The reason, logged with the dossier's id: name nobody")]
    ) -> None:
        """Accept the owner's next snapshots of a dossier, after one with a wrong version came in. Then `replay` there."""

        async def go(service: Service[Work]) -> int:
            async with service.background.work() as work:
                return await work.reset_versions(dossier)

        if not _run(made(), go):
            raise refuse(f"{dossier}: no snapshot of this dossier is on record here", NO)
        log.warning("versions reset", dossier=str(dossier), why=why)
        typer.echo(f"{dossier}: the owner's next snapshots are taken; have it publish them: replay --dossier {dossier}")

    cli.add_typer(versions, name="versions")
    cli.add_typer(_dead_letters(partial(made, quiet=True)), name="dlq")
    return cli


def _dead_letters(made: Callable[[], Service[Any]]) -> typer.Typer:
    dlq = typer.Typer(help="Events that could not take effect, until somebody settles them.", no_args_is_help=True)
    place = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: topic/partition/offset")]

    @dlq.command("list")
    def list_(as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the trace of each")] = False) -> None:
        """Every dead letter: id, when, type, dossier, reason. Nothing of its value."""
        listed = [
            {"id": one.id, "at": one.at, "type": one.headers.get("ce_type"), "key": (one.key or b"").decode(errors="replace"),
             "reason": one.reason, "trace": one.headers.get("traceparent")}
            for one in _run(made(), lambda service: service.dead_letters.open())
        ]  # fmt: skip
        if as_json:
            typer.echo(json.dumps(listed, indent=1))
            return
        for one in listed:
            typer.echo(f"{one['id']}  {one['at']}  {one['type']}  {one['key']}  {one['reason']}")
        typer.echo(f"{len(listed)} dead-lettered", err=True)

    @dlq.command()
    def show(id: place) -> None:
        """One dead letter whole, as JSON; it may hold what people earn."""
        letter = asdict(_run(made(), lambda service: _chosen(service, id)))
        typer.echo(json.dumps(letter, indent=1, ensure_ascii=False, default=lambda part: part.decode(errors="replace")))

    @dlq.command()
    def retry(id: place) -> None:
        """Let it take effect after all. A snapshot that was overtaken in the meantime is skipped, and reported as that."""

        async def go(service: Service[Any]) -> str:
            letter = await _chosen(service, id)
            try:
                changed = await service.consumer.retry(letter)
            except ValueError as still:
                raise refuse(f"{id}: still not: {still}", NO) from None
            await service.dead_letters.settle(letter)
            return "took effect" if changed else "skipped: something newer is on record already"

        typer.echo(f"{id}: {_run(made(), go)}")

    @dlq.command()
    def drop(id: place) -> None:
        """Give it up: it is erased, without having taken effect."""

        async def go(service: Service[Any]) -> None:
            await service.dead_letters.settle(await _chosen(service, id))

        _run(made(), go)
        typer.echo(f"{id}: dropped")

    return dlq


async def _chosen(service: Service[Any], id: str) -> DeadLetter:
    letters = {letter.id: letter for letter in await service.dead_letters.open()}
    if id not in letters:
        raise refuse(f"{id}: no dead letter has this id; `dlq list` shows what is there")
    return letters[id]


def _run(service: Service[Any], action: Callable[[Service[Any]], Coroutine[Any, Any, T]]) -> T:
    """Do it, and let go of Kafka and the database. While one of them is unavailable, the program ends with that."""

    async def go() -> T:
        try:
            return await action(service)
        finally:
            await service.bus.stop()
            await service.dispose()

    try:
        return asyncio.run(go())
    except Exception as error:
        if not is_outage(error):
            raise
        why = f"not now ({type(error).__name__}): do Kafka and the database answer, and has the service run once?"
        raise refuse(why, NO) from None
