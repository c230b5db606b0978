"""What eligibility hears."""

from faststream import AckPolicy
from faststream.kafka import KafkaMessage, KafkaRouter

from cir_chassis.consumer import Consumer
from cir_schemas import HouseholdRecorded
from eligibility import handlers


def households(consumer: Consumer) -> KafkaRouter:
    """Hear what dossier records."""
    router = KafkaRouter()

    @router.subscriber(
        HouseholdRecorded.topic,
        batch=True,
        max_records=500,  # a third of a second to decide: health and heartbeats do not wait longer
        group_id="eligibility",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default may lose messages
    )
    async def on_households(batch: KafkaMessage) -> None:
        await consumer.deliver(batch, handlers.EVENTS)

    return router
