"""What priority hears."""

from faststream import AckPolicy
from faststream.kafka import KafkaMessage, KafkaRouter

from cir_chassis.consumer import Consumer
from cir_schemas import CandidacyRecorded
from priority import handlers


def candidacies(consumer: Consumer) -> KafkaRouter:
    """Hear what dossier says of candidacies."""
    router = KafkaRouter()

    @router.subscriber(
        CandidacyRecorded.topic,
        batch=True,
        group_id="priority",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default may lose messages
    )
    async def on_candidacies(batch: KafkaMessage) -> None:
        await consumer.deliver(batch, handlers.EVENTS)

    return router
