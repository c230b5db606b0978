"""A service's connection to Kafka: it joins the topics that it consumes, sends in order, and goes on when Kafka is back."""

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from itertools import chain
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER, KafkaAckableMessage
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from faststream.kafka.subscriber.usecase import BatchSubscriber
from prometheus_client import REGISTRY, Gauge

from cir_chassis.outbox import Message
from cir_chassis.topics import LARGEST_MESSAGE, make_topics

log = structlog.get_logger()

BATCH = 500  # events: what a service does with so many must stay well under its session timeout
STALLED = 60.0  # seconds without a commit, while there is lag
PATIENCE = 10.0  # seconds for owners that start at the same time: each topic that comes later costs a rebalance
LAG = Gauge("cir_consumer_lag", "Events on the topic that have not taken effect here", ["topic"])
BATCH_BYTES = 64 * 1024  # that a partition takes at a time

_PARTITION_OF = DefaultPartitioner()
_UNREADABLE = (("unreadable", b"its record batch has a header name that is not UTF-8: see the record where it stands"),)


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]
    """What aiokafka fetched of a partition. Where it cannot read a header's name, and so not the rest of that record batch, it
    would fetch the batch for ever: each such record is delivered without content instead, to be dead-lettered by its place."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[ConsumerRecord[bytes, bytes]]:
        try:
            yield from super()._unpack_records()
        except UnicodeDecodeError:
            offset, self.next_fetch_offset = self.next_fetch_offset, self.next_fetch_offset + 1
            yield ConsumerRecord(*self._tp, offset, -1, 0, None, None, None, -1, -1, _UNREADABLE)


fetcher.PartitionRecords = _Records


async def _listen(subscriber: BatchSubscriber, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[bytes, bytes], ...]:
    """The next batch; none where no event comes. FastStream's own then sleeps for as long as it listened, and an event waits."""
    found = await consumer.getmany(timeout_ms=subscriber.batch_timeout_ms, max_records=subscriber.max_records)
    return tuple(chain(*found.values()))


BatchSubscriber.get_msg = _listen  # type: ignore[assignment]


class Stalled(Exception):
    """Events wait, and none has taken effect for a minute."""


class _Errors:
    """FastStream's errors in the log, by type and place: their texts may quote a value."""

    def log(self, level: int, _: object, /, *, exc_info: Any = None, extra: object = None) -> None:
        if level >= logging.ERROR and not isinstance(exc_info, asyncio.CancelledError):  # a stop is no error
            log.log(level, "an error in FastStream", exc_info=exc_info)


class Bus:
    """Producer, subscribers and topics of one service. `start` returns once it has joined."""

    def __init__(self, address: str, service: str, *, owns: Collection[str], consumes: Collection[str]) -> None:
        """owns: topics that this service alone writes, and so makes; consumes: topics that other services make."""
        self._address, self._service, self._owns, self._consumes = address.split(","), service, owns, consumes
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._committed: dict[TopicPartition, int | None] = {}
        self._committed_at = 0.0
        self.now = monotonic
        self.joined = False
        self.broker = KafkaBroker(
            self._address,
            client_id=service,
            allow_auto_create_topics=False,
            apply_types=False,  # nothing is injected: FastStream would do it in a thread, for each batch
            logger=_Errors(),
            graceful_timeout=7,
            metadata_max_age_ms=5000,
            middlewares=[KafkaPrometheusMiddleware(registry=REGISTRY, app_name=service)],
        )

    def subscribe(self, deliver: Callable[[KafkaMessage], Awaitable[None]]) -> None:
        """Deliver records in batches. Offsets are committed after a batch: a crash repeats it, never loses it."""

        async def parse(records: tuple[ConsumerRecord[bytes, bytes], ...]) -> KafkaMessage:
            # FastStream's own parser and decoder read headers and JSON, and one that is odd would cost the whole batch.
            body = [record.value or b"" for record in records]
            return KafkaAckableMessage(records, body, consumer=subscriber.consumer or FAKE_CONSUMER)

        async def decode(batch: KafkaMessage) -> KafkaMessage:
            return batch

        subscriber = self.broker.subscriber(
            # A pattern is also subscribed to before its topics are there: one that its owner makes later joins the others.
            pattern=f"^({'|'.join(map(re.escape, self._consumes))})$",
            batch=True,
            max_records=BATCH,
            group_id=self._service,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,  # the default may lose messages
            session_timeout_ms=6000,  # the least that Kafka takes: a killed replica's partitions move after it
            heartbeat_interval_ms=1500,
            fetch_max_wait_ms=50,  # by default an event may wait half a second for those after it
            parser=parse,
            decoder=decode,
        )

        subscriber(deliver)

    async def behind(self) -> tuple[dict[str, int], dict[TopicPartition, int | None]]:
        """Topic → events without their effect, and partition → committed offset, of the partitions of this replica."""
        lags, committed = dict.fromkeys(self._consumes, 0), dict[TopicPartition, int | None]()
        for consumer in filter(None, (getattr(one, "consumer", None) for one in self.broker.subscribers)):
            places = list(consumer.assignment())
            begins, ends, *offsets = await asyncio.gather(
                consumer.beginning_offsets(places), consumer.end_offsets(places), *map(consumer.committed, places)
            )
            for place, offset in zip(places, offsets, strict=True):  # none: nothing has had its effect yet
                lags[place.topic] += max(0, ends[place] - (begins[place] if offset is None else offset))
                committed[place] = offset
        return lags, committed

    async def measure(self) -> None:
        """Set the metric of the lag."""
        LAG.clear()  # until it is known: an old figure would hide that the service is behind
        for topic, lag in (await self.behind())[0].items():
            LAG.labels(topic).set(lag)

    async def progress(self) -> None:
        """Raises `Stalled` where no batch has been committed for a minute while there is lag."""
        try:
            lags, committed = await self.behind()
        except KafkaError:
            return  # the probe of Kafka reports it
        if not any(lags.values()) or committed != self._committed:
            self._committed, self._committed_at = committed, self.now()
        elif self.now() - self._committed_at > STALLED:
            raise Stalled

    async def start(self, stopping: asyncio.Event) -> None:
        """Connect, make the owned topics, join. Waits as long as it takes; for the topics of others ten seconds."""
        waited, since = "", self.now()
        while not (self.joined or stopping.is_set()):
            try:
                missing = await make_topics(self._address, self._owns, self._consumes)
                if missing and self.now() - since < PATIENCE:
                    raise LookupError(f"topics not made yet by their owners: {', '.join(missing)}")
                await self._open_producer()
                await self.broker.start()
                self.joined = True
                log.info("joined", consumes=self._consumes, not_made_yet=missing)
            except (KafkaError, OSError, LookupError, TimeoutError) as error:
                await self.broker.stop()
                reason = str(error) if isinstance(error, LookupError) else type(error).__name__
                if reason != waited:
                    log.warning("not joined yet, waiting", reason=reason)
                waited = reason
                await asyncio.sleep(1)

    async def _open_producer(self) -> AIOKafkaProducer:
        async with self._opening:  # relay and consumer may want another one at once
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._address,
                    client_id=self._service,
                    enable_idempotence=True,  # all replicas in sync have what is acknowledged
                    request_timeout_ms=10_000,
                    metadata_max_age_ms=5000,
                    max_request_size=LARGEST_MESSAGE,
                    max_batch_size=BATCH_BYTES,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def send(self, message: Message, at: int | None = None) -> None:
        """Send one message; returns once Kafka has it. at: its timestamp, in ms, where that is not now. Raises KafkaError."""
        _, failure = await self.send_all([message], at)
        if failure:
            raise failure

    async def send_all(self, messages: Sequence[Message], at: int | None = None) -> tuple[int, Exception | None]:
        """Send in order, and stop at the first failure. Returns how many all replicas have, and what failed."""
        producer = await self._open_producer()
        places: dict[tuple[str, int], list[int]] = defaultdict(list)
        for n, (topic, key, *_) in enumerate(messages):
            partitions = sorted(await producer.partitions_for(topic))
            places[topic, _PARTITION_OF(key, partitions, partitions)].append(n)
        there: set[int] = set()

        async def fill(topic: str, partition: int, waiting: list[int]) -> None:
            # A batch is sent once Kafka has the one before. From a producer that is new to a partition Kafka takes any
            # sequence number, and so a batch behind one that was refused (tried).
            while waiting:
                batch, taken = producer.create_batch(), 0
                for _, key, value, headers in (messages[n] for n in waiting):
                    if not batch.append(timestamp=at, key=key, value=value, headers=headers):
                        break  # full
                    taken += 1
                await (await producer.send_batch(batch, topic, partition=partition))
                there.update(waiting[:taken])
                waiting = waiting[taken:]

        ends = await asyncio.gather(*(fill(*place, ns) for place, ns in places.items()), return_exceptions=True)
        if failures := [end for end in ends if isinstance(end, Exception)]:
            self._renew(producer)
            return next(n for n in range(len(messages)) if n not in there), failures[0]
        return len(messages), None

    def _renew(self, producer: AIOKafkaProducer) -> None:
        """A refused batch leaves a gap in the producer's sequence numbers, and Kafka refuses all that follows it (tried)."""
        ending = asyncio.create_task(producer.stop())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        if self._producer is producer:
            self._producer = None  # the next message opens another one

    async def probe(self) -> None:
        """Raises if no broker answers."""
        producer = await self._open_producer()
        if not await producer.client.force_metadata_update():
            raise ConnectionError

    async def stop_consuming(self) -> None:
        """Finish the batch in hand, commit its offsets, leave the groups."""
        await self.broker.stop()

    async def stop(self) -> None:
        """Send the messages in flight, and close."""
        if self._producer is not None:
            await self._producer.stop()
        await asyncio.gather(*self._ending)
