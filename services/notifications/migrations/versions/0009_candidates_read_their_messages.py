"""A candidate reads what was sent to him, found by the pseudonym of his number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, comment in (
        ("contacts", "[{role, person (a pseudonym), bound}]"),
        ("messages", "pseudonyms of the persons it is for"),
    ):
        column = sa.Column("readers", postgresql.JSONB(), server_default="[]", nullable=False, comment=comment)
        op.add_column(table, column)
    op.create_index(
        "contacts_readers",
        "contacts",
        ["readers"],
        postgresql_using="gin",
        postgresql_ops={"readers": "jsonb_path_ops"},
    )
    op.create_index("messages_number", "messages", ["number"])


def downgrade() -> None:
    op.drop_index("messages_number", "messages")
    op.drop_index("contacts_readers", "contacts")
    for table in ("messages", "contacts"):
        op.drop_column(table, "readers")
