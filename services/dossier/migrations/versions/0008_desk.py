"""The desk of case workers: what waits for them and who has it, notes, and members by name."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

NAME_TRIGRAMS = """
CREATE FUNCTION name_trigrams(name text) RETURNS text[] IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT array_agg(substr('  ' || word, n, 3) ORDER BY place, n)
    FROM regexp_split_to_table(
        lower(regexp_replace(normalize(name, NFKD), '[\\u0300-\\u036f]', '', 'g')), '[\\s''’.,-]+'
    ) WITH ORDINALITY AS words (word, place), generate_series(1, length(word)) n
$$
"""  # without accents; each word from its beginning: a part of a name is found by its first letters


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.add_column(
        "dossiers",
        sa.Column("waits", _json(), server_default="{}", nullable=False, comment="for a case worker, and since when"),
    )
    op.add_column(
        "dossiers",
        sa.Column("waits_from", sa.DateTime(timezone=True), comment="when the first of it begins to wait"),
    )
    op.create_index(
        "dossiers_waiting", "dossiers", ["company", "waits_from", "id"], unique=False,
        postgresql_where=sa.text("waits_from IS NOT NULL"),
    )  # fmt: skip
    op.execute(
        "CREATE INDEX dossiers_birth_dates ON dossiers"
        " USING gin (CAST(jsonb_path_query_array(household, '$[*].born_on') AS JSONB))"
    )
    op.execute(NAME_TRIGRAMS)
    op.execute(
        "ALTER TABLE members ADD COLUMN trigrams text[] GENERATED ALWAYS AS"
        " (name_trigrams(coalesce(sheet ->> 'first_name', '') || ' ' || coalesce(sheet ->> 'last_name', ''))) STORED"
    )
    op.execute("COMMENT ON COLUMN members.trigrams IS 'of his name, to look for him'")
    op.create_index("members_named", "members", ["trigrams"], unique=False, postgresql_using="gin")
    op.create_table(
        "claims",
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="what waits in it"),
        sa.Column("subject", sa.Text(), nullable=False, comment="who has it, as his login names him"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("dossier", "name"),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="the case worker who wrote it, as his login names him"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("id"),
        comment="of case workers for each other",
    )
    op.create_index(op.f("ix_notes_dossier"), "notes", ["dossier"], unique=False)


def downgrade() -> None:
    op.drop_table("notes")
    op.drop_table("claims")
    op.drop_column("members", "trigrams")
    op.execute("DROP FUNCTION name_trigrams(text)")
    op.drop_index("dossiers_birth_dates", table_name="dossiers")
    op.drop_index("dossiers_waiting", table_name="dossiers", postgresql_where=sa.text("waits_from IS NOT NULL"))
    op.drop_column("dossiers", "waits_from")
    op.drop_column("dossiers", "waits")
