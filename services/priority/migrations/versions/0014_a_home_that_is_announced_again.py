"""A dwelling that is announced otherwise than before has its reasons; of a referral that no agreement carries on is told once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


BEFORE = "the candidate; null: it was done, or never opened"
NOW = "the candidate; of a declined one: when it may be proposed again; of an accepted one: when its lease is due"


def upgrade() -> None:
    why = "for which it is announced otherwise than before"
    op.add_column("vacancies", sa.Column("otherwise", postgresql.JSONB(), nullable=True, comment=why))
    told = "its referrer was told that no agreement carries it on"
    op.add_column("referrals", sa.Column("stranded_on", sa.Date(), nullable=True, comment=told))
    op.alter_column("offers", "remind_on", comment=NOW, existing_comment=BEFORE)


def downgrade() -> None:
    op.alter_column("offers", "remind_on", comment=BEFORE, existing_comment=NOW)
    op.drop_column("referrals", "stranded_on")
    op.drop_column("vacancies", "otherwise")
