"""What notifications hears."""

from collections.abc import Callable

from faststream import AckPolicy
from faststream.kafka import KafkaMessage, KafkaRouter

from cir_chassis.consumer import Consumer
from cir_schemas import StatusChanged
from notifications import handlers


def dossiers(consumer: Consumer, committed: Callable[[], None]) -> KafkaRouter:
    """Hear what the register says. committed: called after each batch (wakes the sender)."""
    router = KafkaRouter()

    @router.subscriber(
        StatusChanged.topic,
        batch=True,
        group_id="notifications",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,  # the default may lose messages
    )
    async def on_dossiers(batch: KafkaMessage) -> None:
        await consumer.deliver(batch, handlers.EVENTS)
        committed()

    return router
