"""`python -m priority serve | migrate`."""

from cir_chassis.cli import program
from cir_chassis.settings import Settings
from priority.app import MIGRATIONS, make

cli = program("priority", Settings, make, MIGRATIONS)

if __name__ == "__main__":
    cli()
