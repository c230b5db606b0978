"""Acts on record: what is known of each dossier becomes acts, and its row keeps what they add up to."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
contracts = True  # an older build knows no acts


def _json() -> postgresql.JSONB:
    return postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


# A person is known by his number, else by his member id; what somebody confirmed as follows from his role.
ACTS = """
INSERT INTO acts (id, dossier, kind, subject, role, relation, at, "on", person, reasons, refers)
SELECT gen_random_uuid(), dossier, kind, subject, role, relation, at, (at AT TIME ZONE 'Europe/Brussels')::date, person, '[]',
       refers
FROM (
    SELECT d.id AS dossier, 'start' AS kind, 'before' AS subject, 'register' AS role, 'register' AS relation,
           d.started_at AS at, 1 AS place, m.number AS person, '{}'::jsonb AS refers
    FROM dossiers d LEFT JOIN members m ON m.dossier = d.id AND m.role = 'applicant'
    UNION ALL
    SELECT m.dossier, 'confirm', coalesce(m.confirmed_by, 'before'), 'register', 'register', m.confirmed_at, 2,
           coalesce(m.number, 'member:' || m.member),
           jsonb_build_object('part', CASE WHEN m.role = 'co_resident' THEN 'co_resident' ELSE 'candidate' END)
    FROM members m WHERE m.confirmed_at IS NOT NULL
) found ORDER BY dossier, place, at
"""
SUBMITTED = """
INSERT INTO acts (id, dossier, kind, subject, role, relation, at, "on", reasons, refers)
SELECT gen_random_uuid(), id, 'submit', 'before', 'register', 'register', started_at, submitted_on, '[]',
       jsonb_build_object('test', coalesce(test ->> 'id', assessed_test, gen_random_uuid()::text))
FROM dossiers WHERE submitted_on IS NOT NULL
"""
COUNTED = """
INSERT INTO acts (id, dossier, kind, subject, role, relation, at, "on", reasons, refers)
SELECT gen_random_uuid(), d.id, 'assessed', 'before', 'register', 'register', now(), d.submitted_on, '[]',
       jsonb_build_object('outcome', d.counted, 'facts', d.facts_version, 'rules', coalesce(d.assessment ->> 'rules', ''),
                          'test', s.refers ->> 'test')
FROM dossiers d JOIN acts s ON s.dossier = d.id AND s.kind = 'submit' WHERE d.counted IS NOT NULL
"""
STANDING = """
UPDATE dossiers d SET standing = jsonb_strip_nulls(jsonb_build_object(
    'submitted_on', d.submitted_on,
    'starter', (SELECT a.person FROM acts a WHERE a.dossier = d.id AND a.kind = 'start'),
    'confirmed', (SELECT coalesce(jsonb_object_agg(a.person, a.refers -> 'part'), '{}')
                  FROM acts a WHERE a.dossier = d.id AND a.kind = 'confirm'),
    'counted', d.counted,
    'tested', CASE WHEN d.counted IS NULL THEN NULL
                   ELSE jsonb_build_array(d.facts_version, coalesce(d.assessment ->> 'rules', '')) END,
    'test', CASE WHEN d.test IS NULL THEN NULL ELSE jsonb_build_object(
                'id', d.test ->> 'id', 'moment', 'registration', 'reference_date', d.test ->> 'reference_date') END))
"""
GUARD = """
CREATE FUNCTION acts_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM dossiers WHERE id = OLD.dossier AND number IS NULL) THEN
        RETURN OLD;  -- a draft is erased whole
    END IF;
    RAISE EXCEPTION 'an act is never changed or deleted: record an undo';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "acts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "place", sa.BigInteger(), sa.Identity(always=True), nullable=False, comment="order in which they took place"
        ),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, comment="who acted, as his login names him"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True, comment="whom the act is of"),
        sa.Column("reasons", _json(), nullable=False),
        sa.Column("refers", _json(), nullable=False),
        sa.ForeignKeyConstraint(["dossier"], ["dossiers.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_acts_dossier"), "acts", ["dossier"], unique=False)
    op.add_column("dossiers", sa.Column("phone", sa.Text(), nullable=True))
    op.add_column(
        "dossiers",
        sa.Column(
            "vouched", _json(), server_default="[]", nullable=False, comment="addresses that the counter entered"
        ),
    )
    op.add_column(
        "dossiers", sa.Column("household_version", sa.BigInteger(), comment="the facts_version of the household")
    )
    op.add_column("dossiers", sa.Column("standing", _json(), comment="what the acts add up to"))
    op.add_column(
        "dossiers",
        sa.Column("touched_at", sa.DateTime(timezone=True), comment="when somebody last acted on it"),
    )
    op.add_column(
        "members",
        sa.Column(
            "sheet", _json(), server_default="{}", nullable=False, comment="name, phones, addresses, informal care"
        ),
    )
    for statement in (ACTS, SUBMITTED, COUNTED, STANDING, GUARD):
        op.execute(statement)
    op.execute("UPDATE dossiers SET household_version = facts_version, touched_at = now()")
    for column, kind in (
        ("household_version", sa.BigInteger()),
        ("standing", _json()),
        ("touched_at", sa.DateTime(timezone=True)),
    ):
        op.alter_column("dossiers", column, existing_type=kind, nullable=False)
    op.execute(
        "CREATE TRIGGER acts_are_kept BEFORE UPDATE OR DELETE ON acts FOR EACH ROW EXECUTE FUNCTION acts_are_kept()"
    )
    op.alter_column("dossiers", "heard_version", new_column_name="assessment_version", server_default="0", comment=None)
    op.alter_column("dossiers", "version", existing_type=sa.BigInteger(), comment="of the last snapshot published")
    op.alter_column("dossiers", "assessment", existing_type=_json(), comment="the newest that arrived")
    op.alter_column(
        "dossiers", "assessed_version", existing_type=sa.BigInteger(), comment="the household_version that was assessed"
    )
    op.alter_column("dossiers", "assessed_test", existing_type=sa.Text(), comment="none: for information")
    for column in ("must_confirm", "test", "counted", "closing", "submitted_on"):
        op.drop_column("dossiers", column)
    # Naming binds nobody: who neither started the dossier nor confirmed is free again. Who left it is no member any more.
    op.execute(
        "DELETE FROM candidates c USING dossiers d WHERE d.id = c.dossier AND c.number IS DISTINCT FROM d.standing ->> 'starter'"
        " AND d.standing -> 'confirmed' ->> c.number IS DISTINCT FROM 'candidate'"
    )
    op.execute(
        "DELETE FROM members m USING dossiers d WHERE d.id = m.dossier"
        " AND NOT d.household @> jsonb_build_array(jsonb_build_object('id', m.member))"
    )
    op.drop_column("members", "confirmed_at")
    op.drop_column("members", "confirmed_by")
    op.create_table_comment("members", "who is in the household now")
    op.create_index(op.f("ix_members_number"), "members", ["number"], unique=False)
    op.create_index(
        "dossiers_drafts", "dossiers", ["touched_at"], unique=False, postgresql_where=sa.text("status = 'draft'")
    )


def downgrade() -> None:
    op.drop_index("dossiers_drafts", table_name="dossiers", postgresql_where=sa.text("status = 'draft'"))
    op.drop_index(op.f("ix_members_number"), table_name="members")
    op.drop_table_comment("members", existing_comment="who is in the household now")
    op.add_column("members", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "members", sa.Column("confirmed_by", sa.Text(), nullable=True, comment="himself, or who took the paper")
    )
    op.execute(
        "UPDATE members m SET confirmed_at = a.at, confirmed_by = a.subject FROM acts a WHERE a.dossier = m.dossier"
        " AND a.kind = 'confirm' AND a.person = coalesce(m.number, 'member:' || m.member)"
    )
    for column, kind, comment in (
        ("submitted_on", sa.Date(), "day of application"),
        ("must_confirm", _json(), "members who were adults at submission"),
        ("test", _json(), "the open one"),
        ("counted", sa.Text(), "the outcome that last decided"),
        ("closing", sa.Text(), None),
    ):
        op.add_column("dossiers", sa.Column(column, kind, comment=comment))
    op.execute(
        "UPDATE dossiers SET submitted_on = (standing ->> 'submitted_on')::date, test = standing -> 'test',"
        " counted = standing ->> 'counted', closing = standing ->> 'closed', must_confirm = '[]'"
    )
    op.alter_column("dossiers", "must_confirm", existing_type=_json(), nullable=False)
    op.alter_column(
        "dossiers",
        "assessment_version",
        new_column_name="heard_version",
        server_default=None,
        comment="of the newest assessment heard",
    )
    for column in ("touched_at", "standing", "household_version", "vouched", "phone"):
        op.drop_column("dossiers", column)
    op.drop_column("members", "sheet")
    op.drop_table("acts")
    op.execute("DROP FUNCTION acts_are_kept()")
