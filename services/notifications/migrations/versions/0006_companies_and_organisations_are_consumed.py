"""How companies and organisations are named and reached: dossier publishes it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "directory",
        sa.Column("audience", sa.Text(), nullable=False, comment="company, or referrer: an organisation"),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("mailbox", sa.Text(), nullable=True, comment="null: it is mailed no more"),
        sa.PrimaryKeyConstraint("audience", "id"),
        comment="companies and organisations: a message looks its mailbox up when it is sent",
    )


def downgrade() -> None:
    op.drop_table("directory")
