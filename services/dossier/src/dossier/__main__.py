"""`python -m dossier serve | migrate`."""

from cir_chassis.cli import program
from dossier.app import MIGRATIONS, DossierSettings, make

cli = program("dossier", DossierSettings, make, MIGRATIONS)

if __name__ == "__main__":
    cli()
