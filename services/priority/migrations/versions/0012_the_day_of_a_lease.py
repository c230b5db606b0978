"""A home counts on the day of its lease. One that was let before this was kept counts on the day of its record."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("vacancies", sa.Column("let_on", sa.Date(), nullable=True, comment="the day of its lease"))
    op.execute("UPDATE vacancies SET let_on = (ended_at AT TIME ZONE 'Europe/Brussels')::date WHERE ended = 'let'")


def downgrade() -> None:
    op.drop_column("vacancies", "let_on")
