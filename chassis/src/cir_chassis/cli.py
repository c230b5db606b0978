"""Each service is a program. Exit codes: 0 fine, 1 the answer is "no", 2 the call or its input is wrong."""

import asyncio
import json
import logging
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
from aiokafka.errors import KafkaError

from cir_chassis import database, logs
from cir_chassis.consumer import HandlerFailed
from cir_chassis.database import DatabaseBehind, Work, is_outage
from cir_chassis.dead_letters import DeadLetter
from cir_chassis.outbox import OUTBOX, replay
from cir_chassis.service import PortTaken, Service
from cir_chassis.settings import Settings, WrongSettings, load

log = structlog.get_logger()
S = TypeVar("S", bound=Settings)
W = TypeVar("W", bound=Work)
T = TypeVar("T")
NO, WRONG_CALL = 1, 2


def refuse(message: str, code: int = WRONG_CALL) -> typer.Exit:
    """Say on stderr what is wrong; raise what this returns."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def settings_or_exit(kind: type[S]) -> S:
    """The settings of a service; a wrong one ends the program with its name."""
    try:
        return load(kind)
    except WrongSettings as error:
        raise refuse(str(error)) from None


def service_or_exit(name: str, kind: type[S], make: Callable[[S], Service[W]], *, quiet: bool = False) -> Service[W]:
    """The service, tied together; a wrong setting, or file that a setting names, ends the program. quiet: errors alone are
    logged."""
    settings = settings_or_exit(kind)
    logs.configure(name, "error" if quiet else settings.log_level)
    try:
        return make(settings)
    except WrongSettings as wrong:
        raise refuse(str(wrong)) from None


def program(name: str, kind: type[S], make: Callable[[S], Service[Any]], migrations: Path) -> typer.Typer:
    """The command line of a service. make: ties the service together from its settings."""
    cli = typer.Typer(name=name, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

    @cli.command()
    def serve() -> None:
        """Serve until SIGTERM; the batch in hand is finished first."""
        service = service_or_exit(name, kind, make)
        try:
            asyncio.run(service.run())
        except PortTaken as taken:
            raise refuse(str(taken)) from None
        except ExceptionGroup as group:
            error: Exception = group
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            if isinstance(error, DatabaseBehind):
                raise refuse(str(error), NO) from None
            logging.getLogger(name).error("ended by an error", exc_info=error)
            raise typer.Exit(NO) from None

    @cli.command()
    def migrate() -> None:
        """Bring the database to the newest migration."""
        settings = settings_or_exit(kind)
        logs.configure(name, settings.log_level)
        try:
            database.migrate(settings.database_url, migrations)
        except DatabaseBehind as behind:
            raise refuse(str(behind), NO) from None

    tied = partial(service_or_exit, name, kind, make, quiet=True)

    @cli.command("replay")
    def replay_(
        since: Annotated[datetime | None, typer.Option(help="Events published at or after this moment, in UTC")] = None,
        dossier: Annotated[str | None, typer.Option(help="Events of this dossier")] = None,
    ) -> None:
        """Publish again the events of the past week. Harmless: a consumer that had them skips them."""
        if since is None and dossier is None:
            raise refuse("replay what? --since 2026-11-24T10:00:00, --dossier ID, or both")
        chosen: sa.ColumnElement[bool] = sa.true()
        if since is not None:
            chosen &= OUTBOX.c.said_at >= since.replace(tzinfo=UTC)
        if dossier is not None:
            chosen &= OUTBOX.c.key == dossier
        typer.echo(f"{_run(replay(tied().background.engine, chosen))} events are published again by the relay")

    versions = typer.Typer(help="Of other services' snapshots, as they are on record here.", no_args_is_help=True)

    @versions.command()
    def reset(
        dossier: UUID, why: Annotated[str, typer.Option(help="Is logged with the dossier's id: name nobody")]
    ) -> None:
        """Have the owner's next snapshots of a dossier taken, after one with a wrong version came in. Then `replay` there."""

        async def go(service: Service[Any]) -> int:
            async with service.background.work() as work:
                found: int = await work.reset_versions(dossier)
            return found

        if not _run(_with(service_or_exit(name, kind, make), go)):
            raise refuse(f"{dossier}: no snapshot of this dossier is on record here", NO)
        log.warning("versions reset", dossier=str(dossier), why=why)
        typer.echo(f"{dossier}: the owner's next snapshots are taken; have it publish them: replay --dossier {dossier}")

    cli.add_typer(versions, name="versions")
    cli.add_typer(_dead_letters(tied), name="dlq")
    return cli


def _dead_letters(tied: Callable[[], Service[Any]]) -> typer.Typer:
    """The commands for what is parked."""
    dlq = typer.Typer(help="What could not take effect, and waits for somebody.", no_args_is_help=True)
    place = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: topic/partition/offset")]

    @dlq.command("list")
    def list_(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        """Every parked event: id, when, type, dossier, why. Nothing of what it holds."""
        letters = _run(_with(tied(), lambda service: service.dead_letters.open()))
        told = [
            {"id": one.id, "at": one.at, "type": one.headers.get("ce_type"), "key": (one.key or b"").decode(errors="replace"),
             "reason": one.reason, "trace": one.headers.get("traceparent")}
            for one in letters
        ]  # fmt: skip
        if as_json:
            typer.echo(json.dumps(told, indent=1))
            return
        for one in told:
            typer.echo(f"{one['id']}  {one['at']}  {one['type']}  {one['key']}  {one['reason']}")
        typer.echo(f"{len(told)} parked", err=True)

    @dlq.command()
    def show(id: place) -> None:
        """One parked event whole, as JSON; it may hold what people earn."""
        letter = _run(_with(tied(), lambda service: _chosen(service, id)))
        held = {
            name: (part or b"").decode(errors="replace")
            for name, part in (("key", letter.key), ("value", letter.value))
        }
        typer.echo(json.dumps(asdict(letter) | held, indent=1, ensure_ascii=False))

    @dlq.command()
    def retry(id: place) -> None:
        """Let it take effect after all. A snapshot that was overtaken in the meantime is skipped, and that is said."""

        async def go(service: Service[Any]) -> str:
            letter = await _chosen(service, id)
            try:
                changed = await service.consumer.retry(letter)
            except Exception as error:
                if is_outage(error):
                    raise
                what = error.__cause__ if isinstance(error, HandlerFailed) else error
                raise refuse(
                    f"{id}: still not: {what if isinstance(what, ValueError) else type(what).__name__}", NO
                ) from None
            await service.dead_letters.settle(letter)
            return "took effect" if changed else "skipped: something newer is on record already"

        typer.echo(f"{id}: {_run(_with(tied(), go))}")

    @dlq.command()
    def drop(id: place) -> None:
        """Give it up: it is erased."""

        async def go(service: Service[Any]) -> None:
            await service.dead_letters.settle(await _chosen(service, id))

        _run(_with(tied(), go))
        typer.echo(f"{id}: dropped")

    return dlq


async def _chosen(service: Service[Any], id: str) -> DeadLetter:
    letters = {letter.id: letter for letter in await service.dead_letters.open()}
    if id not in letters:
        raise refuse(f"{id}: nothing is parked under this id; `dlq list` shows what is")
    return letters[id]


async def _with(service: Service[Any], action: Callable[[Service[Any]], Coroutine[Any, Any, T]]) -> T:
    """Do it, and let go of Kafka and the database."""
    try:
        return await action(service)
    finally:
        await service.bus.stop()
        await service.dispose()


def _run(action: Coroutine[Any, Any, T]) -> T:
    """Run it; where Kafka or the database is away, the program ends with that."""
    try:
        return asyncio.run(action)
    except Exception as error:
        if not (is_outage(error) or isinstance(error, KafkaError)):
            raise
        why = f"not now ({type(error).__name__}): do Kafka and the database answer, and has the service run once?"
        raise refuse(why, NO) from None
