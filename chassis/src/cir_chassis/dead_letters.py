"""An event that could not take effect waits on its topic's dead-letter topic until somebody retries or drops it.

Such a topic is compacted, and the key of a dead letter is its service and its place: it is kept as long as it is open, and a
message without a value under the same key settles and erases it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import time

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError

from cir_chassis.bus import Bus
from cir_chassis.topics import DEAD_LETTERS, SEGMENT

_OURS = "dlq_"  # headers of these names are not taken over: the event's producer would give the reason
_REASON, _SERVICE, _AT, _KEY, _EMPTY = (_OURS + name for name in ("reason", "service", "at", "key", "empty"))


@dataclass(frozen=True)
class DeadLetter:
    """id: its place (topic/partition/offset); key, value, headers: as they came. `value` is None where it had none."""

    id: str
    reason: str
    at: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]


class DeadLetters:
    """The open dead letters of one service."""

    def __init__(self, service: str, address: str, bus: Bus, topics: Collection[str]) -> None:
        """topics: that the service consumes."""
        self._service, self._address, self._bus, self._topics = service, address, bus, topics

    async def add(self, record: ConsumerRecord[bytes, bytes], reason: str) -> None:
        """Add the record as it came, with reason, service and moment. One that is too large is added without its value.

        Raises `KafkaError`.
        """
        why = {_REASON: reason, _SERVICE: self._service, _AT: datetime.now(UTC).isoformat()}
        brought = (header for header in record.headers if not header[0].startswith(_OURS))
        headers = [*brought, *((name, text.encode()) for name, text in why.items())]
        headers += [(_KEY, record.key)] if record.key is not None else []
        why_empty = (
            "it had no value" if record.value is None else "too large to be kept: see the record where it stands"
        )
        empty = [*headers, (_EMPTY, why_empty.encode())]
        place = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            await self._send(place, record.value or b"", empty if record.value is None else headers)
        except MessageSizeTooLargeError:
            await self._send(place, b"", empty)

    async def settle(self, letter: DeadLetter) -> None:
        """Close it: no reader shows it any more, and Kafka erases it within ten minutes."""
        await self._send(letter.id, None, [])
        # Kafka compacts no segment that is still written to: a record that is younger by a segment's age begins another.
        await self._send(letter.id, None, [], at=int(time() * 1000) + SEGMENT + 1000)

    async def open(self) -> list[DeadLetter]:
        """Every open one, in the order in which they were added. Raises `KafkaError`."""
        letters: dict[bytes, DeadLetter] = {}
        topics = [topic + DEAD_LETTERS for topic in self._topics]
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=self._address.split(","), auto_offset_reset="earliest", enable_auto_commit=False
        )
        try:
            await consumer.start()
            places = consumer.assignment()
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        letters.pop(record.key or b"", None)
                        if record.value is not None:
                            letters[record.key or b""] = _letter(record)
        finally:
            await consumer.stop()
        mine = [letter for letter in letters.values() if letter.headers.get(_SERVICE) == self._service]
        return sorted(mine, key=lambda letter: letter.at)

    async def _send(
        self, place: str, value: bytes | None, headers: list[tuple[str, bytes]], at: int | None = None
    ) -> None:
        topic, key = place.split("/")[0] + DEAD_LETTERS, f"{self._service}/{place}".encode()
        await self._bus.send((topic, key, value, headers), at)


def text_of(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    """Headers as text, whatever bytes they hold; of two with one name the last counts."""
    return {name: (held or b"").decode(errors="replace") for name, held in headers}


def _letter(record: ConsumerRecord[bytes, bytes]) -> DeadLetter:
    headers = text_of(record.headers)
    place = (record.key or b"").decode().partition("/")[2]
    key = next((text for name, text in record.headers if name == _KEY), None)
    value = None if _EMPTY in headers else record.value
    return DeadLetter(place, headers.get(_REASON, ""), headers.get(_AT, ""), key, value, headers)
