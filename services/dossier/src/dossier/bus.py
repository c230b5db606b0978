"""What the register hears."""

from faststream import AckPolicy
from faststream.kafka import KafkaMessage, KafkaRouter

from cir_chassis.consumer import Consumer
from cir_schemas import HouseholdAssessed
from dossier import handlers


def assessments(consumer: Consumer) -> KafkaRouter:
    """Hear what eligibility says."""
    router = KafkaRouter()

    @router.subscriber(
        HouseholdAssessed.topic,
        batch=True,
        group_id="dossier",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default may lose messages
    )
    async def on_assessments(batch: KafkaMessage) -> None:
        await consumer.deliver(batch, handlers.EVENTS)

    return router
