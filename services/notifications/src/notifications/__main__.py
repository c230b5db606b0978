"""`python -m notifications serve | migrate`."""

from cir_chassis.cli import program
from notifications.app import MIGRATIONS, make
from notifications.settings import NotificationsSettings

cli = program("notifications", NotificationsSettings, make, MIGRATIONS)

if __name__ == "__main__":
    cli()
