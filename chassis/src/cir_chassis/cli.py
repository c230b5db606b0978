"""Each service is a program. Exit codes: 0 fine, 1 the answer is "no", 2 the call or its input is wrong."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from cir_chassis import database, logs
from cir_chassis.database import DatabaseBehind
from cir_chassis.service import PortTaken, Service
from cir_chassis.settings import Settings, WrongSettings, load

S = TypeVar("S", bound=Settings)
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


def program(name: str, kind: type[S], make: Callable[[S], Service[Any]], migrations: Path) -> typer.Typer:
    """The command line of a service. make: ties the service together from its settings."""
    cli = typer.Typer(name=name, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

    @cli.command()
    def serve() -> None:
        """Serve until SIGTERM; the batch in hand is finished first."""
        settings = settings_or_exit(kind)
        logs.configure(name, settings.log_level)
        try:
            service = make(settings)
        except WrongSettings as wrong:  # a file that a setting names
            raise refuse(str(wrong)) from None
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
        database.migrate(settings.database_url, migrations)

    return cli
