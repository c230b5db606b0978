"""What was published last of each company and organisation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "directory",
        sa.Column("kind", sa.Text(), nullable=False, comment="company or organisation"),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("content", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id"),
        comment="companies and organisations, as they were published last",
    )


def downgrade() -> None:
    op.drop_table("directory")
