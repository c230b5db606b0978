"""Addresses are confirmed or not mine, and a message knows whom it was planned for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    what = "pseudonym of the address: planned for; once sent, the one it went to"
    op.add_column("messages", sa.Column("addressee", sa.Text(), nullable=True, comment=what))
    op.create_index(
        "messages_sent_to", "messages", ["addressee", "at"], unique=False, postgresql_where=sa.text("state = 'sent'")
    )
    op.create_table(
        "addresses",
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("addressee", sa.Text(), nullable=False, comment="pseudonym of the address"),
        sa.Column("standing", sa.Text(), nullable=False, comment="confirmed or not_mine"),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("dossier", "addressee"),
        comment="what somebody said of an address in a dossier",
    )
    op.create_index(op.f("ix_addresses_addressee"), "addresses", ["addressee"], unique=False)


def downgrade() -> None:
    op.drop_table("addresses")
    op.drop_index("messages_sent_to", table_name="messages", postgresql_where=sa.text("state = 'sent'"))
    op.drop_column("messages", "addressee")
