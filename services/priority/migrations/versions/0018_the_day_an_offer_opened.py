"""An answer on paper counts from the day on which its offer opened, which no later law changes."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = "null: it never opened, or a build opened it that did not keep this"
    op.add_column("offers", sa.Column("opened_on", sa.Date(), nullable=True, comment=told))
    op.execute("UPDATE offers SET opened_on = answer_by - 15")  # the term of every offer so far


def downgrade() -> None:
    op.drop_column("offers", "opened_on")
