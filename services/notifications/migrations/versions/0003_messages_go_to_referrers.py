"""Messages go to referrers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "messages",
        sa.Column("organisation", sa.Text(), nullable=True, comment="that the message goes to; of referrers alone"),
    )
    op.add_column("waiting", sa.Column("organisation", sa.Text(), nullable=True, comment="that is to be told as well"))


def downgrade() -> None:
    op.drop_column("waiting", "organisation")
    op.drop_column("messages", "organisation")
