"""`python -m dossier serve | migrate | replay | versions | dlq | publish-candidacies | ask | offers`."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Annotated
from uuid import UUID

import typer

from cir_chassis.cli import NO, program, refuse, service_or_exit
from cir_chassis.database import Database, is_outage
from dossier.app import MIGRATIONS, DossierSettings, make
from dossier.facts.questions import ask_again
from dossier.register.public import publish_candidacy
from dossier.register.register import Register
from dossier.register.store import RegisterWork, read_standing, with_every_dossier
from dossier.tables import Dossier

cli = program("dossier", DossierSettings, make, MIGRATIONS)


@cli.command("publish-candidacies")
def publish_candidacies() -> None:
    """Publish candidacy and contacts of every dossier anew, under the pseudonyms of the key in force: after that was changed."""
    typer.echo(f"{_on_database(partial(with_every_dossier, do=publish_all))} candidacies are published by the relay")


@cli.command()
def ask(dossier: Annotated[UUID | None, typer.Option(help="This one alone; otherwise all.")] = None) -> None:
    """Ask the sources once more about everybody whom they were asked about: the questions are worked off by the service."""
    typer.echo(f"{_on_database(partial(ask_again, dossier=dossier))} questions are asked again")


@cli.command()
def offers() -> None:
    """Print how each offer stands here and since when, a line each: `python -m priority forgotten` tells which of them it does
    not know, or knows otherwise."""
    _on_database(partial(with_every_dossier, do=print_offers))


def _on_database(do: Callable[[Database[RegisterWork]], Coroutine[None, None, int]]) -> int:
    service = service_or_exit("dossier", DossierSettings, make, quiet=True)
    try:
        return asyncio.run(do(service.database))
    except Exception as error:
        if not is_outage(error):
            raise
        raise refuse(f"not now ({type(error).__name__}): does the database answer?", NO) from None


STATES = {
    "check_offer": "checking",
    "offer_confirmed": "open",
    "offer_accepted": "accepted",
    "lease_undone": "accepted",
    "offer_refused": "refused",
    "offer_no_answer": "no_answer",
    "offer_withdrawn": "withdrawn",
    "offer_lapsed": "lapsed",
    "lease": "signed",
}
"""Act → where the offer stands by it. A judgement changes nothing of that; what is declined here is told by a replay."""


async def print_offers(work: RegisterWork, dossiers: Sequence[Dossier]) -> int:
    """How many were printed."""
    printed = 0
    for row in dossiers:
        known = {id_: one for id_, one in read_standing(row).offers.items() if one.act != "offer_declined"}
        acts = await work.acts_of(row.id) if known else []
        last = {act.refers["offer"]: act for act in acts if act.kind in STATES and "offer" in act.refers}
        for id_ in known.keys() & last.keys():
            state, on, company = STATES[last[id_].kind], last[id_].on, known[id_].company or row.company
            about = {"dossier": row.id, "number": row.number, "offer": id_, "company": company}
            typer.echo(json.dumps({**about, "state": state, "on": on}, default=str))
            printed += 1
    return printed


async def publish_all(work: RegisterWork, dossiers: Sequence[Dossier]) -> int:
    """How many were published. Stopped halfway, do it again."""
    for row in dossiers:
        publish_candidacy(Register(row, work))
    return len(dossiers)


if __name__ == "__main__":
    cli()
