"""What priority keeps of every candidacy, and of each the places on the lists that it stands on; and what the council agreed,
which turns were given, what was offered, and who was referred or asked for a priority.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DATEMULTIRANGE, DATERANGE, JSON, JSONB

from cir_chassis.audit import audit_table
from cir_chassis.idempotency import idempotency_table
from cir_chassis.outbox import outbox_table
from priority.domain.offers import HOLDS

metadata = sa.MetaData()
outbox = outbox_table(metadata)
idempotency_keys = idempotency_table(metadata)
audit = audit_table(metadata)  # a trigger refuses to change or delete it

log = sa.Table(
    "log",  # likewise
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("on", sa.Date, nullable=False, comment="the day in Belgium"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("content", JSONB, nullable=False),
    comment="what orders and turns rest on, in the order in which it counted; only added to",
)
sa.Index("log_proposals", log.c.id, postgresql_where=log.c.kind == "proposal")

candidacies = sa.Table(
    "candidacies",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("number", sa.Text),
    sa.Column("number_day", sa.Date),
    sa.Column("number_nth", sa.Integer),
    sa.Column("registered_on", sa.Date),
    sa.Column("persons", sa.Integer, nullable=False),
    sa.Column("wants", JSONB, nullable=False, comment="[{municipality, company}]"),
    sa.Column("residence", JSONB, nullable=False),
    sa.Column("informal_care_in", JSONB, nullable=False),
    sa.Column("paused_until", sa.Date),
    sa.Column("company", sa.Text, comment="treats it; null: heard before this was kept"),
    sa.Column("placed", sa.BigInteger, comment="the version that its places are of"),
    sa.Column("candidates", JSONB, comment="pseudonyms of applicant and partner; null: heard before this was kept"),
    sa.Column("logged", sa.BigInteger, comment="the version that its line in the log is of"),
)
sa.Index("candidacies_wants", candidacies.c.wants, postgresql_using="gin", postgresql_ops={"wants": "jsonb_path_ops"})
sa.Index(
    "candidacies_candidates",
    candidacies.c.candidates,
    postgresql_using="gin",
    postgresql_ops={"candidates": "jsonb_path_ops"},
)
sa.Index(
    "candidacies_to_place",
    candidacies.c.dossier,
    postgresql_where=candidacies.c.placed.is_distinct_from(candidacies.c.version),
)

sa.Index(
    "candidacies_to_log",
    candidacies.c.dossier,
    postgresql_where=candidacies.c.logged.is_distinct_from(candidacies.c.version),
)

companies = sa.Table(
    "companies",
    metadata,
    sa.Column("company", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("municipalities", JSONB, nullable=False, comment="where it lets homes"),
)

organisations = sa.Table(
    "organisations",
    metadata,
    sa.Column("organisation", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
)

places = sa.Table(
    "places",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("municipality", sa.Text, primary_key=True),
    sa.Column("company", sa.Text, comment="lets homes in the municipality"),
    sa.Column("persons", sa.Integer, nullable=False),
    sa.Column("paused_until", sa.Date),
    sa.Column("lived", DATEMULTIRANGE, nullable=False, comment="in the municipality"),
    sa.Column(
        "lived_apart",
        ARRAY(DATERANGE),
        comment="stays in the municipality, where two candidates have any: `lived` joins those that touch",
    ),
    sa.Column("lasting_tie", DATEMULTIRANGE, nullable=False, comment="with the municipality"),
    sa.Column(
        "tied_since",  # a day is found in a multirange ten times as slowly
        sa.Date,
        sa.Computed(
            "CASE WHEN range_merge(lasting_tie)::datemultirange = lasting_tie THEN coalesce(lower(lasting_tie), 'infinity') END",
            persisted=True,
        ),
        comment="of the one interval of lasting_tie, infinity: it has none; null: it has several",
    ),
    sa.Column(
        "tied_until",
        sa.Date,
        sa.Computed("upper(lasting_tie)", persisted=True),
        comment="the first day after lasting_tie",
    ),
    sa.Column("area_ties", JSONB, nullable=False, comment="area → days of the lasting tie, as a datemultirange"),
    sa.Column("informal_care", sa.Boolean, nullable=False),
    sa.Column("registered_on", sa.Date, nullable=False),
    sa.Column("number_day", sa.Date, nullable=False),
    sa.Column("number_nth", sa.Integer, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    comment="who is registered, once per municipality that he wants",
)
sa.Index(
    "places_in_order",  # with all that a position asks of the others
    *(places.c[name] for name in ("municipality", "persons", "company", "registered_on", "number_day", "number_nth")),
    postgresql_include=["lasting_tie", "informal_care", "paused_until", "dossier", "tied_since", "tied_until"],
)

agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("company", sa.Text, nullable=False, index=True),
    sa.Column("area", sa.Text, comment="null: the whole company"),
    sa.Column("municipalities", JSONB, nullable=False),
    sa.Column("content", JSON, nullable=False, comment="as proposed (council.Agreement), its groups in their order"),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("through", sa.Date, nullable=False, comment="included; earlier than agreed where another took its place"),
    sa.Column("proposed_by", sa.Text, nullable=False),
    sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("votes", JSONB(none_as_null=True), comment="[{member, municipality, vote}]"),
    sa.Column("adopted_at", sa.DateTime(timezone=True), comment="null: proposed"),
)

vacancies = sa.Table(
    "vacancies",
    metadata,
    sa.Column("company", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True, comment="the company's own"),
    sa.Column("dwelling", sa.Text, nullable=False, comment="the company's own; it may come free again"),
    sa.Column("municipality", sa.Text, nullable=False),
    sa.Column("area", sa.Text),
    sa.Column("bedrooms", sa.Integer, nullable=False),
    sa.Column("min_persons", sa.Integer, nullable=False),
    sa.Column("max_persons", sa.Integer, nullable=False),
    sa.Column("target_group", sa.Text, comment="that it is kept for (pillar 3)"),
    sa.Column("free_on", sa.Date, nullable=False),
    sa.Column("rent", sa.BigInteger, comment="cents a month; null: announced before this was kept"),
    sa.Column("agreement", sa.Uuid, sa.ForeignKey("agreements.id"), comment="that drew its turn"),
    sa.Column("turn", sa.Integer, comment="live or final; null: none, or returned"),
    sa.Column("ended", sa.Text, comment="let or withdrawn"),
    sa.Column("ended_by", sa.Text),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("reasons", JSONB(none_as_null=True), comment="for which it was withdrawn"),
    sa.Column("let_on", sa.Date, comment="the day of its lease"),
    sa.Column("otherwise", JSONB(none_as_null=True), comment="for which it is announced otherwise than before"),
    comment="dwellings that come free, once each time",
)
sa.Index("vacancies_of_turn", vacancies.c.agreement, vacancies.c.turn, unique=True)
sa.Index(
    "vacancies_of_dwelling",
    vacancies.c.company,
    vacancies.c.dwelling,
    unique=True,
    postgresql_where=vacancies.c.ended.is_(None),
)

ledger_entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("agreement", sa.Uuid, sa.ForeignKey("agreements.id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("of", sa.Text, nullable=False, comment="whose turn it is"),
    sa.Column("to", sa.Text, nullable=False, comment="who is given it"),
    sa.Column("how", sa.Text, nullable=False, comment="taken, passed or repaid"),
    sa.Column("state", sa.Text, nullable=False, comment="live, returned or final"),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("vacancy", sa.Text, nullable=False),
    sa.Column("dossier", sa.Text, comment="number of who was first then, or signed"),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(["company", "vacancy"], ["vacancies.company", "vacancies.id"]),
    comment="the ledger, only added to: where each turn stands and what each owes whom is folded from it",
)

offers = sa.Table(
    "offers",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("vacancy", sa.Text, nullable=False),
    sa.Column("dossier", sa.Uuid, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("holds", sa.Boolean, nullable=False, comment="its dossier is offered nothing else"),
    sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("opened_on", sa.Date, comment="null: it never opened, or a build opened it that did not keep this"),
    sa.Column("answer_by", sa.Date, comment="the last day; null: it never opened"),
    sa.Column(
        "remind_on",
        sa.Date,
        comment="the candidate; of a declined one: when it may be proposed again; of an accepted one: when its lease is due",
    ),
    sa.Column("late_answer", sa.Text, comment="accept or refuse, after the term"),
    sa.Column("refused_on", sa.Date, comment="or the first day after a silence"),
    sa.Column("well_founded", sa.Boolean, comment="the newest judgement of a refusal or silence"),
    sa.Column("steps", sa.Integer, nullable=False),
    sa.Column(
        "special",
        JSONB(none_as_null=True),
        comment="given beside the turns by the company's board: {kind, decided_on, decided_by, reasons}; null: by its turn",
    ),
    sa.Column(
        "ground",
        sa.Text,
        comment="what it was for, by the newest judgement (rules/refusal_grounds.yaml); null: not named",
    ),
    sa.ForeignKeyConstraint(["company", "vacancy"], ["vacancies.company", "vacancies.id"]),
)
sa.Index("offers_of_dossier", offers.c.dossier, unique=True, postgresql_where=offers.c.holds)
sa.Index(
    "offers_of_vacancy",
    offers.c.company,
    offers.c.vacancy,
    unique=True,
    postgresql_where=offers.c.state.in_(HOLDS),
)
sa.Index("offers_company", offers.c.company, offers.c.proposed_at)
sa.Index("offers_open", offers.c.answer_by, postgresql_where=offers.c.state == "open")

offer_steps = sa.Table(
    "offer_steps",
    metadata,
    sa.Column("offer", sa.Uuid, sa.ForeignKey("offers.id"), primary_key=True),
    sa.Column("nth", sa.Integer, primary_key=True),
    sa.Column(
        "what", sa.Text, nullable=False, comment="the new state; or late_accept, well_founded, …, which change none"
    ),
    sa.Column("was", sa.Text, comment="null: it began"),
    sa.Column("now", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False, comment="who, as the audit has him; dossier and register are services"),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("reasons", JSONB, nullable=False),
    comment="what happened to each offer, only added to",
)

referrals = sa.Table(
    "referrals",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("agreement", sa.Uuid, sa.ForeignKey("agreements.id"), nullable=False),
    sa.Column("organisation", sa.Text, nullable=False, index=True),
    sa.Column("dossier", sa.Uuid, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("reasons", JSONB, nullable=False),
    sa.Column("guidance_plan", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False, comment="accepted or refused"),
    sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("retracted_at", sa.DateTime(timezone=True), comment="by who referred: it is open no more"),
    sa.Column("retracted_because", JSONB(none_as_null=True)),
    sa.Column("stranded_on", sa.Date, comment="its referrer was told that no agreement carries it on"),
)
sa.Index("referrals_accepted", referrals.c.agreement, postgresql_where=referrals.c.answer == "accepted")

situations = sa.Table(
    "situations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("dossier", sa.Uuid, nullable=False, index=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("documents", JSONB, nullable=False, comment="their ids"),
    sa.Column("asked_by", sa.Text, nullable=False, comment="candidate, or who stood at the counter"),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("company", sa.Text, comment="that reviewed it: a priority is of its regulation"),
    sa.Column("decision", sa.Text, comment="priority, forwarded or refused; null: to be reviewed"),
    sa.Column("group", sa.Text),
    sa.Column("reasons", JSONB(none_as_null=True)),
    sa.Column("reviewed_by", sa.Text),
    sa.Column("reviewed_at", sa.DateTime(timezone=True)),
    sa.Column("agreements", JSONB(none_as_null=True), comment="ids; if forwarded: whose referrers read it"),
    comment="requests about a housing situation (woonsituatie)",
)
sa.Index("situations_to_review", situations.c.dossier, unique=True, postgresql_where=situations.c.decision.is_(None))
sa.Index("situations_priority", situations.c.group, postgresql_where=situations.c.decision == "priority")
