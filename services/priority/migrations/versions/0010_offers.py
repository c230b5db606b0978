"""A dwelling that comes free becomes a vacancy, which is offered until it is let; a choice that was made is a signed offer.

The ledger keeps every entry: a turn that was given is one that was kept for its vacancy, and final.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
contracts = True  # builds before it know dwellings, which are gone

LIVE = "state IN ('checking', 'open', 'accepted', 'signed')"
GUARD = """
CREATE FUNCTION record_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is on record is never changed or deleted';
END $$
"""
FROM_DWELLINGS = (
    """
INSERT INTO vacancies (company, id, dwelling, municipality, area, bedrooms, min_persons, max_persons, target_group, free_on,
  agreement, turn, ended, ended_by, ended_at)
SELECT d.company, d.id, d.id, d.municipality, d.area, d.bedrooms, d.min_persons, d.max_persons, d.target_group, d.free_on,
  g.agreement, g.turn, CASE WHEN d.chosen IS NOT NULL THEN 'let' END, g.given_by, g.given_at
FROM dwellings d LEFT JOIN given_turns g ON g.company = d.company AND g.dwelling = d.id
""",
    """
INSERT INTO ledger_entries (agreement, nth, turn, "of", "to", how, state, company, vacancy, dossier, by, at)
SELECT agreement, 2 * turn - 2 + n, turn, "of", "to", how, CASE n WHEN 1 THEN 'live' ELSE 'final' END, company, dwelling,
  dossier, given_by, given_at
FROM given_turns, generate_series(1, 2) n
""",
    """
INSERT INTO offers (id, company, vacancy, dossier, number, state, holds, proposed_at, steps)
SELECT gen_random_uuid(), d.company, d.id, d.chosen, coalesce(g.dossier, c.number, ''), 'signed',
  c.status IS DISTINCT FROM 'housed', coalesce(g.given_at, now()), 1
FROM dwellings d LEFT JOIN given_turns g ON g.company = d.company AND g.dwelling = d.id
  LEFT JOIN candidacies c ON c.dossier = d.chosen
WHERE d.chosen IS NOT NULL
""",
    """
INSERT INTO offer_steps (offer, nth, what, now, by, role, at, reasons)
SELECT o.id, 1, 'signed', 'signed', coalesce(v.ended_by, 'register'), 'case_worker', o.proposed_at, '[]'
FROM offers o JOIN vacancies v ON v.company = o.company AND v.id = o.vacancy
""",
)
TO_DWELLINGS = (
    """
INSERT INTO dwellings (company, id, municipality, area, bedrooms, min_persons, max_persons, target_group, free_on, chosen)
SELECT v.company, v.id, v.municipality, v.area, v.bedrooms, v.min_persons, v.max_persons, v.target_group, v.free_on, o.dossier
FROM vacancies v LEFT JOIN offers o ON o.company = v.company AND o.vacancy = v.id AND o.holds
""",
    """
INSERT INTO given_turns (agreement, turn, "of", "to", how, company, dwelling, dossier, given_by, given_at)
SELECT DISTINCT ON (e.agreement, e.turn) e.agreement, e.turn, e."of", e."to", e.how, e.company, e.vacancy,
  coalesce(e.dossier, ''), e.by, e.at
FROM ledger_entries e JOIN vacancies v ON v.agreement = e.agreement AND v.turn = e.turn AND v.id = e.vacancy
ORDER BY e.agreement, e.turn, e.nth DESC
""",
)


def upgrade() -> None:
    op.create_table(
        "vacancies",
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the company's own"),
        sa.Column("dwelling", sa.Text(), nullable=False, comment="the company's own; it may come free again"),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("bedrooms", sa.Integer(), nullable=False),
        sa.Column("min_persons", sa.Integer(), nullable=False),
        sa.Column("max_persons", sa.Integer(), nullable=False),
        sa.Column("target_group", sa.Text(), nullable=True, comment="that it is kept for (pillar 3)"),
        sa.Column("free_on", sa.Date(), nullable=False),
        sa.Column(
            "rent", sa.BigInteger(), nullable=True, comment="cents a month; null: announced before this was kept"
        ),
        sa.Column("agreement", sa.Uuid(), nullable=True, comment="that drew its turn"),
        sa.Column("turn", sa.Integer(), nullable=True, comment="live or final; null: none, or returned"),
        sa.Column("ended", sa.Text(), nullable=True, comment="let or withdrawn"),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reasons", JSONB(), nullable=True, comment="for which it was withdrawn"),
        sa.ForeignKeyConstraint(["agreement"], ["agreements.id"]),
        sa.PrimaryKeyConstraint("company", "id"),
        comment="dwellings that come free, once each time",
    )
    op.create_index("vacancies_of_turn", "vacancies", ["agreement", "turn"], unique=True)
    op.create_index(
        "vacancies_of_dwelling",
        "vacancies",
        ["company", "dwelling"],
        unique=True,
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("agreement", sa.Uuid(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False, comment="whose turn it is"),
        sa.Column("to", sa.Text(), nullable=False, comment="who is given it"),
        sa.Column("how", sa.Text(), nullable=False, comment="taken, passed or repaid"),
        sa.Column("state", sa.Text(), nullable=False, comment="live, returned or final"),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("vacancy", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=True, comment="number of who was first then, or signed"),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agreement"], ["agreements.id"]),
        sa.ForeignKeyConstraint(["company", "vacancy"], ["vacancies.company", "vacancies.id"]),
        sa.PrimaryKeyConstraint("agreement", "nth"),
        comment="the ledger, only added to: where each turn stands and what each owes whom is folded from it",
    )
    op.create_table(
        "offers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("vacancy", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False, comment="its dossier is offered nothing else"),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.Date(), nullable=True, comment="the last day; null: it never opened"),
        sa.Column("remind_on", sa.Date(), nullable=True, comment="the candidate; null: it was done, or never opened"),
        sa.Column("late_answer", sa.Text(), nullable=True, comment="accept or refuse, after the term"),
        sa.Column("refused_on", sa.Date(), nullable=True, comment="or the first day after a silence"),
        sa.Column("well_founded", sa.Boolean(), nullable=True, comment="the newest judgement of a refusal or silence"),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["company", "vacancy"], ["vacancies.company", "vacancies.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_offers_dossier", "offers", ["dossier"])
    op.create_index("offers_of_dossier", "offers", ["dossier"], unique=True, postgresql_where=sa.text("holds"))
    op.create_index("offers_of_vacancy", "offers", ["company", "vacancy"], unique=True, postgresql_where=sa.text(LIVE))
    op.create_index("offers_company", "offers", ["company", "proposed_at"])
    op.create_index("offers_open", "offers", ["answer_by"], postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "offer_steps",
        sa.Column("offer", sa.Uuid(), nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column(
            "what",
            sa.Text(),
            nullable=False,
            comment="the new state; or late_accept, well_founded, …, which change none",
        ),
        sa.Column("was", sa.Text(), nullable=True, comment="null: it began"),
        sa.Column("now", sa.Text(), nullable=False),
        sa.Column(
            "by", sa.Text(), nullable=False, comment="who, as the audit has him; dossier and register are services"
        ),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reasons", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["offer"], ["offers.id"]),
        sa.PrimaryKeyConstraint("offer", "nth"),
        comment="what happened to each offer, only added to",
    )
    for statement in FROM_DWELLINGS:
        op.execute(statement)
    op.execute(GUARD)
    for table in ("ledger_entries", "offer_steps"):
        op.execute(
            f"CREATE TRIGGER {table}_are_kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION record_is_kept()"
        )
    op.drop_table("given_turns")
    op.drop_table("dwellings")
    op.add_column(
        "referrals",
        sa.Column(
            "retracted_at", sa.DateTime(timezone=True), nullable=True, comment="by who referred: it is open no more"
        ),
    )
    op.add_column("referrals", sa.Column("retracted_because", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("referrals", "retracted_because")
    op.drop_column("referrals", "retracted_at")
    op.create_table(
        "dwellings",
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="the company's own"),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("bedrooms", sa.Integer(), nullable=False),
        sa.Column("min_persons", sa.Integer(), nullable=False),
        sa.Column("max_persons", sa.Integer(), nullable=False),
        sa.Column("target_group", sa.Text(), nullable=True, comment="that it is kept for (pillar 3)"),
        sa.Column("free_on", sa.Date(), nullable=False),
        sa.Column("chosen", sa.Uuid(), nullable=True, comment="the dossier that it is to be offered to"),
        sa.PrimaryKeyConstraint("company", "id"),
        sa.UniqueConstraint("chosen"),
    )
    op.create_table(
        "given_turns",
        sa.Column("agreement", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("of", sa.Text(), nullable=False, comment="whose turn it was"),
        sa.Column("to", sa.Text(), nullable=False, comment="who was given it"),
        sa.Column("how", sa.Text(), nullable=False, comment="taken, passed or repaid"),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("dwelling", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=False, comment="its number"),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agreement"], ["agreements.id"]),
        sa.ForeignKeyConstraint(["company", "dwelling"], ["dwellings.company", "dwellings.id"]),
        sa.PrimaryKeyConstraint("agreement", "turn"),
        sa.UniqueConstraint("company", "dwelling"),
        comment="the ledger: what each owes whom is folded from it",
    )
    for statement in TO_DWELLINGS:
        op.execute(statement)
    for table in ("offer_steps", "offers", "ledger_entries", "vacancies"):
        op.drop_table(table)
    op.execute("DROP FUNCTION record_is_kept()")
