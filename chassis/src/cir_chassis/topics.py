"""An owner makes its topics and their dead-letter topics, and keeps them as they are configured here."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError

from cir_chassis.outbox import RETENTION

log = structlog.get_logger()

PARTITIONS = 4  # fixed when a topic is made: a change would break the order per key
DEAD_LETTERS = ".dlq"
LARGEST_MESSAGE = 4 * 1024 * 1024  # bytes: a dead-letter topic also takes events that are larger than ours
SEGMENT = 60_000  # ms: of a dead-letter topic; Kafka compacts no segment that is still written to
# Kafka limits what a record batch takes as it is sent; one that is kept as it came would be a hundred times that once it is read.
PLAIN = {"compression.type": "uncompressed"}
# Events hold personal data: none is kept longer than for `replay`. A whole segment ends at once, so it spans a day at most.
EVENTS = PLAIN | {"retention.ms": str(RETENTION // timedelta(milliseconds=1)), "segment.ms": str(86_400_000)}
DEAD_LETTER = PLAIN | {  # kept until settled, then erased (dead_letters.py)
    "cleanup.policy": "compact",
    "max.message.bytes": str(LARGEST_MESSAGE),
    "segment.ms": str(SEGMENT),
    "max.compaction.lag.ms": "300000",
    "min.cleanable.dirty.ratio": "0.01",
}
_OVERRIDDEN = 1  # source of a setting of the topic's own, as Kafka numbers it


async def make_topics(address: Sequence[str], owns: Collection[str], consumes: Collection[str]) -> list[str]:
    """Make those of the owned topics that do not exist. Returns which of the consumed ones do not exist yet.

    Raises `LookupError` where an owned topic has not the partitions that it was made with.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5000)
    try:
        await admin.start()
        there = set(await admin.list_topics())
        ours = dict.fromkeys(owns, EVENTS) | {topic + DEAD_LETTERS: DEAD_LETTER for topic in owns}
        new = [NewTopic(topic, PARTITIONS, 1, topic_configs=ours[topic]) for topic in ours if topic not in there]
        for topic in new:
            topic.replication_factor = -1  # the broker's default; aiokafka's constructor refuses what Kafka takes
        if new:
            with suppress(TopicAlreadyExistsError):  # another replica was first
                await admin.create_topics(new)
        made = sorted(there.intersection(ours))
        for topic in await admin.describe_topics(made) if made else ():  # of an empty list it describes all
            if (many := len(topic["partitions"])) != PARTITIONS:
                what = f"the topic {topic['topic']} has {many} partitions, not {PARTITIONS}"
                raise LookupError(f"{what}: a dossier's events would change places and lose their order")
        await _configure(admin, {topic: ours[topic] for topic in made})
        return [topic for topic in consumes if topic not in there | set(ours)]
    finally:
        await admin.close()


async def _configure(admin: AIOKafkaAdminClient, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Alter the topics that are configured otherwise than wanted. Other settings of a topic's own stay as they are."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in wanted]
    for answer in await admin.describe_configs(resources) if resources else ():
        for _, _, _, topic, entries in answer.resources:
            own = {name: value for name, value, _, source, *_ in entries if source == _OVERRIDDEN}
            if wrong := {name: own.get(name) for name, value in wanted[topic].items() if own.get(name) != value}:
                await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {**own, **wanted[topic]})])
                log.warning("topic altered", topic=topic, had=wrong, has=wanted[topic])
