"""`python -m dossier serve | migrate | replay | versions | dlq | publish-candidacies`."""

import asyncio
from uuid import UUID

import typer

from cir_chassis.cli import NO, program, refuse, service_or_exit
from cir_chassis.database import Database, is_outage
from dossier.app import MIGRATIONS, DossierSettings, make
from dossier.register import Register
from dossier.store import RegisterWork

cli = program("dossier", DossierSettings, make, MIGRATIONS)


@cli.command("publish-candidacies")
def publish_candidacies() -> None:
    """Publish the candidacy of every dossier anew, under the pseudonyms of the key in force: after that was changed."""
    service = service_or_exit("dossier", DossierSettings, make, quiet=True)
    try:
        published = asyncio.run(publish_all(service.database))
    except Exception as error:
        if not is_outage(error):
            raise
        raise refuse(f"not now ({type(error).__name__}): does the database answer?", NO) from None
    typer.echo(f"{published} candidacies are published by the relay")


async def publish_all(database: Database[RegisterWork]) -> int:
    """How many were published. Some at a time, so that the register goes on meanwhile; stopped halfway, do it again."""
    published, last = 0, UUID(int=0)
    while True:
        async with database.work() as work:
            if not (dossiers := await work.next_after(last)):
                return published
            await work.load(dossiers)
            for id_ in dossiers:
                Register(work.dossiers.get(id_), work).publish_candidacy()
        published, last = published + len(dossiers), dossiers[-1]


if __name__ == "__main__":
    cli()
