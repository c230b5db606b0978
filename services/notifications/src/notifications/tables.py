"""The tables of notifications. Persons' addresses stand in `contacts`: a message looks its address up when it is sent. That of
somebody who was removed stands in his message, until it is sent: `contacts` has it no longer. Elsewhere an address is known by
its pseudonym (`NotificationsWork.pseudonym`)."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from cir_chassis.audit import audit_table
from cir_chassis.outbox import outbox_table

metadata = sa.MetaData()
outbox = outbox_table(metadata)
audit = audit_table(metadata)  # a trigger refuses to change or delete it

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("company", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("helper_email", sa.Text, comment="null unless the candidate agreed"),
    sa.Column("applicant", sa.Text, comment="his member id"),
    sa.Column("partner_email", sa.Text, comment="null unless he confirmed"),
    sa.Column("members", JSONB, nullable=False, server_default="{}", comment="member id → address of who is invited"),
    sa.Column("readers", JSONB, nullable=False, server_default="[]", comment="[{role, person (a pseudonym), bound}]"),
)
sa.Index("contacts_readers", contacts.c.readers, postgresql_using="gin", postgresql_ops={"readers": "jsonb_path_ops"})

directory = sa.Table(
    "directory",
    metadata,
    sa.Column("audience", sa.Text, primary_key=True, comment="company, or referrer: an organisation"),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("phone", sa.Text),
    sa.Column("mailbox", sa.Text, comment="null: it is mailed no more"),
    comment="companies and organisations: a message looks its mailbox up when it is sent",
)

waiting = sa.Table(
    "waiting",
    metadata,
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("dossier", sa.Uuid, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("asks", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("trace", sa.Text),
    sa.Column("organisation", sa.Text, comment="that is to be told as well"),
    sa.Column("member", sa.Text, comment="that it is about"),
    sa.Column("by", sa.Text, comment="the role of who brought it about, where the event says it"),
    sa.Column("role", sa.Text, comment="of the member that it is about"),
    sa.Column("fact", sa.Text, comment="that a document proves"),
    sa.Column("offer", JSONB(none_as_null=True), comment="what its letter tells of an offer of a home"),
    comment="what was heard before the contacts of its dossier",
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("event", sa.Uuid, primary_key=True),
    sa.Column("audience", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("dossier", sa.Uuid, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("asks", JSONB, nullable=False),
    sa.Column("message_id", sa.Text, comment="the same however often it is sent; null where nothing can be"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, comment="of a failure: the reply code, never the reply"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="since when it is in this state"),
    sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column(
        "due_at",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.func.now(),
        comment="when it may be tried (again)",
    ),
    sa.Column("trace", sa.Text, comment="the traceparent of what made it a message"),
    sa.Column("organisation", sa.Text, comment="that the message goes to; of referrers alone"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0", comment="that came to nothing"),
    sa.Column("addressee", sa.Text, comment="pseudonym of the address: planned for; once sent, the one it went to"),
    sa.Column("member", sa.Text, comment="it is for: the applicant of then, or who was invited or removed"),
    sa.Column("by", sa.Text, comment="the role of who brought it about, where the event says it"),
    sa.Column("role", sa.Text, comment="of the member that it is about"),
    sa.Column("fact", sa.Text, comment="that a document proves"),
    sa.Column("offer", JSONB(none_as_null=True), comment="what its letter tells of an offer of a home"),
    sa.Column("email", sa.Text, comment="of who was removed, until his message came into a state that it keeps"),
    sa.Column("readers", JSONB, nullable=False, server_default="[]", comment="pseudonyms of the persons it is for"),
)
sa.Index("messages_number", messages.c.number)
sa.Index("messages_due", messages.c.due_at, postgresql_where=messages.c.state == "waiting")
sa.Index("messages_unsent", messages.c.at, postgresql_where=messages.c.state == "waiting")
sa.Index("messages_sent_to", messages.c.addressee, messages.c.at, postgresql_where=messages.c.state == "sent")

addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("dossier", sa.Uuid, primary_key=True),
    sa.Column("addressee", sa.Text, primary_key=True, index=True, comment="pseudonym of the address"),
    sa.Column("standing", sa.Text, nullable=False, comment="confirmed or not_mine"),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    comment="what somebody said of an address in a dossier",
)
