"""Messages go to partners and members, and know whose act brought them about."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BY = "the role of who brought it about, where the event says it"
WHO = "it is for: the applicant of then, or who was invited or removed"
EMAIL = "of who was removed, until his message came into a state that it keeps"
INVITED = "member id → address of who is invited"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("applicant", sa.Text(), nullable=True, comment="his member id"))
    op.add_column("contacts", sa.Column("partner_email", sa.Text(), nullable=True, comment="null unless he confirmed"))
    op.add_column("contacts", sa.Column("members", JSONB(), server_default="{}", nullable=False, comment=INVITED))
    op.add_column("waiting", sa.Column("member", sa.Text(), nullable=True, comment="that it is about"))
    op.add_column("waiting", sa.Column("by", sa.Text(), nullable=True, comment=BY))
    op.add_column("messages", sa.Column("member", sa.Text(), nullable=True, comment=WHO))
    op.add_column("messages", sa.Column("by", sa.Text(), nullable=True, comment=BY))
    op.add_column("messages", sa.Column("email", sa.Text(), nullable=True, comment=EMAIL))


def downgrade() -> None:
    for table, columns in {
        "messages": ("email", "by", "member"),
        "waiting": ("by", "member"),
        "contacts": ("members", "partner_email", "applicant"),
    }.items():
        for column in columns:
            op.drop_column(table, column)
