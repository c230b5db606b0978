"""Where alembic enters: the tables that the migrations must add up to."""

from cir_chassis.database import run_migrations
from eligibility.tables import metadata

run_migrations(metadata)
