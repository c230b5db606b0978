"""CloudEvents 1.0 in Kafka's binary mode: headers name source, type, time and subject; the value is the event.

A snapshot carries one aspect of its subject whole, with its version: the newer one wins, whatever the order of arrival.
A happening carries what occurred once: its id is the key of its effect. The headers' part of an event (id, at, trace)
is kept beside the payload, never in it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from pydantic import Field, ValidationError
from pydantic_core import from_json, to_json

from cir_schemas.types import DossierId, EventId, Shape, Version

Headers = dict[str, str]
REQUIRED = ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject")
OWNERS = {
    "cir.household.v1": "/dossier",
    "cir.dossier.v1": "/dossier",
    "cir.eligibility.v1": "/eligibility",
    "cir.priority.v1": "/priority",
}
"""Topic → the service that alone publishes there, as `ce_source` names it."""
AHEAD = timedelta(minutes=5)  # that an owner's clock may be ahead of a reader's

_BESIDE = {("id",), ("at",), ("trace",)}


class UnreadableEvent(ValueError):
    """An event that no reader of this contract can take: the reason names the place, never a value."""


class Event(Shape):
    """What every event has. Subclasses name their topic, and the field that is their key where that is not `dossier`:
    `class X(Snapshot, topic="cir.dossier.v1", key="company")`."""

    topic: ClassVar[str]
    source: ClassVar[str]
    type: ClassVar[str]
    keyed_by: ClassVar[str] = "dossier"

    id: EventId = Field(default_factory=lambda: EventId(uuid4()), exclude=True)
    at: datetime = Field(default_factory=lambda: datetime.now(UTC), exclude=True)
    trace: str | None = Field(default=None, exclude=True)

    def __init_subclass__(cls, topic: str | None = None, key: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if key is not None:
            cls.keyed_by = key
        if topic is not None:
            cls.topic, cls.source = topic, OWNERS[topic]
            cls.type = f"{topic}.{cls.__name__}"

    @property
    def key(self) -> str:
        """The Kafka key, and the event's subject: order is kept per key."""
        return str(getattr(self, self.keyed_by))

    def value(self) -> bytes:
        """The payload, JSON in UTF-8."""
        return self.model_dump_json(exclude_none=True).encode()

    def headers(self) -> Headers:
        """The CloudEvents attributes as Kafka headers."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(self.id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_time": self.at.isoformat(),
            "ce_subject": self.key,
            "content-type": "application/json",
        }
        return headers | ({"traceparent": self.trace} if self.trace else {})

    @classmethod
    def read(cls, headers: Headers, key: bytes | None, value: bytes | None) -> Self:
        """One event from what Kafka brought. Unknown fields are ignored: contracts only grow.

        Raises `UnreadableEvent`; its message names fields of the contract, and quotes nothing of the value, keys included.
        """
        if missing := [name for name in REQUIRED if not headers.get(name)]:
            raise UnreadableEvent(f"header missing: {', '.join(missing)}")
        if headers["ce_source"] != cls.source:
            raise UnreadableEvent("ce_source is not the owner of the topic")
        if key is None or key.decode(errors="replace") != headers["ce_subject"]:
            raise UnreadableEvent("the key is not the subject (ce_subject)")
        try:
            id, at = UUID(headers["ce_id"]), datetime.fromisoformat(headers["ce_time"])
        except ValueError:
            raise UnreadableEvent("a wrong ce_id or ce_time") from None
        if at.tzinfo is None:
            raise UnreadableEvent("ce_time has no time zone")
        try:
            event = cls._of(value or b"")
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_url=False)
            if not wrong[0]["loc"]:
                raise UnreadableEvent("the value is not a JSON object") from None
            names = _names(cls)
            paths = [".".join(str(p) if isinstance(p, int) or p in names else "*" for p in e["loc"]) for e in wrong]
            places = dict.fromkeys(f"{path}: {e['type']}" for path, e in zip(paths, wrong, strict=True))
            raise UnreadableEvent(f"wrong fields: {'; '.join(places)}") from None
        if event.key != headers["ce_subject"]:
            raise UnreadableEvent(f"the {cls.keyed_by} in the value is not the subject (ce_subject)")
        return event.model_copy(update={"id": id, "at": at, "trace": headers.get("traceparent")})

    @classmethod
    def _of(cls, value: bytes) -> Self:
        try:
            return cls.model_validate_json(value, extra="ignore")
        except ValidationError as error:
            if not any(wrong["loc"][:1] in _BESIDE for wrong in error.errors(include_input=False, include_url=False)):
                raise
        # A newer contract's field of that name is not ours: what we call so stands in the headers.
        payload = {name: held for name, held in from_json(value).items() if (name,) not in _BESIDE}
        return cls.model_validate_json(to_json(payload), extra="ignore")


@cache
def _names(kind: type[Event]) -> frozenset[str]:
    """Every name of a field in the contract of an event."""

    def walk(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from schema.get("properties", ())
            schema = list(schema.values())
        for part in schema if isinstance(schema, list) else ():
            yield from walk(part)

    return frozenset(walk(kind.model_json_schema()))


class Snapshot(Event):
    """One aspect of its subject, whole. `version`: greater than the last one, and than the microseconds since 1970."""

    version: Version

    @classmethod
    def read(cls, headers: Headers, key: bytes | None, value: bytes | None) -> Self:
        """The same. A version of the future is refused: it would keep out every later snapshot of the subject."""
        event = super().read(headers, key, value)
        if event.version > (datetime.now(UTC) + AHEAD).timestamp() * 1_000_000:
            raise UnreadableEvent("the version lies in the future (microseconds since 1970)")
        return event


class DossierSnapshot(Snapshot):
    """One aspect of a dossier, whole."""

    dossier: DossierId


class Happening(Event):
    """What occurred once to a dossier."""

    dossier: DossierId
