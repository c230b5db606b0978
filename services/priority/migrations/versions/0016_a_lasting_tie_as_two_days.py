"""A lasting tie of one interval is read as two days, and the company stands in the index before the order: a position counts."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

FIRST, ORDER = ["municipality", "persons"], ["registered_on", "number_day", "number_nth"]
ASKED = ["lasting_tie", "informal_care", "paused_until"]


def upgrade() -> None:
    one = "CASE WHEN range_merge(lasting_tie)::datemultirange = lasting_tie THEN coalesce(lower(lasting_tie), 'infinity') END"
    told = "of the one interval of lasting_tie, infinity: it has none; null: it has several"
    op.add_column("places", sa.Column("tied_since", sa.Date(), sa.Computed(one, persisted=True), comment=told))
    until = sa.Computed("upper(lasting_tie)", persisted=True)
    op.add_column("places", sa.Column("tied_until", sa.Date(), until, comment="the first day after lasting_tie"))
    op.drop_index("places_in_order", table_name="places")
    include = [*ASKED, "dossier", "tied_since", "tied_until"]
    op.create_index("places_in_order", "places", [*FIRST, "company", *ORDER], postgresql_include=include)


def downgrade() -> None:
    op.drop_index("places_in_order", table_name="places")
    op.create_index("places_in_order", "places", [*FIRST, *ORDER], postgresql_include=[*ASKED, "company", "dossier"])
    op.drop_column("places", "tied_until")
    op.drop_column("places", "tied_since")
