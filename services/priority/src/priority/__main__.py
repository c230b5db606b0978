"""`python -m priority serve | migrate | replay | dlq | rank | turns | agreement | audit YEAR | forgotten FILE`."""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from cir_chassis.cli import NO, WRONG_CALL, program, refuse, service_or_exit
from cir_chassis.database import is_outage
from cir_chassis.driver import transaction
from cir_chassis.pseudonym import KeyedSettings
from priority.app import MIGRATIONS, make
from priority.council import Agreement
from priority.domain.ranking import rank
from priority.domain.turns import SharesDoNotAddUp, decimal, turns
from priority.log import until
from priority.offers import not_as_here
from priority.requests import OfferAtDossier, RankRequest, TurnsRequest, WrongFile, read
from priority.rules import CRITERIA, LASTING_TIE

cli = program("priority", KeyedSettings, make, MIGRATIONS)
T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON")]


@cli.command("rank")
def rank_(
    file: Annotated[Path, typer.Argument(help="Day, dwelling, regulation and candidates, as JSON or YAML")],
    as_json: AsJson = False,
) -> None:
    """Rank candidates for a dwelling: the criteria that each meets, and why others are left out."""
    try:
        ranked, left_out = rank(*read(file, RankRequest).in_domain(), CRITERIA, LASTING_TIE)
    except WrongFile as wrong:
        raise refuse(str(wrong)) from None
    if as_json:
        answer = {
            "order": [{"dossier": dossier, "because": because} for dossier, because in ranked],
            "left_out": [{"dossier": dossier, "because": why} for dossier, why in left_out],
        }
        typer.echo(json.dumps(answer, indent=1))
        return
    for place, (dossier, because) in enumerate(ranked, 1):
        typer.echo(f"{place:>4}  {dossier}  {', '.join(because).replace('_', ' ')}")
    for dossier, why in left_out:
        typer.echo(f"   -  {dossier}  {why.replace('_', ' ')}")


@cli.command("agreement")
def agreement_(
    file: Annotated[Path, typer.Argument(help="An agreement of an allocation council, as YAML or JSON")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it as POST /v1/agreements takes it")] = False,
) -> None:
    """Check an agreement before it is proposed, and show how its turns would fall."""
    try:
        agreed = read(file, Agreement)
    except WrongFile as wrong:
        raise refuse(str(wrong), NO if file.is_file() else WRONG_CALL) from None
    if as_json:
        typer.echo(agreed.model_dump_json(by_alias=True, indent=1))
        return
    planned = Counter(islice(turns(agreed.shares()), agreed.planned))
    for name, share in agreed.shares().items():
        typer.echo(f"{name:<30} {decimal(share * 100) + '%':>7}  {planned[name]:>5} of {agreed.planned}")


@cli.command("turns")
def turns_(
    file: Annotated[Path, typer.Argument(help="Shares, and how many turns, as JSON or YAML")], as_json: AsJson = False
) -> None:
    """Give out turns by shares, one by one: no group is ever a whole turn away from its share."""
    try:
        asked = read(file, TurnsRequest)
        given = list(islice(turns(asked.shares()), asked.slots))
    except WrongFile as wrong:
        raise refuse(str(wrong)) from None
    except SharesDoNotAddUp as wrong:
        raise refuse(f"{file}: {wrong}") from None
    if as_json:
        typer.echo(json.dumps({"turns": given}))
        return
    for turn, name in enumerate(given, 1):
        typer.echo(f"{turn:>4}  {name}")
    typer.echo(", ".join(f"{name} {times}" for name, times in Counter(given).most_common()))


@cli.command("audit")
def audit_(year: Annotated[int, typer.Argument(min=2000, max=9999)]) -> None:
    """Print what every order and turn up to the end of a year rests on, as JSON lines: tools/audit.py recomputes them."""
    service = service_or_exit("priority", KeyedSettings, make, quiet=True)

    async def go() -> None:
        async with transaction(service.background.engine) as connection:
            async for line in until(date(year, 12, 31), connection):
                typer.echo(line)

    _on_database(go())


@cli.command()
def forgotten(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="From `python -m dossier offers`")],
    end: Annotated[bool, typer.Option(help="End here what ended at dossier, and there what is not known here")] = False,
) -> None:
    """After a restore: which offers are not here as they are at dossier, and what to do about each."""
    there = list[OfferAtDossier]()
    for n, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            there.append(OfferAtDossier.model_validate_json(line))
        except ValidationError:
            raise refuse(f"{file}, line {n}: not as `python -m dossier offers` prints it") from None
    service = service_or_exit("priority", KeyedSettings, make, quiet=True)
    for one, state, todo in _on_database(not_as_here(service.database, there, end=end)):
        typer.echo(f"{one.number} {one.offer}: {one.state} at dossier, {state or 'unknown'} here, {todo}")


def _on_database(do: Coroutine[None, None, T]) -> T:
    try:
        return asyncio.run(do)
    except Exception as error:
        if not is_outage(error):
            raise
        raise refuse(f"not now ({type(error).__name__}): does the database answer?", NO) from None


if __name__ == "__main__":
    cli()
